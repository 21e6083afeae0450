"""Models of several sizes: their profiles (Fig. 3b) and who knows more (Fig. 4c)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from platoscope.studies.design.comparison import Comparison, Items, Source
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.judge import claims, rules
from platoscope.studies.judge.evidence import curve, mean_of_directions
from platoscope.studies.judge.judging import decide, higher, pooled
from platoscope.studies.judge.several_spaces import about_asymmetry
from platoscope.studies.paper._setting import PAIRS, SETTINGS, TEXT_MODELS, from_preset, text_items

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from platoscope.studies.design.records import Finding
    from platoscope.studies.judge.judging import Table

__all__ = ["MODEL_ASYMMETRY", "MODEL_SCALE"]

FIRST_HALF = (0.0, 0.5)
TO_THE_MIDDLE = (0.25, 0.5)
SECOND = (0.5 + 1e-6, 1.0)


def _items(choices: Choices) -> Items:
    return text_items((choices.pairs or (from_preset(PAIRS, choices),))[0], choices)


def _scale(choices: Choices) -> Design:
    models = choices.models or from_preset(TEXT_MODELS, choices)
    items = _items(choices)
    pooling = (choices.poolings or ("mean(20)",))[0]
    comparisons = tuple(
        Comparison(
            label=choices.called(model),
            a=Source(model=model, side="a", pooling=pooling, layers=choices.layers),
            b=Source(model=model, side="b", pooling=pooling, layers=choices.layers),
            items=items,
        )
        for model in models
    )
    labels = tuple(comparison.label for comparison in comparisons)
    return Design(
        comparisons=comparisons,
        panels=(
            Panel(kind="profile", labels=labels, title="Models of several sizes"),
            *(
                [Panel(kind="difference", labels=labels, title="Differences from the largest model")]
                if len(labels) > 1
                else []
            ),
        ),
        statements=_about_sizes(labels, choices) if len(labels) > 1 else (),
    )


def _about_sizes(labels: tuple[str, ...], choices: Choices) -> tuple[Statement, ...]:
    return (
        larger_is_lower(*labels),
        most_in_inner_layers(labels[0], labels[-1]),
        lowest_minimum(*labels),
        claims.shares_more(
            *labels,
            at="depth",
            text="The larger the model, the more it shares, on average over the relative depth.",
        ),
        minimum_moves_earlier(labels[0], labels[-1]),
        _llama_alike(choices),
    )


def larger_is_lower(*labels: str) -> Statement:
    """Claim that Δ in the inner layers rises from the largest model to the smallest, and no step goes back."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        inner = {label: mean_of_directions(results[label]).select(*claims.MIDDLE).mean() for label in labels}
        return decide(rules.monotone(inner, name="mean Δ in the inner layers"))

    return Statement("The larger the model, the lower Δ in the inner layers.", labels, check)


def most_in_inner_layers(large: str, small: str, /) -> Statement:
    """Claim that the larger model lowers Δ by more in the inner layers than in the outer ones."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        lowered = mean_of_directions(results[small]), mean_of_directions(results[large]) * -1.0
        inner = pooled([delta.select(*claims.MIDDLE).mean() for delta in lowered]) * 2.0
        outer = pooled([delta.outside(*claims.MIDDLE).mean() for delta in lowered]) * 2.0
        return decide([[higher(inner, outer, names=("Δ lowered by size: in inner layers", "in outer ones"))]])

    return Statement("The larger model lowers Δ most in the inner layers.", (large, small), check)


def lowest_minimum(large: str, *others: str) -> Statement:
    """Claim that the first model's minimum lies below that of every other."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        lowest = {label: mean_of_directions(results[label]).minimum() for label in (large, *others)}
        names = {label: (f"smallest Δ: {label}", large) for label in others}
        return decide([[higher(lowest[label], lowest[large], names=names[label]) for label in others]])

    return Statement("The largest model has the lowest minimum.", (large, *others), check)


def _llama_alike(choices: Choices) -> Statement:
    """State that the models of one family have one shape of profile, at three sizes."""
    largest, *smaller = (choices.called(model) for model in choices.models or TEXT_MODELS["paper"])
    family = smaller if len(smaller) > 1 else [largest, *smaller]
    statement = claims.same_shape(*family, text="The models of one family have similar profiles.")
    hint = "One model of each family is bundled; --preset paper compares Llama-3 at 1, 3 and 8 billion parameters."
    return replace(statement, hint=hint)


