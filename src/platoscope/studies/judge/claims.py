"""Claims about profiles that several studies make, each a small function that builds a `Statement`.

Words need numbers to be judged; where the paper gives none, these are ours, and the evidence repeats them:
the *middle* is relative depth 0.25 to 0.75, the *first layers* reach to 0.1, the *last quarter* starts at
0.75; *about zero* is within 0.05 and *about one* within 0.1. Unless a direction is named, Δ is the mean of
both directions.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from platoscope.studies.design.records import Finding, Statement
from platoscope.studies.judge.evidence import Quantity, curve, mean_of_directions
from platoscope.studies.judge.judging import all_of, below, close, over, under

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import xarray as xr

    from platoscope.studies.judge.evidence import Curve

__all__ = [
    "ABOUT_ONE",
    "ABOUT_ZERO",
    "FIRST",
    "LAST_QUARTER",
    "MIDDLE",
    "SECOND_HALF",
    "asymmetry_sign",
    "asymmetry_zero_at_minimum",
    "each",
    "last_below_first",
    "minimum_at_the_end",
    "minimum_in_the_middle",
    "null_at_one",
    "rising",
    "same_shape",
    "shuffled_at_one",
]

FIRST = (0.0, 0.1)
MIDDLE = (0.25, 0.75)
SECOND_HALF = (0.5, 1.0)
LAST_QUARTER = (0.75, 1.0)
ABOUT_ZERO = 0.05
ABOUT_ONE = 0.1
SAME_SHAPE = 0.9


def each(labels: Sequence[str], judge: Callable[[str, xr.Dataset], Finding], /, *, text: str) -> Statement:
    """Claim that `judge` holds for every one of `labels`."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        return all_of([judge(label, results[label]) for label in labels])

    return Statement(text, tuple(labels), check)


def minimum_in_the_middle(*labels: str, text: str, axis: str = "relative_depth_a") -> Statement:
    """Claim that Δ falls from the first layer to the middle and rises again to the last, in every profile.

    A plateau that reaches beyond the middle does not contradict it; a lower Δ outside the middle does.
    """

    def judge(label: str, result: xr.Dataset) -> Finding:
        delta = mean_of_directions(result, axis=axis)
        best, elsewhere = delta.select(*MIDDLE).minimum(), delta.outside(*MIDDLE).minimum()
        where = "in the middle" if best.value < elsewhere.value else "outside the middle"
        name = f"{label}: the minimum lies {where}, at {_place(delta)}; in the middle"
        rises = all_of(
            [
                below(best, delta.at(0), names=(name, "at the first layer")),
                below(best, delta.at(-1), names=("In the middle", "at the last layer")),
            ]
        )
        contradiction = below(elsewhere, best, names=("Outside the middle", "in it"))
        if contradiction.answer == "held":
            return Finding("did not hold", f"{rises.evidence} {contradiction.evidence}")
        return rises

    return each(labels, judge, text=text)


def minimum_at_the_end(*labels: str, text: str, axis: str = "relative_depth_a") -> Statement:
    """Claim that Δ is smaller at the last layer than at any before it, in every profile."""

    def judge(label: str, result: xr.Dataset) -> Finding:
        delta = mean_of_directions(result, axis=axis)
        before = delta.take(np.arange(len(delta.values) - 1))
        name = f"{label}: smallest Δ at {_place(delta)}; last layer"
        return below(delta.at(-1), before.minimum(), names=(name, "best before it"))

    return each(labels, judge, text=text)


def last_below_first(*labels: str, text: str) -> Statement:
    """Claim that Δ is smaller at the last layer than at the first, in every profile."""

    def judge(label: str, result: xr.Dataset) -> Finding:
        delta = mean_of_directions(result)
        return below(delta.at(-1), delta.at(0), names=(f"{label}: Δ at the last layer", "at the first"))

    return each(labels, judge, text=text)


def rising(
    *labels: str, text: str, region: tuple[float, float] | None = None, axis: str = "relative_depth_a"
) -> Statement:
    """Claim that Δ rises from each label to the next: its smallest value, or its mean over a region of depth."""

    def number(result: xr.Dataset) -> Quantity:
        delta = mean_of_directions(result, axis=axis)
        return delta.minimum() if region is None else delta.select(*region).mean()

    what = "smallest Δ" if region is None else f"mean Δ at depth {region[0]:g} to {region[1]:g}"

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        pairs = itertools.pairwise(labels)
        return all_of(
            [
                below(number(results[low]), number(results[high]), names=(f"{what}: {low}", high))
                for low, high in pairs
            ]
        )

    return Statement(text, labels, check)


