"""Gaussian data, where the answer is known: Fig. 1."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from platoscope.studies.design.comparison import Comparison, Synthetic
from platoscope.studies.design.records import Choices, Design, Finding, Panel, Statement, Study
from platoscope.studies.design.settings import Settings
from platoscope.studies.judge import claims, rules
from platoscope.studies.judge.evidence import Curve, Quantity, curve, mean_of_directions
from platoscope.studies.judge.judging import Part, decide, higher

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from platoscope.studies.judge.judging import Table

__all__ = ["RANK", "SHARED"]

# The paper's text gives neither sizes nor noise: these are ours.
DIMENSIONS, NOISE = 20, 0.1
RANKS = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0, 20.0)
SMALL, LARGE = 50, 10_000
FRACTIONS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 1 / 3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
SYMMETRIC = ("cka_biased", "cka_debiased", "neighborhood_overlap")
FEW, WEAK, STRONG = 0.1, 0.25, 0.6
FIFTH, ABOUT_A_QUARTER = 0.2, (0.2, 1 / 3)
# What is left of the gap in many dimensions is about a tenth of Δ: 1,000 points decide it in half of the draws.
POINTS = 3000

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
        statements=(directed_at_low_rank(label), falls_with_rank(label), direction_follows_rank(label)),
    )


def directed_at_low_rank(label: str, /) -> Statement:
    """Claim that at the lowest rank x predicts y better than y predicts x."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        forward, backward = (
            curve(results[label], direction=direction, axis="rank").at(0)
            for direction in ("a_to_b", "b_to_a")
        )
        return decide([[higher(backward, forward, names=("lowest rank: Δ(y → x)", "Δ(x → y)"))]])

    return Statement("At low rank Δ(x → y) is far below Δ(y → x).", (label,), check)


def falls_with_rank(label: str, /) -> Statement:
    """Claim that CKA and the neighborhood overlap are lower at the lowest rank than at the highest."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        curves = {measure: curve(results[label], measure, axis="rank") for measure in SYMMETRIC}
        return decide(
            [
                [
                    higher(values.at(-1), values.at(0), names=(f"{measure}: highest rank", "lowest"))
                    for measure, values in curves.items()
                ]
            ]
        )

    return Statement("CKA and neighborhood overlap fall with the rank.", (label,), check)


def direction_follows_rank(label: str, /) -> Statement:
    """Claim that the asymmetry is larger at the lowest rank than at the highest.

    That CKA and the overlap show no direction is no claim: they are symmetric by definition.
    """

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        gap = curve(results[label], "asymmetry", axis="rank") * -1.0
        names = ("Δ(y → x) − Δ(x → y): lowest rank", "highest")
        return decide([[higher(gap.at(0), gap.at(-1), names=names)]])

    return Statement("The direction that Δ sees grows as the rank falls.", (label,), check)


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
            finer_at_small_fractions(small, large),
            finer_at_large_fractions(small, large),
            gap_closes(small, large),
            gap_remains(large),
            fifth_reads_as_quarter(large),
        ),
    )


def biased_cka_saturates(label: str, /) -> Statement:
    """Claim that with a tenth of the features the bias of CKA goes more than half of the way to 1.

    The way is that from the debiased value to 1. And the biased value is above what Δ and the overlap say.
    """

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        at = {m: curve(results[label], m, axis="fraction").nearest(FEW) for m in SYMMETRIC}
        biased, debiased = at["cka_biased"], at["cka_debiased"]
        kept = mean_of_directions(results[label], axis="fraction").nearest(FEW) * -1.0 + 1.0
        half = (debiased + 1.0) * rules.HALF
        names = f"α = {FEW:g}: biased CKA", f"half of the way from debiased CKA {debiased} to 1:"
        return decide(
            [
                [
                    higher(biased, half, names=names),
                    higher(biased, kept, names=(names[0], "1 − Δ")),
                    higher(biased, at["neighborhood_overlap"], names=(names[0], "overlap")),
                ]
            ]
        )

    text = "In many dimensions biased CKA saturates near 1 where a small fraction of the features is seen."
    return Statement(text, (label,), check)


def debiased_cka_does_not(label: str, /) -> Statement:
    """Claim that the debiased estimator stays below the biased one: the saturation is its bias."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        debiased, biased = (
            curve(results[label], measure, axis="fraction").nearest(FEW)
            for measure in ("cka_debiased", "cka_biased")
        )
        return decide([[higher(biased, debiased, names=(f"CKA at α = {FEW:g}: biased", "debiased"))]])

    return Statement("Debiased CKA does not saturate: it is below the biased one.", (label,), check)


