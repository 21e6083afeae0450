"""The two sides of a comparison as stacks of layers, whatever they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platoscope.errors import InputError, NotFoundError
from platoscope.layerwise import as_stack
from platoscope.studies.design.comparison import Source, Surface, Synthetic
from platoscope.studies.design.synthetic import stack
from platoscope.studies.plan.extraction import extraction_of
from platoscope.studies.run.computing import standardized_lengths
from platoscope.studies.run.encoders import ModelRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

    from platoscope.layerwise import LayerStack
    from platoscope.representations import Representations
    from platoscope.studies.design.comparison import Comparison
    from platoscope.studies.design.settings import Settings
    from platoscope.studies.plan.extraction import Extraction
    from platoscope.studies.run.encoders import Shelf
    from platoscope.studies.run.items import Selection

__all__ = ["names_of", "position_of", "stack_of"]


def stack_of(
    side: Source | Surface | Synthetic,
    comparison: Comparison,
    selection: Selection | None,
    representations: Mapping[Extraction, Representations],
    shelf: Shelf,
    settings: Settings,
    /,
) -> LayerStack:
    """Give one side as a stack of layers: representations, lengths of texts, or synthetic data."""
    if isinstance(side, Synthetic):
        return as_stack(stack(side, n_samples=settings.n, seed=settings.seed))
    assert selection is not None, "a comparison without items is synthetic"
    if isinstance(side, Source):
        found = representations[extraction_of(comparison, side).identity]
        return found.with_pooling(side.pooling)
    texts = getattr(selection.pairs, side.side)
    if texts.modality != "text":
        msg = (
            f"comparison {comparison.label!r} asks for the lengths of side {texts.name!r}, which is {texts.modality}; "
            "lengths are of texts"
        )
        raise InputError(msg)
    counted = selection.lengths.get(side.model, {}).get(side.side)
    if counted is None:
        counted = shelf.remember(ModelRequest(side.model)).lengths(list(texts.items))
    characters = np.array([len(text) for text in texts.items], dtype=np.int64)
    return as_stack(standardized_lengths(counted, characters))


def position_of(
    comparison: Comparison, sides: Sequence[LayerStack], results: Mapping[str, xr.Dataset], /
) -> int | None:
    """Give the position of the layer that a comparison holds; None where it holds none."""
    from platoscope.studies.judge.summary import region

    fixed = comparison.fixed
    if fixed is None:
        return None
    held = sides[0] if fixed.side == "a" else sides[1]
    if fixed.minimum_of is not None:
        if fixed.minimum_of not in results:
            msg = f"comparison {comparison.label!r} takes its layer from {fixed.minimum_of!r}, which is no comparison"
            raise NotFoundError(msg)
        layer = region(results[fixed.minimum_of])["minimum_layer"]
        numbers = list(held.layers)
        if layer not in numbers:
            msg = (
                f"comparison {comparison.label!r} holds layer {layer}, the minimum of {fixed.minimum_of!r}, but its "
                f"side {fixed.side} keeps layers {numbers}; keep that layer too"
            )
            raise InputError(msg)
        return numbers.index(layer)
    if fixed.depth is not None:
        return int(np.abs(held.relative_depth - fixed.depth).argmin())
    assert fixed.layer is not None
    n_layers = len(held.layers)
    if not -n_layers <= fixed.layer < n_layers:
        msg = f"comparison {comparison.label!r} holds position {fixed.layer} of {n_layers} layers"
        raise InputError(msg)
    return fixed.layer % n_layers


def names_of(comparison: Comparison, selection: Selection | None, /) -> tuple[str, str]:
    """Give what pictures and tables call the two sides: what differs between them."""
    a, b = comparison.a, comparison.b
    if comparison.kind == "token_distance":
        return ("last token", "earlier token")
    if isinstance(a, Synthetic) or isinstance(b, Synthetic):
        return ("x", "y")
    assert selection is not None
    names = []
    for side, other in ((a, b), (b, a)):
        item = str(getattr(selection.pairs, side.side).name)
        short = side.model.rstrip("/").rpartition("/")[2]
        if isinstance(side, Surface):
            names.append(f"length of {item}")
        elif side.side != other.side and side.model == other.model:
            names.append(item)
        elif side.side == other.side and side.model != other.model:
            names.append(short)
        else:
            names.append(f"{short} ({item})")
    return (names[0], names[1])
