"""Compiled search for the nearest rows in a block that is one of many: some rows ask, others are asked about.

Scores and their bounds are those of `_kernels`, of a rectangle instead of a square.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["list_candidates", "score_rectangle", "tighten"]


@njit(nogil=True, cache=True, error_model="numpy")
def _fill(kind, product, r, here, there, row):
    """Write the scores of asking row r: those of all rows of the block."""
    sq, along, inverse, _ = here
    sq_there, along_there, inverse_there, _ = there
    if kind == 0:
        for other in range(row.size):
            row[other] = sq[r] + sq_there[other] - 2 * product[r, other]
    else:
        for other in range(row.size):
            dot = np.float64(product[r, other]) + along[r] + along_there[other]
            row[other] = min(max(1.0 - dot * inverse[r] * inverse_there[other], -4.0), 6.0)


@njit(nogil=True, cache=True, error_model="numpy")
def score_rectangle(kind, product, here, there, start, stop):
    """Put scores in the place of the products of rows start:stop."""
    row = np.empty(product.shape[1], product.dtype)
    for r in range(start, stop):
        _fill(kind, product, r, here, there, row)
        product[r] = row


@njit(nogil=True, cache=True, error_model="numpy")
def _within(row, err, reach):
    found = 0
    for other in range(row.size):
        found += row[other] - err[other] <= reach
    return found


@njit(nogil=True, cache=True, error_model="numpy")
def tighten(kind, product, own, here, there, uppers, sizes, start, stop):
    """Lower the k smallest upper bounds of each asking row, and count what may lie within the last of them.

    `own` is the place of the asking row itself in the block, or -1. One whose last bound is -inf asks for nothing.
    """
    n_kept = uppers.shape[1]
    row = np.empty(product.shape[1], product.dtype)
    err, err_there = here[3], there[3]
    for r in range(start, stop):
        kept = uppers[r]
        sizes[r] = 0
        if kept[n_kept - 1] == -np.inf:
            continue
        _fill(kind, product, r, here, there, row)
        if own[r] >= 0:
            row[own[r]] = np.nan
        if _within(row, err_there, kept[n_kept - 1] + err[r]) == 0:
            continue
        for other in range(row.size):
            value = row[other] + err_there[other] + err[r]
            if value < kept[n_kept - 1]:
                s = n_kept - 1
                while s > 0 and kept[s - 1] > value:
                    kept[s] = kept[s - 1]
                    s -= 1
                kept[s] = value
        sizes[r] = _within(row, err_there, kept[n_kept - 1] + err[r])


@njit(nogil=True, cache=True, error_model="numpy")
def list_candidates(kind, product, own, here, there, uppers, indptr, members, start, stop):
    """Write the places in the block of what `tighten` counted."""
    row = np.empty(product.shape[1], product.dtype)
    err, err_there = here[3], there[3]
    for r in range(start, stop):
        if indptr[r] == indptr[r + 1]:
            continue
        _fill(kind, product, r, here, there, row)
        if own[r] >= 0:
            row[own[r]] = np.nan
        reach = uppers[r, uppers.shape[1] - 1] + err[r]
        at = indptr[r]
        for other in range(row.size):
            if row[other] - err_there[other] <= reach:
                members[at] = other
                at += 1
