"""Centering of rows on the host, and which of them are equal: what a space is made of before any product."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from platoscope.neighbors._inputs import check_finite
from platoscope.neighbors._scaling import powers_of_two
from platoscope.neighbors._threads import map_rows, over_rows, sum_over_rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from platoscope.neighbors._inputs import FloatArray

__all__ = ["center", "column_squares_of", "group_equal_rows", "norms_of"]

# Sums of squares below this, of rows on a scale of 1, have lost digits.
_VANISHING = 1e-270
_SHRINK = 2.0**-64


def center(
    parts: tuple[FloatArray, ...], name: str
) -> tuple[
    tuple[npt.NDArray[np.float32], ...],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    float,
    float,
]:
    """Return centered float32 rows, |z|², x @ c, |x|² of each row, c @ c, and the scale that they are on."""
    from platoscope.neighbors._kernels import center_rows  # numba: 0.3 s to import

    n_samples = len(parts[0])
    moments = [_column_means(part, name) for part in parts]
    largest = max(peak for _, peak in moments)
    # A power of two changes no digit, and keeps the squares of huge values inside float32.
    scale = float(powers_of_two(largest))
    sq, along, raw = (np.zeros(n_samples) for _ in range(3))
    centered = []
    center_sq = 0.0
    for part, (center, _) in zip(parts, moments, strict=True):
        center *= scale
        Z = np.empty(part.shape, np.float32)
        over_rows(partial(center_rows, part, center, scale, Z, sq, along, raw), n_samples)
        centered.append(Z)
        center_sq += float(center @ center)
    return tuple(centered), sq, along, raw, center_sq, scale


def norms_of(
    parts: tuple[FloatArray, ...], raw: npt.NDArray[np.float64], scale: float
) -> npt.NDArray[np.float64]:
    """Return the norms of rows times `scale`, given their squares: those of rows whose squares vanish by themselves."""
    norms = np.sqrt(raw)
    small = np.flatnonzero(raw < _VANISHING)
    if small.size:
        rows = np.concatenate([part[small] for part in parts], axis=1).astype(np.float64)
        near_one = powers_of_two(np.abs(rows).max(axis=1))
        scaled = np.sqrt(np.square(rows * near_one[:, None]).sum(axis=1)) / near_one * scale
        # Not so small that there is nothing to divide by.
        norms[small] = np.where(rows.any(axis=1), np.maximum(scaled, 1e-300), 0.0)
    return norms


def _column_means(X: FloatArray, name: str) -> tuple[npt.NDArray[np.float64], float]:
    """Return the column means and the largest absolute value; non-finite rows are an error."""
    mean, peak = _shrunk_means(X, 1.0)
    if not np.isfinite(mean).all():
        check_finite(X, name)
        # Values near the limit of float64: their sums overflow, sums of smaller ones do not.
        mean, peak = _shrunk_means(X, _SHRINK)
    return mean, peak


def _shrunk_means(X: FloatArray, shrink: float) -> tuple[npt.NDArray[np.float64], float]:
    from platoscope.neighbors._kernels import column_sums  # numba: 0.3 s to import

    def of_rows(start: int, stop: int) -> tuple[npt.NDArray[np.float64], float]:
        total = np.zeros(X.shape[1])
        return total, column_sums(X, shrink, total, start, stop)

    found = map_rows(of_rows, len(X))
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.sum([total for total, _ in found], axis=0) / len(X) / shrink
    return mean, max(peak for _, peak in found)


def column_squares_of(Z: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the sum of squares of each column."""
    from platoscope.neighbors._kernels import column_squares  # numba: 0.3 s to import

    return sum_over_rows(column_squares, Z)


def group_equal_rows(
    parts: tuple[FloatArray, ...], raw: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
    """Return the distinct row of each item, and the first item of each distinct row.

    Equal rows have equal norms, which are at hand; only items that share theirs are compared.
    """
    n_samples = len(raw)
    _, norm_group, counts = np.unique(raw, return_inverse=True, return_counts=True)
    suspects = np.flatnonzero(counts[norm_group] > 1)
    label = np.arange(n_samples)
    if suspects.size:
        keys = np.zeros(suspects.size, np.intp)
        for part in parts:
            # + 0 turns -0.0 into 0.0, which is at distance 0 from it
            rows = np.ascontiguousarray(part[suspects] + part.dtype.type(0))
            as_bytes = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
            _, ids = np.unique(as_bytes, return_inverse=True)
            _, keys = np.unique(keys * (int(ids.max()) + 1) + ids, return_inverse=True)
        _, first_of_key = np.unique(keys, return_index=True)
        label[suspects] = suspects[first_of_key][keys]
    first, inverse = np.unique(label, return_inverse=True)
    return inverse.astype(np.int32), first
