"""Tokens of one sentence, at growing distance: Fig. 5."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platoscope.studies.design.comparison import Comparison, Source
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.judge import claims, rules
from platoscope.studies.judge.evidence import Curve, curve, mean_of_directions
from platoscope.studies.judge.judging import decide, higher, pooled
from platoscope.studies.judge.several_spaces import about_asymmetry
from platoscope.studies.paper._setting import (
    PAIRS,
    SETTINGS,
    TEXT_MODELS,
    from_preset,
    languages_of,
    text_items,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from platoscope.studies.design.records import Finding
    from platoscope.studies.judge.evidence import Quantity
    from platoscope.studies.judge.judging import Table

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
                label=f"{choices.called(model)} {language}",
                a=source,
                b=source,
                items=text_items(data, choices),
                kind="token_distance",
                distances=DISTANCES,
            )
    labels = {key: comparison.label for key, comparison in comparisons.items()}
    translations = {model: _translation(model, data, choices) for model in models}
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
    return Design(
        comparisons=(*comparisons.values(), *translations.values()),
        panels=panels,
        statements=_statements(
            labels, {model: item.label for model, item in translations.items()}, (a, b), choices
        ),
    )


def _statements(
    labels: Mapping[tuple[str, str], str],
    translations: Mapping[str, str],
    languages: tuple[str, str],
    choices: Choices,
) -> tuple[Statement, ...]:
    """Make the statements; `labels` go by model and language, models from large to small."""
    a, b = languages
    models = list(translations)
    statements = [
        uninformative_early(*labels.values()),
        fills_in_with_depth(*labels.values()),
        *(
            strongest_after_translations(
                translations[model], *(labels[model, language] for language in (a, b))
            )
            for model in models
        ),
    ]
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
            text=f"In deep layers of {choices.called(model)} tokens predict each other better in {a} than in {b}.",
        )
        for model in models
    ]
    statements.append(past_and_future_differ(*labels.values()))
    return tuple(statements)


def _translation(model: str, data: str, choices: Choices) -> Comparison:
    """Compare a sentence with its translation, whose best layers the strongest ones of tokens follow."""
    return Comparison(
        label=f"{choices.called(model)} translations",
        a=Source(model=model, side="a", layers=choices.layers),
        b=Source(model=model, side="b", layers=choices.layers),
        items=text_items(data, choices),
    )


def over_distances(result: xr.Dataset, direction: str, /) -> Curve:
    """Give Δ in one direction averaged over all distances, by layer."""
    return curve(result.mean("token_distance", keep_attrs=True), direction=direction)


def _first_and_deep(result: xr.Dataset) -> tuple[Quantity, Quantity]:
    """Give the mean Δ from the last token to earlier ones, in the first layers and in deep ones."""
    delta = over_distances(result, "a_to_b")
    # Layer 0 knows one token only, so the first layers after it are the honest comparison.
    first = delta.take(np.flatnonzero(delta.layers > 0)).select(*claims.FIRST).mean()
    return first, delta.select(*DEEP).mean()


def uninformative_early(*labels: str) -> Statement:
    """Claim that in the first layers 1 − Δ is less than half of what it is in deep layers."""

    def table(label: str, result: xr.Dataset) -> Table:
        first, deep = (delta * -1.0 + 1.0 for delta in _first_and_deep(result))
        names = (f"{label}: half of the mean 1 − Δ in deep layers", "in the first")
        return [[higher(deep * rules.HALF, first, names=names)]]

    return claims.each(labels, table, text="In the first layers, tokens say little of each other.")


def fills_in_with_depth(*labels: str) -> Statement:
    """Claim that Δ from the last token to earlier ones is lower in deep layers than in the first ones."""

    def table(label: str, result: xr.Dataset) -> Table:
        first, deep = _first_and_deep(result)
        names = ("mean Δ over distances in deep layers", "in the first")
        return rules.ordered(dict(zip(names, (deep, first), strict=True)), name=label)

    return claims.each(labels, table, text="The deeper the layer, the better tokens predict tokens far away.")


def strongest_after_translations(translation: str, *labels: str) -> Statement:
    """Claim that tokens predict each other best at a larger depth than translations do."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        early = mean_of_directions(results[translation])
        return decide(
            *(
                rules.earlier_minimum(
                    early, over_distances(results[label], "a_to_b"), names=(translation, label)
                )
                for label in labels
            )
        )

    text = f"{translation}: the layers where tokens say most of each other come after the smallest Δ."
    return Statement(text, (translation, *labels), check)


def lower_across(lower: str, upper: str, /, *, text: str) -> Statement:
    """Claim that the mean Δ over distances and deep layers is lower in one comparison than in another."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        deep = {
            label: over_distances(results[label], "a_to_b").select(*DEEP).mean() for label in (lower, upper)
        }
        return decide(rules.ordered(deep, name="mean Δ over distances in deep layers"))

    return Statement(text, (lower, upper), check)


def past_and_future_differ(*labels: str) -> Statement:
    """Claim that Δ from past to future differs from that from future to past, pooled over all there is.

    The paper's earlier abstract speaks of an asymmetry and gives no sign: either is one, beyond 2 % of what
    tokens tell of each other at all, 1 − Δ. Not of Δ, which is largest where there is nothing to tell: a margin is a share
    of an effect. It is small because a difference, unlike an equality, needs none to be shown; it is there so that the
    statement can fail.
    """

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        gaps, told = [], []
        for label in labels:
            backward, forward = (over_distances(results[label], name) for name in ("b_to_a", "a_to_b"))
            gaps.append((backward - forward).mean())
            told.append(((backward + forward) * -0.5).mean() + 1.0)
        words = "Δ(past → future) − Δ(future → past), mean over distances, layers and comparisons,"
        return decide(rules.nonzero(pooled(gaps), pooled(told), share=rules.SLIGHT, words=words))

    text = "The past predicts the future to another degree than the future the past."
    return about_asymmetry(text, labels, check)


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
