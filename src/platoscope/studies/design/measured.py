"""What is computed of a comparison: which of the measures of the settings apply to it, and whether it tells of items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.measures import get_measure
from platoscope.studies.design.comparison import Source, Surface

if TYPE_CHECKING:
    from platoscope.studies.design.comparison import Comparison
    from platoscope.studies.design.settings import Settings

__all__ = ["keeps_items", "measures_of"]


def measures_of(comparison: Comparison, settings: Settings, /, *, one_model: bool = False) -> tuple[str, ...]:
    """Choose the measures that apply to anything but a grid.

    Retrieval looks for the partner in one and the same space of features, and a control by two numbers per
    text asks only how well they predict neighborhoods. `one_model` says that both sides are of one whose names differ.
    """
    a, b = comparison.a, comparison.b
    if comparison.kind == "token_distance" or any(isinstance(side, Surface) for side in (a, b)):
        return ("information_imbalance",)
    one_space = (
        isinstance(a, Source)
        and isinstance(b, Source)
        and a.tower == b.tower
        and (one_model or a.model == b.model)
    )
    return tuple(name for name in settings.measures if one_space or not get_measure(name).needs_one_space)


def keeps_items(comparison: Comparison, settings: Settings, /) -> bool:
    """Say whether the result tells of single items: in profiles and sweeps over data that were not misaligned."""
    return (
        settings.items
        and comparison.kind in ("profile", "sweep")
        and comparison.items is not None
        and comparison.shuffle is None
        and any(get_measure(name).by_item for name in measures_of(comparison, settings))
    )
