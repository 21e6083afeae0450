"""Whether several layers together predict a translation better than the best of them, with weights and without."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from platoscope.studies.design.comparison import Comparison, Fixed, Source
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.judge.evidence import number
from platoscope.studies.judge.judging import decide, higher
from platoscope.studies.paper.presets import (
    PAIRS,
    SETTINGS,
    TEXT_MODELS,
    from_preset,
    languages_of,
    text_items,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from platoscope.measures import SideName
    from platoscope.studies.design.records import Finding

__all__ = ["STUDY", "better_together", "second_layer_adds", "weights_matter"]

_DELTA = "information_imbalance"
_NAMED_LAYERS = 4


def _design(choices: Choices) -> Design:
    models = choices.models or from_preset(TEXT_MODELS, choices)[:1]
    datasets = choices.pairs or (from_preset(PAIRS, choices),)
    comparisons: list[Comparison] = []
    panels: list[Panel] = []
    statements: list[Statement] = []
    for model in models:
        for data in datasets:
            profile, *weighed = _comparisons(model, data, choices)
            comparisons += [profile, *weighed]
            labels = tuple(item.label for item in weighed)
            panels.append(Panel(kind="profile", labels=(profile.label,), title=f"{profile.label}, by layer"))
            for show, title in (
                ("share", "How much each layer counts"),
                ("held_out", "Layers together, on other items"),
            ):
                panels.append(Panel(kind="weights", labels=labels, title=title, options={"show": show}))
            for label in labels:
                statements += [make(label) for make in (better_together, weights_matter, second_layer_adds)]
    return Design(comparisons=tuple(comparisons), panels=tuple(panels), statements=tuple(statements))


def _comparisons(model: str, data: str, choices: Choices) -> list[Comparison]:
    """Give the profile of both sides, whose minimum is the layer that is predicted, and both directions."""
    items, called = text_items(data, choices), choices.called(model)
    languages = dict(zip(("a", "b"), map(choices.shown, languages_of(data)), strict=True))
    pooling = (choices.poolings or ("mean(20)",))[0]

    def source(side: SideName) -> Source:
        return Source(model=model, side=side, layers=choices.layers, pooling=pooling)

    where = called if choices.pairs is None else f"{called} {choices.shown(data)}"
    profile = Comparison(
        label=f"{where} {languages['a']} and {languages['b']}", a=source("a"), b=source("b"), items=items
    )
    directions: tuple[tuple[SideName, SideName], ...] = (("a", "b"), ("b", "a"))
    return [
        profile,
        *(
            Comparison(
                label=f"{where} {languages[a]} to {languages[b]}",
                a=source(a),
                b=source(b),
                items=items,
                kind="weights",
                fixed=Fixed(side="b", minimum_of=profile.label),
            )
            for a, b in directions
        ),
    ]


def better_together(label: str, /) -> Statement:
    """Claim that on held-out items Δ of the weighted layers is below that of the layer that was best outside of the fold.

    *Null*: it is not, of the weights and the layer that were found. Both are chosen on the same items, and Δ is read on
    others, on the same subsamples: P(held) is about 2.5 % (docs/explanation/weights.md has it measured). *Did not hold*:
    it certainly is above.
    """

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        result = results[label]
        single, weighted = (number(result, _DELTA, candidate=name) for name in ("best_single", "weighted"))
        finding = decide(
            [[higher(single, weighted, names=(f"Δ of the best layer ({_best(result)})", "weighted"))]]
        )
        return replace(finding, evidence=f"{finding.evidence} {_shares(result)}")

    return Statement(f"{label}: weighted layers predict better than the best of them alone.", (label,), check)


def weights_matter(label: str, /) -> Statement:
    """Claim that on held-out items Δ of the weighted layers is below that of all layers alike, on the same subsamples.

    *Null* and *did not hold* as in `better_together`.
    """

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        equal, weighted = (number(results[label], _DELTA, candidate=name) for name in ("equal", "weighted"))
        return decide([[higher(equal, weighted, names=("Δ of all layers alike", "weighted"))]])

    return Statement(f"{label}: weighted layers predict better than all alike.", (label,), check)


def second_layer_adds(label: str, /) -> Statement:
    """Claim that on held-out items Δ of two layers, found one after the other, is below that of the first alone.

    *Null* and *did not hold* as in `better_together`, of the sets that were found.
    """

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        result = results[label]
        if result.sizes.get("size", 0) < 2:
            return decide([])
        one, two = (number(result, "greedy", size=size) for size in (1, 2))
        finding = decide([[higher(one, two, names=("Δ of the first layer", "of two"))]])
        pairs = [f"{first} and {second}" for first, second in result["greedy_layer"].values[:, :2].tolist()]
        return replace(finding, evidence=f"{finding.evidence} By fold, layers {', '.join(pairs)}.")

    return Statement(f"{label}: a second layer beside the best one predicts better.", (label,), check)


def _best(result: xr.Dataset) -> str:
    """Name the best single layer of each fold, each once."""
    layers = sorted(set(result["best_layer"].values.tolist()))
    return f"layer {' or '.join(map(str, layers))}"


def _shares(result: xr.Dataset) -> str:
    """Say which layers count most, in the mean over folds."""
    share = result["share"].mean("fold")
    order = (-share).argsort(kind="stable").values[:_NAMED_LAYERS]
    told = [f"{result['layer'].values[i]} ({float(share[i]):.2f})" for i in order]
    return f"Largest shares: layers {', '.join(told)}."


STUDY = Study(
    name="weighted-layers",
    question="Which layers together tell what one alone does not?",
    needs="gemma-3-270m, bible:en-it",
    design=_design,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    notes=(
        "Not in the paper. Weights minimize the differentiable Information Imbalance (Wild et al. 2025, Nature "
        "Communications 16); what is reported is the exact Δ among items of folds that chose nothing, with books in one "
        "fold as a whole.",
        "What is predicted is the layer of the other side where the profile of both has the smallest Δ, on the same items; "
        "all candidates are asked about that layer.",
        "Δ of a fold is that of a quarter of the items, and larger than that of all: compare candidates with each other, "
        "not with a profile.",
    ),
)
