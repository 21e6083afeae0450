"""Every measure on pairs of layers: plain, on subsamples, and under permutations."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from platoscope.checks import as_array, in_short
from platoscope.errors import InputError
from platoscope.measures._items import ItemValues
from platoscope.measures._nulls import draw_shuffles, tied_null
from platoscope.measures._resampling import carry, jackknife_covariance, subsamples
from platoscope.measures._sharing import ALL_DRAWS, Share, some_sets, some_shuffles
from platoscope.neighbors import (
    Space,
    is_coarse,
    over_tasks,
    require_memory,
    same_space,
    settled,
    take_sample,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from platoscope.measures._measure import Measure
    from platoscope.measures._options import ComparisonOptions
    from platoscope.neighbors import OwnMetric
    from platoscope.progress import Tell

__all__ = ["Evaluation", "PreparedLayers", "evaluate", "evaluate_layer"]

# Covariances of so many subsamples are averaged; each costs (m/N)² of what that of all items does.
_MEASURED_SUBSAMPLES = 24


class PreparedLayers(Protocol):
    """The layers of one side, prepared for every metric that the measures read."""

    @property
    def spaces(self) -> tuple[Space, ...]:
        """The layers in the metric that was asked for first."""
        ...

    def answering(self, metric: str | OwnMetric, /) -> tuple[Space, ...]:
        """Return the layers that answer in `metric`."""
        ...


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One measure on all pairs; the axis before the last is the direction (2, or 1 if symmetric)."""

    measure: Measure
    values: npt.NDArray[np.float64]
    """Shape (n_directions, n_pairs)."""
    resamples: npt.NDArray[np.float64] | None
    """Shape (n_resamples, n_directions, n_pairs)."""
    null: npt.NDArray[np.float64] | None
    """Shape (n_permutations, n_directions, n_pairs); of those of a share."""
    by_item: Mapping[str, ItemValues] = field(default_factory=dict)
    """What it says of every item, by the name of the variable; empty where that was not asked for."""
    permutations: npt.NDArray[np.intp] | None = None
    """Which of all permutations those of `null` are."""

    def of_pairs(self, some: slice, /) -> Evaluation:
        """Return the same of some of the pairs."""
        return Evaluation(
            self.measure,
            self.values[..., some],
            None if self.resamples is None else self.resamples[..., some],
            None if self.null is None else self.null[..., some],
            {name: ItemValues(item.values[:, some], item.of) for name, item in self.by_item.items()},
        )


def evaluate(
    a: PreparedLayers,
    b: PreparedLayers,
    pairs: npt.NDArray[np.intp],
    measures: Sequence[Measure],
    options: ComparisonOptions,
    strata: Sequence[Any] | None,
    rng: np.random.Generator,
    progress: Tell | None,
    /,
    *,
    share: Share = ALL_DRAWS,
) -> tuple[Evaluation, ...]:
    """Return every one of `measures` on `pairs` of layers; `strata` has the group of each item.

    Of a `share` of the draws, nulls are as they were drawn: `tied_null` looks at all permutations.
    """
    n_samples = a.spaces[0].n_samples
    resampling, shuffling = rng.spawn(2)
    sets = _sets(n_samples, options, measures, resampling)
    shuffles = None
    if options.n_permutations:
        shuffles = draw_shuffles(n_samples, options.n_permutations, strata=strata, rng=shuffling)
    sets = some_sets(sets, share)
    shuffles, which = some_shuffles(shuffles, share)
    _check_plan(a, b, options, measures)
    sides = [_Sides.of(measure, a, b, options) for measure in measures]
    scratch: dict[str, Any] = {}
    values, by_item = [], []
    _tell(progress, "comparing layers", 0, len(measures))
    for done, side in enumerate(sides):
        found = side.measure.scores(side.a, side.b, pairs, options, scratch)
        values.append(_check_values(side.measure, "scores", found, (), len(pairs)))
        by_item.append(_of_items(side.measure, pairs, scratch, n_samples) if options.items else {})
        _tell(progress, "comparing layers", done + 1, len(measures))
    options = replace(options, items=False)  # of the items as they are, not of subsamples and permutations
    nulls: list[Any] = [None] * len(measures)
    if shuffles is not None:
        _tell(progress, "shuffling pairs", 0, len(measures))
        for done, side in enumerate(sides):
            if side.measure.null is not None:
                found = side.measure.null(side.a, side.b, pairs, shuffles, options, scratch)
                drawn = _check_values(side.measure, "null", found, (len(shuffles.cells),), len(pairs))
                best = side.measure.identity(n_samples, options)
                nulls[done] = drawn if share.of > 1 else tied_null(values[done], drawn, best=best)
            _tell(progress, "shuffling pairs", done + 1, len(measures))
    resamples: list[Any] = [None] * len(measures)
    if sets is not None:
        resamples = _resample(sides, values, pairs, options, sets, progress)
    return tuple(map(Evaluation, measures, values, resamples, nulls, by_item, [which] * len(measures)))


