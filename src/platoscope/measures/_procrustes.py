"""Orthogonal Procrustes: how well a rotation and a scale bring one representation onto the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from platoscope.errors import InputError
from platoscope.measures._coordinates import as_given, coordinates, on_pairings
from platoscope.measures._inputs import two_spaces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.measures._coordinates import Coordinates
    from platoscope.neighbors import Space, Transform

__all__ = ["procrustes", "procrustes_null", "procrustes_scores"]


def procrustes(X: Any, Y: Any, /, *, transform: Transform = "none") -> float:
    """Measure how well the best rotation and scale bring one representation onto the other.

    1 for representations equal up to an isometry and a scale; above 0 even for unrelated ones. Higher is more similar.
    Symmetric. ::

        s = ‖XᵀY‖_* / (‖X‖_F ‖Y‖_F)   on column-centered X, Y;   ‖·‖_* the sum of the singular values

    The Procrustes distance of both, each scaled to norm 1, is ``sqrt(2 − 2 s)``, and ``s ** 2`` is the share of the
    variance of one that the rotated and scaled other explains, in sample.

    Parameters
    ----------
    X, Y : array of shape (n_samples, n_features), sequence of such arrays, or Space
        Two representations of the same items. The narrower one counts as if it had columns of zeros beside.
    transform : str or sequence of str
        Preparation of the rows of both sides before anything else; see `platoscope.neighbors.transform_rows`.

    Returns
    -------
    float

    Raises
    ------
    InputError
        A representation that does not vary over the items. Otherwise as `information_imbalance`.

    Notes
    -----
    In sample: the rotation is fitted to the items that it is judged by, and with as many features as items it brings
    unrelated ones near each other (0.75 for two Gaussian samples with N = D = 400). Read it beside its null, at equal N;
    intervals from subsamples would be too narrow, and profiles have none.
    Float64, from principal coordinates: O(N D min(N, D)) per side, then the singular values of a matrix of
    min(N − 1, D_X) × min(N − 1, D_Y).

    References
    ----------
    .. [1] Schönemann, "A generalized solution of the orthogonal Procrustes problem", Psychometrika 31 (1966).
    .. [2] Ding, Denain, Steinhardt, "Grounding Representation Similarity Through Statistical Testing", NeurIPS 2021,
       Sec. 2 (their distance is 2 − 2 s).
    .. [3] Williams, Kunz, Kornblith, Linderman, "Generalized Shape Metrics on Neural Representations", NeurIPS 2021
       (the angle arccos s).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.standard_normal((2, 300, 8))
    >>> rotation = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    >>> round(procrustes(X, 3 * X @ rotation + 1), 6), round(procrustes(X, Y), 1)
    (1.0, 0.1)
    """
    A, B = two_spaces(X, Y, "euclidean", transform=transform)
    value = _similarity(coordinates(A), coordinates(B))
    if np.isnan(value):
        message = "Procrustes is undefined: X or Y does not vary over the items. Leave that layer out."
        raise InputError(message)
    return value


def procrustes_scores(
    A: Sequence[Space], B: Sequence[Space], pairs: npt.NDArray[np.intp], /
) -> npt.NDArray[np.float64]:
    """Return the similarity for pairs (a, b) of spaces, shape (1, n_pairs); NaN where a side does not vary."""
    values: npt.NDArray[np.float64] = procrustes_null(A, B, pairs, as_given(A[0].n_samples))[0]
    return values


def procrustes_null(
    A: Sequence[Space], B: Sequence[Space], pairs: npt.NDArray[np.intp], orders: npt.NDArray[np.intp], /
) -> npt.NDArray[np.float64]:
    """Return the similarity with item ``orders[k, i]`` of B beside item i of A, shape (n_permutations, 1, n_pairs)."""
    return on_pairings(lambda a, b: (_similarity(a, b),), 1, A, B, pairs, orders)


def _similarity(a: Coordinates, b: Coordinates) -> float:
    if not (a.lengths.size and b.lengths.size):
        return float("nan")
    return float(np.linalg.svd(a.points.T @ b.points, compute_uv=False).sum())
