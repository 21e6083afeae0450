"""One comparison, computed: two stacks of layers in, one labelled result out."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from platoscope.errors import InputError, NotFoundError
from platoscope.layerwise import (
    SPACES,
    compare,
    compare_spaces_of_each,
    count_items,
    n_curve,
    profile_each,
    take_profile,
    with_ids,
)
from platoscope.measures import changed, get_measure
from platoscope.studies.design.comparison import Source, Synthetic
from platoscope.studies.design.measured import ITEMS_LEFT_OUT, measures_of
from platoscope.studies.design.synthetic import COORDINATES
from platoscope.studies.judge.evidence import Z
from platoscope.studies.run.dimension import dimension
from platoscope.studies.run.gains import gain
from platoscope.studies.run.matrix import matrix
from platoscope.studies.run.scales import scales
from platoscope.studies.run.weights import weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from platoscope.layerwise import LayerStack
    from platoscope.measures import ComparisonOptions
    from platoscope.studies.design.comparison import Kind
    from platoscope.studies.run.computation import Computation

__all__ = [
    "MOST_RANKS",
    "chosen_measures",
    "compute",
    "grid_options",
    "held_layers",
    "misaligned",
    "naming",
    "shuffled",
    "standardized_lengths",
    "with_note",
]

MOST_RANKS: Final = 1 << 25
"""Of single items, that a grid of a run keeps: 8 bytes each, which are in memory where the run is read. 33 × 33 layers of
15,000 items have fewer."""

# What is compared under several preparations.
_OF_SPACES = ("information_imbalance",)
_Held: TypeAlias = "tuple[int | None, int | None]"
"""The held layer of `a` and of `b`; at most one of them is."""


def compute(task: Computation, /) -> xr.Dataset:
    """Compute one comparison; an error of what it is given names it.

    Returns
    -------
    xarray.Dataset
        Of ``profile`` and ``sweep``: dimensions ``direction`` and ``layer`` (with ``layer_a``, ``layer_b``
        and both relative depths). Of ``grid``: ``direction``, ``layer_a``, ``layer_b``. Of
        ``token_distance``: also ``token_distance``. Of ``matrix``: ``direction``, ``text_a``, ``text_b``. Of
        ``spaces``: also ``space``. Of ``sample_size``: ``direction`` and ``n_samples``. Of synthetic data
        the varied quantity (``rank``, ``fraction``) stands in the place of ``layer``.

    Raises
    ------
    InputError, NotFoundError
        Sides that cannot be compared so.
    """
    with naming(task):
        return _BY_KIND[task.comparison.kind](shuffled(task))


@contextmanager
def naming(task: Computation, /) -> Iterator[None]:
    """Name the comparison in an error of what it is given."""
    label = task.comparison.label
    try:
        yield
    except (InputError, NotFoundError) as error:
        if label in str(error):
            raise
        msg = f"comparison {label!r}: {error}"
        raise type(error)(msg) from error


def _matched(task: Computation) -> xr.Dataset:
    """Compare matched layers."""
    result = _profile(task, task.a, task.b) if task.grid is None else _slice(task, task.grid)
    return _with_coordinate(task, result)


def standardized_lengths(
    tokens: NDArray[np.int64], characters: NDArray[np.int64], /
) -> list[NDArray[np.float32]]:
    """Give the length of each text as a stack of one layer: logarithms of tokens and characters, standardized."""
    features = np.log1p(np.stack([tokens, characters], axis=1).astype(np.float64))
    spread = features.std(axis=0)
    features = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return [features.astype(np.float32)]


def shuffled(task: Computation, /) -> Computation:
    """Give the comparison with its items misaligned, where it asks for that."""
    shuffle = task.comparison.shuffle
    if shuffle is None:
        return task
    groups = {"strata": task.strata, "matched": task.alike}.get(str(shuffle))
    if shuffle != "free" and groups is None:
        msg = (
            f"comparison {task.comparison.label!r} shuffles within strata, but its data have none; "
            "use shuffle='free', or data with a column of strata"
        )
        raise InputError(msg)
    n = count_items(task.a)
    strata = np.zeros(n) if groups is None else np.asarray(groups)
    # A stream of its own: the null of this comparison permutes with the seed alone.
    rows, partners = misaligned(strata, rng=np.random.default_rng([task.settings.seed, n]))
    a, b = task.a.select(rows), task.b.select(partners)
    if a.ids is not None and b.ids is not None:
        # The rows are misaligned on purpose, so they take the names of the items that they now stand beside.
        b = with_ids(b, a.ids)
    left, alike = (
        None if given is None else [given[row] for row in rows] for given in (task.strata, task.alike)
    )
    return replace(task, a=a, b=b, strata=left, alike=alike)


def misaligned(
    strata: NDArray[Any], /, *, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give every item the partner of another item of its stratum, at random.

    A random permutation leaves about one pair of each stratum aligned, which is one in eight where 500
    verses come from 66 books; here none is. Items that are alone in their stratum have no other partner and
    are left out.

    Parameters
    ----------
    strata : ndarray, shape (n_items,)
        Group of each item.
    rng : numpy.random.Generator

    Returns
    -------
    rows, partners : ndarray of int, shape (n_kept,)
        Items that are kept, in their order, and the item whose partner each one gets.
    """
    _, group, size = np.unique(strata, return_inverse=True, return_counts=True)
    rows = np.flatnonzero(size[group] > 1)
    # Blocks of one stratum each, in random order within; everyone gets the next one of the block, the last the first.
    order = rows[np.lexsort((rng.random(len(rows)), group[rows]))]
    following = np.empty_like(order)
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        following[np.searchsorted(rows, members)] = np.roll(members, -1)
    return rows, following


