"""Every measure on pairs of layers: plain, on subsamples, and under permutations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from platoscope.errors import InputError
from platoscope.layerwise._carrying import carry_to_n
from platoscope.measures import ComparisonOptions, Measure, draw_shuffles, subsamples
from platoscope.neighbors import Space, over_tasks, require_memory, same_space, take_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.layerwise._stacks import Stack, Tell

__all__ = ["Evaluation", "evaluate", "evaluate_layer"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One measure on all pairs; the axis before the last is the direction (2, or 1 if symmetric)."""

    measure: Measure
    values: npt.NDArray[np.float64]
    """Shape (n_directions, n_pairs)."""
    resamples: npt.NDArray[np.float64] | None
    """Shape (n_resamples, n_directions, n_pairs)."""
    null: npt.NDArray[np.float64] | None
    """Shape (n_permutations, n_directions, n_pairs)."""


def evaluate(
    a: Stack,
    b: Stack,
    pairs: npt.NDArray[np.intp],
    measures: Sequence[Measure],
    options: ComparisonOptions,
    strata: Sequence[Any] | None,
    rng: np.random.Generator,
    progress: Tell | None,
    /,
) -> tuple[Evaluation, ...]:
    """Return every one of `measures` on `pairs` of layers; `strata` has the group of each item."""
    n_samples = a.spaces[0].n_samples
    resampling, shuffling = rng.spawn(2)
    sets = _sets(n_samples, options, measures, resampling)
    shuffles = None
    if options.n_permutations:
        shuffles = draw_shuffles(n_samples, options.n_permutations, strata=strata, rng=shuffling)
    _check_plan(a, b, options, measures)
    sides = [_Sides.of(measure, a, b, options) for measure in measures]
    scratch: dict[str, Any] = {}
    values = []
    for done, side in enumerate(sides):
        found = side.measure.scores(side.a, side.b, pairs, options, scratch)
        values.append(_check_values(side.measure, "scores", found, (), len(pairs)))
        _tell(progress, "comparing layers", done + 1, len(measures))
    nulls: list[Any] = [None] * len(measures)
    if shuffles is not None:
        for done, side in enumerate(sides):
            if side.measure.null is not None:
                found = side.measure.null(side.a, side.b, pairs, shuffles, options, scratch)
                nulls[done] = _check_values(
                    side.measure, "null", found, (options.n_permutations,), len(pairs)
                )
            _tell(progress, "shuffling pairs", done + 1, len(measures))
    resamples: list[Any] = [None] * len(measures)
    if sets is not None:
        resamples = _resample(sides, pairs, options, sets, progress)
        if options.interval_method == "carried":
            resamples = [
                found if found is None or side.measure.left_out is None
                else carry_to_n(
                    side.measure, side.a, side.b, pairs, options, sets, at_n, found,
                    cut=take_sample if side.kept else Space.subset,
                )
                for side, at_n, found in zip(sides, values, resamples, strict=True)
            ]  # fmt: skip
    return tuple(map(Evaluation, measures, values, resamples, nulls))


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
    def of(cls, measure: Measure, a: Stack, b: Stack, options: ComparisonOptions) -> _Sides:
        metric = measure.metric(options)
        return cls(measure, a.answering(metric), b.answering(metric))

    @property
    def kept(self) -> bool:
        """Whether the matrices of all layers are at hand, to cut samples from."""
        return all(space.gram is not None for space in (*self.a, *self.b))


def _check_values(
    measure: Measure, what: str, values: Any, leading: tuple[int, ...], n_pairs: int, /
) -> npt.NDArray[np.float64]:
    """Return the values, or say what a measure of the user's should have returned."""
    shape = (*leading, 2 if measure.directed else 1, n_pairs)
    found = np.asarray(values)
    if found.shape != shape or found.dtype.kind not in "biuf":
        message = (
            f"{what} of measure {measure.name!r} must return real numbers of shape {shape} "
            f"({'two directions' if measure.directed else 'one direction'}, {n_pairs} pairs of layers last); "
            f"got dtype {found.dtype} and shape {found.shape}."
        )
        raise InputError(message)
    return found.astype(np.float64, copy=False)


def _resample(
    sides: Sequence[_Sides], pairs: Any, options: ComparisonOptions, sets: Any, progress: Tell | None
) -> list[Any]:
    """Return the values of every measure on each subsample, shape (n_resamples, n_directions, n_pairs)."""
    wanted = [side for side in sides if side.measure.resampled]
    together = [side for side in wanted if side.measure.resamples is not None]
    found: dict[str, Any] = {}
    scratch: dict[str, Any] = {}
    for done, side in enumerate(together):
        measure = side.measure
        assert measure.resamples is not None
        values = measure.resamples(side.a, side.b, pairs, sets, options, scratch)
        found[measure.name] = _check_values(measure, "resamples", values, (len(sets),), len(pairs))
        _tell(progress, "drawing subsamples", done + 1, len(wanted))
    rest = [side for side in wanted if side.measure.resamples is None]
    if rest:
        draws = _on_each(rest, pairs, options, sets)
        for side, draw in zip(rest, zip(*draws, strict=True), strict=True):
            found[side.measure.name] = np.stack(draw)
        _tell(progress, "drawing subsamples", len(wanted), len(wanted))
    return [found.get(side.measure.name) for side in sides]


def _on_each(sides: Sequence[_Sides], pairs: Any, options: ComparisonOptions, sets: Any) -> list[list[Any]]:
    """Return, by subsample, the values of every measure; subsamples run side by side."""
    draws: list[list[Any]] = [[] for _ in sets]

    def work(start: int, stop: int) -> None:
        for draw in range(start, stop):
            draws[draw] = _on_one(sides, pairs, options, sets[draw])

    over_tasks(work, len(sets))
    return draws


def _on_one(sides: Sequence[_Sides], pairs: Any, options: ComparisonOptions, items: Any) -> list[Any]:
    """Return the values on one subsample; measures that read the same layers share what is cut from them."""
    cut: dict[tuple[Any, tuple[Space, ...]], Any] = {}

    def layers(how: Any, spaces: tuple[Space, ...]) -> Any:
        key = (how, spaces)
        if key not in cut:
            cut[key] = [how(space, items) for space in spaces]
        return cut[key]

    scratch: dict[str, Any] = {}
    values = []
    for side in sides:
        measure, A, B = side.measure, side.a, side.b
        if measure.sampled is not None and side.kept:
            found = measure.sampled(layers(take_sample, A), layers(take_sample, B), pairs, options, scratch)
        else:
            found = measure.scores(layers(Space.subset, A), layers(Space.subset, B), pairs, options, scratch)
        values.append(_check_values(measure, "scores", found, (), len(pairs)))
    return values


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


def _check_plan(a: Stack, b: Stack, options: ComparisonOptions, measures: Sequence[Measure]) -> None:
    """Refuse, before any work, what holds whole matrices of all layers without room for them."""
    dense = [m.name for m in measures if m.permutes_matrices]
    metrics = {m.metric(options) for m in measures if m.permutes_matrices}
    spaces = [space for side in (a, b) for metric in metrics for space in side.answering(metric)]
    blocked = [space for space in spaces if space.gram is None and space.metric != "precomputed"]
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
