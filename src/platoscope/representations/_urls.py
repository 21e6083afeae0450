"""A store behind a URL that fsspec knows, where `platoscope.representations._objects` has no library of its own for it."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, BinaryIO

from platoscope.errors import MissingExtraError, StorageError, guarded
from platoscope.representations._folder import METADATA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["UrlFolder"]

_READERS = 8  # each range is a round trip


class UrlFolder:
    """A folder behind a URL (``hf://``, ``memory://``, …), through fsspec."""

    def __init__(self, url: str) -> None:
        try:
            # Of the extra io, and only for a store behind a URL.
            from fsspec.core import url_to_fs  # type: ignore[import-untyped]
        except ImportError as error:
            feature = f"the store {url!r}"
            raise MissingExtraError(feature, "fsspec", "pip install 'platoscope[io]'") from error
        # Beside an unknown protocol, each protocol's own package has faults of its own to find with a URL; where a
        # package is missing, fsspec names it and how to install it.
        way_out = "A store is a folder, or a URL of a protocol that fsspec knows, as s3://BUCKET/FOLDER."
        with guarded(f"The store {url!r} cannot be opened", way_out, kind=StorageError):
            self._fs, root = url_to_fs(url)
        self._root = str(root).rstrip("/")
        self.location = url

    def n_readers(self, n_bytes: int, /) -> int:
        return _READERS

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def names(self, path: str, /) -> frozenset[str]:
        self._fs.invalidate_cache()  # another process may have written
        try:
            found = self._fs.ls(self._path(path), detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()
        return frozenset(name.rstrip("/").rsplit("/", 1)[-1] for name in found)

    def has(self, path: str, /) -> bool:
        self._fs.invalidate_cache()
        return bool(self._fs.isfile(self._path(path)))

    def read_text(self, path: str, /) -> str:
        content: bytes = self._fs.cat_file(self._path(path))
        return content.decode("utf-8")

    def open_range(self, path: str, start: int, length: int, /) -> BinaryIO:
        return io.BytesIO(self._fs.cat_file(self._path(path), start=start, end=start + length))

    def expect_range(self, path: str, start: int, length: int, /) -> None:
        """Do nothing: several readers are under way already."""

    def read_tail(self, path: str, length: int, /) -> bytes:
        content: bytes = self._fs.cat_file(self._path(path), start=-length)
        return content

    def write(self, path: str, pieces: Sequence[bytes | memoryview], /) -> None:
        self._fs.pipe_file(self._path(path), b"".join(pieces))

    def write_first(self, path: str, content: bytes, /) -> None:
        if not self.has(path):
            self.write(path, [content])

    def create(self, name: str, files: Mapping[str, bytes], /) -> bool:
        there = self.names(name)
        if METADATA in there:
            return False
        self.remove(name)
        for file in sorted(
            files, key=lambda file: file == METADATA
        ):  # that one last: no folder can be moved there
            self.write(f"{name}/{file}", [files[file]])
        return bool(there)

    def size(self, path: str, /) -> int:
        return int(self._fs.du(self._path(path), total=True))

    def remove(self, path: str, /) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm(self._path(path), recursive=True)

    def sweep(self, path: str, /) -> None:
        """Do nothing: an object store shows no half-written object."""
