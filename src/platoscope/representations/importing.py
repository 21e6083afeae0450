"""Reading what others dumped: NumPy, safetensors, PyTorch and HDF5 files."""

from __future__ import annotations

import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.arguments import a_path, mapping, sequence
from platoscope.errors import InputError, PlatoscopeWarning
from platoscope.filenames import natural
from platoscope.representations._backing import UNNAMED
from platoscope.representations._files import ARRAY_NAME, SUFFIXES, Dump, read_file
from platoscope.representations._group import LAYER_NAMES
from platoscope.representations.representations import Representations
from platoscope.wording import listed

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["import_representations"]

_AT_ONCE = 8 << 20
"""Bytes of a layer that are looked at together."""
_WELL_KNOWN = (ARRAY_NAME, "feats", "hidden_states")


def import_representations(
    path: str | os.PathLike[str],
    /,
    *,
    axes: Sequence[str] | None = None,
    name: str | Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    pooling: str | None = None,
    layers: Sequence[int] | None = None,
    depth: int | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Representations:
    """Read representations from a file that something else wrote, or `export`.

    Parameters
    ----------
    path : path
        ``.npy`` (memory-mapped), ``.npz``, ``.safetensors``, ``.pt`` or ``.pth`` (tensors only, no pickled
        code is run), ``.h5`` or ``.hdf5``.
    axes : sequence of str, optional
        What each axis of the array is, of "layer", "item", "token" and "feature", in its order. By default
        "layer", "item", "feature" (a list of tensors is one of layers), and "item", "layer", "feature" for
        ``feats`` of a ``.pt`` file, as platonic-rep writes them; with "token" before "feature" in a fourth axis
        and no "layer" where there are two axes only. An array that would have more layers than items by that is
        an error that asks.
    name : str or sequence of str, optional
        Which array of the file, or which arrays of one layer each, in the order of the layers. By default the only one,
        or one called "representations", "feats" or "hidden_states", or else all as one layer each if every name has a
        number ("layer1.0", "layer1.1", "layer2.0", …): in their natural order, 10 after 9, with their names in
        `Representations.layer_names`.
    ids, pooling, layers, depth, provenance
        As for `Representations.from_arrays`; by default what a file written by `export` says. A pooling that
        nobody names is "unknown", or "tokens(k)" if there is an axis of tokens.

    Returns
    -------
    Representations
        In memory, or memory-mapped for ``.npy``.

    Raises
    ------
    InputError
        If the file is missing, unreadable or of another kind, holds Python objects, or the array is not what `axes` says.
    MissingExtraError
        If the package that reads it is not installed.

    Warns
    -----
    PlatoscopeWarning
        If states of some items are not finite, with the first: comparisons refuse them, and `select` leaves them out.

    Notes
    -----
    The file is read once for that, also a memory-mapped one, a few megabytes at a time.
    """
    file = a_path("path", path)
    order = None if axes is None else sequence("axes", axes, of="names")
    mapping("provenance", {} if provenance is None else provenance)
    if file.suffix.lower() not in SUFFIXES or not file.is_file():
        raise InputError(_no_file(file))
    dump = read_file(file)
    said = dump.metadata
    chosen = _choose_arrays(dump, name, file)
    key, array = next(iter(chosen.items()))
    if len(chosen) > 1:
        stack = [_arrange(x, _axes_of(x, order, per_layer=True), file)[0] for x in chosen.values()]
        said = {**said, "provenance": {**said.get("provenance", {}), LAYER_NAMES: list(chosen)}}
    else:
        items_first = key == "feats" and file.suffix.lower() in (".pt", ".pth")
        stack = list(_arrange(array, _axes_of(array, order, items_first=items_first), file))
    if not stack:
        message = f"{key!r} of {str(file)!r}, of shape {array.shape}, holds no layer."
        raise InputError(message)
    if axes is None and not said and len(stack) > len(stack[0]):
        message = (
            f"{key!r} of {str(file)!r}, of shape {array.shape}, would be {len(stack)} layers of {len(stack[0])} items. Say "
            "what its axes are, as axes=('item', 'layer', 'feature'), or ('layer', 'item', 'feature') if it is so."
        )
        raise InputError(message)
    unnamed = UNNAMED if stack[0].ndim == 2 else f"tokens({stack[0].shape[1]})"
    with _said_of(file):
        found = Representations.from_arrays(
            stack,
            ids=said.get("ids") if ids is None else ids,
            pooling=pooling or said.get("pooling") or unnamed,
            layers=said.get("layers") if layers is None else layers,
            depth=said.get("depth") if depth is None else depth,
            provenance={**said.get("provenance", {}), "imported_from": file.name, **(provenance or {})},
        )
    _warn_of_nonfinite(stack, found, file)
    return found


@contextmanager
def _said_of(file: Path) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        message = f"Cannot import {str(file)!r}: {error}"
        raise InputError(message) from error


def _warn_of_nonfinite(stack: Sequence[NDArray[Any]], found: Representations, file: Path) -> None:
    """Warn of items whose states are not finite in some layer; reads a bounded part of a layer at a time."""
    bad = np.zeros(found.n_items, bool)
    where = ""
    for name, layer in zip(found.layer_names, stack, strict=True):
        if layer.dtype.kind in "biu":
            continue
        rows = max(1, _AT_ONCE // (layer[:1].nbytes or 1))
        for start in range(0, len(layer), rows):
            block = layer[start : start + rows]
            wrong = ~np.isfinite(block).all(axis=tuple(range(1, block.ndim)))
            bad[start : start + rows] |= wrong
            if wrong.any() and not where:
                where = f"item {found.ids[start + int(wrong.argmax())]!r} in layer {name}"
    if bad.any():
        message = (
            f"{int(bad.sum())} of {bad.size} items of {str(file)!r} have states that are not finite; the first is {where}. "
            "Comparisons refuse them: leave them out on both sides (select), or find out why the model overflowed (float16 "
            "often does)."
        )
        warnings.warn(message, PlatoscopeWarning, stacklevel=3)


def _no_file(file: Path) -> str:
    expected = f"Expected a file ending in {', '.join(SUFFIXES)}."
    if file.is_dir():
        return (
            f"Cannot import {str(file)!r}, a folder. {expected} Arrays of one layer each are a dict in the order of the "
            "layers, which profile and compare take: {'layer1': numpy.load('layer1.npy'), …}."
        )
    problem = f"its ending {file.suffix!r} is unknown" if file.is_file() else "there is no such file"
    return f"Cannot import {str(file)!r}: {problem}. {expected}"


def _choose_arrays(dump: Dump, name: str | Sequence[str] | None, file: Path) -> dict[str, Any]:
    """Give one array with all layers, or several of one layer each, by their names."""
    states = {key: array for key, array in dump.arrays.items() if array.ndim >= 2}
    names = [name] if isinstance(name, str) else [] if name is None else sequence("name", name, of="names")
    if (
        names
        and all(isinstance(key, str) and key in states for key in names)
        and len(set(names)) == len(names)
    ):
        return {key: states[key] for key in names}
    if name is None:
        known = [key for key in _WELL_KNOWN if key in states]
        if known and len(states) > 1:
            return {known[0]: states[known[0]]}
        if len(states) == 1 or (states and all(re.search(r"[0-9]", key) for key in states)):
            return {key: states[key] for key in sorted(states, key=natural)}
    shapes = listed([f"{key} {array.shape}" for key, array in dump.arrays.items()]) or "none"
    message = (
        f"Cannot tell which array of {str(file)!r} holds the representations (asked for: {name!r}; arrays: "
        f"{shapes}). Choose one with name=…, or those of one layer each in their order, as name=['embeddings', 'block1']."
    )
    raise InputError(message)


def _axes_of(
    array: Any, axes: tuple[str, ...] | None, *, per_layer: bool = False, items_first: bool = False
) -> tuple[str, ...]:
    if axes is not None:
        return axes
    if array.ndim == 2:
        return ("item", "feature")
    if per_layer:
        return ("item", "token", "feature")
    front = ("item", "layer") if items_first else ("layer", "item")
    return (*front, "feature") if array.ndim == 3 else (*front, "token", "feature")


def _arrange(array: Any, axes: tuple[str, ...], file: Path) -> NDArray[Any]:
    """Bring an array to (layer, item, feature) or (layer, item, token, feature), without copying."""
    wanted = [axis for axis in ("layer", "item", "token", "feature") if axis in axes]
    complete = sorted(wanted) == sorted(axes) and {"item", "feature"} <= set(axes)
    if not complete or len(axes) != array.ndim:
        message = (
            f"axes must name each of the {array.ndim} axes of the array in {str(file)!r} once, with 'item' "
            f"and 'feature' among them (and 'layer', 'token' where there are such), got {axes} for shape "
            f"{array.shape}."
        )
        raise InputError(message)
    arranged: NDArray[Any] = np.transpose(array, [axes.index(axis) for axis in wanted])
    return arranged if "layer" in axes else arranged[None]
