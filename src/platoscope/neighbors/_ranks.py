"""Ranks by counting: one plus how many are closer, never a sort."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from platoscope.neighbors._exact import exact_scores
from platoscope.neighbors._nearest import KINDS, candidates
from platoscope.neighbors._threads import over_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from platoscope.neighbors._space import Space

__all__ = ["ranks", "visit_rank_rows"]

_ROWS_AT_ONCE = 64


def ranks(
    space: Space,
    indptr: npt.NDArray[np.integer[Any]],
    items: npt.NDArray[np.integer[Any]],
    metric: str,
    /,
    *,
    ties: str = "average",
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
    from platoscope.neighbors._kernels import count_closer

    rows = space.inverse
    columns = space.inverse[items]
    below = np.empty(len(items), np.int32)
    within = np.empty(len(items), np.int32)
    err = space.error_bound(metric)
    order = np.argsort(rows, kind="stable")
    for start, stop, block in space.blocks():
        whole = stop - start == space.n_distinct
        chosen = np.arange(len(rows)) if whole else order[(rows[order] >= start) & (rows[order] < stop)]
        _count_block(
            count_closer, space, KINDS[metric], block, start, err, chosen, indptr, columns, below, within
        )
    owner = np.repeat(rows, np.diff(indptr))
    strictly = below.astype(np.float64)
    tied = within - below - space.weights[columns]
    unsure = np.flatnonzero((tied > 0) & (owner != columns)) if err.any() else np.zeros(0, np.intp)
    equal = tied.astype(np.float64)
    if unsure.size:
        strictly[unsure], equal[unsure] = _decide(
            space, metric, owner[unsure], columns[unsure], strictly[unsure]
        )
    own = owner == columns
    # From a row's own copies everything is at distance 0; from any other, those copies are closer.
    strictly = np.where(own, 0.0, strictly + space.weights[owner] - 1)
    equal = np.where(own, space.weights[owner] - 2.0, equal + space.weights[columns] - 1)
    return 1.0 + strictly + (0.5 * equal if ties == "average" else 0.0)


def _count_block(
    kernel: Any, space: Space, kind: int, block: Any, offset: int, err: Any, chosen: Any, indptr: Any,
    columns: Any, below: Any, within: Any,
) -> None:  # fmt: skip
    fixed = (kind, block, offset, space.sq, space.along, space.inverse_norm, err, space.weights)
    if chosen.size == space.n_samples:
        over_rows(
            partial(kernel, *fixed, space.inverse, indptr, columns, below, within), chosen.size, minimum=16
        )
        return
    lengths = indptr[chosen + 1] - indptr[chosen]
    local = np.concatenate([[0], np.cumsum(lengths)])
    where = np.repeat(indptr[chosen] - local[:-1], lengths) + np.arange(local[-1])
    some_below, some_within = np.empty(where.size, np.int32), np.empty(where.size, np.int32)
    targets, rows = columns[where], space.inverse[chosen]
    over_rows(partial(kernel, *fixed, rows, local, targets, some_below, some_within), chosen.size, minimum=16)
    below[where], within[where] = some_below, some_within


def _decide(space: Space, metric: str, rows: Any, columns: Any, strictly: Any) -> tuple[Any, Any]:
    """Return how many are strictly closer and how many tie, for queries that float32 left open."""
    strictly, equal = strictly.copy(), np.zeros_like(strictly)
    # `candidates` works through the queries block by block; the stable order brings them back.
    order = np.argsort(rows, kind="stable")
    done = 0
    for owner, sizes, members in candidates(space, metric, rows, columns, everything=False):
        query = order[done : done + len(owner)]
        done += len(owner)
        threshold = exact_scores(space, metric, owner, columns[query])
        repeated = np.repeat(np.arange(len(owner)), sizes)
        score = exact_scores(space, metric, owner[repeated], members)
        weight = np.where(members == columns[query][repeated], 0, space.weights[members]).astype(np.float64)
        closer = score < threshold[repeated]
        same = score == threshold[repeated]
        strictly[query] += np.bincount(repeated, weight * closer, len(owner))
        equal[query] += np.bincount(repeated, weight * same, len(owner))
    return strictly, equal


def visit_rank_rows(
    space: Space, metric: str, visit: Callable[[int, npt.NDArray[np.float32]], None], /
) -> None:
    """Call ``visit(first_row, rank_rows)`` until every distinct row has been seen, on several threads.

    Entry (r, v) of `rank_rows` is the average rank of an item of distinct row v as seen from an item
    of distinct row ``first_row + r``; equal float32 scores tie. Where many ranks of one row are
    needed (permutation nulls), one sort per row is cheaper than a count per rank; only a few rows
    are held at a time.
    """
    from platoscope.neighbors._kernels import ranks_of_order, score_rows

    kind, fixed = KINDS[metric], (space.sq, space.along, space.inverse_norm)
    for start, stop, block in space.blocks():

        def work(a: int, b: int, block: Any = block, start: int = start) -> None:
            for first in range(a, b, _ROWS_AT_ONCE):
                rows = block[first : min(first + _ROWS_AT_ONCE, b)]
                scores = np.empty(rows.shape, block.dtype)
                score_rows(kind, rows, start + first, *fixed, scores, 0, len(rows))
                order = np.argsort(scores, axis=1).astype(np.int32)
                table = np.empty(rows.shape, np.float32)
                ranks_of_order(scores, order, space.weights, start + first, table)
                visit(start + first, table)

        over_rows(work, stop - start)
