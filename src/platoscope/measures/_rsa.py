"""Representational similarity analysis: rank correlation of distances (Kriegeskorte et al. 2008)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from platoscope.errors import InputError
from platoscope.measures._dense import permuted_dots, rows_of
from platoscope.measures._inputs import two_spaces
from platoscope.measures._nulls import Shuffles
from platoscope.neighbors import (
    Metric,
    OwnMetric,
    Space,
    Transform,
    exact_scores,
    reads_distances,
    require_memory,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["rsa", "rsa_null", "rsa_scores"]

_PROBED = 1 << 16  # distances that say whether rounding shows
_SETTLED = 1e-6


def rsa(
    X: Any,
    Y: Any,
    /,
    *,
    metric: Metric = "euclidean",
    transform: Transform = "none",
) -> float:
    """Measure the Spearman correlation of the pairwise distances of two representations.

    Between −1 and 1; 1 when all distances are ordered alike, 0 under independence; higher is more
    similar. Symmetric. Dominated by large distances, unlike the neighbor-based measures.

    Parameters
    ----------
    X, Y : array of shape (n_samples, n_features), sequence of such arrays, or Space
        Two representations of the same items.
    metric : {"euclidean", "cosine", "hamming", "precomputed"} or callable
        Of both sides. A function of two sets of rows is a distance of your own (see `platoscope.prepare`); of the
        two distances of a pair, that of the later item from the earlier one is read.
    transform : str or sequence of str
        Preparation of the rows of both sides before anything else; see `platoscope.neighbors.transform_rows`.

    Returns
    -------
    float

    Raises
    ------
    InputError
        All distances of one side equal (undefined); otherwise as `information_imbalance`.

    Notes
    -----
    Sorts N (N − 1) / 2 distances per side, taken in float64 from the rows so that ties are exact; in a
    grid of layers, from the float32 matrix product where that is as good to a millionth. Up to 24 N² bytes.

    References
    ----------
    .. [1] Kriegeskorte, Mur, Bandettini, "Representational similarity analysis", Front. Syst.
       Neurosci. 2 (2008).

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((200, 8))
    >>> round(rsa(X, X), 6), -0.1 < rsa(X, X[::-1]) < 0.1
    (1.0, True)
    """
    A, B = two_spaces(X, Y, metric, transform=transform)
    left, right = (_rank_matrix(space, metric, exact=True).ravel() for space in (A, B))
    value = float(np.einsum("i,i->", left, right, dtype=np.float64)) / 2
    if np.isnan(value):
        message = "RSA is undefined: all distances of X or of Y are equal. Leave that layer out."
        raise InputError(message)
    return value


def _rank_matrix(space: Space, metric: str | OwnMetric, *, exact: bool = False) -> npt.NDArray[np.float32]:
    """Return the symmetric matrix of standardized ranks of distances, zero diagonal; NaN when constant.

    Of float32 distances, unless `exact` is asked for or so many of them lie within their rounding of each other that
    it would show.
    """
    from scipy.stats import rankdata  # 1.0 s to import

    key = ("rsa", metric, exact)
    if key not in space.memo:
        n = space.n_samples
        require_memory(24 * n * n, f"Ranking the distances of {space.name}", "Use fewer items.")
        upper = np.triu_indices(n, 1)
        left, right = (space.inverse[items] for items in upper)
        values = None if exact and not reads_distances(metric) else _distances(space, metric)[upper]
        if values is None or not _is_settled(space, metric, values, left, right):
            values = exact_scores(space, metric, left, right)
        order = rankdata(values)
        order -= order.mean()
        norm = float(np.sqrt(np.square(order).sum()))
        matrix = np.zeros((n, n), np.float32)
        matrix[upper] = order / norm if norm > 0 else np.nan
        space.memo[key] = matrix + matrix.T
    ranks: npt.NDArray[np.float32] = space.memo[key]
    return ranks


def _is_settled(space: Space, metric: str | OwnMetric, values: Any, left: Any, right: Any) -> bool:
    """Tell whether rounding and ties that it broke change a rank correlation by less than a millionth.

    If the share f of all distances lies within the rounding of one, its rank is off by that share at most, at random: a
    correlation falls by about the mean of f², of which half is of the bound and less of what happens. Read off some
    distances, drawn alike in every run.
    """
    if reads_distances(metric):
        return True
    err = space.error_bound(metric).astype(np.float64)
    drawn = np.arange(values.size)
    if values.size > _PROBED:
        drawn = np.random.default_rng(0).choice(values.size, _PROBED, replace=False)
    drawn = drawn[left[drawn] != right[drawn]]  # copies of an item tie already
    ordered = np.sort(values[drawn])
    slack = 2 * (err[left[drawn]] + err[right[drawn]])
    low, high = values[drawn] - slack, values[drawn] + slack
    within = np.searchsorted(ordered, high, "right") - np.searchsorted(ordered, low, "left") - 1
    return bool(np.square(within / max(drawn.size, 1)).sum() <= _SETTLED * drawn.size)


def _distances(space: Space, metric: str | OwnMetric) -> npt.NDArray[Any]:
    """Return what orders the distances of all pairs of items as they are ordered; copies of an item come first."""
    gram = space.gram_rows(0, space.n_samples)
    if reads_distances(space.metric):
        return gram
    rows = space.inverse
    if metric == "cosine":
        along = space.along[rows]
        scale = space.inverse_norm[rows]
        scores = 1.0 - (gram + along[:, None] + along[None, :]) * scale[:, None] * scale[None, :]
    else:
        excess = space.excess[rows]
        scores = excess[:, None] + excess - 2 * gram
    scores[rows[:, None] == rows[None, :]] = -np.inf
    return scores


def rsa_scores(
    A: Sequence[Space], B: Sequence[Space], pairs: npt.NDArray[np.intp], /, *, metric: str | OwnMetric
) -> npt.NDArray[np.float64]:
    """Return RSA for pairs (a, b) of spaces, shape (1, n_pairs); NaN where it is undefined."""
    as_given = Shuffles.of(np.arange(A[0].n_samples)[None])
    values: npt.NDArray[np.float64] = rsa_null(A, B, pairs, as_given, metric=metric)[0]
    return values


def rsa_null(
    A: Sequence[Space],
    B: Sequence[Space],
    pairs: npt.NDArray[np.intp],
    shuffles: Shuffles,
    /,
    *,
    metric: str | OwnMetric,
) -> npt.NDArray[np.float64]:
    """Return RSA under permutations of B, shape (n_permutations, 1, n_pairs)."""
    left, right = ([rows_of(_rank_matrix(space, metric)) for space in side] for side in (A, B))
    return permuted_dots(left, right, pairs, shuffles)[:, None] / 2
