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


def print_text(text: str, /) -> None:
    """Write a line to stdout."""
    sys.stdout.write(text + "\n")


def print_json(value: Any, /) -> None:
    """Write a value as JSON to stdout; what JSON cannot say (NaN, infinity) becomes null."""
    print_text(json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]], /) -> None:
    """Write a table to stdout; in a terminal it is as wide as that and its header is bold, elsewhere a row is a line."""
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else None
    print_text(format_table(header, rows, width=width, bold=terminal and "NO_COLOR" not in os.environ))


def format_table(
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    /,
    *,
    width: int | None = None,
    bold: bool = False,
) -> str:
    """Align columns to the left, two spaces apart.

    Parameters
    ----------
    header : sequence of str
        Names of the columns.
    rows : sequence of sequences
        Cells; anything with a ``str``.
    width : int or None
        Lines are no wider: cells wrap between words, and where not even the longest words fit side by side, each row
        becomes a block of lines, one per column (a word is never cut). None keeps every row on one
        line, which is right for a pipe.
    bold : bool
        Write names of columns in bold, by the escape sequence of terminals.

    Examples
    --------
    >>> print(format_table(["layer", "Δ"], [[0, "0.56"], [11, "0.33"]]))
    layer  Δ
    0      0.56
    11     0.33
    >>> print(format_table(["model", "data"], [["gemma-3-270m", "bible:en-it"]], width=20))
    model  gemma-3-270m
    data   bible:en-it
    """
    cells = [[str(cell) for cell in row] for row in rows]
    columns = list(zip(header, *cells, strict=True))
    natural = [max(map(_size, column)) for column in columns]
    if width is None or not cells:
        return _aligned(header, cells, natural, bold=bold)
    room = width - len(_GAP) * (len(columns) - 1)
    if sum(natural) <= room:
        return _aligned(header, cells, natural, bold=bold)
    least = [max(_size(word) for cell in column for word in cell.split() or [""]) for column in columns]
    if sum(least) <= room:
        return _wrapped(header, cells, _shared(room, least, natural), bold=bold)
    return "\n\n".join(_block(header, row, width, bold=bold) for row in cells)


def _aligned(
    header: Sequence[str], rows: Sequence[Sequence[str]], sizes: Sequence[int], /, *, bold: bool
) -> str:
    """Write one line per row."""
    first, *lines = [
        _GAP.join(cell + " " * (size - _size(cell)) for cell, size in zip(row, sizes, strict=True)).rstrip()
        for row in (header, *rows)
    ]
    return "\n".join([_emphasized(first, bold=bold), *lines])


def _shared(room: int, least: Sequence[int], natural: Sequence[int], /) -> list[int]:
    """Give every column its least width, and the narrower ones of those that want more what they want first.

    Examples
    --------
    >>> _shared(40, [5, 5, 8], [6, 90, 30])
    [6, 17, 17]
    """
    for level in range(room, 0, -1):
        sizes = [min(most, max(size, level)) for size, most in zip(least, natural, strict=True)]
        if sum(sizes) <= room:
            break
    return sizes


def _wrapped(
    header: Sequence[str], rows: Sequence[Sequence[str]], sizes: Sequence[int], /, *, bold: bool
) -> str:
    """Wrap cells between words in columns of these widths."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, len(_GAP), 0, 0), header_style="bold")
    for name, size in zip(header, sizes, strict=True):
        table.add_column(Text(name), width=size)
    for row in rows:
        table.add_row(*map(Text, row))
    # Wider than the table, so that it crops nothing.
    console = Console(
        width=2 * sum(sizes) + len(_GAP) * len(sizes),
        force_terminal=bold,
        color_system="standard" if bold else None,
    )
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _block(header: Sequence[str], row: Sequence[str], width: int, /, *, bold: bool) -> str:
    """Write a row as lines, each with the name of its column."""
    left = max(map(_size, header))
    lines = []
    for name, cell in zip(header, row, strict=True):
        start = _emphasized(name, bold=bold) + " " * (left - _size(name)) + _GAP
        pieces = textwrap.wrap(
            cell, max(1, width - left - len(_GAP)), break_long_words=False, break_on_hyphens=False
        ) or [""]
        lines += [(start if not i else " " * (left + len(_GAP))) + piece for i, piece in enumerate(pieces)]
    return "\n".join(line.rstrip() for line in lines)


def _emphasized(text: str, /, *, bold: bool) -> str:
    """Write a text in bold."""
    return f"\033[1m{text}\033[0m" if bold else text


def _size(text: str, /) -> int:
    """Count the columns of a terminal that a text takes: two for a sign of Chinese, Japanese or Korean."""
    from rich.cells import cell_len

    return cell_len(text)


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
