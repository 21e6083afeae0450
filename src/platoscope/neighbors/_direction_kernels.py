"""Compiled loops that divide: rows by their norms, and features by their spread.

Divisions are most of what a preparation costs, and quotients must be those of a division: one that is rounded once is the
same for all multiples of a row. Rows in float32 take a product with the reciprocal instead and mend it: a fused
multiply-add gives the error of a quotient exactly, and after two corrections it is the rounded one (Markstein, *Computation
of elementary functions on the IBM RISC System/6000 processor*, IBM J. Res. Dev. 34, 1990, theorem 8.3; the second makes
sure of its premise). That holds where nothing overflows or vanishes, which float32 cannot reach in float64.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from platoscope.neighbors._quantile_kernels import guesses, row_bounds
from platoscope.neighbors._row_kernels import LANES, SAMPLE, peak_of

__all__ = ["MARKS", "clip_rows", "direct_again", "standardize_rows", "unit_rows"]

# Of the files whose functions are called here: Numba looks at this one only to tell what is stale.
_BUILT_ON = "9bdaf531291e"

MARKS = 5
"""What is remembered of a row that was divided by its norm: both bounds, peak, norm, and in how many steps it had none."""

_FINITE = {"reassoc", "nsz", "contract", "nnan"}


@intrinsic
def _fused(typing_context, a, b, c):
    """Return ``a * b + c`` rounded once, in float64."""

    def build(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), build


@njit(nogil=True, cache=True, error_model="numpy")
def _quotient(value, divisor, inverse):
    """Return ``value / divisor`` as a division rounds it, given ``inverse = 1 / divisor``; of values that float32 holds."""
    found = value * inverse
    found = _fused(_fused(-found, divisor, value), inverse, found)
    return _fused(_fused(-found, divisor, value), inverse, found)


@njit(nogil=True, cache=True, error_model="numpy")
def _hold(row, low, high, peak, held):
    """Write the row, clipped to [low, high] and divided by its peak, to `held`, in float64."""
    inverse = 1.0 / peak
    if row.itemsize == 4:
        for d in range(row.size):
            value = np.float64(row[d])
            value = low if value < low else value
            value = high if value > high else value
            held[d] = _quotient(value, peak, inverse)
    else:
        for d in range(row.size):
            value = np.float64(row[d])
            value = low if value < low else value
            value = high if value > high else value
            held[d] = value / peak


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_FINITE)
def _norm(held):
    """Return the norm of a row that was divided by its peak, so that no square overflows."""
    total = 0.0
    for d in range(held.size):
        total += held[d] * held[d]
    return math.sqrt(total)


# Not to be reassociated: a product with a reciprocal would be made a division again.
@njit(nogil=True, cache=True, error_model="numpy")
def _write_direction(held, norm, out):
    """Write what `_hold` wrote, divided by its norm."""
    if norm == 0.0:
        norm = 1.0
    if out.itemsize == 4:
        factor = 1.0 / norm  # rounding to float32 hides what a product is less exact
        for d in range(held.size):
            out[d] = held[d] * factor
    else:
        for d in range(held.size):
            out[d] = held[d] / norm


@njit(nogil=True, cache=True, error_model="numpy")
def _direct(row, low, high, peak, marks, held, out):
    """Write the row, clipped to [low, high], divided by its norm, and mark what that took; `held` is room for a row."""
    marks[0], marks[1] = low, high
    marks[2] = peak if peak > 0.0 else 1.0
    _hold(row, low, high, marks[2], held)
    marks[3] = _norm(held)
    marks[4] += marks[3] == 0.0
    _write_direction(held, marks[3], out)


@njit(nogil=True, cache=True, error_model="numpy")
def direct_again(X, out, marks):
    """Write rows once more that were divided by their norms, by their marks: equal bit for bit."""
    held = np.empty(X.shape[1])
    for i in range(len(X)):
        _hold(X[i], marks[i, 0], marks[i, 1], marks[i, 2], held)
        _write_direction(held, marks[i, 3], out[i])


@njit(nogil=True, cache=True, error_model="numpy")
def unit_rows(X, out, limit, marks):
    """Clamp each row to ±limit and divide it by its norm."""
    lanes = np.empty(LANES, X.dtype)
    held = np.empty(X.shape[1])
    for i in range(len(X)):
        peak = min(peak_of(X[i], lanes), limit)
        _direct(X[i], -limit, limit, peak, marks[i], held, out[i])


@njit(nogil=True, cache=True, error_model="numpy")
def clip_rows(X, out, below, low_share, above, high_share, marks):
    """Clip each row at two of its quantiles, those of `clip_bounds`, and divide it by its norm."""
    n_features = X.shape[1]
    room = (
        np.empty(SAMPLE, X.dtype),
        np.empty(n_features + 1, X.dtype),
        np.empty(n_features + 1, X.dtype),
        np.zeros(n_features + -n_features % 8, np.bool_),
    )
    known = guesses()
    held = np.empty(n_features)
    for i in range(len(X)):
        low, high = row_bounds(X[i], (below, above), (low_share, high_share), known, room)
        # Both bounds lie within the row: the larger one is the peak of what is left.
        _direct(X[i], low, high, max(abs(low), abs(high)), marks[i], held, out[i])


@njit(nogil=True, cache=True, error_model="numpy")
def standardize_rows(X, out, center, spread):
    """Write ``(X - center) / spread``; 0 where the spread is 0."""
    inverse = 1.0 / spread
    for i in range(len(X)):
        row, here = X[i], out[i]
        if row.itemsize == 4:
            for d in range(row.size):
                value = _quotient(np.float64(row[d]) - center[d], spread[d], inverse[d])
                here[d] = value if spread[d] > 0.0 else 0.0
        else:
            for d in range(row.size):
                value = (np.float64(row[d]) - center[d]) / spread[d]
                here[d] = value if spread[d] > 0.0 else 0.0
