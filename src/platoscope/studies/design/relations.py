"""What comparisons of one study say of each other: which are over the same items, and whose minimum another holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.studies.design.comparison import Comparison
    from platoscope.studies.design.records import Panel

__all__ = ["check_difference", "check_minima", "paired"]

_CURVES = ("profile", "sweep")
"""Kinds that have one value a layer: what has a minimum, and differences."""


def paired(comparisons: Sequence[Comparison], /) -> bool:
    """Say whether comparisons are over the same items of data, so that their differences have a paired interval."""
    over = {(each.same_items, each.shuffle) for each in comparisons}
    return len(over) == 1 and None not in {items for items, _ in over}


def check_difference(panel: Panel, comparisons: Sequence[Comparison], /) -> None:
    """Refuse a picture of differences of fewer than two profiles, or of profiles that are not over the same items.

    Raises
    ------
    InputError
        If so.
    """
    shown = [comparison for comparison in comparisons if comparison.label in panel.labels]
    if len(shown) < 2 or not paired(shown) or {each.kind for each in shown} - set(_CURVES):
        msg = (
            f"panel {panel.title!r} draws differences, which need two or more profiles or sweeps over the same items: of "
            "the same data within the same limits, counted by the same tokenizers, or of data that are named in the same "
            f"`together`; got {', '.join(panel.labels)}"
        )
        raise InputError(msg)


def check_minima(comparisons: Sequence[Comparison], /) -> None:
    """Refuse a layer that is the minimum of what has none, or of what waits for it.

    Raises
    ------
    InputError
        If so.
    """
    by_label = {comparison.label: comparison for comparison in comparisons}
    for comparison in comparisons:
        taken, source = [comparison.label], _source(comparison)
        while source is not None:
            if source not in by_label or source == comparison.label == taken[-1]:
                msg = (
                    f"comparison {taken[-1]!r} takes its layer from {source!r}, which is no other comparison of "
                    f"the study; it has {', '.join(by_label)}"
                )
                raise InputError(msg)
            if by_label[source].kind not in _CURVES:
                msg = (
                    f"comparison {taken[-1]!r} takes its layer from the minimum of {source!r}, which is a "
                    f"{by_label[source].kind}; only a {' or a '.join(_CURVES)} has one"
                )
                raise InputError(msg)
            if source in taken:
                chain = " from ".join(map(repr, [*taken, source]))
                msg = f"comparisons take their layers from each other in a circle: {chain}"
                raise InputError(msg)
            taken.append(source)
            source = _source(by_label[source])


def _source(comparison: Comparison) -> str | None:
    """Return the label of the comparison whose minimum another holds."""
    return None if comparison.fixed is None else comparison.fixed.minimum_of
