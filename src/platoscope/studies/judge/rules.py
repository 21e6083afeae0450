"""The rules: what must be above zero for a statement about curves, as tables for `judging.decide`.

Each rule says its *null* (what is true where it must not hold), its *margin* (a share of an effect in the
same data, never a number from outside), and what *did not hold* means; *not decided* always means that the
numbers can tell neither from the other. docs/verdicts.md has how often each rule errs.

Minima, ranges and fits are redone inside each subsample. No rule looks at the spread of an argmin: where a
minimum lies is decided by differences of Δ between layers.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from platoscope.studies.judge.evidence import Curve
from platoscope.studies.judge.judging import Exclusive, Part, equal, higher, pooled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from platoscope.studies.judge.evidence import Quantity
    from platoscope.studies.judge.judging import Column, Table

__all__ = [
    "around_minimum",
    "bump",
    "by_parts",
    "coincides",
    "earlier_minimum",
    "falls",
    "lowest_at_the_end",
    "lowest_inside",
    "monotone",
    "nonzero",
    "not_opposed",
    "ordered",
    "same_place",
    "same_shape",
    "shared_best_layer",
    "some_step_gains_little",
    "weaker",
]

SLIGHT, TENTH, QUARTER, HALF = 0.02, 0.1, 0.25, 0.5
FIFTHS = 5
DEPTHS = tuple(i / 10 for i in range(11))
AROUND = 0.075
_ROUNDING = 1e-9  # of depths


def lowest_inside(curve: Curve, region: tuple[float, float], /, *, name: str) -> Table:
    """Claim that the curve falls from its first layer into the region and rises from it to its last layer.

    *Null*: no layer of the region is below both ends. *Margin*: a layer outside may be lower by a tenth of
    the valley's depth (the lower end minus the layer of the region), so that a plateau that reaches beyond
    the region is no contradiction. *Did not hold*: for every layer of the region, an end or a layer outside
    is certainly lower.
    """
    inside = curve.inside(*region)
    elsewhere = np.setdiff1d(np.arange(len(curve)), inside)
    columns = []
    for position in inside:
        here = curve.at(position)
        ends = [curve.at(0), curve.at(-1)]
        where = f"{name}, layer {curve.layers[position]}"
        column = [
            higher(ends[0], here, names=("first layer", where)),
            higher(ends[1], here, names=("last layer", where)),
        ]
        if len(elsewhere):
            valley = curve.take(np.array([0, len(curve) - 1])).minimum() - here
            room = curve.take(elsewhere).minimum() - here + valley * TENTH
            column.append(Part(f"{where}: lowest outside minus this, with a tenth of the valley,", room))
        columns.append(column)
    return columns


def lowest_at_the_end(curve: Curve, /, *, name: str) -> Table:
    """Claim that the curve falls from its first to its last layer, and that no layer is lower than the last.

    *Null*: no fall, or a layer before the last that is lower. *Margin*: a layer may be lower by a quarter of
    the fall, so that a plateau at the end is no contradiction. *Did not hold*: the curve certainly does not
    fall, or some layer is certainly lower by more.
    """
    last, fall = curve.at(-1), curve.at(0) - curve.at(-1)
    column = [Part(f"{name}: first minus last layer", fall)]
    for i in range(1, len(curve) - 1):
        room = curve.at(i) - last + fall * QUARTER
        column.append(Part(f"{name}: layer {curve.layers[i]} minus last, with a quarter of the fall,", room))
    return [column]


def falls(curve: Curve, /, *, name: str) -> Table:
    """Claim that the curve falls from layer to layer.

    *Null*: no fall from first to last, or a rise on the way. *Margin*: a layer may lie above any before it by
    a quarter of the whole fall. *Did not hold*: the curve certainly does not fall, or some layer certainly
    lies higher above an earlier one.
    """
    fall = curve.at(0) - curve.at(-1)
    column = [Part(f"{name}: first minus last layer", fall)]
    for i in range(1, len(curve)):
        room = curve.take(np.arange(i)).minimum() - curve.at(i) + fall * QUARTER
        words = f"{name}: lowest before layer {curve.layers[i]} minus it, with a quarter of the fall,"
        column.append(Part(words, room))
    return [column]


def ordered(numbers: Mapping[str, Quantity], /, *, name: str) -> Table:
    """Claim that the numbers rise from each to the next.

    *Null*: two neighbors are equal or in the other order. No margin. *Did not hold*: two neighbors are
    certainly in the other order.
    """
    pairs = itertools.pairwise(numbers.items())
    return [[higher(high, low, names=(f"{name}: {b}", a)) for (a, low), (b, high) in pairs]]


def monotone(numbers: Mapping[str, Quantity], /, *, name: str) -> Table:
    """Claim that the numbers rise from the first to the last, and no step goes back.

    *Null*: the last is not above the first, or a step goes back. *Margin*: a step may go back by a tenth of
    the whole rise, so that steps too small to be told from none do not count against it. *Did not hold*:
    the whole is certainly no rise, or a step certainly goes back by more.
    """
    if len(numbers) < 2:
        return [[]]
    (first, low), *_, (last, high) = numbers.items()
    rise = high - low
    column = [higher(high, low, names=(f"{name}: {last}", first))]
    for (a, one), (b, other) in itertools.pairwise(numbers.items()):
        step = other - one
        column.append(Part(f"{name}: {b} minus {a}, with a tenth of the whole,", step + rise * TENTH))
    return [column]


def some_step_gains_little(numbers: Sequence[tuple[str, Quantity]], gain: Quantity, /, *, name: str) -> Table:
    """Claim that the numbers do not fall step by step: some step falls by little, by nothing, or rises.

    *Null*: every step falls. *Margin*: "little" is below a tenth of `gain`, the whole fall of a family that
    does fall. *Did not hold*: every step certainly falls by more.
    """
    return [
        [Part(f"{name}, {a} to {b}: a tenth of {gain} minus the fall", gain * TENTH - (one - other))]
        for (a, one), (b, other) in itertools.pairwise(numbers)
    ]


def not_opposed(members: Mapping[str, Quantity], /, *, name: str) -> Table:
    """Claim that a family of numbers is above zero on average, and no member opposes it.

    *Null*: the mean is zero or below, or a member opposes. *Margin*: a member opposes where it lies on the
    other side by more than half of the mean. *Did not hold*: the mean is certainly below zero, or a member
    certainly opposes.
    """
    mean = pooled(list(members.values()))
    if len(members) == 1:
        return [[Part(f"{next(iter(members))}: {name}", mean)]]
    column = [Part(f"{name}, mean of {len(members)}", mean)]
    column += [
        Part(f"{label}: {name} {one}; with half of the mean", one + mean * HALF)
        for label, one in members.items()
    ]
    return [column]


def weaker(gap: Quantity, effect: Quantity, /, *, margin: float, words: str) -> Table:
    """Claim that a gap is smaller than a share of an effect, whatever the signs of both.

    *Null*: the gap is as large as that share, or larger; so it is where there is no effect. *Margin*: the
    share. *Did not hold*: the gap is certainly larger.
    """
    return Exclusive(equal(gap, effect * sign, margin=margin, words=words) for sign in (1.0, -1.0))


def nonzero(gap: Quantity, scale: Quantity, /, *, share: float, words: str) -> Table:
    """Claim that a gap is there, of whatever sign: larger than a share of a number of the same data.

    *Null*: no gap. *Margin*: the share, below which a gap is none. *Did not hold*: the gap is certainly
    smaller than that share.
    """
    told = f"{words} {gap}; beyond {share:.0%} of {scale}"
    return Exclusive([Part(told, gap * sign - scale * share)] for sign in (1.0, -1.0))


def by_parts(curve: Curve, n: int, /, *, region: tuple[float, float] = (0.0, 1.0)) -> dict[str, Quantity]:
    """Give the means over `n` equal parts of a region of depth, by their limits.

    Single layers are noisy, and the more of them must pass, the less is decided.
    """
    edges = np.linspace(*region, n + 1)
    return {
        f"depth {low:.2f} to {high:.2f}": curve.select(low, high).mean()
        for low, high in itertools.pairwise(edges)
    }


def coincides(curve: Curve, reference: Curve, /, *, name: str) -> Table:
    """Claim that two curves are the same, in each fifth of the depth.

    *Null*: in some fifth their means lie apart by the margin or more. *Margin*: a quarter of the range of the
    reference over its layers. *Did not hold*: in some fifth they are certainly farther apart.
    """
    span = reference.range()
    ours, others = by_parts(curve, FIFTHS), by_parts(reference, FIFTHS)
    column: list[Part] = []
    for where, mean in ours.items():
        words = f"{name}, {where}: difference"
        column += equal(mean - others[where], span, margin=QUARTER, words=words)
    return [column]


def same_shape(curve: Curve, reference: Curve, /, *, name: str) -> Table:
    """Claim that a curve is the reference, shifted and stretched, in each fifth of the depth.

    The line ``curve = a + b · reference`` is fitted over layers of equal relative depth inside each
    subsample. *Null*: b is not above zero, or in some fifth the curve lies off the line by the margin or more.
    *Margin*: a quarter of the curve's own range. *Did not hold*: b is certainly below zero, or some fifth is
    certainly farther off.
    """
    nearest = np.array([int(np.abs(reference.depth - depth).argmin()) for depth in curve.depth])
    fitted = curve.beside(reference.take(nearest)).map(_fit)
    span, n = curve.range(), len(curve)
    column = [Part(f"{name}: stretch of the reference", fitted.at(n))]
    for where, mean in by_parts(fitted.take(np.arange(n)), FIFTHS).items():
        column += equal(mean, span, margin=QUARTER, words=f"{name}, {where}: off the line")
    return [column]


def _fit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give what is left of the first half of the columns after a line in the second half, and its slope."""
    y, x = np.split(rows, 2, axis=1)
    y, x = y - y.mean(axis=1, keepdims=True), x - x.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):  # a flat reference has no line
        slope = (x * y).sum(axis=1, keepdims=True) / (x * x).sum(axis=1, keepdims=True)
    return np.concatenate([y - slope * x, slope], axis=1)


