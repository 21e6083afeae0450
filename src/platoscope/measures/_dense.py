"""Sums of products of item-by-item matrices: what CKA and RSA are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from platoscope.neighbors import over_rows, require_memory

__all__ = ["Rows", "dots", "permuted_dots"]

Rows: TypeAlias = Callable[[int, int], npt.NDArray[Any]]
"""Rows start:stop of a symmetric matrix of shape (n_samples, n_samples)."""

_CHUNK_BYTES = 128 << 20
# Sixteen float32 entries fill a cache line.
_TOGETHER = 16
# Entries gathered at a time: small enough to be multiplied while they are in cache.
_PIECE = 1 << 17


def dots(
    A: Sequence[Rows], B: Sequence[Rows], pairs: npt.NDArray[np.intp], n_samples: int, /
) -> npt.NDArray[np.float64]:
    """Return ``sum(A[a] * B[b])`` for every pair (a, b), accumulated in float64.

    A full grid is one matrix product of flattened matrices, cut into chunks of rows.
    """
    total = np.zeros((len(A), len(B)))
    grid = len(pairs) > 2 * max(len(A), len(B))
    for start, stop in _chunks(n_samples, len(A) + len(B)):
        left = [rows(start, stop).reshape(-1) for rows in A]
        right = [rows(start, stop).reshape(-1) for rows in B]
        # Pieces of this length are summed in float32 without losing more than the entries' own rounding.
        for piece in range(0, left[0].size, 1 << 16):
            part = slice(piece, piece + (1 << 16))
            if grid:
                total += np.stack([row[part] for row in left]) @ np.stack([row[part] for row in right]).T
            else:
                for a, b in pairs:
                    total[a, b] += np.dot(left[a][part], right[b][part])
    return total[pairs[:, 0], pairs[:, 1]]


def permuted_dots(
    A: Sequence[Rows],
    B: Sequence[Rows],
    pairs: npt.NDArray[np.intp],
    orders: npt.NDArray[np.intp],
    /,
) -> npt.NDArray[np.float64]:
    """Return ``sum over i != j of A[a][i, j] * B[b][pi(i), pi(j)]``, shape (n_permutations, n_pairs).

    Symmetry is used: only j > i is gathered and multiplied. The matrices of B are taken a few at a
    time, entry by entry side by side, so that one random access serves them all.
    """
    n_samples = orders.shape[1]
    total = np.zeros((len(orders), len(pairs)))
    identity = np.arange(n_samples)
    step = max(1, _PIECE // n_samples)
    for first in range(0, len(B), _TOGETHER):
        mine = np.flatnonzero((pairs[:, 1] >= first) & (pairs[:, 1] < first + _TOGETHER))
        if mine.size == 0:
            continue
        of_a, of_b = pairs[mine, 0], pairs[mine, 1] - first
        sources = np.unique(of_a)
        left_of = np.searchsorted(sources, of_a)
        right_stack = _side_by_side(B[first : first + _TOGETHER], n_samples)
        left_stacks = [
            _side_by_side([A[a] for a in sources[s : s + _TOGETHER]], n_samples)
            for s in range(0, sources.size, _TOGETHER)
        ]
        for start in range(0, n_samples, step):
            rows = np.arange(start, min(start + step, n_samples))
            left = np.concatenate([_gather(stack, identity, rows) for stack in left_stacks], axis=1)
            for k, order in enumerate(orders):
                products = left.T @ _gather(right_stack, order, rows)
                total[k, mine] += products[left_of, of_b]
    return 2 * total


def _side_by_side(matrices: Sequence[Rows], n_samples: int) -> npt.NDArray[Any]:
    """Return the matrices along the last axis, shape (n_samples, n_samples, n_matrices)."""
    require_memory(
        4 * n_samples**2 * len(matrices),
        f"Permuting {len(matrices)} matrices of {n_samples} items",
        "Leave CKA and RSA out, use n_permutations=0, or set n_samples.",
    )
    stack = np.empty((n_samples, n_samples, len(matrices)), np.float32)

    def fill(start: int, stop: int) -> None:
        for m, rows in enumerate(matrices):
            stack[start:stop, :, m] = rows(start, stop)

    over_rows(fill, n_samples, minimum=64)
    return stack


def _gather(stack: npt.NDArray[Any], order: Any, rows: Any) -> npt.NDArray[Any]:
    """Return the entries right of the diagonal in the given rows of the permuted matrices, one per line."""
    from platoscope.measures._kernels import gather_upper

    offsets = np.concatenate([[0], np.cumsum(order.size - 1 - rows)])
    out = np.empty((offsets[-1], stack.shape[2]), stack.dtype)
    over_rows(partial(gather_upper, stack, order, rows, offsets, out), rows.size, minimum=16)
    return out


def _chunks(n_samples: int, n_matrices: int) -> Iterator[tuple[int, int]]:
    step = max(1, _CHUNK_BYTES // (4 * n_samples * n_matrices))
    for start in range(0, n_samples, step):
        yield start, min(start + step, n_samples)
