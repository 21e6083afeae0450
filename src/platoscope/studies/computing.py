"""One comparison, computed: two stacks of layers in, one labelled result out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from platoscope.errors import InputError
from platoscope.layerwise import compare, profile
from platoscope.studies.synthetic import COORDINATES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from platoscope.studies.comparison import Comparison
    from platoscope.studies.records import Settings

__all__ = ["Stack", "compute", "permutation", "standardized_lengths"]

Stack = "Representations | Sequence[NDArray[np.float32]]"
_POINTS = 6  # of an N-curve
_REPEATS = 5


@dataclass(frozen=True, kw_only=True)
class Computation:
    """Two stacks over the same items, and what a comparison needs beside them.

    Parameters
    ----------
    comparison : Comparison
        What is compared, and how.
    a, b : Representations or sequence of ndarray, shape (n_items, n_features) each
        The two sides.
    strata : sequence of str or None
        The group of each item.
    position : int or None
        Position of the held layer (`Comparison.fixed`).
    settings : Settings
        Resamples, permutations, measures, seed.
    at_distance : callable or None
        From a distance τ to the stack of the token at that distance.
    """

    comparison: Comparison
    a: Any
    b: Any
    settings: Settings
    strata: Sequence[str] | None = None
    position: int | None = None
    at_distance: Callable[[int], Any] | None = None


def compute(task: Computation, /) -> xr.Dataset:
    """Compute one comparison.

    Returns
    -------
    xarray.Dataset
        Of ``profile`` and ``sweep``: dimensions ``direction`` and ``layer`` (with ``layer_a``, ``layer_b``
        and both relative depths). Of ``grid``: ``direction``, ``layer_a``, ``layer_b``. Of
        ``token_distance``: also ``token_distance``. Of ``sample_size``: ``direction`` and ``n_samples``. Of
        synthetic data the varied quantity (``rank``, ``fraction``) stands in the place of ``layer``.
    """
    kind = task.comparison.kind
    if task.comparison.shuffle is not None:
        task = _shuffled(task)
    if kind == "grid":
        return _compare(task, task.a, task.b, task.settings.grid_measures)
    if kind == "sweep":
        return _sweep(task)
    if kind == "token_distance":
        return _token_distance(task)
    if kind == "sample_size":
        return _sample_size(task)
    result = _profile(task, task.a, task.b)
    return _with_coordinate(task, result)


def permutation(n: int, /, *, strata: Sequence[str] | None, seed: int) -> NDArray[np.int64]:
    """Draw a permutation of `n` items, over all of them or within strata."""
    rng = np.random.default_rng([seed, n])
    if strata is None:
        return rng.permutation(n)
    order = np.arange(n)
    groups = np.asarray(strata)
    for group in dict.fromkeys(strata):
        members = np.flatnonzero(groups == group)
        order[members] = rng.permutation(members)
    return order


def standardized_lengths(
    tokens: NDArray[np.int64], characters: NDArray[np.int64], /
) -> list[NDArray[np.float32]]:
    """Give the length of each text as a stack of one layer: logarithms of tokens and characters, standardized."""
    features = np.log1p(np.stack([tokens, characters], axis=1).astype(np.float64))
    spread = features.std(axis=0)
    features = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return [features.astype(np.float32)]


def _shuffled(task: Computation) -> Computation:
    from dataclasses import replace

    within = task.comparison.shuffle == "strata"
    if within and task.strata is None:
        msg = (
            f"comparison {task.comparison.label!r} shuffles within strata, but its data have none; "
            "use shuffle='free', or data with a column of strata"
        )
        raise InputError(msg)
    order = permutation(len(task.a[0]), strata=task.strata if within else None, seed=task.settings.seed)
    shuffled = task.b.select(order) if hasattr(task.b, "select") else [layer[order] for layer in task.b]
    return replace(task, b=shuffled)


def _profile(task: Computation, a: Any, b: Any) -> xr.Dataset:
    settings = task.settings
    return profile(
        a,
        b,
        match=task.comparison.match,
        measures=settings.measures,
        n_neighbors=settings.n_neighbors,
        n_resamples=settings.n_resamples,
        resample_fraction=settings.resample_fraction,
        n_permutations=settings.n_permutations,
        strata=task.strata if task.comparison.null_within_strata else None,
        rng=settings.seed,
    )


def _compare(task: Computation, a: Any, b: Any, measures: tuple[str, ...]) -> xr.Dataset:
    settings = task.settings
    return compare(
        a,
        b,
        measures=measures,
        n_neighbors=settings.n_neighbors,
        n_resamples=settings.n_resamples,
        resample_fraction=settings.resample_fraction,
        n_permutations=settings.n_permutations,
        strata=task.strata if task.comparison.null_within_strata else None,
        rng=settings.seed,
    )


def _sweep(task: Computation) -> xr.Dataset:
    """Compare one layer of a side with every layer of the other, and lay it out as a profile."""
    assert task.position is not None
    assert task.comparison.fixed is not None
    held: Literal["a", "b"] = task.comparison.fixed.side
    swept = "b" if held == "a" else "a"
    one = slice(task.position, task.position + 1)
    a, b = (task.a[one], task.b) if held == "a" else (task.a, task.b[one])
    grid = _compare(task, a, b, task.settings.measures)
    result = grid.isel({f"layer_{held}": 0})
    layers = np.asarray(grid[f"layer_{swept}"])
    result = result.rename_dims({f"layer_{swept}": "layer"}).reset_index(f"layer_{swept}", drop=True)
    n = len(layers)
    constant = {
        f"layer_{held}": ("layer", np.repeat(np.asarray(grid[f"layer_{held}"])[0], n)),
        f"relative_depth_{held}": ("layer", np.repeat(np.asarray(grid[f"relative_depth_{held}"])[0], n)),
    }
    return result.drop_vars(list(constant)).assign_coords(
        {"layer": np.arange(n), f"layer_{swept}": ("layer", layers), **constant}
    )


def _token_distance(task: Computation) -> xr.Dataset:
    """Compare the last token with the token at each distance before it, layer by layer."""
    import pandas as pd
    import xarray as xr

    assert task.at_distance is not None
    distances = task.comparison.distances
    results = [_profile(task, task.a, task.at_distance(distance)) for distance in distances]
    joined = xr.concat(
        results,
        pd.Index(distances, name="token_distance"),
        coords="minimal",
        compat="override",
        combine_attrs="override",
    )
    return joined.transpose(..., "token_distance")


def _sample_size(task: Computation) -> xr.Dataset:
    """Compute Δ and the overlap at one layer of both sides for growing numbers of items.

    Every value is a mean over a few random subsets, so that the curve shows N and not the draw.
    """
    import xarray as xr

    assert task.position is not None
    one = slice(task.position, task.position + 1)
    total = len(task.a[task.position])
    sizes = np.unique(np.geomspace(min(50, total), total, _POINTS).round().astype(int))
    a, b = list(task.a[one]), list(task.b[one])
    rows = []
    for size in sizes:
        repeats = 1 if size == total else _REPEATS
        draws = [
            np.sort(
                np.random.default_rng([task.settings.seed, int(size), i]).choice(total, size, replace=False)
            )
            for i in range(repeats)
        ]
        parts = [
            profile(
                [a[0][draw]],
                [b[0][draw]],
                measures=("information_imbalance", "neighborhood_overlap"),
                n_neighbors=task.settings.n_neighbors,
                n_resamples=0,
                rng=task.settings.seed,
            )
            for draw in draws
        ]
        rows.append(xr.concat([part.isel(layer=0, drop=True) for part in parts], "draw").mean("draw"))
    result = xr.concat(rows, "n_samples").assign_coords(n_samples=sizes)
    return result.assign_attrs(layer=int(task.position), n_draws=_REPEATS, n_samples_total=total)


def _with_coordinate(task: Computation, result: xr.Dataset) -> xr.Dataset:
    """Put the varied quantity of synthetic data in the place of the layer."""
    from platoscope.studies.comparison import Synthetic

    side = task.comparison.a
    if not isinstance(side, Synthetic):
        return result
    name = COORDINATES[side.construction]
    placed = result.assign_coords({name: ("layer", np.asarray(side.values))}).swap_dims({"layer": name})
    return placed.drop_vars(
        [
            str(coordinate)
            for coordinate in placed.coords
            if str(coordinate).startswith(("layer", "relative_depth"))
        ]
    )
