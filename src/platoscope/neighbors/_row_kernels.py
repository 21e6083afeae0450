"""Compiled loops of the preparations of rows; like those of `_kernels`, they work on a range of rows without the GIL.

Every row runs through the same instructions whatever its place, so that equal rows stay equal.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = [
    "clip_rows",
    "column_extremes",
    "column_squares_of",
    "column_sums_of",
    "count_nonfinite",
    "raise_peaks",
    "row_tops",
    "standardize_rows",
    "unit_rows",
]

# Of finite values only, which `count_nonfinite` has made sure of.
_FINITE = {"reassoc", "nsz", "contract", "nnan"}
# Values of a row that say where its tails begin: enough that a tail is rarely missed, few to sort.
_SAMPLE = 32
# Of that many, a tail of 5 % ends before this place in all but one row in fifty.
_TAIL = 4
_LANES = 64


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
def _two_smallest(values, n, k):
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
def _between(here, after, share):
    """Interpolate linearly between two values that follow each other."""
    return np.float64(here) * (1.0 - share) + np.float64(after) * share


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_FINITE)
def _write_unit(row, low, high, peak, scaled, out):
    """Write the row, clipped to [low, high], divided by its norm; return whether it has none.

    Divided by its peak first, so that no square overflows; and a quotient is rounded once, and so is the same for all
    multiples of a row.
    """
    divisor = peak if peak > 0.0 else 1.0
    total = 0.0
    for d in range(row.size):
        value = np.float64(row[d])
        value = low if value < low else value
        value = high if value > high else value
        value /= divisor
        scaled[d] = value
        total += value * value
    norm = math.sqrt(total)
    divisor = norm if norm > 0.0 else 1.0
    if out.itemsize < scaled.itemsize:  # rounding to float32 hides what a product is less exact
        factor = 1.0 / divisor
        for d in range(row.size):
            out[d] = scaled[d] * factor
    else:
        for d in range(row.size):
            out[d] = scaled[d] / divisor
    return norm == 0.0


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_FINITE)
def _peak(row, lanes):
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
    lanes = np.empty(_LANES, X.dtype)
    for i in range(start, stop):
        peaks[i] = max(peaks[i], _peak(X[rows[i]], lanes))


@njit(nogil=True, cache=True, error_model="numpy")
def unit_rows(X, out, limit, zero):
    """Clamp each row to ±limit and divide it by its norm; set `zero` for those that have none."""
    scaled = np.empty(X.shape[1])
    lanes = np.empty(_LANES, X.dtype)
    for i in range(len(X)):
        peak = min(_peak(X[i], lanes), limit)
        zero[i] |= _write_unit(X[i], -limit, limit, peak, scaled, out[i])


@njit(nogil=True, cache=True, error_model="numpy")
def clip_rows(X, out, below, low_share, above, high_share, zero):
    """Clip each row at two of its quantiles and divide it by its norm; set `zero` for those that have none.

    The lower one lies between places `below` and ``below + 1`` from the smallest value on, the upper one between
    the places ``above + 1`` and `above` from the largest one on, each `*_share` of the way up.
    """
    n_features = X.shape[1]
    scaled = np.empty(n_features)
    low_tail = np.empty(n_features, X.dtype)
    high_tail = np.empty(n_features, X.dtype)
    sample = np.empty(_SAMPLE, X.dtype)
    for i in range(len(X)):
        row = X[i]
        n_low, n_high = _tails(row, sample, low_tail, high_tail)
        if n_low < below + 2:
            n_low = _all_of(row, 1, low_tail)
        if n_high < above + 2:
            n_high = _all_of(row, -1, high_tail)
        here, after = _two_smallest(low_tail, n_low, below)
        low = _between(here, after, low_share)
        here, after = _two_smallest(high_tail, n_high, above)
        high = _between(-after, -here, high_share)
        # Both bounds lie within the row: the larger one is the peak of what is left.
        zero[i] |= _write_unit(row, low, high, max(abs(low), abs(high)), scaled, out[i])


@njit(nogil=True, cache=True, error_model="numpy")
def row_tops(X, above, share, tops):
    """Write the upper quantile of the absolute values of each row, between places as in `clip_rows`."""
    tail = np.empty(X.shape[1], X.dtype)
    sample = np.empty(_SAMPLE, X.dtype)
    for i in range(len(X)):
        row = X[i]
        n_tail = _largest_sizes(row, sample, tail)
        if n_tail < above + 2:
            n_tail = row.size
            for d in range(row.size):
                tail[d] = -abs(row[d])
        here, after = _two_smallest(tail, n_tail, above)
        tops[i] = _between(-after, -here, share)


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


@njit(nogil=True, cache=True, error_model="numpy")
def standardize_rows(X, out, center, spread):
    """Write ``(X - center) / spread``; 0 where the spread is 0."""
    for i in range(len(X)):
        row = X[i]
        for d in range(row.size):
            value = (np.float64(row[d]) - center[d]) / spread[d]
            out[i, d] = value if spread[d] > 0.0 else 0.0
