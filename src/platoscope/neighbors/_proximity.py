"""Distances without hubs: how often two items are mutually near, from ranks alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platoscope.neighbors._memory import require_memory
from platoscope.neighbors._prepare import as_space
from platoscope.neighbors._ranks import ranks

if TYPE_CHECKING:
    import numpy.typing as npt

    from platoscope.neighbors._inputs import ArrayLike
    from platoscope.neighbors._metrics import OwnMetric
    from platoscope.neighbors._transforms import Transform

__all__ = ["mutual_proximity"]

# Rows whose ranks are counted together.
_ROWS = 256


def mutual_proximity(
    X: ArrayLike, /, *, transform: Transform = "none", metric: str | OwnMetric = "euclidean"
) -> npt.NDArray[np.float64]:
    """Return distances corrected for hubs, to be compared with ``metric="precomputed"``.

    One minus the probability that a random item is farther from i than j is, times the probability that it is
    farther from j than i is (mutual proximity with empirical distributions, taken as independent [1]_)::

        D[i, j] = 1 − p(i, j) p(j, i),      p(i, j) = 1 − (rank of j from i − 1/2) / (N − 1)

    An item that is near to everyone without everyone being near to it is no longer anyone's neighbor.

    Parameters
    ----------
    X : array of shape (n_samples, n_features), sequence of such arrays, or Space
        One representation.
    transform, metric
        Preparation of the rows and their distance, as in `platoscope.prepare`.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_samples)
        Symmetric, from 0 (itself) to 1.

    Raises
    ------
    InputError
        As `platoscope.prepare`.
    MemoryPlanError
        The matrix does not fit.

    Notes
    -----
    Exact: ranks are those of float64 distances with average ties (`platoscope.neighbors.ranks`), and equal products
    of ranks are equal numbers. Memory: 8 N² bytes beside the prepared space. Time: N³ / 2 comparisons, seconds for
    N = 3000.

    References
    ----------
    .. [1] D. Schnitzer, A. Flexer, M. Schedl, G. Widmer (2012). Local and global scaling reduce hubs in space.
       JMLR 13, 2871-2902 (section 3.2).

    Examples
    --------
    >>> import numpy as np
    >>> from platoscope.neighbors import space_diagnostics
    >>> X = np.random.default_rng(0).standard_normal((200, 100))
    >>> round(space_diagnostics(X).hubness, 1)
    4.5
    >>> round(space_diagnostics(mutual_proximity(X), metric="precomputed").hubness, 1)
    0.4
    """
    space = as_space(X, "X", metric, transform)
    n = space.n_samples
    require_memory(8 * n * n, "Mutual proximity of all pairs of X", "Give fewer items.")
    closeness = np.zeros((n, n))
    for first in range(0, n, _ROWS):
        rows = np.arange(first, min(first + _ROWS, n))
        indptr = np.zeros(n + 1, np.int64)
        indptr[rows + 1] = n - 1
        others = np.tile(np.arange(n, dtype=np.int32), (rows.size, 1))
        asked = others != rows[:, None]
        found = ranks(space, np.cumsum(indptr), others[asked], metric)
        # Twice the numerator of p: a whole number, so that products are exact.
        closeness[rows[0] : rows[-1] + 1][asked] = 2 * n - 1 - 2 * found
    distances: npt.NDArray[np.float64] = 1 - closeness * closeness.T / (4 * (n - 1) ** 2)
    np.fill_diagonal(distances, 0.0)
    return distances
