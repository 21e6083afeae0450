"""What the measures cost, against the matrix products that they need and against other packages.

    python benchmarks/measures.py                       # everything but peers, several minutes
    python benchmarks/measures.py --only pair grid      # some sections
    python benchmarks/measures.py --peers PYTHON        # also DADApy, in the environment of that interpreter

Both sides of every ratio run in one call, in turn; medians are printed. Peers live in an environment of
their own (DADApy 0.3.4 pins numpy<2):

    python -m venv peers && peers/bin/pip install dadapy==0.3.4

Sections: pair, grid, nulls, large, coverage, false-positives, import.
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

if TYPE_CHECKING:
    from collections.abc import Callable

PEER = """
import json, sys, time
import numpy as np
from dadapy import Data
X, Y = np.load(sys.argv[1]), np.load(sys.argv[2])
n = len(X)
times = []
for _ in range(int(sys.argv[3])):
    start = time.perf_counter()
    value, _ = Data(X).return_information_imbalace(Y, subset_size=n)
    times.append(time.perf_counter() - start)
print(json.dumps({"seconds": float(np.median(times)), "value": [float(v) for v in value]}))
"""


def in_turn(sides: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Time the sides one after the other, `repeats` times, after one warm-up of each."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for side in sides.values():
        side()
    for _ in range(repeats):
        for name, side in sides.items():
            start = time.perf_counter()
            side()
            times[name].append(time.perf_counter() - start)
    return times


def report(title: str, times: dict[str, list[float]], *, of: str, by: str, bar: float | None = None) -> float:
    """Print medians and the median of the ratios taken turn by turn; return that ratio."""
    ratio = float(np.median(np.array(times[of]) / np.array(times[by])))
    medians = ", ".join(f"{name} {np.median(values):.3f} s" for name, values in times.items())
    goal = f" (at most {bar})" if bar is not None else ""
    print(f"{title}: {of} / {by} = {ratio:.2f}{goal}   [{medians}]", flush=True)
    return ratio


def pair(options: argparse.Namespace) -> None:
    """One pair of representations, both directions, against the two products X @ X.T and Y @ Y.T."""
    from platoscope import information_imbalance

    rng = np.random.default_rng(0)
    n, d = options.n, 4096
    X = rng.standard_normal((n, d), dtype=np.float32)
    Y = X + 2 * rng.standard_normal((n, d), dtype=np.float32)
    X_again, Y_again = X.copy(), Y.copy()
    sides: dict[str, Callable[[], object]] = {
        "platoscope": lambda: information_imbalance(X, Y),
        # Of two equal arrays, so that NumPy computes all of the product, as a BLAS call of any library does.
        "full products": lambda: (X @ X_again.T, Y @ Y_again.T),
        # NumPy notices that both factors are one array and computes one triangle.
        "NumPy's X @ X.T": lambda: (X @ X.T, Y @ Y.T),
    }
    times = in_turn(sides, options.repeats)
    report(f"pair, N={n} D={d} float32", times, of="platoscope", by="full products", bar=0.85)
    report(f"pair, N={n} D={d} float32", times, of="platoscope", by="NumPy's X @ X.T")
    if options.peers:
        with tempfile.TemporaryDirectory() as folder:
            paths = [str(Path(folder) / name) for name in ("x.npy", "y.npy")]
            for path, array in zip(paths, (X, Y), strict=True):
                np.save(path, array)
            done = subprocess.run(
                [options.peers, "-c", PEER, *paths, "1"], capture_output=True, text=True, check=True
            )
        peer = json.loads(done.stdout.strip().splitlines()[-1])
        ours = information_imbalance(X, Y)
        speed = peer["seconds"] / float(np.median(times["platoscope"]))
        difference = max(abs(a - b) for a, b in zip(sorted(ours), sorted(peer["value"]), strict=True))
        print(f"  DADApy: {peer['seconds']:.2f} s, {speed:.1f} times ours (at least 5); largest difference of the values "
              f"{difference:.1e} (at most 1e-5)")  # fmt: skip


def stacks(n: int, d: int, layers: int) -> tuple[list[Any], list[Any]]:
    """Return two stacks of layers that share a signal."""
    rng = np.random.default_rng(1)
    shared = rng.standard_normal((n, d), dtype=np.float32)
    return tuple(  # type: ignore[return-value]
        [shared + 2 * rng.standard_normal((n, d), dtype=np.float32) for _ in range(layers)] for _ in range(2)
    )


def grid(options: argparse.Namespace) -> None:
    """Time a grid of layers with Δ, overlap and both CKA against one full product per layer."""
    from platoscope import compare

    n, d, layers = options.n, 2048, options.layers
    A, B = stacks(n, d, layers)
    copies = [layer.copy() for layer in (*A, *B)]

    def products() -> None:
        for layer, copy in zip((*A, *B), copies, strict=True):
            layer @ copy.T

    sides = {"platoscope": lambda: compare(A, B, n_resamples=0, rng=0), "full products": products}
    times = in_turn(sides, max(1, options.repeats // 3))
    report(f"grid {layers}x{layers}, N={n} D={d}", times, of="platoscope", by="full products", bar=1.8)


def nulls(options: argparse.Namespace) -> None:
    """Time the same grid with permutations and resamples, and a profile with 1,000 permutations."""
    from platoscope import compare, profile

    n, d, layers = options.n, 2048, options.layers
    A, B = stacks(n, d, layers)
    sides = {
        "without": lambda: compare(A, B, n_resamples=0, rng=0),
        "with": lambda: compare(A, B, n_resamples=20, n_permutations=200, rng=0),
    }
    times = in_turn(sides, 1)
    report(
        f"grid {layers}x{layers} with 200 permutations and 20 resamples, N={n}",
        times,
        of="with",
        by="without",
        bar=8,
    )
    sides = {
        "without": lambda: profile(A, B, n_resamples=0, rng=0),
        "with": lambda: profile(A, B, n_resamples=0, n_permutations=1000, rng=0),
    }
    times = in_turn(sides, 1)
    report(
        f"profile of {layers} layers with 1,000 permutations, N={n}", times, of="with", by="without", bar=4
    )


LARGE = """
import json, resource, sys, time
import numpy as np
from platoscope import information_imbalance
n, d = int(sys.argv[1]), 768
rng = np.random.default_rng(0)
information_imbalance(rng.random((64, 4)), rng.random((64, 4)))
X = rng.standard_normal((n, d), dtype=np.float32)
Y = X + rng.standard_normal((n, d), dtype=np.float32)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
information_imbalance(X, Y)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
some = X[:8000]
start = time.perf_counter()
some @ X.T[:, : min(n, 20000)]
product = (time.perf_counter() - start) * (n / len(some)) * (n / min(n, 20000))
print(json.dumps({"seconds": seconds, "extra": (peak - before) / 1e6, "product": 2 * product}))
"""


def large(options: argparse.Namespace) -> None:
    """One pair of up to 100,000 items: time by N, memory beyond the inputs, share of the matrix products."""
    for n in options.sizes:
        done = subprocess.run(
            [sys.executable, "-c", LARGE, str(n)], capture_output=True, text=True, check=True
        )
        row = json.loads(done.stdout)
        print(f"one pair, N={n} D=768: {row['seconds']:.1f} s, {row['extra']:.2f} GB beyond the inputs (at most 2), "
              f"two plain products {row['product']:.1f} s", flush=True)  # fmt: skip


def coverage(options: argparse.Namespace) -> None:
    """How often nominal 95 % intervals at N contain the expectation, on Gaussian pairs (DEFINITIONS §6)."""
    from platoscope import profile

    rng = np.random.default_rng(2)

    def draw(kind: str, d: int, n: int) -> tuple[Any, Any]:
        X = rng.standard_normal((n, d))
        if kind == "sub-features":
            return X, X[:, : max(1, d // 2)]
        if kind == "noise":
            return X, X + rng.standard_normal((n, d))
        return X, rng.standard_normal((n, d))

    n = 300
    for kind in ("sub-features", "noise", "independent"):
        for d in (10, 200):
            results = [
                profile([X], [Y], measures=["information_imbalance"], rng=0)
                for X, Y in (draw(kind, d, n) for _ in range(options.draws))
            ]
            value = np.array([r.information_imbalance.values[:, 0] for r in results])
            low = np.array([r.information_imbalance_low.values[:, 0] for r in results])
            high = np.array([r.information_imbalance_high.values[:, 0] for r in results])
            expected = value.mean(axis=0)
            hit = ((low <= expected) & (expected <= high)).mean()
            print(f"coverage, {kind}, N={n} D={d}: {hit:.1%} of nominal 95 % over {options.draws} draws, both directions",
                  flush=True)  # fmt: skip


def false_positives(options: argparse.Namespace) -> None:
    """How often the calibrated best-layer claim rejects independent representations at 5 %."""
    from platoscope import compare

    rng = np.random.default_rng(3)
    rejected: dict[str, list[bool]] = {}
    for _ in range(options.draws):
        A, B = rng.standard_normal((2, 4, 100, 20))
        result = compare(A, B, n_resamples=0, n_permutations=99, rng=rng.integers(2**32))
        for name in ("information_imbalance", "neighborhood_overlap", "cka_debiased"):
            for p in np.atleast_1d(result[f"{name}_best_p"].values):
                rejected.setdefault(name, []).append(bool(p <= 0.05))
    for name, values in rejected.items():
        print(
            f"false positives of the best of 4x4 layers, {name}: {np.mean(values):.1%} at 5 % over {options.draws} draws"
        )


def import_time(options: argparse.Namespace) -> None:
    """Time `import platoscope` in fresh interpreters, less that of the interpreter itself."""
    sides = {
        name: lambda code=code: subprocess.run([sys.executable, "-c", code], check=True)
        for name, code in {"import": "import platoscope", "empty": "pass"}.items()
    }
    times = in_turn(sides, 7)
    print(f"import platoscope: {np.median(times['import']) - np.median(times['empty']):.3f} s (at most 0.3)")


SECTIONS = {
    "pair": pair,
    "grid": grid,
    "nulls": nulls,
    "large": large,
    "coverage": coverage,
    "false-positives": false_positives,
    "import": import_time,
}


def main() -> None:
    """Run the chosen sections."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter of an environment with dadapy==0.3.4")
    parser.add_argument("--n", type=int, default=3000)
    parser.add_argument("--layers", type=int, default=33)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 20_000, 40_000, 100_000])
    options = parser.parse_args()
    print(f"{len(os.sched_getaffinity(0))} cores, NumPy {np.__version__}", flush=True)
    for name in options.only:
        SECTIONS[name](options)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


if __name__ == "__main__":
    main()
