"""Sums of products of item-by-item matrices: what CKA and RSA are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from platoscope.neighbors import over_rows

__all__ = ["Rows", "dots", "permuted_dots", "whole"]

Rows: TypeAlias = Callable[[int, int], npt.NDArray[Any]]
"""Rows start:stop of a symmetric matrix of shape (n_samples, n_samples)."""

_CHUNK_BYTES = 128 << 20


def whole(rows: Rows, n_samples: int, /) -> npt.NDArray[Any]:
    """Return the matrix itself (no copy where it is kept)."""
    return rows(0, n_samples)


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

    Symmetry is used: only j > i is gathered and multiplied.
    """
    n_samples = orders.shape[1]
    total = np.zeros((len(orders), len(A), len(B)))
    grid = len(pairs) > 2 * max(len(A), len(B))
    identity = np.arange(n_samples)
    fixed_a = [whole(rows, n_samples) for rows in A]
    fixed_b = [whole(rows, n_samples) for rows in B]
    for start, stop in _chunks(n_samples, len(A) + len(B)):
        rows = np.arange(start, stop)
        left = _gather(fixed_a, identity, rows)
        for k, order in enumerate(orders):
            right = _gather(fixed_b, order, rows)
            if grid:
                total[k] += left @ right.T
            else:
                for a, b in pairs:
                    total[k, a, b] += np.dot(left[a], right[b])
    return 2 * total[:, pairs[:, 0], pairs[:, 1]]


def _gather(matrices: Sequence[npt.NDArray[Any]], order: Any, rows: Any) -> npt.NDArray[Any]:
    """Return the entries right of the diagonal in the given rows of the permuted matrices, one line each."""
    from platoscope.measures._kernels import gather_upper

    offsets = np.concatenate([[0], np.cumsum(order.size - 1 - rows)])
    out = np.empty((len(matrices), offsets[-1]), matrices[0].dtype)

    def fill(start: int, stop: int) -> None:
        for m in range(start, stop):
            gather_upper(matrices[m], order, rows, offsets, out[m], 0, rows.size)

    over_rows(fill, len(matrices), minimum=1)
    return out


def _chunks(n_samples: int, n_matrices: int) -> Iterator[tuple[int, int]]:
    step = max(1, _CHUNK_BYTES // (4 * n_samples * n_matrices))
    for start in range(0, n_samples, step):
        yield start, min(start + step, n_samples)
