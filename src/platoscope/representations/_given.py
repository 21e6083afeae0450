"""Checks of what representations are made and chosen of: layers, ids and rows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.arguments import layers_first, sequence
from platoscope.checks import as_array, in_short, refuse_masks
from platoscope.errors import InputError, NotFoundError
from platoscope.representations._backing import UNNAMED, find_view, has_parts, layer_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["checked_ids", "checked_stacks", "rows_of"]


def checked_stacks(stacks: Mapping[str, Any], layer_names: object = None) -> dict[str, list[NDArray[Any]]]:
    """Check the layers of every pooling, and name each as it is kept; messages call a layer by its name, if it has one."""
    by_pooling: dict[str, list[NDArray[Any]]] = {}
    for name, stack in stacks.items():
        view = find_view(name, [name.replace("concat", "tokens")])
        kept = name if view is None else view.kept
        by_pooling[kept] = _checked_layers(name, stack, 1 if view is None else view.n_tokens, layer_names)
    if not by_pooling:
        message = "arrays is an empty mapping; expected at least one pooling."
        raise InputError(message)
    first = next(iter(by_pooling.values()))
    for name, stack in by_pooling.items():
        if len(stack) != len(first) or len(stack[0]) != len(first[0]):
            message = (
                f"All poolings must have the same layers and items: expected {len(first)} layers of "
                f"{len(first[0])} items, but {name!r} has {len(stack)} layers of {len(stack[0])}."
            )
            raise InputError(message)
    return by_pooling


def _checked_layers(pooling: str, stack: Any, n_tokens: int, layer_names: object) -> list[NDArray[Any]]:
    of = "" if pooling == UNNAMED else f" of pooling {pooling!r}"
    given = sequence(f"arrays{of}", stack, of="layers")
    layers_first("array", stack)
    names = [layer_in_words(number, pooling, layer_names) for number in range(len(given))]
    for name, layer in zip(names, given, strict=True):
        refuse_masks(layer, name)
    layers = [as_array(layer) for layer in given]
    if not layers:
        message = f"arrays{of} hold no layer; expected at least one."
        raise InputError(message)
    with_tokens = has_parts(pooling)
    shape = f"(n_items, {n_tokens}, n_features)" if with_tokens else "(n_items, n_features)"
    for name, layer in zip(names, layers, strict=True):
        fits = layer.ndim == (3 if with_tokens else 2) and (not with_tokens or layer.shape[1] == n_tokens)
        if not fits or 0 in layer.shape or len(layer) != len(layers[0]):
            message = (
                f"Each layer must have shape {shape} with the same n_items and nothing empty, but {name} has shape "
                f"{layer.shape} and the first one {layers[0].shape}."
            )
            raise InputError(message)
        if layer.dtype.kind not in "fiub" and layer.dtype.name != "bfloat16":
            message = f"Layers must hold real numbers, but {name} has dtype {layer.dtype}."
            raise InputError(message)
    return layers


def checked_ids(ids: Sequence[str] | None, n_items: int) -> tuple[str, ...]:
    given: object = range(n_items) if ids is None else ids
    names = tuple(map(_named, sequence("ids", given, of="names")))
    if len(names) != n_items:
        message = f"ids must name each of the {n_items} items, got {len(names)} ids."
        raise InputError(message)
    if len(set(names)) != n_items:
        repeated = Counter(names).most_common(1)[0][0]
        message = f"ids must be unique, but {repeated!r} comes more than once."
        raise InputError(message)
    return names


def _named(name: object) -> str:
    if isinstance(name, str | int | np.integer) and not isinstance(name, bool):
        return str(name)
    message = f"ids must be texts or whole numbers; got {in_short(name)}. Give each item a name."
    raise InputError(message)


def rows_of(items: Any, ids: tuple[str, ...]) -> NDArray[np.int64]:
    asked = as_array(items)
    if asked.ndim != 1 or (asked.size and asked.dtype.kind not in "UOTbiu"):
        message = f"items must be a list of ids or row numbers, or a mask; got {in_short(items)}."
        raise InputError(message)
    if asked.dtype.kind in "UOT":
        items = asked.tolist()
        places: dict[object, int] = {name: row for row, name in enumerate(ids)}
        unknown = [str(name) for name in items if not isinstance(name, str) or name not in places]
        if unknown:
            message = (
                f"{len(unknown)} ids are unknown, the first is {unknown[0]!r}; known ones look like "
                f"{ids[0]!r}."
            )
            raise NotFoundError(message)
        rows = np.array([places[name] for name in items], np.int64)
    elif asked.dtype == bool:
        if asked.shape != (len(ids),):
            message = f"A mask must have shape ({len(ids)},), one value per item, got {asked.shape}."
            raise InputError(message)
        rows = np.flatnonzero(asked)
    else:
        rows = asked.astype(np.int64)
        if rows.size and (rows.min() < -len(ids) or rows.max() >= len(ids)):
            message = (
                f"Row numbers must lie between {-len(ids)} and {len(ids) - 1}, got {rows.min()} to "
                f"{rows.max()}."
            )
            raise InputError(message)
        rows = rows % len(ids)
    if rows.size == 0 or np.unique(rows).size != rows.size:
        message = (
            f"Select at least one item and none twice; got {rows.size} items, {np.unique(rows).size} "
            f"different."
        )
        raise InputError(message)
    return rows
