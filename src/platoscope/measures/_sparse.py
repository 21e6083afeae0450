"""Sums over common neighbors: what neighborhood overlap and CKNNA are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from platoscope.neighbors import over_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SparseRows", "common_sums", "merge", "permuted_common_sums"]


@dataclass(frozen=True, eq=False)
class SparseRows:
    """One sparse row per item, columns ascending."""

    indptr: npt.NDArray[np.int64]
    items: npt.NDArray[np.int32]
    values: npt.NDArray[np.float64]


def merge(rows: Sequence[SparseRows], /) -> tuple[SparseRows, npt.NDArray[np.int64]]:
    """Return the rows of several matrices side by side, item by item, and the matrix of each entry."""
    n_samples = len(rows[0].indptr) - 1
    counts = np.stack([np.diff(row.indptr) for row in rows], axis=1)
    owner = np.concatenate([np.repeat(np.arange(n_samples), np.diff(row.indptr)) for row in rows])
    label = np.repeat(np.arange(len(rows)), counts.sum(axis=0))
    order = np.argsort(owner, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(counts.sum(axis=1))])
    items = np.concatenate([row.items for row in rows])[order]
    values = np.concatenate([row.values for row in rows])[order]
    return SparseRows(indptr, items, values), label[order]


def common_sums(
    A: Sequence[SparseRows], B: Sequence[SparseRows], pairs: npt.NDArray[np.intp], /
) -> npt.NDArray[np.float64]:
    """Return, for every pair (a, b), the sum of products over entries that both have."""
    identity = np.arange(len(A[0].indptr) - 1)[None]
    sums: npt.NDArray[np.float64] = permuted_common_sums(A, B, pairs, identity)[0]
    return sums


def permuted_common_sums(
    A: Sequence[SparseRows],
    B: Sequence[SparseRows],
    pairs: npt.NDArray[np.intp],
    orders: npt.NDArray[np.intp],
    /,
) -> npt.NDArray[np.float64]:
    """Return the same sums with B permuted, shape (n_permutations, n_pairs)."""
    from platoscope.measures._kernels import sparse_dots  # numba: 0.3 s to import

    out = np.empty((len(orders), len(pairs)))
    for mine in _blocks_of(pairs):
        of_a, at_a = np.unique(pairs[mine, 0], return_inverse=True)
        of_b, at_b = np.unique(pairs[mine, 1], return_inverse=True)
        (left, labels_left), (right, labels_right) = merge([A[a] for a in of_a]), merge([B[b] for b in of_b])
        sums = np.zeros((len(orders), of_a.size, of_b.size))
        fixed = (
            left.indptr, left.items, left.values, labels_left,
            right.indptr, right.items, right.values, labels_right, orders,
        )  # fmt: skip

        def work(start: int, stop: int, fixed: Any = fixed, sums: Any = sums) -> None:
            sparse_dots(*fixed, start, stop, sums)

        over_rows(work, len(orders), minimum=1)
        out[:, mine] = sums[:, at_a, at_b]
    return out


def _blocks_of(pairs: npt.NDArray[np.intp]) -> list[npt.NDArray[np.intp]]:
    """Return positions of pairs that are computed together: all of a grid, else those of one target."""
    if len(pairs) == np.unique(pairs[:, 0]).size * np.unique(pairs[:, 1]).size:
        return [np.arange(len(pairs))]
    return [np.flatnonzero(pairs[:, 1] == b) for b in np.unique(pairs[:, 1])]
