"""One pair of many items: time by N, and memory beyond the inputs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from measuring.table import Row, verdict

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from measuring.table import Sizes

__all__ = ["large"]

N_FEATURES = 768
ASKED_OF = 100_000


def large(sizes: Sizes, options: Namespace) -> Iterator[Row]:
    """Run every N in a process of its own, whose memory is its own."""
    return (_row(n) for n in sizes.large)


def _row(n: int) -> Row:
    done = subprocess.run(
        [sys.executable, "-m", "measuring.large", str(n)],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    seconds, product, extra = found["seconds"], found["product"], found["extra"] / 1e9
    return Row(
        "large", f"one pair, N = {n:,}, D = {N_FEATURES}", f"{seconds:.1f} s", f"two full products: {product:.1f} s",
        f"{seconds / product:.2f} ×; {seconds / (n / 10_000) ** 2:.2f} s per (10,000)²; {extra:.2f} GB beyond the inputs",
        verdict(extra <= 2, "≤ 2 GB") if n >= ASKED_OF else "",
    )  # fmt: skip


def _status(field: str) -> int:
    """Return a size from /proc/self/status in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def _measure(n: int) -> dict[str, float]:
    import time

    import numpy as np

    from platoscope import information_imbalance

    rng = np.random.default_rng(0)
    information_imbalance(rng.random((64, 4)), rng.random((64, 4)))  # compiled before
    X = rng.standard_normal((n, N_FEATURES), dtype=np.float32)
    Y = rng.standard_normal((n, N_FEATURES), dtype=np.float32)
    Y += X
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak starts again, from the inputs
    before = _status("VmRSS")
    start = time.perf_counter()
    information_imbalance(X, Y)
    seconds = time.perf_counter() - start
    peak = _status("VmHWM")
    return {"seconds": seconds, "extra": peak - before, "product": 2 * _product_seconds(X)}


def _product_seconds(X: object) -> float:
    """Return the time of a full product, in slabs that fit in memory; from 4,000 rows where N is large."""
    import time

    import numpy as np

    assert isinstance(X, np.ndarray)
    n = len(X)
    rows = X[: min(n, 4000)].copy()
    slabs = [slice(at, min(at + 20_000, n)) for at in range(0, n, 20_000)]
    rows @ X[slabs[0]].T
    start = time.perf_counter()
    for slab in slabs:
        rows @ X[slab].T
    return (time.perf_counter() - start) * n / len(rows)


if __name__ == "__main__":
    print(json.dumps(_measure(int(sys.argv[1]))))
