"""Compiled distances of chosen pairs of rows in float64."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = ["add_cosine", "add_distance", "add_dot", "add_squared", "add_squares_of_rows", "add_unit_dot"]

_REASSOCIATE = {"reassoc", "nsz", "contract"}


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_REASSOCIATE)
def add_squared(X, left, right, scale, out, start, stop):
    """Add the squared Euclidean distances of rows left and right times scale², from their differences.

    Four pairs at a time, whose rows come from memory together; each of them is added up in the same order.
    """
    for p in range(start, stop, 4):
        # Where fewer are left, the last one is computed again.
        q, r, s = min(p + 1, stop - 1), min(p + 2, stop - 1), min(p + 3, stop - 1)
        a, b, c, e = X[left[p]], X[left[q]], X[left[r]], X[left[s]]
        a_, b_, c_, e_ = X[right[p]], X[right[q]], X[right[r]], X[right[s]]
        of_p = of_q = of_r = of_s = 0.0
        for d in range(X.shape[1]):
            at_p = np.float64(a[d]) * scale - np.float64(a_[d]) * scale
            at_q = np.float64(b[d]) * scale - np.float64(b_[d]) * scale
            at_r = np.float64(c[d]) * scale - np.float64(c_[d]) * scale
            at_s = np.float64(e[d]) * scale - np.float64(e_[d]) * scale
            of_p += at_p * at_p
            of_q += at_q * at_q
            of_r += at_r * at_r
            of_s += at_s * at_s
        out[p] += of_p
        if p < q:
            out[q] += of_q
        if q < r:
            out[r] += of_r
        if r < s:
            out[s] += of_s


@njit(nogil=True, cache=True, error_model="numpy")
def add_distance(X, left, right, scale, out, start, stop):
    """Put the Euclidean distances of rows left and right, times scale, beside those in `out`.

    Differences are brought near 1 before they are squared, pair by pair: no square overflows or vanishes.
    """
    for p in range(start, stop):
        a = left[p]
        b = right[p]
        peak = 0.0
        for d in range(X.shape[1]):
            peak = max(peak, abs(np.float64(X[a, d]) * scale - np.float64(X[b, d]) * scale))
        if peak == 0.0:
            continue
        near_one = math.ldexp(1.0, min(max(-math.frexp(peak)[1], -1020), 1020))
        total = 0.0
        for d in range(X.shape[1]):
            difference = (np.float64(X[a, d]) * scale - np.float64(X[b, d]) * scale) * near_one
            total += difference * difference
        out[p] = math.hypot(out[p], math.sqrt(total) / near_one)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_REASSOCIATE)
def add_squares_of_rows(X, rows, peaks, out, start, stop):
    """Add the sum of squares of rows that are divided by their peaks first."""
    for p in range(start, stop):
        row = X[rows[p]]
        total = 0.0
        for d in range(row.size):
            value = np.float64(row[d]) / peaks[p]
            total += value * value
        out[p] += total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_REASSOCIATE)
def add_cosine(X, left, right, left_peak, right_peak, left_inverse, right_inverse, out, start, stop):
    """Add half the squared distances of the unit vectors, which is one minus the cosine.

    Rows are divided by their peaks first: a quotient is rounded once, and so is the same for multiples of one row.
    """
    for p in range(start, stop):
        a = left[p]
        b = right[p]
        total = 0.0
        for d in range(X.shape[1]):
            here = np.float64(X[a, d]) / left_peak[p] * left_inverse[p]
            there = np.float64(X[b, d]) / right_peak[p] * right_inverse[p]
            total += (here - there) * (here - there)
        out[p] += 0.5 * total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_REASSOCIATE)
def add_unit_dot(X, left, right, left_peak, right_peak, left_inverse, right_inverse, out, start, stop):
    """Add the inner products of the unit vectors of `add_cosine`, which are cosines."""
    for p in range(start, stop):
        a = left[p]
        b = right[p]
        total = 0.0
        for d in range(X.shape[1]):
            here = np.float64(X[a, d]) / left_peak[p] * left_inverse[p]
            there = np.float64(X[b, d]) / right_peak[p] * right_inverse[p]
            total += here * there
        out[p] += total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_REASSOCIATE)
def add_dot(X, left, right, out, start, stop):
    """Add the inner products of rows left and right."""
    for p in range(start, stop):
        a = left[p]
        b = right[p]
        total = 0.0
        for d in range(X.shape[1]):
            total += np.float64(X[a, d]) * np.float64(X[b, d])
        out[p] += total
