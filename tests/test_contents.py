"""Which content a file has is found by reading all of it, once."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

import platoscope.contents
from platoscope.contents import file_digests
from platoscope.errors import PlatoscopeWarning

SIZE = 3 << 20


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Remember nothing of other tests."""
    monkeypatch.setenv("PLATOSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("platoscope.contents._MEMORY", {})
    return tmp_path / "cache"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file that is large enough to be remembered."""
    path = tmp_path / "weights.bin"
    path.write_bytes(bytes(range(256)) * (SIZE // 256))
    return path


def let_time_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every file that is there an old one."""
    later = time.time_ns() + 10**10
    monkeypatch.setattr("platoscope.contents.time.time_ns", lambda: later)


def refuse_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test fail that reads a file anew."""
    monkeypatch.setattr(platoscope.contents._Work, "hash", lambda *_: pytest.fail("hashed"))


def digest_of(path: Path) -> str:
    """Hash one file."""
    (digest,) = file_digests([path], what="a file")
    return digest


def test_digests_are_of_the_whole_file_in_the_order_asked_for(tmp_path: Path, file: Path) -> None:
    """Every byte counts, also of an empty file."""
    empty = tmp_path / "empty"
    empty.touch()
    expected = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (empty, file)]
    assert file_digests([empty, file], what="files") == expected
    assert file_digests([file, empty], what="files") == expected[::-1]


def test_a_file_is_read_once(cache: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another call, and another process with the same cache, recall the digest, however the path is spelled."""
    let_time_pass(monkeypatch)
    first = digest_of(file)
    monkeypatch.chdir(file.parent)
    refuse_hashing(monkeypatch)
    assert digest_of(Path(file.name)) == first
    monkeypatch.setattr("platoscope.contents._MEMORY", {})
    assert digest_of(Path(f"../{file.parent.name}/{file.name}")) == first
    assert len(list((cache / "digests").iterdir())) == 1


def test_a_file_that_was_just_written_is_not_remembered(cache: Path, file: Path) -> None:
    """It may be written again within the granularity of its times."""
    digest_of(file)
    assert not cache.exists()


def test_an_edit_that_hides_its_time_is_found(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Size, inode and time of modification can be what they were."""
    let_time_pass(monkeypatch)
    first, before = digest_of(file), file.stat()
    with file.open("r+b") as stream:
        stream.seek(SIZE // 2)
        stream.write(b"another")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert digest_of(file) == hashlib.sha256(file.read_bytes()).hexdigest() != first


def test_a_cache_that_cannot_be_written_costs_another_reading(
    cache: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered is optional."""
    cache.write_text("a file in the place of the folder", encoding="utf-8")
    let_time_pass(monkeypatch)
    first = digest_of(file)
    monkeypatch.setattr("platoscope.contents._MEMORY", {})
    assert digest_of(file) == first


def test_a_damaged_memory_is_no_answer(cache: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flipped bit of what is remembered makes no other model."""
    let_time_pass(monkeypatch)
    first = digest_of(file)
    (memory,) = (cache / "digests").iterdir()
    content = bytearray(memory.read_bytes())
    content[-5] ^= 1
    memory.write_bytes(content)
    monkeypatch.setattr("platoscope.contents._MEMORY", {})
    with pytest.warns(PlatoscopeWarning, match="is damaged: it holds the hash of a model's file"):
        assert digest_of(file) == first
    monkeypatch.setattr("platoscope.contents._MEMORY", {})
    refuse_hashing(monkeypatch)
    assert digest_of(file) == first


class Told:
    """A `Progress` that keeps what it was told."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int | None]] = []
        self.done: list[int] = []

    def stage(self, name: str, total: int | None = None) -> None:
        """Keep the stage."""
        self.stages.append((name, total))

    def advance(self, done: int, note: str = "") -> None:
        """Keep the step."""
        self.done.append(done)

    def finish(self) -> None:
        """Nothing is to be kept of the end."""


def test_the_hashing_of_gigabytes_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In megabytes; what takes no time is not mentioned."""
    told = Told()
    file_digests([file], what="the model m", progress=told)
    assert told.stages == []
    monkeypatch.setattr("platoscope.contents._WORTH_TELLING", SIZE)
    file_digests([file], what="the model m", progress=told)
    assert told.stages == [("Hashing the model m (MB)", SIZE // 10**6)]
    assert told.done[-1] == SIZE // 10**6
