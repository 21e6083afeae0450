"""Nearest neighbors with ties shared, self excluded by index."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from platoscope.arguments import instance
from platoscope.checks import one_of, whole_number
from platoscope.errors import InputError
from platoscope.neighbors._directions import require_nonzero, told_apart
from platoscope.neighbors._exact import exact_scores
from platoscope.neighbors._metrics import check_metric, kind_of, reads_distances, require_answer
from platoscope.neighbors._space import Space
from platoscope.neighbors._threads import over_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from platoscope.neighbors._metrics import OwnMetric

__all__ = ["Neighbors", "block_neighbors", "candidates", "cut_to_room", "nearest_neighbors"]

# As many smallest scores as a matrix is asked for at once: one more than the neighbors that overlap counts by default.
_AT_ONCE = 11
# How many candidates of undecided rows are looked at together, at most: bounds memory on data full of ties.
_CHUNK = 4_000_000


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The nearest neighbors of every item, as a sparse matrix of weights in compressed rows."""

    indptr: npt.NDArray[np.int64]
    """Where the neighbors of each item start, shape (n_samples + 1,)."""
    items: npt.NDArray[np.int32]
    """Neighboring items; ascending within an item."""
    weights: npt.NDArray[np.float64]
    """Expected share under random tie-breaking; sums to 1 over the neighbors of an item."""

    @property
    def constant(self) -> bool:
        """Whether every item has all others as equal neighbors: the representation says nothing."""
        n_samples = len(self.indptr) - 1
        return bool(self.items.size == n_samples * (n_samples - 1) and np.ptp(self.weights) == 0)


def nearest_neighbors(
    space: Space, n_neighbors: int, metric: str | OwnMetric, /, *, ties: str = "average"
) -> Neighbors:
    """Return the `n_neighbors` nearest neighbors of every item of `space`.

    Points that tie for the last place share the weight that is left equally (``ties="average"``),
    or all count as neighbors with one equal weight (``ties="min"``). The result is remembered by
    the space. Rows whose last place float32 cannot decide are decided in float64.

    Raises
    ------
    InputError
        ``n_neighbors`` is not between 1 and ``n_samples - 1``, or a zero vector under cosine.
    """
    instance("space", space, Space, made_by="prepare")
    check_metric("metric", metric)
    one_of("ties", ties, ("average", "min"))
    key = ("neighbors", whole_number("n_neighbors", n_neighbors), metric, ties)
    if key not in space._memo:
        _check(space, n_neighbors, metric)
        apart = told_apart(space, metric)
        rows = _distinct_neighbors(apart, n_neighbors, metric, apart.pieces())
        space._memo[key] = _by_item(apart, n_neighbors, rows, ties)
    found: Neighbors = space._memo[key]
    return found


def _check(space: Space, n_neighbors: int, metric: str | OwnMetric) -> None:
    require_answer(space.metric, metric, space.name)
    if not 1 <= n_neighbors <= space.n_samples - 1:
        message = (
            f"n_neighbors must be between 1 and n_samples - 1 = {space.n_samples - 1}; got {n_neighbors}. "
            "Use fewer neighbors or more items."
        )
        raise InputError(message)
    if metric == "cosine":
        require_nonzero(space)


def block_neighbors(
    space: Space,
    block: tuple[int, int, Any],
    n_neighbors: int,
    metric: str | OwnMetric,
    /,
    *,
    ties: str = "average",
) -> Neighbors:
    """Return the nearest neighbors of the items in one of ``space.pieces()``; all others have none.

    For what needs every block once, and several answers from it. No two items may be equal.
    """
    _check(space, n_neighbors, metric)
    rows = _distinct_neighbors(space, n_neighbors, metric, [block])
    return _by_item(space, n_neighbors, rows, ties)


