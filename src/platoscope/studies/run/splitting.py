"""One comparison over several workers: cut into parts, of which each is computed, and put together again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np

from platoscope.layerwise import split_comparison
from platoscope.studies.design.comparison import Synthetic
from platoscope.studies.run.computing import (
    chosen_measures,
    compute,
    grid_options,
    held_layers,
    naming,
    shuffled,
    with_note,
)
from platoscope.studies.run.matrix import matrix_options, named_by_texts, stack_of_texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

    from platoscope.layerwise import FoundPart, SplitComparison
    from platoscope.studies.run.computation import Computation

__all__ = ["PartResult", "compute_part", "join_parts", "n_pairs", "n_parts_of"]

PartResult: TypeAlias = "FoundPart | xr.Dataset"
"""What a part gives: numbers that are labelled when all parts are there, or the result at some of the distances."""


def n_pairs(task: Computation, /) -> int:
    """Tell how many pairs of layers, or of texts, a comparison is of, to see how much work it is beside others."""
    if task.comparison.kind == "matrix":
        return len(task.texts) ** 2
    n_a, n_b = len(task.a.layers), len(task.b.layers)
    return (
        n_a * n_b
        if task.comparison.kind == "grid"
        else max(n_a, n_b) * max(1, len(task.comparison.distances))
    )


def n_parts_of(task: Computation, wanted: int, /) -> int:
    """Tell how many parts there are when a comparison is cut into about so many; 1 where it is computed at once.

    Grids, matrices, profiles and sweeps that are no slices of a grid, and what is compared at several distances between
    tokens can be cut; what is drawn at random is small.

    Raises
    ------
    InputError, NotFoundError
        Sides that cannot be compared so.
    """
    if task.comparison.distances:
        return max(1, min(wanted, len(task.comparison.distances)))
    can = task.comparison.kind in ("grid", "matrix", "profile", "sweep") and task.grid is None
    if wanted < 2 or not can or isinstance(task.comparison.a, Synthetic):
        return 1
    with naming(task):
        return len(_split(shuffled(task), wanted).parts)


def compute_part(task: Computation, wanted: int, place: int, /) -> PartResult:
    """Compute one of the parts of a comparison that is cut into about `wanted`: of several distances the same at some.

    Raises
    ------
    InputError, NotFoundError
        Sides that cannot be compared so.
    """
    if task.comparison.distances:
        some = np.array_split(task.comparison.distances, n_parts_of(task, wanted))[place].tolist()
        return compute(replace(task, comparison=replace(task.comparison, distances=tuple(some))))
    with naming(task):
        return _split(shuffled(task), wanted).compute(place)


def join_parts(task: Computation, wanted: int, found: Mapping[int, PartResult], /) -> xr.Dataset:
    """Give what `platoscope.studies.run.computing.compute` gives, from all parts."""
    parts = [found[place] for place in sorted(found)]
    if task.comparison.distances:
        return _over_distances(cast("list[xr.Dataset]", parts))
    with naming(task):
        moved = shuffled(task)
        result = _split(moved, wanted).joined(cast("list[FoundPart]", parts))
    if task.comparison.kind == "matrix":
        return named_by_texts(result, task.texts, _held(task))
    return with_note(moved, result) if task.comparison.kind == "grid" else result


def _over_distances(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Put results at some of the distances side by side."""
    import xarray as xr

    return xr.concat(
        parts,
        "token_distance",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        combine_attrs="override",
    )


def _split(task: Computation, wanted: int) -> SplitComparison:
    if task.comparison.kind in ("grid", "matrix"):
        texts = None if task.comparison.kind == "grid" else stack_of_texts(task.texts, _held(task))
        return split_comparison(
            *((task.a, task.b) if texts is None else (texts, texts)),
            wanted,
            options=grid_options(task) if texts is None else matrix_options(task.options),
            strata=task.null_strata,
            seed=task.settings.seed,
        )
    layer_a, layer_b = held_layers(task)
    return split_comparison(
        task.a,
        task.b,
        wanted,
        options=replace(task.options, measures=chosen_measures(task)),
        strata=task.null_strata,
        seed=task.settings.seed,
        match=task.comparison.match,
        layer_a=layer_a,
        layer_b=layer_b,
    )


def _held(task: Computation) -> int:
    """Give the position of the layer at which the texts of a matrix are compared."""
    assert task.position is not None
    return task.position
