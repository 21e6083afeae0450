"""Where rows of many items are read from: a file, a stored layer, or an array; and whether they stayed as they were."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from platoscope.arguments import a_path
from platoscope.errors import InputError, guarded
from platoscope.representations import Representations

__all__ = [
    "Stamp",
    "require_same_ids",
    "require_sent",
    "require_unchanged",
    "row_source",
    "rows_of",
    "stamps_of",
]

Stamp: TypeAlias = "tuple[tuple[int, int], tuple[int, int]] | None"
"""Which file it is, and its size and time; None of what is no file."""


def row_source(X: Any, name: str, /) -> Any:
    """Return X as it is read, and sent to workers: a path as a whole path, Representations as they are."""
    if isinstance(X, str | os.PathLike):
        path = a_path(name, X).resolve()
        if path.suffix != ".npy":
            message = (
                f"{name} must be an array, a .npy file or Representations of one layer; got the path {str(path)!r}. "
                "platoscope.representations.import_representations reads other files."
            )
            raise InputError(message)
        return path
    if isinstance(X, Representations) and X.n_layers != 1:
        message = f"{name} must be Representations of one layer, such as stored[12:13]; it has {X.n_layers}."
        raise InputError(message)
    return X


def require_same_ids(x: Any, y: Any, /) -> None:
    """Refuse stored layers of other items, or in another order."""
    if isinstance(x, Representations) and isinstance(y, Representations) and x.ids != y.ids:
        message = (
            "X and Y have other ids, or have them in another order: row i of both must be one item. Bring them into "
            "one order with select(ids)."
        )
        raise InputError(message)


def require_sent(sources: tuple[Any, Any], /) -> None:
    """Refuse what workers could not read."""
    for name, source in zip("XY", sources, strict=True):
        sent = (
            source.location != "memory" if isinstance(source, Representations) else isinstance(source, Path)
        )
        if not sent:
            message = (
                f"workers read rows from a .npy file or from the store, and {name} is in memory. Save it with numpy.save, "
                "or leave cluster out."
            )
            raise InputError(message)


def rows_of(source: Any, name: str, /) -> Any:
    """Return what rows are cut out of."""
    if isinstance(source, Representations):
        source.require_there()
        return source.parts(0)
    if not isinstance(source, Path):
        return source
    if not source.is_file():
        message = f"{name} cannot be read: there is no file {source}."
        raise InputError(message)
    with guarded(
        f"{name} cannot be read from {source}", "Write it with numpy.save, as one array of numbers."
    ):
        return np.load(source, mmap_mode="r", allow_pickle=False)


def stamps_of(sources: tuple[Any, Any], /) -> tuple[Stamp, Stamp]:
    """Note what X and Y are like on the disk before they are read, for `require_unchanged`."""
    return _stamp(sources[0]), _stamp(sources[1])


def require_unchanged(sources: tuple[Any, Any], before: tuple[Stamp, Stamp], /) -> None:
    """Refuse numbers of a file that was written to since; of one that another took the place of, the old rows are read.

    Raises
    ------
    InputError
        If so.
    """
    for name, source, stamp in zip("XY", sources, before, strict=True):
        now = _stamp(source)
        if stamp is not None and now is not None and now[0] == stamp[0] and now[1] != stamp[1]:
            message = (
                f"{name} was changed while its rows were read: {source}. Leave the file as it is until the call is "
                "done, and call again."
            )
            raise InputError(message)


def _stamp(source: Any) -> Stamp:
    if not isinstance(source, Path):
        return None
    try:
        found = source.stat()
    except OSError:  # reading it says why
        return None
    return (found.st_dev, found.st_ino), (found.st_size, found.st_mtime_ns)
