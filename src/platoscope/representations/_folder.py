"""Where a store lies: a local folder or any URL that fsspec knows.

Zarr writes the store. It is read here by byte ranges, because one layer through Zarr's own reading
path takes five to ten times as long as `numpy.load` (``benchmarks/store.py`` shows both).
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from platoscope.cache import cache_folder
from platoscope.checks import in_short
from platoscope.cores import available_cores
from platoscope.errors import InputError, MissingExtraError, StorageError, guarded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Folder", "LocalFolder", "UrlFolder", "open_folder", "removed_error", "writing"]


_METADATA = "zarr.json"
_PARTIAL = ".partial"  # how Zarr, too, names what is not yet whole
_LEFT_BEHIND_AFTER = 24 * 3600.0
_WORTH_THREADS = 8 * 2**20
_LOCAL_READERS = 2  # more of them wait for the same memory
_URL_READERS = 8  # each range is a round trip


class Folder(Protocol):
    """The few things that reading and keeping a store needs from a file system."""

    location: str

    def n_readers(self, n_bytes: int, /) -> int:
        """How many threads read a layer of so many bytes best."""

    def names(self, path: str, /) -> frozenset[str]:
        """Names directly inside ``path``; empty where there is no such folder."""

    def read_text(self, path: str, /) -> str:
        """Read the whole of a small text file."""

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

    def size(self, path: str, /) -> int:
        """Bytes in ``path`` and all that lies below it."""

    def remove(self, path: str, /) -> None:
        """Delete ``path`` and all that lies below it."""

    def staging_name(self, name: str, unique: str, /) -> str:
        """Where to build what `publish` then moves to ``name``."""

    def publish(self, staged: str, name: str, /) -> None:
        """Move what was built to its place in one step; what is there already stays instead if it has metadata."""

    def sweep(self, path: str, /) -> None:
        """Delete what killed writers left directly in ``path`` (empty: the root) long ago."""

    def zarr_store(self, *, read_only: bool) -> Any:
        """Open the same place as a Zarr store."""


class LocalFolder:
    """A folder on this machine or on a mounted file system."""

    def __init__(self, root: Path) -> None:
        self._root = root.expanduser().absolute()
        self.location = str(self._root)

    def n_readers(self, n_bytes: int, /) -> int:
        # Reading, checksum and copying all work without the GIL; a small layer is there before a thread starts.
        return 1 if n_bytes < _WORTH_THREADS else min(_LOCAL_READERS, available_cores())

    def names(self, path: str, /) -> frozenset[str]:
        try:
            return frozenset(entry.name for entry in os.scandir(self._root / path))
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()

    def read_text(self, path: str, /) -> str:
        return (self._root / path).read_text(encoding="utf-8")

    def open_range(self, path: str, start: int, length: int, /) -> BinaryIO:
        # The hot path of reading layers: pathlib and buffering would cost as much as a small chunk itself.
        file = io.FileIO(f"{self.location}/{path}")
        file.seek(start)
        return cast("BinaryIO", file)

    def expect_range(self, path: str, start: int, length: int, /) -> None:
        if hasattr(os, "posix_fadvise"):  # elsewhere it is read as it comes
            with (
                contextlib.suppress(OSError),
                io.FileIO(f"{self.location}/{path}") as file,
            ):  # it is advice only
                os.posix_fadvise(file.fileno(), start, length, os.POSIX_FADV_WILLNEED)

    def read_tail(self, path: str, length: int, /) -> bytes:
        with (self._root / path).open("rb", buffering=0) as file:
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
        aside = self._root / self.staging_name(target.name, uuid.uuid4().hex)
        try:
            target.rename(aside)
        except OSError:
            aside = target
        shutil.rmtree(aside)

    def staging_name(self, name: str, unique: str, /) -> str:
        return f".{name[:12]}.{unique}{_PARTIAL}"

    def publish(self, staged: str, name: str, /) -> None:
        try:
            (self._root / staged).rename(self._root / name)
        except OSError:
            there = self.names(name)
            if not there:
                raise
            if _METADATA in there:
                self.remove(staged)
                return
            self.remove(name)
            (self._root / staged).rename(self._root / name)

    def sweep(self, path: str, /) -> None:
        # A writer holds such a file for seconds. Younger ones may belong to a process that is alive.
        oldest = time.time() - _LEFT_BEHIND_AFTER
        for name in self.names(path):
            found = self._root / path / name
            # Another process may sweep as well, and another user's is not ours to delete: neither is worth an error.
            with contextlib.suppress(OSError):
                if name.endswith(_PARTIAL) and found.stat().st_mtime < oldest:
                    self.remove(str(found.relative_to(self._root)))

    def zarr_store(self, *, read_only: bool) -> Any:
        from zarr.storage import LocalStore  # 0.2 s, and reading a layer needs no Zarr

        return LocalStore(self._root, read_only=read_only)


class UrlFolder:
    """A folder behind a URL (``s3://``, ``gs://``, ``hf://``, ``memory://``, …), through fsspec."""

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
        self._url = url
        self.location = url

    def n_readers(self, n_bytes: int, /) -> int:
        return _URL_READERS

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def names(self, path: str, /) -> frozenset[str]:
        self._fs.invalidate_cache()  # another process may have written
        try:
            found = self._fs.ls(self._path(path), detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()
        return frozenset(name.rstrip("/").rsplit("/", 1)[-1] for name in found)

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

    def size(self, path: str, /) -> int:
        return int(self._fs.du(self._path(path), total=True))

    def remove(self, path: str, /) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm(self._path(path), recursive=True)

    def staging_name(self, name: str, unique: str, /) -> str:
        # Object stores cannot move a folder in one step; there the group's metadata is written last.
        return name

    def publish(self, staged: str, name: str, /) -> None:
        """Do nothing: what was built is in its place."""

    def sweep(self, path: str, /) -> None:
        """Do nothing: an object store shows no half-written object."""

    def zarr_store(self, *, read_only: bool) -> Any:
        from zarr.storage import FsspecStore  # 0.2 s, and reading a layer needs no Zarr

        return FsspecStore.from_url(self._url, read_only=read_only)


def open_folder(store: str | os.PathLike[str] | None = None, /) -> Folder:
    """Resolve where representations are kept.

    Parameters
    ----------
    store : path, URL or None
        ``None`` is ``$PLATOSCOPE_CACHE/representations``, or ``~/.cache/platoscope/representations``
        where the variable is not set.

    Raises
    ------
    InputError
        If it is none of them, or nothing opens such a URL.
    """
    if store is None:
        store = cache_folder("representations")
    if not isinstance(store, str | os.PathLike) or not str(store).isprintable():
        message = f"store must be a path or a URL; got {in_short(store)}."
        raise InputError(message)
    location = os.fspath(store)
    if location.startswith("file://"):
        location = location.removeprefix("file://")
    return UrlFolder(location) if "://" in location else LocalFolder(Path(location))


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
