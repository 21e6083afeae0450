"""CKNNA: centered kernel alignment over mutual nearest neighbors (Huh et al. 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from platoscope.errors import InputError
from platoscope.measures._gram_kernels import scaled_centered
from platoscope.measures._inputs import two_spaces
from platoscope.measures._sparse import SparseRows, common_sums, permuted_common_sums
from platoscope.neighbors import Neighbors, Space, Transform, nearest_neighbors

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["cknna", "cknna_null", "cknna_scores"]

_UNIT = 2.0**-24  # of float32
_TOLERANCE = 1e-6


def cknna(X: Any, Y: Any, /, *, n_neighbors: int = 10, transform: Transform = "none") -> float:
    """Measure the alignment of two kernels where both see near neighbors.

    Between −1 and 1, 1 for identical representations; higher is more similar. Symmetric. With all
    others as neighbors it tends to CKA, with few it looks at local structure only.

        Align(K, L) = Σ_i Σ_j α_K(i, j) α_L(i, j) K_ij L_ij,   α(i, j) = share of j among the k neighbors of i
        CKNNA = Align(K, L) / √(Align(K, K) Align(L, L)),       K, L centered Gram matrices

    Parameters
    ----------
    X, Y : array of shape (n_samples, n_features), sequence of such arrays, or Space
        Two representations of the same items.
    n_neighbors : int
        Neighbors by Euclidean distance; ties at the last place share it.
    transform : str or sequence of str
        Preparation of the rows of both sides before anything else; see `platoscope.neighbors.transform_rows`.

    Returns
    -------
    float

    Raises
    ------
    InputError
        A constant representation (undefined); otherwise as `information_imbalance`.

    References
    ----------
    .. [1] Huh et al., "Position: The Platonic Representation Hypothesis", ICML 2024, Appendix A.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((300, 8))
    >>> round(cknna(X, 3 * X + 1), 6)
    1.0
    """
    A, B = two_spaces(X, Y, "euclidean", transform=transform)
    value = float(cknna_scores([A], [B], np.zeros((1, 2), np.intp), n_neighbors=n_neighbors)[0, 0])
    if np.isnan(value):
        message = "CKNNA is undefined: X or Y does not vary over the items. Leave that layer out."
        raise InputError(message)
    return value


def _rows(space: Space, k: int) -> SparseRows:
    """Return the neighbors with values share × centered kernel."""
    near = nearest_neighbors(space, k, "euclidean")
    owner = np.repeat(np.arange(space.n_samples), np.diff(near.indptr))
    kept = _kept_entries(space, near, owner)
    entries = _exact_entries(space, near, owner) if kept is None else kept
    return SparseRows(near.indptr, near.items, entries * near.weights * k)


def _kept_entries(
    space: Space, near: Neighbors, owner: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64] | None:
    """Return the centered kernel at the neighbors from the kept matrix; None where float32 does not do.

    A subset is centered at the mean of its own items, and not at that of all.
    """
    values = np.empty(near.items.size)
    for start in range(0, space.n_samples, 1024):
        stop = min(start + 1024, space.n_samples)
        inside = slice(near.indptr[start], near.indptr[stop])
        values[inside] = space.gram_rows(start, stop)[owner[inside] - start, near.items[inside]]
    squares = space.sq[space.inverse]
    sums, _ = space.gram_moments()
    means = sums[space.inverse] / space.n_samples
    values += means.mean() - means[owner] - means[near.items]
    rounding = _UNIT**2 * (squares[owner] @ squares[near.items])
    return values if rounding <= _TOLERANCE**2 * (values @ values) else None


def _exact_entries(space: Space, near: Neighbors, owner: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Return the centered kernel at the neighbors, in float64 from the rows."""
    Z = scaled_centered(space.rows().astype(np.float64))
    values = np.empty(near.items.size)
    for start in range(0, values.size, 4096):
        some = slice(start, start + 4096)
        values[some] = np.einsum("ij,ij->i", Z[owner[some]], Z[near.items[some]])
    return values


def _scales(spaces: Sequence[Space], rows: Sequence[SparseRows]) -> npt.NDArray[np.float64]:
    own = np.array([np.square(row.values).sum() for row in rows])
    varies = np.array([space.n_distinct > 1 for space in spaces])
    return np.sqrt(np.where(varies & (own > 0), own, np.nan))


def cknna_scores(
    A: Sequence[Space], B: Sequence[Space], pairs: npt.NDArray[np.intp], /, *, n_neighbors: int
) -> npt.NDArray[np.float64]:
    """Return CKNNA for pairs (a, b) of spaces, shape (1, n_pairs); NaN where it is undefined."""
    rows_a, rows_b = [_rows(space, n_neighbors) for space in A], [_rows(space, n_neighbors) for space in B]
    scale = _scales(A, rows_a)[pairs[:, 0]] * _scales(B, rows_b)[pairs[:, 1]]
    return (common_sums(rows_a, rows_b, pairs) / scale)[None]


def cknna_null(
    A: Sequence[Space],
    B: Sequence[Space],
    pairs: npt.NDArray[np.intp],
    orders: npt.NDArray[np.intp],
    /,
    *,
    n_neighbors: int,
) -> npt.NDArray[np.float64]:
    """Return CKNNA under permutations of B, shape (n_permutations, 1, n_pairs)."""
    rows_a, rows_b = [_rows(space, n_neighbors) for space in A], [_rows(space, n_neighbors) for space in B]
    scale = _scales(A, rows_a)[pairs[:, 0]] * _scales(B, rows_b)[pairs[:, 1]]
    return (permuted_common_sums(rows_a, rows_b, pairs, orders) / scale)[:, None]
