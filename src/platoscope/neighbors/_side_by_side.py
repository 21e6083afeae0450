"""Work on whole representations, two at a time, so that cores do not wait for what lies between compiled loops."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from platoscope.neighbors._memory import available_memory
from platoscope.neighbors._space import GRAM_BYTES
from platoscope.neighbors._threads import one_blas_thread, splits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from platoscope.neighbors._metrics import OwnMetric
    from platoscope.neighbors._space import Space

__all__ = ["asked_alone", "map_spaces", "map_two", "prepares_alone"]

_Given = TypeVar("_Given")
_Found = TypeVar("_Found")

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
    (`over_rows`). Items that go `alone` are worked on by the thread that called, while no other is. That thread takes the
    items and calls `done` as well, in order, and errors come as they would one by one.
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
    with one_blas_thread(), ThreadPoolExecutor(2, "platoscope-two", initializer=_mark) as two:
        for item in _errors_last(items, finish):
            if alone(item):
                finish()
                end(work(item))
            else:
                begun.append(two.submit(work, item))
                finish(at_most=1)
        finish()
    return found


def map_spaces(work: Callable[[Space], _Found], spaces: Iterable[Space], /) -> list[_Found]:
    """Return what `work` returns for each space, as `map_two` does; each that is there several times is asked once."""
    spaces = list(spaces)
    different = list({id(space): space for space in spaces}.values())
    found = dict(zip(map(id, different), map_two(work, different, alone=asked_alone), strict=True))
    return [found[id(space)] for space in spaces]


def prepares_alone(X: Any, metric: str | OwnMetric, /) -> bool:
    """Tell whether to prepare `X` while nothing else is.

    It is no plain array, others' code measures it, it is soon done, or so large that its memory must be asked for first.
    """
    parts = X if isinstance(X, (list, tuple)) else (X,)
    if callable(metric) or not all(isinstance(part, np.ndarray) and part.ndim == 2 for part in parts):
        return True
    if len(parts[0]) < _FEW:
        return True
    copies = 3 * sum(part.nbytes for part in parts)  # converted, prepared, centered
    return bool(copies + min(4 * len(parts[0]) ** 2, GRAM_BYTES) > _SHARE * available_memory())


def asked_alone(space: Space) -> bool:
    """Tell whether one thread at a time asks: others' code reads rows, a matrix is not at hand, or it is soon done."""
    others = space.rereads or space.device is not None or not space.keeps_matrix
    return others or space.n_distinct < _FEW


def _mark() -> None:
    _thread.one_of_two = True


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
