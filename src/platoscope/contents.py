"""The SHA-256 of whole files: which content a key is of. It is remembered, so that gigabytes are read once."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from platoscope.cache import cache_folder
from platoscope.cores import available_cores
from platoscope.kept import recall, remember
from platoscope.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from platoscope.progress import Progress

__all__ = ["file_digests"]

_PIECE = 4 << 20  # bytes that one system call reads
_WORTH_REMEMBERING = 1 << 20  # a smaller file is read faster than its memory is found
_WORTH_TELLING = 256 << 20
_MEGABYTE = 10**6
_REPORT_EVERY = 0.2  # seconds
# A file that was written within the clock's granularity of being read may be written again without a trace in its
# times: of one so young nothing is remembered, as git does. File systems count in up to two seconds.
_YOUNG = 2_000_000_000  # nanoseconds
_MEMORY: dict[str, tuple[list[int], str]] = {}


def file_digests(paths: Sequence[Path], /, *, what: str, progress: Progress = SILENT) -> list[str]:
    """Hash whole files, or recall their hashes.

    A hash is remembered with the file's size, inode and times of change, in this process and in the user's cache; where
    the cache cannot be written, another process hashes again.

    Parameters
    ----------
    paths : sequence of Path
        Files.
    what : str
        What they are, for the name of the stage ("the model ./tiny").
    progress : Progress
        Told, in megabytes, where it takes a while.

    Returns
    -------
    list of str
        SHA-256 in hexadecimal, in the order of `paths`.

    Raises
    ------
    OSError
        If one cannot be read.
    """
    found = [_recall(path) for path in paths]
    unknown = [path for path, digest in zip(paths, found, strict=True) if digest is None]
    digests = iter(_hash_all(unknown, what, progress))
    return [next(digests) if digest is None else digest for digest in found]


@dataclass
class _Work:
    """Hashing of several files at once, which may be stopped."""

    done: int = 0
    stopped: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hash(self, path: Path) -> str:
        """Hash one file, and remember it if nobody wrote to it meanwhile."""
        before, now = _state(path), time.time_ns()
        digest = hashlib.sha256()
        piece = memoryview(bytearray(min(_PIECE, max(1, before[0]))))
        with path.open("rb", buffering=0) as file:
            while not self.stopped and (n := file.readinto(piece)):
                digest.update(piece[:n])
                with self._lock:
                    self.done += n
        settled = all(abs(now - moment) > _YOUNG for moment in before[2:])
        if not self.stopped and settled and before[0] >= _WORTH_REMEMBERING and _state(path) == before:
            name = os.path.realpath(path)
            _MEMORY[name] = before, digest.hexdigest()
            remember(_memory_file(name), json.dumps([name, before, digest.hexdigest()]).encode())
        return digest.hexdigest()


def _hash_all(paths: Sequence[Path], what: str, progress: Progress) -> list[str]:
    if not paths:
        return []
    total = sum(path.stat().st_size for path in paths)
    told = total >= _WORTH_TELLING
    if told:
        progress.stage(f"Hashing {what} (MB)", total // _MEGABYTE)
    work = _Work()
    began = time.perf_counter()
    with ThreadPoolExecutor(min(len(paths), available_cores())) as pool:
        jobs = [pool.submit(work.hash, path) for path in paths]
        try:
            pending = set(jobs)
            while pending:
                _, pending = wait(pending, _REPORT_EVERY, FIRST_COMPLETED)
                if told:
                    rate = work.done / _MEGABYTE / (time.perf_counter() - began)
                    progress.advance(work.done // _MEGABYTE, f"{rate:,.0f} MB/s")
        except BaseException:
            work.stopped = True  # whoever interrupts does not wait for the last gigabyte
            raise
        return [job.result() for job in jobs]


def _state(path: Path) -> list[int]:
    """Size, inode, and when content and state last changed: a tool that sets the first time back changes the second."""
    found = path.stat()
    return [found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns]


def _recall(path: Path) -> str | None:
    state = _state(path)
    if state[0] < _WORTH_REMEMBERING:
        return None
    name = os.path.realpath(path)
    if name in _MEMORY:
        known, digest = _MEMORY[name]
        return digest if known == state else None
    content = recall(_memory_file(name), what="the hash of a model's file, which is taken again")
    if content is None:
        return None
    named, known, digest = json.loads(content)
    return str(digest) if named == name and known == state else None


def _memory_file(name: str) -> Path:
    return cache_folder("digests") / f"{hashlib.sha256(os.fsencode(name)).hexdigest()}.json"
