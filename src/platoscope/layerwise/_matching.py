"""Which layers of two stacks a profile compares with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.checks import in_short, one_of
from platoscope.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["choose_pairs", "every_pair", "match_layers", "swept_side"]


def choose_pairs(
    layers: tuple[Sequence[int], Sequence[int]],
    depths: tuple[Any, Any],
    /,
    *,
    match: str,
    layer_a: int | None,
    layer_b: int | None,
) -> np.ndarray[Any, Any]:
    """Return pairs of positions: matched layers, or a held layer of one side with each of the other.

    Raises
    ------
    InputError
        Both sides held; otherwise as `match_layers`.
    NotFoundError
        No layer of that label.
    """
    if layer_a is not None and layer_b is not None:
        message = "Fix layer_a or layer_b, not both: one side must be swept. Use compare for a single pair."
        raise InputError(message)
    if layer_a is not None:
        held = _position(layers[0], layer_a, "A")
        return np.array([(held, j) for j in range(len(layers[1]))], np.intp)
    if layer_b is not None:
        held = _position(layers[1], layer_b, "B")
        return np.array([(i, held) for i in range(len(layers[0]))], np.intp)
    return match_layers(*depths, match)


def every_pair(n_a: int, n_b: int, /) -> np.ndarray[Any, Any]:
    """Return the positions of every layer of A with every layer of B, shape (n_a * n_b, 2)."""
    return np.array([(i, j) for i in range(n_a) for j in range(n_b)], np.intp)


def _position(layers: Sequence[int], layer: int, side: str) -> int:
    if np.ndim(layer) != 0 or layer not in layers:
        message = f"{side} has no layer {in_short(layer)}; it has layers {', '.join(map(str, layers))}."
        raise NotFoundError(message)
    return list(layers).index(layer)


def swept_side(pairs: np.ndarray[Any, Any], /) -> int:
    """Return the side whose layers name those of a profile: B where A is held, else A."""
    return 1 if len(pairs) > 1 and len(set(pairs[:, 0])) == 1 else 0


def match_layers(depth_a: Any, depth_b: Any, match: str = "index", /) -> np.ndarray[Any, Any]:
    """Return pairs of positions: layer l with layer l, or with the layer nearest in relative depth.

    Raises
    ------
    InputError
        Stacks of different length with ``match="index"``, or an unknown `match`.
    """
    one_of("match", match, ("index", "relative_depth"))
    depth_a, depth_b = np.asarray(depth_a, np.float64), np.asarray(depth_b, np.float64)
    if match == "index":
        if len(depth_a) != len(depth_b):
            message = (
                f"match='index' needs stacks of the same length; got {len(depth_a)} and {len(depth_b)} layers. "
                "Use match='relative_depth'."
            )
            raise InputError(message)
        return np.stack([np.arange(len(depth_a))] * 2, axis=1)
    nearest = np.abs(depth_a[:, None] - depth_b[None, :]).argmin(axis=1)
    return np.stack([np.arange(len(depth_a)), nearest], axis=1)