def earlier_minimum(early: Curve, late: Curve, /, *, names: tuple[str, str]) -> Table:
    """Claim that one curve has its minimum at a smaller depth than another.

    It has where there are two depths such that the one is about its best at the smaller and worse at the
    larger, and the other about its best at the larger and worse at the smaller. A depth is the mean over
    the layers around it. *Null*: there are no such depths. *Margin*: about its best is within a quarter of a
    curve's range of its lowest; worse has none. *Did not hold*: every two depths certainly fail in one of
    these.
    """
    windows = [dict(_windows(curve)) for curve in (early, late)]
    room = [_about_the_best(curve, window) for curve, window in zip((early, late), windows, strict=True)]
    columns = []
    for before, after in itertools.combinations(DEPTHS, 2):
        column = []
        for i, (best, worse) in enumerate(((before, after), (after, before))):
            at = windows[i]
            told = (f"{names[i]}: at depth {worse:.2f}", f"at {best:.2f}")
            column.append(higher(at[worse], at[best], names=told))
            told_room = f"{names[i]}: lowest minus that at depth {best:.2f}, with a quarter of the range,"
            column.append(Part(told_room, room[i] - at[best]))
        columns.append(column)
    return columns


def _windows(curve: Curve) -> Iterator[tuple[float, Quantity]]:
    """Give the mean over the layers around each of the depths."""
    for depth in DEPTHS:
        yield depth, curve.select(depth - AROUND, depth + AROUND).mean()