def _distinct_neighbors(
    space: Space, k: int, metric: str | OwnMetric, blocks: Iterable[tuple[int, int, Any]]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Return candidates of every distinct row in compressed rows, ascending, last ties included."""
    found = []
    needed = np.maximum(k - (space.weights - 1), 0)
    kept = min(k + 1, max(space.n_distinct - 1, 1))
    for start, stop, block in blocks:
        indices, scores = _smallest(space, metric, (start, stop, block), kept)
        last, undecided = _last_place(space, metric, start, indices, scores, needed[start:stop])
        counts = np.where(needed[start:stop] == 0, 0, last + 1)
        counts[undecided] = 0
        taken = np.arange(kept) < counts[:, None]
        found.append((start + np.nonzero(taken)[0], indices[taken], scores[taken].astype(np.float64)))
        # While the block is at hand: a matrix that is not kept would have to be computed again.
        rows = start + undecided
        columns = _cut(indices[undecided], scores[undecided], last[undecided], space.error_bound(metric))
        for chunk, sizes, members in candidates(space, metric, start, block, rows, columns, everything=True):
            owner = np.repeat(rows[chunk], sizes)
            if reads_distances(metric):
                exact = block[owner - start, members].astype(np.float64)
            else:
                exact = exact_scores(space, metric, owner, members)
            order = np.lexsort((exact, owner))
            found.append((owner[order], members[order], exact[order]))
    owner, column, score = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=space.n_distinct))])
    if len(found) > 1:  # those of one row come together, and in order
        order = np.argsort(owner, kind="stable")
        column, score = column[order], score[order]
    return indptr, column.astype(np.int32, copy=False), score


def _smallest(
    space: Space, metric: str | OwnMetric, piece: tuple[int, int, Any], kept: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.floating[Any]]]:
    """Return columns and values of the smallest scores of each row of a piece, ascending; equal ones by column.

    Of a matrix that is kept the space remembers a few more, which one pass finds as well: the next question is about
    another number of neighbors.
    """
    from platoscope.neighbors._kernels import nearest  # numba: 0.3 s to import

    start, stop, block = piece
    key = ("smallest", metric)
    known = space._memo.get(key)  # at once: another thread may remember fewer meanwhile
    if known is not None and known[0].shape[1] >= kept:
        indices, scores = known
        return indices[:, :kept], scores[:, :kept]
    whole = stop - start == space.n_distinct and space.keeps_matrix
    at_once = min(max(kept, _AT_ONCE), max(space.n_distinct - 1, 1)) if whole else kept
    if isinstance(block, np.ndarray):
        indices = np.empty((stop - start, at_once), np.int32)
        scores = np.empty(indices.shape, block.dtype)
        fixed = (kind_of(metric), block, start, space.excess, space.along, space.inverse_norm)
        over_rows(partial(nearest, *fixed, indices, scores), stop - start)
    else:
        indices, scores = block.nearest(space.terms(metric), at_once)
    if whole:
        space._memo[key] = indices, scores
    return indices[:, :kept], scores[:, :kept]


def _last_place(
    space: Space, metric: str | OwnMetric, start: int, indices: Any, scores: Any, needed: Any
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the position of the neighbor that fills the last place, and the rows where it may tie.

    Arrays are about the distinct rows from `start` on.
    """
    kept = indices.shape[1]
    filled = np.cumsum(np.where(indices >= 0, space.weights[indices], 0), axis=1)
    last = np.minimum((filled < needed[:, None]).sum(axis=1), kept - 1)
    errors = space.error_bound(metric)
    err = errors[start : start + len(indices)]
    rows = np.arange(len(indices))
    after = np.minimum(last + 1, kept - 1)
    comparable = (needed > 0) & (last + 1 < kept)
    gap = np.full(len(indices), np.inf)
    np.subtract(scores[rows, after], scores[rows, last], out=gap, where=comparable)
    if metric == "cosine":
        reach = np.full(len(indices), errors.max())
    else:  # a point with a larger error than these two is longer than both, and too far away to matter
        reach = np.maximum(err, errors[np.maximum(indices[rows, last], 0)])
    # Copies of one row may overfill the last place; then who ties with them from below matters too.
    overfull = (filled[rows, last] > needed) & (last > 0) & (needed > 0)
    np.subtract(
        scores[rows, last], scores[rows, last - 1], out=gap, where=overfull & (gap > 2 * err + 8 * reach)
    )
    return last, np.flatnonzero(gap <= 2 * err + 8 * reach)


def _cut(indices: Any, scores: Any, last: Any, errors: Any) -> npt.NDArray[np.int32]:
    """Return, of the nearest of each row up to position `last`, the one that may be farthest.

    No neighbor is farther than it. The one in the last place may be nearer than one before it of which less is known:
    a row that is tiny beside the others, under cosine.
    """
    upper = scores.astype(np.float64) + errors[np.maximum(indices, 0)]
    upper[np.arange(indices.shape[1]) > last[:, None]] = -np.inf
    found: npt.NDArray[np.int32] = indices[np.arange(len(indices)), upper.argmax(axis=1)]
    return found


def candidates(
    space: Space,
    metric: str | OwnMetric,
    start: int,
    block: Any,
    rows: Any,
    columns: Any,
    /,
    *,
    everything: bool = False,
    at_most: npt.NDArray[np.int64] | None = None,
) -> Iterator[tuple[slice, npt.NDArray[np.int64], npt.NDArray[np.int32]]]:
    """Yield ``(chunk, sizes, members)``: the points that float32 cannot tell from `columns`, themselves included.

    `block` has the Gram or distance matrix from row `start` on, and all `rows`. With `everything`, the
    surely closer points are listed too; `at_most`, where it is known, saves counting how many they are.
    In chunks of the queries, of bounded size.
    """
    if not isinstance(block, np.ndarray):
        yield from block.band(space.terms(metric), rows, columns, everything)
        return
    from platoscope.neighbors._band_kernels import band_members  # numba: 0.3 s to import

    kind, *terms, _ = space.terms(metric)
    for chunk in cut_to_room(np.full(len(rows), block.shape[1]) if at_most is None else at_most, _CHUNK):
        row, column = rows[chunk].astype(np.int32), columns[chunk].astype(np.int32)
        sizes = np.zeros(row.size, np.int64)
        scan = partial(band_members, kind, block, start, *terms, row, column, everything, sizes)
        if at_most is None:
            over_rows(partial(scan, sizes, np.zeros(0, np.int32)), row.size)
            room = sizes.copy()
        else:
            room = at_most[chunk]
        indptr = np.concatenate([[0], np.cumsum(room)])
        members = np.empty(int(indptr[-1]), np.int32)
        over_rows(partial(scan, indptr, members), row.size)
        if not np.array_equal(sizes, room):
            used = np.arange(members.size) - np.repeat(indptr[:-1], room) < np.repeat(sizes, room)
            members = members[used]
        yield chunk, sizes, members


def cut_to_room(room: npt.NDArray[np.int64], at_most: int, /) -> Iterator[slice]:
    """Cut queries into runs that need room for `at_most` candidates together, or of one query."""
    ends = np.cumsum(room)
    start = 0
    while start < len(room):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + at_most, side="right")))
        yield slice(start, stop)
        start = stop


