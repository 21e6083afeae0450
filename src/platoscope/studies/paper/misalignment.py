"""Shuffled pairs, over everything or within a book or a category: Fig. 7."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from platoscope.datasets import dataset_info
from platoscope.studies.design.comparison import Comparison, Source
from platoscope.studies.design.records import Choices, Design, Panel, Study
from platoscope.studies.judge import claims
from platoscope.studies.paper import _setting as setting
from platoscope.studies.paper._setting import (
    caption_source,
    from_preset,
    image_items,
    language_items,
    text_items,
)
from platoscope.studies.paper.images import image_profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["STUDY"]


def _texts(model: str, data: str, choices: Choices) -> Comparison:
    return Comparison(
        label=f"{choices.called(model)} {data}",
        a=Source(model=model, side="a", layers=choices.layers),
        b=Source(model=model, side="b", layers=choices.layers),
        items=text_items(data, choices),
    )


def _captions(language: str, vision: str, data: str, choices: Choices) -> Comparison:
    return Comparison(
        label=f"{choices.called(language)} and {choices.called(vision)}, {data}",
        a=caption_source(language, choices),
        b=Source(model=vision, side="a", pooling="mean"),
        items=image_items(data),
        match="relative_depth",
    )


def _aligned(choices: Choices) -> Sequence[Comparison]:
    """Give one profile of every data set and text model."""
    models = choices.models or from_preset(setting.TEXT_MODELS, choices)[:2]
    if choices.pairs is not None:
        return [_texts(model, data, choices) for model in models for data in choices.pairs]
    vision = from_preset(setting.VISION, choices)[0]
    corpora = from_preset(setting.LANGUAGES, choices)
    return [
        *(_texts(model, corpora[0][0], choices) for model in models),
        *(
            # The sentences of the studies of languages, which are read already.
            replace(_texts(models[0], group[0], choices), items=language_items(group[0], group, choices))
            for group in corpora[1:]
        ),
        image_profile(vision, choices),
        *(_captions(models[0], vision, data, choices) for data in from_preset(setting.CAPTIONS, choices)),
    ]


def _design(choices: Choices) -> Design:
    comparisons: list[Comparison] = []
    free: list[str] = []
    within: dict[str, str] = {}
    alike: dict[str, str] = {}
    names: dict[str, str] = {}
    pairs: dict[str, str] = {}
    for aligned in _aligned(choices):
        name = _name(aligned, set(names.values()), choices)
        # What is left of 1 − Δ is judged beside what there was.
        comparisons += [aligned, replace(aligned, label=f"{aligned.label} shuffled", shuffle="free")]
        free.append(comparisons[-1].label)
        pairs[free[-1]] = aligned.label
        names[free[-1]] = name
        strata = _strata(aligned)
        if _has_tokens(aligned):
            label = f"{aligned.label} shuffled among like lengths"
            comparisons.append(replace(aligned, label=label, shuffle="matched", null_matched="tokens"))
            names[label] = name
            alike[label] = aligned.label
        if strata is not None:
            label = f"{aligned.label} shuffled within {strata}"
            comparisons.append(replace(aligned, label=label, shuffle="strata", null_within_strata=True))
            names[label] = name
            within[label] = f"{aligned.label}: shuffled within {strata}, pairs still give Δ about 1."
            pairs[label] = aligned.label
    panels = [_panel("Shuffled pairs", free, names)]
    statements = [
        claims.shuffled_at_one(
            {label: pairs[label] for label in free}, text="Shuffled pairs give Δ about 1 in every data set."
        ),
        *(claims.shuffled_at_one({label: pairs[label]}, text=text) for label, text in within.items()),
    ]
    if alike:
        panels.append(_panel("Shuffled among like lengths", list(alike), names))
        text = "Shuffled among sentences of like lengths on both sides, pairs still give Δ about 1."
        statements.append(claims.shuffled_at_one(alike, text=text))
    if within:
        panels.append(_panel("Shuffled within strata", list(within), names))
    return Design(comparisons=tuple(comparisons), panels=tuple(panels), statements=tuple(statements))


def _has_tokens(comparison: Comparison) -> bool:
    """Tell whether a tokenizer counts the items: those of images and captions have no limits of length."""
    return comparison.items is not None and comparison.items.minimum is not None


def _strata(comparison: Comparison) -> str | None:
    """Name the strata within which the items can be shuffled; None where the data set declares none."""
    info = None if comparison.items is None else dataset_info(comparison.items.data)
    return None if info is None else info.strata


def _name(comparison: Comparison, taken: set[str], choices: Choices) -> str:
    """Name a curve by its data, and by its model where another model read the same data."""
    assert comparison.items is not None
    data = comparison.items.data.partition("@")[0]
    return (
        f"{data} ({choices.called(comparison.a.model)})"
        if data in taken and isinstance(comparison.a, Source)
        else data
    )


def _panel(title: str, labels: Sequence[str], names: Mapping[str, str]) -> Panel:
    shown = tuple(names[label] for label in labels)
    return Panel(kind="profile", labels=tuple(labels), names=shown, title=title, options={"null": False})


STUDY = Study(
    name="misalignment-null",
    figure="7",
    question="Is Δ 1 at every layer when the correspondence of the pairs is destroyed?",
    needs="all bundled models and data",
    design=_design,
    presets=("bundled", "paper"),
    settings=setting.SETTINGS,
    shortfall="use_all",
    notes=(
        "Over many free shuffles the mean of Δ is 1 by its definition; one shuffle shows how far a single one strays.",
        "Beyond the paper: shuffling within a book (a category, a module) keeps the topic, so what is left below 1 is "
        "the topic; shuffling among sentences of like lengths (in tokens, on both sides) keeps what length tells.",
    ),
)
