"""Ranks by counting: one plus how many are closer, never a sort."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from platoscope.neighbors._directions import told_apart
from platoscope.neighbors._exact import exact_scores
from platoscope.neighbors._nearest import candidates
from platoscope.neighbors._settled import settled_blocks
from platoscope.neighbors._threads import over_rows, sum_over_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from platoscope.neighbors._metrics import OwnMetric
    from platoscope.neighbors._space import Space

__all__ = ["ranks", "sum_over_rank_rows", "visit_rank_rows"]

_ROWS_AT_ONCE = 64


def ranks(
    space: Space,
    indptr: npt.NDArray[np.integer[Any]],
    items: npt.NDArray[np.integer[Any]],
    metric: str | OwnMetric,
    /,
    *,
    ties: str = "average",
    blocks: Iterable[tuple[int, int, Any]] | None = None,
) -> npt.NDArray[np.float64]:
    """Return the rank of items among all others, by distance from a given item.

    Parameters
    ----------
    space : Space
        The representation whose distances are ranked.
    indptr, items : integer arrays of shape (n_samples + 1,) and (n_queries,)
        ``items[indptr[i]:indptr[i + 1]]`` are ranked as seen from item i (never i itself).
    metric : str
        One that `space` can answer.
    ties : {"average", "min"}
        Average rank of the tied block, or one plus the number of strictly closer items.
    blocks : iterable, optional
        Those of ``space.pieces()`` that have the rows of all queries, where they are at hand.

    Returns
    -------
    ndarray of float64, shape (n_queries,)
        Ranks from 1 to ``n_samples - 1``.

    Notes
    -----
    Counting is done on float32 scores with a bound on their error. Where points lie inside the
    bound of the one that is ranked, they are compared again in float64 on the rows as given; on
    real data that is a point in a thousand queries or fewer. The result therefore equals that of a
    float64 brute force, at the price of a float32 matrix product.
    """
    if blocks is None:
        space = told_apart(space, metric)
    rows, columns = space.inverse, space.inverse[items]
    owner = np.repeat(rows, np.diff(indptr))
    strictly, equal = np.empty(len(items)), np.empty(len(items))
    for start, stop, block in space.pieces() if blocks is None else blocks:
        chosen, local, where = _inside(rows, indptr, start, stop)
        strictly[where], equal[where] = _count(
            space, metric, start, block, rows[chosen], local, columns[where]
        )
    own = owner == columns
    # From a row's own copies everything is at distance 0; from any other, those copies are closer.
    strictly = np.where(own, 0.0, strictly + space.weights[owner] - 1)
    equal = np.where(own, space.weights[owner] - 2.0, equal + space.weights[columns] - 1)
    return 1.0 + strictly + (0.5 * equal if ties == "average" else 0.0)


def _inside(rows: Any, indptr: Any, start: int, stop: int) -> tuple[Any, Any, Any]:
    """Return the items whose distinct row is in start:stop, where their queries start, and these queries."""
    chosen = np.flatnonzero((rows >= start) & (rows < stop))
    if chosen.size == rows.size:
        return slice(None), indptr, slice(None)
    lengths = indptr[chosen + 1] - indptr[chosen]
    local = np.concatenate([[0], np.cumsum(lengths)])
    return chosen, local, np.repeat(indptr[chosen] - local[:-1], lengths) + np.arange(local[-1])


def _count(
    space: Space, metric: str | OwnMetric, start: int, block: Any, rows: Any, indptr: Any, columns: Any
) -> tuple[Any, Any]:
    """Return how many items are strictly closer than the queried ones, and how many others tie with them."""
    from platoscope.neighbors._count_kernels import count_closer  # numba: 0.3 s to import

    err = space.error_bound(metric)
    if isinstance(block, np.ndarray):
        below, within = np.empty(len(columns), np.int32), np.empty(len(columns), np.int32)
        kind, *terms = space.terms(metric)
        over_rows(
            partial(count_closer, kind, block, start, *terms, rows, indptr, columns, below, within),
            len(rows),
            minimum=16,
        )
    else:
        below, within = block.count(space.terms(metric), rows, indptr, columns)
    strictly = below.astype(np.float64)
    equal = (within - below - space.weights[columns]).astype(np.float64)
    if err.any():
        owner = np.repeat(rows, np.diff(indptr))
        unsure = np.flatnonzero((equal > 0) & (owner != columns))
        # Items in the band are at least as many as distinct rows in it.
        at_most = (within - below)[unsure].astype(np.int64)
        closer, equal[unsure] = _decide(space, metric, start, block, owner[unsure], columns[unsure], at_most)
        strictly[unsure] += closer
    return strictly, equal


def _decide(
    space: Space, metric: str | OwnMetric, start: int, block: Any, rows: Any, columns: Any, at_most: Any
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return how many are closer and how many tie, of the at most so many points that float32 left open."""
    closer, equal = np.zeros(len(rows)), np.zeros(len(rows))
    for chunk, sizes, members in candidates(space, metric, start, block, rows, columns, at_most=at_most):
        query = np.repeat(np.arange(len(sizes)), sizes)
        score = exact_scores(space, metric, rows[chunk][query], members)
        asked = members == columns[chunk][query]  # once in every query
        threshold = score[asked][query]
        weight = np.where(asked, 0, space.weights[members]).astype(np.float64)
        closer[chunk] = np.bincount(query, weight * (score < threshold), len(sizes))
        equal[chunk] = np.bincount(query, weight * (score == threshold), len(sizes))
    return closer, equal


