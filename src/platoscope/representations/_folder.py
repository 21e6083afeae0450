"""What reading and keeping a store needs from the place where it lies: the one seam between a store and its place.

Zarr's format is kept. It is read here by byte ranges, because one layer through Zarr's own reading
path takes five to ten times as long as `numpy.load` (``benchmarks/store.py`` shows both).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, BinaryIO, Protocol

from platoscope.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["METADATA", "Folder", "removed_error", "writing"]

METADATA = "zarr.json"
"""The file without which a folder of the store is neither group nor array."""


class Folder(Protocol):
    """The few things that reading and keeping a store needs from a file system, or from an object store."""

    location: str

    def n_readers(self, n_bytes: int, /) -> int:
        """How many threads read so many bytes best."""

    def names(self, path: str, /) -> frozenset[str]:
        """Names directly inside ``path``; empty where there is no such folder."""

    def has(self, path: str, /) -> bool:
        """Tell whether there is a file of that name."""

    def read_text(self, path: str, /) -> str:
        """Read the whole of a small text file; FileNotFoundError where there cannot be one, too."""

    def open_range(self, path: str, start: int, length: int, /) -> BinaryIO:
        """Open a file for reading ``length`` bytes from byte ``start`` on, piece by piece."""

    def expect_range(self, path: str, start: int, length: int, /) -> None:
        """Say that these bytes will be read soon; a file that is not there is no error yet."""

    def read_tail(self, path: str, length: int, /) -> bytes:
        """Read the last ``length`` bytes."""

    def write(self, path: str, pieces: Sequence[bytes | memoryview], /) -> None:
        """Write a file that is there whole or not at all, in place of any that was there.

        Its folder is made if only that is missing: what was removed as a whole does not come back in parts.
        """

    def write_first(self, path: str, content: bytes, /) -> None:
        """Write as `write` does, unless there is a file already: the first one stays."""

    def create(self, name: str, files: Mapping[str, bytes], /) -> bool:
        """Make a folder of files, `METADATA` among them: whoever sees that one sees all. The first one stays.

        Where there is a folder without metadata, it is replaced; that is what the result tells.
        """

    def size(self, path: str, /) -> int:
        """Bytes in ``path`` and all that lies below it."""

    def remove(self, path: str, /) -> None:
        """Delete ``path`` and all that lies below it."""

    def sweep(self, path: str, /) -> None:
        """Delete what killed writers left directly in ``path`` (empty: the root) long ago."""


def removed_error(folder: Folder, what: str, /) -> StorageError:
    """Build the error for what another process has removed while it was made."""
    return StorageError(
        f"Cannot write {what} to {folder.location}: it was removed meanwhile. Run again to extract what is missing."
    )


@contextlib.contextmanager
def writing(folder: Folder, what: str) -> Iterator[None]:
    """Turn what the file system refuses (full, read-only, not allowed) into one sentence."""
    try:
        yield
    except StorageError:
        raise
    except FileNotFoundError as error:
        raise removed_error(folder, what) from error
    except OSError as error:
        message = (
            f"Cannot write {what} to {folder.location}: {error.strerror or error}. What was finished "
            "before is kept; free or choose another place (store=PATH) and run again to go on."
        )
        raise StorageError(message) from error
