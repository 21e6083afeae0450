"""Whether the layers that share most are those of the highest intrinsic dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from platoscope.studies.design.comparison import Comparison, SideName, Source
from platoscope.studies.design.records import Choices, Design, Finding, Panel, Statement, Study
from platoscope.studies.judge import rules
from platoscope.studies.judge.claims import MIDDLE
from platoscope.studies.judge.evidence import curve, mean_of_directions
from platoscope.studies.judge.judging import decide
from platoscope.studies.paper.presets import (
    PAIRS,
    SETTINGS,
    TEXT_MODELS,
    from_preset,
    languages_of,
    text_items,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from platoscope.studies.judge.evidence import Curve
    from platoscope.studies.judge.judging import Table

__all__ = ["STUDY", "estimators_agree", "lowest_at_the_peak", "peak_in_the_middle"]

_REACH: Final = 0.1
_SIDES: Final[tuple[SideName, ...]] = ("a", "b")
_FEWEST_LAYERS: Final = 3


def _design(choices: Choices) -> Design:
    models = (choices.models or from_preset(TEXT_MODELS, choices))[:2]
    datasets = choices.pairs or (from_preset(PAIRS, choices),)
    poolings = choices.poolings or ("mean(20)",)
    comparisons: list[Comparison] = []
    panels: list[Panel] = []
    statements: list[Statement] = []
    for pooling in poolings:
        for data in datasets:
            for title, item in _on(models, data, pooling, choices):
                comparisons.append(item)
                panels.append(Panel(kind="dimension", labels=(item.label,), title=title))
                statements += [
                    make(item.label) for make in (lowest_at_the_peak, peak_in_the_middle, estimators_agree)
                ]
    return Design(comparisons=tuple(comparisons), panels=tuple(panels), statements=tuple(statements))


def _on(models: Sequence[str], data: str, pooling: str, choices: Choices) -> list[tuple[str, Comparison]]:
    """Compare each model on both sides of the pairs, and two models on the first, by the titles of their panels."""

    def compared(label: str, a: Source, b: Source) -> Comparison:
        return Comparison(
            label=label,
            a=a,
            b=b,
            items=text_items(data, choices),
            kind="dimension",
            match="index" if a.model == b.model else "relative_depth",
        )

    def source(model: str, side: SideName) -> Source:
        return Source(model=model, side=side, pooling=pooling, layers=choices.layers)

    one, other = languages_of(data)
    found = [
        (
            f"{choices.called(model)}, {one} and {other}",
            compared(f"{choices.called(model)} {data} {pooling}", source(model, "a"), source(model, "b")),
        )
        for model in models
    ]
    if len(models) == 2:
        called = " and ".join(choices.called(model) for model in models)
        a, b = (source(model, "a") for model in models)
        found.append((f"{called}, {one}", compared(f"{called} {data} {pooling}", a, b)))
    return found


def lowest_at_the_peak(label: str, /) -> Statement:
    """Claim that Δ is lowest and the dimension of either side highest within a tenth of the depth of one layer."""

    def tables(result: xr.Dataset, side: SideName, kept: NDArray[np.intp]) -> list[Table]:
        curves = {
            "Δ": mean_of_directions(result).take(kept),
            _minus(result, side): _gride(result, side).take(kept) * -1.0,
        }
        return [rules.same_place(curves, within=_REACH)]

    return _statement(label, f"{label}: Δ is lowest where the intrinsic dimension has its peak.", tables)


def peak_in_the_middle(label: str, /) -> Statement:
    """Claim that the dimension of either side rises from the first layer to the middle and falls again to the last."""

    def tables(result: xr.Dataset, side: SideName, kept: NDArray[np.intp]) -> list[Table]:
        falling = _gride(result, side).take(kept) * -1.0
        return [rules.lowest_inside(falling, MIDDLE, name=_minus(result, side))]

    return _statement(label, f"{label}: the intrinsic dimension has its peak in the middle layers.", tables)


def estimators_agree(label: str, /) -> Statement:
    """Claim that TwoNN and GRIDE at every scale have their peaks within a tenth of the depth of one layer."""

    def tables(result: xr.Dataset, side: SideName, kept: NDArray[np.intp]) -> list[Table]:
        curves = {_minus(result, side, "TwoNN"): curve(result.sel(side=side), "twonn").take(kept) * -1.0}
        for k in result["n_neighbors"].values.tolist():
            curves[_minus(result, side, f"GRIDE, n₁ = {k}")] = _gride(result, side, k).take(kept) * -1.0
        return [rules.same_place(curves, within=_REACH)]

    return _statement(label, f"{label}: TwoNN and GRIDE agree on where the peak is.", tables)


def _statement(
    label: str, text: str, tables: Callable[[xr.Dataset, SideName, NDArray[np.intp]], list[Table]]
) -> Statement:
    """Decide for both sides together, over the layers whose items are distinct."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        result = results[label]
        kept = {side: _comparable(result, side) for side in _SIDES}
        if min(map(len, kept.values())) < _FEWEST_LAYERS:
            return Finding("not decided", "In fewer than three layers nine of ten items are distinct.")
        return decide(*(table for side in _SIDES for table in tables(result, side, kept[side])))

    return Statement(text, (label,), check)


def _comparable(result: xr.Dataset, side: SideName) -> NDArray[np.intp]:
    """Give the layers of which the dimension is one of about the same items."""
    at = result.sel(side=side)
    defined = np.isfinite(at["gride"].values).all(axis=0) & np.isfinite(at["twonn"].values)
    return np.flatnonzero(defined & at["comparable"].values)


def _gride(result: xr.Dataset, side: SideName, n_neighbors: int | None = None) -> Curve:
    """Read the dimension of one side at one scale, by default that of statements."""
    k = result.attrs["main_n_neighbors"] if n_neighbors is None else n_neighbors
    return curve(result.sel(side=side, n_neighbors=k), "gride")


def _minus(result: xr.Dataset, side: SideName, method: str = "") -> str:
    """Name a dimension whose sign is turned, so that its peak is a minimum as that of Δ is."""
    called = method or f"GRIDE, n₁ = {result.attrs['main_n_neighbors']}"
    return f"minus the dimension of {result.attrs.get(f'name_{side}', side.upper())} ({called})"


STUDY = Study(
    name="intrinsic-dimension",
    question="Are the layers that share most those of the highest intrinsic dimension?",
    needs="gemma-3-270m, smollm2-135m, bible:en-it",
    design=_design,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    notes=(
        "Not in the paper. Cheng et al. 2025 (ICLR) report a peak of dimension in early to middle layers, and that models "
        "predict one another best there; they read the last token of 10,000 short texts, this study means over tokens of "
        "1,000 sentences.",
        "A dimension depends on the number of items, on the scale and on the space, and is too low where it is high: "
        "places of peaks are judged, never heights (docs/explanation/dimension.md).",
        "Layers in which less than nine of ten items are distinct are drawn hollow and left out of verdicts: of fewer "
        "items every dimension is lower.",
    ),
)
