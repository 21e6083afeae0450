"""Languages with English: their profiles (Fig. 3a) and who knows more (Fig. 4a, 4b, 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.studies.design.comparison import Comparison, Source
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.design.relations import paired
from platoscope.studies.judge import claims, rules
from platoscope.studies.judge.evidence import Curve, curve, mean_of_directions
from platoscope.studies.judge.judging import Part, decide, higher, pooled
from platoscope.studies.judge.several_spaces import about_asymmetry
from platoscope.studies.paper._setting import (
    LANGUAGES,
    SETTINGS,
    TEXT_MODELS,
    from_preset,
    language_items,
    language_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

    from platoscope.studies.design.records import Finding
    from platoscope.studies.judge.evidence import Quantity

__all__ = ["ASYMMETRY", "LANGUAGES_STUDY"]

DISTANT = "hu"
THIRDS = 3


def _corpora(choices: Choices) -> tuple[tuple[str, ...], ...]:
    """Give groups of pairs that may be compared with each other: one group per corpus."""
    if choices.pairs is None:
        return from_preset(LANGUAGES, choices)
    groups: dict[str, list[str]] = {}
    for data in choices.pairs:
        groups.setdefault(data.partition(":")[0], []).append(data)
    return tuple(tuple(group) for group in groups.values())


def _profile(model: str, data: str, group: tuple[str, ...], choices: Choices) -> Comparison:
    pooling = (choices.poolings or ("mean(20)",))[0]
    return Comparison(
        label=f"{choices.called(model)} {data}",
        a=Source(model=model, side="a", pooling=pooling, layers=choices.layers),
        b=Source(model=model, side="b", pooling=pooling, layers=choices.layers),
        items=language_items(data, group, choices),
    )


def _languages(choices: Choices) -> Design:
    model = (choices.models or from_preset(TEXT_MODELS, choices))[0]
    comparisons: list[Comparison] = []
    panels: list[Panel] = []
    statements: list[Statement] = []
    for group in _corpora(choices):
        profiles = {language_of(data): _profile(model, data, group, choices) for data in group}
        comparisons += profiles.values()
        corpus = group[0].partition(":")[0]
        labels = tuple(profile.label for profile in profiles.values())
        panels += [
            Panel(
                kind="profile",
                labels=labels,
                names=tuple(map(choices.shown, profiles)),
                title=f"Languages with English, {corpus}",
                options={"directions": ("mean",)},
            ),
            *_differences(corpus, profiles, choices),
            *(
                Panel(
                    kind="retrieval",
                    labels=(profile.label,),
                    title=f"{language}: finding the translation, {corpus}",
                )
                for language, profile in profiles.items()
            ),
        ]
        statements += _about_languages(corpus, profiles)
    return Design(comparisons=tuple(comparisons), panels=tuple(panels), statements=tuple(statements))


def _differences(corpus: str, profiles: dict[str, Comparison], choices: Choices) -> list[Panel]:
    """Draw what each language shares less than the first, where all are the same sentences."""
    if len(profiles) < 2 or not paired([*profiles.values()]):
        return []
    labels = tuple(profile.label for profile in profiles.values())
    first, *_ = names = tuple(map(choices.shown, profiles))
    title = f"Differences from {first}, {corpus}"
    return [Panel(kind="difference", labels=labels, names=names, title=title)]


def _about_languages(corpus: str, profiles: dict[str, Comparison]) -> list[Statement]:
    """State that the profiles coincide, and that the distant language has the shape but a larger Δ."""
    labels = {name: profile.label for name, profile in profiles.items()}
    near = tuple(label for language, label in labels.items() if language != DISTANT)
    statements = []
    if len(near) > 1:
        statements.append(
            claims.coincide(
                *near, text=f"{corpus}: the profile over layers is the same for all these languages."
            )
        )
    if DISTANT in labels and near:
        distant = labels[DISTANT]
        statements += [
            claims.same_shape(near[0], distant, text=f"{corpus}: Hungarian has the same shape of profile."),
            above_the_others(distant, *near, text=f"{corpus}: Hungarian has a larger Δ than the others."),
        ]
        if paired([*profiles.values()]):
            statements.append(
                claims.shares_more(
                    near[0], distant, text=f"{corpus}: at the best layer of each, Hungarian shares less."
                )
            )
    return statements


def above_the_others(above: str, *others: str, text: str) -> Statement:
    """Claim that the mean Δ over all layers is larger in one comparison than in a family of others."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        means = {label: mean_of_directions(results[label]).mean() for label in (above, *others)}
        members = {label: means[above] - means[label] for label in others}
        return decide(rules.not_opposed(members, name=f"mean Δ over layers of {above} minus this one's"))

    return Statement(text, (above, *others), check)


def _asymmetry(choices: Choices) -> Design:
    models = choices.models or from_preset(TEXT_MODELS, choices)[:2]
    comparisons: list[Comparison] = []
    panels: list[Panel] = []
    statements: list[Statement] = []
    for model in models:
        # The paper's figure is two models on one corpus: further models read the one with all six languages.
        first = model == models[0] or choices.pairs is not None
        for group in _corpora(choices)[0 if first else -1 :]:
            profiles = {language_of(data): _profile(model, data, group, choices) for data in group}
            comparisons += profiles.values()
            labels = tuple(profile.label for profile in profiles.values())
            title = f"{choices.called(model)}, {group[0].partition(':')[0]}"
            panels.append(
                Panel(kind="asymmetry", labels=labels, names=tuple(map(choices.shown, profiles)), title=title)
            )
            about = _about_asymmetry if model == models[0] else _about_asymmetry_of_llama
            statements += about(title, labels)
    return Design(comparisons=tuple(comparisons), panels=tuple(panels), statements=tuple(statements))