def spent_on(values: Curve, low: float, high: float, /) -> Quantity:
    """Give the share of a measure's whole change that lies between two fractions."""
    start, stop = (int(np.abs(values.depth - edge).argmin()) for edge in (low, high))
    return values.reduce(lambda rows: (rows[:, stop] - rows[:, start]) / (rows[:, -1] - rows[:, 0]))


def finer_at_small_fractions(*labels: str) -> Statement:
    """Claim that Δ spends more of its range on small fractions than the overlap does."""
    text = "At small fractions Δ is finer than neighborhood overlap."
    return _finer(labels, (0.0, WEAK), imbalance=True, text=text)


def finer_at_large_fractions(*labels: str) -> Statement:
    """Claim that the overlap spends more of its range on large fractions than Δ does."""
    text = "At large fractions neighborhood overlap is finer than Δ."
    return _finer(labels, (STRONG, 1.0), imbalance=False, text=text)


def _finer(labels: tuple[str, ...], region: tuple[float, float], *, imbalance: bool, text: str) -> Statement:
    def table(label: str, result: xr.Dataset) -> Table:
        shares = {
            "neighborhood overlap": spent_on(curve(result, "neighborhood_overlap", axis="fraction"), *region),
            "Δ": spent_on(mean_of_directions(result, axis="fraction"), *region),
        }
        name = f"{label}, share of the range spent at α from {region[0]:g} to {region[1]:g}"
        return rules.ordered(shares if imbalance else dict(reversed(shares.items())), name=name)

    return claims.each(labels, table, text=text)


def gap_closes(small: str, large: str, /) -> Statement:
    """Claim that the two directions lie closer together in many dimensions than in few."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        gaps = [curve(results[label], "asymmetry", axis="fraction").mean() for label in (large, small)]
        words = f"mean asymmetry of {large} against {small}"
        return decide(rules.weaker(*gaps, margin=1.0, words=words))

    return Statement("The gap between both directions closes with the dimension.", (small, large), check)


def gap_remains(label: str, /) -> Statement:
    """Claim that where few features are shared a gap between the directions is left, beyond 2 % of Δ."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        gap = curve(results[label], "asymmetry", axis="fraction").select(FEW, WEAK).mean()
        delta = mean_of_directions(results[label], axis="fraction").select(FEW, WEAK).mean()
        words = f"mean asymmetry at α = {FEW:g} to {WEAK:g}"
        return decide(rules.nonzero(gap, delta, share=rules.SLIGHT, words=words))

    return Statement("In many dimensions a small gap between both directions remains.", (label,), check)


def fifth_reads_as_quarter(label: str, /) -> Statement:
    """Claim that Δ passes 0.2 between a fifth and a third of shared features, "roughly a quarter"."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        delta = mean_of_directions(results[label], axis="fraction")
        above, below = (delta.nearest(fraction) for fraction in ABOUT_A_QUARTER)
        words = "Δ at α = {:g} is {}; {}"
        return decide(
            [
                [
                    Part(words.format(ABOUT_A_QUARTER[0], above, "minus 0.2"), above - FIFTH),
                    Part(words.format(ABOUT_A_QUARTER[1], below, "0.2 minus it"), below * -1.0 + FIFTH),
                ]
            ]
        )

    return Statement("Δ = 0.2 reads as a quarter of the features shared.", (label,), check)


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
    settings={preset: replace(settings, n=POINTS) for preset, settings in SETTINGS.items()},
    notes=(
        f"The paper's text gives no sizes: D = {SMALL} and D = {LARGE} are choices of this package.",
        f"{POINTS:,} points are drawn, so that a small gap between the directions can be decided.",
    ),
)