def _by_item(space: Space, k: int, rows: Any, ties: str) -> Neighbors:
    """Share the places among tied points, and go from distinct rows to items."""
    from platoscope.neighbors._kernels import share_places  # numba: 0.3 s to import

    indptr, columns, scores = rows
    if ties == "average" and space.one_row_per_item and np.all(np.diff(indptr) == k):
        n_samples = space.n_samples
        items = np.sort(columns.reshape(n_samples, k), axis=1).ravel()
        return Neighbors(np.arange(n_samples + 1, dtype=np.int64) * k, items, np.full(items.size, 1.0 / k))
    members = np.argsort(space.inverse, kind="stable").astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(space.weights)]).astype(np.int64)
    inputs = (space.inverse, members, starts, indptr, columns, scores, k, ties == "min")
    counts = np.zeros(space.n_samples, np.int64)
    share_places(*inputs, counts, np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0))
    item_indptr = np.concatenate([[0], np.cumsum(counts)])
    items = np.empty(int(item_indptr[-1]), np.int32)
    weights = np.empty(items.size)
    share_places(*inputs, counts, item_indptr, items, weights)
    # One number of both sorts several times as fast as two.
    order = np.argsort(np.repeat(np.arange(space.n_samples), counts) * space.n_samples + items)
    return Neighbors(item_indptr, items[order], weights[order])
