"""Checks of whole arguments: sequences, arrays, paths, records of the package; single values have `platoscope.checks`."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from platoscope.checks import as_array, in_short, refuse_masks
from platoscope.errors import InputError
from platoscope.filenames import path_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import numpy.typing as npt

__all__ = [
    "a_path",
    "function",
    "instance",
    "labeled",
    "layers_first",
    "mapping",
    "numbers",
    "positions",
    "refuse_unordered",
    "sequence",
]

_Kind = TypeVar("_Kind")


def a_path(name: str, value: object, /) -> Path:
    """Return a path, of a text or of what stands for one; ``~`` is the home.

    Raises
    ------
    InputError
        If it is none, or no file can be called so.
    """
    if isinstance(value, str | os.PathLike):
        text = os.fspath(value)
        if isinstance(text, str) and text and text.isprintable():
            path = path_of(text)
            _require_writable(name, path)
            return path
    message = f"{name} must be a path; got {in_short(value)}."
    raise InputError(message)


def _require_writable(name: str, path: Path) -> None:
    """Refuse a name that no file can have on the disk that it would lie on."""
    try:
        path.lstat()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            message = f"{name} is longer than a file's name can be; got {in_short(str(path))}."
            raise InputError(message) from error


def function(name: str, value: object, /) -> None:
    """Refuse what cannot be called.

    Raises
    ------
    InputError
        If so.
    """
    if not callable(value):
        message = f"{name} must be a function; got {in_short(value)}."
        raise InputError(message)


def instance(name: str, value: object, kind: type[_Kind], /, *, made_by: str = "") -> _Kind:
    """Return what is of a class of the package; `made_by` names the function that returns such a thing.

    Raises
    ------
    InputError
        If it is something else.

    Examples
    --------
    >>> from fractions import Fraction
    >>> instance("half", 0.5, Fraction, made_by="halves")
    Traceback (most recent call last):
    ...
    platoscope.errors.InputError: half must be a Fraction, as halves returns; got 0.5.
    """
    if isinstance(value, kind):
        return value
    returned = f", as {made_by} returns" if made_by else ""
    message = f"{name} must be a {kind.__name__}{returned}; got {in_short(value)}."
    raise InputError(message)


def labeled(name: str, value: object, /, *, over: Collection[str] = (), made_by: str = "") -> None:
    """Refuse what is no labeled result; loads nothing, because who has one has loaded xarray.

    `over` are dimensions that it must have, and `made_by` names the function that returns such a result.

    Raises
    ------
    InputError
        If so.
    """
    xarray = sys.modules.get("xarray")
    if xarray is None or not isinstance(value, xarray.Dataset):
        message = (
            f"{name} must be a labeled result (an xarray.Dataset), as compare and profile return; got "
            f"{in_short(value)}."
        )
        raise InputError(message)
    if not set(over) <= set(value.dims):
        message = f"{name} must be what {made_by} returns; got one over {tuple(map(str, value.sizes))}."
        raise InputError(message)


def mapping(name: str, value: object, /) -> None:
    """Refuse what does not give values under names.

    Raises
    ------
    InputError
        If so.
    """
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        message = f"{name} must be a mapping of names to values; got {in_short(value)}."
        raise InputError(message)


def numbers(
    name: str, values: object, /, *, shape: str, ndim: int | None = None, at_least: int = 0
) -> npt.NDArray[Any]:
    """Return an array of real numbers, NaN among them where something is undefined.

    Parameters
    ----------
    name : str
        What the caller calls it.
    values : object
        What came.
    shape : str
        As the message writes it.
    ndim, at_least : int
        How many axes it must have: so many, or no fewer.

    Raises
    ------
    InputError
        If it is none, has other axes, or something is masked.
    """
    refuse_masks(values, name)
    found = as_array(values)
    fits = found.ndim >= at_least if ndim is None else found.ndim == ndim
    if found.dtype.kind not in "biuf" or not fits:
        message = (
            f"{name} must be an array of real numbers of shape {shape}; got dtype {found.dtype} and shape "
            f"{found.shape}."
        )
        raise InputError(message)
    return found


def positions(name: str, values: object, n_items: int, /) -> list[int]:
    """Return places among so many items, of numbers or of a mask; a negative number counts from the end.

    Raises
    ------
    InputError
        If they are neither a list of whole numbers nor a mask of that length, or one lies beyond the items.

    Examples
    --------
    >>> positions("rows", [2, -1], 3), positions("rows", [True, False, True], 3)
    ([2, -1], [0, 2])
    """
    found = as_array(values)
    if found.dtype == bool and found.shape == (n_items,):
        found = np.flatnonzero(found)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        message = (
            f"{name} must be a list of row numbers, or a mask of {n_items} items; got {in_short(values)}."
        )
        raise InputError(message)
    rows: list[int] = found.tolist()
    beyond = [row for row in rows if not -n_items <= row < n_items]
    if beyond:
        message = f"{name} must be row numbers of {n_items} items, from 0 on; got {beyond[0]}."
        raise InputError(message)
    return rows


def sequence(name: str, values: object, /, *, of: str) -> tuple[Any, ...]:
    """Return what a sequence holds, maybe nothing; `of` says what ("names").

    Raises
    ------
    InputError
        If it is none, as a text, a mapping, an array without axes, or a table (which would give its names of columns).

    Examples
    --------
    >>> sequence("ids", np.array(["a", "b"]), of="names")
    ('a', 'b')
    """
    refuse_unordered(name, values)
    is_one = isinstance(values, str | bytes | Mapping) or getattr(values, "ndim", 1) == 0
    if is_one or hasattr(values, "columns") or not isinstance(values, Iterable):
        message = f"{name} must be a sequence of {of}; got {in_short(values)}."
        raise InputError(message)
    return tuple(values.tolist()) if isinstance(values, np.ndarray) and values.ndim == 1 else tuple(values)


def layers_first(name: str, array: object, /) -> None:
    """Ask where the first axis of an array of layers might be its items; that of a list is known.

    Raises
    ------
    InputError
        If an array has more layers than items by that, or says itself that another axis has the layers.

    Examples
    --------
    >>> layers_first("A", np.zeros((60, 3, 4)))
    Traceback (most recent call last):
    ...
    platoscope.errors.InputError: A, of shape (60, 3, 4), would be 60 layers of 3 items. ...
    """
    shape: tuple[int, ...] = getattr(array, "shape", ())
    dims: tuple[Any, ...] = getattr(array, "dims", ())
    if "layer" in dims:
        if dims[0] != "layer":
            message = (
                f"{name} has the dimensions {', '.join(map(str, dims))}; pass {name}.transpose('layer', ...)."
            )
            raise InputError(message)
    elif len(shape) > 2 and shape[0] > shape[1]:
        message = (
            f"{name}, of shape {tuple(shape)}, would be {shape[0]} layers of {shape[1]} items. Pass "
            f"{name}.swapaxes(0, 1) if its items come first, or list({name}) if it is so."
        )
        raise InputError(message)


def refuse_unordered(name: str, values: object, /) -> None:
    """Refuse a set, of which nothing says what comes first.

    Raises
    ------
    InputError
        If it is one.
    """
    if isinstance(values, set | frozenset):
        message = f"{name} must be in an order, and a set has none; pass a list."
        raise InputError(message)
