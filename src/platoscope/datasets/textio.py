"""Opening text files as users have them: compressed or not, with a byte-order mark or not."""

from __future__ import annotations

import codecs
import gzip
import zlib
from contextlib import contextmanager
from pathlib import PurePath
from typing import IO, TYPE_CHECKING

from platoscope.checks import word
from platoscope.errors import InputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["codec_of", "lines", "open_bytes", "open_text", "plain_suffix"]


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
def open_text(path: Path, encoding: str | None = None, /) -> Iterator[IO[str]]:
    r"""Open a text file for reading; a byte-order mark is skipped.

    `\n` alone ends a line, and every character is handed on as it is: a lone `\r`, as texts from the web have it,
    or one of the line ends of Unicode would else put all lines behind it beside the wrong ones.

    Parameters
    ----------
    path : Path
        May end in `.gz`.
    encoding : str or None
        Of its characters, as Python calls it; None for UTF-8.

    Raises
    ------
    StorageError
        If it cannot be opened or is damaged.
    InputError
        If it is not in that encoding, or there is none of that name.
    """
    codec = codec_of(encoding or "utf-8")
    try:
        with (
            gzip.open(path, "rt", encoding=codec, newline="\n")
            if path.suffix.lower() == ".gz"
            else path.open("rt", encoding=codec, newline="\n")
        ) as file:
            yield file
    except UnicodeError as error:
        place = f" near byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        reason = error.reason if isinstance(error, UnicodeDecodeError) else str(error)
        message = (
            f"{path} is not {'UTF-8' if encoding is None else encoding} ({reason}{place}). Say what it is written in, as "
            "encoding='latin-1', or convert it with iconv first."
        )
        raise InputError(message) from error
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, StorageError):
            raise
        message = f"{path} cannot be read: {getattr(error, 'strerror', None) or error}."
        raise StorageError(message) from error


def codec_of(encoding: object, /) -> str:
    """Return the name of a text encoding under which Python skips a byte-order mark of UTF-8."""
    try:
        found = codecs.lookup(word("encoding", encoding))
        "".encode(found.name)  # refuses those of bytes to bytes, such as hex
    except LookupError as error:
        message = (
            f"encoding={encoding!r} is none that Python knows; expected a name such as 'latin-1' or 'cp1252'."
        )
        raise InputError(message) from error
    return "utf-8-sig" if found.name == "utf-8" else found.name


def lines(file: IO[str], /) -> Iterator[str]:
    r"""Give the lines of a file that `open_text` opened, without `\n` and one `\r` before it.

    Examples
    --------
    >>> import io
    >>> list(lines(io.StringIO("one\r\na\rb\n", newline="\n")))
    ['one', 'a\rb']
    """
    return (line.removesuffix("\n").removesuffix("\r") for line in file)
