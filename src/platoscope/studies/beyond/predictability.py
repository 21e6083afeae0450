"""What a linear map of one side predicts of the other, and whether it has the layers and the direction that Δ has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platoscope.studies.design.comparison import Comparison, Source
from platoscope.studies.design.records import Choices, Design, Panel, Statement, Study
from platoscope.studies.design.settings import Settings
from platoscope.studies.judge import claims, rules
from platoscope.studies.judge.evidence import curve, mean_of_directions
from platoscope.studies.judge.judging import Exclusive, Part, decide
from platoscope.studies.paper.presets import PAIRS, TEXT_MODELS, from_preset, languages_of, text_items

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from platoscope.studies.design.records import Finding
    from platoscope.studies.judge.judging import Table

__all__ = ["STUDY", "best_in_the_middle", "best_where_delta_is", "same_direction"]

_MEASURES = ("information_imbalance", "ridge_r2", "procrustes")
# Each costs more than ten profiles of Δ, since ridge R² chooses its penalty again.
_PERMUTATIONS = 9


def _design(choices: Choices) -> Design:
    models = choices.models or from_preset(TEXT_MODELS, choices)[:1]
    parts = [
        _one(model, data, choices)
        for model in models
        for data in choices.pairs or (from_preset(PAIRS, choices),)
    ]
    return Design(
        comparisons=tuple(part[0] for part in parts),
        panels=tuple(panel for part in parts for panel in part[1]),
        statements=tuple(statement for part in parts for statement in part[2]),
    )


def _one(
    model: str, data: str, choices: Choices
) -> tuple[Comparison, tuple[Panel, ...], tuple[Statement, ...]]:
    pooling = (choices.poolings or ("mean(20)",))[0]
    a, b = (Source(model=model, side=side, pooling=pooling, layers=choices.layers) for side in ("a", "b"))
    label = f"{choices.called(model)} {data}"
    comparison = Comparison(label=label, a=a, b=b, items=text_items(data, choices))
    names = " and ".join(languages_of(data))

    def panel(kind: Any, title: str, **options: Any) -> Panel:
        return Panel(kind=kind, labels=(label,), title=title, options=options)

    panels = (
        panel("profile", f"Neighbors: Δ of {names}"),
        panel("profile", f"Linear maps: ridge R² of {names}", measure="ridge_r2"),
        panel("asymmetry", "Who predicts more neighbors"),
        panel("asymmetry", "Who predicts more variance", measure="ridge_r2"),
        panel("profile", f"Rotations: Procrustes of {names}", measure="procrustes"),
    )
    statements = (
        best_where_delta_is(label),
        best_in_the_middle(label),
        same_direction(label),
    )
    return comparison, panels, statements


def best_where_delta_is(label: str, /) -> Statement:
    """Claim that one layer is about the best for Δ and for R², each the mean of its directions."""

    def table(label: str, result: xr.Dataset) -> Table:
        curves = {"Δ": mean_of_directions(result), "R²": mean_of_directions(result, "ridge_r2") * -1.0}
        return rules.shared_best_layer(curves, name=label)

    return claims.each((label,), table, text="A linear map predicts most in the layers where Δ is lowest.")


def best_in_the_middle(label: str, /) -> Statement:
    """Claim that R² rises from the first layer to the middle and falls again to the last."""

    def table(label: str, result: xr.Dataset) -> Table:
        return rules.lowest_inside(
            mean_of_directions(result, "ridge_r2") * -1.0, claims.MIDDLE, name=f"−R² of {label}"
        )

    text = "A linear map predicts most in the middle of the network, and less in its first and last layer."
    return claims.each((label,), table, text=text)


def same_direction(label: str, /) -> Statement:
    """Claim that over the last quarter the side with the lower Δ is the side with the higher R².

    *Null*: one of the mean asymmetries is zero, or both say that other sides predict better. No margin. *Did not hold*:
    they certainly say that other sides do.
    """

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        delta = curve(results[label], "asymmetry").select(*claims.LAST_QUARTER).mean()
        r2 = curve(results[label], "ridge_asymmetry").select(*claims.LAST_QUARTER).mean()
        return decide(
            Exclusive(
                [
                    Part(f"asymmetry of Δ in the last quarter, {side} predicting better,", delta * -sign),
                    Part(f"asymmetry of ridge R², {side} predicting better,", r2 * sign),
                ]
                for sign, side in ((1.0, "a"), (-1.0, "b"))
            )
        )

    text = "In the last quarter the side that predicts more neighbors also predicts more variance."
    return Statement(text, (label,), check)


STUDY = Study(
    name="predictability",
    question="Does a linear map find the layers and the direction that Δ finds?",
    needs="gemma-3-270m, bible:en-it",
    design=_design,
    presets=("bundled", "paper"),
    settings={
        preset: Settings(measures=_MEASURES, n_permutations=_PERMUTATIONS, items=False)
        for preset in ("bundled", "paper")
    },
    notes=(
        "Not in the paper. Nine permutations show the level of the null, and no p-value below 0.1; ask for more, or "
        "for fewer layers (docs/explanation/predictability.md has what they cost).",
        "Procrustes has no interval: its spread on subsamples says too little of that on all items.",
        "R² of a quarter of the items, which the intervals come from, is lower than R² of all; its spread is taken, never "
        "its level.",
    ),
)
