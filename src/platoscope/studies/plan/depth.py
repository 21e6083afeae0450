"""Layers that a plan names and its models do not have, found out where their depth is known without loading them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.errors import InputError
from platoscope.models.sizes import check_layers
from platoscope.studies.design.comparison import Source
from platoscope.studies.plan.estimates import n_layers_of, size_of

if TYPE_CHECKING:
    from platoscope.studies.design.comparison import Comparison, Surface, Synthetic

__all__ = ["held_position", "layer_problem"]


def layer_problem(comparison: Comparison, /) -> InputError | None:
    """Give the error in which a run would end for the first layer that is kept or held and does not exist."""
    fixed = comparison.fixed
    held = None if fixed is None else comparison.a if fixed.side == "a" else comparison.b
    try:
        for side in comparison.all_sides:
            size = size_of(side) if isinstance(side, Source) else None
            if isinstance(side, Source) and side.layers is not None and size is not None:
                check_layers(side.layers, size.n_layers, side.model)
        if held is not None and _is_known(held):
            held_position(comparison, n_layers_of(held))
    except InputError as error:
        return error
    return None


def _is_known(side: Source | Surface | Synthetic) -> bool:
    """Tell whether it is known how many layers a side has."""
    return not isinstance(side, Source) or side.layers is not None or size_of(side) is not None


def held_position(comparison: Comparison, n_layers: int, /) -> int | None:
    """Return the position, counted from 0, of the layer that is held by its place among so many; None where none is.

    Raises
    ------
    InputError
        If there are not so many.
    """
    layer = None if comparison.fixed is None else comparison.fixed.layer
    if layer is None:
        return None
    if not -n_layers <= layer < n_layers:
        msg = f"comparison {comparison.label!r} holds position {layer} of {n_layers} layers"
        raise InputError(msg)
    return layer % n_layers