def _about_the_best(curve: Curve, windows: Mapping[float, Quantity]) -> Quantity:
    """Give the lowest window and a quarter of the range of the windows."""
    values = np.array([window.value for window in windows.values()])
    draws = np.stack([window.resamples for window in windows.values()], axis=1)
    seen = Curve(values, draws, np.array(DEPTHS), np.arange(len(DEPTHS)), curve.n_samples, curve.size)
    return seen.minimum() * (1 - QUARTER) + seen.maximum() * QUARTER


def shared_best_layer(curves: Mapping[str, Curve], /, *, name: str) -> Table:
    """Claim that one layer is as good as the best for every curve; the smallest value is the best.

    *Null*: every layer is off the best of some curve by the margin or more. *Margin*: a quarter of the curve's
    range over its layers. *Did not hold*: every layer is certainly farther off for some curve. A layer without
    a value (CKA of rows that are all equal) is left out, and named.
    """
    lowest = {label: (curve.known().minimum(), curve.known().range()) for label, curve in curves.items()}
    first, *others = curves.values()
    together = sum(others, first)
    defined = np.isfinite(together.values)
    return [
        [
            Part(
                f"{name}{together.without()}, layer {layer}, {label}: best minus this, with a quarter of the range,",
                lowest[label][0] - curve.at(i) + lowest[label][1] * QUARTER,
            )
            for label, curve in curves.items()
        ]
        for i, layer in enumerate(first.layers)
        if defined[i] or not defined.any()
    ]


