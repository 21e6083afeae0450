"""Neighborhood overlap, also called mutual k-nearest-neighbor alignment (Huh et al. 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from platoscope.checks import whole_number
from platoscope.measures._inputs import two_spaces
from platoscope.measures._sparse import SparseRows, common_sums, permuted_common_sums
from platoscope.neighbors import (
    Metric,
    Neighbors,
    OwnMetric,
    Sample,
    Space,
    Transform,
    asked_alone,
    map_spaces,
    nearest_neighbors,
    sample_neighbors,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "neighborhood_overlap",
    "neighborhood_overlap_chance",
    "overlap_null",
    "overlap_sampled",
    "overlap_scores",
]


def neighborhood_overlap(
    X: Any,
    Y: Any,
    /,
    *,
    n_neighbors: int = 10,
    metric: Metric = "cosine",
    transform: Transform = "none",
) -> float:
    """Measure how many of their nearest neighbors two representations have in common.

    Between 0 (no neighbor in common) and 1 (the same neighbors); higher is more similar. Symmetric.
    The value under independence is ``neighborhood_overlap_chance(n_samples, n_neighbors)``. ::

        NO_k = mean over i of |N_k^X(i) ∩ N_k^Y(i)| / k

    Parameters
    ----------
    X, Y : array of shape (n_samples, n_features), sequence of such arrays, or Space
        Two representations of the same items.
    n_neighbors : int
        k: 10 in Huh et al., 30 in DADApy.
    metric : {"euclidean", "cosine", "hamming", "precomputed"} or callable
        Cosine in Huh et al. A function of two sets of rows is a distance of your own; see `platoscope.prepare`.
    transform : str or sequence of str
        Preparation of the rows of both sides (Huh et al.: ``"clamp"``) before anything else;
        see `platoscope.neighbors.transform_rows`.

    Returns
    -------
    float
        The expectation under random tie-breaking at the k-th place.

    Raises
    ------
    InputError
        As `information_imbalance`.

    Notes
    -----
    At a fixed k it depends on N: one pair of spaces gave 0.098 at N = 250 and 0.011 at N = 6000. Compare
    curves of equal N only (`platoscope.n_curve` shows the dependence). Cost as `information_imbalance`.

    References
    ----------
    .. [1] Huh, Cheung, Wang, Isola, "Position: The Platonic Representation Hypothesis", ICML 2024.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((300, 8))
    >>> neighborhood_overlap(X, X), round(neighborhood_overlap(X, X[:, :4]), 2)
    (1.0, 0.28)
    """
    A, B = two_spaces(X, Y, metric, transform=transform)
    scores = overlap_scores([A], [B], np.zeros((1, 2), np.intp), n_neighbors=n_neighbors, metric=metric)
    return float(scores[0, 0])


def neighborhood_overlap_chance(n_samples: int, n_neighbors: int = 10) -> float:
    """Return the expected overlap of independent representations, k / (N − 1).

    Raises
    ------
    InputError
        Numbers that are none.
    """
    n_samples = whole_number("n_samples", n_samples, low=2)
    return whole_number("n_neighbors", n_neighbors, low=1) / (n_samples - 1)


def _rows(spaces: Sequence[Space], k: int, metric: str | OwnMetric) -> list[SparseRows]:
    return _counts(
        map_spaces(lambda space: nearest_neighbors(space, k, metric), spaces, alone=asked_alone), k
    )


def _counts(neighbors: Sequence[Neighbors], k: int) -> list[SparseRows]:
    """Return sparse rows of expected counts: k times the shares."""
    return [SparseRows(near.indptr, near.items, near.weights * k) for near in neighbors]


def overlap_scores(
    A: Sequence[Space],
    B: Sequence[Space],
    pairs: npt.NDArray[np.intp],
    /,
    *,
    n_neighbors: int,
    metric: str | OwnMetric,
) -> npt.NDArray[np.float64]:
    """Return the overlap for pairs (a, b) of spaces, shape (1, n_pairs)."""
    k = n_neighbors
    # Rows hold expected counts, whose products sum to the expected number in common, out of k.
    return common_sums(_rows(A, k, metric), _rows(B, k, metric), pairs)[None] / (k * A[0].n_samples)


def overlap_null(
    A: Sequence[Space],
    B: Sequence[Space],
    pairs: npt.NDArray[np.intp],
    orders: npt.NDArray[np.intp],
    /,
    *,
    n_neighbors: int,
    metric: str | OwnMetric,
) -> npt.NDArray[np.float64]:
    """Return the overlap under permutations of B, shape (n_permutations, 1, n_pairs)."""
    k = n_neighbors
    sums = permuted_common_sums(_rows(A, k, metric), _rows(B, k, metric), pairs, orders)
    return sums[:, None] / (k * A[0].n_samples)


def overlap_sampled(
    A: Sequence[Sample],
    B: Sequence[Sample],
    pairs: npt.NDArray[np.intp],
    /,
    *,
    n_neighbors: int,
    metric: str | OwnMetric,
) -> npt.NDArray[np.float64]:
    """Return the overlap for pairs (a, b) of samples of the items, shape (1, n_pairs)."""
    k = n_neighbors
    near_a, near_b = ([sample_neighbors(sample, k, metric) for sample in side] for side in (A, B))
    return common_sums(_counts(near_a, k), _counts(near_b, k), pairs)[None] / (k * A[0].n_samples)
