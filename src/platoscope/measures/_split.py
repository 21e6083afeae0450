"""The ``split`` estimator of Information Imbalance (the paper's authors' public research code)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from platoscope.checks import whole_number
from platoscope.errors import InputError
from platoscope.measures._inputs import check_same_items
from platoscope.neighbors import FloatArray, Space, Transform, as_space, check_finite, transform_rows
from platoscope.seeds import generator

__all__ = ["split_imbalance"]

_ROWS_AT_ONCE = 256


def split_imbalance(
    X: Any,
    Y: Any,
    /,
    *,
    n_neighbors: int = 1,
    transform: Transform = "none",
    rng: int | np.random.Generator | None = None,
) -> tuple[float, float]:
    """Return Δ_split in both directions.

        Δ_split(X→Y) = 2/(M−2) · mean over {(i, j): i ∈ R, j ∈ C, r^X(i, j) ≤ k} of (r^Y(i, j) − 1)

    R holds half of the items at random, C the other M; ranks are min-ranks over C of Euclidean
    distances between unit vectors, in float64. No item is compared with itself. Identity gives 0
    (for k = 1 without ties), independence (M−1)/(M−2).
    """
    parts_x, parts_y = (_rows(Z, transform, name) for Z, name in ((X, "X"), (Y, "Y")))
    n_samples = len(parts_x[0])
    check_same_items(n_samples, len(parts_y[0]))
    whole_number("n_neighbors", n_neighbors)
    n_columns = n_samples - n_samples // 2
    if n_columns < 4 or not 1 <= n_neighbors < n_columns:
        message = (
            f"estimator='split' compares {n_samples // 2} items with {n_columns} others; it needs at least 4 others "
            f"and n_neighbors (got {n_neighbors}) below their number. Give more items."
        )
        raise InputError(message)
    order = generator(rng).permutation(n_samples)
    rows, columns = order[: n_samples // 2], order[n_samples // 2 :]
    unit_x, unit_y = _unit(parts_x, "X"), _unit(parts_y, "Y")
    sums = np.zeros((2, 2))
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        ranks_x, ranks_y = _min_ranks(unit_x, some, columns), _min_ranks(unit_y, some, columns)
        for direction, (source, target) in enumerate(((ranks_x, ranks_y), (ranks_y, ranks_x))):
            near = source <= n_neighbors
            sums[direction] += (target[near] - 1).sum(), near.sum()
    forward, backward = 2.0 / (n_columns - 2) * sums[:, 0] / sums[:, 1]
    return float(forward), float(backward)


def _rows(X: Any, transform: Transform, name: str) -> tuple[FloatArray, ...]:
    if isinstance(X, Space):
        return as_space(X, name, X.metric, transform).parts
    rows = transform_rows(X, transform, name=name)
    return tuple(rows) if isinstance(rows, list) else (rows,)


def _unit(parts: tuple[FloatArray, ...], name: str) -> npt.NDArray[np.float64]:
    rows = np.concatenate(parts, axis=1).astype(np.float64)
    check_finite(rows, name)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if not norms.all():
        zero = np.flatnonzero(norms[:, 0] == 0)
        message = f"{name} has {zero.size} zero vectors, which have no direction; the first is row {zero[0]}."
        raise InputError(message)
    unit: npt.NDArray[np.float64] = rows / norms
    return unit


def _min_ranks(unit: Any, rows: Any, columns: Any) -> npt.NDArray[np.int64]:
    """Return 1 + the number of strictly closer columns, shape (n_rows, n_columns)."""
    # Equal columns must tie whatever the matrix product rounds, so distances are taken to 12 digits.
    distances = np.round(2.0 - 2.0 * (unit[rows] @ unit[columns].T), 12)
    ordered = np.sort(distances, axis=1)
    return np.stack([1 + np.searchsorted(line, row) for line, row in zip(ordered, distances, strict=True)])
