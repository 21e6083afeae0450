"""What goes to stdout: tables for people, JSON for programs, and nothing else."""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import os
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from platoscope.errors import PlatoscopeError

__all__ = [
    "USERS_TO_MEND",
    "format_table",
    "in_words",
    "plain",
    "print_json",
    "print_table",
    "print_text",
    "sentence",
]

USERS_TO_MEND = (PlatoscopeError, OSError, MemoryError)
"""The errors that a user can put right: they end in a sentence, and stop no other study."""

_GAP = "  "
_NARROWEST = 20  # a last column narrower than this is harder to read than a line that runs over


def print_text(text: str, /) -> None:
    """Write a line to stdout."""
    sys.stdout.write(text + "\n")


def print_json(value: Any, /) -> None:
    """Write a value as JSON to stdout; what JSON cannot say (NaN, infinity) becomes null."""
    print_text(json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]], /) -> None:
    """Write an aligned table to stdout; in a terminal its header is bold and its last column wraps."""
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else None
    lines = format_table(header, rows, width=width).splitlines()
    if terminal and "NO_COLOR" not in os.environ:
        lines[0] = f"\033[1m{lines[0]}\033[0m"
    print_text("\n".join(lines))


def format_table(
    header: Sequence[str], rows: Sequence[Sequence[object]], /, *, width: int | None = None
) -> str:
    """Align columns to the left, two spaces apart.

    Parameters
    ----------
    header : sequence of str
        Names of the columns.
    rows : sequence of sequences
        Cells; anything with a ``str``.
    width : int or None
        Wrap the last column so that lines fit; None wraps nothing, which is right for a pipe.

    Examples
    --------
    >>> print(format_table(["layer", "Δ"], [[0, "0.56"], [11, "0.33"]]))
    layer  Δ
    0      0.56
    11     0.33
    """
    table = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    left = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    last = None if width is None or width - left < _NARROWEST else width - left
    lines: list[str] = []
    for row in table:
        start = "".join(cell.ljust(size) + _GAP for cell, size in zip(row[:-1], widths[:-1], strict=True))
        wrapped = textwrap.wrap(row[-1], last) if last is not None else [row[-1]]
        for number, piece in enumerate(wrapped or [""]):
            lines.append(((start if number == 0 else " " * left) + piece).rstrip())
    return "\n".join(lines)


def in_words(value: object, /) -> str:
    """Write what provenance says for a reader: no brackets and quotes of Python.

    Examples
    --------
    >>> print(in_words(["en", "it"]), in_words({"torch": "2.9", "device": None}), in_words(None))
    en, it torch 2.9; device – –
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {in_words(item)}" for name, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(in_words(item) for item in value)
    return str(value)


def plain(value: Any, /) -> Any:
    """Turn records, arrays and paths into what JSON knows.

    Examples
    --------
    >>> plain({"delta": float("nan"), "layers": (9, 10)})
    {'delta': None, 'layers': [9, 10]}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return value
    if isinstance(value, PurePath):
        return str(value)
    if hasattr(value, "tolist"):  # NumPy scalars and arrays, without importing NumPy
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value
    if isinstance(value, Sequence | set | frozenset):
        return [plain(item) for item in value]
    return str(value)


def sentence(error: BaseException, /) -> str:
    """Say in a sentence or two what went wrong and what to do."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            where = f" ({cause.filename})" if cause.filename else ""
            return f"the disk is full{where}. Make room and run the same command again: it goes on from here."
        cause = cause.__cause__
    if isinstance(error, PlatoscopeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}."
    if isinstance(error, MemoryError):
        detail = f": {error}" if str(error) else ""
        return f"not enough memory{detail}. Take fewer pairs (--n) or layers (--layers)."
    return f"{type(error).__name__}: {error}"
