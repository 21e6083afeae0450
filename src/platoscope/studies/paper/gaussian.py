"""Gaussian data, where the answer is known: Fig. 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from platoscope.studies.design.comparison import Comparison, Synthetic
from platoscope.studies.design.records import Choices, Design, Finding, Panel, Statement, Study
from platoscope.studies.design.settings import Settings
from platoscope.studies.judge.evidence import Curve, Quantity, curve, mean_of_directions
from platoscope.studies.judge.judging import all_of, below, close, over, under

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["RANK", "SHARED"]

# The paper's text gives neither sizes nor noise: these are ours.
DIMENSIONS, NOISE = 20, 0.1
RANKS = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0, 20.0)
SMALL, LARGE = 50, 10_000
FRACTIONS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
SYMMETRIC = ("cka_biased", "cka_debiased", "neighborhood_overlap")
NEAR_ONE = 0.9
WEAK, STRONG = 0.25, 0.6

SETTINGS = {
    preset: Settings(
        measures=("information_imbalance", "neighborhood_overlap", "cka_debiased", "cka_biased"),
        n_permutations=0,
    )
    for preset in ("bundled", "paper")
}


def _pair(
    label: str,
    construction: Literal["low_rank", "shared_features"],
    n_features: int,
    values: tuple[float, ...],
    noise: float = 0.0,
) -> Comparison:
    x = Synthetic(construction=construction, role="x", n_features=n_features, values=values, noise=noise)
    y = Synthetic(construction=construction, role="y", n_features=n_features, values=values, noise=noise)
    return Comparison(label=label, a=x, b=y)


def _rank(choices: Choices) -> Design:
    label = f"D = {DIMENSIONS}"
    return Design(
        comparisons=(_pair(label, "low_rank", DIMENSIONS, RANKS, NOISE),),
        panels=(Panel(kind="rank", labels=(label,), title="y = Wx + noise, W of low rank"),),
        statements=(directed_at_low_rank(label), falls_with_rank(label), blind_to_direction(label)),
    )


def directed_at_low_rank(label: str, /) -> Statement:
    """Claim that at the lowest rank x predicts y far better than y predicts x."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        forward, backward = (
            curve(results[label], direction=direction, axis="rank").at(0)
            for direction in ("a_to_b", "b_to_a")
        )
        return below(forward, backward, names=("lowest rank: Δ(x → y)", "Δ(y → x)"))

    return Statement("At low rank Δ(x → y) is far below Δ(y → x).", (label,), check)


def falls_with_rank(label: str, /) -> Statement:
    """Claim that CKA and the neighborhood overlap are lower at the lowest rank than at the highest."""

    def judge(result: xr.Dataset, measure: str) -> Finding:
        values = curve(result, measure, axis="rank")
        return below(values.at(0), values.at(-1), names=(f"{measure}: lowest rank", "highest rank"))

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        return all_of([judge(results[label], measure) for measure in SYMMETRIC])

    return Statement("CKA and neighborhood overlap fall with the rank.", (label,), check)


def blind_to_direction(label: str, /) -> Statement:
    """Claim that of the measures only Δ has a direction."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        directed = [name for name in SYMMETRIC if "direction" in results[label][name].dims]
        gap = curve(results[label], "asymmetry", axis="rank").at(0)
        name = f"Measures with a direction beside Δ: {', '.join(directed) or 'none'}. Asymmetry at the lowest rank"
        seen = under(gap, 0.0, name=name)
        return Finding("did not hold", seen.evidence) if directed else seen

    return Statement("Only Δ sees the direction; CKA and neighborhood overlap have none.", (label,), check)


def _shared(choices: Choices) -> Design:
    small, large = f"D = {SMALL}", f"D = {LARGE}"
    return Design(
        comparisons=tuple(
            _pair(label, "shared_features", dimensions, FRACTIONS)
            for label, dimensions in ((small, SMALL), (large, LARGE))
        ),
        panels=tuple(
            Panel(kind="shared_features", labels=(label,), title=f"A fraction α of {label} features")
            for label in (small, large)
        ),
        statements=(
            biased_cka_saturates(large),
            debiased_cka_does_not(large),
            finer_at_small_fractions(large),
            finer_at_large_fractions(large),
            gap_closes(small, large),
            quarter_reads_as_fifth(large),
        ),
    )


def biased_cka_saturates(label: str, /) -> Statement:
    """Claim that biased CKA is near 1 although only a fraction of the features is seen."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        value = curve(results[label], "cka_biased", axis="fraction").nearest(0.5)
        return over(value, NEAR_ONE, name="biased CKA at α = 0.5")

    return Statement("In many dimensions biased CKA saturates near 1.", (label,), check)


