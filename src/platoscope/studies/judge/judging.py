"""How a claim is decided: by one statistic that the subsamples carry, never by intervals read side by side.

A claim is written as numbers that must be above zero. What must hold *together* stands in one column of
`Part`; what may hold in *one of several* ways (a layer in the middle that is lower than both ends) stands in
several columns of one table; several tables (one for each language) must hold together again. With
``z = value / standard error`` of each part, the one statistic is

    S = min over tables of max over columns of min over parts of z.

- **held**: in every table, the best column's weakest z exceeds its bound. One column: 1.96, and no more
  for many parts, since all must pass (an intersection-union test). Several columns: the 97.5 % quantile of
  the largest of the noise of their weakest parts, because the best was picked; 1.96 again where at most one
  of the columns can be true (`Exclusive`).
- **did not hold**: in some table every column has a part whose z is below minus the 97.5 % quantile of the
  largest of the noise of *all* parts (max-T), because the worst was picked.
- **not decided**: neither, or fewer than 10 subsamples, whose standard error is too unsure. `n_to_decide` is the
  number of items at which the claim would be decided in four of five runs, if the effect is what was seen: standard
  errors shrink as 1/√N.

The noise is drawn from a normal distribution with the covariance of the parts over the subsamples, so parts
that move together are not counted twice.

"A equals B" is a claim like any other: both ``margin · effect + (A − B)`` and ``margin · effect − (A − B)``
must be above zero (`equal`), where the effect is a number of the same data and carries its own error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from platoscope.studies.design.records import Finding
from platoscope.studies.judge.evidence import Quantity, Z

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from platoscope.studies.design.records import Answer

__all__ = [
    "POWER",
    "Column",
    "Exclusive",
    "Part",
    "Table",
    "decide",
    "equal",
    "higher",
    "n_to_decide",
    "pooled",
]

POWER = 0.8416212335729143
"""Normal quantile of 80 %: with this much above the bound, a claim is decided in four of five runs."""

_ONE_SIDED = 0.975
_DRAWS = 2000
_OUT_OF_REACH = 1000  # times the items at hand; beyond it a number would say nothing
_SHOWN = 6
# Of fewer subsamples a standard error is too unsure: of 2 a claim with nothing in it would hold in 15 % of runs instead
# of 2.5 % (Student's t), of 5 in 6 %, of 10 in 4 %.
_FEWEST = 10
_ROUNDING = 1e-12  # what sums of equal numbers leave


@dataclass(frozen=True)
class Part:
    """A number that must be above zero, and what it is in words; the words come first in the evidence."""

    words: str
    quantity: Quantity


Column: TypeAlias = "Sequence[Part]"
"""Parts that must all be above zero."""

Table: TypeAlias = "Sequence[Column]"
"""Columns of which one must be above zero throughout."""


class Exclusive(tuple["Column", ...]):
    """A table of which at most one column can be true, such as the two signs of one number."""

    __slots__ = ()


def higher(upper: Quantity, lower: Quantity, /, *, names: tuple[str, str]) -> Part:
    """Claim that `upper` is above `lower`."""
    return Part(f"{names[0]} {upper}, {names[1]} {lower}; difference", upper - lower)


def equal(gap: Quantity, effect: Quantity, /, *, margin: float, words: str) -> tuple[Part, Part]:
    """Claim that `gap` is smaller, either way, than `margin` times an effect of the same data.

    Two parts, one for each way (two one-sided tests); `words` names the gap and what it is held against.
    """
    told = f"{words}: {gap} against {effect}, of which {margin:.0%} are allowed; room"
    return Part(f"{told} above", effect * margin - gap), Part(f"{told} below", effect * margin + gap)


def pooled(members: Sequence[Quantity], /) -> Quantity:
    """Give the mean of a family, subsample by subsample."""
    total = members[0]
    for member in members[1:]:
        total = total + member
    return total * (1.0 / len(members))


def decide(*tables: Table) -> Finding:
    """Decide a claim whose tables must all hold; see the module for the statistic and the three answers."""
    parts = [part for table in tables for column in table for part in column]
    if not all(table and all(table) for table in tables) or not parts:
        return Finding("not decided", "There are too few layers (0 numbers to look at).")
    values = np.array([part.quantity.value for part in parts])
    errors = np.array([part.quantity.se for part in parts])
    n_samples = min(part.quantity.n_samples for part in parts)
    if np.isnan(values).any():
        return Finding("not decided", f"{_evidence(tables, values)} Some of it is undefined here.")
    drawn = min(len(part.quantity.resamples) for part in parts)
    if np.isnan(errors).any():
        why = "Most subsamples lack some of it." if drawn > 1 else "Without subsamples nothing is decided."
        return Finding("not decided", f"{_evidence(tables, values)} {why}")
    if drawn < _FEWEST:
        few = f"{drawn} subsamples decide nothing; take at least {_FEWEST}."
        return Finding("not decided", f"{_evidence(tables, values)} {few}")
    z = _ratio(values, errors)
    noise = _noise(parts)
    against = _bound(noise)
    scores, bounds = [], []
    start = 0
    for table in tables:
        weakest = []
        for column in table:
            weakest.append(start + int(z[start : start + len(column)].argmin()))
            start += len(column)
        scores.append(float(z[weakest].max()))
        one = len(weakest) == 1 or isinstance(table, Exclusive)
        bounds.append(Z if one else _bound(noise[:, weakest]))
    answer, needed = _answer(scores, bounds, against, n_samples)
    return Finding(answer, f"{_evidence(tables, z)}{_power(answer, n_samples, needed)}", needed)


def _answer(
    scores: Sequence[float], bounds: Sequence[float], against: float, n_samples: int
) -> tuple[Answer, int | None]:
    if all(score > bound for score, bound in zip(scores, bounds, strict=True)):
        return "held", None
    if min(scores) < -against:
        return "did not hold", None
    if min(scores) < 0:
        return "not decided", n_to_decide(-min(scores), against, n_samples)
    reach = [n_to_decide(score, bound, n_samples) for score, bound in zip(scores, bounds, strict=True)]
    finite = [n for n in reach if n is not None]
    return "not decided", max(finite) if len(finite) == len(reach) else None


def n_to_decide(score: float, bound: float, n_samples: int, /) -> int | None:
    """Give the items at which an effect of `score` standard errors passes `bound` in four of five runs.

    Two digits; None where that is more than 1,000 times the items at hand, or no number at all.
    """
    if not score > 0 or math.isinf(score):
        return n_samples if score > 0 else None
    needed = n_samples * ((bound + POWER) / score) ** 2
    if needed > _OUT_OF_REACH * n_samples:
        return None
    digits = 1 - math.floor(math.log10(needed))
    return int(math.ceil(needed * 10**digits) / 10**digits)


def _ratio(values: NDArray[np.float64], errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide; without spread the sign alone decides, and exactly nothing (two equal curves) decides nothing."""
    certain = np.where(np.abs(values) < _ROUNDING, 0.0, np.copysign(np.inf, values))
    spread = errors > _ROUNDING
    return np.where(spread, values / np.where(spread, errors, 1.0), certain)


