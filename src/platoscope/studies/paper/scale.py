"""Models of several sizes: their profiles (Fig. 3b) and who knows more (Fig. 4c)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from platoscope.studies.design.comparison import Comparison, Items, Source
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.judge import claims
from platoscope.studies.judge.evidence import curve, mean_of_directions
from platoscope.studies.judge.judging import all_of, below, close, under
from platoscope.studies.paper._setting import PAIRS, SETTINGS, TEXT_MODELS, from_preset, name_of, text_items

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from platoscope.studies.design.records import Finding

__all__ = ["MODEL_ASYMMETRY", "MODEL_SCALE"]

FIRST_HALF = (0.0, 0.5)


def _items(choices: Choices) -> Items:
    return text_items((choices.pairs or (from_preset(PAIRS, choices),))[0], choices)


def _scale(choices: Choices) -> Design:
    models = choices.models or from_preset(TEXT_MODELS, choices)
    items = _items(choices)
    pooling = (choices.poolings or ("mean(20)",))[0]
    comparisons = tuple(
        Comparison(
            label=name_of(model),
            a=Source(model=model, side="a", pooling=pooling, layers=choices.layers),
            b=Source(model=model, side="b", pooling=pooling, layers=choices.layers),
            items=items,
        )
        for model in models
    )
    labels = tuple(comparison.label for comparison in comparisons)
    return Design(
        comparisons=comparisons,
        panels=(Panel(kind="profile", labels=labels, title="Models of several sizes"),),
        statements=(
            claims.rising(
                *labels, region=claims.MIDDLE, text="The larger the model, the lower Δ in the inner layers."
            ),
            minimum_moves_earlier(*labels),
        ),
    )


def minimum_moves_earlier(*labels: str) -> Statement:
    """Claim that the depth of the smallest Δ grows from each label to the next, from large to small models."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        depths = {label: mean_of_directions(results[label]).depth_of_minimum() for label in labels}
        return all_of(
            [
                below(depths[large], depths[small], names=(f"depth of the minimum: {large}", small))
                for large, small in itertools.pairwise(labels)
            ]
        )

    return Statement("The larger the model, the earlier the minimum of Δ.", labels, check)


def _model_asymmetry(choices: Choices) -> Design:
    models = (choices.models or from_preset(TEXT_MODELS, choices))[:2]
    large, small = models[0], models[-1]
    pooling = (choices.poolings or ("mean(20)",))[0]
    label = f"{name_of(large)} and {name_of(small)}"
    comparison = Comparison(
        label=label,
        a=Source(model=large, side="a", pooling=pooling, layers=choices.layers),
        b=Source(model=small, side="a", pooling=pooling, layers=choices.layers),
        items=_items(choices),
        match="relative_depth",
    )
    return Design(
        comparisons=(comparison,),
        panels=(
            Panel(kind="profile", labels=(label,), title="The same text in two models"),
            Panel(kind="asymmetry", labels=(label,), title="Asymmetry of the two models"),
        ),
        statements=(
            no_asymmetry_in_first_half(label),
            claims.asymmetry_sign(
                label,
                region=claims.SECOND_HALF,
                negative=True,
                text="In the second half the larger model predicts the smaller better than the reverse.",
            ),
            gap_opens_in_second_half(label),
        ),
    )


def no_asymmetry_in_first_half(label: str, /) -> Statement:
    """Claim that both models predict each other equally well in the first half."""

    def judge(label: str, result: xr.Dataset) -> Finding:
        mean = curve(result, "asymmetry").select(*FIRST_HALF).mean()
        name = f"{label}: mean asymmetry in the first half"
        return close(mean, 0.0, tolerance=claims.ABOUT_ZERO, name=name)

    return claims.each((label,), judge, text="In the first half both models predict each other equally well.")


def gap_opens_in_second_half(label: str, /) -> Statement:
    """Claim that the asymmetry is more negative in the second half than in the first."""

    def judge(label: str, result: xr.Dataset) -> Finding:
        delta = curve(result, "asymmetry")
        late, early = delta.select(*claims.SECOND_HALF).mean(), delta.select(*FIRST_HALF).mean()
        name = f"{label}: second half {late}, first half {early}; difference"
        return under(late - early, 0.0, name=name)

    return claims.each((label,), judge, text="The gap between the directions opens in the second half.")


MODEL_SCALE = Study(
    name="model-scale",
    figure="3b",
    question="Do larger models put a sentence and its translation closer together?",
    needs="gemma-3-270m, smollm2-135m, bible:en-it",
    design=_scale,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    notes=(
        "The bundled models differ in family and training languages as well as in size.",
        "All models see the same pairs; their length is counted by the first model's tokenizer.",
    ),
)

MODEL_ASYMMETRY = Study(
    name="model-asymmetry",
    figure="4c",
    question="Given the same text, does the larger model know more than the smaller one?",
    needs="gemma-3-270m, smollm2-135m, bible:en-it",
    design=_model_asymmetry,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    notes=("The bundled models differ in family and training languages as well as in size.",),
)
