"""Compiled counts of how many are closer than what is asked about: all of a rank but its near-ties."""

from __future__ import annotations

import numpy as np
from numba import njit

from platoscope.neighbors._kernels import fill_row

__all__ = ["count_closer"]

# Of the file whose functions are called here: Numba looks at this one only to tell what is stale.
_BUILT_ON = "83bd56484cd7"


@njit(nogil=True, cache=True, error_model="numpy")
def _bounds(row, err, i, j):
    """Return what a lower bound must exceed, and an upper bound stay below, to differ from column j for sure."""
    slack = err[j] + err[i] + err[i]
    return row[j] - slack, row[j] + slack


@njit(nogil=True, cache=True, error_model="numpy")
def _weigh_four(upper, lower, weights, low_a, low_b, low_c, low_d, high_a, high_b, high_c, high_d):
    """Return the weight of upper bounds below each of four, and of lower bounds that are not above each of four."""
    none = np.int32(0)
    below_a = below_b = below_c = below_d = none
    within_a = within_b = within_c = within_d = none
    for other in range(upper.size):
        up = upper[other]
        down = lower[other]
        weight = weights[other]
        # Sums of int32 are int64 to Numba, of which half as many go into a register.
        below_a = np.int32(below_a + (weight if up < low_a else none))
        below_b = np.int32(below_b + (weight if up < low_b else none))
        below_c = np.int32(below_c + (weight if up < low_c else none))
        below_d = np.int32(below_d + (weight if up < low_d else none))
        within_a = np.int32(within_a + (weight if down <= high_a else none))
        within_b = np.int32(within_b + (weight if down <= high_b else none))
        within_c = np.int32(within_c + (weight if down <= high_c else none))
        within_d = np.int32(within_d + (weight if down <= high_d else none))
    return below_a, below_b, below_c, below_d, within_a, within_b, within_c, within_d


@njit(nogil=True, cache=True, error_model="numpy")
def _weigh_one(upper, lower, weights, low, high):
    """Return the same of one."""
    none = np.int32(0)
    below = within = none
    for other in range(upper.size):
        below = np.int32(below + (weights[other] if upper[other] < low else none))
        within = np.int32(within + (weights[other] if lower[other] <= high else none))
    return below, within


@njit(nogil=True, cache=True, error_model="numpy")
def count_closer(
    kind, block, offset, sq, along, inverse, err, weights, rows, indptr, columns, below, within, start, stop
):
    """Count, for queries (row, column), the items surely closer and those possibly not farther.

    ``rows[q_row]`` is the distinct row (inside the block) that query list ``indptr[q_row]`` belongs
    to. `below` gets the weight of surely closer points, `within` that of points that may be closer
    or tie, the column itself included, the row itself never.
    """
    row = np.empty(block.shape[1], block.dtype)
    upper = np.empty_like(row)
    lower = np.empty_like(row)
    for q_row in range(start, stop):
        if indptr[q_row] == indptr[q_row + 1]:
            continue
        i = rows[q_row]
        fill_row(kind, block, i - offset, i, sq, along, inverse, row)
        for other in range(row.size):
            upper[other] = row[other] + err[other]
            lower[other] = row[other] - err[other]
        last = indptr[q_row + 1] - 1
        alone = (last - indptr[q_row]) % 4 == 0
        if alone:
            low_a, high_a = _bounds(row, err, i, columns[last])
            below[last], within[last] = _weigh_one(upper, lower, weights, low_a, high_a)
        for q in range(indptr[q_row], last if alone else last + 1, 4):
            # Four queries share what one pass loads; where two or three are left, the last one is counted again.
            a, b, c, d = q, min(q + 1, last), min(q + 2, last), min(q + 3, last)
            low_a, high_a = _bounds(row, err, i, columns[a])
            low_b, high_b = _bounds(row, err, i, columns[b])
            low_c, high_c = _bounds(row, err, i, columns[c])
            low_d, high_d = _bounds(row, err, i, columns[d])
            bounds = low_a, low_b, low_c, low_d, high_a, high_b, high_c, high_d
            four = _weigh_four(upper, lower, weights, *bounds)
            below_a, below_b, below_c, below_d, within_a, within_b, within_c, within_d = four
            below[a], within[a] = below_a, within_a
            below[b], within[b] = below_b, within_b
            below[c], within[c] = below_c, within_c
            below[d], within[d] = below_d, within_d
        for q in range(indptr[q_row], last + 1):
            if columns[q] == i:
                below[q] = 0
                within[q] = 0
