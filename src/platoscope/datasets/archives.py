"""Reading packages as registries hand them out: a tarball of npm, or the folder it was unpacked into."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import tarfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platoscope.errors import InputError, StorageError, guarded
from platoscope.filenames import is_there

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

__all__ = ["Package", "open_package"]

_GZIP = b"\x1f\x8b"
_PIECE = 1 << 20


@dataclass(frozen=True)
class Package:
    """An npm package that is open for reading.

    Parameters
    ----------
    name, version : str
        As its package.json says.
    integrity : str or None
        SHA-512 of the archive as npm writes it ("sha512-…"); None of an unpacked folder.
    files : frozenset of str
        Paths inside the package.
    read : callable
        Gives the bytes of one of them.
    read_each : callable
        Gives `(path, bytes)` for many of them in the order in which they lie in the archive: a compressed
        archive can only be read forwards, and jumping about in it takes minutes.
    """

    name: str
    version: str
    integrity: str | None
    files: frozenset[str]
    read: Callable[[str], bytes]
    read_each: Callable[[Collection[str]], Iterator[tuple[str, bytes]]]

    def json(self, path: str, /) -> Any:
        """Return the content of a JSON file of the package."""
        if path not in self.files:
            message = (
                f"{self.name} {self.version} has no {path}. Get the version that the documentation names."
            )
            raise InputError(message)
        with guarded(
            f"{path} of {self.name} {self.version} is not JSON", "Get the package again.", kind=StorageError
        ):
            return json.loads(self.read(path))


@contextmanager
def open_package(path: Path, /) -> Iterator[Package]:
    """Open a tarball (`npm pack`) or the folder of an unpacked or installed package.

    Raises
    ------
    StorageError
        If it cannot be read.
    InputError
        If it is no npm package.
    """
    if is_there(path) and path.is_dir():
        root = path / "package" if (path / "package" / "package.json").is_file() else path
        files = frozenset(file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file())
        yield _described(path, None, files, lambda name: (root / name).read_bytes(), sorted(files))
        return
    try:
        integrity = _read_to_the_end(path)
        with tarfile.open(path) as archive:
            # Every npm tarball holds one folder, of any name. Nothing is unpacked: members are only read.
            members = {m.name.partition("/")[2]: m for m in archive.getmembers() if m.isfile()}

            def read(name: str) -> bytes:
                file = archive.extractfile(members[name])
                return file.read() if file else b""

            yield _described(path, integrity, frozenset(members), read, list(members))
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        if isinstance(error, StorageError):
            raise
        message = f"{path} cannot be read as a package: {error}. Get it again."
        raise StorageError(message) from error


def _read_to_the_end(path: Path) -> str:
    """Return the SHA-512 of an archive, as npm writes it.

    Gzip compares the content with its checksum, which stands behind the last file: `tarfile` stops before it.

    Raises
    ------
    OSError, EOFError, zlib.error
        If a bit of it is another.
    """
    with path.open("rb") as file:
        compressed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        digest = hashlib.file_digest(file, "sha512").digest()
    if compressed:
        with gzip.open(path) as content:
            while content.read(_PIECE):
                pass
    return "sha512-" + base64.b64encode(digest).decode()


def _described(
    path: Path,
    integrity: str | None,
    files: frozenset[str],
    read: Callable[[str], bytes],
    in_order: Sequence[str],
) -> Package:
    def read_each(names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        wanted = frozenset(names)
        return ((name, read(name)) for name in in_order if name in wanted)

    if "package.json" not in files:
        message = (
            f"{path} is no npm package: it has no package.json. Give what `npm pack NAME@VERSION` wrote."
        )
        raise InputError(message)
    with guarded(
        f"{path} is no npm package, by its package.json", "Give what `npm pack NAME@VERSION` wrote."
    ):
        about = json.loads(read("package.json"))
        if not isinstance(about, dict):
            message = f"it is no object but {about!r:.40}"
            raise TypeError(message)
    return Package(str(about.get("name")), str(about.get("version")), integrity, files, read, read_each)
