"""Compiled search for the few points that a float32 score cannot tell apart from a given one."""

from __future__ import annotations

import numpy as np
from numba import njit

from platoscope.neighbors._kernels import fill_row, list_between

__all__ = ["band_members"]

# Of the file whose functions are called here: Numba looks at this one only to tell what is stale.
_BUILT_ON = "83bd56484cd7"


@njit(nogil=True, cache=True, error_model="numpy")
def _count_in_band(lower, upper, low, high):
    found = np.int32(0)
    for other in range(lower.size):
        inside = np.int32(0) if lower[other] > high or upper[other] < low else np.int32(1)
        found = np.int32(found + inside)
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

    With `everything`, surely closer points are listed too. With an empty `members` it only fills
    `sizes`; otherwise `indptr` says where each query writes and how many it has at most. The column
    itself is listed, the row never (its own score is infinite).
    """
    row = np.empty(block.shape[1], block.dtype)
    lower = np.empty_like(row)
    upper = np.empty_like(row)
    filled = -1
    for q in range(start, stop):
        i = rows[q]
        j = columns[q]
        if i != filled:  # in a grid, many queries in a row are about one row
            fill_row(kind, block, i - offset, i, sq, along, inverse, row)
            for other in range(row.size):
                lower[other] = row[other] - err[other]
                upper[other] = row[other] + err[other]
            filled = i
        slack = err[j] + err[i] + err[i]
        low = row.dtype.type(-np.inf) if everything else row[j] - slack
        high = row[j] + slack
        if members.size == 0:
            sizes[q] = _count_in_band(lower, upper, low, high)
            continue
        end = list_between(lower, upper, low, high, members, indptr[q], indptr[q + 1])
        sizes[q] = end - indptr[q]
