"""A stack of layers: one type, and the one place that makes it of whatever a user hands in."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from platoscope.arguments import layers_first
from platoscope.cards import cut
from platoscope.checks import listing
from platoscope.errors import InputError, PlatoscopeWarning, guarded
from platoscope.filenames import natural
from platoscope.neighbors import Space
from platoscope.representations import LAYER_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

__all__ = [
    "ArrayStack",
    "Layer",
    "LayerStack",
    "as_stack",
    "check_same_ids",
    "check_stack",
    "count_items",
    "n_rows",
    "read_layer",
    "take_rows",
    "with_ids",
]

Layer: TypeAlias = "Space | Sequence[Any]"
"""One layer: a prepared space, or arrays of shape (n_items, n_features) whose squared distances add."""


@runtime_checkable
class LayerStack(Protocol):
    """Layers of one model over the same items, read one at a time.

    `Representations` is one, and `as_stack` makes one of arrays. An object of your own with these members goes wherever
    two stacks are compared, and what it holds is read a layer at a time.
    """

    @property
    def layers(self) -> Sequence[int]:
        """The label of each layer, in order of depth."""

    @property
    def relative_depth(self) -> npt.NDArray[np.float64]:
        """The depth of each layer, from 0 (embeddings) to 1 (last block)."""

    @property
    def ids(self) -> Sequence[str] | None:
        """The name of each item, or None where rows have none: they must then be in the same order on both sides."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Where it comes from, for the attributes of a result."""

    def parts(self, index: int, /) -> Layer:
        """Read the layer at a position."""

    def select(self, items: npt.NDArray[np.intp], /) -> LayerStack:
        """Keep some items, by row number, in the order given."""


@dataclass(frozen=True, eq=False)
class ArrayStack:
    """Layers behind functions that read them, under labels that are given with them."""

    readers: tuple[Callable[[], Layer], ...] = field(repr=False)
    layers: tuple[int, ...]
    relative_depth: npt.NDArray[np.float64] = field(repr=False)
    ids: tuple[str, ...] | None = field(repr=False, default=None)
    provenance: Mapping[str, Any] = field(repr=False, default_factory=dict)

    def parts(self, index: int, /) -> Layer:
        """Read the layer at a position."""
        return self.readers[index]()

    def select(self, items: npt.NDArray[np.intp], /) -> ArrayStack:
        """Keep some items, by row number, in the order given."""
        return ArrayStack(
            tuple(partial(_selected, reader, items) for reader in self.readers),
            self.layers,
            self.relative_depth,
            None if self.ids is None else tuple(self.ids[i] for i in items),
            self.provenance,
        )


def _warn_of_order(names: list[str], whose: str) -> None:
    """Warn of layers in the order of a dictionary, which puts layer10 before layer2."""
    meant = sorted(names, key=natural)
    if names == sorted(names) != meant:
        message = (
            f"The layers of {whose} are taken as given, by their letters: {cut(', '.join(names), 80)}. By their numbers "
            f"they would be {cut(', '.join(meant), 80)}: sort them so if that is what you mean."
        )
        warnings.warn(message, PlatoscopeWarning, stacklevel=4)


def _selected(reader: Callable[[], Layer], items: npt.NDArray[np.intp]) -> Layer:
    return take_rows(reader(), items)


def as_stack(X: Any, name: str = "X", /) -> LayerStack:
    """Return what holds layers as a `LayerStack`; a stack is returned as it is.

    Parameters
    ----------
    X : array of shape (n_layers, n_items, n_features), sequence or mapping of layers, Representations or LayerStack
        A layer in a sequence is an array of shape (n_items, n_features) of any library, a sequence of such arrays
        (a concatenation whose squared distances add), or a `Space`. Attributes `layers`, `relative_depth`, `ids` and
        `provenance` are taken where `X` has them (as `Representations.to_xarray` does); without, layers are numbered
        from 0 and lie evenly from depth 0 to 1. Those of a mapping are in its order, under the names that it gives them.
    name : str
        What messages call it.

    Raises
    ------
    InputError
        Something else, such as a single layer or an empty list; or an array whose layers would be more than its items,
        or that says itself that its first axis is another one.

    Examples
    --------
    >>> import numpy as np
    >>> stack = as_stack(np.zeros((3, 10, 4)))
    >>> stack.layers, stack.relative_depth.tolist(), stack.parts(0)[0].shape
    ((0, 1, 2), [0.0, 0.5, 1.0], (10, 4))
    """
    if isinstance(X, LayerStack):
        return X
    named = {LAYER_NAMES: [str(layer) for layer in X]} if isinstance(X, Mapping) and X else {}
    if named:
        _warn_of_order(named[LAYER_NAMES], name)
        X = list(X.values())
    if hasattr(X, "parts") and hasattr(X, "layers"):
        read = [partial(X.parts, i) for i in range(len(X))]
    elif getattr(X, "ndim", None) == 3 or (isinstance(X, (list, tuple)) and len(X) > 0):
        layers_first(name, X)
        read = [partial(X.__getitem__, i) for i in range(len(X))]
    else:
        given = f"an array of shape {X.shape}" if hasattr(X, "shape") else f"{type(X).__name__}"
        read_it = "platoscope.representations.import_representations reads a file."
        message = (
            f"{name} must be a stack of layers: an array of shape (n_layers, n_samples, n_features), a non-empty list of "
            f"layers, or Representations; got {given}. "
            f"{read_it if isinstance(X, str | PathLike) else 'Wrap a single layer in a list.'}"
        )
        raise InputError(message)
    labels = tuple(getattr(X, "layers", range(len(read))))
    evenly = np.linspace(0.0, 1.0, len(read)) if len(read) > 1 else np.ones(1)
    # A method of that name, as masked arrays have one, says nothing of items.
    ids = None if callable(given_ids := getattr(X, "ids", None)) else given_ids
    return ArrayStack(
        tuple(
            partial(_as_layer, reader, f"layer {label} of {name}")
            for label, reader in zip(labels, read, strict=True)
        ),
        labels,
        np.asarray(getattr(X, "relative_depth", evenly), np.float64),
        None if ids is None else tuple(ids),
        {**getattr(X, "provenance", {}), **named},
    )


