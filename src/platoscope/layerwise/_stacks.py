"""Stacks of layers: read, checked, cut to equal items, and prepared once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from platoscope.errors import InputError
from platoscope.measures import get_measure
from platoscope.neighbors import Space, as_space, available_memory, prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.measures import ComparisonOptions

__all__ = ["Stack", "Tell", "make_stacks"]

Tell: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and out of how much."""

# Of the available memory, what the kept distance matrices of all layers may take, and what their rows may.
_SHARE = 0.5
_ROWS_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Stack:
    """The prepared layers of one side."""

    spaces: tuple[Space, ...]
    """One per layer, in order of depth."""
    layers: tuple[int, ...]
    """Label of each layer."""
    relative_depth: npt.NDArray[np.float64]
    """Depth of each layer, from 0 (embeddings) to 1 (last block)."""
    provenance: Mapping[str, Any]
    """Where it comes from; empty for bare arrays."""


def make_stacks(
    A: Any,
    B: Any,
    options: ComparisonOptions,
    rng: np.random.Generator,
    progress: Tell | None,
    /,
    *,
    strata: Sequence[Any] | None,
    n_samples: int | None,
    block_size: int | None,
) -> tuple[Stack, Stack, Sequence[Any] | None]:
    """Return both sides prepared on the same items, and the strata of these."""
    readers = [_layer_readers(X, side) for X, side in ((A, "A"), (B, "B"))]
    first_a, first_b = (reader[0]() for reader in readers)
    n_a, n_b = _n_samples(first_a), _n_samples(first_b)
    if n_a != n_b:
        message = (
            f"A and B must describe the same items: got {n_a} and {n_b} rows. "
            "Align them by id first (platoscope.representations.align)."
        )
        raise InputError(message)
    _check_ids(A, B)
    chosen = None
    if n_samples is not None and n_samples != n_a:
        if not 3 <= n_samples < n_a:
            message = f"n_samples must be between 3 and the {n_a} items at hand; got {n_samples}."
            raise InputError(message)
        chosen = np.sort(rng.permutation(n_a)[:n_samples])
        strata = None if strata is None else [strata[i] for i in chosen]
    n_items = n_a if chosen is None else chosen.size
    n_layers = sum(map(len, readers))
    block = block_size
    available = available_memory()
    if block is None and all(get_measure(name).resamples is not None for name in options.measures):
        block = 1  # they compare rows with rows, and never ask for distances
    if block is None and available and 4 * n_items * n_items * n_layers > _SHARE * available:
        block = max(64, int(_SHARE * available / 8 / (4 * n_items)))
    rows = _nbytes(first_a) * len(readers[0]) + _nbytes(first_b) * len(readers[1])
    keep = rows <= _ROWS_SHARE * available
    stacks = []
    done = 0
    for X, side, layers in ((A, "A", readers[0]), (B, "B", readers[1])):
        spaces = []
        names = tuple(getattr(X, "layers", range(len(layers))))
        for name, reader in zip(names, layers, strict=True):
            spaces.append(_prepared(reader, chosen, options, block, keep, f"layer {name} of {side}"))
            done += 1
            if progress is not None:
                progress("preparing layers", done, n_layers)
        stacks.append(
            Stack(tuple(spaces), names, _depths(X, len(layers)), dict(getattr(X, "provenance", {})))
        )
    return stacks[0], stacks[1], strata


def _prepared(
    reader: Callable[[], Any],
    chosen: Any,
    options: ComparisonOptions,
    block: int | None,
    keep: bool,
    name: str,
) -> Space:
    """Prepare one layer; its rows are kept for near-ties, or else read again when one must be settled."""
    layer = reader()
    if isinstance(layer, Space):
        space = replace(as_space(layer, name, options.metric, options.transform), name=name)
        return space if chosen is None else space.subset(chosen)
    if options.metric == "precomputed" and chosen is not None:
        return prepare(layer, metric="precomputed", name=name).subset(chosen)

    def cut(rows: Any) -> Any:
        return rows if chosen is None else _rows(rows, chosen)

    source = cut(layer) if keep else lambda: cut(reader())
    metric, transform = options.metric, options.transform
    return prepare(source, metric=metric, transform=transform, block_size=block, name=name)  # type: ignore[arg-type]


def _layer_readers(X: Any, side: str) -> list[Callable[[], Any]]:
    """Return one function per layer that reads it; stored representations are read when asked."""
    if hasattr(X, "parts") and hasattr(X, "layers"):
        return [partial(X.parts, i) for i in range(len(X))]
    if getattr(X, "ndim", None) == 3 or (isinstance(X, (list, tuple)) and len(X) > 0):
        return [partial(X.__getitem__, i) for i in range(len(X))]
    given = f"an array of shape {X.shape}" if hasattr(X, "shape") else f"{type(X).__name__}"
    message = (
        f"{side} must be a stack of layers: an array of shape (n_layers, n_samples, n_features), a non-empty list of "
        f"layers, or Representations; got {given}. Wrap a single layer in a list."
    )
    raise InputError(message)


def _n_samples(layer: Any) -> int:
    if isinstance(layer, Space):
        return layer.n_samples
    return len(layer[0]) if isinstance(layer, (list, tuple)) else len(layer)


def _nbytes(layer: Any) -> int:
    if isinstance(layer, Space):
        return 0
    parts = layer if isinstance(layer, (list, tuple)) else [layer]
    return sum(int(getattr(part, "nbytes", 0)) for part in parts)


def _rows(layer: Any, chosen: Any) -> Any:
    return [part[chosen] for part in layer] if isinstance(layer, (list, tuple)) else layer[chosen]


def _check_ids(A: Any, B: Any) -> None:
    ids_a, ids_b = getattr(A, "ids", None), getattr(B, "ids", None)
    if ids_a is not None and ids_b is not None and tuple(ids_a) != tuple(ids_b):
        first = next(i for i, (a, b) in enumerate(zip(ids_a, ids_b, strict=False)) if a != b)
        message = (
            f"A and B list different items: row {first} is {ids_a[first]!r} in A and {ids_b[first]!r} in B. "
            "Align them by id first (platoscope.representations.align)."
        )
        raise InputError(message)


def _depths(X: Any, n_layers: int) -> npt.NDArray[np.float64]:
    if hasattr(X, "relative_depth"):
        return np.asarray(X.relative_depth, np.float64)
    return np.linspace(0.0, 1.0, n_layers) if n_layers > 1 else np.ones(1)
