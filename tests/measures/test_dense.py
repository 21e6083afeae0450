"""Sums of products of matrices, piece by piece."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from platoscope.measures import _dense


@pytest.mark.parametrize("piece", [16, 50, 1 << 14])
@pytest.mark.parametrize("n_samples", [2, 7, 64, 131])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_grid_sums_all_entries_off_the_diagonal(
    monkeypatch: pytest.MonkeyPatch, piece: int, n_samples: int, dtype: Any
) -> None:
    """However they are cut, and however large the diagonal is; those of one side are read once for both."""
    monkeypatch.setattr(_dense, "_SHORT_PIECE", piece)
    monkeypatch.setattr(_dense, "_CHUNK_BYTES", 4 * n_samples * 5 * 3)
    rng = np.random.default_rng(n_samples)

    def matrices(n: int) -> list[Any]:
        found = [rng.standard_normal((n_samples, n_samples)).astype(dtype) for _ in range(n)]
        return [matrix + matrix.T + np.diag(np.full(n_samples, 1e30, dtype)) for matrix in found]

    A, B = matrices(3), matrices(2)
    pairs = np.array([(a, b) for a in range(3) for b in range(2)])
    sides = ([_dense.rows_of(matrix) for matrix in side] for side in (A, B))
    found = _dense.off_diagonal_dots(*sides, pairs, n_samples)
    off = ~np.eye(n_samples, dtype=bool)
    exact = [np.sum(A[a][off].astype(float) * B[b][off]) for a, b in pairs]
    size = np.array([np.sum(np.abs(A[a][off].astype(float) * B[b][off])) for a, b in pairs])
    assert np.all(np.abs(found - exact) <= 4 * np.finfo(dtype).eps * size)
