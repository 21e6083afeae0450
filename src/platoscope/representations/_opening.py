"""From what a user calls a store to the place where it lies."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from platoscope.cache import cache_folder
from platoscope.checks import in_short, place_only
from platoscope.errors import InputError
from platoscope.representations._local import LocalFolder
from platoscope.representations._objects import SCHEMES, ObjectFolder
from platoscope.representations._urls import UrlFolder

if TYPE_CHECKING:
    from platoscope.representations._folder import Folder

__all__ = ["open_folder"]

_URL_AS_PATH = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/[^/]")  # what pathlib makes of a URL


def open_folder(store: str | os.PathLike[str] | None = None, /) -> Folder:
    """Resolve where representations are kept.

    Parameters
    ----------
    store : path, URL or None
        ``None`` is ``$PLATOSCOPE_CACHE/representations``, or ``~/.cache/platoscope/representations``
        where the variable is not set. ``s3://``, ``gs://`` and ``az://`` are object stores, any other URL is one that
        fsspec knows.

    Raises
    ------
    InputError
        If it is none of them, or a URL with something beside the place (credentials, a query).
    MissingExtraError
        If the package that opens such a URL is not installed.
    StorageError
        If nothing opens such a URL.
    """
    if store is None:
        store = cache_folder("representations")
    location = os.fsdecode(store) if isinstance(store, str | os.PathLike) else ""
    place_only("store", location)
    if not location or not location.isprintable():
        message = f"store must be a path or a URL; got {in_short(store)}."
        raise InputError(message)
    scheme, is_url, _ = location.partition("://")
    if not is_url or scheme == "file":
        return LocalFolder(_path(location.removeprefix("file://")))
    return (ObjectFolder if scheme in SCHEMES else UrlFolder)(location)


def _path(location: str, /) -> Path:
    """Refuse a URL that has gone through `pathlib`: a folder of the name ``s3:`` is not what was meant."""
    if _URL_AS_PATH.match(location):
        message = f"store must be a path or a URL as text; got {location!r}, a URL made a path (Path removes a slash)."
        raise InputError(message)
    return Path(location)
