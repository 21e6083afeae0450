"""Compiled search of two quantiles of a row: what lies beyond a guess is counted, and the few values between are sorted.

A count runs through a row some ten times as fast as values can be told apart and moved. Of rows of one layer, the
quantiles of one are a good first guess of those of the next. The answer is exact, and so does not depend on the guess.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from platoscope.neighbors._row_kernels import between, clip_bounds, two_smallest

__all__ = ["guesses", "row_bounds"]

# Of the file whose functions are called here: Numba looks at this one only to tell what is stale.
_BUILT_ON = "91e5da844d87"

_FINITE = {"reassoc", "nsz", "contract", "nnan"}
# Rows shorter than that are sorted sooner than searched; counts of longer ones than the other would round in float32.
_LONG = 512
_TOO_LONG = 1 << 24
# Values between two guesses that are few enough to sort, and how far from the place a guess aims, in places.
_FEW = 48
_ASIDE = 8
_MOST_GUESSES = 12
_WORD = 8


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_FINITE)
def _count_beyond(row, low, high):
    """Return how many values are below `low` and how many above `high`."""
    # In the precision of a value, whose lanes are as many; a row is too short for a sum to be rounded.
    below = row.dtype.type(0)
    above = row.dtype.type(0)
    for d in range(row.size):
        value = row[d]
        below += row.dtype.type(1) if value < low else row.dtype.type(0)
        above += row.dtype.type(1) if value > high else row.dtype.type(0)
    return below, above


@njit(nogil=True, cache=True, error_model="numpy")
def _mark_between(row, edges, inside):
    """Mark the values in [edges[0], edges[1]), and those of which the negative is in [edges[2], edges[3])."""
    low, low_end, high, high_end = edges[0], edges[1], -edges[2], -edges[3]
    for d in range(row.size):
        value = row[d]
        inside[d] = ((value >= low) & (value < low_end)) | ((value <= high) & (value > high_end))


@njit(nogil=True, cache=True, error_model="numpy")
def _take_between(row, edges, inside, low_tail, high_tail):
    """Write what is marked, of either side, the negatives of the upper one; return how many."""
    low, low_end, high, high_end = edges[0], edges[1], -edges[2], -edges[3]
    n_low = 0
    n_high = 0
    words = inside.view(np.uint64)
    for word in range(words.size):
        if words[word]:
            for d in range(word * _WORD, min(word * _WORD + _WORD, row.size)):
                value = row[d]
                # What is not kept is written over.
                low_tail[n_low] = value
                n_low += (value >= low) & (value < low_end)
                high_tail[n_high] = -value
                n_high += (value <= high) & (value > high_end)
    return n_low, n_high


@njit(nogil=True, cache=True, error_model="numpy")
def _next_guess(place, guess, count, edges, counts, step):
    """Take note of how many values are below a guess; return the next one, or the same where there is none to make.

    `edges` and `counts` are those of the nearest guesses known to be no more than at `place`, and beyond the one after it.
    """
    if count <= place:
        edges[0], counts[0] = guess, count
    elif count >= place + 2:
        edges[1], counts[1] = guess, count
    else:
        return guess + step
    before = place + 1 - counts[0]
    after = counts[1] - place - 1
    if np.isinf(edges[1]):
        return edges[0] + step * max(1.0, (before + _ASIDE) / _ASIDE)
    if np.isinf(edges[0]):
        return edges[1] - step * max(1.0, (after + _ASIDE) / _ASIDE)
    if before + after <= _FEW:
        return guess
    width = (edges[1] - edges[0]) / (before + after)
    if before > after:
        return edges[0] + width * max(before - _ASIDE, 0.5 * before)
    return edges[1] - width * max(after - _ASIDE, 0.5 * after)


@njit(nogil=True, cache=True, error_model="numpy")
def _search(row, below, above, guess, step, edges, counts, trial):
    """Narrow the edges of both sides down to few values; tell whether that was done. The upper side is that of -row."""
    for side in range(2):
        edges[2 * side], edges[2 * side + 1] = -np.inf, np.inf
        counts[2 * side], counts[2 * side + 1] = 0, row.size
    trial[0], trial[1] = guess[0], guess[1]
    for attempt in range(_MOST_GUESSES):
        if not (np.isfinite(trial[0]) and np.isfinite(trial[1])):
            return False
        n_low, n_high = _count_beyond(row, trial[0], -trial[1])
        grown = 2.0**attempt
        low = _next_guess(below, trial[0], int(n_low), edges[:2], counts[:2], step[0] * grown)
        high = _next_guess(above, trial[1], int(n_high), edges[2:], counts[2:], step[1] * grown)
        if counts[1] - counts[0] <= _FEW and counts[3] - counts[2] <= _FEW:
            return True
        trial[0], trial[1] = low, high
    return False


@njit(nogil=True, cache=True, error_model="numpy")
def guesses():
    """Return room for what a row leaves to the next: a guess of either quantile, and how far values by it lie apart."""
    return np.full(2, np.nan), np.zeros(2)


@njit(nogil=True, cache=True, error_model="numpy")
def row_bounds(row, places, shares, known, room):
    """Return the quantiles of a row that `clip_bounds` defines, `places` and `shares` being those of both sides.

    `known` is from `guesses`, and `room` a tuple: of the room of `clip_bounds`, and of whole words of marks of a row.
    """
    guess, step = known
    sample, low_tail, high_tail, inside = room
    below, above = places
    if _LONG <= row.size < _TOO_LONG and step[0] > 0.0 and step[1] > 0.0:
        edges = np.empty(4, row.dtype)
        counts = np.empty(4, np.int64)
        if _search(row, below, above, guess, step, edges, counts, np.empty(2, row.dtype)):
            _mark_between(row, edges, inside)
            n_low, n_high = _take_between(row, edges, inside, low_tail, high_tail)
            here, after = two_smallest(low_tail, n_low, below - counts[0])
            low = between(here, after, shares[0])
            guess[0] = here
            here, after = two_smallest(high_tail, n_high, above - counts[2])
            guess[1] = here
            for side in range(2):
                width = np.float64(edges[2 * side + 1]) - np.float64(edges[2 * side])
                step[side] = width / (counts[2 * side + 1] - counts[2 * side]) * _ASIDE
            return low, between(-after, -here, shares[1])
    low, high = clip_bounds(row, below, shares[0], above, shares[1], sample, low_tail, high_tail)
    guess[0], guess[1] = low, -high
    step[0] = step[1] = (high - low) * _ASIDE / row.size
    return low, high
