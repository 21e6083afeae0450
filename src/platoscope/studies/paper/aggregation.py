"""How many tokens carry the meaning, and how to put them together (Fig. 2a; the three measures: Fig. 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platoscope.studies.design.comparison import Comparison, Source
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.judge import claims
from platoscope.studies.judge.evidence import curve, mean_of_directions
from platoscope.studies.judge.judging import all_of, below, close, over, under
from platoscope.studies.paper._setting import PAIRS, SETTINGS, TEXT_MODELS, from_preset, text_items

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

    from platoscope.studies.design.records import Finding

__all__ = ["AGGREGATION", "METRICS"]

TOKENS = (2, 5, 10, 20)
POOLINGS = ("last", *(f"mean({k})" for k in TOKENS), *(f"concat({k})" for k in TOKENS))
THREE = ("last", "mean(20)", "concat(20)")
FAR_BELOW_ONE = 0.5
TOGETHER = 0.15


def _comparisons(choices: Choices, poolings: Sequence[str]) -> tuple[Comparison, ...]:
    model = (choices.models or from_preset(TEXT_MODELS, choices))[0]
    items = text_items((choices.pairs or (from_preset(PAIRS, choices),))[0], choices)
    return tuple(
        Comparison(
            label=pooling,
            a=Source(model=model, side="a", pooling=pooling, layers=choices.layers),
            b=Source(model=model, side="b", pooling=pooling, layers=choices.layers),
            items=items,
        )
        for pooling in poolings
    )


def _aggregation(choices: Choices) -> Design:
    poolings = choices.poolings or POOLINGS
    return Design(
        comparisons=_comparisons(choices, poolings),
        panels=(Panel(kind="poolings", labels=tuple(poolings), title="Aggregation of tokens"),),
        statements=(
            claims.minimum_in_the_middle(
                *THREE, text="Δ has its minimum in the central layers for every aggregation."
            ),
            claims.rising(
                "mean(20)",
                "concat(20)",
                "last",
                text="At the minimum, mean is below concatenation, which is below last.",
            ),
            more_tokens_help_the_mean("mean(20)", "last"),
            more_tokens_do_not_help_concatenation("concat(20)", "last"),
            claims.last_below_first(*THREE, text="Δ is lower at the last layer than at the first."),
        ),
    )


def more_tokens_help_the_mean(mean: str, last: str, /) -> Statement:
    """Claim that in the first layers the mean over many tokens has a lower Δ than the last token."""
    return claims.rising(
        mean, last, region=claims.FIRST, text="In the first layers, averaging more tokens lowers Δ."
    )


def more_tokens_do_not_help_concatenation(concatenation: str, last: str, /) -> Statement:
    """Claim that in the first layers the concatenation of many tokens has no lower Δ than the last token."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        many, one = (
            mean_of_directions(results[label]).select(*claims.FIRST).mean() for label in (concatenation, last)
        )
        return below(one, many, names=(f"first layers: {last}", concatenation))

    return Statement(
        "In the first layers, concatenating more tokens does not lower Δ.", (concatenation, last), check
    )


def _metrics(choices: Choices) -> Design:
    poolings = choices.poolings or THREE
    return Design(
        comparisons=_comparisons(choices, poolings),
        panels=tuple(Panel(kind="metrics", labels=(pooling,), title=pooling) for pooling in poolings),
        statements=(
            peak_together(*THREE),
            overlap_far_below_one(*THREE),
            cka_spurious_in_first_layers("concat(20)"),
        ),
    )


def peak_together(*labels: str) -> Statement:
    """Claim that Δ, CKA and neighborhood overlap are best at about the same relative depth."""

    def judge(label: str, result: xr.Dataset) -> Finding:
        best = mean_of_directions(result).depth_of_minimum()
        findings = []
        for measure in ("cka_debiased", "neighborhood_overlap"):
            peak = curve(result, measure).depth_of_maximum()
            name = f"{label}: depth of smallest Δ {best.value:.2f}, of largest {measure} {peak.value:.2f}; apart by"
            findings.append(close(best - peak, 0.0, tolerance=TOGETHER, name=name))
        return all_of(findings)

    return claims.each(labels, judge, text="Δ, CKA and neighborhood overlap are best in the same layers.")


def overlap_far_below_one(*labels: str) -> Statement:
    """Claim that the neighborhood overlap stays below one half even at its best layer."""

    def judge(label: str, result: xr.Dataset) -> Finding:
        best = curve(result, "neighborhood_overlap").maximum()
        return under(best, FAR_BELOW_ONE, name=f"{label}: largest neighborhood overlap")

    return claims.each(labels, judge, text="Neighborhood overlap stays far below 1.")


def cka_spurious_in_first_layers(label: str, /) -> Statement:
    """Claim that biased CKA of concatenated tokens is high in the first layers, where 1 − Δ is low.

    Each measure is taken relative to its own best layer: biased CKA spends less of it on the first layers.
    """

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        result = results[label]
        biased = curve(result, "cka_biased")
        delta = mean_of_directions(result)
        early = delta.depth <= claims.FIRST[1] + 1e-9

        def share(row: np.ndarray) -> float:
            return float(np.nanmean(row[early]) / np.nanmax(row))

        cka = biased.reduce(share)
        imbalance = delta.reduce(lambda row: share(1.0 - row))
        return over(
            cka - imbalance,
            0.0,
            name=(
                f"{label}: first layers relative to the best layer: biased CKA {cka}, 1 − Δ {imbalance}; difference"
            ),
        )

    return Statement("CKA of concatenated tokens is spuriously high in the first layers.", (label,), check)


AGGREGATION = Study(
    name="aggregation",
    figure="2a",
    question="Does the meaning sit in the last token or in many, and is it better averaged or concatenated?",
    needs="gemma-3-270m, bible:en-it",
    design=_aggregation,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    notes=("Of k = 1 … 20 the study takes 1 (last), 2, 5, 10 and 20.",),
)

METRICS = Study(
    name="metric-comparison",
    figure="9a-c",
    question="Do Information Imbalance, CKA and neighborhood overlap see the same layers?",
    needs="gemma-3-270m, bible:en-it",
    design=_metrics,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    notes=("The paper's CKA is the biased estimator; the debiased one stands beside it.",),
)
