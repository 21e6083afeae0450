"""Names of files for names of the user's: of any script, sign and length, and never one for two."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import unicodedata
from pathlib import Path

__all__ = ["file_name", "is_there", "natural", "path_of", "why_no_folder"]

# What every file system keeps as it is: no capitals, no accents, no dot in front or at the end, no name that Windows keeps.
_PLAIN = re.compile(
    r"(?!(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\Z))[a-z0-9_-](?:[a-z0-9_.-]*[a-z0-9_-])?"
)
_DIGITS = 16


def file_name(name: str, /, *, ending: str = "", longest: int = 255) -> str:
    """Write a name as that of a file: readable, and different for every two names.

    Also where a disk takes capitals for small letters, or the two ways of writing é for one. Lower-case letters of
    English, digits, dashes, underscores and dots within stand for themselves. Of any other name, the letters and digits
    of any script are kept, with an underscore for the rest, and after ``~`` follow 64 bits of its SHA-256.

    Parameters
    ----------
    name : str
        Any text.
    ending : str
        What follows it (".nc").
    longest : int
        Bytes of the whole.

    Examples
    --------
    >>> file_name("en-it", ending=".nc"), file_name("m_n")
    ('en-it.nc', 'm_n')
    >>> file_name("D = 20", ending=".nc"), file_name("M n")
    ('d_20~ba43061efaaa4e2d.nc', 'm_n~d97016ebb8b7a499')
    """
    if _PLAIN.fullmatch(name) and len((name + ending).encode()) <= longest:
        return name + ending
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    mark = f"~{digest}{ending}"
    words = re.sub(r"[^\w.-]+|_+", "_", unicodedata.normalize("NFKC", name.casefold())).strip("_.")
    room = longest - len(mark.encode())
    return words.encode(errors="ignore")[:room].decode(errors="ignore") + mark


def path_of(text: str, /) -> Path:
    """Make a path of what a user wrote, ``~`` as the home; that of a user whom nobody knows stays as it is.

    Examples
    --------
    >>> path_of("~nobody-knows/pairs.tsv").as_posix()
    '~nobody-knows/pairs.tsv'
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def is_there(path: Path, /) -> bool:
    """Tell whether something is called so; nothing has a name that is longer than the disk can write.

    Examples
    --------
    >>> is_there(Path("x" * 300))
    False
    """
    try:
        return path.exists()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return False


def why_no_folder(path: Path, /, *, to_write: bool) -> str | None:
    """Tell why there could be no folder of that name (in which one could write); None where there could, or is.

    Examples
    --------
    >>> why_no_folder(Path("x" * 300), to_write=False)
    'File name too long'
    """
    try:
        there = next((place for place in (path, *path.parents) if place.exists()), Path())
    except OSError as error:
        return error.strerror
    if not there.is_dir():
        return os.strerror(errno.ENOTDIR)
    return os.strerror(errno.EACCES) if to_write and not os.access(there, os.W_OK | os.X_OK) else None


def natural(name: str, /) -> tuple[tuple[int, str], ...]:
    """Give what sorts "10" after "9".

    Examples
    --------
    >>> sorted(["layer10", "layer9"], key=natural)
    ['layer9', 'layer10']
    """
    parts = [part for part in re.split(r"([0-9]+)", name) if part]
    # Longer numbers are larger: one of thousands of digits is not converted.
    return tuple(
        (len(part.lstrip("0")), part.lstrip("0")) if part[0] in "0123456789" else (-1, part) for part in parts
    )
