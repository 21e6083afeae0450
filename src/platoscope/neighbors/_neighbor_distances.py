"""How far the nearest neighbors of every item are, in float64, whatever precision found them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from platoscope.neighbors._exact import exact_scores, squared_distances
from platoscope.neighbors._metrics import reads_distances
from platoscope.neighbors._nearest import nearest_neighbors

if TYPE_CHECKING:
    from platoscope.neighbors._metrics import OwnMetric
    from platoscope.neighbors._space import Space

__all__ = ["neighbor_distances"]

_ROWS = 1024


def neighbor_distances(space: Space, n_neighbors: int, metric: str | OwnMetric, /) -> npt.NDArray[np.float64]:
    """Return the distances of every item to its `n_neighbors` nearest others, ascending.

    Parameters
    ----------
    space : Space
        What `platoscope.prepare` returns.
    n_neighbors : int
        From 1 to ``n_samples - 1``.
    metric : str or callable
        One that the space answers. Under ``"cosine"`` distances are those of rows of unit length, √(2 − 2 cos).

    Returns
    -------
    ndarray of float64, shape (n_samples, n_neighbors)
        In the units of the rows. 0 for an item with an equal one.

    Raises
    ------
    InputError
        As `nearest_neighbors`.

    Notes
    -----
    Neighbors are found as `nearest_neighbors` finds them; their distances are sums of squared differences of the rows
    in float64, n_samples × n_neighbors × n_features of them.

    Examples
    --------
    >>> import numpy as np
    >>> from platoscope.neighbors import prepare
    >>> neighbor_distances(prepare(np.array([[0.0], [1.0], [3.0], [7.0]])), 2, "euclidean").tolist()
    [[1.0, 3.0], [1.0, 2.0], [2.0, 3.0], [4.0, 6.0]]
    """
    found = nearest_neighbors(space, n_neighbors, metric)
    owner = np.repeat(np.arange(space.n_samples), np.diff(found.indptr))
    apart = _apart(space, metric, owner, found.items)
    # Neighbors come by their index, and those that tie for the last place all do.
    order = np.lexsort((apart, owner))
    first = found.indptr[:-1, None] + np.arange(n_neighbors)
    ordered: npt.NDArray[np.float64] = apart[order][first]
    return ordered


def _apart(
    space: Space, metric: str | OwnMetric, owner: npt.NDArray[np.intp], items: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.float64]:
    """Return the distance of each item and its neighbor."""
    if reads_distances(metric):
        # A matrix that is not kept is made by rows.
        found = np.empty(owner.size)
        for start in range(0, space.n_samples, _ROWS):
            inside = slice(*np.searchsorted(owner, (start, start + _ROWS)))
            rows = space.gram_rows(start, min(start + _ROWS, space.n_samples))
            found[inside] = rows[owner[inside] - start, items[inside]]
        return found
    left, right = space.inverse[owner], space.inverse[items]
    if metric == "cosine":
        return np.sqrt(2.0 * np.maximum(exact_scores(space, metric, left, right), 0.0))
    return np.sqrt(squared_distances(space, left, right)) / space.scale