def _as_layer(reader: Callable[[], Any], name: str) -> Layer:
    given = reader()
    if isinstance(given, Space):
        return given
    if isinstance(given, (list, tuple)) and len(given) > 0 and getattr(given[0], "ndim", None) == 2:
        return given
    # Whatever has no size in memory to tell (nested lists, a table) is an array from here on.
    with guarded(f"{name} is no dense array", "Make it one (to_dense)."):
        array = given if hasattr(given, "nbytes") and hasattr(given, "shape") else _array(given, name)
    if len(array.shape) != 2:
        message = (
            f"{name} must be a matrix of shape (n_samples, n_features), or a sequence of such matrices; "
            f"got shape {tuple(array.shape)}."
        )
        raise InputError(message)
    return [array]


def _array(given: Any, name: str) -> npt.NDArray[Any]:
    try:
        return np.asarray(given)
    except (TypeError, ValueError) as error:
        message = (
            f"{name} cannot be read as an array: {error}. Give a matrix of shape (n_samples, n_features)."
        )
        raise InputError(message) from error


def count_items(stack: LayerStack, /) -> int:
    """Return the number of items of a stack, from its ids where it has them."""
    stack = as_stack(stack, "stack")
    return n_rows(stack.parts(0)) if stack.ids is None else len(stack.ids)


def n_rows(layer: Layer, /) -> int:
    """Return the number of items of a layer."""
    return layer.n_samples if isinstance(layer, Space) else len(layer[0])


def check_stack(stack: LayerStack, name: str, /) -> None:
    """Raise an `InputError` where what a stack says of its layers does not fit together."""
    labels = tuple(stack.layers)
    if not labels or len(set(labels)) < len(labels):
        message = f"{name}.layers must hold at least one label, and each once; got {labels!r}."
        raise InputError(message)
    try:
        depth = np.asarray(stack.relative_depth, np.float64)
    except (TypeError, ValueError):
        depth = np.array(np.nan)
    if depth.shape != (len(labels),) or not np.isfinite(depth).all():
        message = (
            f"{name}.relative_depth must hold a finite number for each of its {len(labels)} layers; "
            f"got {stack.relative_depth!r}."
        )
        raise InputError(message)
    provenance: object = stack.provenance
    if not isinstance(provenance, Mapping):
        message = f"{name}.provenance must be a mapping; got {provenance!r}."
        raise InputError(message)


def check_same_ids(stacks: Mapping[str, LayerStack], /) -> None:
    """Raise an `InputError` where stacks (by what messages call them) list other items, or another order of them."""
    named = {name: tuple(stack.ids) for name, stack in stacks.items() if stack.ids is not None}
    first = next(iter(named), "")
    for name, ids in named.items():
        if ids == named[first]:
            continue
        pairs = zip(named[first], ids, strict=False)
        row = next((i for i, (a, b) in enumerate(pairs) if a != b), None)
        where = (
            f"row {row} is {named[first][row]!r} in {first} and {ids[row]!r} in {name}"
            if row is not None
            else f"{len(named[first])} in {first} and {len(ids)} in {name}"
        )
        message = (
            f"{first} and {name} list different items: {where}. "
            "Align them by id first (platoscope.representations.align)."
        )
        raise InputError(message)


def read_layer(stack: LayerStack, index: int, name: str, /, *, n_items: int | None = None) -> Layer:
    """Read a layer of a stack that is called `name`, which must have a row for each of its items.

    Raises
    ------
    InputError
        It is no layer, or has not `n_items` rows, or as many as the stack has ids.
    """
    layer: Any = stack.parts(index)
    called = f"layer {stack.layers[index]} of {name}"
    if not isinstance(layer, Space) and not (
        isinstance(layer, list | tuple)
        and len(layer)
        and all(hasattr(part, "nbytes") and getattr(part, "ndim", None) == 2 for part in layer)
    ):
        message = (
            f"{called} must be a list of matrices of shape (n_samples, n_features), or a Space; "
            f"got {type(layer).__name__}."
        )
        raise InputError(message)
    wanted = n_items if stack.ids is None else len(stack.ids)
    for rows in [layer.n_samples] if isinstance(layer, Space) else [len(part) for part in layer]:
        if wanted is not None and rows != wanted:
            of = "ids" if stack.ids is not None else "rows in its first layer"
            message = (
                f"{called} has {rows} rows, but {name} has {wanted} {of}. "
                "Every layer must have a row for each item, in one order."
            )
            raise InputError(message)
    return layer


def take_rows(layer: Layer, items: npt.NDArray[np.intp], /) -> Layer:
    """Return the layer of some items."""
    return layer.subset(items) if isinstance(layer, Space) else [part[items] for part in layer]


def with_ids(stack: LayerStack, ids: Sequence[str], /) -> LayerStack:
    """Return the same rows under other names of the items."""
    stack = as_stack(stack, "stack")
    return ArrayStack(
        tuple(partial(stack.parts, i) for i in range(len(stack.layers))),
        tuple(stack.layers),
        stack.relative_depth,
        listing("ids", ids, of="names of items"),
        stack.provenance,
    )
