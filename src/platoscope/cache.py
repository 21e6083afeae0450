"""Where this user's cache lies and what is in it: converted models, what is remembered of models, and representations.

All of it is made again where it is missing; deleting costs time and loses nothing.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from platoscope import kept
from platoscope.errors import InputError

__all__ = [
    "CONVERTED",
    "KINDS",
    "CacheFolder",
    "CacheKind",
    "cache_folder",
    "delete",
    "kept_of",
    "size_on_disk",
]

CacheFolder: TypeAlias = Literal["digests", "encoders", "models", "representations"]
"""The folders of the cache."""

CONVERTED = "platoscope.json"
"""The file in the folder of a converted model that says what it was made of."""

_DIGEST = "[0-9a-f]{64}"


@dataclass(frozen=True)
class CacheKind:
    """One kind of thing that the cache keeps.

    Attributes
    ----------
    name : str
        What to call it.
    folder : str
        Folder of the cache that it lies in.
    entry : str
        Regular expression of the names of its files and folders; others are not touched.
    holds : str
        What it is, and what making it again costs.
    mark : str
        The file that tells a folder of ours from a user's of such a name; empty where entries are files.
    """

    name: str
    folder: CacheFolder
    entry: str
    holds: str
    mark: str = ""


KINDS = (
    CacheKind(
        "models",
        "models",
        rf"(gguf-{_DIGEST}|.+-[^-]+)-\d+",
        "weights of bundled models and of GGUF files, converted once; about a minute each",
        mark=CONVERTED,
    ),
    CacheKind(
        "token-counts",
        "encoders",
        rf"{_DIGEST}\.(lengths|npy)",
        "how many tokens texts have in a model; seconds each",
    ),
    CacheKind("facts", "encoders", rf"{_DIGEST}\.json", "what models say of themselves; seconds each"),
    CacheKind("checks", "encoders", rf"{_DIGEST}\.check", "that layers are read right; seconds per model"),
    CacheKind("digests", "digests", rf"{_DIGEST}\.json", "SHA-256 of model files; seconds per gigabyte"),
)
"""What is made again without a word where it is missing. Representations are kept by key: `platoscope.representations`."""


def cache_folder(part: CacheFolder | None = None, /) -> Path:
    """Give the folder of the cache, ``$PLATOSCOPE_CACHE`` or ``~/.cache/platoscope``, or one in it.

    Raises
    ------
    InputError
        If the variable holds a URL: models are read from files of this machine.
    """
    chosen = os.environ.get("PLATOSCOPE_CACHE")
    if chosen and "://" in chosen:
        msg = (
            "PLATOSCOPE_CACHE must be a folder of this machine, because models are read from it, but it is a "
            "URL. For representations that lie elsewhere, set PLATOSCOPE_STORE (the same as --store) or give "
            "store=URL."
        )
        raise InputError(msg)
    folder = Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "platoscope"
    return folder / part if part else folder


def kept_of(kind: CacheKind, /) -> list[Path]:
    """List the files and folders of one kind; what other programs put beside them is not among them."""
    folder = cache_folder(kind.folder)
    if not folder.is_dir():
        return []
    named = [path for path in folder.iterdir() if re.fullmatch(kind.entry, path.name)]
    return sorted(path for path in named if not kind.mark or (path / kind.mark).is_file())


def size_on_disk(path: Path, /) -> int:
    """Add up the bytes of a file, or of all files below a folder; links are not followed."""
    try:
        if path.is_symlink() or not path.is_dir():
            return path.lstat().st_size
        return sum(map(size_on_disk, path.iterdir()))
    except FileNotFoundError:  # another process deleted it meanwhile
        return 0


def delete(paths: list[Path], /) -> None:
    """Delete files and folders; of a link only the link.

    A folder goes out of the way in one step first: what is deleted in part is never found, and `kept.sweep` takes it.

    Raises
    ------
    OSError
        If one cannot be deleted.
    """
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            with kept.workplace(path.parent) as place:
                shutil.rmtree(path.rename(place / path.name))
        else:
            path.unlink(missing_ok=True)
