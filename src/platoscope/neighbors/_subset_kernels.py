"""Compiled loops over a subset of the items of a kept matrix: what resampling repeats many times.

Scores are compared as they are (float32); rows equal bit for bit still tie exactly.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["subset_neighbors", "subset_rank_sums"]


@njit(nogil=True, cache=True)
def _fill_subset(kind, block, sq, along, inverse, rows, p, out):
    i = rows[p]
    for q in range(rows.size):
        other = rows[q]
        if other == i:
            out[q] = -np.inf  # a copy of the item: nothing is closer
        elif kind == 0:
            out[q] = sq[other] - 2 * block[i, other]
        elif kind == 1:
            dot = np.float64(block[i, other]) + along[i] + along[other]
            out[q] = 1.0 - dot * inverse[i] * inverse[other]
        else:
            out[q] = block[i, other]
    out[p] = np.inf


@njit(nogil=True, cache=True)
def subset_neighbors(kind, block, sq, along, inverse, rows, k):
    """Return indptr, positions (ascending) and shares of the k nearest neighbors within the subset.

    ``rows[p]`` is the distinct row of the p-th item; points that tie for the last place share it.
    """
    n = rows.size
    scores = np.empty(n, block.dtype)
    smallest = np.empty(k, block.dtype)
    indptr = np.zeros(n + 1, np.int64)
    positions = np.empty(n * (k + 2), np.int32)
    shares = np.empty(n * (k + 2))
    filled = 0
    for p in range(n):
        _fill_subset(kind, block, sq, along, inverse, rows, p, scores)
        smallest[:] = np.inf
        for q in range(n):
            value = scores[q]
            if value < smallest[k - 1]:
                s = k - 1
                while s > 0 and smallest[s - 1] > value:
                    smallest[s] = smallest[s - 1]
                    s -= 1
                smallest[s] = value
        last = smallest[k - 1]
        closer = 0
        tied = 0
        for q in range(n):
            closer += 1 if scores[q] < last else 0
            tied += 1 if scores[q] == last else 0
        if filled + closer + tied > positions.size:
            size = 2 * (filled + closer + tied)
            more_positions = np.empty(size, np.int32)
            more_shares = np.empty(size)
            more_positions[:filled] = positions[:filled]
            more_shares[:filled] = shares[:filled]
            positions = more_positions
            shares = more_shares
        for q in range(n):
            if scores[q] <= last:
                positions[filled] = q
                shares[filled] = 1.0 / k if scores[q] < last else (k - closer) / (k * tied)
                filled += 1
        indptr[p + 1] = filled
    return indptr, positions[:filled].copy(), shares[:filled].copy()


@njit(nogil=True, cache=True)
def subset_rank_sums(kind, block, sq, along, inverse, rows, indptr, positions, shares, labels, sums):
    """Add to ``sums[label]`` the shares times the average ranks, within the subset, of the given positions."""
    n = rows.size
    scores = np.empty(n, block.dtype)
    for p in range(n):
        _fill_subset(kind, block, sq, along, inverse, rows, p, scores)
        for entry in range(indptr[p], indptr[p + 1]):
            value = scores[positions[entry]]
            closer = np.int32(0)
            within = np.int32(0)
            for q in range(n):
                closer += np.int32(1) if scores[q] < value else np.int32(0)
                within += np.int32(1) if scores[q] <= value else np.int32(0)
            sums[labels[entry]] += shares[entry] * (1.0 + closer + 0.5 * (within - closer - 1))