def evaluate_layer(
    sides: Sequence[tuple[Space, Space]], measures: Sequence[Measure], options: ComparisonOptions, /
) -> dict[str, npt.NDArray[np.float64]]:
    """Return every measure, shape (n_directions,), on one layer of either side, prepared for each metric that is read."""
    scratch: dict[str, Any] = {}
    found = {}
    for measure in measures:
        A, B = next(side for side in sides if same_space(side[0].metric, measure.metric(options)))
        values = measure.scores([A], [B], np.zeros((1, 2), np.intp), options, scratch)
        found[measure.name] = _check_values(measure, "scores", values, (), 1)[:, 0]
    return found


@dataclass(frozen=True, eq=False)
class _Sides:
    """A measure, with the layers of both sides in the metric that it reads."""

    measure: Measure
    a: tuple[Space, ...]
    b: tuple[Space, ...]

    @classmethod
    def of(cls, measure: Measure, a: PreparedLayers, b: PreparedLayers, options: ComparisonOptions) -> _Sides:
        metric = measure.metric(options)
        return cls(measure, a.answering(metric), b.answering(metric))

    @property
    def cut(self) -> Callable[[Space, npt.NDArray[np.intp]], Any]:
        """What takes some of the items of a layer: a sample of its matrix where those of all layers are kept."""
        kept = all(space.keeps_matrix for space in (*self.a, *self.b))
        return take_sample if kept else Space.subset


def _check_values(
    measure: Measure, what: str, values: Any, leading: tuple[int, ...], n_pairs: int, /
) -> npt.NDArray[np.float64]:
    """Return the values, or say what a measure of the user's should have returned."""
    shape = (*leading, 2 if measure.directed else 1, n_pairs)
    found = as_array(values)
    if found.shape != shape or found.dtype.kind not in "biuf":
        message = (
            f"{what} of measure {measure.name!r} must return real numbers of shape {shape} "
            f"({'two directions' if measure.directed else 'one direction'}, {n_pairs} pairs of layers last); "
            f"got dtype {found.dtype} and shape {found.shape}."
        )
        raise InputError(message)
    return found.astype(np.float64, copy=False)


def _of_items(
    measure: Measure, pairs: npt.NDArray[np.intp], scratch: dict[str, Any], n_items: int, /
) -> Mapping[str, ItemValues]:
    """Return what a measure says of every item, or say what one of the user's should have returned."""
    found = {} if measure.by_item is None else measure.by_item(pairs, scratch)
    shape = (2, len(pairs), n_items)
    for name, given in found.items():
        if not isinstance(given, ItemValues) or np.shape(given.values) != shape:
            message = (
                f"by_item of measure {measure.name!r} must return ItemValues of shape {shape} (two directions, pairs of "
                f"layers, items) by their names; got {in_short(given)} as {name!r}."
            )
            raise InputError(message)
    return found


def _resample(
    sides: Sequence[_Sides],
    values: Sequence[npt.NDArray[np.float64]],
    pairs: npt.NDArray[np.intp],
    options: ComparisonOptions,
    sets: npt.NDArray[np.intp],
    progress: Tell | None,
) -> list[Any]:
    """Return the values of every measure on each subsample, shape (n_resamples, n_directions, n_pairs).

    Those of `options.interval_method` "carried" are carried to all items, where the measures have `values`.
    """
    wanted = [side for side in sides if side.measure.resampled]
    together = [side for side in wanted if side.measure.resamples is not None]
    alone = [side for side in wanted if side.measure.resamples is None]
    carries = options.interval_method == "carried"
    carried = [side for side in wanted if carries and side.measure.left_out is not None]
    found: dict[str, Any] = {}
    scratch: dict[str, Any] = {}
    _tell(progress, "drawing subsamples", 0, len(wanted))
    for done, side in enumerate(together):
        measure = side.measure
        assert measure.resamples is not None
        drawn = measure.resamples(side.a, side.b, pairs, sets, options, scratch)
        found[measure.name] = _check_values(measure, "resamples", drawn, (len(sets),), len(pairs))
        _tell(progress, "drawing subsamples", done + 1, len(wanted))
    if alone or carried:
        draws = _on_each(alone, carried, pairs, options, sets)
        for place, side in enumerate(alone):
            found[side.measure.name] = np.stack([draw.values[place] for draw in draws])
        for place, side in enumerate(carried):
            at_size = np.mean([draw.covariances[place] for draw in draws[:_MEASURED_SUBSAMPLES]], axis=0)
            name, n_samples = side.measure.name, side.a[0].n_samples
            found[name] = carry(
                found[name], values[sides.index(side)], at_size=at_size,
                at_n=_covariance(side, side.a, side.b, pairs, options), n_samples=n_samples, size=sets.shape[1],
            )  # fmt: skip
        _tell(progress, "drawing subsamples", len(wanted), len(wanted))
    return [found.get(side.measure.name) for side in sides]


