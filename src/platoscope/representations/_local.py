"""A store in a folder of this machine, or of a file system that is mounted here."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import time
import uuid
from typing import TYPE_CHECKING, BinaryIO, cast

from platoscope.cores import available_cores
from platoscope.filenames import path_of
from platoscope.representations._folder import METADATA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["LocalFolder"]

_PARTIAL = ".partial"  # how Zarr, too, names what is not yet whole
_LEFT_BEHIND_AFTER = 24 * 3600.0
_WORTH_THREADS = 8 * 2**20
_READERS = 2  # more of them wait for the same memory
_NO_FOLDER = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
_NO_FILE = frozenset({errno.EISDIR, errno.ELOOP, errno.ENOTDIR})  # a folder, or a link to itself


class LocalFolder:
    """A folder on this machine or on a mounted file system."""

    def __init__(self, root: Path) -> None:
        self._root = path_of(str(root)).absolute()
        self.location = str(self._root)

    def n_readers(self, n_bytes: int, /) -> int:
        # Reading, checksum and copying all work without the GIL; a small layer is there before a thread starts.
        return 1 if n_bytes < _WORTH_THREADS else min(_READERS, available_cores())

    def names(self, path: str, /) -> frozenset[str]:
        try:
            return frozenset(entry.name for entry in os.scandir(self._root / path))
        except OSError as error:
            if error.errno not in _NO_FOLDER:
                raise
            return frozenset()

    def has(self, path: str, /) -> bool:
        return (self._root / path).is_file()

    def read_text(self, path: str, /) -> str:
        try:
            return (self._root / path).read_text(encoding="utf-8")
        except OSError as error:
            if error.errno in _NO_FOLDER:
                raise FileNotFoundError(path) from error
            raise

    def open_range(self, path: str, start: int, length: int, /) -> BinaryIO:
        # The hot path of reading layers: pathlib and buffering would cost as much as a small chunk itself.
        file = self._file(path)
        file.seek(start)
        return cast("BinaryIO", file)

    def _file(self, path: str) -> io.FileIO:
        try:
            return io.FileIO(f"{self.location}/{path}")
        except OSError as error:
            if error.errno in _NO_FILE:
                raise FileNotFoundError(path) from error
            raise

    def expect_range(self, path: str, start: int, length: int, /) -> None:
        if hasattr(os, "posix_fadvise"):  # elsewhere it is read as it comes
            with (
                contextlib.suppress(OSError),
                io.FileIO(f"{self.location}/{path}") as file,
            ):  # it is advice only
                os.posix_fadvise(file.fileno(), start, length, os.POSIX_FADV_WILLNEED)

    def read_tail(self, path: str, length: int, /) -> bytes:
        with self._file(path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - length))
            return file.read(length)

    def write(self, path: str, pieces: Sequence[bytes | memoryview], /) -> None:
        target = self._root / path
        partial = target.with_name(f"{target.name}.{uuid.uuid4().hex}{_PARTIAL}")
        target.parent.mkdir(exist_ok=True)
        try:
            with partial.open("wb") as file:
                file.writelines(pieces)
            partial.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise

    def write_first(self, path: str, content: bytes, /) -> None:
        if not self.has(path):
            self.write(path, [content])

    def create(self, name: str, files: Mapping[str, bytes], /) -> bool:
        # Built beside its place and moved there: nobody ever sees half of it.
        staged = _aside(name)
        (self._root / staged).mkdir(parents=True)
        for file, content in files.items():
            self.write(f"{staged}/{file}", [content])
        try:
            (self._root / staged).rename(self._root / name)
        except OSError:
            there = self.names(name)
            if not there:
                raise
            if METADATA in there:
                self.remove(staged)
                return False
            self.remove(name)
            (self._root / staged).rename(self._root / name)
            return True
        return False

    def size(self, path: str, /) -> int:
        target = self._root / path
        if target.is_file():
            return target.stat().st_size
        total = 0
        for found in target.rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # another process may be removing it
                total += found.stat().st_size if found.is_file() else 0
        return total

    def remove(self, path: str, /) -> None:
        target = self._root / path
        if not target.is_dir():
            target.unlink(missing_ok=True)
            return
        # Out of the way in one step first: a process that still writes there adds nothing to what is being deleted.
        aside = self._root / _aside(target.name)
        try:
            target.rename(aside)
        except OSError:
            aside = target
        shutil.rmtree(aside)

    def sweep(self, path: str, /) -> None:
        # A writer holds such a file for seconds. Younger ones may belong to a process that is alive.
        oldest = time.time() - _LEFT_BEHIND_AFTER
        for name in self.names(path):
            found = self._root / path / name
            # Another process may sweep as well, and another user's is not ours to delete: neither is worth an error.
            with contextlib.suppress(OSError):
                if name.endswith(_PARTIAL) and found.stat().st_mtime < oldest:
                    self.remove(str(found.relative_to(self._root)))


def _aside(name: str) -> str:
    """Where to build what is then moved to ``name``, and where to move what is to be deleted."""
    return f".{name[:12]}.{uuid.uuid4().hex}{_PARTIAL}"
