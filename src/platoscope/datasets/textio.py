"""Opening text files as users have them: compressed or not, with a byte-order mark or not, in UTF-8."""

from __future__ import annotations

import gzip
import zlib
from contextlib import contextmanager
from pathlib import PurePath
from typing import IO, TYPE_CHECKING

from platoscope.errors import InputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["lines", "open_bytes", "open_text", "plain_suffix"]


def plain_suffix(path: PurePath, /) -> str:
    """Return the suffix in lower case, without `.gz`.

    Examples
    --------
    >>> plain_suffix(PurePath("corpus.JSONL.gz"))
    '.jsonl'
    """
    name = PurePath(path.stem) if path.suffix.lower() == ".gz" else path
    return name.suffix.lower()


@contextmanager
def open_bytes(path: Path, /) -> Iterator[IO[bytes]]:
    """Open a file for reading, decompressed when its name ends in `.gz`.

    Raises
    ------
    StorageError
        If it cannot be opened or is damaged.
    """
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
            yield file  # type: ignore[misc]  # GzipFile reads bytes but is not declared as IO[bytes]
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, StorageError):
            raise
        message = f"{path} cannot be read: {getattr(error, 'strerror', None) or error}."
        raise StorageError(message) from error


@contextmanager
def open_text(path: Path, /) -> Iterator[IO[str]]:
    r"""Open a UTF-8 file for reading; a byte-order mark is skipped.

    `\n` alone ends a line, and every character is handed on as it is: a lone `\r`, as texts from the web have it,
    or one of the line ends of Unicode would else put all lines behind it beside the wrong ones.

    Parameters
    ----------
    path : Path
        May end in `.gz`.

    Raises
    ------
    StorageError
        If it cannot be opened or is damaged.
    InputError
        If it is not UTF-8.
    """
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig", newline="\n")
            if path.suffix.lower() == ".gz"
            else path.open("rt", encoding="utf-8-sig", newline="\n")
        ) as file:
            yield file
    except UnicodeDecodeError as error:
        message = (
            f"{path} is not UTF-8 ({error.reason} near byte {error.start}). Convert it with iconv first."
        )
        raise InputError(message) from error
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, StorageError):
            raise
        message = f"{path} cannot be read: {getattr(error, 'strerror', None) or error}."
        raise StorageError(message) from error


def lines(file: IO[str], /) -> Iterator[str]:
    r"""Give the lines of a file that `open_text` opened, without `\n` and one `\r` before it.

    Examples
    --------
    >>> import io
    >>> list(lines(io.StringIO("one\r\na\rb\n", newline="\n")))
    ['one', 'a\rb']
    """
    return (line.removesuffix("\n").removesuffix("\r") for line in file)
