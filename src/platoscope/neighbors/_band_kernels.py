"""Compiled search for the few points that a float32 score cannot tell apart from a given one."""

from __future__ import annotations

import numpy as np
from numba import njit

from platoscope.neighbors._kernels import _fill

__all__ = ["band_members"]

# Columns that are looked at together: nearly all of them hold no member, which one vectorized count tells.
_STRETCH = 64


@njit(nogil=True, cache=True, error_model="numpy")
def _count_in_band(row, err, low, high):
    found = np.int32(0)
    for other in range(row.size):
        far = row[other] - err[other] > high or row[other] + err[other] < low
        found += np.int32(0) if far else np.int32(1)
    return found


@njit(nogil=True, cache=True, error_model="numpy")
def band_members(
    kind,
    block,
    offset,
    sq,
    along,
    inverse,
    err,
    rows,
    columns,
    everything,
    sizes,
    indptr,
    members,
    start,
    stop,
):
    """List the points that may tie with, or lie on either side of, the score of (row, column).

    With `everything`, surely closer points are listed too. Called twice: with an empty `members`
    it only fills `sizes`; then `indptr` says where each query writes. The column itself is listed,
    the row never (its own score is infinite).
    """
    row = np.empty(block.shape[1], block.dtype)
    for q in range(start, stop):
        i = rows[q]
        j = columns[q]
        _fill(kind, block, i - offset, i, sq, along, inverse, row)
        slack = err[j] + err[i] + err[i]
        low = row.dtype.type(-np.inf) if everything else row[j] - slack
        high = row[j] + slack
        found = 0
        for first in range(0, row.size, _STRETCH):
            last = min(first + _STRETCH, row.size)
            inside = _count_in_band(row[first:last], err[first:last], low, high)
            if inside > 0 and members.size > 0:
                at = indptr[q] + found
                for other in range(first, last):
                    if row[other] - err[other] <= high and row[other] + err[other] >= low:
                        members[at] = other
                        at += 1
            found += inside
        sizes[q] = found
