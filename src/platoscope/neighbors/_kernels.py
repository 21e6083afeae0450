"""Compiled loops: one pass over the data each, no allocation that grows with it.

Every kernel releases the GIL and works on a range of rows (see `_threads.over_rows`). They see
*distinct* rows (bit-equal items share one row and count with a weight), and a row of "scores" that
orders the others by distance:

- ``EUCLIDEAN``: squared distances ``sq[i] + sq[l] - 2 g[i, l]`` from the Gram matrix of centered rows, all less by the
  same where `sq` are (`Space.excess`): small numbers round by less;
- ``COSINE``: ``1 - cos``, from the same Gram matrix: with ``p = x @ c`` (c the center) one has
  ``x_i @ x_l = g[i, l] + p[i] + p[l] - c @ c``, which loses nothing where all rows share a large mean;
- ``DIRECT``: the block holds the distances themselves.

A score carries rounding error; ``err[l] + err[i]`` bounds it. Kernels return what is certain and
what is not, and `_ranks` and `_nearest` decide the uncertain rest in float64 (module `_exact`).
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = [
    "center_rows",
    "column_squares",
    "column_sums",
    "fill_row",
    "keep_smallest",
    "list_between",
    "nearest",
    "number_scores",
    "pack_scores",
    "ranks_of_keys",
    "room_for",
    "row_moments",
    "score_rows",
    "share_places",
    "write_scores",
]

_REASSOCIATE = {"reassoc", "nsz", "contract"}
# Columns that are looked at together for one that is nearer than those kept.
_STRETCH = 32
# Of the range of values, to find a limit that few do not exceed.
_HALVINGS = 12
# Columns that are looked at together for one that lies between bounds: nearly all of them hold none, as one count tells.
_LISTED = 64


@njit(nogil=True, cache=True, error_model="numpy")
def column_sums(X, shrink, sums, start, stop):
    """Add rows start:stop of X times `shrink` to `sums` (float64); return the largest absolute value seen."""
    # One peak per column, in the dtype of X: a single running maximum would not vectorize.
    peaks = np.zeros(X.shape[1], X.dtype)
    # Four rows at a time: sums and peaks are read and written once for them, and added to in the order of the rows.
    last = start + (stop - start) // 4 * 4
    for i in range(start, last, 4):
        first, second, third, fourth = X[i], X[i + 1], X[i + 2], X[i + 3]
        for d in range(first.size):
            a, b, c, e = first[d], second[d], third[d], fourth[d]
            total = sums[d] + np.float64(a) * shrink + np.float64(b) * shrink
            sums[d] = total + np.float64(c) * shrink + np.float64(e) * shrink
            peak = peaks[d]
            peak = abs(a) if abs(a) > peak else peak
            peak = abs(b) if abs(b) > peak else peak
            peak = abs(c) if abs(c) > peak else peak
            peaks[d] = abs(e) if abs(e) > peak else peak
    for i in range(last, stop):
        row = X[i]
        for d in range(row.size):
            value = row[d]
            sums[d] += np.float64(value) * shrink
            size = abs(value)
            peaks[d] = size if size > peaks[d] else peaks[d]
    largest = 0.0
    for d in range(peaks.size):
        largest = max(largest, np.float64(peaks[d]))
    return largest


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_REASSOCIATE)
def center_rows(X, center, scale, Z, sq, along, raw, start, stop):
    """Write ``scale * X - center`` as float32 to Z; add |z|^2, and x @ center and |x|^2 of the scaled rows.

    The subtraction is done in float64 and rounded once; scaled first, since squares of what is not may overflow. Equal
    rows get equal `sq` whatever their place, because every row runs through the same instructions.
    """
    for i in range(start, stop):
        norm = 0.0
        dot = 0.0
        raw_norm = 0.0
        for d in range(X.shape[1]):
            value = np.float64(X[i, d]) * scale
            z = np.float32(value - center[d])
            Z[i, d] = z
            norm += np.float64(z) * np.float64(z)
            dot += value * center[d]
            raw_norm += value * value
        sq[i] += norm
        along[i] += dot
        raw[i] += raw_norm


@njit(nogil=True, cache=True, error_model="numpy")
def column_squares(Z, squares, start, stop):
    """Add the squares of rows start:stop of Z, column by column, in float64."""
    for i in range(start, stop):
        row = Z[i]
        for d in range(row.size):
            value = np.float64(row[d])
            squares[d] += value * value


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_REASSOCIATE)
def row_moments(block, weights, sums, squares, start, stop):
    """Write the weighted sum and the weighted sum of squares of each row, in float64."""
    for r in range(start, stop):
        row = block[r]
        total = 0.0
        square = 0.0
        for other in range(row.size):
            value = np.float64(row[other])
            share = weights[other] * value
            total += share
            square += share * value
        sums[r] = total
        squares[r] = square


@njit(nogil=True, cache=True, error_model="numpy")
def write_scores(kind, products, here_sq, here_along, here_inverse, sq, along, inverse, row):
    """Write the scores of one row with others, given its products with them and what each of both sides has."""
    if kind == 0:
        two = products.dtype.type(2)  # an int would have all of it done in float64
        for other in range(row.size):
            row[other] = here_sq + sq[other] - two * products[other]
    elif kind == 1:
        for other in range(row.size):
            dot = np.float64(products[other]) + here_along + along[other]
            # Beyond what a cosine can be, only to stay finite: the bound on its error is larger then.
            row[other] = min(max(1.0 - dot * here_inverse * inverse[other], -4.0), 6.0)
    else:
        for other in range(row.size):
            row[other] = products[other]


@njit(nogil=True, cache=True, error_model="numpy")
def fill_row(kind, block, r, i, sq, along, inverse, row):
    """Write the scores of row r of a block, which is row i of all; that with itself is infinite."""
    write_scores(kind, block[r], sq[i], along[i], inverse[i], sq, along, inverse, row)
    row[i] = np.inf


@njit(nogil=True, cache=True, error_model="numpy")
def score_rows(kind, block, offset, sq, along, inverse, out, start, stop):
    """Write the scores of block rows start:stop to `out`; the own column gets +inf."""
    for r in range(start, stop):
        fill_row(kind, block, r, offset + r, sq, along, inverse, out[r])


@njit(nogil=True, cache=True, error_model="numpy")
def _insert(value, place, kept, where):
    """Put a value that is below the last one kept, and its place, where it belongs; equal values stay in order."""
    s = kept.size - 1
    while s > 0 and kept[s - 1] > value:
        kept[s] = kept[s - 1]
        where[s] = where[s - 1]
        s -= 1
    kept[s] = value
    where[s] = place


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"nnan", "nsz"})
def _smallest_of_stretches(row, smallest):
    """Write the smallest value of each `_STRETCH` columns."""
    whole = row.size // _STRETCH
    for stretch in range(whole):
        some = row[stretch * _STRETCH : stretch * _STRETCH + _STRETCH]
        least = some[0]
        for other in range(_STRETCH):  # so many that the compiler knows: it takes them side by side
            least = some[other] if some[other] < least else least
        smallest[stretch] = least
    if whole < smallest.size:
        smallest[whole] = row[whole * _STRETCH :].min()


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"nnan", "nsz"})
def _ends(values):
    """Return the smallest and the largest value."""
    low = high = values[0]
    for place in range(values.size):
        low = values[place] if values[place] < low else low
        high = values[place] if values[place] > high else high
    return low, high


@njit(nogil=True, cache=True, error_model="numpy")
def _reached_by(values, n_wanted):
    """Return a limit that so many values do not exceed, and few more where they differ; infinity where there are fewer."""
    if values.size < n_wanted:
        return values.dtype.type(np.inf)
    low, high = _ends(values)
    if low == -np.inf:  # of a copy; there is no way down to it by halves
        low = high
        for place in range(values.size):
            low = min(low, values[place]) if values[place] > -np.inf else low
    for _ in range(_HALVINGS):
        middle = low + (high - low) * values.dtype.type(0.5)
        found = np.int32(0)
        for place in range(values.size):
            found = np.int32(found + (np.int32(1) if values[place] <= middle else np.int32(0)))
        if found < n_wanted:
            low = middle
        else:
            high = middle
            if found <= n_wanted + n_wanted // 4:
                break
    return high


@njit(nogil=True, cache=True, error_model="numpy")
def room_for(row):
    """Return the arrays that `keep_smallest` works in, for rows like this one."""
    few = np.empty(row.size + 1, row.dtype)
    return np.empty(-(-row.size // _STRETCH), row.dtype), few, np.empty(few.size, np.int32)


@njit(nogil=True, cache=True, error_model="numpy")
def keep_smallest(row, room, kept, where):
    """Write the smallest values of a row, ascending, and their columns; equal ones stay in order, and infinity is none."""
    smallest, few, columns = room
    _smallest_of_stretches(row, smallest)
    # As many values are no larger than that many of the stretches' smallest: no other can be kept.
    limit = _reached_by(smallest, kept.size)
    n_few = 0
    for stretch in range(smallest.size):
        if smallest[stretch] <= limit:
            for other in range(stretch * _STRETCH, min((stretch + 1) * _STRETCH, row.size)):
                # Written always and kept sometimes: no branch to guess wrong.
                few[n_few] = row[other]
                columns[n_few] = other
                n_few += row[other] <= limit
    kept[:] = np.inf
    where[:] = -1
    for place in range(n_few):
        if few[place] < kept[kept.size - 1]:
            _insert(few[place], columns[place], kept, where)


@njit(nogil=True, cache=True, error_model="numpy")
def nearest(kind, block, offset, sq, along, inverse, indices, scores, start, stop):
    """Keep the smallest scores of each row, ascending, self excluded by index."""
    row = np.empty(block.shape[1], block.dtype)
    room = room_for(row)
    for r in range(start, stop):
        fill_row(kind, block, r, offset + r, sq, along, inverse, row)
        keep_smallest(row, room, scores[r], indices[r])


@njit(nogil=True, cache=True, error_model="numpy")
def _some_between(lower, upper, low, high):
    """Tell whether any column of `_LISTED` may lie between the bounds."""
    found = np.int32(0)
    for other in range(_LISTED):  # so many that the compiler knows: it takes them side by side
        inside = np.int32(1) if (lower[other] <= high) & (upper[other] >= low) else np.int32(0)
        found = np.int32(found + inside)
    return found > 0


@njit(nogil=True, cache=True, error_model="numpy")
def list_between(lower, upper, low, high, members, at, end):
    """Write the columns that may lie between `low` and `high`, given bounds on each, to `members`; return where they end.

    They begin at place `at`, and are no more than there is room for up to `end`.
    """
    found = np.empty(_LISTED + 1, members.dtype)
    for first in range(0, lower.size, _LISTED):
        if at == end:
            break
        last = first + _LISTED
        if last > lower.size or _some_between(lower[first:last], upper[first:last], low, high):
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
def pack_scores(bits, keys):
    """Write integers that sort as float32 scores do (given by their `bits`), with the column in the lower half."""
    for r in range(bits.shape[0]):
        for column in range(bits.shape[1]):
            high = np.int64(bits[r, column])
            if high < 0:  # a negative number: sign and magnitude; minus zero becomes zero
                high = -(high & 0x7FFFFFFF)
            keys[r, column] = (high << 32) | column


@njit(nogil=True, cache=True, error_model="numpy")
def number_scores(scores, order, keys):
    """Write the same for scores of any dtype and the order that sorts each row of them: sorted already."""
    for r in range(scores.shape[0]):
        high = np.int64(0)
        for place in range(scores.shape[1]):
            if place > 0 and scores[r, order[r, place]] != scores[r, order[r, place - 1]]:
                high += 1
            keys[r, place] = (high << 32) | order[r, place]


@njit(nogil=True, cache=True, error_model="numpy")
def ranks_of_keys(keys, weights, offset, table):
    """Write the average rank of every column, given each row's keys in their order."""
    n = keys.shape[1]
    for r in range(keys.shape[0]):
        row = keys[r]
        own = weights[offset + r]
        closer = own - 1
        first = 0
        while first < n - 1:  # the last place is the own column, whose score is infinite
            value = row[first] >> 32
            last = first
            size = 0
            while last < n - 1 and row[last] >> 32 == value:
                size += weights[row[last] & 0xFFFFFFFF]
                last += 1
            for place in range(first, last):
                table[r, row[place] & 0xFFFFFFFF] = np.float32(1.0 + closer + 0.5 * (size - 1))
            closer += size
            first = last
        table[r, offset + r] = np.float32(1.0 + 0.5 * (own - 2))


