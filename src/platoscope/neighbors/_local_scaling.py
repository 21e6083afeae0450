"""Distances in units of each item's own surroundings: local scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platoscope.checks import whole_number
from platoscope.errors import InputError
from platoscope.neighbors._exact import exact_scores
from platoscope.neighbors._memory import require_memory
from platoscope.neighbors._metrics import reads_distances
from platoscope.neighbors._prepare import as_space

if TYPE_CHECKING:
    import numpy.typing as npt

    from platoscope.neighbors._inputs import ArrayLike
    from platoscope.neighbors._metrics import OwnMetric
    from platoscope.neighbors._space import Space
    from platoscope.neighbors._transforms import Transform

__all__ = ["local_scaling"]

# Rows whose distances are taken together.
_ROWS = 256


def local_scaling(
    X: ArrayLike,
    /,
    *,
    n_neighbors: int = 7,
    transform: Transform = "none",
    metric: str | OwnMetric = "euclidean",
) -> npt.NDArray[np.float64]:
    """Return distances relative to how dense it is around both items, for ``metric="precomputed"``.

    With σ_i the distance of item i from its k-th neighbor [1]_::

        D[i, j] = d(i, j)² / (σ_i σ_j)

    An item amid a dense crowd is near to others only if it is near by the measure of the crowd, so that hubs lose
    their lead [2]_; `platoscope.neighbors.mutual_proximity` does the same from ranks.

    Parameters
    ----------
    X : array of shape (n_samples, n_features), sequence of such arrays, or Space
        One representation.
    n_neighbors : int
        k; 7 in [1]_.
    transform, metric
        Preparation of the rows and their distance, as in `platoscope.prepare`. The cosine distance stands for the
        Euclidean one of rows of unit norm.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_samples)
        Symmetric where d is; 0 for copies.

    Raises
    ------
    InputError
        As `platoscope.prepare`; `n_neighbors` outside 1 to n_samples − 1; or an item with so many copies that its
        k-th neighbor is one of them, which leaves it no scale.
    MemoryPlanError
        The matrix does not fit.

    Notes
    -----
    Exact: distances are those of the rows as given, in float64, so that rows that are equal bit for bit tie, and on a
    grid (whole numbers) whatever ties by the formula. Memory: 8 N² bytes beside the prepared space. Time: N² D
    operations in float64.

    References
    ----------
    .. [1] L. Zelnik-Manor, P. Perona (2004). Self-tuning spectral clustering. NIPS 17 (its affinity is exp(−D)).
    .. [2] D. Schnitzer, A. Flexer, M. Schedl, G. Widmer (2012). Local and global scaling reduce hubs in space.
       JMLR 13, 2871-2902 (section 3.1).

    Examples
    --------
    >>> import numpy as np
    >>> local_scaling(np.array([[0.0], [1.0], [3.0], [9.0]]), n_neighbors=1)[0].tolist()
    [0.0, 1.0, 4.5, 13.5]
    """
    space = as_space(X, "X", metric, transform)
    n = space.n_samples
    if whole_number("n_neighbors", n_neighbors) not in range(1, n):
        message = f"n_neighbors must lie between 1 and the other items of X, {n - 1}; got {n_neighbors}."
        raise InputError(message)
    require_memory(8 * n * n, "Local scaling of all pairs of X", "Give fewer items.")
    squared = np.empty((n, n))
    for first in range(0, n, _ROWS):
        squared[first : first + _ROWS] = _scores(space, metric, first, min(first + _ROWS, n))
    # A power of two changes no ratio, and the products below can neither overflow nor vanish.
    np.ldexp(squared, -int(np.frexp(squared.max())[1]), out=squared)
    scale = _scales(squared, n_neighbors)
    for i, row in enumerate(squared):
        # One division of products, so that equal fractions of whole numbers are equal numbers.
        np.divide(row * row, scale[i] * scale, out=row)
    return squared if reads_distances(metric) else np.sqrt(squared, out=squared)


def _scores(space: Space, metric: str | OwnMetric, start: int, stop: int) -> npt.NDArray[np.float64]:
    """Return squared distances of items start:stop from all (up to a factor), or distances where those are kept."""
    if reads_distances(metric):
        return space.gram_rows(start, stop).astype(np.float64)
    left = np.repeat(space.inverse[start:stop], space.n_samples)
    right = np.tile(space.inverse, stop - start)
    return exact_scores(space, metric, left, right).reshape(stop - start, space.n_samples)


def _scales(scores: npt.NDArray[np.float64], n_neighbors: int) -> npt.NDArray[np.float64]:
    """Return the score of each item's k-th neighbor, itself excluded by its place."""
    scale = np.empty(len(scores))
    for i, row in enumerate(scores):
        others = np.delete(row, i)
        scale[i] = np.partition(others, n_neighbors - 1)[n_neighbors - 1]
    copied = np.flatnonzero(scale == 0)
    if copied.size:
        message = (
            f"{copied.size} items of X have {n_neighbors} or more copies, so that their distance from the "
            f"neighbor {n_neighbors} is 0 and scales nothing; the first is item {copied[0]}. Drop duplicates, or ask "
            "for more neighbors."
        )
        raise InputError(message)
    return scale
