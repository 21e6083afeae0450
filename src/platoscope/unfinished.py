"""What is kept of work that is not finished: a file for each piece, which names itself behind its checksum."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from platoscope.errors import PlatoscopeWarning, reason_of
from platoscope.kept import recall, remember

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["keep_piece", "kept_piece"]


def keep_piece(file: Path, content: bytes, /, *, what: str) -> None:
    """Keep a finished piece of work; what cannot keep it goes on, and says so.

    Parameters
    ----------
    file : Path
        Its name says which piece it is.
    content : bytes
        What it gave.
    what : str
        What such pieces are, for the warning ("parts of comparisons").

    Warns
    -----
    PlatoscopeWarning
        If it cannot be written.
    """
    error = remember(file, file.name.encode() + b"\n" + content)
    if error is not None:
        message = (
            f"finished {what} cannot be kept in {file.parent} ({reason_of(error)}): the work goes on, and is done again if "
            "it is interrupted."
        )
        warnings.warn(message, PlatoscopeWarning, stacklevel=3)


def kept_piece(file: Path, /, *, what: str) -> bytes | None:
    """Give what `keep_piece` wrote under this name; None where there is nothing.

    Parameters
    ----------
    file : Path
        The file.
    what : str
        What it is, for warnings ("part of a comparison").

    Warns
    -----
    PlatoscopeWarning
        If it is damaged, or another piece that was given this name; None then as well.
    """
    content = recall(file, what=f"a {what}, which is computed again")
    if content is None:
        return None
    named, _, piece = content.partition(b"\n")
    if named == file.name.encode():
        return piece
    message = f"{file} holds another {what}, which is not taken."
    warnings.warn(message, PlatoscopeWarning, stacklevel=3)
    return None
