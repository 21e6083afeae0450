"""Run a compiled kernel over blocks of rows on several threads.

The kernels release the GIL, so a thread pool is all the parallelism that is needed: no threading
layer of Numba has to be loaded, compilation stays fast, and the number of threads is the machine's.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["n_threads", "over_rows"]


def n_threads() -> int:
    """Return how many threads the kernels use: the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def over_rows(kernel: Callable[[int, int], object], n_rows: int, /, *, minimum: int = 64) -> None:
    """Call ``kernel(start, stop)`` on ranges that together cover ``range(n_rows)``.

    Several ranges per thread even out rows of unequal cost; ranges never get shorter than `minimum`
    rows, below which a thread costs more than it saves.
    """
    threads = n_threads()
    step = max(minimum, -(-n_rows // (4 * threads)))
    ranges = [(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]
    if threads == 1 or len(ranges) == 1:
        for start, stop in ranges:
            kernel(start, stop)
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(kernel, start, stop) for start, stop in ranges]:
            done.result()
