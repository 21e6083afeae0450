"""Sums of products of item-by-item matrices: what CKA and RSA are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from platoscope.neighbors import over_rows, require_memory, sum_over_tasks

if TYPE_CHECKING:
    from platoscope.measures._nulls import Shuffles

__all__ = ["AT_ONCE", "Rows", "is_grid", "off_diagonal_dots", "permuted_dots", "rows_of"]

Rows: TypeAlias = Callable[[int, int], npt.NDArray[Any]]
"""Rows start:stop of a symmetric matrix of shape (n_samples, n_samples)."""

# Of the rows of all matrices that a thread holds at once.
_CHUNK_BYTES = 32 << 20
# Entries that are summed in float32, without losing more than their own rounding, and that are copied together: few
# enough that those of all matrices stay in a core's own cache.
_SHORT_PIECE = 1 << 14
# Sixteen float32 entries fill a cache line.
_TOGETHER = 16
AT_ONCE = 8
"""Permutations in one product."""
# Entries gathered for it: few enough to stay in a core's own cache.
_GATHERED = 1 << 18


def rows_of(matrix: npt.NDArray[Any], /) -> Rows:
    """Read a matrix that is in memory by rows."""
    return lambda start, stop: matrix[start:stop]


def off_diagonal_dots(
    A: Sequence[Rows], B: Sequence[Rows], pairs: npt.NDArray[np.intp], n_samples: int, /
) -> npt.NDArray[np.float64]:
    """Return ``sum over i != j of A[a][i, j] * B[b][i, j]`` for every pair (a, b), accumulated in float64.

    Matrices are symmetric: what is right of the diagonal counts twice, of a full grid as one matrix product of flattened
    pieces. The diagonal is left out before anything is added up: that of one far item can be so large that nothing would
    be left of the rest.
    """
    add = _add_grid if is_grid(len(A), len(B), len(pairs)) else _add_pairs
    step = max(1, _CHUNK_BYTES // (4 * n_samples * (len(A) + len(B))))

    def work(start: int, stop: int) -> npt.NDArray[np.float64]:
        sums = np.zeros((len(A), len(B)))
        for first in range(start, stop, step):
            last = min(first + step, stop)
            left = [rows(first, last) for rows in A]
            right = [rows(first, last) for rows in B]
            add(sums, left, right, pairs, first)
        return sums

    return sum_over_tasks(work, n_samples)[pairs[:, 0], pairs[:, 1]]


def _add_pairs(sums: Any, left: Sequence[Any], right: Sequence[Any], pairs: Any, first: int) -> None:
    from platoscope.measures._kernels import upper_dot  # numba: 0.3 s to import

    for a, b in pairs:
        sums[a, b] += 2 * upper_dot(left[a], right[b], first)


def _add_grid(sums: Any, left: Sequence[Any], right: Sequence[Any], _: Any, first: int) -> None:
    n_rows, n_samples = left[0].shape
    held = [np.empty((len(side), _SHORT_PIECE), side[0].dtype) for side in (left, right)]
    start = 0
    while start < n_rows:
        corner = first + start
        stop = min(start + max(1, _SHORT_PIECE // (n_samples - corner)), n_rows)
        width = min(n_samples - corner, _SHORT_PIECE)
        for column in range(corner, n_samples, width):
            piece = slice(start, stop), slice(column, min(column + width, n_samples))
            X, Y = (_stacked(side, piece, room) for side, room in zip((left, right), held, strict=True))
            if column == corner:  # what is right of the diagonal stands for both sides of it
                for row in range(stop - start):
                    X[:, row, : row + 1] = 0
            sums += 2 * (X.reshape(len(left), -1) @ Y.reshape(len(right), -1).T)
        start = stop


def _stacked(blocks: Sequence[Any], piece: tuple[slice, slice], room: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Copy a piece of each block into rows of `room`, shape (n_blocks, height, width)."""
    shape = blocks[0][piece].shape
    found = room[:, : shape[0] * shape[1]].reshape(len(blocks), *shape)
    for block, copy in zip(blocks, found, strict=True):
        copy[...] = block[piece]
    return found


def permuted_dots(
    A: Sequence[Rows],
    B: Sequence[Rows],
    pairs: npt.NDArray[np.intp],
    shuffles: Shuffles,
    /,
) -> npt.NDArray[np.float64]:
    """Return ``sum over i != j of A[a][i, j] * B[b][pi(i), pi(j)]``, shape (n_permutations, n_pairs).

    Symmetry is used: only j > i is gathered. Matrices lie entry by entry side by side, so that one
    random access serves many of them: a second copy of them in memory. What is gathered for one order of the
    items is multiplied with all orders of the other side in one matrix product.
    """
    total = np.zeros((len(shuffles.cells), len(pairs)))
    left, right = shuffles.cells.T
    if is_grid(len(A), len(B), len(pairs)):
        for first in range(0, len(B), _TOGETHER):
            mine = np.flatnonzero((pairs[:, 1] >= first) & (pairs[:, 1] < first + _TOGETHER))
            products = _permuted_products(A, B[first : first + _TOGETHER], shuffles)[left, right]
            total[:, mine] = products[:, pairs[mine, 0], pairs[mine, 1] - first]
    elif len(shuffles.left) == 1:
        for first in range(0, len(pairs), _TOGETHER):
            some = pairs[first : first + _TOGETHER]
            products = _permuted_products([A[a] for a in some[:, 0]], [B[b] for b in some[:, 1]], shuffles)
            matched = np.arange(len(some))
            total[:, first : first + _TOGETHER] = products[left, right][:, matched, matched]
    else:
        # A product of several layers would have all their pairs, of which the matched ones alone are asked for.
        for pair, (a, b) in enumerate(pairs):
            total[:, pair] = _composed_products(A[a], B[b], shuffles)[left, right]
    return 2 * total


