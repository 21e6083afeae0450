"""Compiled loops over a sample of the items: what resampling repeats many times."""

from __future__ import annotations

import numpy as np
from numba import njit

from platoscope.neighbors._kernels import fill_row, keep_smallest, room_for

__all__ = ["fill_items", "gather_square", "nearest_in_sample", "rank_sums_in_sample"]

# Of the file whose functions are called here: Numba looks at this one only to tell what is stale.
_BUILT_ON = "83bd56484cd7"


@njit(nogil=True, cache=True, error_model="numpy")
def gather_square(matrix, rows, out):
    """Write ``matrix[rows[p], rows[q]]`` to ``out[p, q]``."""
    for p in range(rows.size):
        source = matrix[rows[p]]
        for q in range(rows.size):
            out[p, q] = source[rows[q]]


@njit(nogil=True, cache=True, error_model="numpy")
def fill_items(kind, block, r, i, sq, along, inverse, rows, copies, out):
    """Write the scores of block row r, which is item i, where the matrix is by item and not by distinct row."""
    fill_row(kind, block, r, i, sq, along, inverse, out)
    if copies:
        for other in range(out.size):
            if rows[other] == rows[i] and other != i:
                out[other] = -np.inf  # a copy of the item: nothing is closer


@njit(nogil=True, cache=True, error_model="numpy")
def nearest_in_sample(kind, block, sq, along, inverse, rows, copies, k, indptr, positions, shares):
    """Write indptr, positions (ascending) and shares of the k nearest neighbors; return how many there are.

    Points that tie for the last place share it. Entries beyond the room in `positions` are counted only.
    """
    n = block.shape[0]
    scores = np.empty(n, block.dtype)
    smallest = np.empty(k, block.dtype)
    where = np.empty(k, np.int32)
    room = room_for(scores)
    filled = np.int64(0)
    for p in range(n):
        fill_items(kind, block, p, p, sq, along, inverse, rows, copies, scores)
        keep_smallest(scores, room, smallest, where)
        last = smallest[k - 1]
        closer = np.int32(0)
        within = np.int32(0)
        for q in range(n):
            closer = np.int32(closer + np.int32(scores[q] < last))
            within = np.int32(within + np.int32(scores[q] <= last))
        share = (k - closer) / (k * (within - closer))
        if filled + within <= positions.size:
            at = filled
            for q in range(n):
                if scores[q] <= last:
                    positions[at] = q
                    shares[at] = 1.0 / k if scores[q] < last else share
                    at += 1
        filled += within
        indptr[p + 1] = filled
    return filled


@njit(nogil=True, cache=True, error_model="numpy")
def rank_sums_in_sample(
    kind, block, sq, along, inverse, rows, copies, indptr, positions, shares, labels, sums
):
    """Add to ``sums[label]`` the shares times the average ranks, within the sample, of the given positions."""
    n = block.shape[0]
    scores = np.empty(n, block.dtype)
    for p in range(n):
        fill_items(kind, block, p, p, sq, along, inverse, rows, copies, scores)
        for entry in range(indptr[p], indptr[p + 1]):
            value = scores[positions[entry]]
            # 1 + closer + half of the others that tie: half of (closer + within, itself included) + 1/2
            both = np.int32(0)
            for q in range(n):
                # Sums of int32 are int64 to Numba, of which half as many go into a register.
                both = np.int32(both + np.int32(scores[q] < value))
                both = np.int32(both + np.int32(scores[q] <= value))
            sums[labels[entry]] += shares[entry] * 0.5 * (1.0 + both)
