"""Captions and images in two models: who reads what, and what the studies of figures 6b and 10 share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from platoscope.studies.design.comparison import Comparison, Fixed, Items, Source
from platoscope.studies.design.records import Choices, Panel, Statement
from platoscope.studies.judge import rules
from platoscope.studies.judge.evidence import curve
from platoscope.studies.judge.judging import decide
from platoscope.studies.judge.several_spaces import about_asymmetry
from platoscope.studies.paper import _setting as setting
from platoscope.studies.paper._setting import caption_source, from_preset, image_items

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

    from platoscope.studies.design.records import Finding

__all__ = ["AXIS", "NOTES", "Cast", "cast_of", "label_of", "region_of", "text_predicts_vision"]

AXIS = "relative_depth_b"
NOTES = (
    "The language model is held at the layer with the smallest Δ between translations, estimated on other data.",
    "Bundled captions are short: all their tokens are averaged and none is dropped.",
)


@dataclass(frozen=True)
class Cast:
    """Who reads what: one language model the captions, one or several vision models the images."""

    language: str
    visions: tuple[str, ...]
    datasets: tuple[str, ...]
    choices: Choices

    def sweep(self, vision: str, data: str, fixed: Fixed, /, *, suffix: str = "") -> Comparison:
        """Hold a layer of one model and move through the other."""
        return Comparison(
            label=f"{label_of(self.language, vision, data, self.choices)}{suffix}",
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
            names=tuple(self.choices.called(vision) for vision in self.visions),
            title=title,
            options=options,
        )


def cast_of(choices: Choices, language: str, visions: tuple[str, ...]) -> Cast:
    chosen = choices.models or (language,)
    datasets = choices.pairs or from_preset(setting.CAPTIONS, choices)
    return Cast(chosen[0], chosen[1:] or visions, datasets, choices)


def region_of(model: str, choices: Choices) -> Comparison:
    """Find the semantic region of the language model where the paper does: on translations."""
    return Comparison(
        label=f"{choices.called(model)} translations",
        a=Source(model=model, side="a"),
        b=Source(model=model, side="b"),
        items=Items(data=from_preset(setting.PAIRS, choices)),
    )


def label_of(language: str, vision: str, data: str, choices: Choices) -> str:
    return f"{choices.called(language)} and {choices.called(vision)}, {data}"


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
    return about_asymmetry(text, labels, check)