def _permuted_products(A: Sequence[Rows], B: Sequence[Rows], shuffles: Shuffles) -> npt.NDArray[np.float64]:
    """Return the sums above the diagonal for all orders and pairs, shape (n_left, n_right, n_a, n_b)."""
    from platoscope.measures._kernels import gather_upper  # numba: 0.3 s to import

    n_left, n_samples = shuffles.left.shape
    n_right = len(shuffles.right)
    left_stack, right_stack = _side_by_side(A, n_samples), _side_by_side(B, n_samples)
    step = max(1, _GATHERED // (n_samples * max(n_left * len(A), AT_ONCE * len(B))))
    batches = [slice(k, min(k + AT_ONCE, n_right)) for k in range(0, n_right, AT_ONCE)]

    def work(start: int, stop: int) -> npt.NDArray[np.float64]:
        sums = np.zeros((n_left, n_right, len(A), len(B)))
        left = np.empty(step * n_samples * n_left * len(A), np.float32)
        right = np.empty(step * n_samples * AT_ONCE * len(B), np.float32)
        for first in range(start, stop, step):
            rows = np.arange(first, min(first + step, stop))
            offsets = np.concatenate([[0], np.cumsum(n_samples - 1 - rows)])
            n_entries = int(offsets[-1])
            held = left[: n_entries * n_left * len(A)].reshape(n_entries, n_left, len(A))
            gather_upper(left_stack, shuffles.left, rows, offsets, held, 0, rows.size)
            entries = np.ascontiguousarray(held.reshape(n_entries, -1).T)
            for batch in batches:
                shape = (n_entries, batch.stop - batch.start, len(B))
                gathered = right[: np.prod(shape)].reshape(shape)
                gather_upper(right_stack, shuffles.right[batch], rows, offsets, gathered, 0, rows.size)
                products = entries @ gathered.reshape(n_entries, -1)
                sums[:, batch] += products.reshape(n_left, len(A), *shape[1:]).transpose(0, 2, 1, 3)
        return sums

    return sum_over_tasks(work, n_samples - 1)


def _composed_products(A: Rows, B: Rows, shuffles: Shuffles) -> npt.NDArray[np.float64]:
    """Return the sums above the diagonal of one pair for all orders, shape (n_left, n_right)."""
    from platoscope.measures._kernels import gather_rows  # numba: 0.3 s to import

    (n_left, n_samples), n_right = shuffles.left.shape, len(shuffles.right)
    matrices = A(0, n_samples), B(0, n_samples)
    orders = shuffles.left.astype(np.int32), shuffles.right.astype(np.int32)
    step = max(1, _GATHERED // (n_samples * max(n_left, n_right)))

    def work(start: int, stop: int) -> npt.NDArray[np.float64]:
        sums = np.zeros((n_left, n_right))
        held = [np.empty((len(order), step * n_samples), np.float32) for order in orders]
        for first in range(start, stop, step):
            rows = np.arange(first, min(first + step, stop))
            offsets = np.concatenate([[0], np.cumsum(n_samples - 1 - rows)])
            for matrix, order, entries in zip(matrices, orders, held, strict=True):
                gather_rows(matrix, order, rows, offsets, entries)
            sums += held[0][:, : offsets[-1]] @ held[1][:, : offsets[-1]].T
        return sums

    return sum_over_tasks(work, n_samples - 1)


def is_grid(n_a: int, n_b: int, n_pairs: int, /) -> bool:
    """Tell whether so many of all pairs are asked for that computing all of them is cheaper."""
    return n_pairs > 2 * max(n_a, n_b)


def _side_by_side(matrices: Sequence[Rows], n_samples: int) -> npt.NDArray[np.float32]:
    """Return the matrices along the last axis, shape (n_samples, n_samples, n_matrices)."""
    require_memory(
        4 * n_samples**2 * len(matrices),
        f"Permuting {len(matrices)} matrices of {n_samples} items",
        "Leave CKA and RSA out, use n_permutations=0, or set n_samples.",
    )
    stack = np.empty((n_samples, n_samples, len(matrices)), np.float32)

    def fill(start: int, stop: int) -> None:
        # A few rows at a time, so that what is written in strides stays in a core's own cache.
        for row in range(start, stop, 4):
            last = min(row + 4, stop)
            for m, rows in enumerate(matrices):
                stack[row:last, :, m] = rows(row, last)

    over_rows(fill, n_samples, minimum=64)
    return stack
