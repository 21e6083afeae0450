"""Where the numbers of `Representations` come from: arrays in memory, or a group of the store."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from platoscope.errors import InputError
from platoscope.representations._folder import METADATA
from platoscope.representations._group import LAYER_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from platoscope.representations._group import StoredGroup
    from platoscope.representations._units import StoredArray

__all__ = [
    "UNNAMED",
    "ArrayBacking",
    "Backing",
    "StoredBacking",
    "View",
    "find_view",
    "has_parts",
    "layer_in_words",
]

UNNAMED = "unknown"
"""The pooling of arrays of which nobody said it."""
# Of the differences between items, what float32 may lose; and what float64 loses of a constant.
_LOSS, _ROUNDING = 1e-3, 1e-15
_WHOLE = 1 << 53  # the largest whole number up to which float64 has all
_NUMBERED = re.compile(r"(tokens|concat|token)\((\d+)\)")
_FREQUENCIES = re.compile(r"dct\((?:(\d+)-)?(\d+)\)")


class Backing(Protocol):
    """Read access to the layers of one side of a data set in one model."""

    @property
    def key(self) -> str:
        """A name for the content."""

    @property
    def poolings(self) -> tuple[str, ...]:
        """The poolings on hand, as they are kept."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Where it all comes from."""

    @property
    def location(self) -> str:
        """Where it lies, in words."""

    @property
    def lengths(self) -> NDArray[np.int64] | None:
        """Tokens of each item; None where nothing counted them."""

    def is_there(self) -> bool:
        """Tell whether this process sees it."""

    def widths(self, pooling: str, /) -> tuple[int, ...]:
        """Features of one vector in each layer."""

    def read(
        self, pooling: str, position: int, rows: NDArray[np.int64], tokens: slice, /
    ) -> NDArray[np.float32]:
        """Read some tokens of some items: float32, shape ``(n_tokens, n_rows, n_features)``."""


@dataclass(frozen=True)
class View:
    """Which tokens, or frequencies, of which kept pooling give a pooling that is asked for."""

    kept: str
    tokens: slice
    n_tokens: int


def find_view(pooling: str, kept: Sequence[str], /) -> View | None:
    """Find how a pooling can be read from what is kept, without rounding anything anew.

    Kept as such, it is read as such. Otherwise the shortest kept row of tokens that holds it serves:
    ``tokens(20)`` holds ``last``, ``token(0)`` to ``token(19)``, and ``concat(k)`` and ``tokens(k)`` up to
    20. Means are not taken from it: their last bits depend on the order of the additions. Frequencies are held by the
    shortest band around them.

    Examples
    --------
    >>> find_view("token(2)", ["mean(20)", "tokens(20)"])
    View(kept='tokens(20)', tokens=slice(17, 18, None), n_tokens=1)
    >>> find_view("mean(5)", ["mean(20)", "tokens(20)"]) is None
    True
    >>> find_view("dct(2-3)", ["mean", "dct(8)"])
    View(kept='dct(8)', tokens=slice(2, 4, None), n_tokens=2)
    """
    if (band := _band(pooling)) is not None:
        return _part_of_band(band, kept)
    asked = _NUMBERED.fullmatch(pooling)
    kind, number = (pooling, 0) if asked is None else (asked[1], int(asked[2]))
    rows = kind in ("tokens", "concat")
    if pooling in kept and not rows:
        return View(pooling, slice(None), 1)
    if not rows and kind not in ("last", "token"):
        return None
    needed = number if rows else number + 1
    lengths = [
        int(found[2]) for name in kept if (found := _NUMBERED.fullmatch(name)) and found[1] == "tokens"
    ]
    enough = [length for length in lengths if length >= needed]
    if not enough:
        return None
    shortest = min(enough)
    stop = shortest if rows else shortest - number
    return View(f"tokens({shortest})", slice(shortest - needed, stop), number if rows else 1)


def has_parts(pooling: str, /) -> bool:
    """Tell whether a pooling leaves several vectors of an item, on an axis before the features.

    Examples
    --------
    >>> has_parts("concat(3)"), has_parts("dct(2-3)"), has_parts("token(3)"), has_parts("mine")
    (True, True, False, False)
    """
    return pooling.startswith(("concat(", "tokens(")) or _band(pooling) is not None


def _band(pooling: str) -> tuple[int, int] | None:
    """Give the lowest frequency of a pooling by frequencies, and the one after its highest."""
    found = _FREQUENCIES.fullmatch(pooling)
    if found is None:
        return None
    lowest, after = (0, int(found[2])) if found[1] is None else (int(found[1]), int(found[2]) + 1)
    return (lowest, after) if lowest < after else None


def _part_of_band(asked: tuple[int, int], kept: Sequence[str]) -> View | None:
    """Find the shortest kept band around one that is asked for."""
    around = {
        name: band
        for name in kept
        if (band := _band(name)) is not None and band[0] <= asked[0] < asked[1] <= band[1]
    }
    if not around:
        return None
    name = min(around, key=lambda each: around[each][1] - around[each][0])
    first = around[name][0]
    return View(name, slice(asked[0] - first, asked[1] - first), asked[1] - asked[0])


