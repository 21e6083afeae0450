"""Compiled passes over the distances of all layers: Δ of each row, or the differentiable imbalance and its gradient."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["imbalance_rows", "nearest_rank_rows"]


# Sums may be taken in another order, so that they fill a vector unit; infinities are meant.
@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def imbalance_rows(distances, ranks, own, squares, k, softness, start, stop, means, slopes):
    """Fill `means` with the soft mean rank of rows ``start:stop``, and `slopes` with its derivatives by ``squares``.

    One pass: a row of all layers stays in a core's cache while it is summed and while it is derived. Sums are float64.
    """
    n_layers, n_columns = distances.shape[1], distances.shape[2]
    d = np.empty(n_columns)
    g = np.empty(n_columns)
    near = np.empty(n_columns, np.int32)
    for r in range(start, stop):
        d[:] = 0.0
        for layer in range(n_layers):
            square = squares[layer]
            if square > 0.0:
                row = distances[r, layer]
                for j in range(n_columns):
                    d[j] += square * row[j]
        d[own[r]] = np.inf
        nearest = d.min()
        kth = nearest if k == 1 else np.partition(d, k - 1)[k - 1]
        at_kth = np.argmin(np.abs(d - kth))
        # Where the k-th neighbor is a copy, all copies share the weight alike.
        width = max(softness * kth, 1e-300)
        total = 0.0
        mean = 0.0
        for j in range(n_columns):
            g[j] = np.exp((nearest - d[j]) / width) if d[j] < np.inf else 0.0
            total += g[j]
            mean += g[j] * ranks[r, j]
        mean /= total
        means[r] = mean
        moved = 0.0
        for j in range(n_columns):
            if g[j] > 0.0:
                g[j] *= (ranks[r, j] - mean) / (total * width)
                moved += g[j] * d[j]
        if kth <= 0.0:
            slopes[r] = 0.0
            continue
        # The width moves with the distance of the k-th neighbor.
        g[at_kth] -= moved * softness / width
        # What has no weight in float64 moves nothing: late in a descent few columns are left.
        n_near = 0
        for j in range(n_columns):
            if np.abs(g[j]) * width > 1e-18 * ranks[r, j]:
                near[n_near] = j
                n_near += 1
        for layer in range(n_layers):
            row = distances[r, layer]
            slope = 0.0
            if squares[layer] > 0.0:
                for place in range(n_near):
                    slope -= g[near[place]] * row[near[place]]
            slopes[r, layer] = slope


# Not "fastmath": sums of equal terms must be equal, so that ties stay ties.
@njit(nogil=True, cache=True, error_model="numpy")
def nearest_rank_rows(distances, ranks, own, squares, start, stop, means):
    """Fill `means` with the mean rank of the nearest columns of rows ``start:stop``."""
    n_layers, n_columns = distances.shape[1], distances.shape[2]
    d = np.empty(n_columns)
    for r in range(start, stop):
        d[:] = 0.0
        for layer in range(n_layers):
            square = squares[layer]
            if square > 0.0:
                row = distances[r, layer]
                for j in range(n_columns):
                    d[j] += square * row[j]
        d[own[r]] = np.inf
        nearest = d.min()
        total = 0.0
        count = 0
        for j in range(n_columns):
            if d[j] == nearest:
                total += ranks[r, j]
                count += 1
        means[r] = total / count
