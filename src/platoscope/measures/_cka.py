"""Centered Kernel Alignment (Kornblith et al. 2019), biased and debiased (Song et al. 2012)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from platoscope.checks import number, one_of
from platoscope.errors import InputError
from platoscope.measures._dense import AT_ONCE, off_diagonal_dots, permuted_dots
from platoscope.measures._gram_kernels import (
    Kernel,
    Margins,
    Sums,
    between,
    cross_sums,
    defined_hsic,
    exact_kernel,
    gram_kernels,
    is_settled,
    matrix_kernel,
    scaled_centered,
)
from platoscope.measures._inputs import check_same_items
from platoscope.measures._nulls import Shuffles
from platoscope.measures._rbf import rbf_matrix
from platoscope.neighbors import Sample, Space, Transform, as_space, over_tasks, prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["cka", "cka_null", "cka_scores"]

_ROWS = 512  # summed at a time


def cka(
    X: Any,
    Y: Any,
    /,
    *,
    estimator: Literal["debiased", "biased"] = "debiased",
    kernel: Literal["linear", "rbf"] = "linear",
    bandwidth: float = 1.0,
    transform: Transform = "none",
) -> float:
    """Measure how alike the similarity structures of two representations are.

    1 for representations equal up to an isometry and a scale; 0 is the expectation of the debiased
    estimator under independence (it can be slightly negative). Higher is more similar. Symmetric.
    The paper says "Central" for Centered. ::

        biased:    ‖YᵀX‖²_F / (‖XᵀX‖_F ‖YᵀY‖_F)   on column-centered X, Y
        debiased:  HSIC_u(K, L) / √(HSIC_u(K, K) HSIC_u(L, L)),   K̃, L̃ the Gram matrices with zero diagonal,
                   HSIC_u = [tr(K̃L̃) + 1ᵀK̃1·1ᵀL̃1/((N−1)(N−2)) − 2/(N−2)·1ᵀK̃L̃1] / (N(N−3))

    Parameters
    ----------
    X, Y : array of shape (n_samples, n_features), sequence of such arrays, or Space
        Two representations of the same items, at least 4.
    estimator : {"debiased", "biased"}
        The biased one saturates near 1 when there are more features than items, whatever they say.
    kernel : {"linear", "rbf"}
        For "rbf", exp(−d² / (2 σ²)) with σ = `bandwidth` × the median distance of each side.
    bandwidth : float
        Only for ``kernel="rbf"``.
    transform : str or sequence of str
        Preparation of the rows of both sides before anything else; see `platoscope.neighbors.transform_rows`.

    Returns
    -------
    float

    Raises
    ------
    InputError
        A constant representation, or one whose self-HSIC is not positive: CKA is then undefined. Never
        NaN, never an added epsilon. Otherwise as `information_imbalance`.

    Notes
    -----
    Linear: computed from features when D < N and from Gram matrices otherwise, in the precision of
    the input, sums in float64. O(N D min(N, D)). Where that would be further from the truth than 1e-5 for float32 or
    1e-10 for float64 (few far items that carry the variance), from products in float64 whose common part is taken off
    before they are squared; so in a grid of layers, and of torch tensors on a GPU, to 1e-5.

    References
    ----------
    .. [1] Kornblith, Norouzi, Lee, Hinton, "Similarity of Neural Network Representations
       Revisited", ICML 2019.
    .. [2] Song, Smola, Gretton, Bedo, Borgwardt, "Feature Selection via Dependence Maximization",
       JMLR 13 (2012), Eq. 5.

    Examples
    --------
    Ten percent of the features, in few and in many dimensions:

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> for n_features in (100, 4000):
    ...     X = rng.standard_normal((500, n_features))
    ...     part = X[:, : n_features // 10]
    ...     print(round(cka(X, part), 1), round(cka(X, part, estimator="biased"), 1))
    0.3 0.3
    0.3 0.7
    """
    one_of("estimator", estimator, ("debiased", "biased"))
    one_of("kernel", kernel, ("linear", "rbf"))
    if not number("bandwidth", bandwidth) > 0:
        message = f"bandwidth must be positive; got {bandwidth}."
        raise InputError(message)
    A, B = (_vectors(Z, transform, name) for Z, name in ((X, "X"), (Y, "Y")))
    check_same_items(A.n_samples, B.n_samples)
    if kernel == "rbf":
        values = _rbf(A, B, bandwidth)
    elif A.device is not None and B.device is not None:
        values = _in_grid(A, B)
    else:
        values = _linear(A, B)
    return _defined(values, estimator, A, B)


def cka_scores(
    A: Sequence[Space | Sample],
    B: Sequence[Space | Sample],
    pairs: npt.NDArray[np.intp],
    /,
    *,
    estimator: str,
    scratch: dict[str, Any] | None = None,
) -> npt.NDArray[np.float64]:
    """Return linear CKA for pairs (a, b) of spaces or samples, shape (1, n_pairs); NaN where it is undefined.

    Both estimators come from the same sums; a `scratch` that is passed to both calls keeps them.
    """
    scratch = {} if scratch is None else scratch
    if "cka" not in scratch:
        n = A[0].n_samples
        left, right = gram_kernels(A), gram_kernels(B)
        cross = cross_sums(A, B, pairs)
        sums = _pair_sums(left, right, pairs, Shuffles.of(np.arange(n)[None]))._replace(cross=cross)
        scratch["cka"] = _alignment(sums, left, right, pairs)
    chosen: npt.NDArray[np.float64] = scratch["cka"][estimator]
    return chosen


def cka_null(
    A: Sequence[Space],
    B: Sequence[Space],
    pairs: npt.NDArray[np.intp],
    shuffles: Shuffles,
    /,
    *,
    estimator: str,
    scratch: dict[str, Any] | None = None,
) -> npt.NDArray[np.float64]:
    """Return linear CKA under permutations of B, shape (n_permutations, 1, n_pairs)."""
    scratch = {} if scratch is None else scratch
    if "cka null" not in scratch:
        scratch["cka null"] = _null_of_both(A, B, pairs, shuffles)
    chosen: npt.NDArray[np.float64] = scratch["cka null"][estimator]
    return chosen[:, None]


def _null_of_both(A: Sequence[Space], B: Sequence[Space], pairs: Any, shuffles: Shuffles) -> dict[str, Any]:
    left, right = gram_kernels(A), gram_kernels(B)
    cross = permuted_dots([K.rows for K in left], [K.rows for K in right], pairs, shuffles)
    return _alignment(_pair_sums(left, right, pairs, shuffles)._replace(cross=cross), left, right, pairs)


def _pair_sums(left: Sequence[Kernel], right: Sequence[Kernel], pairs: Any, shuffles: Shuffles) -> Sums:
    """Return all sums but the cross one (0) for pairs of kernels and shuffles, shape (n_permutations, n_pairs)."""
    a, b = shuffles.cells.T
    dotted, totals = {}, {}
    for name in ("diagonal", "off_sums", "row_sums"):
        of_a, of_b = (np.stack([getattr(K.margins, name) for K in side]) for side in (left, right))
        totals[name] = of_a.sum(axis=1)[pairs[:, 0]] * of_b.sum(axis=1)[pairs[:, 1]]
        rows = of_a[:, shuffles.left]
        products = np.empty((len(of_a), len(of_b), *map(len, (shuffles.left, shuffles.right))))
        over_tasks(partial(_multiply, rows, of_b, shuffles.right, products), len(of_b))
        dotted[name] = products[pairs[:, 0], pairs[:, 1]][:, a, b].T
    return Sums(
        cross=0.0,
        diagonal=dotted["diagonal"],
        marginal=dotted["off_sums"],
        full_marginal=dotted["row_sums"],
        off_total=totals["off_sums"],
        total=totals["row_sums"],
    )


def _multiply(
    rows: npt.NDArray[np.float64],
    others: npt.NDArray[np.float64],
    orders: npt.NDArray[np.intp],
    out: npt.NDArray[np.float64],
    start: int,
    stop: int,
) -> None:
    for other in range(start, stop):
        for first in range(
            0, len(orders), AT_ONCE
        ):  # as `permuted_dots`, so that any run of them rounds alike
            some = slice(first, first + AT_ONCE)
            out[:, other, :, some] = rows @ others[other][orders[some]].T


def _alignment(
    sums: Sums, left: Sequence[Kernel], right: Sequence[Kernel], pairs: npt.NDArray[np.intp]
) -> dict[str, Any]:
    """Return CKA of both estimators for pairs of kernels, given the sums of each pair; NaN where it is undefined."""
    n = len(left[0].margins.diagonal)
    out: dict[str, Any] = {}
    for estimator, hsic in sums.hsic(n).items():
        roots = [np.sqrt([K.own[estimator] for K in side]) for side in (left, right)]
        out[estimator] = hsic / (roots[0][pairs[:, 0]] * roots[1][pairs[:, 1]])
    return out


def _vectors(X: Any, transform: Transform, name: str) -> Space:
    if isinstance(X, Space) and X.metric not in ("euclidean", "cosine"):
        message = f"CKA needs vectors; {name} was prepared with metric={X.metric!r}."
        raise InputError(message)
    if isinstance(X, Space):
        return as_space(X, name, X.metric, transform)
    return prepare(X, transform=transform, name=name, block_size=1)


def _linear(A: Space, B: Space) -> dict[str, float]:
    """Return linear CKA in the precision of the input, from features or Gram matrices, whichever is cheaper."""
    n = A.n_samples
    X, Y = (_centered_features(space) for space in (A, B))
    K, L = (_margins_of_rows(Z) for Z in (X, Y))
    p, q = X.shape[1], Y.shape[1]
    if 2 * p * q + p * p + q * q < n * (p + q):
        cross, of_k, of_l = (_dot(M, M) for M in (X.T @ Y, X.T @ X, Y.T @ Y))
    else:
        G, H = X @ X.T, Y @ Y.T
        cross, of_k, of_l = _dot(G, H), _dot(G, G), _dot(H, H)
    own = [_between_rows(K, K, of_k), _between_rows(L, L, of_l)]
    # The diagonal was summed with the rest, and counts among what cancels.
    settled = [
        space.n_distinct == 1 or is_settled(sums, M, Z.dtype, summed=sums.cross + sums.diagonal)
        for sums, M, Z, space in zip(own, (K, L), (X, Y), (A, B), strict=True)
    ]
    if not all(settled):
        return _of_two(exact_kernel(A, np.float64), exact_kernel(B, np.float64))
    roots = [{name: np.sqrt(value) for name, value in defined_hsic(sums, n).items()} for sums in own]
    hsic = _between_rows(K, L, cross).hsic(n)
    return {name: value / (roots[0][name] * roots[1][name]) for name, value in hsic.items()}


def _in_grid(A: Space, B: Space) -> dict[str, float]:
    """Return linear CKA as a grid of one pair has it, which is computed where the rows are."""
    pair, scratch = np.zeros((1, 2), np.intp), dict[str, Any]()
    return {
        name: float(cka_scores([A], [B], pair, estimator=name, scratch=scratch)[0, 0])
        for name in ("biased", "debiased")
    }


def _margins_of_rows(Z: npt.NDArray[Any]) -> Margins:
    squares = np.einsum("ij,ij->i", Z, Z, dtype=np.float64)
    return Margins(
        squares, (Z @ Z.sum(axis=0, dtype=np.float64).astype(Z.dtype)).astype(np.float64) - squares
    )


def _between_rows(K: Margins, L: Margins, products: float) -> Sums:
    """Return the sums of two kernels, given the sum of products of all their entries."""
    return between(K, L, products - float(K.diagonal @ L.diagonal))


def _rbf(A: Space, B: Space, bandwidth: float) -> dict[str, float]:
    return _of_two(*(matrix_kernel(rbf_matrix(space, bandwidth)) for space in (A, B)))


def _of_two(K: Kernel, L: Kernel) -> dict[str, float]:
    """Return CKA of both estimators of two kernels."""
    pair = np.zeros((1, 2), np.intp)
    n = len(K.margins.diagonal)
    sums = between(K.margins, L.margins, float(off_diagonal_dots([K.rows], [L.rows], pair, n)[0]))
    return {name: float(value[0]) for name, value in _alignment(sums, [K], [L], pair).items()}


def _dot(M: npt.NDArray[Any], N: npt.NDArray[Any]) -> float:
    """Return the sum of ``M * N``, accumulated in float64."""
    starts = range(0, len(M), _ROWS)
    return sum(
        float(np.einsum("ij,ij->", M[s : s + _ROWS], N[s : s + _ROWS], dtype=np.float64)) for s in starts
    )


def _centered_features(space: Space) -> npt.NDArray[Any]:
    if space.centered and all(part.dtype != np.float64 for part in space.parts):
        rows = np.concatenate(space.centered, axis=1) if len(space.centered) > 1 else space.centered[0]
        return rows if space.one_row_per_item else rows[space.inverse]
    return scaled_centered(space.rows())


def _defined(values: dict[str, Any], estimator: str, A: Space, B: Space) -> float:
    value = float(values[estimator])
    if np.isnan(value):
        which = [space.name for space in (A, B) if space.n_distinct == 1] or ["X or Y"]
        message = (
            f"CKA ({estimator}) is undefined: the self-HSIC of {' and '.join(which)} is zero or negative, because it "
            "does not vary over the items (or has too few items to tell). Leave that layer out."
        )
        raise InputError(message)
    return value