@dataclass(frozen=True, eq=False)
class ArrayBacking:
    """Layers in memory (or memory-mapped): for every pooling one array per layer.

    Each array has shape ``(n_items, n_features)``, or ``(n_items, n_tokens, n_features)`` for rows of tokens.
    """

    layers_of: Mapping[str, Sequence[NDArray[Any]]] = field(repr=False)
    provenance: Mapping[str, Any] = field(repr=False)
    location: str = "memory"

    @property
    def poolings(self) -> tuple[str, ...]:
        return tuple(self.layers_of)

    @property
    def lengths(self) -> None:
        return None

    def is_there(self) -> bool:
        return True

    @cached_property
    def key(self) -> str:
        total = hashlib.sha256()
        for pooling, layers in self.layers_of.items():
            total.update(pooling.encode())
            for layer in layers:
                total.update(f"{layer.shape}".encode())
                total.update(np.ascontiguousarray(layer, "<f4").tobytes())
        return total.hexdigest()

    def widths(self, pooling: str, /) -> tuple[int, ...]:
        return tuple(int(layer.shape[-1]) for layer in self.layers_of[pooling])

    def read(
        self, pooling: str, position: int, rows: NDArray[np.int64], tokens: slice, /
    ) -> NDArray[np.float32]:
        called = layer_in_words(position, pooling, self.provenance.get(LAYER_NAMES))
        layer = _in_float32(self.layers_of[pooling][position][rows], called)
        if layer.ndim == 2:
            return layer[None]
        return np.ascontiguousarray(np.moveaxis(layer[:, tokens], 1, 0))


def layer_in_words(position: int, pooling: str, names: object, /) -> str:
    """Call a layer in a message by its name, where layers have names, and by its pooling, where that was said.

    Examples
    --------
    >>> layer_in_words(1, "mean", None), layer_in_words(1, "unknown", ["stem", "head"])
    ("layer 1 of pooling 'mean'", "layer 'head'")
    """
    known = names if isinstance(names, list | tuple) else ()
    called = repr(str(known[position])) if position < len(known) else str(position)
    return f"layer {called}" if pooling == UNNAMED else f"layer {called} of pooling {pooling!r}"


def _in_float32(layer: NDArray[Any], name: str) -> NDArray[np.float32]:
    """Convert, or refuse what would not be the same items in float32: too large or small for it, or of smaller differences.

    Raises
    ------
    InputError
        If so.
    """
    with np.errstate(over="ignore", under="ignore"):
        single = np.asarray(layer, np.float32)
    if (
        np.can_cast(layer.dtype, np.float32) or not np.isfinite(layer).all()
    ):  # the latter is an error of its own
        return single
    size = float(np.abs(layer).max())
    with np.errstate(over="ignore", invalid="ignore"):
        exact = np.asarray(layer, np.float64) / (size or 1.0)
        lost = _spread(exact - single / (size or 1.0))
    beyond = layer.dtype.kind in "iu" and size > _WHOLE
    if beyond or not lost <= max(_LOSS * _spread(exact), _ROUNDING * exact.size**0.5):
        message = (
            f"{name}, of {layer.dtype}, does not fit into float32, in which representations are read: its items would not "
            "differ there as they do. Subtract what all have in common, or scale it; arrays that are compared as they are "
            "stay in float64."
        )
        raise InputError(message)
    return single


def _spread(values: NDArray[np.float64]) -> float:
    """Give how far rows are from their mean, all together."""
    return float(np.linalg.norm(values - values.mean(axis=0)))


@dataclass(frozen=True, eq=False)
class StoredBacking:
    """Layers in the store."""

    group: StoredGroup
    arrays: Mapping[str, StoredArray] = field(repr=False)

    @property
    def key(self) -> str:
        return self.group.key

    @property
    def location(self) -> str:
        return f"{self.group.folder.location}/{self.group.key}"

    def is_there(self) -> bool:
        return self.group.folder.has(f"{self.group.key}/{METADATA}")

    @property
    def poolings(self) -> tuple[str, ...]:
        return tuple(self.arrays)

    @property
    def lengths(self) -> NDArray[np.int64]:
        return self.group.lengths

    @cached_property
    def provenance(self) -> Mapping[str, Any]:
        kept = ("data", "model", "plan", "versions", "created")
        made = {name: array.attributes.get("completed") for name, array in self.arrays.items()}
        names = {} if self.group.layer_names is None else {LAYER_NAMES: list(self.group.layer_names)}
        said = {name: self.group.attributes[name] for name in kept}
        return said | names | {"key": self.key, "extraction": made}

    def widths(self, pooling: str, /) -> tuple[int, ...]:
        return self.group.layer_widths

    def read(
        self, pooling: str, position: int, rows: NDArray[np.int64], tokens: slice, /
    ) -> NDArray[np.float32]:
        place = np.full(self.group.n_items, -1, np.int64)
        place[rows] = np.arange(rows.size)
        states = self.arrays[pooling].read_layer(position, place[self.group.batches.order], rows.size, tokens)
        width = self.group.layer_widths[position]
        return states if width == states.shape[2] else np.ascontiguousarray(states[:, :, :width])
