"""Compiled sums over two spaces that are joined with many weights, under permutations of one of them."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["gain_rank_sums"]

# Up to so many neighbors are ranked by counting, more by one sort.
_FEW = 32


@njit(nogil=True, cache=True, error_model="numpy")
def _rank_row(distances, i, ranks):
    """Write the average rank of every j as seen from i, which is left out."""
    order = np.argsort(distances)
    place = 0  # of the others that came before
    start = 0
    while start < order.size:
        stop = start
        tied = 0
        while stop < order.size and distances[order[stop]] == distances[order[start]]:
            tied += order[stop] != i
            stop += 1
        for q in range(start, stop):
            ranks[order[q]] = place + (tied + 1) / 2
        place += tied
        start = stop


@njit(nogil=True, cache=True, error_model="numpy")
def _rank_of(distances, i, j):
    """Return the average rank of j as seen from i, by counting: for a few of them a sort would cost more."""
    closer = 0
    tied = 0
    here = distances[j]
    for m in range(distances.size):
        closer += distances[m] < here
        tied += distances[m] == here
    # j ties with itself, and i is not among the others.
    closer -= distances[i] < here
    tied -= 1 + (distances[i] == here)
    return 1 + closer + tied / 2


@njit(nogil=True, cache=True, error_model="numpy")
def _join(given, new, factor, i, row):
    """Write the joined distances from i, infinite to itself."""
    for j in range(given.size):
        row[j] = given[j] + factor * new[j]
    row[i] = np.inf


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"nnan", "nsz", "reassoc"})
def _smallest(row):
    """Return the smallest value; a loop that a compiler makes vectors of."""
    found = np.inf
    for j in range(row.size):
        found = min(found, row[j])
    return found


@njit(nogil=True, cache=True, error_model="numpy")
def _last_place(row, near):
    """Return the distance of the last of the nearest, as many as `near` has room for."""
    k = near.size
    near[:] = np.inf
    for j in range(row.size):
        distance = row[j]
        if distance < near[k - 1]:
            place = k - 1
            while place > 0 and near[place - 1] > distance:
                near[place] = near[place - 1]
                place -= 1
            near[place] = distance
    return near[k - 1]


@njit(nogil=True, cache=True, error_model="numpy")
def _mean_rank(row, last, k, i, target, ranks, ranked):
    """Return the mean rank of the k nearest; those that tie for the last places share them."""
    inside = 0.0
    n_inside = 0
    tied = 0.0
    n_tied = 0
    for j in range(row.size):
        if row[j] <= last:
            rank = ranks[j] if ranked else _rank_of(target, i, j)
            if row[j] < last:
                inside += rank
                n_inside += 1
            else:
                tied += rank
                n_tied += 1
    return (inside + (k - n_inside) * tied / n_tied) / k


@njit(nogil=True, cache=True, error_model="numpy")
def gain_rank_sums(given, new, target, rows, orders, factors, k, start, stop, sums):
    """Add to ``sums[p, w]`` the mean ranks in the target of the k nearest, under ``given + factors[w] * new``.

    `given`, `new` and `target` are squared distances of distinct rows (or anything that orders those of the target), and
    ``rows[:, i]`` the distinct rows of item i in each. Under ``orders[p]`` item i has the row of item ``orders[p, i]``
    in `new`. Items from `start` on ask.
    """
    n = rows.shape[1]
    of_given = np.empty(n)
    of_new = np.empty(n)
    of_target = np.empty(n)
    ranks = np.empty(n)
    row = np.empty(n)
    near = np.empty(k)
    for i in range(start, stop):
        for j in range(n):
            of_given[j] = given[rows[0, i], rows[0, j]]
            of_target[j] = target[rows[2, i], rows[2, j]]
        ranked = orders.shape[0] * factors.size > _FEW
        if ranked:
            _rank_row(of_target, i, ranks)
        for p in range(orders.shape[0]):
            source = new[rows[1, orders[p, i]]]
            for j in range(n):
                of_new[j] = source[rows[1, orders[p, j]]]
            for w in range(factors.size):
                _join(of_given, of_new, factors[w], i, row)
                last = _smallest(row) if k == 1 else _last_place(row, near)
                sums[p, w] += _mean_rank(row, last, k, i, of_target, ranks, ranked)
