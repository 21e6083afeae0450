"""Which layers of a language model share the meaning of a sentence and its translation (the default run)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from platoscope.studies.design.comparison import Comparison, Fixed, Items, Source, Surface
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.design.space import spaces_label
from platoscope.studies.judge import claims
from platoscope.studies.paper._setting import PAIRS, SETTINGS, TEXT_MODELS, from_preset, languages_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["STUDY"]

POOLINGS = ("last", "mean(20)")


def _design(choices: Choices) -> Design:
    models = choices.models or from_preset(TEXT_MODELS, choices)[:1]
    pairs = choices.pairs or (from_preset(PAIRS, choices),)
    poolings = choices.poolings or POOLINGS
    comparisons: list[Comparison] = []
    panels: list[Panel] = []
    statements: list[Statement] = []
    for model in models:
        for data in pairs:
            part = _one(model, data, poolings, choices)
            comparisons += part.comparisons
            panels += part.panels
            statements += part.statements
    return Design(comparisons=tuple(comparisons), panels=tuple(panels), statements=tuple(statements))


def _one(model: str, data: str, poolings: Sequence[str], choices: Choices) -> Design:
    """Compare one model on one set of pairs, under every pooling."""
    items = Items(data=data)
    short = f"{choices.called(model)} {data}"
    labels = {pooling: f"{short} {pooling}" for pooling in poolings}
    source = Source(
        model=model,
        layers=choices.layers,
        # The last layer stands beside the others in the profile, so it is read on their side of the norm.
        final_norm=False if choices.final_norm is None else choices.final_norm,
    )
    comparisons = []
    for pooling, label in labels.items():
        a, b = _both(replace(source, pooling=pooling))
        comparisons += [
            Comparison(label=label, a=a, b=b, items=items),
            Comparison(label=f"{label} grid", a=a, b=b, items=items, kind="grid"),
        ]
    main = labels[_main(poolings)]
    pooled, partner = _both(replace(source, pooling=_main(poolings)))
    raw, raw_partner = _both(replace(pooled, clip=None))
    at_best = Fixed(side="a", minimum_of=main)
    comparisons += [
        Comparison(
            label=f"{short} N-curve", a=pooled, b=partner, items=items, kind="sample_size", fixed=at_best
        ),
        Comparison(label=spaces_label(main), a=pooled, b=partner, items=items, kind="spaces"),
        Comparison(label=_raw(main), a=raw, b=raw_partner, items=items, transform="none"),
        Comparison(
            label=f"{short} length control",
            a=Surface(model=model, side="a"),
            b=partner,
            items=items,
            kind="sweep",
            fixed=Fixed(side="a", layer=0),
        ),
    ]
    return Design(
        comparisons=tuple(comparisons),
        panels=_panels(short, labels, main, data),
        statements=_statements(labels, main, data),
    )


def _both(source: Source) -> tuple[Source, Source]:
    """Read both sides of the pairs alike."""
    return replace(source, side="a"), replace(source, side="b")


def _raw(label: str) -> str:
    """Give the label of the same comparison of what the model gives, neither tokens nor rows prepared."""
    return f"{label} raw"


def _main(poolings: Sequence[str]) -> str:
    """Choose the pooling that the closing words are about: the first mean, as in the paper."""
    return next((pooling for pooling in poolings if pooling.startswith("mean")), poolings[0])


def _panels(short: str, labels: dict[str, str], main: str, data: str) -> tuple[Panel, ...]:
    a, b = languages_of(data)
    panels = [
        Panel(
            kind="profile", labels=tuple(labels.values()), names=tuple(labels), title=f"{a} and {b}, by layer"
        ),
        Panel(kind="asymmetry", labels=tuple(labels.values()), names=tuple(labels), title="Asymmetry"),
        Panel(kind="grid", labels=(f"{main} grid",), title=f"Every layer of {a} and of {b}"),
        Panel(kind="metrics", labels=(main,), title="Measures side by side"),
        Panel(kind="retrieval", labels=(main,), title="Finding the translation"),
        Panel(kind="null", labels=(main,), title="Shuffled pairs"),
        Panel(kind="spaces", labels=(spaces_label(main),), title="What the space does to Δ"),
        Panel(
            kind="spaces",
            labels=(spaces_label(main),),
            title="What the space does to the asymmetry",
            options={"variable": "asymmetry"},
        ),
        Panel(
            kind="profile",
            labels=(main, _raw(main)),
            names=("prepared", "raw states"),
            title="Raw states: no token clipped, rows as they are",
        ),
        Panel(kind="sample_size", labels=(f"{short} N-curve",), title="Number of pairs"),
    ]
    return tuple(panels)


def _statements(labels: dict[str, str], main: str, data: str) -> tuple[Statement, ...]:
    a, b = languages_of(data)
    means = [label for pooling, label in labels.items() if pooling.startswith("mean")]
    statements = [
        claims.minimum_in_the_middle(main, text="Δ has its minimum in the middle layers."),
        claims.asymmetry_sign(
            main,
            region=claims.SECOND_HALF,
            negative=True,
            text=f"In the second half of the layers {a} is more informative than {b}.",
        ),
    ]
    if "last" in labels and means:
        statements.insert(
            1,
            claims.rising(
                means[0],
                labels["last"],
                text="At its minimum the mean over tokens has a lower Δ than the last token.",
            ),
        )
    return tuple(statements)


STUDY = Study(
    name="translations",
    figure="2a, 4a",
    question="Which layers share the meaning of a sentence and its translation, and which language knows more?",
    needs="gemma-3-270m, bible:en-it",
    design=_design,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    notes=(
        "The paper used 1,000 to 3,000 pairs of OPUS Books; the bundled preset uses 1,000 Bible verses, whose 4-bit "
        "weights differ somewhat from the original model.",
    ),
)