def debiased_cka_does_not(label: str, /) -> Statement:
    """Claim that the debiased estimator stays below the biased one: the saturation is its bias."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        debiased, biased = (
            curve(results[label], measure, axis="fraction").nearest(WEAK)
            for measure in ("cka_debiased", "cka_biased")
        )
        return below(debiased, biased, names=("CKA at α = 0.25: debiased", "biased"))

    return Statement("Debiased CKA does not saturate: it is below the biased one.", (label,), check)


def spent_on(values: Curve, low: float, high: float, /) -> Quantity:
    """Give the share of a measure's whole change that lies between two fractions."""
    start, stop = (int(np.abs(values.depth - edge).argmin()) for edge in (low, high))
    return values.reduce(lambda row: float((row[stop] - row[start]) / (row[-1] - row[0])))


def finer_at_small_fractions(label: str, /) -> Statement:
    """Claim that Δ spends more of its range on small fractions than the overlap does."""
    return _finer(
        label, 0.0, WEAK, imbalance=True, text="At small fractions Δ is finer than neighborhood overlap."
    )


def finer_at_large_fractions(label: str, /) -> Statement:
    """Claim that the overlap spends more of its range on large fractions than Δ does."""
    return _finer(
        label, STRONG, 1.0, imbalance=False, text="At large fractions neighborhood overlap is finer than Δ."
    )


def _finer(label: str, low: float, high: float, *, imbalance: bool, text: str) -> Statement:
    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        delta = spent_on(mean_of_directions(results[label], axis="fraction"), low, high)
        overlap = spent_on(curve(results[label], "neighborhood_overlap", axis="fraction"), low, high)
        less, more = (overlap, delta) if imbalance else (delta, overlap)
        names = ("neighborhood overlap", "Δ") if imbalance else ("Δ", "neighborhood overlap")
        where = f"share of the whole range spent at α from {low:g} to {high:g}: "
        return below(less, more, names=(where + names[0], names[1]))

    return Statement(text, (label,), check)


def gap_closes(small: str, large: str, /) -> Statement:
    """Claim that the two directions lie closer together in many dimensions than in few."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        gaps = [
            curve(results[label], "asymmetry", axis="fraction").reduce(lambda row: float(np.abs(row.mean())))
            for label in (large, small)
        ]
        return below(gaps[0], gaps[1], names=(f"absolute mean asymmetry: {large}", small))

    return Statement("The gap between both directions closes with the dimension.", (small, large), check)


def quarter_reads_as_fifth(label: str, /) -> Statement:
    """Claim that Δ is about 0.2 where a quarter of the features is shared."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        value = mean_of_directions(results[label], axis="fraction").nearest(0.25)
        return close(value, 0.2, tolerance=0.1, name="Δ at α = 0.25, mean of both directions,")

    return Statement("Δ is about 0.2 where a quarter of the features is shared.", (label,), check)


RANK = Study(
    name="rank-synthetic",
    figure="1a",
    question="Which measures see that a map of low rank loses information in one direction only?",
    needs="nothing",
    design=_rank,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    notes=(
        f"The paper's text gives no sizes: D = {DIMENSIONS} and noise {NOISE} are choices of this package.",
    ),
)

SHARED = Study(
    name="shared-features",
    figure="1b, 1c",
    question="How finely does each measure resolve the fraction of features that two representations share?",
    needs="nothing",
    design=_shared,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    notes=(f"The paper's text gives no sizes: D = {SMALL} and D = {LARGE} are choices of this package.",),
)