def asymmetry_sign(*labels: str, region: tuple[float, float], negative: bool, text: str) -> Statement:
    """Claim the sign of the mean asymmetry δ = Δ(A→B) − Δ(B→A) over a region; negative says that A knows more."""

    def judge(label: str, result: xr.Dataset) -> Finding:
        delta = curve(result, "asymmetry").select(*region).mean()
        name = f"{label}: mean asymmetry at depth {region[0]:g} to {region[1]:g}"
        return under(delta, 0.0, name=name) if negative else over(delta, 0.0, name=name)

    return each(labels, judge, text=text)


def asymmetry_zero_at_minimum(*labels: str, text: str) -> Statement:
    """Claim that both directions agree at the layer where the mean of both is smallest."""

    def judge(label: str, result: xr.Dataset) -> Finding:
        mean = mean_of_directions(result)
        name = f"{label}: asymmetry at {_place(mean)}, where Δ is smallest,"
        return close(curve(result, "asymmetry").at(mean.argmin()), 0.0, tolerance=ABOUT_ZERO, name=name)

    return each(labels, judge, text=text)


def same_shape(reference: str, *labels: str, text: str) -> Statement:
    """Claim that each profile of Δ correlates with the reference's by more than 0.9 (Pearson, over layers)."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        base = mean_of_directions(results[reference])
        return all_of(
            [
                over(
                    _correlation(base, mean_of_directions(results[label])),
                    SAME_SHAPE,
                    name=f"{label}: correlation with {reference}",
                )
                for label in labels
            ]
        )

    return Statement(text, (reference, *labels), check)


def shuffled_at_one(*labels: str, text: str) -> Statement:
    """Claim that misaligned pairs give Δ about 1: the mean over layers in each direction.

    One shuffle moves all layers together, so the layers are judged by their mean; `null_at_one` judges
    every layer.
    """

    def judge(label: str, result: xr.Dataset) -> Finding:
        return all_of(
            [
                close(
                    curve(result, direction=direction).mean(),
                    1.0,
                    tolerance=ABOUT_ONE,
                    name=f"{label}, {direction.replace('_', ' ')}: mean Δ over layers of shuffled pairs",
                )
                for direction in ("a_to_b", "b_to_a")
            ]
        )

    return each(labels, judge, text=text)


def null_at_one(*labels: str, text: str) -> Statement:
    """Claim that the mean over permutations of the pairing is about 1 at every layer, in both directions."""

    def judge(label: str, result: xr.Dataset) -> Finding:
        null = result.get("information_imbalance_null")
        if null is None:
            return Finding("not decided", f"{label}: no permutations were asked for.")
        spread = result.get("information_imbalance_null_sd")
        count = int(result.attrs["n_permutations"])
        flat = np.asarray(null, dtype=np.float64).ravel()
        worst = int(np.abs(flat - 1.0).argmax())
        sd = np.nan if spread is None else float(np.asarray(spread, dtype=np.float64).ravel()[worst])
        name = f"{label}: layer farthest from 1, mean over {count} shuffles of its Δ"
        return close(
            Quantity.known(float(flat[worst]), sd / np.sqrt(count)), 1.0, tolerance=ABOUT_ONE, name=name
        )

    return each(labels, judge, text=text)


def _place(delta: Curve) -> str:
    """Where a curve is smallest, in words."""
    best = delta.argmin()
    return f"layer {delta.layers[best]} (depth {delta.depth[best]:.2f})"


def _correlation(base: Curve, other: Curve) -> Quantity:
    """Pearson correlation of two curves over the same layers, on all items and on each subsample."""

    def pearson(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.corrcoef(x, y)[0, 1])

    each_sample = np.array([pearson(x, y) for x, y in zip(base.resamples, other.resamples, strict=True)])
    return Quantity.from_resamples(
        pearson(base.values, other.values), each_sample, factor=base.factor, subsamples=base.subsamples
    )
