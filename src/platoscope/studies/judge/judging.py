"""How a claim is decided: by an interval, never by a bare number.

Two kinds of claims exist. An *ordering* ("the mean is below the last token") holds where the whole 95 % interval of the
difference lies on the claimed side, did not hold where it lies on the other, and is not decided where it
contains 0. A *closeness* ("both directions agree", "the shuffled pairs give 1") holds where the whole
interval lies within a stated tolerance, did not hold where it lies outside, and is not decided where it
straddles the edge: an interval that merely contains the target would reward noise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from platoscope.studies.design.records import Finding
from platoscope.studies.judge.evidence import Quantity, Z

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.studies.design.records import Answer

__all__ = ["all_of", "below", "close", "over", "under"]


def below(lower: Quantity, upper: Quantity, /, *, names: tuple[str, str]) -> Finding:
    """Judge whether `lower` is smaller than `upper`, by the interval of their difference.

    Parameters
    ----------
    lower, upper : Quantity
        Paired where they come from the same subsamples.
    names : tuple of str
        What the two numbers are, for the sentence of evidence.
    """
    difference = lower - upper
    answer = _side(difference, 0.0)
    return Finding(answer, f"{names[0]} {lower}, {names[1]} {upper}; difference {_signed(difference)}.")


def under(quantity: Quantity, bound: float, /, *, name: str) -> Finding:
    """Judge whether `quantity` lies below `bound`."""
    return Finding(_side(quantity, bound), f"{name} {quantity}, to be below {bound:g}.")


def over(quantity: Quantity, bound: float, /, *, name: str) -> Finding:
    """Judge whether `quantity` lies above `bound`."""
    return Finding(_side(quantity * -1.0, -bound), f"{name} {quantity}, to be above {bound:g}.")


def close(quantity: Quantity, target: float, /, *, tolerance: float, name: str) -> Finding:
    """Judge whether `quantity` equals `target` within `tolerance` (an equivalence test)."""
    low, high = quantity.low - target, quantity.high - target
    evidence = f"{name} {quantity}, to be within {tolerance:g} of {target:g}."
    if math.isnan(quantity.se):
        return Finding("not decided", evidence)
    if low >= -tolerance and high <= tolerance:
        return Finding("held", evidence)
    if low > tolerance or high < -tolerance:
        return Finding("did not hold", evidence)
    return Finding("not decided", evidence)


def all_of(findings: Sequence[Finding], /) -> Finding:
    """Join claims that must hold together: one that did not hold decides, then one that is open."""
    answers = [finding.answer for finding in findings]
    order: tuple[Answer, ...] = ("did not hold", "not decided", "held")
    answer = next(answer for answer in order if answer in answers)
    return Finding(answer, " ".join(finding.evidence for finding in findings))


def _side(quantity: Quantity, bound: float) -> Answer:
    """Where `quantity` lies from `bound`: below is what is claimed."""
    if math.isnan(quantity.se):
        return "not decided"
    # A difference of exactly nothing without spread (two equal curves) is no evidence for an ordering.
    if quantity.value + Z * quantity.se < bound:
        return "held"
    if quantity.value - Z * quantity.se > bound:
        return "did not hold"
    return "not decided"


def _signed(quantity: Quantity) -> str:
    if math.isnan(quantity.se):
        return f"{quantity.value:+.3f} (no interval)"
    return f"{quantity.value:+.3f} [{quantity.low:+.3f}, {quantity.high:+.3f}]"
