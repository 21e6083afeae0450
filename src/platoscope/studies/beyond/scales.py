"""Whether agreement sits in topics (books) or in meanings, and in near neighbors or in wide surroundings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.studies.design.comparison import Comparison, Source
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.judge import rules
from platoscope.studies.judge.evidence import mean_of_directions
from platoscope.studies.judge.judging import decide, higher
from platoscope.studies.paper.presets import PAIRS, SETTINGS, TEXT_MODELS, from_preset, text_items

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from platoscope.studies.design.records import Finding
    from platoscope.studies.judge.evidence import Quantity

__all__ = ["STUDY", "across_groups", "finer_than_wide", "groups_carry_part", "most_is_within"]


def _design(choices: Choices) -> Design:
    models = (choices.models or from_preset(TEXT_MODELS, choices))[:1]
    datasets = choices.pairs or (from_preset(PAIRS, choices),)
    comparisons: list[Comparison] = []
    for data in datasets:
        items = text_items(data, choices)
        a, b = (
            Source(model=models[0], side=side, layers=choices.layers, pooling=(choices.poolings or ("mean(20)",))[0])
            for side in ("a", "b")
        )  # fmt: skip
        label = f"{choices.called(models[0])} {data}"
        comparisons.append(Comparison(label=label, a=a, b=b, items=items, kind="scales"))
    labels = [comparison.label for comparison in comparisons]
    panels = [
        Panel(kind="scales", labels=(label,), title=title, options={"over": over})
        for label in labels
        for over, title in (
            ("layer", "Inside groups, across them, among all"),
            ("n_neighbors", "Near neighbors and wide surroundings"),
        )
    ]
    makers = (most_is_within, groups_carry_part, across_groups, finer_than_wide)
    return Design(
        comparisons=tuple(comparisons),
        panels=tuple(panels),
        statements=tuple(make(label) for label in labels for make in makers),
    )


def most_is_within(label: str, /) -> Statement:
    """Claim that around the smallest Δ, 1 − Δ inside groups is more than half of what it is inside random groups."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        within, random = (_shared(results[label], name) for name in ("within", "within_shuffled"))
        names = ("1 − Δ around the smallest Δ: inside groups", "half of that inside random groups")
        return decide([[higher(within, random * rules.HALF, names=names)]])

    return Statement(
        "Most of the agreement is left inside groups: it is meaning more than topic.", (label,), check
    )


def groups_carry_part(label: str, /) -> Statement:
    """Claim that around the smallest Δ, 1 − Δ is smaller inside groups than inside random groups of the same sizes."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        within, random = (_shared(results[label], name) for name in ("within", "within_shuffled"))
        names = ("1 − Δ around the smallest Δ: inside random groups", "inside groups")
        return decide([[higher(random, within, names=names)]])

    text = (
        "Topics carry part of it: inside groups sides agree less than inside random groups of the same sizes."
    )
    return Statement(text, (label,), check)


def across_groups(label: str, /) -> Statement:
    """Claim that around the smallest Δ, 1 − Δ to items of other groups is more than half of that to all items."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        between, whole = (_shared(results[label], name) for name in ("between", "information_imbalance"))
        names = ("1 − Δ around the smallest Δ: among items of other groups", "half of that among all")
        return decide([[higher(between, whole * rules.HALF, names=names)]])

    return Statement("Sides agree on which items of other groups are near.", (label,), check)


def finer_than_wide(label: str, /) -> Statement:
    """Claim that around the smallest Δ the excess over the least that Δ can be is lower for one neighbor than for N/4."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        near, wide = (_shared(results[label], name) for name in ("excess_near", "excess_wide"))
        names = ("1 − excess around the smallest Δ: nearest neighbor", "a quarter of the items")
        return decide([[higher(near, wide, names=names)]])

    return Statement(
        "Agreement is fine: nearest neighbors agree better than wide surroundings.", (label,), check
    )


def _shared(result: xr.Dataset, name: str) -> Quantity:
    """Give one minus a variable around the smallest Δ, mean of both directions; layers are chosen in each subsample."""
    delta = mean_of_directions(result)
    return rules.around_minimum(delta, mean_of_directions(result, name)) * -1.0 + 1.0


STUDY = Study(
    name="coarse-and-fine",
    question="Does agreement sit in topics or in meanings, in near neighbors or in wide surroundings?",
    needs="gemma-3-270m, bible:en-it",
    design=_design,
    presets=("bundled",),  # the paper's sentences come without groups
    settings=SETTINGS,
    notes=(
        "Groups are those of the data (books of the Bible), never clusters of a representation, whose neighbors are of one "
        "cluster by construction.",
        "Fewer candidates change Δ by themselves: inside groups it is compared with random groups of the same sizes.",
        "Subsamples are half of the items, so that groups stay large enough; intervals are then too wide rather than too "
        "narrow (docs/explanation/scales.md).",
    ),
)
