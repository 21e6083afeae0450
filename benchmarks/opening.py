"""What checksums cost, in processor time: opening a converted model, and a run on stored representations.

python benchmarks/opening.py
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crc32c import crc32c

from platoscope import kept
from platoscope.models import load_model, loading
from platoscope.representations import _units
from platoscope.studies import execute, get_study, make_plan

if TYPE_CHECKING:
    from platoscope.models.locations import ModelLocation

MODEL = "gemma-3-270m"
TIMES = 5
STUDY = "translations"


def main() -> None:
    """Measure both, and print them."""
    open_in_turns()
    run_on_what_is_stored()


def open_in_turns() -> None:
    """Open the model with and without its checksums, in turns; print the medians."""

    def unchecked(location: ModelLocation, /, *, weights: bool) -> ModelLocation:
        return location

    checked = loading.ready_model
    load_model(MODEL, device="cpu")  # converted, and in the memory of the system
    seconds: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(TIMES):
        for name, ready in (("with", checked), ("without", unchecked)):
            loading.ready_model = ready
            began = time.process_time()
            load_model(MODEL, device="cpu")
            seconds[name].append(time.process_time() - began)
    loading.ready_model = checked
    for name, spent in seconds.items():
        print(f"{MODEL}, {name} checksums: {statistics.median(spent):.2f} s of processor time")


def run_on_what_is_stored() -> None:
    """Run a study twice, the second time on what the first one stored, and sum up what checksums take of it."""
    spent: list[float] = []

    def timed(content: Any, *before: int) -> int:
        began = time.thread_time()
        checksum = crc32c(content, *before)
        spent.append(time.thread_time() - began)
        return checksum

    kept.crc32c = _units.crc32c = timed
    plan = make_plan(get_study(STUDY))
    with tempfile.TemporaryDirectory() as scratch:
        execute(plan, out=Path(scratch) / "extracted")
        spent.clear()
        began = time.process_time()
        execute(plan, out=Path(scratch) / "stored")
        total = time.process_time() - began
    checks = sum(spent)
    print(
        f"{STUDY}, N = {plan.settings.n}, on stored representations: {total:.1f} s of processor time, {checks:.2f} s of it "
        f"checksums ({100 * checks / total:.1f} %)"
    )


if __name__ == "__main__":
    main()
