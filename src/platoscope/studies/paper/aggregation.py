"""How many tokens carry the meaning, and how to put them together (Fig. 2a; the three measures: Fig. 9)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from platoscope.studies.design.comparison import Comparison, Source
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.judge import claims, rules
from platoscope.studies.judge.evidence import curve, mean_of_directions
from platoscope.studies.judge.judging import Part, decide, higher
from platoscope.studies.paper._setting import PAIRS, SETTINGS, TEXT_MODELS, from_preset, text_items

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from platoscope.studies.design.records import Finding
    from platoscope.studies.judge.evidence import Quantity
    from platoscope.studies.judge.judging import Table

__all__ = ["AGGREGATION", "METRIC_COMPARISON"]

TOKENS = (2, 5, 10, 20)
POOLINGS = ("last", *(f"mean({k})" for k in TOKENS), *(f"concat({k})" for k in TOKENS))
THREE = ("last", "mean(20)", "concat(20)")
WELL_ABOVE = 1.5


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
    means, concatenations = (("last", *(f"{kind}({k})" for k in TOKENS)) for kind in ("mean", "concat"))
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
            many_tokens_below_one("mean(20)", "concat(20)", "last"),
            claims.rising(
                "mean(20)",
                "last",
                region=claims.FIRST,
                text="In the first layers, averaging more tokens lowers Δ.",
            ),
            concatenation_gains_little("mean(20)", "concat(20)", "last"),
            mean_improves_with_every_token(*means),
            concatenation_does_not_improve_with_every_token(means, concatenations),
            claims.last_below_first(*THREE, text="Δ is lower at the last layer than at the first."),
        ),
    )


def many_tokens_below_one(*labels: str) -> Statement:
    """Claim that every aggregation of many tokens has a lower minimum than the last token, named last."""
    *many, one = labels

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        lowest = {label: mean_of_directions(results[label]).minimum() for label in labels}
        names = {label: (f"smallest Δ: {one}", label) for label in many}
        return decide([[higher(lowest[one], lowest[label], names=names[label]) for label in many]])

    return Statement("At the minimum, many tokens are below a single one.", labels, check)


def concatenation_gains_little(mean: str, concatenation: str, last: str, /) -> Statement:
    """Claim that in the first layers concatenation lowers Δ by less than half of what the mean does.

    "Does not help" is not "hurts": the mean's gain over the last token is the effect, half of it the margin.
    """

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        first = {
            label: mean_of_directions(results[label]).select(*claims.FIRST).mean()
            for label in (mean, concatenation, last)
        }
        gains = [first[last] - first[label] for label in (mean, concatenation)]
        names = "first layers: half of what the mean gains over the last token", "what concatenation gains"
        return decide([[higher(gains[0] * rules.HALF, gains[1], names=names)]])

    text = "In the first layers, concatenating more tokens does not lower Δ as averaging does."
    return Statement(text, (mean, concatenation, last), check)


def mean_improves_with_every_token(*labels: str) -> Statement:
    """Claim that in deep layers Δ falls from each number of averaged tokens to the next larger one."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        deep = {label: _deep(results[label]) for label in reversed(labels)}
        return decide(rules.monotone(deep, name="mean Δ in deep layers"))

    return Statement("In deep layers, Δ falls with every token that is averaged.", labels, check)


def concatenation_does_not_improve_with_every_token(
    means: tuple[str, ...], concatenations: tuple[str, ...], /
) -> Statement:
    """Claim that in deep layers some step to more concatenated tokens gains nothing or little.

    Little is less than a tenth of what the mean gains over all steps.
    """

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        gain = _deep(results[means[0]]) - _deep(results[means[-1]])
        steps = [(label, _deep(results[label])) for label in concatenations]
        return decide(rules.some_step_gains_little(steps, gain, name="mean Δ in deep layers"))

    needs = tuple(dict.fromkeys([*concatenations, means[-1]]))
    text = "In deep layers, Δ does not fall with every token that is concatenated."
    return Statement(text, needs, check)


def _deep(result: xr.Dataset) -> Quantity:
    return mean_of_directions(result).select(*claims.SECOND_HALF).mean()


def _metrics(choices: Choices) -> Design:
    poolings = choices.poolings or THREE
    prepared = _comparisons(choices, poolings)
    raw = tuple(_raw(comparison) for comparison in prepared)
    return Design(
        comparisons=(*prepared, *raw),
        panels=(
            *(Panel(kind="metrics", labels=(item.label,), title=item.label) for item in prepared),
            *(Panel(kind="metrics", labels=(item.label,), title=f"{item.label} rows") for item in raw),
        ),
        statements=(
            peak_together(*THREE),
            overlap_far_below_one(*THREE),
            cka_above_overlap(*THREE),
            overlap_near_chance_at_the_end("last", "concat(20)"),
            cka_spurious_in_first_layers("concat(20)", "mean(20)"),
        ),
    )


