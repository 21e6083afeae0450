"""What hostile files do: everything that reads files is given edited ones and others of its format, by Hypothesis.

    python benchmarks/fuzz.py                                   # ten minutes for each reader (`make fuzz`)
    python benchmarks/fuzz.py --minutes 1 --only JSONL --only CSV
    python benchmarks/fuzz.py --minutes 10 --out docs/reliability.md
    python benchmarks/fuzz.py --list

Only Platoscope's own errors may come out, and what is read without one must be what somebody else reads in the same
file (`Reader.held_against`); any other case makes the exit code 1, and the smallest file that does it stays in
`--found`. Each reader has a process of its own, which is ended where a file holds it up for five minutes.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from attacking.flips import GROUPS
from attacking.fuzzing import OUTCOMES, Tally, fuzz
from attacking.of_arrays import ARRAYS, readers_of_arrays
from attacking.of_kept import (
    SEALED_DATA,
    SEALED_PARTS,
    SEALED_RUNS,
    readers_of_kept,
    readers_of_sealed_data,
    readers_of_sealed_parts,
    readers_of_sealed_runs,
)
from attacking.of_models import MODELS, SETTINGS, readers_of_models, readers_of_settings
from attacking.of_pairs import PAIRS, readers_of_pairs
from measuring.pages import put, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from attacking.readers import Reader

READERS: Mapping[str, Callable[[Path], list[Reader]]] = {
    **dict.fromkeys(PAIRS, readers_of_pairs),
    **dict.fromkeys(ARRAYS, readers_of_arrays),
    **dict.fromkeys(SETTINGS, readers_of_settings),
    **dict.fromkeys(MODELS, readers_of_models),
    **{
        name: make
        for names, make in ((names, partial(readers_of_kept, names)) for names in GROUPS)
        for name in names
    },
    **dict.fromkeys(SEALED_DATA, readers_of_sealed_data),
    **dict.fromkeys(SEALED_PARTS, readers_of_sealed_parts),
    **dict.fromkeys(SEALED_RUNS, readers_of_sealed_runs),
}
"""By the name of a reader, what makes it and its like in a folder."""
_PATIENCE = 300.0  # seconds; a busy machine takes long for a few files
_MEMORY = 12 << 30  # bytes of address space: a file that says it is huge must not end the machine
_ENDLESS = 10**9
_HEADS = "Unharmed | Refused or made again | Silent | Stuck | Traceback"  # of `OUTCOMES`


@dataclass
class _Found:
    """What came of one reader."""

    name: str
    held_against: str
    minutes: float
    counts: Counter[str]

    def row(self) -> str:
        """Write it as a row of the table."""
        numbers = " | ".join(f"{self.counts[outcome]:,}" for outcome in OUTCOMES)
        return (
            f"| {self.name} | {self.held_against} | {self.minutes:g} | {self.counts.total():,} | {numbers} |"
        )


def reader_named(name: str, scratch: Path, /) -> Reader:
    """Make the files of a reader, and give it."""
    scratch.mkdir(parents=True, exist_ok=True)
    os.environ["PLATOSCOPE_CACHE"] = str(scratch / "cache")
    return next(reader for reader in READERS[name](scratch) if reader.name == name)


def _work(asked: argparse.Namespace) -> None:
    """Be the process of one reader."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    reader = reader_named(asked.work, asked.scratch / "files")
    (asked.scratch / "held_against").write_text(reader.held_against, encoding="utf-8")
    tally = Tally(asked.scratch / "tally")
    fuzz(reader, tally, cases=_ENDLESS, first_seed=asked.seed, seconds=asked.seconds)
    for number, fault in enumerate(tally.faults.values()):
        print(f"{reader.name}: {fault.what}\n    {fault.case!r}", file=sys.stderr)
        asked.found.mkdir(parents=True, exist_ok=True)
        place = asked.found / f"{asked.seed}-{number}-{fault.case.file.name}"
        place.write_bytes(fault.case.content)


def _supervise(name: str, seconds: float, seed: int, found: Path) -> _Found:
    """Run the process of a reader, again where a file ends it or holds it up, until the time is over."""
    counts: Counter[str] = Counter()
    held_against = ""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        with tempfile.TemporaryDirectory() as scratch:
            Path(scratch, "files").mkdir()  # of a process that ends before it has any, none are left
            command = [sys.executable, __file__, "--work", name, "--scratch", scratch, "--found", str(found)]
            child = subprocess.Popen([*command, "--seconds", str(left), "--seed", str(seed)], process_group=0)
            stuck = _is_stuck(child, Path(scratch, "tally"))
            counts += Tally.read(Path(scratch, "tally"))
            said = Path(scratch, "held_against")
            held_against = said.read_text(encoding="utf-8") if said.is_file() else held_against
            if stuck or child.returncode != 0:
                outcome = "stuck" if stuck else "traceback"
                counts[outcome] += 1
                left_behind = found / f"{seed} {name.replace('/', ' ')}"
                shutil.copytree(Path(scratch, "files"), left_behind, dirs_exist_ok=True)
                print(f"{name}: {outcome}, exit code {child.returncode}; see {left_behind}", file=sys.stderr)
        seed += 1_000_000
    return _Found(name, held_against, seconds / 60, counts)


def _is_stuck(child: subprocess.Popen[bytes], tally: Path) -> bool:
    """Wait for a process; end it where nothing is counted any more."""
    seen, since = Tally.read(tally), time.monotonic()
    try:
        while child.poll() is None and time.monotonic() - since < _PATIENCE:
            time.sleep(0.5)
            now = Tally.read(tally)
            if now != seen:
                seen, since = now, time.monotonic()
        return child.poll() is None
    finally:
        if child.poll() is None:  # stuck, or this process was interrupted
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def table(found: list[_Found], page: str = "", /) -> str:
    """Write what came out as Markdown; of readers that were not tried, what stands in the page stays."""
    rows = {one.name: one.row() for one in found}
    for line in page.splitlines():
        name = line.removeprefix("| ").partition(" | ")[0]
        if name in READERS:
            rows.setdefault(name, line)
    return "\n".join(
        [
            f"| What is read | Held against | Minutes | Cases | {_HEADS} |",
            "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
            *(rows[name] for name in READERS if name in rows),
        ]
    )


def main() -> int:
    """Give every reader hostile files, print the table, and put it into the page if that is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="for each reader")
    parser.add_argument("--only", action="append", choices=READERS, help="one reader; repeat for several")
    parser.add_argument("--out", type=Path, help="page with a place for the table")
    parser.add_argument(
        "--found", type=Path, default=Path("fuzz-found"), help="where files that are read wrong are kept"
    )
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="of the cases; another one each time"
    )
    parser.add_argument("--list", action="store_true", help="name the readers")
    for name, kind in (("--work", str), ("--scratch", Path), ("--seconds", float)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        _work(asked)
        return 0
    names = asked.only or list(READERS)
    if asked.list:
        print("\n".join(names))
        return 0
    found = [_supervise(name, 60 * asked.minutes, asked.seed, asked.found) for name in names]
    print(table(found))
    if asked.out is not None:
        put(asked.out, "fuzz", table(found, shown(asked.out, "fuzz")))
    return int(any(one.counts[outcome] for one in found for outcome in ("silent", "stuck", "traceback")))


if __name__ == "__main__":
    sys.exit(main())
