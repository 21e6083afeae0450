"""Run a compiled kernel over blocks of rows on several threads.

The kernels release the GIL, so a thread pool is all the parallelism that is needed: no threading
layer of Numba has to be loaded, compilation stays fast, and there are as many threads as cores that may be used.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import threadpoolctl

from platoscope.cores import available_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

__all__ = [
    "ends_with",
    "in_blocks",
    "map_blocks",
    "map_rows",
    "map_tasks",
    "one_blas_thread",
    "over_rows",
    "over_tasks",
    "splits",
    "sum_over_rows",
    "sum_over_tasks",
]

_Found = TypeVar("_Found")
# Bytes of rows that are worked on together: with what is made of them they stay in a core's own cache.
_BLOCK = 512 << 10
# Ranges whose results are added up: enough for many cores, and so few that what each adds up costs little.
_MOST_RANGES = 64
_FEWEST_ROWS = 256
_FEWEST_TASKS = 32
# Tasks are long, so that many ranges cost nothing beside them.
_TASKS_PER_THREAD = 16

_worker = threading.local()


def over_rows(
    kernel: Callable[[int, int], object], n_rows: int, /, *, minimum: int = 256, per_thread: int = 4
) -> None:
    """Call ``kernel(start, stop)`` on ranges that together cover ``range(n_rows)``.

    Several ranges `per_thread` even out rows of unequal cost; ranges never get shorter than `minimum`
    rows, below which a thread costs more than it saves. Called from inside such a kernel it runs
    in place: the outermost loop is the one that is split.
    """
    threads = available_cores()
    step = max(minimum, -(-n_rows // (per_thread * threads)))
    given_up: threading.Event | None = getattr(_worker, "given_up", None)

    def share(start: int, stop: int) -> None:
        if given_up is None or not given_up.is_set():
            kernel(start, stop)

    if n_rows <= step or not splits():
        share(0, n_rows)
    else:
        ranges = [(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]
        tasks = [_pool(threads).submit(share, start, stop) for start, stop in ranges]
        for task in tasks:
            task.result()
    if given_up is not None and given_up.is_set():
        raise CancelledError


def ends_with(given_up: threading.Event, /) -> None:
    """Have all loops of the thread that asks end soon, with a `CancelledError`, once `given_up` is set."""
    _worker.given_up = given_up


def splits() -> bool:
    """Tell whether loops of the thread that asks are split: there are cores to share them, and it is no share itself."""
    return available_cores() > 1 and not _is_busy()


def _is_busy() -> bool:
    return getattr(_worker, "busy", False)


def map_rows(work: Callable[[int, int], _Found], n_rows: int, /) -> list[_Found]:
    """Return what ``work(start, stop)`` returns on ranges that together cover ``range(n_rows)``, in their order.

    Neither the ranges nor the order depend on how many threads there are: sums of what is returned round alike in every
    run, on any number of cores.
    """
    return _map(work, _fixed_ranges(n_rows, _FEWEST_ROWS), partial(over_rows, minimum=1))


def map_tasks(work: Callable[[int, int], _Found], n_tasks: int, /) -> list[_Found]:
    """Return what ``work(start, stop)``, which may call BLAS, returns on ranges that are fixed, as in `map_rows`."""
    return _map(work, _fixed_ranges(n_tasks, _FEWEST_TASKS), over_tasks)


def _map(
    work: Callable[[int, int], _Found],
    ranges: list[tuple[int, int]],
    over: Callable[[Callable[[int, int], object], int], None],
) -> list[_Found]:
    found: list[Any] = [None] * len(ranges)

    def some(first: int, last: int) -> None:
        for place in range(first, last):
            found[place] = work(*ranges[place])

    over(some, len(ranges))
    return found


def _fixed_ranges(n: int, fewest: int) -> list[tuple[int, int]]:
    step = max(fewest, -(-n // _MOST_RANGES))
    return [(start, min(start + step, n)) for start in range(0, max(n, 1), step)]


def map_blocks(
    work: Callable[[_Found, int, int], object],
    parts: Sequence[npt.NDArray[Any]],
    start_with: Callable[[int], _Found],
    /,
) -> list[_Found]:
    """Return what few rows at a time of all parts, ``work(found, start, stop)``, add to ``start_with(first_row)``.

    The ranges that start anew are those of `map_rows`, and so is their order.
    """
    step = max(1, _BLOCK // sum(part.itemsize * part.shape[1] for part in parts))

    def of_rows(start: int, stop: int) -> _Found:
        found = start_with(start)
        for first in range(start, stop, step):
            work(found, first, min(first + step, stop))
        return found

    return map_rows(of_rows, len(parts[0]))


def in_blocks(work: Callable[[int, int], object], parts: Sequence[npt.NDArray[Any]], /) -> None:
    """Call ``work(start, stop)`` on few rows at a time of all parts, until all had their turn."""
    map_blocks(lambda _, start, stop: work(start, stop), parts, lambda _: None)


def sum_over_rows(
    kernel: Callable[..., object], X: npt.NDArray[Any], /, *fixed: Any
) -> npt.NDArray[np.float64]:
    """Return what ``kernel(X, *fixed, sums, start, stop)`` adds up by column, in float64, alike on any number of cores."""

    def of_rows(start: int, stop: int) -> npt.NDArray[np.float64]:
        sums = np.zeros(X.shape[1])
        kernel(X, *fixed, sums, start, stop)
        return sums

    total: npt.NDArray[np.float64] = np.sum(map_rows(of_rows, len(X)), axis=0)
    return total


def over_tasks(work: Callable[[int, int], object], n_tasks: int, /) -> None:
    """Call ``work(start, stop)`` on ranges that cover ``range(n_tasks)``, for work that itself calls BLAS.

    Each task may be long. BLAS is held to one thread meanwhile: two levels of threads on the same
    cores wait for each other. Called from inside such work it runs in place, as `over_rows` does.
    """
    if _is_busy():  # the outermost loop holds BLAS already
        work(0, n_tasks)
        return
    with one_blas_thread():
        over_rows(work, n_tasks, minimum=1, per_thread=_TASKS_PER_THREAD)


def sum_over_tasks(
    work: Callable[[int, int], npt.NDArray[np.float64]], n_tasks: int, /
) -> npt.NDArray[np.float64]:
    """Return the sum of what ``work(start, stop)``, which may call BLAS, returns on ranges that cover ``range(n_tasks)``.

    As in `map_rows`, it rounds alike on any number of cores. BLAS is held to one thread, as in `over_tasks`.
    """
    ranges = _fixed_ranges(n_tasks, _FEWEST_TASKS)
    total = _RunningSum()

    def some(first: int, last: int) -> None:
        for place in range(first, last):
            total.add(place, work(*ranges[place]))

    over_tasks(some, len(ranges))
    return total.found


class _RunningSum:
    """Adds up parts in their order, whichever comes first; what it is given is its own."""

    found: npt.NDArray[np.float64]

    def __init__(self) -> None:
        self._next = 0
        self._waiting: dict[int, npt.NDArray[np.float64]] = {}
        self._lock = threading.Lock()

    def add(self, place: int, part: npt.NDArray[np.float64]) -> None:
        with self._lock:
            self._waiting[place] = part
            while self._next in self._waiting:
                part = self._waiting.pop(self._next)
                if self._next:
                    self.found += part
                else:
                    self.found = part
                self._next += 1


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread until the last of all that ask for it at the same time has ended, in whatever thread."""
    with _holding.lock:
        if _holding.limit is None:
            # Since 3.8 threadpoolctl leaves an OpenBLAS to the thread that limited it first, which may be the user's.
            _give_up_openblas()
            _holding.limit = _blas().limit(limits=1, user_api="blas")
        _holding.n += 1
    try:
        yield
    finally:
        with _holding.lock:
            _holding.n -= 1
            if _holding.n == 0:
                _give_up_openblas()
                _holding.limit.restore_original_limits()
                _give_up_openblas()
                _holding.limit = None


def _give_up_openblas() -> None:
    controller: Any = getattr(threadpoolctl, "OpenBLASController", None)
    if hasattr(controller, "clear_controlling_thread"):
        controller.clear_controlling_thread(force=True)


class _Holding:
    """How many hold BLAS to one thread, and what ends it: None where it has its own threads."""

    limit: Any = None

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start anew, with nobody who holds it; the first who then does ends what a parent process had begun."""
        self.lock = threading.Lock()
        self.n = 0


_holding = _Holding()


@lru_cache(maxsize=1)
def _blas() -> threadpoolctl.ThreadpoolController:
    return threadpoolctl.ThreadpoolController()


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    def mark_busy() -> None:
        _worker.busy = True

    return ThreadPoolExecutor(threads, thread_name_prefix="platoscope", initializer=mark_busy)


if hasattr(os, "register_at_fork"):
    # Threads do not survive a fork: a child process starts a pool of its own, and none holds BLAS there.
    os.register_at_fork(after_in_child=_pool.cache_clear)
    os.register_at_fork(after_in_child=_holding.forget)