def same_place(curves: Mapping[str, Curve], /, *, within: float) -> Table:
    """Claim that curves over the same layers are all lowest around one layer: `within` of its relative depth.

    *Null*: around every layer, some curve is not lower than it is beyond. *Margin*: the reach; what is lowest around one
    layer lies no farther apart than twice of it. *Did not hold*: around every layer, some curve is certainly lower beyond.
    """
    first = next(iter(curves.values()))
    columns = []
    for here, depth in enumerate(first.depth):
        near = np.abs(first.depth - depth) <= within + _ROUNDING
        column = []
        for name, curve in curves.items():
            room = curve.take(np.flatnonzero(~near)).minimum() - curve.take(np.flatnonzero(near)).minimum()
            where = f"more than {within:g} of the depth away from layer {first.layers[here]}"
            column.append(Part(f"{name}: lowest {where}, minus lowest around it,", room))
        columns.append(column)
    return columns


def bump(curve: Curve, region: tuple[float, float], /, *, name: str) -> Table:
    """Claim that the curve starts low, has a peak in the region, and is lower again after it in the region.

    *Null*: no layer of the region is above both the first layer and the lowest after it. No margin. *Did not
    hold*: every layer of the region is certainly below one of them.
    """
    inside = curve.inside(*region)
    columns: list[Column] = []
    for i, position in enumerate(inside[:-1]):
        peak, after = curve.at(position), curve.take(inside[i + 1 :]).minimum()
        where = f"{name}, layer {curve.layers[position]}"
        columns.append(
            [
                higher(peak, curve.at(0), names=(where, "first layer")),
                higher(peak, after, names=(where, "lowest after it")),
            ]
        )
    return columns


def around_minimum(delta: Curve, other: Curve, /) -> Quantity:
    """Give the mean of `other` over the layers where `delta` is within a tenth of its range of its minimum.

    The layers are chosen inside each subsample. The range makes the choice relative to the profile at hand.
    """

    def mean(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        values, wanted = np.split(rows, 2, axis=1)
        low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
        near = values <= low + TENTH * (high - low)
        with np.errstate(invalid="ignore"):  # no layer is near where one has no value
            return np.asarray((wanted * near).sum(axis=1) / near.sum(axis=1))

    return delta.beside(other).reduce(mean)
