"""Checksums of what is kept on disk, taken when it is written and held against it when it is used.

Everything but the representations, whose format brings its own, goes through here: converted models, prepared data,
the folder of a run, and what is remembered in the cache. The checksum is CRC-32C, at the speed of memory. It finds
any damage of up to 32 neighboring bits, and lets one other damage in four billion pass; *which* content something is
says its SHA-256 (`platoscope.contents`).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from crc32c import crc32c

from platoscope.errors import PlatoscopeWarning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

__all__ = [
    "CHECKSUMS",
    "DRAFT",
    "draft",
    "forget",
    "has_checksums",
    "note",
    "note_anew",
    "noted",
    "problem",
    "problems",
    "recall",
    "remember",
    "require_room",
    "seal",
    "sweep",
    "workplace",
]

CHECKSUMS = "checksums.txt"
"""The file of a folder that holds the checksums of the others."""
DRAFT = ".draft-"
"""How the name of a file begins that is not whole yet."""
_PIECE = 1 << 20  # bytes; stays in a core's cache
_NO_CHECKSUM = "its checksum is missing"
_LOCK = "lock"
_LEFT_BEHIND_AFTER = 24 * 3600.0  # seconds; where nobody can tell whether the writer is alive


class _Line(NamedTuple):
    """What `CHECKSUMS` says of one writing of a file."""

    checksum: int
    size: int
    name: str

    def text(self) -> str:
        """Write it, with a checksum of its own at the end."""
        said = f"{self.checksum:08x} {self.size} {json.dumps(self.name)}"
        return f"{said} {crc32c(said.encode()):08x}\n"

    @classmethod
    def of(cls, text: str) -> _Line | None:
        """Read one; None where it is damaged."""
        said, _, own = text.rpartition(" ")
        if f"{crc32c(said.encode()):08x}" != own:
            return None
        checksum, size, name = said.split(" ", 2)
        return cls(int(checksum, 16), int(size), json.loads(name))


@contextmanager
def draft(folder: Path, name: str, /) -> Iterator[Path]:
    """Give a path to write to; what is written gets its checksum and appears under its name when the block ends well.

    Parameters
    ----------
    folder : Path
        Whose `CHECKSUMS` speaks of it.
    name : str
        Its place in the folder, which is there, with slashes.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    target = folder / name
    handle, partial = tempfile.mkstemp(dir=target.parent, prefix=DRAFT, suffix=target.suffix)
    os.close(handle)
    try:
        yield Path(partial)
        # The file comes after its checksum: one that was not noted is never seen, and one that was and does not
        # appear, for lack of time, leaves what was there before without a valid checksum, to be made again.
        note(folder, name, written=Path(partial))
        Path(partial).chmod(0o644)  # mkstemp makes files that only their owner may read
        Path(partial).replace(target)
    finally:
        Path(partial).unlink(missing_ok=True)


def require_room(file: Path, n_bytes: int, /) -> None:
    """Take room on the disk for a file that a library then writes anew: HDF5 and torch end badly where there is none.

    Parameters
    ----------
    file : Path
        What is to be written; made, or filled with zeros.
    n_bytes : int
        How large it will be, at most.

    Raises
    ------
    OSError
        If there is no such room.
    """
    with file.open("wb") as taken:
        if not _reserve(taken, n_bytes):
            for start in range(0, n_bytes, _PIECE):
                taken.write(bytes(min(_PIECE, n_bytes - start)))


def _reserve(file: BinaryIO, n_bytes: int) -> bool:
    """Reserve without writing; False where the system or the file system has no such thing."""
    if not hasattr(os, "posix_fallocate"):
        return False
    try:
        os.posix_fallocate(file.fileno(), 0, n_bytes)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            return False
        raise
    return True


def note(folder: Path, name: str, /, *, written: Path | None = None) -> None:
    """Note the checksum of a file; a later note of the same name adds to the earlier ones.

    Lines are only added, each in one system call: processes that write to one folder at once lose none.

    Parameters
    ----------
    folder : Path
        Whose `CHECKSUMS` speaks of it.
    name : str
        Its place in the folder.
    written : Path, optional
        Where its content lies now; in its place by default.
    """
    checksum, size = _file_checksum(folder / name if written is None else written)
    line = _Line(checksum, size, name).text().encode()
    with (folder / CHECKSUMS).open("a+b", buffering=0) as file:
        # What was cut off in the middle of a line spoils that line only.
        size_before = file.seek(0, os.SEEK_END)
        file.seek(max(0, size_before - 1))
        file.write(line if file.read(1) in (b"", b"\n") else b"\n" + line)


def seal(folder: Path, /) -> None:
    """Note all files of a folder anew, and nothing else."""
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    lines = [_Line(*_file_checksum(folder / name), name).text() for name in names if name != CHECKSUMS]
    _write_whole(folder / CHECKSUMS, "".join(lines).encode())


def has_checksums(folder: Path, /) -> bool:
    """Tell whether checksums are kept of the files of a folder; none are in one from before there were any."""
    return (folder / CHECKSUMS).is_file()


def note_anew(folder: Path, names: Iterable[str], /) -> None:
    """Note files that were made again, where checksums are kept of the folder's files."""
    if has_checksums(folder):
        for name in names:
            note(folder, name)


def forget(folder: Path, names: Iterable[str], /) -> None:
    """Delete files of a folder, and what `CHECKSUMS` says of them.

    Raises
    ------
    OSError
        If one cannot be deleted.
    """
    gone = set(names)
    for name in gone:
        (folder / name).unlink(missing_ok=True)
    if gone & set(noted(folder)):
        lines = (folder / CHECKSUMS).read_bytes().split(b"\n")
        said = [(line, _Line.of(line.decode(errors="replace"))) for line in lines]
        left = [line for line, found in said if found is None or found.name not in gone]
        _write_whole(folder / CHECKSUMS, b"\n".join(left))


