"""Languages with English: their profiles (Fig. 3a) and who knows more (Fig. 4a, 4b, 8)."""

from __future__ import annotations

from platoscope.studies.design.comparison import Comparison, Source
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.judge import claims
from platoscope.studies.paper._setting import (
    LANGUAGES,
    SETTINGS,
    TEXT_MODELS,
    from_preset,
    language_items,
    languages_of,
    name_of,
)

__all__ = ["ASYMMETRY", "LANGUAGES_STUDY"]

DISTANT = "hu"
UNNAMED = languages_of("")[1]


def _corpora(choices: Choices) -> tuple[tuple[str, ...], ...]:
    """Give groups of pairs that may be compared with each other: one group per corpus."""
    if choices.pairs is None:
        return from_preset(LANGUAGES, choices)
    groups: dict[str, list[str]] = {}
    for data in choices.pairs:
        groups.setdefault(data.partition(":")[0], []).append(data)
    return tuple(tuple(group) for group in groups.values())


def _language(data: str) -> str:
    """Name a curve: the language that stands beside English, or the whole specification of a user's own data."""
    language = languages_of(data)[1]
    return data if language == UNNAMED else language


def _profile(model: str, data: str, group: tuple[str, ...], choices: Choices) -> Comparison:
    pooling = (choices.poolings or ("mean(20)",))[0]
    return Comparison(
        label=f"{name_of(model)} {data}",
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
        profiles = {_language(data): _profile(model, data, group, choices) for data in group}
        comparisons += profiles.values()
        corpus = group[0].partition(":")[0]
        labels = tuple(profile.label for profile in profiles.values())
        panels += [
            Panel(
                kind="profile",
                labels=labels,
                names=tuple(profiles),
                title=f"Languages with English, {corpus}",
                options={"directions": ("mean",)},
            ),
            *(
                Panel(
                    kind="retrieval",
                    labels=(profile.label,),
                    title=f"{language}: finding the translation, {corpus}",
                )
                for language, profile in profiles.items()
            ),
        ]
        statements += _about_languages(corpus, {name: profile.label for name, profile in profiles.items()})
    return Design(comparisons=tuple(comparisons), panels=tuple(panels), statements=tuple(statements))


def _about_languages(corpus: str, labels: dict[str, str]) -> list[Statement]:
    """State that the profiles agree, and that the distant language has the shape but a larger Δ."""
    near = {language: label for language, label in labels.items() if language != DISTANT}
    statements = []
    if len(near) > 1:
        statements.append(
            claims.same_shape(
                *near.values(), text=f"{corpus}: the profile over layers is the same for all these languages."
            )
        )
    if DISTANT in labels and near:
        distant = labels[DISTANT]
        statements += [
            claims.same_shape(
                next(iter(near.values())), distant, text=f"{corpus}: Hungarian has the same shape of profile."
            ),
            *(
                claims.rising(
                    label,
                    distant,
                    region=(0.0, 1.0),
                    text=f"{corpus}: Hungarian has a larger Δ than {language}.",
                )
                for language, label in near.items()
            ),
        ]
    return statements


def _asymmetry(choices: Choices) -> Design:
    models = choices.models or from_preset(TEXT_MODELS, choices)[:2]
    comparisons: list[Comparison] = []
    panels: list[Panel] = []
    statements: list[Statement] = []
    for model in models:
        # The paper's figure is two models on one corpus: further models read the one with all six languages.
        first = model == models[0] or choices.pairs is not None
        for group in _corpora(choices)[0 if first else -1 :]:
            profiles = {_language(data): _profile(model, data, group, choices) for data in group}
            comparisons += profiles.values()
            labels = tuple(profile.label for profile in profiles.values())
            title = f"{name_of(model)}, {group[0].partition(':')[0]}"
            panels.append(Panel(kind="asymmetry", labels=labels, names=tuple(profiles), title=title))
            statements += _about_asymmetry(title, labels)
    return Design(comparisons=tuple(comparisons), panels=tuple(panels), statements=tuple(statements))


def _about_asymmetry(title: str, labels: tuple[str, ...]) -> tuple[Statement, ...]:
    return (
        claims.asymmetry_zero_at_minimum(
            *labels, text=f"{title}: where Δ is smallest, both languages predict each other equally well."
        ),
        claims.asymmetry_sign(
            *labels,
            region=claims.LAST_QUARTER,
            negative=True,
            text=f"{title}: in the last quarter English is more informative.",
        ),
        claims.asymmetry_sign(
            *labels,
            region=claims.FIRST,
            negative=False,
            text=f"{title}: in the first layers the asymmetry is positive.",
        ),
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
    ),
)
