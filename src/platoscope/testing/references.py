"""Slow, obvious implementations of every measure: loops over items, float64, one line per formula.

Centered kernels are long double, in which what cancels in float64 is still there on most machines. So are distances of
arrays of long double: squares of float64 values neither overflow nor vanish in it.

They are what the fast paths are tested against, and what to read when a definition is in doubt.
Quadratic to cubic in the number of items: keep N below a few hundred.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "average_ranks",
    "cka",
    "cknna",
    "cosine_coefficients",
    "differentiable_imbalance",
    "distances",
    "estimated_imbalance",
    "gallery_imbalance",
    "imbalance_gain",
    "information_imbalance",
    "intrinsic_dimension",
    "local_scaling",
    "neighbor_weights",
    "neighborhood_overlap",
    "procrustes",
    "retrieval",
    "ridge_r2",
    "rsa",
    "rsa_of_distances",
    "self_hsic",
    "split_imbalance",
    "strata_imbalance",
]

Array = npt.NDArray[Any]


def cosine_coefficients(states: Array, n_frequencies: int, lowest: int = 0) -> Array:
    """Return frequencies of states, shape (n_tokens, n_features), along the tokens (`platoscope.models.Pooling`)."""
    states = np.asarray(states, float)
    n, rows = len(states), []
    for j in range(lowest, n_frequencies):
        total = np.zeros(states.shape[1])
        for i in range(n):
            total += states[i] * np.cos(np.pi * j * (i + 0.5) / n)
        rows.append((1 if j == 0 else np.sqrt(2)) * total / n)
    return np.array(rows)


def distances(X: Array, metric: str = "euclidean") -> Array:
    """Return all distances of the rows of X, shape (n_samples, n_samples), from their differences."""
    X = np.asarray(X)
    X = X if X.dtype == np.longdouble else X.astype(float)
    if metric == "precomputed":
        return X
    n = len(X)
    D = np.zeros((n, n), X.dtype)
    if metric == "cosine":
        X = X / np.sqrt((X * X).sum(axis=1, keepdims=True))
    if metric == "hamming":
        X = (X < 0).astype(X.dtype)
    for i in range(n):
        for j in range(n):
            D[i, j] = ((X[i] - X[j]) ** 2).sum()
    return D


def local_scaling(D: Array, n_neighbors: int = 7) -> Array:
    """Return ``D[i, j] ** 2 / (sigma[i] * sigma[j])`` of true distances, sigma that of the k-th neighbor."""
    n = len(D)
    sigma = [sorted(D[i, j] for j in range(n) if j != i)[n_neighbors - 1] for i in range(n)]
    return np.array([[D[i, j] ** 2 / (sigma[i] * sigma[j]) for j in range(n)] for i in range(n)])


def average_ranks(D: Array, ties: str = "average") -> Array:
    """Return the rank of j as seen from i, itself excluded by index (nan on the diagonal)."""
    n = len(D)
    R = np.full((n, n), np.nan)
    for i in range(n):
        others = np.delete(np.arange(n), i)
        for j in others:
            closer = (D[i, others] < D[i, j]).sum()
            tied = (D[i, others] == D[i, j]).sum() - 1  # without j itself
            R[i, j] = 1 + closer + (tied / 2 if ties == "average" else 0)
    return R


def neighbor_weights(D: Array, k: int, ties: str = "average") -> Array:
    """Return the share of j among the k nearest neighbors of i; rows sum to 1."""
    n = len(D)
    W = np.zeros((n, n))
    for i in range(n):
        others = [j for j in range(n) if j != i]
        kth = sorted(D[i, j] for j in others)[k - 1]
        inside = [j for j in others if D[i, j] < kth]
        tied = [j for j in others if D[i, j] == kth]
        for j in inside:
            W[i, j] = 1
        for j in tied:
            W[i, j] = 1 if ties == "min" else (k - len(inside)) / len(tied)
        W[i] /= W[i].sum()
    return W


def information_imbalance(
    X: Array, Y: Array, k: int = 1, metric: str = "euclidean", ties: str = "average"
) -> tuple[float, float]:
    """Return Δ(X→Y) and Δ(Y→X) of the ``full`` estimator (docs/measures.md, "Information Imbalance")."""
    DX, DY = distances(X, metric), distances(Y, metric)
    n = len(DX)
    forward = (neighbor_weights(DX, k, ties) * np.nan_to_num(average_ranks(DY, ties))).sum() / n
    backward = (neighbor_weights(DY, k, ties) * np.nan_to_num(average_ranks(DX, ties))).sum() / n
    return 2 / n * forward, 2 / n * backward


def estimated_imbalance(
    X: Array, Y: Array, queries: Array, references: Array, k: int = 1, metric: str = "euclidean"
) -> tuple[float, float]:
    """Return estimates of Δ(X→Y) and Δ(Y→X) from some items as queries and some as references (docs/measures.md)."""

    def directed(near: Array, far: Array) -> float:
        n, total = len(near), 0.0
        for i in queries:
            for j in np.flatnonzero(near[i]):
                others = [far[i, m] for m in references if m not in (i, j)]
                closer, tied = sum(d < far[i, j] for d in others), sum(d == far[i, j] for d in others)
                total += near[i, j] * (1 + (n - 2) * (closer + tied / 2) / len(others))
        return 2 / n * total / len(queries)

    DX, DY = distances(X, metric), distances(Y, metric)
    return directed(neighbor_weights(DX, k), DY), directed(neighbor_weights(DY, k), DX)


def gallery_imbalance(
    X: Array, Y: Array, queries: Array, gallery: Array, items_x: Array, items_y: Array
) -> tuple[float, float]:
    """Return Δ(X→Y) and Δ(Y→X) of queries in a gallery whose items may have several rows (docs/measures.md).

    ``items_x[r]`` is the item of row r of X; the nearest row of an item is as far as the item is.
    """

    def to_items(D: Array, items: Array, row: Any) -> dict[int, float]:
        others = [m for m in gallery if m != items[row]]
        return {m: min(D[row, r] for r in np.flatnonzero(items == m)) for m in others}

    def directed(near: Array, far: Array, items_near: Array, items_far: Array) -> float:
        total = 0.0
        for i in queries:
            ranks = []
            for a in np.flatnonzero(items_near == i):
                from_a = to_items(near, items_near, a)
                nearest = [j for j in from_a if from_a[j] == min(from_a.values())]
                for b in np.flatnonzero(items_far == i):
                    from_b = to_items(far, items_far, b)
                    for j in nearest:
                        others = [from_b[m] for m in from_b if m != j]
                        closer, tied = sum(d < from_b[j] for d in others), sum(d == from_b[j] for d in others)
                        ranks.append((1 + closer + tied / 2) / len(nearest))
            total += sum(ranks) / (np.sum(items_near == i) * np.sum(items_far == i))
        return float(2 / len(gallery) * total / len(queries))

    items_x, items_y, DX, DY = np.asarray(items_x), np.asarray(items_y), distances(X), distances(Y)
    return directed(DX, DY, items_x, items_y), directed(DY, DX, items_y, items_x)


def split_imbalance(X: Array, Y: Array, rows: Array, columns: Array, k: int = 1) -> float:
    """Return Δ(X→Y) of the ``split`` estimator of docs/measures.md for given row and column items."""

    def min_ranks(Z: Array) -> Array:
        Z = np.asarray(Z, float)
        Z = Z / np.linalg.norm(Z, axis=1, keepdims=True)
        D = np.array([[((Z[i] - Z[j]) ** 2).sum() for j in columns] for i in rows])
        return np.array([[1 + (row < d).sum() for d in row] for row in D])

    RX, RY = min_ranks(X), min_ranks(Y)
    return float(2 / (len(columns) - 2) * np.mean((RY - 1)[RX <= k]))


def neighborhood_overlap(X: Array, Y: Array, k: int = 10, metric: str = "cosine") -> float:
    """Return the mean share of common k nearest neighbors, ties as expectations (docs/measures.md)."""
    WX = neighbor_weights(distances(X, metric), k) * k
    WY = neighbor_weights(distances(Y, metric), k) * k
    return float((WX * WY).sum(axis=1).mean() / k)


def _centered(X: Array) -> Array:
    Z: Array = np.asarray(X, np.longdouble)
    Z = Z - Z.mean(0)
    Z /= np.abs(Z).max()
    return Z


def strata_imbalance(X: Array, Y: Array, strata: Array, which: str, min_size: int = 5) -> float:
    """Return Δ(X→Y) among items of one group ("within") or of different ones ("between"), by loops over items."""
    D, E = distances(X), distances(Y)
    n, told = len(D), []
    for i in range(n):
        same = [j for j in range(n) if strata[j] == strata[i] and j != i]
        others = [j for j in range(n) if strata[j] != strata[i]]
        if which == "within" and len(same) + 1 < min_size:
            continue
        candidates = same if which == "within" else others
        least = min(D[i, j] for j in candidates)
        ranks = []
        for j in (j for j in candidates if D[i, j] == least):
            tied = sum(E[i, m] == E[i, j] for m in candidates)
            ranks.append(sum(E[i, m] < E[i, j] for m in candidates) + (tied + 1) / 2)
        told.append(2 * np.mean(ranks) / (len(candidates) + 1))
    return float(np.mean(told))


def cka(X: Array, Y: Array, estimator: str = "debiased") -> float:
    """Return linear CKA from full Gram matrices (docs/measures.md, "The others")."""
    K, L = (Z @ Z.T for Z in (_centered(X), _centered(Y)))
    return float(_hsic(K, L, estimator) / np.sqrt(_hsic(K, K, estimator) * _hsic(L, L, estimator)))


def _hsic(K: Array, L: Array, estimator: str) -> Any:
    n = len(K)
    if estimator == "biased":
        return (K * L).sum()
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    ones = np.ones(n, np.longdouble)
    middle = (ones @ K @ ones) * (ones @ L @ ones) / ((n - 1) * (n - 2))
    return (np.trace(K @ L) + middle - 2 * (ones @ K @ L @ ones) / (n - 2)) / (n * (n - 3))


def self_hsic(X: Array, estimator: str = "debiased") -> float:
    """Return HSIC of a representation with itself as a share of the mean square of its Gram matrix; 0 for a constant."""
    Z = np.asarray(X, np.longdouble)
    if (Z == Z[0]).all():
        return 0.0
    K = _centered(Z) @ _centered(Z).T
    return float(_hsic(K, K, estimator) / (K * K).mean())


def cknna(X: Array, Y: Array, k: int = 10) -> float:
    """Return CKNNA: the alignment of centered kernels over mutual nearest neighbors (Huh et al. 2024)."""
    K, L = (Z @ Z.T for Z in (_centered(X), _centered(Y)))
    A = neighbor_weights(distances(X, "euclidean"), k) * k
    B = neighbor_weights(distances(Y, "euclidean"), k) * k
    cross = (A * B * K * L).sum()
    return float(cross / np.sqrt((A * A * K * K).sum()) / np.sqrt((B * B * L * L).sum()))


def retrieval(X: Array, Y: Array, k: int = 1) -> float:
    """Return how often the partner is among the k rows of Y with the largest cosine, ties as expectations."""
    X, Y = (np.asarray(Z, np.longdouble) for Z in (X, Y))
    X, Y = (Z / np.sqrt((Z * Z).sum(axis=1, keepdims=True)) for Z in (X, Y))
    hits = 0.0
    for i in range(len(X)):
        D = ((Y - X[i]) ** 2).sum(axis=1)
        closer, tied = (D < D[i]).sum(), (D == D[i]).sum()
        hits += min(1.0, max(0.0, (k - closer) / tied))
    return hits / len(X)


def ridge_r2(X: Array, Y: Array, penalty: float, strata: Array | None = None) -> float:
    """Return R² of X→Y by a ridge map that is fitted anew without each item, or without each group of items.

    `penalty` is a multiple of the largest eigenvalue of the Gram matrix of X; an infinite one leaves the mean.
    """
    if np.isinf(penalty):
        return 0.0
    X, Y = (_centered(Z).astype(float) for Z in (X, Y))
    groups = np.arange(len(X)) if strata is None else np.asarray(strata)
    ridge = penalty * np.linalg.eigvalsh(X.T @ X)[-1] * np.eye(X.shape[1])
    errors = errors_of_mean = 0.0
    for group in np.unique(groups):
        there, here = groups != group, groups == group
        x, y = X[there].mean(0), Y[there].mean(0)
        P, Q = X[there] - x, Y[there] - y
        weights = np.linalg.solve(P.T @ P + ridge, P.T @ Q)
        errors += float(((Y[here] - y - (X[here] - x) @ weights) ** 2).sum())
        errors_of_mean += float(((Y[here] - y) ** 2).sum())
    return 1 - errors / errors_of_mean


def procrustes(X: Array, Y: Array) -> float:
    """Return the inner product of Y with X that was rotated onto it, both centered and of norm 1."""
    X, Y = (_centered(Z).astype(float) for Z in (X, Y))
    left, _, right = np.linalg.svd(X.T @ Y, full_matrices=False)
    return float(((X @ left @ right) * Y).sum() / np.linalg.norm(X) / np.linalg.norm(Y))


def rsa(X: Array, Y: Array) -> float:
    """Return the Spearman correlation of the pairwise Euclidean distances."""
    return rsa_of_distances(distances(X), distances(Y))


def rsa_of_distances(D: Array, E: Array) -> float:
    """Return the Spearman correlation of the distances of pairs of items."""
    from scipy.stats import spearmanr

    upper = np.triu_indices(len(D), 1)
    # Ranked as whole numbers: SciPy would round them to float64 first.
    orders = (np.unique(F[upper], return_inverse=True)[1].ravel() for F in (D, E))
    return float(spearmanr(*orders).statistic)


def imbalance_gain(
    new: Array, given: Array, target: Array, weights: Array, *, n_neighbors: int = 1
) -> tuple[float, list[float]]:
    """Return the gain, and Δ for every weight, the first of which is 0."""
    joined = [distances(given) + w**2 * distances(new) for w in weights]
    R = average_ranks(distances(target))
    np.fill_diagonal(R, 0.0)
    curve = [float(2 / len(R) ** 2 * (neighbor_weights(D, n_neighbors) * R).sum()) for D in joined]
    return (curve[0] - min(curve)) / curve[0], curve


def intrinsic_dimension(X: Array, n_neighbors: int = 1) -> float:
    """Return the GRIDE estimate, by bisection of the derivative of its likelihood (docs/explanation/dimension.md)."""
    D = np.sqrt(distances(X))
    n, k, logs = len(D), n_neighbors, []
    for i in range(n):
        near = sorted(D[i, j] for j in range(n) if j != i)
        logs.append(np.log(near[2 * k - 1] / near[k - 1]))
    low, high = 1e-6, 1e6
    for _ in range(200):
        d = np.sqrt(low * high)
        slope = (n - 1) / d - sum((2 * k - 1) * x - (k - 1) * x / -np.expm1(-d * x) for x in logs)
        low, high = (d, high) if slope > 0 else (low, d)
    return float(low)


def differentiable_imbalance(
    layers: list[Array], target: Array, weights: Array, *, k: int = 1, softness: float = 0.1
) -> float:
    """Return the differentiable imbalance of weighted layers → target; the width is a share of the k-th distance."""
    D = sum(w**2 * distances(X) for w, X in zip(weights, layers, strict=True))
    R = average_ranks(distances(target))
    n, total = len(R), 0.0
    for i in range(n):
        others = [j for j in range(n) if j != i]
        width = softness * sorted(D[i][others])[k - 1]
        c = np.exp(-(D[i][others] - D[i][others].min()) / width)
        total += float((c * R[i][others]).sum() / c.sum())
    return 2 * total / n**2
