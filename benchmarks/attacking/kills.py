"""Work is killed at any moment and done again: the same has to come out as of work that nothing happened to."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attacking import things
from attacking.rows import Row
from platoscope.errors import PlatoscopeError
from platoscope.kept import DRAFT
from platoscope.representations import list_store, open_representations, remove, verify
from platoscope.studies import load_run, verify_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["attack_processes"]

_TIMES = 20  # of each kind but extraction, which is what takes hours
_TIMES_OF_EXTRACTION = 100
_PATIENCE = 120.0  # seconds; what takes longer is stuck
_REFUSED, _BROKEN = 3, 4  # exit codes


@dataclass(frozen=True)
class _Work:
    """One kind of work.

    Attributes
    ----------
    name : str
        What it is.
    do : callable
        Does it in a folder, and again where it was done before.
    content : callable
        Gives what came of it, as something that can be compared; it raises what is Platoscope's own where it is damaged.
    before : callable
        What is there when it begins.
    times : int
        How often it is done so, each in a folder of its own.
    """

    name: str
    do: Callable[[Path], object]
    content: Callable[[Path], object]
    before: Callable[[Path], object] = lambda _: None
    times: int = _TIMES


def attack_processes(scratch: Path, share: float, /) -> list[Row]:
    """Kill forked processes; this one does no work itself, so that what it forks begins with one thread."""
    rng = np.random.default_rng(1)
    packages = things.packages(scratch / "packages")
    works = (
        _Work("extraction", things.read, _store, times=_TIMES_OF_EXTRACTION),
        _Work("conversion of weights", _convert, lambda folder: things.bytes_of(folder / "models")),
        _Work(
            "preparation of data",
            lambda folder: things.prepare(folder, packages),
            lambda folder: things.bytes_of(folder / "emoji"),
        ),
        _Work("run of a study", things.run, _run),
        _Work("Δ in blocks of items", things.compare_in_blocks, things.compare_in_blocks),
        _Work(
            "removal from a store",
            _remove_all,
            lambda folder: (list_store(folder), verify(folder)),
            things.read,
        ),
    )
    return [_attack(work, scratch, max(1, round(work.times * share)), rng) for work in works]


def _attack(work: _Work, scratch: Path, times: int, rng: np.random.Generator) -> Row:
    row = Row("killed, then done again", work.name)
    reference = scratch / "reference" / work.name
    code = _in_child(lambda: (work.before(reference), work.do(reference)))
    whole = _said(lambda: work.content(reference))
    assert code == 0, f"{work.name} fails without being killed"
    assert whole
    timed = scratch / "timed" / work.name
    _in_child(lambda: work.before(timed))
    began = time.perf_counter()
    _in_child(lambda: work.do(timed))
    takes = time.perf_counter() - began
    for number in range(times):
        folder = scratch / f"{work.name} {number}"
        _in_child(lambda folder=folder: work.before(folder))
        for _ in range(2):  # the second finds what the first left
            _in_child(lambda folder=folder: work.do(folder), kill_after=rng.uniform(0, takes))
        code = _in_child(lambda folder=folder: work.do(folder))
        found = _said(lambda folder=folder: work.content(folder))
        left = [
            str(path) for path in folder.rglob(f"{DRAFT}*/**/*") if path.is_file() and path.name != "lock"
        ]
        if code == 0 and not left:
            row.add("noticed" if found == whole else "silent", f"{number}: {found} and not {whole}")
        else:
            row.add("traceback" if code == _BROKEN else "stuck", f"{number}: exit code {code}, left {left}")
    return row


def _in_child(work: Callable[[], object], *, kill_after: float | None = None) -> int:
    """Do something in a forked process, and give its exit code; killed, if need be, after so many seconds."""
    child = os.fork()
    if child == 0:
        os._exit(_code_of(work))
    until = time.monotonic() + (_PATIENCE if kill_after is None else kill_after)
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _code_of(work: Callable[[], object]) -> int:
    try:
        work()
    except PlatoscopeError as error:
        print(f"  {error}", file=sys.stderr)
        return _REFUSED
    except BaseException as error:  # that is what is looked for
        print(f"  {error!r}", file=sys.stderr)
        return _BROKEN
    sys.stderr.flush()
    return 0


def _said(content: Callable[[], object]) -> str:
    """Ask in a forked process, too."""
    reading, writing = os.pipe()
    _in_child(lambda: os.write(writing, str(content()).encode()[:60_000]))
    os.close(writing)
    with os.fdopen(reading) as answer:
        return answer.read()


def _store(folder: Path) -> object:
    (record,) = list_store(folder)
    if verify(folder):
        message = "the store is damaged"
        raise PlatoscopeError(message)
    found = (open_representations(record.key, store=folder, pooling=name) for name in ("last", "mean(3)"))
    return [(each.ids[:3], [things.hash_of(np.asarray(layer)) for layer in each]) for each in found]


def _run(folder: Path) -> object:
    problems = verify_run(folder / "run")
    found = load_run(folder / "run")
    return problems, [
        (label, things.hash_of(np.asarray(item.to_array()))) for label, item in found.results.items()
    ]


def _convert(folder: Path) -> object:
    os.environ["PLATOSCOPE_CACHE"] = str(folder)
    return things.convert(4 << 20)


def _remove_all(folder: Path) -> None:
    for record in list_store(folder):
        remove(folder, record.key)