def minimum_moves_earlier(large: str, small: str, /) -> Statement:
    """Claim that the larger model has its minimum at a smaller relative depth."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        curves = [mean_of_directions(results[label]) for label in (large, small)]
        return decide(rules.earlier_minimum(*curves, names=(large, small)))

    return Statement("The larger model has the minimum of Δ earlier.", (large, small), check)


def _model_asymmetry(choices: Choices) -> Design:
    models = (choices.models or from_preset(TEXT_MODELS, choices))[:2]
    large, small = models[0], models[-1]
    pooling = (choices.poolings or ("mean(20)",))[0]
    label = f"{choices.called(large)} and {choices.called(small)}"
    comparison = Comparison(
        label=label,
        a=Source(model=large, side="a", pooling=pooling, layers=choices.layers),
        b=Source(model=small, side="a", pooling=pooling, layers=choices.layers),
        items=_items(choices),
        match="relative_depth",
    )
    return Design(
        comparisons=(comparison,),
        panels=(
            Panel(kind="profile", labels=(label,), title="The same text in two models"),
            Panel(kind="asymmetry", labels=(label,), title="Asymmetry of the two models"),
        ),
        statements=(
            small_then_a_peak(label),
            lowest_in_first_half(label),
            no_asymmetry_in_first_half(label),
            claims.asymmetry_sign(
                label,
                region=claims.SECOND_HALF,
                negative=True,
                text="In the second half the larger model predicts the smaller better than the reverse.",
            ),
            gap_opens_in_second_half(label),
        ),
    )


def small_then_a_peak(label: str, /) -> Statement:
    """Claim that Δ is small at the first layer, has a peak after it, and is low again before the middle."""

    def table(label: str, result: xr.Dataset) -> Table:
        return rules.bump(mean_of_directions(result), claims.BEFORE_THE_MIDDLE, name=label)

    return claims.each(
        (label,), table, text="Δ is small in the very first layers, and has a peak after them."
    )


def lowest_in_first_half(label: str, /) -> Statement:
    """Claim that Δ is lower in the second quarter than in the second half, on average."""

    def table(label: str, result: xr.Dataset) -> Table:
        delta = mean_of_directions(result)
        late, early = delta.select(*SECOND).mean(), delta.select(*TO_THE_MIDDLE).mean()
        names = (f"{label}: mean Δ in the second half", "in the second quarter")
        return [[higher(late, early, names=names)]]

    return claims.each((label,), table, text="The region of lowest Δ ends at about half of the depth.")


def no_asymmetry_in_first_half(label: str, /) -> Statement:
    """Claim that the mean asymmetry of the first half is less than half of that of the second."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        delta = curve(results[label], "asymmetry")
        early, late = delta.select(*FIRST_HALF).mean(), delta.select(*SECOND).mean()
        words = f"{label}: mean asymmetry of the first half against the second"
        return decide(rules.weaker(early, late, margin=rules.HALF, words=words))

    text = "In the first half both models predict each other equally well."
    return about_asymmetry(text, (label,), check)


def gap_opens_in_second_half(label: str, /) -> Statement:
    """Claim that the asymmetry is more negative in the second half than in the first."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        delta = curve(results[label], "asymmetry")
        late, early = delta.select(*SECOND).mean(), delta.select(*FIRST_HALF).mean()
        return decide([[higher(early, late, names=(f"{label}: mean asymmetry, first half", "second half"))]])

    text = "The gap between the directions opens in the second half."
    return about_asymmetry(text, (label,), check)


MODEL_SCALE = Study(
    name="model-scale",
    figure="3b",
    question="Do larger models put a sentence and its translation closer together?",
    needs="gemma-3-270m, smollm2-135m, bible:en-it",
    design=_scale,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    notes=(
        "The bundled models differ in family and training languages as well as in size.",
        "All models see the same pairs; their length is counted by the first model's tokenizer.",
    ),
)

MODEL_ASYMMETRY = Study(
    name="model-asymmetry",
    figure="4c",
    question="Given the same text, does the larger model know more than the smaller one?",
    needs="gemma-3-270m, smollm2-135m, bible:en-it",
    design=_model_asymmetry,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    notes=("The bundled models differ in family and training languages as well as in size.",),
)