def _noise(parts: Sequence[Part]) -> NDArray[np.float64]:
    """Draw the standardized noise of all parts together, shape (draws, n_parts)."""
    n = min(len(part.quantity.resamples) for part in parts)
    drawn = np.stack([part.quantity.resamples[:n] for part in parts], axis=1)
    centered = np.nan_to_num(drawn - np.nanmean(drawn, axis=0))
    spread = np.sqrt((centered**2).sum(axis=0))
    noise: NDArray[np.float64] = _multipliers(n) @ (centered / np.where(spread > 0, spread, 1.0))
    return noise


@lru_cache(maxsize=8)
def _multipliers(n: int) -> NDArray[np.float64]:
    """Give the normal weights of the subsamples, the same for every claim so that verdicts can be repeated."""
    return np.random.default_rng(0).standard_normal((_DRAWS, n))


def _bound(noise: NDArray[np.float64]) -> float:
    """Give the 97.5 % quantile of the largest noise; of one part that is 1.96."""
    if noise.shape[1] == 1:
        return Z
    return max(Z, float(np.quantile(noise.max(axis=1), _ONE_SIDED)))


def _evidence(tables: Sequence[Table], z: NDArray[np.float64]) -> str:
    """Say the numbers that decide: of each table the best column, and of a long column its weakest part."""
    told, start, n_parts = [], 0, len(z)
    for table in tables:
        best: tuple[float, list[tuple[float, Part]]] | None = None
        for column in table:
            scored = sorted(
                zip(z[start : start + len(column)], column, strict=True), key=lambda pair: pair[0]
            )
            start += len(column)
            if best is None or scored[0][0] > best[0]:
                best = float(scored[0][0]), [(float(score), part) for score, part in scored]
        if best is not None:
            told.append(best[1])
    if n_parts > _SHOWN:
        told = [parts[:1] for parts in told]
    shown = sorted((pair for parts in told for pair in parts), key=lambda pair: pair[0])[:_SHOWN]
    words = " ".join(f"{part.words} {_signed(part.quantity)}." for _, part in shown)
    return f"{words} (The weakest of {n_parts} numbers.)" if len(shown) < n_parts else words


def _power(answer: Answer, n_samples: int, needed: int | None) -> str:
    if answer != "not decided":
        return ""
    if needed is None:
        return f" N = {n_samples:,} cannot tell, and no N within reach could if the effect is what was seen."
    return f" N = {n_samples:,} cannot tell; about {needed:,} could, if the effect is what was seen."


def _signed(quantity: Quantity) -> str:
    if math.isnan(quantity.value):
        return "undefined"
    if math.isnan(quantity.se):
        return f"{quantity.value:+.3f} (no interval)"
    return f"{quantity.value:+.3f} [{quantity.low:+.3f}, {quantity.high:+.3f}]"
