"""Timing in turn, and the one table of results, which lives in the docs."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["HEADER", "Row", "Sizes", "in_turn", "machine", "median", "ratio", "verdict", "write_into"]

HEADER = (
    "| Section | Case | Platoscope | Compared with | Result | Bar |\n| --- | --- | --- | --- | --- | --- |"
)
# Whose rows say on what they were measured, since few machines have a GPU.
_ELSEWHERE = {"gpu"}
_REST = 0.2  # seconds
_BEGIN, _END = "<!-- table: begin -->", "<!-- table: end -->"


@dataclass(frozen=True)
class Row:
    """One measurement, as the docs show it."""

    section: str
    """The name that ``--only`` takes."""
    case: str
    ours: str
    other: str
    result: str
    bar: str = ""
    """What is asked for and whether it holds; empty where nothing is."""

    def __str__(self) -> str:
        """Return a line of the Markdown table."""
        return (
            "| " + " | ".join((self.section, self.case, self.ours, self.other, self.result, self.bar)) + " |"
        )


@dataclass(frozen=True)
class Sizes:
    """How large the cases are, and how often each is repeated."""

    n_samples: int
    pair_features: int
    grid_features: int
    n_layers: int
    large: tuple[int, ...]
    draws: int
    permutations: tuple[int, int]
    """Of the grid, of the profile."""
    repeats: int


def in_turn(
    sides: dict[str, Callable[[], object]], repeats: int, *, warm_up: bool = True
) -> dict[str, list[float]]:
    """Time the sides one after the other, `repeats` times, after one warm-up of each unless they take minutes.

    With a rest before each: threads of a BLAS go on turning for a while after a product, on a core that the next side
    would have had.
    """
    times: dict[str, list[float]] = {name: [] for name in sides}
    for side in sides.values() if warm_up else ():
        side()
    for _ in range(repeats):
        for name, side in sides.items():
            time.sleep(_REST)
            start = time.perf_counter()
            side()
            times[name].append(time.perf_counter() - start)
    return times


def median(seconds: Sequence[float], /) -> str:
    """Return the median as text."""
    value = float(np.median(seconds))
    return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.0f} ms"


def ratio(times: dict[str, list[float]], of: str, by: str, /) -> float:
    """Return the median of the ratios taken turn by turn."""
    return float(np.median(np.array(times[of]) / np.array(times[by])))


def verdict(holds: bool, asked: str, /) -> str:
    """Return what is asked for with whether it holds."""
    return f"{asked}: {'holds' if holds else '**fails**'}"


def machine() -> str:
    """Return one line about where the table was measured."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line for line in cpuinfo.read_text(encoding="utf-8").splitlines() if line.startswith("model name")
        ]
        processor = names[0].partition(":")[2].strip() if names else processor
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "platoscope"))
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {processor}, Python {platform.python_version()}, {packages}."


def write_into(page: Path, rows: Sequence[Row], /) -> None:
    """Replace the table of `page`; rows of sections that were not run stay as they are.

    Raises
    ------
    SystemExit
        The page has no markers, or rows that would stay come from another machine.
    """
    before, found, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    old, closed, after = rest.partition(_END)
    if not (found and closed):
        message = f"{page} needs the lines {_BEGIN} and {_END}, between which the table goes."
        raise SystemExit(message)
    sections = {row.section for row in rows}
    lines = [line for line in old.splitlines() if line.startswith("| ")][2:]
    kept = [line for line in lines if line.split(" | ")[0].removeprefix("| ") not in sections]
    here = machine()
    if sections <= _ELSEWHERE and kept:
        here = old.strip().partition("\n")[0]
    if {line.split(" | ")[0].removeprefix("| ") for line in kept} - _ELSEWHERE and here not in old:
        message = f"{page} has rows from another machine or other versions; run all sections."
        raise SystemExit(message)
    table = "\n".join([HEADER, *_in_order(kept, [str(row) for row in rows])])
    page.write_text(f"{before}{_BEGIN}\n{here}\n\n{table}\n{_END}{after}", encoding="utf-8")


def _in_order(kept: Sequence[str], new: Sequence[str]) -> list[str]:
    """Put sections in the order in which a full run writes them."""
    from measuring import SECTIONS

    order = list(SECTIONS)
    return sorted([*kept, *new], key=lambda line: order.index(line.split(" | ")[0].removeprefix("| ")))
