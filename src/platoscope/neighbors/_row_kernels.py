"""Compiled loops of the preparations of rows; like those of `_kernels`, they work on a range of rows without the GIL.

Every row runs through the same instructions whatever its place, so that equal rows stay equal.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = [
    "LANES",
    "SAMPLE",
    "between",
    "clip_bounds",
    "column_extremes",
    "column_moments",
    "column_squares_of",
    "column_sums_of",
    "count_nonfinite",
    "peak_of",
    "raise_peaks",
    "row_tops",
    "two_smallest",
]

# Of finite values only, which `count_nonfinite` has made sure of.
_FINITE = {"reassoc", "nsz", "contract", "nnan"}
# Values of a row that say where its tails begin: enough that a tail is rarely missed, few to sort.
SAMPLE = 32
# Of that many, a tail of 5 % ends before this place in all but one row in fifty.
_TAIL = 4
LANES = 64


@njit(nogil=True, cache=True, error_model="numpy")
def count_nonfinite(X, start, stop):
    """Return how many rows of X have a NaN or an infinity."""
    n_rows = 0
    for i in range(start, stop):
        row = X[i]
        bad = 0
        for d in range(row.size):
            bad |= (row[d] - row[d]) != 0
        n_rows += bad
    return n_rows


@njit(nogil=True, cache=True, error_model="numpy")
def _select(values, n, k):
    """Move the k-th smallest of the first n values to place k, smaller ones before it, and return it."""
    low = 0
    high = n - 1
    while low < high:
        middle = (low + high) // 2
        a, b, c = values[low], values[middle], values[high]
        pivot = max(min(a, b), min(max(a, b), c))
        place = low if pivot == a else middle if pivot == b else high
        values[place] = values[high]
        # Swapped always and kept sometimes: no branch to guess wrong.
        border = low
        for j in range(low, high):
            value = values[j]
            values[j] = values[border]
            values[border] = value
            border += value < pivot
        values[high] = values[border]
        values[border] = pivot
        if k < border:
            high = border - 1
        elif border > low:
            low = border
        else:  # the smallest: all that equal it go before the rest, or ties would take a pass each
            for j in range(low, high + 1):
                value = values[j]
                values[j] = values[border]
                values[border] = value
                border += value == pivot
            if k < border:
                return pivot
            low = border
    return values[k]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_FINITE)
def two_smallest(values, n, k):
    """Return the k-th smallest of the first n values and the next one, from 0; the last one is its own next."""
    here = _select(values, n, k)
    if k + 1 >= n:
        return here, here
    after = values[k + 1]
    for place in range(k + 2, n):
        after = min(after, values[place])
    return here, after


@njit(nogil=True, cache=True, error_model="numpy")
def _all_of(row, sign, values):
    for d in range(row.size):
        values[d] = sign * row[d]
    return row.size


@njit(nogil=True, cache=True, error_model="numpy")
def _take_sample(row, sample):
    """Copy some values of the row, evenly taken."""
    step = row.size // sample.size
    for s in range(sample.size):
        sample[s] = row[s * step]


@njit(nogil=True, cache=True, error_model="numpy")
def _tails(row, sample, low, high):
    """Write what lies in the lower tail of the row, and the negatives of its upper tail; return how many."""
    if row.size < 8 * sample.size:
        return 0, 0
    _take_sample(row, sample)
    bottom = _select(sample, sample.size, _TAIL)
    top = _select(sample, sample.size, sample.size - 1 - _TAIL)
    n_low = 0
    n_high = 0
    for d in range(row.size):
        value = row[d]
        # As in `_select`: what is not kept is written over.
        low[n_low] = value
        n_low += value <= bottom
        high[n_high] = -value
        n_high += value >= top
    return n_low, n_high


@njit(nogil=True, cache=True, error_model="numpy")
def _largest_sizes(row, sample, high):
    """Write the negatives of the largest absolute values of the row; return how many."""
    if row.size < 8 * sample.size:
        return 0
    _take_sample(row, sample)
    for s in range(sample.size):
        sample[s] = abs(sample[s])
    top = _select(sample, sample.size, sample.size - 1 - _TAIL)
    n_high = 0
    for d in range(row.size):
        size = abs(row[d])
        high[n_high] = -size
        n_high += size >= top
    return n_high


@njit(nogil=True, cache=True, error_model="numpy")
def between(here, after, share):
    """Interpolate linearly between two values that follow each other."""
    return np.float64(here) * (1.0 - share) + np.float64(after) * share


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_FINITE)
def peak_of(row, lanes):
    """Return the largest absolute value of the row; one running maximum per lane, since a single one is slow."""
    lanes[:] = 0
    whole = row.size - row.size % lanes.size
    for first in range(0, whole, lanes.size):
        some = row[first : first + lanes.size]
        for lane in range(lanes.size):
            size = abs(some[lane])
            lanes[lane] = size if size > lanes[lane] else lanes[lane]
    largest = 0.0
    for lane in range(lanes.size):
        largest = max(largest, np.float64(lanes[lane]))
    for d in range(whole, row.size):
        largest = max(largest, np.float64(abs(row[d])))
    return largest


@njit(nogil=True, cache=True, error_model="numpy")
def raise_peaks(X, rows, peaks, start, stop):
    """Raise peaks start:stop to the largest absolute values of those of the given rows of X."""
    lanes = np.empty(LANES, X.dtype)
    for i in range(start, stop):
        peaks[i] = max(peaks[i], peak_of(X[rows[i]], lanes))


@njit(nogil=True, cache=True, error_model="numpy")
def clip_bounds(row, below, low_share, above, high_share, sample, low_tail, high_tail):
    """Return two quantiles of a row.

    The lower one lies between places `below` and ``below + 1`` from the smallest value on, the upper one between
    the places ``above + 1`` and `above` from the largest one on, each `*_share` of the way up. What follows is room:
    for `SAMPLE` values, and twice for a row.
    """
    n_low, n_high = _tails(row, sample, low_tail, high_tail)
    if n_low < below + 2:
        n_low = _all_of(row, 1, low_tail)
    if n_high < above + 2:
        n_high = _all_of(row, -1, high_tail)
    here, after = two_smallest(low_tail, n_low, below)
    low = between(here, after, low_share)
    here, after = two_smallest(high_tail, n_high, above)
    return low, between(-after, -here, high_share)


@njit(nogil=True, cache=True, error_model="numpy")
def row_tops(X, above, share, tops):
    """Write the upper quantile of the absolute values of each row, between places as in `clip_bounds`."""
    tail = np.empty(X.shape[1], X.dtype)
    sample = np.empty(SAMPLE, X.dtype)
    for i in range(len(X)):
        row = X[i]
        n_tail = _largest_sizes(row, sample, tail)
        if n_tail < above + 2:
            n_tail = row.size
            for d in range(row.size):
                tail[d] = -abs(row[d])
        here, after = two_smallest(tail, n_tail, above)
        tops[i] = between(-after, -here, share)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_FINITE)
def column_extremes(X, low, high, start, stop):
    """Lower `low` and raise `high` to what the columns of rows start:stop reach."""
    for i in range(start, stop):
        row = X[i]
        for d in range(row.size):
            value = row[d]
            low[d] = value if value < low[d] else low[d]
            high[d] = value if value > high[d] else high[d]


@njit(nogil=True, cache=True, error_model="numpy")
def column_moments(X, origin, sums, squares, start, stop):
    """Add ``X - origin`` of rows start:stop, and its square, column by column."""
    # Four rows at a time: sums are read and written once for them.
    last = start + (stop - start) // 4 * 4
    for i in range(start, last, 4):
        first, second, third, fourth = X[i], X[i + 1], X[i + 2], X[i + 3]
        for d in range(first.size):
            a = np.float64(first[d]) - origin[d]
            b = np.float64(second[d]) - origin[d]
            c = np.float64(third[d]) - origin[d]
            e = np.float64(fourth[d]) - origin[d]
            # In the order of the rows, so that it does not matter where four of them begin.
            sums[d] = sums[d] + a + b + c + e
            squares[d] = squares[d] + a * a + b * b + c * c + e * e
    for i in range(last, stop):
        row = X[i]
        for d in range(row.size):
            value = np.float64(row[d]) - origin[d]
            sums[d] += value
            squares[d] += value * value


@njit(nogil=True, cache=True, error_model="numpy")
def column_sums_of(X, scale, sums, start, stop):
    """Add ``X * scale`` of rows start:stop, column by column."""
    for i in range(start, stop):
        row = X[i]
        for d in range(row.size):
            sums[d] += np.float64(row[d]) * scale[d]


@njit(nogil=True, cache=True, error_model="numpy")
def column_squares_of(X, scale, mean, sums, start, stop):
    """Add ``(X * scale - mean)²`` of rows start:stop, column by column."""
    for i in range(start, stop):
        row = X[i]
        for d in range(row.size):
            value = np.float64(row[d]) * scale[d] - mean[d]
            sums[d] += value * value
