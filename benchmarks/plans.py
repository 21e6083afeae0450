"""What plans say beside what runs take: time, memory and disk of each bundled study, with a store of its own.

python benchmarks/plans.py                          all studies of the bundled preset, with 300 items
python benchmarks/plans.py translations --n 1000    one of them
python benchmarks/plans.py --of runs                those of a finished `platoscope run all`, beside reading, and of all
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
from platoscope.studies.plan.estimates import estimate
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
    """Print what plans say beside what a finished run of all studies took, by its records."""
    print(HEADER)
    plans = []
    for study in list_studies():
        folder = runs / study.name
        if not folder.is_dir():
            continue
        record = json.loads((folder / "provenance.json").read_text())
        plan = make_plan(
            study, n=json.loads((folder / "config.json").read_text())["settings"]["n"], skip_missing=True
        )
        plans.append(plan)
        timings = record["timings"]
        taken = sum(timings.get(part, 0.0) for part in ("loading", "extraction", "comparison"))
        if taken:
            show(study.name, "seconds beside reading", plan.estimate.comparing_seconds, taken)
    done = json.loads((runs / "all.json").read_text())
    said = estimate(plans)
    if said.seconds is not None:
        show("all", "seconds", said.seconds, done["seconds"]["in all"])
        reading = said.seconds - said.comparing_seconds
        show("all", "seconds of reading", reading, done["seconds"]["choosing and reading"])
    if said.memory is not None:
        show("all", "memory", said.memory, done["machine"]["peak_memory_bytes"])


def show(name: str, cost: str, said: float, taken: float) -> None:
    """Print one row."""
    words = in_time if cost.startswith("seconds") else in_bytes
    print(f"| {name} | {cost} | {words(said)} | {words(taken)} | {said / taken:.2f} × |", flush=True)


if __name__ == "__main__":
    main()
