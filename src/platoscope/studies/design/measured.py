"""What is computed of a comparison: which of the measures of the settings apply to it, and whether it tells of items."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from platoscope.checks import one_of
from platoscope.errors import InputError
from platoscope.measures import get_measure
from platoscope.studies.design.comparison import Source, Surface

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.studies.design.comparison import Comparison, Kind
    from platoscope.studies.design.records import Design, Panel
    from platoscope.studies.design.settings import Settings

__all__ = [
    "ITEMS_LEFT_OUT",
    "check_measured",
    "computed_measures",
    "grids_of",
    "keeps_items",
    "measures_of",
]

ITEMS_LEFT_OUT: Final = "items_left_out"
"""The attribute of a result that would tell of single items and does not: why, in a sentence."""

_DELTA = "information_imbalance"
# Sums and means of squared distances are Euclidean; ratios of counts say no dimension.
_METRICS: Final[dict[Kind, tuple[str, ...]]] = {
    "dimension": ("euclidean", "cosine"),
    "gain": ("euclidean",),
    "scales": ("euclidean",),
    "weights": ("euclidean",),
}


def measures_of(comparison: Comparison, settings: Settings, /, *, one_model: bool = False) -> tuple[str, ...]:
    """Choose the measures that apply to anything but a grid.

    Retrieval looks for the partner in one and the same space of features, and a control by two numbers per
    text asks only how well they predict neighborhoods. `one_model` says that both sides are of one whose names differ.
    """
    a, b = comparison.a, comparison.b
    if comparison.kind == "token_distance" or any(isinstance(side, Surface) for side in (a, b)):
        return (_DELTA,)
    one_space = (
        isinstance(a, Source)
        and isinstance(b, Source)
        and a.tower == b.tower
        and (one_model or a.model == b.model)
    )
    return tuple(name for name in settings.measures if one_space or not get_measure(name).needs_one_space)


def grids_of(comparison: Comparison, comparisons: Sequence[Comparison], /) -> list[str]:
    """Name the grids of the same two stacks over the same items, of which a profile or a sweep is a slice."""
    if comparison.kind not in ("profile", "sweep"):
        return []
    wanted = _stacks(comparison)
    return [other.label for other in comparisons if other.kind == "grid" and _stacks(other) == wanted]


def _stacks(comparison: Comparison) -> Comparison:
    """Give what two comparisons have in common when one can be cut out of the other: all but which layers it takes."""
    return replace(comparison, label="stacks", kind="grid", match="index", fixed=None)


def computed_measures(
    comparison: Comparison, comparisons: Sequence[Comparison], settings: Settings, /
) -> tuple[str, ...]:
    """Choose the measures that are computed for a comparison itself: without those that are slices of a grid."""
    if comparison.kind in ("grid", "matrix", "sample_size"):
        return settings.grid_measures
    if comparison.kind not in ("profile", "sweep"):
        return (_DELTA,)
    in_grid = settings.grid_measures if grids_of(comparison, comparisons) else ()
    return tuple(name for name in measures_of(comparison, settings) if name not in in_grid)


def check_measured(design: Design, settings: Settings, /) -> None:
    """Refuse settings without Information Imbalance where statements or panels read it, before anything is computed.

    Raises
    ------
    InputError
        If so, or if a panel of differences is of something that has no interval in them, or if a comparison cannot be in
        their metric. A panel whose options name its measure reads that one.
    """
    for comparison in design.comparisons:
        _check_metric(comparison, settings)
    for panel in design.panels:
        if panel.kind == "difference" and "quantity" in panel.options:
            _check_quantity(panel, settings)
    reads = bool(design.statements) or any(
        panel.options.keys().isdisjoint({"measure", "measures", "quantity"}) for panel in design.panels
    )
    for comparison in design.comparisons if reads else ():
        is_grid = comparison.kind == "grid"
        if _DELTA not in (settings.grid_measures if is_grid else measures_of(comparison, settings)):
            where = "grid_measures" if is_grid else "measures"
            message = (
                f"{where} of the settings must have {_DELTA}, which the statements and panels of the study read of "
                f"{comparison.label!r}."
            )
            raise InputError(message)


def _check_metric(comparison: Comparison, settings: Settings) -> None:
    """Refuse a metric that the kind of a comparison does not know: it would be left out in silence."""
    known = _METRICS.get(comparison.kind)
    if known is not None and settings.metric not in known:
        message = (
            f"comparison {comparison.label!r} of kind {comparison.kind!r} is about {' or '.join(map(str, known))} "
            f"distances; got metric={settings.metric!r}. Leave it out; transform='unit' makes Euclidean neighbors those "
            "by cosine."
        )
        raise InputError(message)


def _check_quantity(panel: Panel, settings: Settings) -> None:
    resampled = [measure for measure in map(get_measure, settings.measures) if measure.resampled]
    one_of(
        f"quantity of panel {panel.title!r}",
        panel.options["quantity"],
        [name for measure in resampled for name in (measure.name, measure.gap) if name],
    )


def keeps_items(comparison: Comparison, settings: Settings, /) -> bool:
    """Say whether the result tells of single items: in profiles, sweeps and grids over data that were not misaligned."""
    is_grid = comparison.kind == "grid"
    return (
        settings.items
        and comparison.kind in ("profile", "sweep", "grid")
        and comparison.items is not None
        and comparison.shuffle is None
        and any(
            get_measure(name).by_item
            for name in (settings.grid_measures if is_grid else measures_of(comparison, settings))
        )
    )