class _Draw(NamedTuple):
    """What one subsample gives, by measure."""

    values: list[npt.NDArray[np.float64]]
    """Shape (n_directions, n_pairs)."""
    covariances: list[npt.NDArray[np.float64]]
    """Of those that are carried, shape (n_pairs, n_directions, n_directions)."""


def _on_each(
    alone: Sequence[_Sides],
    carried: Sequence[_Sides],
    pairs: npt.NDArray[np.intp],
    options: ComparisonOptions,
    sets: npt.NDArray[np.intp],
) -> list[_Draw]:
    """Return what every subsample gives; they run side by side."""
    draws: list[Any] = [None] * len(sets)
    for side in (*alone, *carried):
        if side.measure.left_out or (side.cut is take_sample and side.measure.sampled):
            known = settled if side.cut is take_sample else is_coarse
            for space in (*side.a, *side.b):
                known(space, side.measure.metric(options))  # once, before all threads ask for it

    def work(start: int, stop: int) -> None:
        for draw in range(start, stop):
            measured = carried if draw < _MEASURED_SUBSAMPLES else ()
            draws[draw] = _on_one(alone, measured, pairs, options, sets[draw])

    over_tasks(work, len(sets))
    return draws


def _on_one(
    alone: Sequence[_Sides],
    carried: Sequence[_Sides],
    pairs: npt.NDArray[np.intp],
    options: ComparisonOptions,
    items: npt.NDArray[np.intp],
) -> _Draw:
    """Return what one subsample gives; measures that read the same layers share what is cut from them."""
    cut: dict[tuple[Any, tuple[Space, ...]], Any] = {}

    def layers(how: Any, spaces: tuple[Space, ...]) -> Any:
        key = (how, spaces)
        if key not in cut:
            cut[key] = [how(space, items) for space in spaces]
        return cut[key]

    scratch: dict[str, Any] = {}
    values = []
    for side in alone:
        measure, how = side.measure, side.cut
        if measure.sampled is not None and how is take_sample:
            found = measure.sampled(layers(how, side.a), layers(how, side.b), pairs, options, scratch)
        else:
            A, B = (layers(Space.subset, spaces) for spaces in (side.a, side.b))
            found = measure.scores(A, B, pairs, options, scratch)
        values.append(_check_values(measure, "scores", found, (), len(pairs)))
    covariances = [
        _covariance(side, layers(side.cut, side.a), layers(side.cut, side.b), pairs, options)
        for side in carried
    ]
    return _Draw(values, covariances)


def _covariance(
    side: _Sides, A: Any, B: Any, pairs: npt.NDArray[np.intp], options: ComparisonOptions
) -> npt.NDArray[np.float64]:
    """Return how both directions of a measure vary together when each item is left out in turn."""
    assert side.measure.left_out is not None
    return jackknife_covariance(side.measure.left_out(A, B, pairs, options))


def _sets(
    n_samples: int, options: ComparisonOptions, measures: Sequence[Measure], rng: np.random.Generator
) -> Any:
    if options.n_resamples == 0:
        return None
    sets = subsamples(n_samples, n_resamples=options.n_resamples, fraction=options.resample_fraction, rng=rng)
    overlaps = any(measure.uses_overlap_neighbors for measure in measures)
    needed = max(options.n_neighbors, options.overlap_neighbors if overlaps else 1)
    if sets.shape[1] <= needed:
        message = (
            f"Subsamples have {sets.shape[1]} items, too few for {needed} neighbors. "
            "Give more items, a larger resample_fraction, fewer neighbors, or n_resamples=0."
        )
        raise InputError(message)
    return sets


def _check_plan(
    a: PreparedLayers, b: PreparedLayers, options: ComparisonOptions, measures: Sequence[Measure]
) -> None:
    """Refuse, before any work, what holds whole matrices of all layers without room for them."""
    dense = [m.name for m in measures if m.permutes_matrices]
    metrics = {m.metric(options) for m in measures if m.permutes_matrices}
    spaces = [space for side in (a, b) for metric in metrics for space in side.answering(metric)]
    blocked = [space for space in spaces if not space.keeps_matrix and space.metric != "precomputed"]
    if options.n_permutations and dense and blocked:
        n = a.spaces[0].n_samples
        require_memory(
            4 * n * n * len(spaces),
            f"Permuting {', '.join(dense)} of {len(spaces)} layers over {n} items",
            "Leave these measures out, use n_permutations=0, or set n_samples.",
        )


def _tell(progress: Tell | None, what: str, done: int, total: int) -> None:
    if progress is not None:
        progress(what, done, total)
