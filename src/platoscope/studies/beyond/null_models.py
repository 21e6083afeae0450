"""What is left of a profile without training, without word order, and between two models that share nothing but a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from platoscope.models import trained_name
from platoscope.studies.design.comparison import Comparison, Items, Source
from platoscope.studies.design.null_models import SEEDS, crossed_seeds, untrained, words_shuffled
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.design.settings import Settings
from platoscope.studies.judge.evidence import Curve, Quantity, mean_of_directions
from platoscope.studies.judge.judging import Part, decide, higher, pooled
from platoscope.studies.paper.presets import PAIRS, TEXT_MODELS, from_preset, languages_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

    from platoscope.studies.design.records import Finding

__all__ = ["STUDY"]

_POOLING = "mean(20)"
_QUARTER = 0.25


def _design(choices: Choices) -> Design:
    # The trained one of each: that of an untrained one is what it is held against.
    named = choices.models or from_preset(TEXT_MODELS, choices)[:1]
    models = dict.fromkeys(map(trained_name, named))
    pairs = choices.pairs or (from_preset(PAIRS, choices),)
    pooling = (choices.poolings or (_POOLING,))[0]
    parts = [_one(model, data, pooling, choices) for model in models for data in pairs]
    return Design(
        comparisons=tuple(item for part in parts for item in part.comparisons),
        panels=tuple(item for part in parts for item in part.panels),
        statements=tuple(item for part in parts for item in part.statements),
    )


def _one(model: str, data: str, pooling: str, choices: Choices) -> Design:
    """Compare one model on one set of pairs with its null models."""
    short = f"{choices.called(model)} {data}"
    source = Source(
        model=model,
        pooling=pooling,
        layers=choices.layers,
        # As in `translations`, with whose profile this one is read.
        final_norm=False if choices.final_norm is None else choices.final_norm,
    )
    trained = Comparison(
        label=f"{short} trained", a=source, b=replace(source, side="b"), items=Items(data=data)
    )
    without = [untrained(trained, seed, label=f"{short} untrained {seed}") for seed in range(SEEDS)]
    mismatched = [
        untrained(trained, a, b, label=f"{short} untrained {a} and {b}") for a, b in crossed_seeds(SEEDS)
    ]
    shuffled = words_shuffled(trained, label=f"{short} words shuffled")
    labels = [item.label for item in without]
    crossed = [item.label for item in mismatched]
    return Design(
        comparisons=(trained, *without, shuffled, *mismatched),
        panels=_panels(trained.label, labels, shuffled.label, crossed, data),
        statements=_statements(trained.label, labels, shuffled.label, crossed, short),
    )


def _panels(
    trained: str, untrained: Sequence[str], shuffled: str, crossed: Sequence[str], data: str
) -> tuple[Panel, ...]:
    a, b = languages_of(data)
    seeds = [f"seed {seed}" for seed in range(SEEDS)]
    pairs = [f"seeds {seed} and {other}" for seed, other in crossed_seeds(SEEDS)]
    first = Panel(
        kind="profile",
        labels=(trained, shuffled, *untrained),
        names=("trained", "words shuffled", *seeds),
        title=f"{a} and {b}, with and without training and word order",
        options={"baselines": {"words shuffled": ["words shuffled"], "untrained": seeds}},
    )
    second = Panel(
        kind="profile",
        labels=(*untrained, *crossed),
        names=(*seeds, *pairs),
        title="Untrained: one seed on both sides, or two",
        options={"baselines": {"two seeds": pairs}, "directions": ("mean",), "null": False},
    )
    return first, second


def _statements(
    trained: str, untrained: Sequence[str], shuffled: str, crossed: Sequence[str], short: str
) -> tuple[Statement, ...]:
    def below_every_untrained(results: Mapping[str, xr.Dataset]) -> Finding:
        best = _minimum(results[trained])
        return decide(
            [[higher(_minimum(results[each]), best, names=(each, "trained")) for each in untrained]]
        )

    def order_adds(results: Mapping[str, xr.Dataset]) -> Finding:
        names = ("smallest Δ with words shuffled", "as they stand")
        return decide([[higher(_minimum(results[shuffled]), _minimum(results[trained]), names=names)]])

    def shared_untrained(results: Mapping[str, xr.Dataset]) -> Finding:
        return decide(
            [[Part(f"{each}: 1 minus mean Δ", _mean(results[each]) * -1.0 + 1.0) for each in untrained]]
        )

    def one_seed_shares_more(results: Mapping[str, xr.Dataset]) -> Finding:
        same, two = (pooled([_mean(results[each]) for each in group]) for group in (untrained, crossed))
        return decide([[higher(two, same, names=("mean Δ of two seeds", "of one seed"))]])

    def seeds_agree(results: Mapping[str, xr.Dataset]) -> Finding:
        spread = _spread([_minimum(results[each]) for each in untrained])
        gain = pooled([_minimum(results[each]) for each in untrained]) - _minimum(results[trained])
        words = f"a quarter of what training takes from the smallest Δ, {gain}, minus the spread of seeds, {spread}:"
        return decide([[Part(words, gain * _QUARTER - spread)]])

    said = (
        ("the smallest Δ of the trained model is below that of every untrained one.",
         (trained, *untrained), below_every_untrained),
        ("word order adds to what is shared: the smallest Δ is larger where words are shuffled.",
         (trained, shuffled), order_adds),
        ("untrained models share something as well: their Δ, on average over the layers, is below 1.",
         tuple(untrained), shared_untrained),
        ("two untrained models of different seeds share less than one has on both sides.",
         (*untrained, *crossed), one_seed_shares_more),
        ("the smallest Δ differs between seeds by less than a quarter of what training takes from it.",
         (trained, *untrained), seeds_agree),
    )  # fmt: skip
    return tuple(Statement(f"{short}: {text}", needs, check) for text, needs, check in said)


def _minimum(result: xr.Dataset) -> Quantity:
    return mean_of_directions(result).minimum()


def _mean(result: xr.Dataset) -> Quantity:
    return mean_of_directions(result).mean()


def _spread(numbers: Sequence[Quantity]) -> Quantity:
    """Give the largest minus the smallest, subsample by subsample."""
    first = numbers[0]
    values = np.array([number.value for number in numbers])
    drawn = np.stack([number.resamples for number in numbers], axis=1)
    none = np.arange(len(values))
    return Curve(values, drawn, none.astype(np.float64), none, first.n_samples, first.size).range()


STUDY = Study(
    name="null-models",
    question="What is left of the shared meaning without training, and without word order?",
    needs="gemma-3-270m and bible:en-it",
    design=_design,
    presets=("bundled", "paper"),
    settings={preset: Settings(n=400) for preset in ("bundled", "paper")},
    notes=(
        "Not in the paper. Untrained weights are those of the library's own initializer, of three seeds; 400 pairs, since "
        "three more models read them.",
        "Words are shuffled on both sides, each text in an order of its own; limits of length are those of the texts "
        "as they were.",
        "Of two untrained models with different seeds, one reads each side: they share the plan and the tokenizer alone.",
    ),
)
