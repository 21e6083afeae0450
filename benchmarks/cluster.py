"""What a cluster costs and gains: the default run, and comparisons of 20 stacks, by one process and by local workers.

python benchmarks/cluster.py                  both, each with one core a process
python benchmarks/cluster.py stacks local:2   one of them
python benchmarks/cluster.py watching         what the processes of a cluster use while its tasks sleep
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from platoscope.cluster import open_cluster
from platoscope.cores import MOST_CORES
from platoscope.studies import Comparison, Design, Study, Synthetic, execute, get_study, make_plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from platoscope.studies import Plan

N, FEATURES, LAYERS, PAIRS = 2000, 256, 12, 10
ASLEEP = 20.0  # seconds
PLACES = {"translations": ("here", "local:1"), "stacks": ("here", "local:1", "local:2")}


def main() -> None:
    """Time what is named, or everything, each in a process of its own."""
    if sys.argv[1:] == ["watching"]:
        watching()
        return
    if len(sys.argv) == 3:
        print(f"{measure(*sys.argv[1:]):.1f}")
        return
    for what, places in PLACES.items():
        for place in places:
            cores = place.partition(":")[2] or "1"
            threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
            done = subprocess.run(
                [sys.executable, __file__, what, place],
                env={**os.environ, MOST_CORES: cores, **threads},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            print(f"{what}, {place}: {done.stdout.strip()} s")


def measure(what: str, place: str) -> float:
    """Run a study with an empty store, and give the seconds; workers start within them."""
    plan = make_plan(get_study(what)) if what == "translations" else stacks()
    with tempfile.TemporaryDirectory() as scratch:
        began = time.perf_counter()
        execute(
            plan,
            out=Path(scratch) / "run",
            store=Path(scratch) / "store",
            cluster=None if place == "here" else place,
        )
        return time.perf_counter() - began


def watching() -> None:
    """Print what share of a core two workers and this process use while tasks sleep: ours, and as Dask starts them."""
    for how, clients in (("of open_cluster", _ours()), ("of Dask's LocalCluster", _dask_s())):
        with clients as client:
            client.gather(client.map(time.sleep, [1.0, 1.001]))  # imports, once
            here, there = time.process_time(), client.run(time.process_time)
            client.gather(client.map(time.sleep, [ASLEEP, ASLEEP + 0.001]))
            shares = [client.run(time.process_time)[worker] - before for worker, before in there.items()]
            said = " and ".join(f"{share / ASLEEP:.1%}" for share in shares)
            ours = (time.process_time() - here) / ASLEEP
            print(f"two workers {how}: {said} of a core; this process {ours:.1%}")


@contextmanager
def _ours() -> Iterator[Any]:
    with open_cluster("local:2") as cluster:
        yield cluster.client


@contextmanager
def _dask_s() -> Iterator[Any]:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as started,
        Client(started) as client,
    ):
        yield client


def stacks() -> Plan:
    """Plan grids of every two of twice ten made-up stacks."""
    ranks = tuple(float(20 * (i + 1)) for i in range(LAYERS))
    comparisons = []
    for i in range(PAIRS):
        x, y = (
            Synthetic(
                construction="low_rank", role=role, n_features=FEATURES, values=ranks, noise=0.1 * (i + 1)
            )
            for role in ("x", "y")
        )
        comparisons.append(Comparison(label=f"pair {i}", a=x, b=y))
    study = Study(
        name="stacks",
        question="How long do comparisons take?",
        design=lambda _: Design(comparisons=tuple(comparisons), panels=()),
    )
    return make_plan(study, n=N)


if __name__ == "__main__":
    main()
