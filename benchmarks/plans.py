"""What plans say beside what runs take: time, memory and disk of each bundled study, with a store of its own.

python benchmarks/plans.py                          all studies of the bundled preset, with 300 items
python benchmarks/plans.py translations --n 1000    one of them
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
from platoscope.wording import in_bytes, in_time

COSTS = {"seconds": in_time, "memory": in_bytes, "disk": in_bytes}


def main() -> None:
    """Plan and run each study, and print both sides with their ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("studies", nargs="*", help="all by default")
    parser.add_argument("--n", type=int, default=300, help="items of each comparison")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(run(*asked.studies, asked.n)))
        return
    print("| Study | Cost | Plan | Run | Plan by run |\n| --- | --- | --- | --- | --- |")
    for name in asked.studies or [study.name for study in list_studies()]:
        done = subprocess.run(
            [sys.executable, __file__, name, "--n", str(asked.n), "--one"],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        for cost, (said, taken) in json.loads(done.stdout.splitlines()[-1]).items():
            shown = [COSTS[cost](value) for value in (said, taken)]
            print(f"| {name} | {cost} | {shown[0]} | {shown[1]} | {said / taken:.2f} × |", flush=True)


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


if __name__ == "__main__":
    main()
