"""Beyond the paper: English with languages of many families and scripts, and each of these with each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from platoscope.studies.design.comparison import Comparison, Fixed, Source
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.judge import claims
from platoscope.studies.judge.evidence import cells
from platoscope.studies.judge.judging import Part, decide, higher
from platoscope.studies.paper._setting import (
    MANY_LANGUAGES,
    SETTINGS,
    TEXT_MODELS,
    from_preset,
    language_of,
    text_items,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from platoscope.studies.design.records import Finding

__all__ = ["STUDY", "first_predicts_best", "more_tokens_lie_farther"]

MAXIMUM = 120
"""Tokens: some languages take twice those of English, and short sentences alone would be left of them."""


def _design(choices: Choices) -> Design:
    model = (choices.models or from_preset(TEXT_MODELS, choices))[0]
    group = choices.pairs or from_preset(MANY_LANGUAGES, choices)
    pooling = (choices.poolings or ("mean(20)",))[0]
    a, b = (Source(model=model, side=side, pooling=pooling, layers=choices.layers) for side in ("a", "b"))
    profiles = [
        Comparison(
            label=f"{choices.called(model)} {data}",
            a=a,
            b=b,
            items=replace(text_items(data, choices), maximum=MAXIMUM, together=group),
        )
        for data in group
    ]
    labels = tuple(profile.label for profile in profiles)
    names = tuple(choices.shown(language_of(data)) for data in group)
    matrix = replace(
        profiles[0],
        label=f"{choices.called(model)} every two languages",
        kind="matrix",
        fixed=Fixed(side="a", minimum_of=labels[0]),
    )
    return Design(
        comparisons=(*profiles, matrix),
        panels=_panels(labels, names, matrix.label),
        statements=_statements(labels, matrix.label),
    )


def _panels(labels: tuple[str, ...], names: tuple[str, ...], matrix: str) -> tuple[Panel, ...]:
    return (
        Panel(
            kind="profile",
            labels=labels,
            names=names,
            title="English with each language",
            options={"directions": ("mean",)},
        ),
        Panel(kind="asymmetry", labels=labels, names=names, title="Who knows more"),
        Panel(kind="matrix", labels=(matrix,), title="Every two languages, at the semantic layer"),
        Panel(
            kind="matrix",
            labels=(matrix,),
            title="Asymmetry of every two, at the semantic layer",
            options={"measure": "asymmetry"},
        ),
        Panel(kind="tokens", labels=(matrix,), title="Control: tokens and Δ"),
        Panel(
            kind="tokens",
            labels=(matrix,),
            title="Control: tokens and asymmetry",
            options={"variable": "asymmetry"},
        ),
    )


def _statements(labels: tuple[str, ...], matrix: str) -> tuple[Statement, ...]:
    about_layers = (
        claims.minimum_in_the_middle(
            *labels, text="With every language Δ has its minimum in the middle layers."
        ),
        claims.asymmetry_sign(
            *labels,
            region=claims.LAST_QUARTER,
            negative=True,
            text="In the last quarter English is more informative than the other languages.",
        ),
    )
    if len(labels) < 2:
        return about_layers
    return (
        *about_layers,
        first_predicts_best(
            matrix,
            text="At the semantic layer English predicts a language better than the other languages do.",
        ),
        more_tokens_lie_farther(
            matrix,
            text="The more tokens a language takes for the same sentences, the larger its Δ with English.",
        ),
    )


def first_predicts_best(label: str, /, *, text: str) -> Statement:
    """Claim that Δ(first text → another) is below Δ(third → another), on average over the texts."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        n = results[label].sizes["text_a"]
        table = cells(results[label])
        own, others = (np.array(places) for places in _places(n))
        return decide(
            [
                [
                    higher(
                        table.take(others).mean(),
                        table.take(own).mean(),
                        names=("from the others", "from the first"),
                    )
                ]
            ]
        )

    return Statement(text, (label,), check)


def _places(n: int) -> tuple[list[int], list[int]]:
    """Give the cells from the first text to another, and those between two others."""
    others = range(1, n)
    return list(others), [row * n + column for row in others for column in others if row != column]


def more_tokens_lie_farther(label: str, /, *, text: str) -> Statement:
    """Claim that Δ rises with the tokens of a text: the slope of its line over the texts is above zero.

    Δ is the mean of both directions with the first text. The texts are these; only their items are a sample.
    """

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        tokens = np.asarray(results[label]["tokens"], dtype=np.float64)
        share = tokens[1:] / tokens[0]
        n = len(tokens)
        apart = share - share.mean()
        weights = apart / (apart @ apart) if apart.any() else np.full_like(apart, np.nan)
        table = cells(results[label])
        there, back = table.take(np.arange(1, n)), table.take(np.arange(1, n) * n)
        slope = ((there + back) * 0.5).reduce(lambda rows: rows @ weights)
        words = f"slope of Δ over tokens relative to the first text ({share.min():.2f} to {share.max():.2f})"
        return decide([[Part(words, slope)]])

    return Statement(text, (label,), check)


STUDY = Study(
    name="many-languages",
    question="Do languages of many families and scripts share their semantic layers with English, and with each other?",
    needs="gemma-3-270m, libreoffice:en-XX",
    design=_design,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    shortfall="equal",
    notes=(
        "Beyond the paper. All texts are translations of the English one, so that English stands nearer to each of them "
        "than they to each other also because of how the data were made.",
        "All languages read the same sentences: those with 40 to 120 tokens in every one of them.",
        "The semantic layer is that of English with the first language.",
        "How many tokens a language takes depends on the tokenizer and on the language; Δ against it is a control, not a "
        "cause.",
    ),
)
