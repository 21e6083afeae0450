"""Compiled search for the few points that a float32 score cannot tell apart from a given one."""

from __future__ import annotations

import numpy as np
from numba import njit

from platoscope.neighbors._kernels import fill_row

__all__ = ["band_members"]

# Of the file whose functions are called here: Numba looks at this one only to tell what is stale.
_BUILT_ON = "934c375ea250"

# Columns that are looked at together: nearly all of them hold no member, which one vectorized count tells.
_STRETCH = 64


@njit(nogil=True, cache=True, error_model="numpy")
def _count_in_band(lower, upper, low, high):
    found = np.int32(0)
    for other in range(lower.size):
        inside = np.int32(0) if lower[other] > high or upper[other] < low else np.int32(1)
        found = np.int32(found + inside)
    return found


@njit(nogil=True, cache=True, error_model="numpy")
def _stretch_meets_band(lower, upper, low, high):
    found = np.int32(0)
    for other in range(_STRETCH):  # so many that the compiler knows: it takes them side by side
        inside = np.int32(0) if lower[other] > high or upper[other] < low else np.int32(1)
        found = np.int32(found + inside)
    return found > 0


@njit(nogil=True, cache=True, error_model="numpy")
def _list_band(lower, upper, low, high, found, members, at, end):
    """Write the columns in the band to `members` from `at` on, and no further than to `end`; return where they ended."""
    for first in range(0, lower.size, _STRETCH):
        if at == end:
            break
        last = first + _STRETCH
        if last > lower.size or _stretch_meets_band(lower[first:last], upper[first:last], low, high):
            n_found = 0
            for other in range(first, min(last, lower.size)):
                # Written always and kept sometimes: no branch to guess wrong.
                found[n_found] = other
                n_found += (lower[other] <= high) & (upper[other] >= low)
            for place in range(n_found):
                members[at] = found[place]
                at += 1
    return at


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
    found = np.empty(_STRETCH + 1, members.dtype)
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
        end = _list_band(lower, upper, low, high, found, members, indptr[q], indptr[q + 1])
        sizes[q] = end - indptr[q]