@njit(nogil=True, cache=True, error_model="numpy")
def share_places(
    inverse, members, starts, indptr, columns, scores, k, all_ties, counts, item_indptr, items, weights
):
    """Write the neighbors of every item and their weights; with empty `items`, only their `counts`.

    The other items of an item's own distinct row come first (distance 0), then blocks of equal
    score. A block that fits takes one place per item; the block that meets the last place shares
    what is left equally, or takes it whole where `all_ties`.
    """
    writing = items.size > 0
    for item in range(inverse.size):
        row = inverse[item]
        at = item_indptr[item] if writing else 0
        n_found = 0
        own = starts[row + 1] - starts[row] - 1
        places = float(k)
        if own > 0:
            share = 1.0 if (all_ties or own <= places) else places / own
            for m in range(starts[row], starts[row + 1]):
                if members[m] != item:
                    if writing:
                        items[at + n_found] = members[m]
                        weights[at + n_found] = share
                    n_found += 1
            places -= own
        first = indptr[row]
        while places > 0 and first < indptr[row + 1]:
            last = first
            size = 0
            while last < indptr[row + 1] and scores[last] == scores[first]:
                size += starts[columns[last] + 1] - starts[columns[last]]
                last += 1
            share = 1.0 if (all_ties or size <= places) else places / size
            for c in range(first, last):
                for m in range(starts[columns[c]], starts[columns[c] + 1]):
                    if writing:
                        items[at + n_found] = members[m]
                        weights[at + n_found] = share
                    n_found += 1
            places -= size
            first = last
        counts[item] = n_found
        if writing:
            total = 0.0
            for n in range(at, at + n_found):
                total += weights[n]
            for n in range(at, at + n_found):
                weights[n] /= total
