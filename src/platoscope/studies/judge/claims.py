"""Statements that several studies make: the curves they read, and the rule that decides them.

Words need numbers to be judged; where the paper gives none, these are ours, and the evidence repeats them:
the *middle* is relative depth 0.25 to 0.75, the *first layers* reach to 0.1, *before the middle* is what
follows them up to 0.5, the *last quarter* starts at 0.75. Unless a direction is named, Δ is the mean of both
directions. Margins stand in `platoscope.studies.judge.rules`.

That shuffled pairs have Δ = 1 *on average over shuffles* is no claim: it is the estimator's identity,
whatever the data.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Literal

from platoscope.arguments import sequence
from platoscope.checks import flag, in_short, number, one_of
from platoscope.errors import InputError
from platoscope.layerwise import FEWEST_RESAMPLES, difference
from platoscope.studies.design.records import Finding, Statement
from platoscope.studies.judge import rules
from platoscope.studies.judge.evidence import Quantity, curve, mean_of_directions
from platoscope.studies.judge.judging import Part, decide, pooled
from platoscope.studies.judge.several_spaces import about_asymmetry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import xarray as xr

    from platoscope.studies.judge.judging import Table

__all__ = [
    "BEFORE_THE_MIDDLE",
    "FIRST",
    "LAST_QUARTER",
    "MIDDLE",
    "SECOND_HALF",
    "asymmetry_sign",
    "asymmetry_zero_at_minimum",
    "coincide",
    "each",
    "last_below_first",
    "minimum_at_the_end",
    "minimum_in_the_middle",
    "rising",
    "same_shape",
    "shares_more",
    "shuffled_at_one",
]

FIRST = (0.0, 0.1)
BEFORE_THE_MIDDLE = (0.1 + 1e-6, 0.5)
MIDDLE = (0.25, 0.75)
SECOND_HALF = (0.5, 1.0)
LAST_QUARTER = (0.75, 1.0)


def each(labels: Sequence[str], table: Callable[[str, xr.Dataset], Table], /, *, text: str) -> Statement:
    """Claim what `table` says for every one of `labels`; they are decided together."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        return decide(*(table(label, results[label]) for label in labels))

    return Statement(text, tuple(labels), check)


def minimum_in_the_middle(*labels: str, text: str, axis: str = "relative_depth_a") -> Statement:
    """Claim that Δ falls from the first layer to the middle and rises again to the last, in every profile."""
    return each(
        labels,
        lambda label, result: rules.lowest_inside(mean_of_directions(result, axis=axis), MIDDLE, name=label),
        text=text,
    )


def minimum_at_the_end(*labels: str, text: str, axis: str = "relative_depth_a") -> Statement:
    """Claim that Δ falls to the last layer and that none before it is lower, in every profile."""
    return each(
        labels,
        lambda label, result: rules.lowest_at_the_end(mean_of_directions(result, axis=axis), name=label),
        text=text,
    )


def last_below_first(*labels: str, text: str) -> Statement:
    """Claim that Δ is smaller at the last layer than at the first, in every profile."""

    def table(label: str, result: xr.Dataset) -> Table:
        delta = mean_of_directions(result)
        return rules.ordered({"last layer": delta.at(-1), "first layer": delta.at(0)}, name=label)

    return each(labels, table, text=text)


def rising(
    *labels: str, text: str, region: tuple[float, float] | None = None, axis: str = "relative_depth_a"
) -> Statement:
    """Claim that Δ rises from each label to the next: its smallest value, or its mean over a region of depth."""
    region = None if region is None else _ends(region)

    def number(result: xr.Dataset) -> Quantity:
        delta = mean_of_directions(result, axis=axis)
        return delta.minimum() if region is None else delta.select(*region).mean()

    what = "smallest Δ" if region is None else f"mean Δ at depth {region[0]:g} to {region[1]:g}"

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        return decide(rules.ordered({label: number(results[label]) for label in labels}, name=what))

    return Statement(text, labels, check)


def shares_more(*labels: str, text: str, at: Literal["best", "depth"] = "best") -> Statement:
    """Claim that each label shares more than the next: at the best layer of each, or on average over the depth.

    The difference is that of `platoscope.difference`, which takes two profiles of the same items.
    """
    one_of("at", at, ("best", "depth"))

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        drawn = min(results[label].sizes.get("resample", 0) for label in labels)
        if drawn < FEWEST_RESAMPLES:
            few = f"{drawn} subsamples decide nothing; take at least {FEWEST_RESAMPLES}."
            return Finding("not decided", few)
        try:
            return decide([[_shared_more(results, *two, at=at) for two in itertools.pairwise(labels)]])
        except InputError as error:  # such as no depth in common; other statements can still be judged
            return Finding("not decided", str(error))

    return Statement(text, labels, check)


