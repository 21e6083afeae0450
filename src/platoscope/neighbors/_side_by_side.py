"""Work on whole representations, two at a time, so that cores do not wait for what lies between compiled loops."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from platoscope.neighbors._memory import available_memory
from platoscope.neighbors._space import GRAM_BYTES
from platoscope.neighbors._threads import ends_with, one_blas_thread, splits
from platoscope.neighbors._transforms import parse_transform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from platoscope.neighbors._metrics import OwnMetric
    from platoscope.neighbors._samples import Sample
    from platoscope.neighbors._space import Space
    from platoscope.neighbors._transforms import Transform

__all__ = ["asked_alone", "is_much", "map_spaces", "map_two", "prepares_alone"]

_Given = TypeVar("_Given")
_Found = TypeVar("_Found")
_Prepared = TypeVar("_Prepared", bound="Space | Sample")

_thread = threading.local()
# Of the available memory, what each of two that are prepared at a time may take: whether it is there is asked before.
_SHARE = 0.25
# Fewer items than these take less time than it takes to start threads.
_FEW = 400


def map_two(
    work: Callable[[_Given], _Found],
    items: Iterable[_Given],
    /,
    *,
    alone: Callable[[_Given], bool],
    done: Callable[[], object] | None = None,
) -> list[_Found]:
    """Return what `work` returns for each item, in order, two of them at a time.

    Such work (to prepare a layer, to rank in it) goes from one compiled loop to the next, and all cores but one wait for
    what lies between. Here they turn to the loops of the other one meanwhile: both give theirs to the same threads
    (`over_rows`). Items that go `alone` are worked on by the thread that called, while no other is, and BLAS has all its
    threads. That thread takes the items and calls `done` as well, in order, and errors come as they would one by one.
    What is under way when one comes, or an interrupt, is given up.
    """
    found: list[_Found] = []
    begun: deque[Future[_Found]] = deque()

    def end(result: _Found) -> None:
        found.append(result)
        if done is not None:
            done()

    def finish(at_most: int = 0) -> None:
        while len(begun) > at_most:
            end(begun.popleft().result())

    if not splits() or getattr(_thread, "one_of_two", False):
        for item in items:
            end(work(item))
        return found
    with _two_threads() as two:
        for item in _errors_last(items, finish):
            if alone(item):
                finish()
                end(work(item))
            else:
                # What NumPy does about overflow, and whatever else goes by context, is as where it was called.
                begun.append(two.submit(copy_context().run, _beside_another, work, item))
                finish(at_most=1)
        finish()
    return found


def map_spaces(
    work: Callable[[_Prepared], _Found],
    spaces: Iterable[_Prepared],
    /,
    *,
    alone: Callable[[_Prepared], bool],
) -> list[_Found]:
    """Return `work` of each space, as `map_two` does; each that is there several times, under any name, is asked once."""
    spaces = list(spaces)
    different = {id(space.memo): space for space in spaces}
    found = map_two(work, different.values(), alone=alone)
    known = dict(zip(different, found, strict=True))
    return [known[id(space.memo)] for space in spaces]


def prepares_alone(X: Any, metric: str | OwnMetric, transform: Transform = "none", /) -> bool:
    """Tell whether to prepare `X` while nothing else is.

    It is no plain array, others' code measures it, BLAS shares it among all cores, it is soon done, or so large that its
    memory must be asked for first.
    """
    parts = X if isinstance(X, (list, tuple)) else (X,)
    plain = all(type(part) in (np.ndarray, np.memmap) and part.ndim == 2 for part in parts)
    if callable(metric) or not plain or len(parts[0]) < _FEW or "whiten" in parse_transform(transform):
        return True
    # Converted (whole numbers to float64), prepared, centered.
    copies = 3 * sum(part.size * (4 if part.dtype.kind == "f" and part.itemsize < 8 else 8) for part in parts)
    return is_much(copies + min(4 * len(parts[0]) ** 2, GRAM_BYTES))


def asked_alone(space: Space) -> bool:
    """Tell whether one thread at a time asks: others' code reads rows, a matrix is not at hand, or it is soon done."""
    others = space.rereads or space.device is not None or not space.keeps_matrix
    return others or space.n_distinct < _FEW


def is_much(n_bytes: int, /) -> bool:
    """Tell whether two that take so many bytes each must not take them together, as each asks for its own alone."""
    return n_bytes > _SHARE * available_memory()


@contextmanager
def _two_threads() -> Iterator[ThreadPoolExecutor]:
    """Give two threads, whose loops end as soon as an error or an interrupt leaves the block."""
    given_up = threading.Event()
    with ThreadPoolExecutor(2, "platoscope-two", initializer=_mark, initargs=(given_up,)) as two:
        try:
            yield two
        except BaseException:
            given_up.set()
            raise


def _mark(given_up: threading.Event) -> None:
    _thread.one_of_two = True
    ends_with(given_up)


def _beside_another(work: Callable[[_Given], _Found], item: _Given) -> _Found:
    with one_blas_thread():
        return work(item)


def _errors_last(items: Iterable[_Given], before: Callable[[], object]) -> Iterator[_Given]:
    """Yield the items; where taking one fails, `before` is called before the error is raised."""
    taken = iter(items)
    while True:
        try:
            item = next(taken)
        except StopIteration:
            return
        except Exception:
            before()
            raise
        yield item
