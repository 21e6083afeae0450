"""Tokens of one sentence, at growing distance: Fig. 5."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platoscope.studies.design.comparison import Comparison, Source
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.judge import claims
from platoscope.studies.judge.evidence import Curve, curve
from platoscope.studies.judge.judging import below, under
from platoscope.studies.paper._setting import (
    PAIRS,
    SETTINGS,
    TEXT_MODELS,
    from_preset,
    languages_of,
    name_of,
    text_items,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from platoscope.studies.design.records import Finding

__all__ = ["STUDY"]

DISTANCES = (1, 2, 4, 8, 12, 16, 20)
DEEP = (0.5, 1.0)


def _design(choices: Choices) -> Design:
    models = (choices.models or from_preset(TEXT_MODELS, choices))[:2]
    data = (choices.pairs or (from_preset(PAIRS, choices),))[0]
    a, b = languages_of(data)
    comparisons = {}
    for model in models:
        for side, language in (("a", a), ("b", b)):
            source = Source(
                model=model, side="a" if side == "a" else "b", pooling="token(0)", layers=choices.layers
            )
            comparisons[model, language] = Comparison(
                label=f"{name_of(model)} {language}",
                a=source,
                b=source,
                items=text_items(data, choices),
                kind="token_distance",
                distances=DISTANCES,
            )
    labels = {key: comparison.label for key, comparison in comparisons.items()}
    panels = tuple(
        Panel(
            kind="token_distance",
            labels=(label,),
            title=f"{label}, {words}",
            options={"direction": direction},
        )
        for label in labels.values()
        for direction, words in (("a_to_b", "future → past"), ("b_to_a", "past → future"))
    )
    statements = [fills_in_with_depth(*labels.values())]
    if len(models) > 1:
        large, small = models[0], models[-1]
        statements += [
            lower_across(
                labels[large, language],
                labels[small, language],
                text=f"In deep layers tokens predict each other better in the larger model ({language}).",
            )
            for language in (a, b)
        ]
    statements += [
        lower_across(
            labels[model, a],
            labels[model, b],
            text=f"In deep layers of {name_of(model)} tokens predict each other better in {a} than in {b}.",
        )
        for model in models
    ]
    statements += [past_predicts_future(label) for label in labels.values()]
    return Design(comparisons=tuple(comparisons.values()), panels=panels, statements=tuple(statements))


def over_distances(result: xr.Dataset, /, direction: str | None = None) -> Curve:
    """Give Δ averaged over all distances, by layer: one direction, or the mean of both."""
    if direction is None:
        return (over_distances(result, "a_to_b") + over_distances(result, "b_to_a")) * 0.5
    return curve(result.mean("token_distance", keep_attrs=True), direction=direction)


def fills_in_with_depth(*labels: str) -> Statement:
    """Claim that Δ from the last token to earlier ones is lower in deep layers than in the first ones."""

    def judge(label: str, result: xr.Dataset) -> Finding:
        delta = over_distances(result, "a_to_b")
        # Layer 0 knows one token only, so the first layers after it are the honest comparison.
        first = delta.take(np.flatnonzero(delta.layers > 0)).select(*claims.FIRST).mean()
        deep = delta.select(*DEEP).mean()
        return below(deep, first, names=(f"{label}: mean Δ over distances in deep layers", "in the first"))

    return claims.each(labels, judge, text="The deeper the layer, the better tokens predict tokens far away.")


def lower_across(lower: str, upper: str, /, *, text: str) -> Statement:
    """Claim that the mean Δ over distances and deep layers is lower in one comparison than in another."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        low, high = (
            over_distances(results[label], "a_to_b").select(*DEEP).mean() for label in (lower, upper)
        )
        return below(low, high, names=(f"mean Δ over distances in deep layers: {lower}", upper))

    return Statement(text, (lower, upper), check)


def past_predicts_future(label: str, /) -> Statement:
    """Claim that an earlier token predicts the last one better than the reverse, in deep layers."""

    def judge(label: str, result: xr.Dataset) -> Finding:
        backward, forward = over_distances(result, "b_to_a"), over_distances(result, "a_to_b")
        gap = (backward - forward).select(*DEEP).mean()
        return under(gap, 0.0, name=f"{label}: Δ(past → future) − Δ(future → past) in deep layers")

    return claims.each(
        (label,), judge, text=f"{label}: the past predicts the future better than the reverse."
    )


STUDY = Study(
    name="token-distance",
    figure="5a-d",
    question="How far do the correlations between tokens reach, by layer, model and language, and in which direction?",
    needs="gemma-3-270m, smollm2-135m, bible:en-it",
    design=_design,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    notes=(
        "Both directions are computed; the paper shows the last token predicting earlier ones.",
        f"Distances are {', '.join(map(str, DISTANCES))}.",
    ),
)
