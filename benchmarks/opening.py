"""What checksums cost, in processor time: opening a converted model, and a run on stored representations.

    python benchmarks/opening.py                               # printed
    python benchmarks/opening.py --out docs/reliability.md     # and put into the page
    python benchmarks/opening.py --only run --n 200 --times 3  # one of both, smaller

With and without them in turns, so that whatever else the machine does meets both.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from measuring.pages import put, shown
from platoscope import kept
from platoscope.models import load_model, loading
from platoscope.representations import _units
from platoscope.representations._unit_bytes import read_into
from platoscope.studies import execute, get_study, make_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from platoscope.models.locations import ModelLocation

MODEL = "gemma-3-270m"
STUDY = "translations"


def main() -> None:
    """Measure both, print them, and put them into the page if that is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=("open", "run"), help="one of both")
    parser.add_argument("--n", type=int, help="pairs of the run (by default those of the study)")
    parser.add_argument("--times", type=int, default=5, help="turns (default: 5)")
    parser.add_argument("--out", type=Path, help="page with places for both sentences")
    asked = parser.parse_args()
    for name, measure in (("open", open_in_turns), ("run", run_in_turns)):
        if asked.only in (None, name):
            said = measure(asked.times, asked.n)
            print(said)
            if asked.out is not None and said != shown(asked.out, f"opening {name}"):
                put(asked.out, f"opening {name}", said)


def open_in_turns(times: int, _n: int | None) -> str:
    """Open the model with and without its checksums."""

    def unchecked(location: ModelLocation, /, *, weights: bool) -> ModelLocation:
        return location

    load_model(MODEL, device="cpu")  # converted, and in the memory of the system
    spent = in_turns(
        times,
        lambda _: load_model(MODEL, device="cpu"),
        lambda: mock.patch.object(loading, "ready_model", unchecked),
    )
    return f"Opening `{MODEL}`, converted to 1.1 GB: {spent}"


def run_in_turns(times: int, n: int | None) -> str:
    """Run a study on stored representations, into a new folder each time, with and without any checksum."""
    plan = make_plan(get_study(STUDY), **({} if n is None else {"n": n}))
    with tempfile.TemporaryDirectory() as scratch:
        execute(plan, out=Path(scratch) / "first")  # extracted, and compiled
        spent = in_turns(times, lambda name: execute(plan, out=Path(scratch) / name), no_checksums)
    return f"`{STUDY}` on stored representations, N = {plan.settings.n}: {spent}"


def in_turns(times: int, work: Callable[[str], object], without: Callable[[], Any]) -> str:
    """Do some work with checksums and without them in turns, and say the medians."""
    seconds: dict[str, list[float]] = {"with": [], "without": []}
    for number in range(times):
        for name, spent in seconds.items():
            with ExitStack() as stack:
                if name == "without":
                    stack.enter_context(without())
                began = time.process_time()
                work(f"{name} {number}")
                spent.append(time.process_time() - began)
    checked, unchecked = (statistics.median(spent) for spent in seconds.values())
    more = 100 * (checked / unchecked - 1)
    return (
        f"{checked:.2f} s of processor time with checksums and {unchecked:.2f} s without, {more:+.1f} % "
        f"(medians of {times}, in turns)."
    )


@contextmanager
def no_checksums() -> Iterator[None]:
    """Take checksums of nothing in a run's folder, and hold nothing against one."""

    def stream(
        self: _units.StoredArray,
        unit: int,
        offset: int,
        piece: np.ndarray[Any, Any],
        take: Callable[..., None],
    ) -> bytes:
        name = f"{self.path}/{self.file_name(unit)}"
        with self.folder.open_range(name, offset, self._chunk_bytes) as file:
            for first in range(0, self.rows_per_unit, len(piece)):
                rows = piece[: self.rows_per_unit - first]
                read_into(file, rows.reshape(-1).view(np.uint8).data)
                take(first, rows)
        return self.marks.at(unit, offset // self._stride)

    def absent(folder: Path, names: Iterable[str] = (), /) -> list[tuple[str, str]]:
        return [(name, "it is missing") for name in names if not (folder / name).is_file()]

    with (
        mock.patch.object(_units.StoredArray, "_stream", stream),
        mock.patch.object(_units.StoredArray, "problem", return_value=None),
        mock.patch.object(kept, "problems", absent),
        mock.patch.object(kept, "note"),
    ):
        yield


if __name__ == "__main__":
    main()
