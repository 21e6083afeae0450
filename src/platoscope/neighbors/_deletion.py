"""What ranks become when one item is left out: of all items, in one pass over each matrix."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.neighbors._samples import Sample, settled_sample
from platoscope.neighbors._settled import kind_in, settled, settled_rows
from platoscope.neighbors._threads import over_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from platoscope.neighbors._metrics import OwnMetric
    from platoscope.neighbors._space import Space

__all__ = ["first_neighbors", "rank_sums_left_out"]

_ROWS_AT_ONCE = 256


def first_neighbors(
    space: Space | Sample, n_neighbors: int, metric: str | OwnMetric, /
) -> npt.NDArray[np.int32]:
    """Return the nearest items of every item, nearest first, shape (n_samples, n_neighbors).

    Read off the matrix of the `settled` space; of items at equal distances the first by index come first.
    """
    from platoscope.neighbors._deletion_kernels import first_of_rows  # numba: 0.3 s to import

    out = np.empty((space.n_samples, n_neighbors), np.int32)
    _over_blocks(space, metric, lambda *rows: first_of_rows(*rows, out))
    return out


def rank_sums_left_out(
    space: Space | Sample, near: npt.NDArray[np.int32], metric: str | OwnMetric, /
) -> npt.NDArray[np.float64]:
    """Return the sum over items of the mean rank of their neighbors, without each item in turn.

    Parameters
    ----------
    space : Space or Sample
        Where items are ranked.
    near : ndarray of shape (n_sources, n_samples, k + 1)
        The k neighbors of every item in several sources, and the one that takes the place of one left out.
    metric : str or callable
        One that `space` can answer.

    Returns
    -------
    ndarray of float64, shape (n_sources, n_samples)
        Entry (s, j) is the sum over all items but j, with neighbors in source s and ranks in `space` among all
        items but j: j's own rank is missing, neighbors that j was are replaced, and ranks that j pushed up fall.

    Notes
    -----
    N² steps per source; read off the matrix of the `settled` space, average ranks of ties.
    """
    from platoscope.neighbors._deletion_kernels import rank_losses  # numba: 0.3 s to import

    n_sources, n_samples, places = near.shape
    lost = np.zeros((n_sources, n_samples), np.int64)
    total = np.zeros(n_sources, np.int64)
    lock = threading.Lock()

    def work(*rows: Any) -> None:
        losses, totals = np.zeros(lost.shape, np.int32), np.zeros(n_sources, np.int64)
        *fixed, start, stop = rows
        rank_losses(*fixed, near, start, stop, losses, totals)
        with lock:
            np.add(lost, losses, out=lost)
            np.add(total, totals, out=total)

    _over_blocks(space, metric, work)
    sums: npt.NDArray[np.float64] = (total[:, None] - lost) / (2.0 * (places - 1))
    return sums


def _over_blocks(space: Space | Sample, metric: str | OwnMetric, work: Callable[..., Any]) -> None:
    """Call ``work(kind, rows of the matrix by item, first of them, norms …, start, stop)`` for all items."""
    if isinstance(space, Sample):
        space = settled_sample(space, metric)
        norms: tuple[Any, ...] = (space.excess, space.along, space.inverse_norm, space.inverse)
        copies = space.copies
        at_once = space.n_samples
    else:
        space = settled(space, metric)
        inverse = space.inverse
        norms = (space.excess[inverse], space.along[inverse], space.inverse_norm[inverse], inverse)
        copies = space.n_distinct < space.n_samples
        at_once = space.n_samples if space.one_row_per_item and space.keeps_matrix else _ROWS_AT_ONCE
    for first in range(0, space.n_samples, at_once):
        last = min(first + at_once, space.n_samples)
        if isinstance(space, Sample):
            block, kind = space.gram_rows(first, last), kind_in(space.source, metric)
        else:
            block, kind = settled_rows(space, metric, first, last)

        def some(start: int, stop: int, block: Any = block, kind: int = kind, first: int = first) -> None:
            work(kind, block, first, *norms, copies, start, stop)

        over_rows(some, len(block), minimum=16)
