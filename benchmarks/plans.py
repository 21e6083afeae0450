"""What plans say beside what runs take: time, memory and disk of each bundled study, with a store of its own.

python benchmarks/plans.py                          all studies of the bundled preset, with 300 items
python benchmarks/plans.py translations --n 1000    one of them
python benchmarks/plans.py --of runs                the time of a finished `platoscope run all`, and --dry-run --calibrate
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from platoscope.cache import size_on_disk
from platoscope.studies import get_study, list_studies, make_plan
from platoscope.studies.plan.estimates import beside_comparing, estimate
from platoscope.studies.run.calibrating import comparing_seconds
from platoscope.wording import in_bytes, in_time

HEADER = "| Study | Cost | Plan | Run | Plan by run |\n| --- | --- | --- | --- | --- |"


def main() -> None:
    """Plan and run each study, and print both sides with their ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("studies", nargs="*", help="all by default")
    parser.add_argument("--n", type=int, default=300, help="items of each comparison")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--of", type=Path, metavar="RUNS", help="folder of a finished `platoscope run all`")
    asked = parser.parse_args()
    if asked.of:
        of_finished(asked.of)
        return
    if asked.one:
        print(json.dumps(run(*asked.studies, asked.n)))
        return
    print(HEADER)
    for name in asked.studies or [study.name for study in list_studies()]:
        done = subprocess.run(
            [sys.executable, __file__, name, "--n", str(asked.n), "--one"],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        for cost, (said, taken) in json.loads(done.stdout.splitlines()[-1]).items():
            show(name, cost, said, taken)


def run(name: str, n: int) -> dict[str, tuple[float, float]]:
    """Plan a study and run it by its command; give by cost what the plan says and what it took, in seconds and bytes."""
    plan = make_plan(get_study(name), n=n)
    said = plan.estimate
    with tempfile.TemporaryDirectory() as scratch:
        out, store = (str(Path(scratch) / part) for part in ("run", "store"))
        command = [
            sys.executable,
            "-m",
            "platoscope",
            "run",
            name,
            "--n",
            str(n),
            "--out",
            out,
            "--store",
            store,
        ]
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        taken = {
            "seconds": time.perf_counter() - began,
            "memory": 1024.0 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
            "disk": float(size_on_disk(Path(store))),
        }
    return {cost: (getattr(said, cost), taken[cost]) for cost in taken if getattr(said, cost)}


def of_finished(runs: Path) -> None:
    """Print what plans say beside what a finished run of all studies took, by its records, and what calibration says."""
    print(
        "| Study | Run | Plan | Plan by run | Calibrated | Calibrated by run |\n| --- | --- | --- | --- | --- | --- |"
    )
    plans = []
    for study in list_studies():
        folder = runs / study.name
        if not folder.is_dir():
            continue
        settings = json.loads((folder / "config.json").read_text())["settings"]
        plan = make_plan(study, n=settings["n"], skip_missing=True)
        plans.append(plan)
        taken = json.loads((folder / "provenance.json").read_text())["timings"].get("comparison", 0.0)
        if plan.comparisons and taken:
            beside = beside_comparing(plan)
            show_both(
                study.name,
                taken,
                plan.estimate.comparing_seconds - beside,
                comparing_seconds([plan]) - beside,
            )
    seconds = json.loads((runs / "all.json").read_text())["seconds"]
    said = estimate(plans)
    calibrated = said.with_comparing(comparing_seconds(plans))
    if said.seconds is not None and calibrated.seconds is not None:
        reading = said.seconds - said.comparing_seconds
        taken = seconds["choosing and reading"]
        show_both("reading, all studies", taken, reading, reading)
        show_both("all studies", seconds["in all"], said.seconds, calibrated.seconds)


def show_both(name: str, taken: float, *said: float) -> None:
    """Print what a part of a run took, and what was said before in several ways."""
    cells = " | ".join(f"{in_time(seconds)} | {seconds / taken:.2f} ×" for seconds in said)
    print(f"| {name} | {in_time(taken)} | {cells} |", flush=True)


def show(name: str, cost: str, said: float, taken: float) -> None:
    """Print one row."""
    words = in_time if cost.startswith("seconds") else in_bytes
    print(f"| {name} | {cost} | {words(said)} | {words(taken)} | {said / taken:.2f} × |", flush=True)


if __name__ == "__main__":
    main()
