"""Compiled search for the nearest rows in a block that is one of many: some rows ask, others are asked about.

Scores and their bounds are those of `_kernels`, of a rectangle instead of a square.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from platoscope.neighbors._kernels import list_between, write_scores

__all__ = [
    "count_items",
    "list_candidates",
    "list_items",
    "list_unsure_items",
    "score_rectangle",
    "tighten",
    "tighten_items",
]

# Of the file whose functions are called here: Numba looks at this one only to tell what is stale.
_BUILT_ON = "83bd56484cd7"

# Values that are looked at together: nearly all of them hold none that is small, as one vectorized count tells.
_STRETCH = 64


@njit(nogil=True, cache=True, error_model="numpy")
def _fill(kind, product, r, here, there, row):
    """Write the scores of asking row r: those of all rows of the block."""
    sq, along, inverse, _ = here
    sq_there, along_there, inverse_there, _ = there
    write_scores(kind, product[r], sq[r], along[r], inverse[r], sq_there, along_there, inverse_there, row)


@njit(nogil=True, cache=True, error_model="numpy")
def score_rectangle(kind, product, here, there, start, stop):
    """Put scores in the place of the products of rows start:stop."""
    row = np.empty(product.shape[1], product.dtype)
    for r in range(start, stop):
        _fill(kind, product, r, here, there, row)
        product[r] = row


@njit(nogil=True, cache=True, error_model="numpy")
def _keep_small(kept, value):
    """Put a value among the smallest ones, which ascend, in the place of the last of them, if it is smaller."""
    s = kept.size - 1
    if not value < kept[s]:
        return
    while s > 0 and kept[s - 1] > value:
        kept[s] = kept[s - 1]
        s -= 1
    kept[s] = value


@njit(nogil=True, cache=True, error_model="numpy")
def _n_below(values, limit):
    """Return how many values are below the limit."""
    found = np.int32(0)
    for item in range(values.size):
        found = np.int32(found + (np.int32(1) if values[item] < limit else np.int32(0)))
    return found


@njit(nogil=True, cache=True, error_model="numpy")
def _n_up_to(values, limit):
    """Return how many values do not exceed the limit."""
    found = np.int32(0)
    for item in range(values.size):
        found = np.int32(found + (np.int32(1) if values[item] <= limit else np.int32(0)))
    return found


@njit(nogil=True, cache=True, error_model="numpy")
def _some_up_to(values, limit):
    """Tell whether any value of a stretch does not exceed the limit."""
    found = np.int32(0)
    for item in range(_STRETCH):  # so many that the compiler knows: it takes them side by side
        found = np.int32(found + (np.int32(1) if values[item] <= limit else np.int32(0)))
    return found > 0


@njit(nogil=True, cache=True, error_model="numpy")
def _keep_smallest(kept, values):
    """Put those among the smallest ones that are smaller than the last of them."""
    for first in range(0, values.size, _STRETCH):
        last = first + _STRETCH
        if last > values.size or _some_up_to(values[first:last], kept[kept.size - 1]):
            for item in range(first, min(last, values.size)):
                _keep_small(kept, values[item])


@njit(nogil=True, cache=True, error_model="numpy")
def _bounds_of_rows(kind, product, r, own, here, there, row, low, high):
    """Write bounds on the score of each row of a block but the asking one, the lower ones before its own bound is off."""
    _fill(kind, product, r, here, there, row)
    if own >= 0:
        row[own] = np.nan
    err, err_there = here[3][r], there[3]
    for other in range(row.size):
        low[other] = row[other] - err_there[other]
        high[other] = row[other] + err_there[other] + err


@njit(nogil=True, cache=True, error_model="numpy")
def tighten(kind, product, own, here, there, uppers, sizes, start, stop):
    """Lower the k smallest upper bounds of each asking row, and count what may lie within the last of them.

    `own` is the place of the asking row itself in the block, or -1. One whose last bound is -inf asks for nothing.
    """
    n_kept = uppers.shape[1]
    row = np.empty(product.shape[1], product.dtype)
    low, high = np.empty_like(row), np.empty_like(row)
    for r in range(start, stop):
        kept = uppers[r]
        sizes[r] = 0
        if kept[n_kept - 1] == -np.inf:
            continue
        _bounds_of_rows(kind, product, r, own[r], here, there, row, low, high)
        _keep_smallest(kept, high)
        sizes[r] = _n_up_to(low, kept[n_kept - 1] + here[3][r])


@njit(nogil=True, cache=True, error_model="numpy")
def list_candidates(kind, product, own, here, there, uppers, indptr, members, start, stop):
    """Write the places in the block of what `tighten` counted."""
    row = np.empty(product.shape[1], product.dtype)
    low, high = np.empty_like(row), np.empty_like(row)
    for r in range(start, stop):
        if indptr[r] == indptr[r + 1]:
            continue
        _bounds_of_rows(kind, product, r, own[r], here, there, row, low, high)
        reach = uppers[r, uppers.shape[1] - 1] + here[3][r]
        list_between(low, high, -np.float32(np.inf), reach, members, indptr[r], indptr[r + 1])


@njit(nogil=True, cache=True, error_model="numpy")
def _bounds_of_items(kind, product, r, here, there, starts, levels, own, row, low, high):
    """Write bounds on the score of each item of a block, that of its nearest row; NaN for those that do not count."""
    _fill(kind, product, r, here, there, row)
    err, err_there = here[3][r], there[3]
    if row.size == levels.size:  # one row each, which the compiler takes side by side
        for item in range(levels.size):
            counts = levels[item] >= 0
            low[item] = row[item] - err_there[item] - err if counts else np.float32(np.nan)
            high[item] = row[item] + err_there[item] + err if counts else np.float32(np.nan)
        if 0 <= own < levels.size:
            low[own] = high[own] = np.nan
        return
    for item in range(levels.size):
        low[item] = high[item] = np.nan
        if item == own or levels[item] < 0:
            continue
        lowest, highest = np.float32(np.inf), np.float32(np.inf)
        for other in range(starts[item], starts[item + 1]):
            lowest = min(lowest, row[other] - err_there[other])
            highest = min(highest, row[other] + err_there[other])
        low[item] = lowest - err
        high[item] = highest + err


@njit(nogil=True, cache=True, error_model="numpy")
def tighten_items(kind, product, here, there, starts, levels, own, uppers, sizes, start, stop):
    """Lower the k smallest upper bounds of each asking row and level, and count the items that may lie within the last.

    Rows ``starts[g]:starts[g + 1]`` of the block are those of its item g, and ``own[r]`` is the item of asking row r.
    """
    n_kept = uppers.shape[2]
    row = np.empty(product.shape[1], product.dtype)
    low, high = np.empty(levels.size, product.dtype), np.empty(levels.size, product.dtype)
    for r in range(start, stop):
        _bounds_of_items(kind, product, r, here, there, starts, levels, own[r], row, low, high)
        if uppers.shape[1] == 1:
            _keep_smallest(uppers[r, 0], high)
            sizes[r] = _n_up_to(low, uppers[r, 0, n_kept - 1])
            continue
        for item in range(levels.size):
            _keep_small(uppers[r, levels[item]], high[item])
        sizes[r] = 0
        for item in range(levels.size):
            sizes[r] += low[item] <= uppers[r, levels[item], n_kept - 1]


@njit(nogil=True, cache=True, error_model="numpy")
def list_items(kind, product, here, there, starts, levels, own, uppers, indptr, members, start, stop):
    """Write the items of the block that `tighten_items` counted."""
    last = uppers.shape[2] - 1
    row = np.empty(product.shape[1], product.dtype)
    low, high = np.empty(levels.size, product.dtype), np.empty(levels.size, product.dtype)
    for r in range(start, stop):
        at = indptr[r]
        if at == indptr[r + 1]:
            continue
        _bounds_of_items(kind, product, r, here, there, starts, levels, own[r], row, low, high)
        if uppers.shape[1] == 1:
            list_between(low, high, -np.float32(np.inf), uppers[r, 0, last], members, at, indptr[r + 1])
            continue
        for item in range(levels.size):
            if low[item] <= uppers[r, levels[item], last]:
                members[at] = item
                at += 1


@njit(nogil=True, cache=True, error_model="numpy")
def count_items(
    kind, product, here, there, starts, levels, own, bounds, lows, highs, closer, sizes, start, stop
):
    """Add to ``closer[t, level]`` the items that are surely nearer than threshold t, and count those that may be.

    Thresholds ``bounds[r]:bounds[r + 1]`` belong to asking row r, and lie between their `lows` and `highs`.
    """
    row = np.empty(product.shape[1], product.dtype)
    low, high = np.empty(levels.size, product.dtype), np.empty(levels.size, product.dtype)
    for r in range(start, stop):
        first, last = bounds[r], bounds[r + 1]
        top = np.float32(-np.inf)
        for t in range(first, last):
            sizes[t] = 0
            top = max(top, highs[t])
        if first == last:
            continue
        _bounds_of_items(kind, product, r, here, there, starts, levels, own[r], row, low, high)
        if closer.shape[1] == 1:
            for t in range(first, last):
                sure = _n_below(high, lows[t])
                closer[t, 0] += sure
                sizes[t] = _n_up_to(low, highs[t]) - sure
            continue
        for item in range(levels.size):
            if low[item] <= top:
                for t in range(first, last):
                    if high[item] < lows[t]:
                        closer[t, levels[item]] += 1
                    elif low[item] <= highs[t]:
                        sizes[t] += 1


@njit(nogil=True, cache=True, error_model="numpy")
def list_unsure_items(
    kind, product, here, there, starts, levels, own, bounds, lows, highs, indptr, members, start, stop
):
    """Write the items that `count_items` could not tell from a threshold."""
    row = np.empty(product.shape[1], product.dtype)
    low, high = np.empty(levels.size, product.dtype), np.empty(levels.size, product.dtype)
    for r in range(start, stop):
        if indptr[bounds[r]] == indptr[bounds[r + 1]]:
            continue
        _bounds_of_items(kind, product, r, here, there, starts, levels, own[r], row, low, high)
        for t in range(bounds[r], bounds[r + 1]):
            list_between(low, high, lows[t], highs[t], members, indptr[t], indptr[t + 1])
