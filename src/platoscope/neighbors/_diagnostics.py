"""What a space is like: whether one feature decides its neighbors, how many directions it uses, whether it has hubs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from platoscope.checks import whole_number
from platoscope.neighbors._metrics import reads_distances
from platoscope.neighbors._nearest import nearest_neighbors
from platoscope.neighbors._prepare import as_space

if TYPE_CHECKING:
    import numpy.typing as npt

    from platoscope.neighbors._inputs import ArrayLike
    from platoscope.neighbors._metrics import OwnMetric
    from platoscope.neighbors._space import Space
    from platoscope.neighbors._transforms import Transform

__all__ = ["SpaceDiagnostics", "hubness", "largest_feature", "participation_ratio", "space_diagnostics"]


@dataclass(frozen=True, kw_only=True)
class SpaceDiagnostics:
    """What `space_diagnostics` finds; NaN (and feature −1) where there are distances but no rows."""

    feature_share: float
    """Share of the variance that the largest feature holds, from 1/D to 1."""
    largest_feature: int
    """Which feature that is; counted through all parts of a concatenation."""
    participation_ratio: float
    """How many directions the variance is spread over, from 1 to min(N − 1, D)."""
    hubness: float
    """Skewness of how often an item is among the neighbors of others; 0 without hubs, above 1 with strong ones."""


def space_diagnostics(
    X: ArrayLike,
    /,
    *,
    transform: Transform = "none",
    metric: str | OwnMetric = "euclidean",
    n_neighbors: int = 10,
) -> SpaceDiagnostics:
    """Describe the space in which a representation is compared.

    - The share of the variance that the largest feature holds. Where it is large, Euclidean neighbors are
      the neighbors in that feature.
    - The participation ratio ``(Σ λ)² / Σ λ²`` of the eigenvalues of the covariance matrix.
    - The hubness: the skewness of the in-degree of the graph of nearest neighbors [1]_. Ties count with their
      expectation.

    Parameters
    ----------
    X : array of shape (n_samples, n_features), sequence of such arrays, or Space
        One representation.
    transform : str or sequence of str
        Preparation of the rows, see `platoscope.neighbors.transform_rows`; what is described are the prepared rows.
    metric : {"euclidean", "cosine", "hamming", "precomputed"} or callable
        Distance of the graph. The other numbers are about rows with Euclidean or cosine distance, and NaN beyond.
    n_neighbors : int
        Neighbors of the graph; at most ``n_samples - 1`` are taken.

    Returns
    -------
    SpaceDiagnostics

    Raises
    ------
    InputError
        As `platoscope.prepare`; zero vectors under cosine.

    Notes
    -----
    Exact up to the rounding of float32 rows and their products, with sums in float64. Beside `prepare` it takes
    a pass over the rows and two over the matrix of distances, blocks of which are computed once for both. No
    eigenvalue is computed: ``Σ λ²`` is the squared norm of the covariance matrix, and of the Gram matrix as well.

    References
    ----------
    .. [1] M. Radovanović, A. Nanopoulos, M. Ivanović (2010). Hubs in space. JMLR 11, 2487-2531.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((300, 50))
    >>> X[:, 7] *= 30
    >>> found = space_diagnostics(X)
    >>> found.largest_feature, round(found.feature_share, 2), round(found.participation_ratio, 1)
    (7, 0.94, 1.1)
    >>> round(space_diagnostics(X, transform="zscore").participation_ratio, 1)
    43.1
    """
    whole_number("n_neighbors", n_neighbors, low=1)
    space = as_space(X, "X", metric, transform)
    share, feature = largest_feature(space)
    skewness = hubness(space, n_neighbors, metric)
    return SpaceDiagnostics(
        feature_share=share,
        largest_feature=feature,
        participation_ratio=participation_ratio(space),
        hubness=skewness,
    )


def largest_feature(space: Space, /) -> tuple[float, int]:
    """Return the largest share of the variance that one feature holds, and which feature that is."""
    if reads_distances(space.metric):
        return float("nan"), -1
    squares = space.squares if space.squares is not None else _squares_of_rows(space)
    total = float(squares.sum())
    if total == 0.0:  # a constant: no feature varies
        return float("nan"), -1
    feature = int(squares.argmax())
    return float(squares[feature]) / total, feature


def _squares_of_rows(space: Space) -> npt.NDArray[np.float64]:
    """Return the sum of squares of each centered feature, for a space of some of the items of another one."""
    weights = space.weights.astype(np.float64)
    found = []
    for part in space.parts:
        rows = part[space.first].astype(np.float64)
        rows *= space.scale
        rows -= np.average(rows, axis=0, weights=weights)
        found.append(np.einsum("i,ij,ij->j", weights, rows, rows))
    return np.concatenate(found)


def participation_ratio(space: Space, /) -> float:
    """Return (Σ λ)² / Σ λ² over the eigenvalues λ of the covariance matrix."""
    if reads_distances(space.metric):
        return float("nan")
    n_samples, weights = space.n_samples, space.weights.astype(np.float64)
    sums, squares = space.gram_moments()
    total = float(np.sum(weights * sums))
    trace = float(np.sum(weights * space.sq)) - total / n_samples
    # The rows of a subset are centered at the mean of all; what that adds to the squared norm is taken off.
    square = float(np.sum(weights * (squares - 2 * sums**2 / n_samples))) + (total / n_samples) ** 2
    return trace * trace / square if square > 0 else float("nan")


def hubness(space: Space, n_neighbors: int, metric: str | OwnMetric, /) -> float:
    """Return the skewness of the in-degree of the graph of nearest neighbors."""
    count = min(n_neighbors, space.n_samples - 1)
    found = nearest_neighbors(space, count, metric)
    degree = np.bincount(found.items, found.weights * count, minlength=space.n_samples)
    degree -= count
    spread = float(np.mean(degree**2))
    # Where all items are equal neighbors only rounding is left of the spread.
    return float(np.mean(degree**3)) / spread**1.5 if spread > 1e-12 * count**2 else 0.0