def _profile(task: Computation, a: LayerStack, b: LayerStack, held: _Held = (None, None)) -> xr.Dataset:
    (found,) = _profiles(task, a, [b], held)
    return found


def _profiles(
    task: Computation, a: LayerStack, others: Sequence[LayerStack], held: _Held = (None, None)
) -> list[xr.Dataset]:
    return profile_each(
        a,
        others,
        match=task.comparison.match,
        layer_a=held[0],
        layer_b=held[1],
        options=changed(task.options, {"measures": chosen_measures(task)}),
        strata=task.null_strata,
        rng=task.settings.seed,
    )


def _slice(task: Computation, grid: xr.Dataset, held: _Held = (None, None)) -> xr.Dataset:
    """Take the profile out of the grid, and compute only what the grid does not have: other measures, and items."""
    taken = take_profile(grid, match=task.comparison.match, layer_a=held[0], layer_b=held[1])
    wanted = chosen_measures(task)
    have = set(json.loads(grid.attrs["measures"]))
    more = tuple(name for name in wanted if name not in have)
    joined = taken
    if more:
        rest = _measured(task, held, measures=more)
        best = {f"{name}_best": rest.attrs[f"{name}_best"] for name in more}
        joined = _joined(taken, rest).assign_attrs(
            best | {"measures": json.dumps([*json.loads(taken.attrs["measures"]), *more])}
        )
    of_items = tuple(name for name in wanted if name in have and get_measure(name).by_item)
    if task.options.items and of_items and "item" not in taken.dims:
        again = _measured(task, held, measures=of_items, n_resamples=0, n_permutations=0)
        joined = _joined(joined, again[[name for name in again.data_vars if "item" in again[name].dims]])
    return joined


def _measured(task: Computation, held: _Held, /, **settings: Any) -> xr.Dataset:
    """Compute the profile with other settings."""
    return _profile(replace(task, settings=replace(task.settings, **settings)), task.a, task.b, held)


def _joined(first: xr.Dataset, second: xr.Dataset) -> xr.Dataset:
    return first.merge(second, compat="override", join="exact", combine_attrs="override")


def chosen_measures(task: Computation, /) -> tuple[str, ...]:
    """Choose the measures; whether both sides are of one model say its files, however it is spelled."""
    sides = task.comparison.a, task.comparison.b
    one_model = False
    if all(isinstance(side, Source) for side in sides):
        told = [dict(stack.provenance.get("model") or {}) for stack in (task.a, task.b)]
        for each in told:
            each.pop("name", None)
        one_model = bool(told[0]) and told[0] == told[1]
    return measures_of(task.comparison, task.settings, one_model=one_model)


def _grid(task: Computation) -> xr.Dataset:
    options = grid_options(task)
    result = compare(task.a, task.b, options=options, strata=task.null_strata, rng=task.settings.seed)
    return with_note(task, result)


def _n_ranks(task: Computation) -> int:
    return 2 * len(task.a.layers) * len(task.b.layers) * count_items(task.a)


def grid_options(task: Computation, /) -> ComparisonOptions:
    """Give what a grid is computed with: without items, where these would be too many."""
    items = task.options.items and _n_ranks(task) <= MOST_RANKS
    return replace(task.options, measures=task.settings.grid_measures, items=items)


