"""Giving a reader one file after the other, by Hypothesis, and counting what came of it."""

from __future__ import annotations

import io
import struct
import time
import traceback
import warnings
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

from attacking.readers import ANYTHING, Case
from platoscope.errors import PlatoscopeError

if TYPE_CHECKING:
    from pathlib import Path

    from attacking.readers import Reader

__all__ = ["OUTCOMES", "Case", "Fault", "Tally", "fuzz", "outcome_of"]

OUTCOMES = ("unharmed", "noticed", "silent", "stuck", "traceback")
_BATCH = 500  # examples that Hypothesis plans together
_RECORD = struct.Struct("<5q")


@dataclass(frozen=True)
class Fault:
    """The smallest file found of those that are read wrong in one way."""

    what: str
    case: Case


@dataclass
class Tally:
    """How often a reader ended in which way, also in a file, for whoever waits for this process.

    Attributes
    ----------
    file : Path or None
        Holds the numbers of `OUTCOMES`, after each case.
    counts : Counter
        The same.
    faults : dict
        By the place where they happened.
    """

    file: Path | None = None
    counts: Counter[str] = field(default_factory=Counter)
    faults: dict[str, Fault] = field(default_factory=dict)

    def add(self, outcome: str, /) -> None:
        """Count one case."""
        self.counts[outcome] += 1
        if self.file is not None:
            self.file.write_bytes(_RECORD.pack(*(self.counts[name] for name in OUTCOMES)))

    @staticmethod
    def read(file: Path, /) -> Counter[str]:
        """Give what another process has counted by now."""
        content = file.read_bytes() if file.is_file() else b""
        found = _RECORD.unpack(content) if len(content) == _RECORD.size else (0,) * len(OUTCOMES)
        return Counter(dict(zip(OUTCOMES, found, strict=True)))


class _FaultError(Exception):
    """Tells Hypothesis that a smaller file is wanted that does the same."""


def outcome_of(reader: Reader, case: Case, /) -> tuple[str, str]:
    """Put a case in its place, read it, and put back what was there; give the outcome, and where it happened."""
    before = case.file.read_bytes()
    case.file.write_bytes(case.content)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = reader.read()
    except PlatoscopeError:
        return "noticed", ""
    except Exception as error:  # that is what is looked for
        last = traceback.extract_tb(error.__traceback__)[-1]
        return "traceback", f"{type(error).__name__} in {last.name}, line {last.lineno}: {error}"[:300]
    finally:
        made_again = case.file.is_file() and case.file.read_bytes() == before
        case.file.write_bytes(before)
    return _judged(reader, case, found, made_again=made_again)


def _judged(reader: Reader, case: Case, found: object, *, made_again: bool) -> tuple[str, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = reader.judge(case)
    except Exception as error:  # whatever the format's library says of such a file
        return "silent", f"read, although {type(error).__name__}: {error}"[:300]
    if expected is not ANYTHING and found != expected:
        return "silent", "something else was read"
    return ("noticed" if made_again and case.content != case.file.read_bytes() else "unharmed"), ""


def fuzz(
    reader: Reader, tally: Tally, /, *, cases: int, first_seed: int = 0, seconds: float | None = None
) -> None:
    """Try so many cases, or for so long; each fault that is found is made as small as it gets, and then only counted."""
    until = None if seconds is None else time.monotonic() + seconds
    number, left = first_seed, cases
    while left > 0 and (until is None or time.monotonic() < until):
        _batch(reader, tally, number, min(left, _BATCH), until)
        number, left = number + 1, left - _BATCH if until is None else left


def _batch(reader: Reader, tally: Tally, number: int, size: int, until: float | None) -> None:
    wanted: set[str] = set()

    @seed(number)
    @settings(
        max_examples=size,
        deadline=None,
        database=None,
        derandomize=False,
        phases=(Phase.generate, Phase.shrink),
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(reader.cases)
    def check(case: Case) -> None:
        if until is not None and time.monotonic() > until and not wanted:
            return
        outcome, where = outcome_of(reader, case)
        if not wanted:
            tally.add(outcome)
        if where and (where in wanted or (not wanted and _place(where) not in tally.faults)):
            wanted.add(where)
            tally.faults[_place(where)] = Fault(f"{outcome}: {where}", case)
            raise _FaultError

    try:
        check()
    except _FaultError:
        return


def _place(where: str) -> str:
    """Give what two faults of one kind have in common."""
    return where.partition(": ")[0]
