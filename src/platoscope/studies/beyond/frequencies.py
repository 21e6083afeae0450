"""Which frequencies along the tokens carry what translations share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.studies.design.comparison import Comparison, Source
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.judge import claims, rules
from platoscope.studies.judge.evidence import mean_of_directions
from platoscope.studies.judge.judging import decide, higher
from platoscope.studies.paper.presets import PAIRS, SETTINGS, TEXT_MODELS, from_preset, text_items

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from platoscope.studies.design.records import Finding
    from platoscope.studies.judge.evidence import Quantity

__all__ = ["STUDY", "bands_share_something", "mean_shares_most"]

MEAN, *HIGHER = BANDS = ("dct(1)", "dct(1-1)", "dct(2-3)", "dct(4-7)", "dct(8-15)")
ALL = "dct(16)"


def _design(choices: Choices) -> Design:
    model = (choices.models or from_preset(TEXT_MODELS, choices))[0]
    items = text_items((choices.pairs or (from_preset(PAIRS, choices),))[0], choices)
    poolings = choices.poolings or (*BANDS, ALL)
    comparisons = tuple(
        Comparison(
            label=pooling,
            a=Source(model=model, side="a", pooling=pooling, layers=choices.layers),
            b=Source(model=model, side="b", pooling=pooling, layers=choices.layers),
            items=items,
        )
        for pooling in poolings
    )
    return Design(
        comparisons=comparisons,
        panels=(
            Panel(kind="poolings", labels=tuple(poolings), title="Frequencies along the tokens"),
            Panel(kind="asymmetry", labels=tuple(poolings), title="Asymmetry by frequency"),
        ),
        statements=(
            mean_shares_most(MEAN, *HIGHER),
            claims.rising(*BANDS, text="At the minimum, Δ rises with the frequency."),
            bands_share_something(MEAN, *HIGHER),
            claims.rising(
                MEAN, ALL, text="At the minimum, the mean alone is below all sixteen frequencies together."
            ),
        ),
    )


def mean_shares_most(mean: str, *bands: str) -> Statement:
    """Claim that every band above frequency 0 shares less than half of what the mean does: 1 − Δ at its best layer."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        half = _shared(results[mean]) * rules.HALF
        names = f"half of the largest 1 − Δ: {mean}"
        return decide([[higher(half, _shared(results[band]), names=(names, band)) for band in bands]])

    text = "The mean over tokens (frequency 0) shares more than twice as much as any band of frequencies above it."
    return Statement(text, (mean, *bands), check)


def bands_share_something(mean: str, *bands: str) -> Statement:
    """Claim that every band above frequency 0 shares more than a tenth of what the mean does.

    A tenth is well above what the best of some twenty layers has by chance.
    """

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        tenth = _shared(results[mean]) * rules.TENTH
        names = f"a tenth of the largest 1 − Δ of {mean}"
        return decide([[higher(_shared(results[band]), tenth, names=(band, names)) for band in bands]])

    text = "Every band above the mean still shares something: more than a tenth of what the mean does."
    return Statement(text, (mean, *bands), check)


def _shared(result: xr.Dataset) -> Quantity:
    return mean_of_directions(result).minimum() * -1.0 + 1.0


STUDY = Study(
    name="token-frequencies",
    question="Which frequencies along the tokens carry what a sentence and its translation share?",
    needs="gemma-3-270m, bible:en-it",
    design=_design,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    notes=(
        "Frequency j makes j half waves over a sentence, however long it is (docs/explanation/frequencies.md).",
        "All bands come from dct(16), in the same pass over the model as the poolings of other studies.",
    ),
)