def with_note(task: Computation, result: xr.Dataset, /) -> xr.Dataset:
    """Say in a grid why it tells nothing of single items, where it should."""
    n_ranks, layers = _n_ranks(task), [len(stack.layers) for stack in (task.a, task.b)]
    if not task.options.items or n_ranks <= MOST_RANKS:
        return result
    why = (
        f"Every pair has a rank in both directions in each of the {layers[0]} × {layers[1]} cells of this grid: "
        f"{n_ranks:,} numbers, and a run keeps at most {MOST_RANKS:,} of a grid. None are kept here; profiles and sweeps "
        "of the run have theirs, and platoscope.compare(…, items=True) has no such limit."
    )
    return result.assign_attrs({ITEMS_LEFT_OUT: why})


def _matrix(task: Computation) -> xr.Dataset:
    assert task.position is not None
    return matrix(task.texts, task.position, task.options, strata=task.null_strata)


def _sweep(task: Computation) -> xr.Dataset:
    """Hold one layer of a side and move through the other."""
    held = held_layers(task)
    return _profile(task, task.a, task.b, held) if task.grid is None else _slice(task, task.grid, held)


def held_layers(task: Computation, /) -> _Held:
    """Give the layer of either side that is held; none of a comparison that holds none."""
    fixed = task.comparison.fixed
    if fixed is None:
        return None, None
    assert task.position is not None
    stack = task.a if fixed.side == "a" else task.b
    layer = int(stack.layers[task.position])
    return (layer, None) if fixed.side == "a" else (None, layer)


def _token_distance(task: Computation) -> xr.Dataset:
    """Compare the last token with the token at each distance before it, layer by layer."""
    return _over_distances(task, _profiles(task, task.a, _tokens(task)))


def _tokens(task: Computation) -> list[LayerStack]:
    """Give the token at each distance before the last one."""
    assert task.at_distance is not None
    return [task.at_distance(distance) for distance in task.comparison.distances]


def _over_distances(task: Computation, results: Sequence[xr.Dataset]) -> xr.Dataset:
    """Put what was computed of the token at each distance side by side."""
    import pandas as pd
    import xarray as xr

    joined = xr.concat(
        results,
        pd.Index(task.comparison.distances, name="token_distance"),
        coords="minimal",
        compat="override",
        combine_attrs="override",
    )
    return joined.transpose(..., "token_distance")


def _sample_size(task: Computation) -> xr.Dataset:
    """Compute the measures at one layer of both sides for growing numbers of items.

    Every value is a mean over random subsets, and its band their spread, so that the curve shows N and not
    the draw.
    """
    assert task.position is not None
    sides = [stack.parts(task.position) for stack in (task.a, task.b)]
    draws = n_curve(
        *sides,
        options=task.options,
        measures=task.settings.grid_measures,
        rng=task.settings.seed,
    )
    result = draws.mean("draw", keep_attrs=True)
    for measure in task.settings.grid_measures:
        spread = Z * draws[measure].std("draw", ddof=1)
        result[f"{measure}_low"] = result[measure] - spread
        result[f"{measure}_high"] = result[measure] + spread
    return result.assign_attrs(layer=int(task.position))


def _spaces(task: Computation) -> xr.Dataset:
    """Compare layers under several preparations; a null would tell nothing more about any of them."""
    held = held_layers(task)
    results = compare_spaces_of_each(
        task.a,
        _tokens(task) if task.comparison.distances else [task.b],
        spaces=SPACES,
        match=task.comparison.match,
        layer_a=held[0],
        layer_b=held[1],
        options=replace(task.settings, measures=_OF_SPACES, n_permutations=0, items=False),
        rng=task.settings.seed,
    )
    return _over_distances(task, results) if task.comparison.distances else results[0]


def _with_coordinate(task: Computation, result: xr.Dataset) -> xr.Dataset:
    """Put the varied quantity of synthetic data in the place of the layer."""
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


_BY_KIND: Final[Mapping[Kind, Callable[[Computation], xr.Dataset]]] = {
    "profile": _matched,
    "grid": _grid,
    "matrix": _matrix,
    "sweep": _sweep,
    "token_distance": _token_distance,
    "sample_size": _sample_size,
    "spaces": _spaces,
    "gain": gain,
    "scales": scales,
    "weights": weights,
    "dimension": dimension,
}
"""What computes each kind of comparison."""
