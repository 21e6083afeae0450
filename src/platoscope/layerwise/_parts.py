"""One comparison in parts that any process may compute: pairs of layers, or draws, joined again to the same bits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from platoscope.layerwise._diagnosing import Diagnosed, diagnose, diagnose_layers
from platoscope.layerwise._evaluating import check_items
from platoscope.layerwise._labels import label
from platoscope.layerwise._layer_stack import ArrayStack
from platoscope.layerwise._matching import choose_pairs, every_pair
from platoscope.layerwise._stacks import item_names, make_stacks
from platoscope.layerwise._told import ToldLayer, ToldStack
from platoscope.measures import (
    ALL_DRAWS,
    Evaluation,
    ItemValues,
    Share,
    by_draws,
    choose_measures,
    evaluate,
    most_shares,
    tied_null,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import xarray as xr

    from platoscope.layerwise._layer_stack import LayerStack
    from platoscope.layerwise._stacks import Stack
    from platoscope.measures import ComparisonOptions, Measure

__all__ = ["FoundPart", "Numbers", "SplitComparison", "split_comparison"]


@dataclass(frozen=True)
class _Part:
    """Pairs of layers by their numbers, the measures that are taken of them, and which of the draws."""

    pairs: npt.NDArray[np.intp]
    measures: tuple[str, ...]
    share: Share = ALL_DRAWS
    whole: bool = False
    """Whether all layers of both sides are at hand, in a pair or not: products round by how many there are."""
    tells: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())
    """The layers of either side that this part describes, and no part before it."""


@dataclass(frozen=True)
class FoundPart:
    """What a part gives: numbers per pair of layers, draw and item, and what its layers are like."""

    evaluations: dict[str, Numbers]
    told: tuple[dict[int, ToldLayer], dict[int, ToldLayer]]
    diagnosed: tuple[Diagnosed, Diagnosed]


@dataclass(frozen=True)
class Numbers:
    """An `Evaluation` without its measure, which cannot travel."""

    values: npt.NDArray[np.float64]
    resamples: npt.NDArray[np.float64] | None
    null: npt.NDArray[np.float64] | None
    permutations: npt.NDArray[np.intp] | None
    by_item: dict[str, ItemValues]


@dataclass(frozen=True, kw_only=True)
class SplitComparison:
    """A comparison of two stacks of layers, cut into parts; made by `split_comparison`.

    Parameters
    ----------
    A, B : LayerStack
        The two sides.
    pairs : ndarray of shape (n_pairs, 2)
        The layers that are compared, by position.
    grid : bool
        Whether these are all pairs.
    options : ComparisonOptions
        With measures of the table.
    strata : sequence or None
        The group of each item.
    seed : int
        Of subsamples and permutations: every part draws all of them, and takes its own.
    n_parts : int
        How many were asked for, of each kind.
    """

    A: LayerStack
    B: LayerStack
    pairs: npt.NDArray[np.intp] = field(repr=False)
    grid: bool
    options: ComparisonOptions
    strata: Sequence[Any] | None = field(repr=False)
    seed: int
    n_parts: int

    @cached_property
    def _measures(self) -> tuple[Measure, ...]:
        return choose_measures(self.options.measures)

    @cached_property
    def parts(self) -> tuple[_Part, ...]:
        """The parts, the same for the same `n_parts`: blocks of layers; draws of what reads all layers at once."""
        apart, together = by_draws(self._measures)
        everything = np.arange(len(self.pairs))
        found = []
        if apart:
            names = tuple(measure.name for measure in apart)
            found += [_Part(some, names) for some in self._blocks()]
        if together:
            names = tuple(measure.name for measure in together)
            n_layers = len(self.A.layers), len(self.B.layers)
            n = min(self.n_parts, most_shares(n_layers, len(self.pairs), self.options))
            found += [_Part(everything, names, Share(place, n), whole=True) for place in range(n)]
        told: tuple[set[int], set[int]] = (set(), set())
        for place, part in enumerate(found):
            used = [set(side.tolist()) for side in self.pairs[part.pairs].T]
            tells = tuple(frozenset(side - before) for side, before in zip(used, told, strict=True))
            found[place] = replace(part, tells=(tells[0], tells[1]))
            for before, side in zip(told, used, strict=True):
                before |= side
        return tuple(found)

    def _blocks(self) -> list[npt.NDArray[np.intp]]:
        """Cut the pairs so that each block has few layers: of a grid rectangles, of a profile runs."""
        if not self.grid:
            return np.array_split(np.arange(len(self.pairs)), min(self.n_parts, len(self.pairs)))
        n_a, n_b = len(self.A.layers), len(self.B.layers)
        shapes = [(i, self.n_parts // i) for i in range(1, self.n_parts + 1)]
        cut = min(
            ((min(i, n_a), min(j, n_b)) for i, j in shapes),
            key=lambda shape: -(-n_a // shape[0]) - (-n_b // shape[1]),
        )
        numbers = np.arange(n_a * n_b).reshape(n_a, n_b)
        return [
            block.ravel()
            for rows in np.array_split(numbers, cut[0])
            for block in np.array_split(rows, cut[1], axis=1)
        ]

    def compute(self, place: int, /) -> FoundPart:
        """Compute the part at a place, of the layers that it needs alone.

        Raises
        ------
        InputError, MemoryPlanError
            As `platoscope.compare`.
        """
        part = self.parts[place]
        pairs = self.pairs[part.pairs]
        every = [np.arange(len(stack.layers)) for stack in (self.A, self.B)]
        used = every if part.whole else [np.unique(side) for side in pairs.T]
        here = np.stack(
            [np.searchsorted(layers, side) for layers, side in zip(used, pairs.T, strict=True)], axis=1
        )
        rng = np.random.default_rng(self.seed)
        a, (b,), strata = make_stacks(
            _some_layers(self.A, used[0]), [_some_layers(self.B, used[1])], self._measures, self.options, rng, None,
            strata=self.strata, n_samples=None, block_size=None,
        )  # fmt: skip
        measures = [measure for measure in self._measures if measure.name in part.measures]
        found = evaluate(a, b, here, measures, self.options, strata, rng, None, share=part.share)
        described = [
            self._describe(stack, layers, tells)
            for stack, layers, tells in zip((a, b), used, part.tells, strict=True)
        ]
        return FoundPart(
            {
                done.measure.name: Numbers(
                    done.values, done.resamples, done.null, done.permutations, dict(done.by_item)
                )
                for done in found
            },
            (described[0][0], described[1][0]),
            (described[0][1], described[1][1]),
        )

    def _describe(
        self, stack: Stack, layers: npt.NDArray[np.intp], tells: frozenset[int]
    ) -> tuple[dict[int, ToldLayer], Diagnosed]:
        here = {int(layer): place for place, layer in enumerate(layers) if int(layer) in tells}
        found = diagnose_layers(stack, here.values(), self._measures, self.options)
        told = {layer: ToldLayer.of(stack.spaces[place]) for layer, place in here.items()}
        return told, {layer: found[place] for layer, place in here.items()}

    def joined(self, found: Sequence[FoundPart], /) -> xr.Dataset:
        """Return what `platoscope.compare` or `profile` returns, given what all parts gave, in their order."""
        told, diagnosed = [], []
        for side in (0, 1):
            told.append({layer: one for part in found for layer, one in part.told[side].items()})
            diagnosed.append({layer: one for part in found for layer, one in part.diagnosed[side].items()})
        n_items = next(iter(told[0].values())).n_samples
        items = item_names([self.A.ids, self.B.ids], n_items, None)
        a, b = (_told_stack(stack, of, items) for stack, of in zip((self.A, self.B), told, strict=True))
        evaluations = tuple(self._joined(measure, found, n_items) for measure in self._measures)
        result = label(
            evaluations, a, b, self.pairs, self.options, str(self.seed), grid=self.grid,
            stratified=self.strata is not None,
        )  # fmt: skip
        return diagnose(result, a, b, self.pairs, self.options, (diagnosed[0], diagnosed[1]))

    def _joined(self, measure: Measure, found: Sequence[FoundPart], n_items: int) -> Evaluation:
        """Put the numbers of one measure together."""
        mine = [
            (part, done.evaluations[measure.name])
            for part, done in zip(self.parts, found, strict=True)
            if measure.name in part.measures
        ]
        if not measure.permutes_matrices:
            return self._of_pairs(measure, mine)
        values = mine[0][1].values
        drawn = [numbers.resamples for _, numbers in mine if numbers.resamples is not None]
        null = None
        if self.options.n_permutations and measure.null is not None:
            null = np.empty((self.options.n_permutations, *values.shape))
            for _, numbers in mine:
                if numbers.null is not None:
                    null[numbers.permutations] = numbers.null
            null = tied_null(values, null, best=measure.identity(n_items, self.options))
        return Evaluation(measure, values, np.concatenate(drawn) if drawn else None, null)

    def _of_pairs(self, measure: Measure, mine: Sequence[tuple[_Part, Numbers]]) -> Evaluation:
        places = np.argsort(np.concatenate([part.pairs for part, _ in mine]))

        def along(axis: int, each: Sequence[Any]) -> Any:
            if each[0] is None:
                return None
            return np.take(np.concatenate(each, axis=axis), places, axis=axis)

        numbers = [each for _, each in mine]
        by_item = {
            name: ItemValues(along(1, [each.by_item[name].values for each in numbers]), first.of)
            for name, first in numbers[0].by_item.items()
        }
        return Evaluation(
            measure,
            along(-1, [each.values for each in numbers]),
            along(-1, [each.resamples for each in numbers]),
            along(-1, [each.null for each in numbers]),
            by_item,
        )


def split_comparison(
    A: LayerStack,
    B: LayerStack,
    n_parts: int,
    /,
    *,
    options: ComparisonOptions,
    strata: Sequence[Any] | None,
    seed: int,
    match: Literal["index", "relative_depth"] | None = None,
    layer_a: int | None = None,
    layer_b: int | None = None,
) -> SplitComparison:
    """Cut a comparison into about `n_parts`, and again as many where measures read all layers at once.

    What `platoscope.compare` does, or with `match` what `platoscope.profile` does, on all items and with measures of the
    table. Joined parts are the same to the last bit, whoever computed them.

    Raises
    ------
    InputError, NotFoundError
        As `platoscope.profile`.
    """
    check_items(options, choose_measures(options.measures))
    if match is None:
        pairs = every_pair(len(A.layers), len(B.layers))
    else:
        depths = A.relative_depth, B.relative_depth
        pairs = choose_pairs((A.layers, B.layers), depths, match=match, layer_a=layer_a, layer_b=layer_b)
    return SplitComparison(
        A=A, B=B, pairs=pairs, grid=match is None, options=options, strata=strata, seed=seed, n_parts=n_parts
    )


def _some_layers(stack: LayerStack, layers: npt.NDArray[np.intp]) -> ArrayStack:
    return ArrayStack(
        tuple(partial(stack.parts, int(layer)) for layer in layers),
        tuple(stack.layers[layer] for layer in layers),
        np.asarray(stack.relative_depth, np.float64)[layers],
        None if stack.ids is None else tuple(stack.ids),
        stack.provenance,
    )


def _told_stack(stack: LayerStack, told: dict[int, ToldLayer], items: Any) -> ToldStack:
    any_layer = next(iter(told.values()))
    return ToldStack(
        tuple(told.get(place, any_layer) for place in range(len(stack.layers))),
        tuple(stack.layers),
        np.asarray(stack.relative_depth, np.float64),
        dict(stack.provenance),
        items,
    )
