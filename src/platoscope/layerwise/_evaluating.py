"""What a comparison computes: a stack prepared beside all that it is compared with, evaluated, and labeled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.checks import in_short, word
from platoscope.errors import InputError
from platoscope.layerwise._diagnosing import diagnose, diagnose_layers
from platoscope.layerwise._labels import label
from platoscope.layerwise._stacks import make_stacks
from platoscope.measures import MEASURES, choose_measures, evaluate
from platoscope.progress import telling
from platoscope.seeds import seed_in_words, seeded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt
    import xarray as xr

    from platoscope.layerwise._stacks import Stack
    from platoscope.measures import ComparisonOptions, Evaluation, Measure
    from platoscope.neighbors import OwnMetric, Space
    from platoscope.progress import Tell

__all__ = ["check_items", "check_names", "evaluated"]


def evaluated(
    A: Any,
    others: Sequence[Any],
    options: ComparisonOptions,
    choose: Callable[[Stack, Stack], npt.NDArray[np.intp]],
    /,
    *,
    grid: bool,
    strata: Sequence[Any] | None,
    n_samples: int | None,
    block_size: int | None,
    rng: int | np.random.Generator | None,
    names: Sequence[str] | None,
    progress: Tell | bool | None,
) -> list[xr.Dataset]:
    """Evaluate all measures on the pairs of layers that `choose` finds, and label what comes out, for each of `others`."""
    measures = choose_measures(options.measures)
    check_items(options, measures)
    generator, seed = seeded(rng)
    called = {} if names is None else dict(zip(("name_a", "name_b"), check_names(names), strict=True))
    with telling(progress) as tell:
        a, stacks, strata = make_stacks(
            A,
            others,
            measures,
            options,
            generator,
            tell,
            strata=strata,
            n_samples=n_samples,
            block_size=block_size,
        )
        pairs = [choose(a, b) for b in stacks]
        found = _each_by_itself(a, stacks, pairs, measures, options, strata, generator, tell)
    results = []
    for b, mine, evaluations in zip(stacks, pairs, found, strict=True):
        result = label(
            evaluations, a, b, mine, options, seed_in_words(seed), grid=grid, stratified=strata is not None
        )
        diagnosed = (
            diagnose_layers(a, mine[:, 0], measures, options),
            diagnose_layers(b, mine[:, 1], measures, options),
        )
        results.append(diagnose(result, a, b, mine, options, diagnosed).assign_attrs(called))
    return results


@dataclass(frozen=True, eq=False)
class _InARow:
    """Several stacks as one, whose layers follow each other."""

    stacks: Sequence[Stack]

    @property
    def spaces(self) -> tuple[Space, ...]:
        return tuple(space for stack in self.stacks for space in stack.spaces)

    def answering(self, metric: str | OwnMetric, /) -> tuple[Space, ...]:
        return tuple(space for stack in self.stacks for space in stack.answering(metric))


def _each_by_itself(
    a: Stack,
    stacks: Sequence[Stack],
    pairs: Sequence[npt.NDArray[np.intp]],
    measures: Sequence[Measure],
    options: ComparisonOptions,
    strata: Sequence[Any] | None,
    rng: np.random.Generator,
    tell: Tell | None,
) -> list[tuple[Evaluation, ...]]:
    """Evaluate all pairs of `a` with all stacks at once, and return what belongs to each stack."""
    if len(stacks) == 1:
        return [evaluate(a, stacks[0], pairs[0], measures, options, strata, rng, tell)]
    before = np.cumsum([0, *(len(stack.spaces) for stack in stacks)])
    shifted = np.concatenate([mine + np.array([0, skip]) for mine, skip in zip(pairs, before, strict=False)])
    found = evaluate(a, _InARow(stacks), shifted, measures, options, strata, rng, tell)
    ends = np.cumsum([len(mine) for mine in pairs])
    return [
        tuple(one.of_pairs(slice(end - len(mine), end)) for one in found)
        for mine, end in zip(pairs, ends, strict=True)
    ]


def check_names(names: Any, n: int = 2, /) -> tuple[str, ...]:
    """Return what both sides are called, or `n` models.

    Raises
    ------
    InputError
        If it is not so many texts.
    """
    if not isinstance(names, list | tuple) or len(names) != n:
        asked = (
            "two texts, of A and of B, as ('English', 'Italian')" if n == 2 else f"{n} texts, one for each"
        )
        message = f"names must be {asked}; got {in_short(names)}."
        raise InputError(message)
    sides = ("A", "B") if n == 2 else range(1, n + 1)
    return tuple(word(f"the name of {side}", name) for side, name in zip(sides, names, strict=True))


def check_items(options: ComparisonOptions, measures: Sequence[Measure], /) -> None:
    """Refuse to tell of single items where no measure does.

    Raises
    ------
    InputError
        If so.
    """
    if options.items and not any(measure.by_item for measure in measures):
        known, asked = (
            ", ".join(measure.name for measure in group)
            for group in ([measure for measure in MEASURES.values() if measure.by_item], measures)
        )
        message = (
            f"items=True keeps what measures say of single items, and of {asked} none does. Add one that does ({known}), "
            "or leave items out."
        )
        raise InputError(message)