def _about_asymmetry(title: str, labels: tuple[str, ...]) -> tuple[Statement, ...]:
    """State what the paper says of DeepSeek-V3 (Fig. 4a, b), of the first model."""
    return (
        claims.asymmetry_zero_at_minimum(
            *labels, text=f"{title}: around the smallest Δ, no language is the more informative."
        ),
        claims.asymmetry_sign(
            *labels,
            region=claims.LAST_QUARTER,
            negative=True,
            text=f"{title}: in the last quarter English is more informative.",
        ),
        gap_before_the_minimum(
            *labels, text=f"{title}: before the middle a small gap opens, with English ahead."
        ),
        _first_layers(title, labels),
    )


def _about_asymmetry_of_llama(title: str, labels: tuple[str, ...]) -> tuple[Statement, ...]:
    """State what the paper says of Llama-3-8B (Fig. 8), of any further model."""
    return (
        claims.asymmetry_zero_at_minimum(
            *labels, last=False, text=f"{title}: around the smallest Δ, no language is the more informative."
        ),
        claims.asymmetry_sign(
            *labels,
            region=claims.LAST_QUARTER,
            negative=True,
            last=False,
            text=f"{title}: in the last quarter but for the last layer English is more informative.",
        ),
        zero_at_the_last_layer(*labels, text=f"{title}: at the last layer the asymmetry is about zero."),
        no_gap_before_the_minimum(*labels, text=f"{title}: no gap opens before the middle."),
        _first_layers(title, labels),
    )


def _first_layers(title: str, labels: tuple[str, ...]) -> Statement:
    return claims.asymmetry_sign(
        *labels,
        region=claims.FIRST,
        negative=False,
        text=f"{title}: in the first layers the asymmetry is positive.",
    )


def _family_asymmetry(results: Mapping[str, xr.Dataset], labels: Sequence[str]) -> Curve:
    """Give the asymmetry by layer, mean of a family of profiles of one model."""
    first, *others = (curve(results[label], "asymmetry") for label in labels)
    return sum(others, start=first) * (1.0 / len(labels))


def _early_gaps(results: Mapping[str, xr.Dataset], labels: Sequence[str]) -> dict[str, Quantity]:
    """Give what A knows more in each third of what lies before the middle, mean of a family."""
    lead = _family_asymmetry(results, labels) * -1.0
    return rules.by_parts(lead, THIRDS, region=claims.BEFORE_THE_MIDDLE)


def gap_before_the_minimum(*labels: str, text: str) -> Statement:
    """Claim that in some third of what lies before the middle A is more informative, mean of the family."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        gaps = _early_gaps(results, labels)
        return decide([[Part(f"{where}: minus the mean asymmetry", gap)] for where, gap in gaps.items()])

    return about_asymmetry(text, labels, check)


def no_gap_before_the_minimum(*labels: str, text: str) -> Statement:
    """Claim that nowhere before the middle A is ahead by half of its lead in the last quarter, or more."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        late = _late(results, labels) * -rules.HALF
        gaps = _early_gaps(results, labels)
        names = {where: ("half of the lead in the last quarter", f"lead at {where}") for where in gaps}
        return decide([[higher(late, gap, names=names[where]) for where, gap in gaps.items()]])

    return about_asymmetry(text, labels, check)


def zero_at_the_last_layer(*labels: str, text: str) -> Statement:
    """Claim that at the last layer the mean asymmetry is less than half of that in the quarter before it."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        last = _family_asymmetry(results, labels).at(-1)
        words = "asymmetry at the last layer against the last quarter before it"
        return decide(rules.weaker(last, _late(results, labels), margin=rules.HALF, words=words))

    return about_asymmetry(text, labels, check)


def _late(results: Mapping[str, xr.Dataset], labels: Sequence[str]) -> Quantity:
    """Give the mean asymmetry in the last quarter without the last layer, mean of a family."""
    return pooled(
        [claims.asymmetry_over(results[label], claims.LAST_QUARTER, last=False) for label in labels]
    )


LANGUAGES_STUDY = Study(
    name="languages",
    figure="3a",
    question="Is the profile over layers the same for every language, near or far from English?",
    needs="gemma-3-270m, bible:en-XX, libreoffice:en-XX",
    design=_languages,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    shortfall="equal",
    notes=(
        "Languages are compared within one corpus only, on the same English sentences where the corpus is one text.",
        "The Bible has no Dutch and Hungarian text here; the help pages of LibreOffice have all six languages.",
    ),
)

ASYMMETRY = Study(
    name="language-asymmetry",
    figure="4a, 4b, 8",
    question="In which layers do English sentences predict their translations better than the reverse?",
    needs="gemma-3-270m, smollm2-135m, bible:en-XX, libreoffice:en-XX",
    design=_asymmetry,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    shortfall="equal",
    notes=(
        "The second bundled model, smollm2-135m, is centered on English; it reads the corpus of six languages only.",
        "All models and languages read the same sentences, counted by the first model's tokenizer.",
        "The first model is judged by what the paper says of DeepSeek-V3, any other by what it says of Llama-3-8B.",
    ),
)