def noted(folder: Path, /) -> list[str]:
    """Give the names of the files of which checksums are kept."""
    return sorted({line.name for line in _lines(folder) if line is not None})


def problem(folder: Path, name: str, /) -> str | None:
    """Say why a file cannot be used; None where it is what was written.

    Parameters
    ----------
    folder : Path
        Whose `CHECKSUMS` speaks of it.
    name : str
        Its place in the folder.
    """
    return dict(problems(folder, [name])).get(name)


def problems(folder: Path, names: Iterable[str] | None = None, /) -> list[tuple[str, str]]:
    """Hold files against their checksums.

    Parameters
    ----------
    folder : Path
        Whose `CHECKSUMS` speaks of them.
    names : iterable of str, optional
        Their places in the folder; by default all that have a checksum, and `CHECKSUMS` itself.

    Returns
    -------
    list of (name, reason)
        Empty where all are what was written.
    """
    lines = _lines(folder)
    found = []
    if names is None:
        names = noted(folder)
        if not lines:
            found.append((CHECKSUMS, "it is missing or empty"))
        elif None in lines:
            found.append((CHECKSUMS, f"{lines.count(None)} of its lines are damaged"))
    written: dict[str, set[tuple[int, int]]] = {}
    for line in lines:
        if line is not None:
            written.setdefault(line.name, set()).add(line[:2])
    for name in names:
        reason = _reason(folder / name, written.get(name, set()))
        if reason is not None:
            found.append((name, reason))
    return found


@contextmanager
def workplace(parent: Path, /) -> Iterator[Path]:
    """Give a folder to work in, which goes when the block ends; those of killed processes go first.

    Parameters
    ----------
    parent : Path
        Where it lies; made if it is not there.
    """
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent)
    folder = Path(tempfile.mkdtemp(dir=parent, prefix=DRAFT))
    try:
        unlocked = folder / f"{_LOCK}.new"
        with unlocked.open("wb") as lock:
            if _take(lock):  # only then it has its name: whoever sweeps sees a lock that is held, or none
                unlocked.rename(folder / _LOCK)
            yield folder
    finally:
        _delete_workplace(folder)


def sweep(folder: Path, /) -> None:
    """Delete what killed processes left: workplaces whose lock is free, and drafts of long ago."""
    with contextlib.suppress(OSError):
        for left in [entry for entry in folder.iterdir() if entry.name.startswith(DRAFT)]:
            # Another process may sweep as well.
            with contextlib.suppress(OSError):
                if _is_left_behind(left):
                    _delete_workplace(left) if left.is_dir() and not left.is_symlink() else left.unlink()


def _delete_workplace(folder: Path) -> None:
    """Delete a workplace as far as that can be done, its lock last: what is left of it when this is killed is swept."""
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            if entry.name != _LOCK:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        shutil.rmtree(folder)


def remember(path: Path, content: bytes, /) -> OSError | None:
    """Write a file with its checksum, in one step; where it cannot be written, there is none, and why is returned."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(path, f"{crc32c(content):08x}\n".encode() + content)
    except OSError as error:
        return error
    return None


def recall(path: Path, /, *, what: str) -> bytes | None:
    """Read what `remember` wrote; None where there is nothing, or with a warning where it is damaged.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it holds and how it is made again, for the warning: "the token counts, which are counted again".
    """
    try:
        checksum, _, content = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    if checksum == f"{crc32c(content):08x}".encode():
        return content
    message = f"{path} is damaged: it holds {what}."
    warnings.warn(message, PlatoscopeWarning, stacklevel=2)
    return None


def _take(lock: BinaryIO) -> bool:
    """Lock a file for as long as it is open; False where another process has, or where there are no such locks."""
    if sys.platform == "win32":
        return False
    import fcntl  # POSIX only

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_left_behind(left: Path) -> bool:
    if time.time() - left.stat().st_mtime > _LEFT_BEHIND_AFTER:
        return True
    lock = left / _LOCK
    if not lock.is_file():  # a file, or a workplace that is being made
        return False
    with lock.open("r+b") as file:
        return _take(file)


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file in one step, or nothing."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=DRAFT)
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        partial.chmod(0o644)
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def _lines(folder: Path) -> list[_Line | None]:
    try:
        content = (folder / CHECKSUMS).read_bytes()
    except OSError:
        return []
    # A line may be empty: of two that write at once, one can take the other's for cut short.
    return [_Line.of(line.decode(errors="replace")) for line in content.split(b"\n") if line]


def _reason(file: Path, written: set[tuple[int, int]]) -> str | None:
    if not file.is_file():
        return "it is missing"
    if not written:
        return _NO_CHECKSUM
    size = file.stat().st_size
    if all(size != other for _, other in written):
        return (
            f"it has {size} bytes, and {' or '.join(str(other) for _, other in sorted(written))} were written"
        )
    return None if _file_checksum(file) in written else "its checksum does not match"


def _file_checksum(path: Path) -> tuple[int, int]:
    """CRC-32C and size of a file."""
    checksum, size = 0, 0
    with path.open("rb", buffering=0) as file:
        piece = memoryview(bytearray(max(1, min(_PIECE, os.fstat(file.fileno()).st_size))))
        while n := file.readinto(piece):
            checksum = crc32c(piece[:n], checksum)
            size += n
    return checksum, size