def _shared_more(results: Mapping[str, xr.Dataset], more: str, less: str, *, at: str) -> Part:
    found = difference(results[less], results[more]).sel(direction="mean")
    name = "best_difference" if at == "best" else "mean_difference"
    n_samples = int(found.attrs["n_samples"])
    size = round(float(found.attrs["resample_fraction"]) * n_samples)
    # A layer that has no value may be the best.
    value = float(found[name]) if found["difference_se"].notnull().all() else math.nan
    gap = Quantity(value, found[f"{name}_resamples"].values, n_samples, size)
    if at == "depth":
        return Part(f"mean Δ over the depth of {less} minus that of {more}", gap)
    depths = [float(found[f"best_depth_{which}"]) for which in ("first", "second")]
    where = f"smallest Δ of {less} (at depth {depths[0]:.2f}) minus that of {more} (at depth {depths[1]:.2f})"
    return Part(where, gap)


def asymmetry_sign(
    *labels: str, region: tuple[float, float], negative: bool, text: str, last: bool = True
) -> Statement:
    """Claim the sign of the mean asymmetry δ = Δ(A→B) − Δ(B→A) over a region; negative says that A knows more.

    Several profiles are a family: their mean must have the sign, and none may oppose it. Without `last` the
    last layer is left out of the region.
    """
    region = _ends(region)
    flag("negative", negative)
    flag("last", last)

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        sign = -1.0 if negative else 1.0
        members = {label: asymmetry_over(results[label], region, last=last) * sign for label in labels}
        name = f"{'minus the ' if negative else ''}asymmetry at depth {region[0]:g} to {region[1]:g}"
        return decide(rules.not_opposed(members, name=name))

    return about_asymmetry(text, labels, check)


def asymmetry_over(result: xr.Dataset, region: tuple[float, float], /, *, last: bool = True) -> Quantity:
    """Give the mean asymmetry over a region of depth, with the last layer or without."""
    delta = curve(result, "asymmetry")
    inside = delta.inside(*region)
    return delta.take(inside if last or len(inside) == 1 else inside[inside < len(delta) - 1]).mean()


def asymmetry_zero_at_minimum(*labels: str, text: str, last: bool = True) -> Statement:
    """Claim that around the smallest Δ the asymmetry is less than half of that in the last quarter.

    Several profiles are a family, judged by their means. Without `last` the last layer is left out of the
    last quarter.
    """
    flag("last", last)

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        gaps = [
            rules.around_minimum(mean_of_directions(result), curve(result, "asymmetry"))
            for result in (results[label] for label in labels)
        ]
        late = pooled([asymmetry_over(results[label], LAST_QUARTER, last=last) for label in labels])
        words = "asymmetry around the smallest Δ against the last quarter's"
        return decide(rules.weaker(pooled(gaps), late, margin=rules.HALF, words=words))

    return about_asymmetry(text, labels, check)


def _ends(region: object, /) -> tuple[float, float]:
    """Give a region of depth by its two ends."""
    ends = [number("each end of region", end) for end in sequence("region", region, of="two depths")]
    if len(ends) != 2 or ends[0] > ends[1]:
        msg = f"region must be two depths, the smaller one first, as [0.5, 1.0]; got {in_short(region)}"
        raise InputError(msg)
    return ends[0], ends[1]


def same_shape(reference: str, *labels: str, text: str) -> Statement:
    """Claim that each profile of Δ is the reference's, shifted and stretched."""
    return _beside(rules.same_shape, reference, labels, text)


def coincide(reference: str, *labels: str, text: str) -> Statement:
    """Claim that each profile of Δ is the reference's, within a quarter of its range at every layer."""
    return _beside(rules.coincides, reference, labels, text)


def _beside(rule: Callable[..., Table], reference: str, labels: tuple[str, ...], text: str) -> Statement:
    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        base = mean_of_directions(results[reference])
        return decide(*(rule(mean_of_directions(results[label]), base, name=label) for label in labels))

    return Statement(text, (reference, *labels), check)


def shuffled_at_one(pairs: Mapping[str, str], /, *, text: str) -> Statement:
    """Claim that misaligned pairs keep less than a quarter of 1 − Δ, in each direction.

    `pairs` names, for each shuffled comparison, the one with the pairs as they were, which gives the effect.
    One shuffle moves all layers together, so that the mean over layers is judged; several comparisons are a
    family, judged by their mean where none opposes.
    """

    def left(results: Mapping[str, xr.Dataset], direction: str, sign: float) -> dict[str, Quantity]:
        """Give the room that each shuffled comparison has on one side of 1."""
        room = {}
        for shuffled, aligned in pairs.items():
            kept, whole = (
                curve(results[label], direction=direction).mean() * -1.0 + 1.0
                for label in (shuffled, aligned)
            )
            room[f"{shuffled}, {direction.replace('_', ' ')}"] = whole * rules.QUARTER + kept * sign
        return room

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        column: list[Part] = []
        for direction in ("a_to_b", "b_to_a"):
            for sign, side in ((1.0, "above"), (-1.0, "below")):
                members = left(results, direction, sign)
                name = f"a quarter of the aligned 1 − Δ, minus what the shuffled Δ lies {side} 1"
                column += rules.not_opposed(members, name=name)[0]
        return decide([column])

    return Statement(text, tuple(dict.fromkeys([*pairs, *pairs.values()])), check)
