"""How far estimates of Information Imbalance are from the exact value, and what a million items take.

    python benchmarks/estimate.py agreement                           # N = 20,000: minutes
    python benchmarks/estimate.py agreement --out docs/measures.md    # and put into the page
    python benchmarks/estimate.py large                               # N = 1,000,000, D = 256: minutes, 2 GB on disk
    python benchmarks/estimate.py gallery                             # 1,000 queries in galleries up to 1,000,000
    python benchmarks/estimate.py blocks                              # all items, by 1, 2 and 4 workers of one core each
    python benchmarks/estimate.py blocks --out docs/measures.md       # and put into the page
    python benchmarks/estimate.py requests                            # what the same asks of an object store
    python benchmarks/estimate.py requests --out docs/measures.md     # and put into the page

`agreement` estimates the same two arrays again and again with other queries and references. A row has the exact value, the
mean of the estimates, their standard deviation, the mean standard error, and how many of the 95 % intervals hold the exact
value, for both directions and the asymmetry. `large` and `gallery` map the rows from files, and say what they took.
`blocks` says what the exact value takes by blocks: time against the 4 N² D multiplications of its formula, the bytes that
workers read, and their memory beyond what they had before, pages of the mapped files included. `requests` counts what is
asked of a server on this machine in which both layers lie, and what it answers.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from measuring.objects import object_store
from measuring.pages import put
from measuring.reading import count_reading, taken
from measuring.states import Memory
from platoscope import information_imbalance
from platoscope.cluster import open_cluster
from platoscope.cores import MOST_CORES
from platoscope.layerwise import gallery_curve, imbalance_in_blocks
from platoscope.measures import estimate_imbalance
from platoscope.representations import extract, open_representations

if TYPE_CHECKING:
    from collections.abc import Iterator

N_LATENT = 16
SIZES = ((1000, 500), (1000, 4000))
"""Queries and references of each row."""
DEFAULTS = {
    "agreement": (20_000, 64),
    "large": (1_000_000, 256),
    "gallery": (1_000_000, 256),
    "blocks": (20_000, 256),
    "requests": (5_000, 64),
}
"""Items and features."""
UNIT = 128
"""Items of an object in the store, where these and their layers are not too large for one."""
HEADER = (
    "| Data | Queries | References | Of | Exact | Mean estimate | Spread | Mean standard error | Intervals that hold it |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)

OF_BLOCKS = (
    "| Workers | Time | Multiplications of a worker a second | Read by all | By the formula | Memory of a worker "
    "| At most, by the formula |\n| --- | --- | --- | --- | --- | --- | --- |"
)

OF_REQUESTS = (
    "| Workers | Requests | By the formula | Read | By the formula | Sent by the client |\n"
    "| --- | --- | --- | --- | --- | --- |"
)


def _mixed(latent: Any, n_features: int, noise: float, rng: np.random.Generator) -> Any:
    """Return rows of many features made of few, with noise of their own."""
    mixing = rng.standard_normal((latent.shape[1], n_features), dtype=np.float32)
    rows = latent @ mixing
    rows += noise * rng.standard_normal(rows.shape, dtype=np.float32)
    return rows


def pair(kind: str, n: int, n_features: int) -> tuple[Any, Any]:
    """Return two representations; the second sees half of what the first sees."""
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((n, N_LATENT), dtype=np.float32)
    if kind == "clusters":  # of unequal sizes, whose members differ little: few items are near to many
        centers = 3 * rng.standard_normal((200, N_LATENT), dtype=np.float32)
        latent = centers[rng.zipf(1.3, n) % 200] + 0.5 * latent
    return _mixed(latent, n_features, 1.0, rng), _mixed(latent[:, : N_LATENT // 2], n_features, 1.0, rng)


def agreement(options: argparse.Namespace) -> Iterator[str]:
    """Yield the rows of the table."""
    for kind in ("Gaussian", "clusters"):
        X, Y = pair(kind, options.n, options.features)
        exact = information_imbalance(X, Y)
        truth = (exact.forward, exact.backward, exact.asymmetry)
        for row, (n_queries, n_references) in enumerate(SIZES):
            drawn = [
                estimate_imbalance(X, Y, n_queries=n_queries, n_references=n_references, rng=seed)
                for seed in range(row * options.draws, (row + 1) * options.draws)  # no two rows share a draw
            ]
            for place, name in enumerate(("forward", "backward", "asymmetry")):
                found = [getattr(one, name) for one in drawn]
                values = np.array([one.value for one in found])
                held = sum(one.interval[0] <= truth[place] <= one.interval[1] for one in found)
                yield (
                    f"| {kind} | {n_queries:,} | {n_references:,} | {('Δ(X→Y)', 'Δ(Y→X)', 'δ')[place]} "
                    f"| {truth[place]:.4f} | {values.mean():.4f} | {values.std(ddof=1):.4f} "
                    f"| {np.mean([one.standard_error for one in found]):.4f} | {held} of {options.draws} |"
                )


def _written(folder: Path, n: int, n_features: int) -> tuple[Any, Any]:
    """Write a pair to files by blocks, unless it is there, and map it."""
    paths = [folder / f"{side}-{n}-{n_features}.npy" for side in "xy"]
    if not all(path.exists() for path in paths):
        step = 50_000
        files = [np.lib.format.open_memmap(path, "w+", np.float32, (n, n_features)) for path in paths]
        rng = np.random.default_rng(0)
        mixings = [
            rng.standard_normal((width, n_features), dtype=np.float32) for width in (N_LATENT, N_LATENT // 2)
        ]
        for start in range(0, n, step):
            stop = min(start + step, n)
            latent = rng.standard_normal((stop - start, N_LATENT), dtype=np.float32)
            for file, mixing in zip(files, mixings, strict=True):
                noise = rng.standard_normal((stop - start, n_features), dtype=np.float32)
                file[start:stop] = latent[:, : len(mixing)] @ mixing + noise
        for file in files:
            file.flush()
    X, Y = (np.load(path, mmap_mode="r") for path in paths)
    return X, Y


def _measured(what: str, folder: Path, n: int, n_features: int) -> dict[str, Any]:
    """Run one long estimate in this process."""
    X, Y = _written(folder, n, n_features)
    estimate_imbalance(X[:500], Y[:500])  # compiled before
    start, work = time.perf_counter(), time.process_time()
    if what == "large":
        found = repr(estimate_imbalance(X, Y, rng=0))
    else:
        curve = gallery_curve(X, Y, rng=0)
        lines = zip(
            curve.n_samples.values, curve.information_imbalance.values, curve.information_imbalance_se.values,
            curve.neighborhood_overlap.values, strict=True,
        )  # fmt: skip
        found = "\n".join(
            f"| {size:,} | {d[0]:.4f} ± {se[0]:.4f} | {d[1]:.4f} ± {se[1]:.4f} | {overlap:.4f} |"
            for size, d, se, overlap in lines
        )
    return {
        "found": found,
        "seconds": time.perf_counter() - start,
        "work": time.process_time() - work,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def long_run(options: argparse.Namespace) -> None:
    """Run in a process of its own, whose memory is its own, and say what it took."""
    with tempfile.TemporaryDirectory() as empty:
        folder = options.folder or Path(empty)
        arguments = [options.what, str(folder), str(options.n), str(options.features)]
        done = subprocess.run(
            [sys.executable, __file__, "inner", *arguments], stdout=subprocess.PIPE, text=True, check=True
        )
    taken = json.loads(done.stdout)
    print(taken["found"])
    print(
        f"N = {options.n:,}, D = {options.features}: {taken['seconds'] / 60:.1f} minutes, {taken['work'] / 60:.1f} of "
        f"processor time, {taken['peak'] / 1e9:.2f} GB at most, pages of the mapped files included"
    )


def blocks(options: argparse.Namespace) -> Iterator[str]:
    """Hold the exact value by workers against that of one process, and what it took against the formulas."""
    n, n_features, run = options.n, options.features, options.n // 16
    with tempfile.TemporaryDirectory() as empty:
        folder = options.folder or Path(empty)
        X, Y = _written(folder, n, n_features)
        exact = tuple(information_imbalance(X, Y))
        files = [Path(rows.filename) for rows in (X, Y)]
        few = [Path(rows.filename) for rows in _written(folder, 500, n_features)]
        for n_workers in (1, 2, 4):
            os.environ[MOST_CORES] = str(n_workers)  # one core each
            with open_cluster(f"local:{n_workers}") as cluster:
                imbalance_in_blocks(*few, items_per_block=50, cluster=cluster)  # compiled before
                cluster.client.run(count_reading)
                start = time.perf_counter()
                found = imbalance_in_blocks(*files, items_per_block=run, cluster=cluster)
                seconds = time.perf_counter() - start
                each = list(cluster.client.run(taken).values())
            assert tuple(found) == exact, "by blocks it is the same number"
            read, memory = sum(one for one, _ in each), max(one for _, one in each)
            read_by_formula = 2 * 4 * n * n_features * (n_workers + 3 + 2 * n / run)
            memory_by_formula = (4 + 4) * 4 * run * n_features + 190 * 2 * n + 0.5e9 + 2 * X.nbytes
            yield (
                f"| {n_workers} | {seconds:.1f} s | {4 * n**2 * n_features / seconds / n_workers / 1e9:.1f} billion "
                f"| {read / 1e9:.3f} GB | {read_by_formula / 1e9:.3f} GB "
                f"| {memory / 1e9:.2f} GB | {memory_by_formula / 1e9:.2f} GB |"
            )


def requests(options: argparse.Namespace) -> Iterator[str]:
    """Count what workers ask of an object store in which both layers lie, and hold it against the formulas."""
    n, n_features = options.n, options.features
    n_units = -(-n // UNIT)
    with object_store() as (store, relay):
        keys = _stored(store, n, n_features)
        exact = tuple(information_imbalance(*(side[0] for side in _layers(store, keys))))
        for n_workers in (1, 2, 4):
            os.environ[MOST_CORES] = str(n_workers)  # one core each
            sides = _layers(store, keys)
            before = relay.counted, relay.sent
            with open_cluster(f"local:{n_workers}") as cluster:
                sent = _count_sent(cluster.client)
                found = imbalance_in_blocks(*sides, items_per_block=n // 16, cluster=cluster)
            assert tuple(found) == exact, "by blocks it is the same number"
            asked, read = relay.counted - before[0], relay.sent - before[1]
            asked_by_formula = 2 * (n_workers + 1) * (n_units + 1) + 8
            read_by_formula = 2 * (n_workers + 1) * 4 * UNIT * n_units * n_features + 16 * n
            yield (
                f"| {n_workers} | {asked:,} | {asked_by_formula:,} "
                f"| {read / 1e6:.2f} MB | {read_by_formula / 1e6:.2f} MB | {sum(sent) / 1e6:.3f} MB |"
            )


def _count_sent(client: Any) -> list[int]:
    """Let a client of Dask note the bytes of what it sends from here on, task by task."""
    submit, sent = client.submit, []

    def counted(function: Any, *arguments: Any, **how: Any) -> Any:
        sent.append(sum(len(each) for each in arguments if isinstance(each, bytes)))
        return submit(function, *arguments, **how)

    client.submit = counted
    return sent


def _stored(store: str, n: int, n_features: int) -> list[str]:
    """Keep two layers of either side in a store, of which the second are the pair; give the names of both sides."""
    items = [str(item) for item in range(n)]
    sides = zip("XY", pair("Gaussian", n, n_features), strict=True)
    return [
        extract(Memory(np.stack([-rows, rows]), name), items, pooling="last", store=store).key
        for name, rows in sides
    ]


def _layers(store: str, keys: list[str]) -> list[Any]:
    """Open the pair anew: nothing was read of it."""
    return [open_representations(key, store=store)[1:2] for key in keys]


def main() -> None:
    """Parse the command line."""
    if sys.argv[1:2] == ["inner"]:
        what, folder, n, n_features = sys.argv[2:]
        print(json.dumps(_measured(what, Path(folder), int(n), int(n_features))))
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=tuple(DEFAULTS))
    parser.add_argument("--n", type=int)
    parser.add_argument("--features", type=int)
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--folder", type=Path, help="where the rows of long runs are written and stay")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    n, n_features = DEFAULTS[options.what]
    options.n, options.features = options.n or n, options.features or n_features
    if options.what in ("large", "gallery"):
        long_run(options)
        return
    header, rows = {
        "agreement": (HEADER, agreement),
        "blocks": (OF_BLOCKS, blocks),
        "requests": (OF_REQUESTS, requests),
    }[options.what]
    lines = [header]
    print(header)
    for line in rows(options):
        print(line, flush=True)
        lines.append(line)
    if options.out:
        put(options.out, options.what, "\n".join(lines))


if __name__ == "__main__":
    main()
