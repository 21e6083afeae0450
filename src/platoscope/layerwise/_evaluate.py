"""Every measure on pairs of layers: plain, on subsamples, and under permutations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from platoscope.errors import InputError
from platoscope.measures import ComparisonOptions, Measure, draw_shuffles, get_measure, subsamples
from platoscope.neighbors import Space, over_tasks, require_memory, take_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.layerwise._stacks import Stack, Tell

__all__ = ["Evaluation", "evaluate"]


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
    options: ComparisonOptions,
    strata: Sequence[Any] | None,
    rng: np.random.Generator,
    progress: Tell | None,
    /,
) -> tuple[Evaluation, ...]:
    """Return every measure of `options` on `pairs` of layers; `strata` has the group of each item."""
    measures = [get_measure(name) for name in options.measures]
    n_samples = a.spaces[0].n_samples
    resampling, shuffling = rng.spawn(2)
    sets = _sets(n_samples, options, measures, resampling)
    shuffles = None
    if options.n_permutations:
        shuffles = draw_shuffles(n_samples, options.n_permutations, strata=strata, rng=shuffling)
    _check_plan(a, b, options, measures)
    A, B = a.spaces, b.spaces
    scratch: dict[str, Any] = {}
    values = []
    for done, measure in enumerate(measures):
        values.append(measure.scores(A, B, pairs, options, scratch))
        _tell(progress, "comparing layers", done + 1, len(measures))
    nulls: list[Any] = [None] * len(measures)
    if shuffles is not None:
        for done, measure in enumerate(measures):
            nulls[done] = measure.null(A, B, pairs, shuffles, options, scratch)
            _tell(progress, "shuffling pairs", done + 1, len(measures))
    resamples: list[Any] = [None] * len(measures)
    if sets is not None:
        resamples = _resample(A, B, pairs, measures, options, sets, progress)
    return tuple(map(Evaluation, measures, values, resamples, nulls))


def _resample(
    A: Sequence[Space], B: Sequence[Space], pairs: Any, measures: Sequence[Measure], options: ComparisonOptions,
    sets: Any, progress: Tell | None,
) -> list[Any]:  # fmt: skip
    """Return the values of every measure on each subsample, shape (n_resamples, n_directions, n_pairs)."""
    kept = all(space.gram is not None for space in (*A, *B))
    together = [m for m in measures if m.resamples is not None]
    found: dict[str, Any] = {}
    scratch: dict[str, Any] = {}
    for done, measure in enumerate(together):
        assert measure.resamples is not None
        found[measure.name] = measure.resamples(A, B, pairs, sets, options, scratch)
        _tell(progress, "drawing subsamples", done + 1, len(measures))
    rest = [m for m in measures if m not in together]
    if rest:
        draws = _on_each(A, B, pairs, rest, options, sets, kept)
        found |= {m.name: np.stack(draw) for m, draw in zip(rest, zip(*draws, strict=True), strict=True)}
        _tell(progress, "drawing subsamples", len(measures), len(measures))
    return [found[m.name] for m in measures]


def _on_each(
    A: Sequence[Space],
    B: Sequence[Space],
    pairs: Any,
    measures: Sequence[Measure],
    options: ComparisonOptions,
    sets: Any,
    kept: bool,
) -> list[list[Any]]:
    """Return, by subsample, the values of every measure; subsamples run side by side."""
    draws: list[list[Any]] = [[] for _ in sets]

    def work(start: int, stop: int) -> None:
        for draw in range(start, stop):
            draws[draw] = _on_one(A, B, pairs, measures, options, sets[draw], kept)

    over_tasks(work, len(sets))
    return draws


def _on_one(
    A: Sequence[Space], B: Sequence[Space], pairs: Any, measures: Sequence[Measure], options: ComparisonOptions,
    items: Any, kept: bool,
) -> list[Any]:  # fmt: skip
    quick = [kept and m.sampled is not None for m in measures]
    samples_a, samples_b = (
        ([take_sample(space, items) for space in side] for side in (A, B)) if any(quick) else ((), ())
    )
    subsets_a, subsets_b = (
        ((), ()) if all(quick) else ([space.subset(items) for space in side] for side in (A, B))
    )
    scratch: dict[str, Any] = {}
    return [
        measure.sampled(samples_a, samples_b, pairs, options, scratch)
        if fast and measure.sampled is not None
        else measure.scores(subsets_a, subsets_b, pairs, options, scratch)
        for measure, fast in zip(measures, quick, strict=True)
    ]


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
    spaces = (*a.spaces, *b.spaces)
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
