"""Compiled sums over two spaces that are joined with many weights, under permutations of one of them."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["gain_rank_sums"]


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
def _nearest_rank(given, new, factor, i, ranks):
    """Return the mean rank of the nearest of the others; those that tie share it."""
    best = np.inf
    total = 0.0
    count = 0
    for j in range(given.size):
        distance = given[j] + factor * new[j]
        if distance <= best and j != i:
            if distance < best:
                best = distance
                total = ranks[j]
                count = 1
            else:
                total += ranks[j]
                count += 1
    return total / count


@njit(nogil=True, cache=True, error_model="numpy")
def _mean_rank(given, new, factor, i, ranks, row, near):
    """Return the mean rank of the nearest of the others, as many as `near` has room for; ties share the last places."""
    k = near.size
    near[:] = np.inf
    for j in range(given.size):
        distance = given[j] + factor * new[j]
        row[j] = distance
        if distance < near[k - 1] and j != i:
            place = k - 1
            while place > 0 and near[place - 1] > distance:
                near[place] = near[place - 1]
                place -= 1
            near[place] = distance
    last = near[k - 1]
    inside = 0.0
    n_inside = 0
    tied = 0.0
    n_tied = 0
    for j in range(row.size):
        if row[j] <= last and j != i:
            if row[j] < last:
                inside += ranks[j]
                n_inside += 1
            else:
                tied += ranks[j]
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
        _rank_row(of_target, i, ranks)
        for p in range(orders.shape[0]):
            source = new[rows[1, orders[p, i]]]
            for j in range(n):
                of_new[j] = source[rows[1, orders[p, j]]]
            for w in range(factors.size):
                if k == 1:
                    sums[p, w] += _nearest_rank(of_given, of_new, factors[w], i, ranks)
                else:
                    sums[p, w] += _mean_rank(of_given, of_new, factors[w], i, ranks, row, near)