def _raw(comparison: Comparison) -> Comparison:
    """Compare the rows as the model gives them, no token clipped: CKA depends on the space as well."""
    assert isinstance(comparison.a, Source)
    assert isinstance(comparison.b, Source)
    return replace(
        comparison,
        label=f"{comparison.label}, raw",
        a=replace(comparison.a, clip=None),
        b=replace(comparison.b, clip=None),
        transform="none",
    )


def peak_together(*labels: str) -> Statement:
    """Claim that one layer is about the best for Δ, for CKA and for neighborhood overlap."""

    def table(label: str, result: xr.Dataset) -> Table:
        curves = {"Δ": mean_of_directions(result)}
        curves |= {name: curve(result, name) * -1.0 for name in ("cka_debiased", "neighborhood_overlap")}
        return rules.shared_best_layer(curves, name=label)

    return claims.each(labels, table, text="Δ, CKA and neighborhood overlap are best in the same layers.")


def overlap_far_below_one(*labels: str) -> Statement:
    """Claim that the largest neighborhood overlap is less than half of the largest 1 − Δ."""

    def table(label: str, result: xr.Dataset) -> Table:
        half = (mean_of_directions(result).minimum() * -1.0 + 1.0) * rules.HALF
        overlap = curve(result, "neighborhood_overlap").maximum()
        names = (f"{label}: half of the largest 1 − Δ", "largest neighborhood overlap")
        return [[higher(half, overlap, names=names)]]

    return claims.each(labels, table, text="Neighborhood overlap stays far below 1.")


def cka_above_overlap(*labels: str) -> Statement:
    """Claim that the largest debiased CKA is more than one and a half times the largest neighborhood overlap."""

    def table(label: str, result: xr.Dataset) -> Table:
        cka = curve(result, "cka_debiased")
        overlap = curve(result, "neighborhood_overlap").maximum() * WELL_ABOVE
        names = (
            f"{label}: largest debiased CKA{cka.without()}",
            f"{WELL_ABOVE:g} × the largest neighborhood overlap",
        )
        return [[higher(cka.known().maximum(), overlap, names=names)]]

    return claims.each(labels, table, text="CKA is well above neighborhood overlap.")


def overlap_near_chance_at_the_end(*labels: str) -> Statement:
    """Claim that at the last layer the overlap is above chance by less than a quarter of its most."""

    def table(label: str, result: xr.Dataset) -> Table:
        chance = float(result.attrs["neighborhood_overlap_chance"])
        overlap = curve(result, "neighborhood_overlap")
        above, most = overlap.at(-1) - chance, overlap.maximum() - chance
        names = (f"{label}: a quarter of the most that overlap is above chance", "at the last layer")
        return [[higher(most * rules.QUARTER, above, names=names)]]

    text = "At the last layer neighborhood overlap is barely above chance, for last and for concatenation."
    return claims.each(labels, table, text=text)


def cka_spurious_in_first_layers(concatenation: str, mean: str, /) -> Statement:
    """Claim that biased CKA is high in the first layers where 1 − Δ is not, for concatenation only.

    The excess is the share of its own best layer that biased CKA has in the first layers, minus that of
    1 − Δ. It must be above zero for concatenation, and for the mean below half of that.
    """

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        excess = {label: _excess(results[label]) for label in (concatenation, mean)}
        half = excess[concatenation] * rules.HALF
        told = f"first layers, share of the best layer, biased CKA minus 1 − Δ: {concatenation}"
        names = (f"half of the excess of {concatenation}", f"excess of {mean}")
        return decide([[Part(told, excess[concatenation]), higher(half, excess[mean], names=names)]])

    text = (
        "Biased CKA is spuriously high in the first layers for concatenated tokens, and not for their mean."
    )
    return Statement(text, (concatenation, mean), check)


def _excess(result: xr.Dataset) -> Quantity:
    biased, delta = curve(result, "cka_biased"), mean_of_directions(result)
    early = delta.inside(*claims.FIRST)
    if not early.size:
        return delta.take(early).mean()

    def share(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(rows[:, early].mean(axis=1) / rows.max(axis=1))

    return biased.reduce(share) - delta.reduce(lambda rows: share(1.0 - rows))


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

METRIC_COMPARISON = Study(
    name="metric-comparison",
    figure="9a-c",
    question="Do Information Imbalance, CKA and neighborhood overlap see the same layers?",
    needs="gemma-3-270m, bible:en-it",
    design=_metrics,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    notes=(
        "The paper's CKA is the biased estimator; the debiased one stands beside it.",
        "The statements are judged on the prepared rows; the same on raw ones stands beside them.",
    ),
)
