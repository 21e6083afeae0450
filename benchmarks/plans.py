"""What plans say beside what runs take: time, memory and disk of each bundled study, with a store of its own.

python benchmarks/plans.py                          all studies of the bundled preset, with 300 items
python benchmarks/plans.py translations --n 1000    one of them
python benchmarks/plans.py --costs memory disk      what does not depend on what else the machine does
python benchmarks/plans.py --prices                 the prices of the table of measures
python benchmarks/plans.py --of runs                the time of a finished `platoscope run all`; no study is run
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

import numpy as np

from platoscope import profile
from platoscope.cache import size_on_disk
from platoscope.measures import MEASURES, ComparisonOptions
from platoscope.studies import get_study, list_studies, make_plan
from platoscope.studies.plan.estimates import beside_comparing, estimate, operations_per_second
from platoscope.studies.run.calibrating import comparing_seconds
from platoscope.wording import in_bytes, in_time

COSTS = ("seconds", "memory", "disk")
HEADER = "| Study | Cost | Plan | Run | Plan by run |\n| --- | --- | --- | --- | --- |"


def main() -> None:
    """Plan and run each study, and print both sides with their ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("studies", nargs="*", help="all by default")
    parser.add_argument("--n", type=int, default=300, help="items of each comparison")
    parser.add_argument("--costs", nargs="+", choices=COSTS, default=COSTS, help="all by default")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--of", type=Path, metavar="RUNS", help="folder of a finished `platoscope run all`")
    parser.add_argument(
        "--prices", action="store_true", help="measure the constants that plans are priced by"
    )
    parser.add_argument("--calibrate", action="store_true", help="with --of: also what calibration says")
    asked = parser.parse_args()
    if asked.prices:
        prices()
        return
    if asked.of:
        of_finished(asked.of, asked.calibrate)
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
        costs = json.loads(done.stdout.splitlines()[-1])
        if not costs:
            print(f"{name} is left out: something that it needs is not installed", file=sys.stderr)
        for cost, (said, taken) in costs.items():
            if cost in asked.costs:
                show(name, cost, said, taken)


def run(name: str, n: int) -> dict[str, tuple[float, float]]:
    """Plan a study and run it by its command; give by cost what the plan says and what it took, in seconds and bytes.

    Nothing of a study for which something is missing.
    """
    plan = make_plan(get_study(name), n=n, skip_missing=True)
    if plan.left_out:
        return {}
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


def of_finished(runs: Path, calibrate: bool) -> None:
    """Print what plans say beside what a finished run of all studies took, by its records, and what calibration says."""
    more = " Calibrated | Calibrated by run |" if calibrate else ""
    print(
        f"| Comparisons of | Run | Plan | Plan by run |{more}\n| --- | --- | --- | --- |{' --- | --- |' * calibrate}"
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
            calibrated = [comparing_seconds([plan]) - beside] if calibrate else []
            show_both(study.name, taken, plan.estimate.comparing_seconds - beside, *calibrated)
    seconds = json.loads((runs / "all.json").read_text())["seconds"]
    said = estimate(plans)
    if said.seconds is not None:
        reading = said.seconds - said.comparing_seconds
        show_both("*reading for all studies*", seconds["choosing and reading"], reading)
        show_both("*all of it*", seconds["in all"], said.seconds)


def prices() -> None:
    """Measure the prices of the table of measures: pairs of layers with one family of measures each."""
    n, n_features, n_layers = 1000, 640, 4
    rng = np.random.default_rng(0)
    A = [rng.standard_normal((n, n_features), dtype=np.float32) for _ in range(n_layers)]
    B = [layer + 2 * rng.standard_normal(layer.shape, dtype=np.float32) for layer in A]
    of_products = n * n * n_features * 2 / 1e9  # which a plan counts beside

    def billions(family: str, n_permutations: int, n_resamples: int) -> float:
        options = ComparisonOptions(
            measures=tuple(name for name, measure in MEASURES.items() if measure.family == family),
            transform="unit",
            n_permutations=n_permutations,
            n_resamples=n_resamples,
        )
        profile(A[:1], B[:1], options=options, rng=0)
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            profile(A, B, options=options, rng=0)
            taken.append(time.perf_counter() - began)
        return operations_per_second() * sorted(taken)[1] / n_layers / 1e9

    for family in dict.fromkeys(measure.family for measure in MEASURES.values()):
        plain = billions(family, 0, 0)
        resampled = any(measure.resampled for measure in MEASURES.values() if measure.family == family)
        found = (
            plain - of_products,
            billions(family, 100, 0) - plain,
            billions(family, 0, 40) - plain if resampled else 0.0,
        )
        print(f"{family}: Price({', '.join(f'{max(0.0, value):.1f}' for value in found)})", flush=True)


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