def visit_rank_rows(
    space: Space, metric: str | OwnMetric, visit: Callable[[int, npt.NDArray[np.float32]], None], /
) -> None:
    """Call ``visit(first_row, rank_rows)`` until every distinct row has been seen, on several threads.

    Entry (r, v) of `rank_rows` is the average rank of an item of distinct row v as seen from an item
    of distinct row ``first_row + r``, read off the matrix, so `space` should be `settled`. Where many ranks of one row are
    needed (permutation nulls), one sort per row is cheaper than a count per rank; only a few rows
    are held at a time.
    """
    for start, stop, tables in _tables(space, metric):

        def work(a: int, b: int, tables: Any = tables) -> None:
            for first, table in tables(a, b):
                visit(first, table)

        over_rows(work, stop - start)


def sum_over_rank_rows(
    space: Space,
    metric: str | OwnMetric,
    added: Callable[[int, npt.NDArray[np.float32]], npt.NDArray[np.float64]],
    /,
) -> npt.NDArray[np.float64]:
    """Return the sum of what ``added(first_row, rank_rows)`` returns for the rows of `visit_rank_rows`.

    It rounds alike on any number of cores: ranks of ties are shared, and thirds do not add up in every order.
    """
    total: npt.NDArray[np.float64] = np.zeros(())
    for start, stop, tables in _tables(space, metric):

        def work(a: int, b: int, tables: Any = tables) -> npt.NDArray[np.float64]:
            found: npt.NDArray[np.float64] = np.zeros(())
            for first, table in tables(a, b):
                found = found + added(first, table)
            return found

        total = total + sum_over_tasks(work, stop - start)
    return total


def _tables(
    space: Space, metric: str | OwnMetric
) -> Iterator[tuple[int, int, Callable[[int, int], Iterator[tuple[int, npt.NDArray[np.float32]]]]]]:
    """Yield the rows of each block, and what gives the ranks of a range of them, few rows at a time."""
    from platoscope.neighbors._kernels import ranks_of_keys, score_rows  # numba: 0.3 s to import

    fixed = (space.excess, space.along, space.inverse_norm)
    for start, stop, block, kind in settled_blocks(space, metric):

        def tables(
            a: int, b: int, block: Any = block, start: int = start, kind: int = kind
        ) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
            for first in range(a, b, _ROWS_AT_ONCE):
                rows = block[first : min(first + _ROWS_AT_ONCE, b)]
                scores = np.empty(rows.shape, block.dtype)
                score_rows(kind, rows, start + first, *fixed, scores, 0, len(rows))
                table = np.empty(rows.shape, np.float32)
                ranks_of_keys(_sorted_keys(scores), space.weights, start + first, table)
                yield start + first, table

        yield start, stop, tables


def _sorted_keys(scores: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int64]:
    """Sort each row; an entry has its place among the scores in the upper half and its column in the lower.

    Sorting integers is several times as fast as an argsort, of which float64 scores have need.
    """
    from platoscope.neighbors._kernels import number_scores, pack_scores  # numba: 0.3 s to import

    keys = np.empty(scores.shape, np.int64)
    if scores.dtype == np.float32:
        pack_scores(scores.view(np.int32), keys)
        keys.sort(axis=1)
    else:
        number_scores(scores, np.argsort(scores, axis=1), keys)
    return keys
