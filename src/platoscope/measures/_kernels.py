"""Compiled sums over neighbors and matrices, plain and under permutations of the items.

A permutation pi pairs item i of A with item pi[i] of B. None of these computes a distance.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = [
    "add_sure_hits",
    "gather_rows",
    "gather_upper",
    "permuted_rank_sums",
    "row_margins",
    "sparse_dots",
    "upper_dot",
]


@njit(nogil=True, cache=True, error_model="numpy")
def permuted_rank_sums(
    table,
    first_row,
    members,
    starts,
    inverse,
    left,
    left_back,
    right,
    right_back,
    indptr,
    items,
    weights,
    labels,
    sums,
):
    """Add to ``sums[b, a, label]`` the weighted ranks of the source's neighbors, under each pair of orders.

    Item ``left[u, a]`` of the source stands beside item ``right[b, u]`` of the target, and the `_back` of both say at
    which u an item stands. `table` holds ranks in the target from rows ``first_row, ...``; it and one order of the
    target stay in cache together, all orders would not.
    """
    for b in range(right.shape[0]):
        order = right[b]
        back = right_back[b]
        for r in range(table.shape[0]):
            for m in range(starts[first_row + r], starts[first_row + r + 1]):
                sources = left[back[members[m]]]
                for a in range(sources.size):
                    source = sources[a]
                    for q in range(indptr[source], indptr[source + 1]):
                        column = inverse[order[left_back[a, items[q]]]]
                        sums[b, a, labels[q]] += weights[q] * table[r, column]


@njit(nogil=True, cache=True, error_model="numpy")
def sparse_dots(
    indptr_a, items_a, values_a, labels_a, indptr_b, items_b, values_b, labels_b, orders, start, stop, out
):
    """Add to ``out[k, label_a, label_b]`` the sum over items of the products of two sparse rows, permuted.

    Under ``orders[k]``, item i of A meets item ``orders[k, i]`` of B, as rows and as columns. Both sides are
    several matrices side by side; one look at a target's marks serves all matrices of B.
    """
    mark = np.zeros((indptr_b.size - 1, out.shape[2]))
    for k in range(start, stop):
        order = orders[k]
        for i in range(indptr_a.size - 1):
            u = order[i]
            for q in range(indptr_b[u], indptr_b[u + 1]):
                mark[items_b[q], labels_b[q]] = values_b[q]
            for p in range(indptr_a[i], indptr_a[i + 1]):
                found = mark[order[items_a[p]]]
                sums = out[k, labels_a[p]]
                value = values_a[p]
                for b in range(found.size):
                    sums[b] += value * found[b]
            for q in range(indptr_b[u], indptr_b[u + 1]):
                mark[items_b[q], labels_b[q]] = 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def gather_rows(matrix, orders, rows, offsets, out):
    """Write ``matrix[order[i], order[j]]`` for j > i and the given rows i to one row of `out` for every order."""
    n = orders.shape[1]
    source = np.empty(n, matrix.dtype)
    for r in range(rows.size):
        i = rows[r]
        for k in range(orders.shape[0]):
            # Copied in sequence, which memory is quick at, and picked from in the order out of the cache.
            row = matrix[orders[k, i]]
            for j in range(n):
                source[j] = row[j]
            order = orders[k, i + 1 :]
            here = out[k, offsets[r] : offsets[r] + order.size]
            for j in range(order.size):
                here[j] = source[np.uint32(order[j])]  # unsigned: no index from the end has to be looked for


@njit(nogil=True, cache=True, error_model="numpy")
def gather_upper(stack, orders, rows, offsets, out, start, stop):
    """Write ``stack[order[i], order[j]]`` for j > i, the given rows i and every order, entry by entry.

    The last axis of `stack` is the matrices: one random access fetches an entry of all of them.
    """
    n = orders.shape[1]
    for r in range(start, stop):
        i = rows[r]
        for k in range(orders.shape[0]):
            source = stack[orders[k, i]]
            at = offsets[r] - i - 1
            for j in range(i + 1, n):
                entry = source[orders[k, j]]
                for m in range(stack.shape[2]):
                    out[at + j, k, m] = entry[m]


@njit(nogil=True, cache=True, error_model="numpy")
def add_sure_hits(similarity, edge, slack, orders, ks, hits, unsure):
    """Add to ``hits[:, p]`` whether candidate ``orders[p, i]`` is among the k most similar to i.

    Candidates below ``edge[i]`` are known not to be. Where similarities within ``slack[i]`` of the candidate's decide
    for some k, nothing is added and `unsure` says so.
    """
    for i in range(similarity.shape[0]):
        row = similarity[i]
        for p in range(orders.shape[0]):
            target = row[orders[p, i]]
            if target < edge[i]:
                continue
            low = target - slack[i]
            high = target + slack[i]
            closer = np.int32(0)
            within = np.int32(0)
            for j in range(row.size):
                closer += np.int32(row[j] > high)
                within += np.int32(row[j] >= low)
            for s in range(ks.size):
                unsure[p, i] |= closer < ks[s] < within
            if not unsure[p, i]:
                for s in range(ks.size):
                    hits[s, p] += closer < ks[s]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "nsz", "contract"})
def upper_dot(left, right, first):
    """Return the sum of products above the diagonal of rows ``first, ...`` of two matrices, in float64."""
    total = 0.0
    for r in range(left.shape[0]):
        for j in range(first + r + 1, left.shape[1]):
            total += np.float64(left[r, j]) * np.float64(right[r, j])
    return total


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "nsz", "contract"})
def _sums_of(entries):
    """Return the sum and the sum of squares of some entries, in float64."""
    total = 0.0
    square = 0.0
    for j in range(entries.size):
        value = np.float64(entries[j])
        total += value
        square += value * value
    return total, square


@njit(nogil=True, cache=True, error_model="numpy")
def row_margins(block, first, diagonal, off_sums, off_squares):
    """Write the diagonal, and row sums and sums of squares without it, of rows ``first, ...`` of a square matrix."""
    for r in range(block.shape[0]):
        i = first + r
        left, left_square = _sums_of(block[r, :i])
        right, right_square = _sums_of(block[r, i + 1 :])
        diagonal[i] = block[r, i]
        off_sums[i] = left + right
        off_squares[i] = left_square + right_square
