"""Centered Kernel Alignment (Kornblith et al. 2019), biased and debiased (Song et al. 2012)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from platoscope.errors import InputError
from platoscope.measures._dense import Rows, dots, permuted_dots, rows_of
from platoscope.measures._inputs import check_same_items, choice
from platoscope.measures._nulls import Shuffles
from platoscope.measures._rbf import rbf_matrix
from platoscope.neighbors import Sample, Space, Transform, as_space, over_tasks, prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["cka", "cka_null", "cka_scores"]

_ROWS = 512  # of a Gram matrix, held at a time where it is not kept


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
    The paper says "Central" for Centered.

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
    the input, sums in float64. O(N D min(N, D)).

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
    choice("estimator", estimator, ("debiased", "biased"))
    choice("kernel", kernel, ("linear", "rbf"))
    if not bandwidth > 0:
        message = f"bandwidth must be positive; got {bandwidth}."
        raise InputError(message)
    A, B = (_vectors(Z, transform, name) for Z, name in ((X, "X"), (Y, "Y")))
    check_same_items(A.n_samples, B.n_samples)
    if kernel == "linear":
        values = _linear(A, B)
    else:
        matrices = [rbf_matrix(space, bandwidth) for space in (A, B)]
        margins = [_Margins(np.diag(m).astype(np.float64), m.sum(axis=1, dtype=np.float64)) for m in matrices]
        kernels = list(zip(margins, matrices, strict=True))
        cross, own_a, own_b = (
            _between(K, L, float(np.einsum("ij,ij->", X, Y, dtype=np.float64)))
            for (K, X), (L, Y) in (
                (kernels[0], kernels[1]),
                (kernels[0], kernels[0]),
                (kernels[1], kernels[1]),
            )
        )
        values = _alignment(cross, own_a, own_b, A.n_samples)
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
        left, right = [_gram_kernel(space) for space in A], [_gram_kernel(space) for space in B]
        cross = dots([K.rows for K in left], [K.rows for K in right], pairs, n)
        sums = _pair_sums(left, right, pairs, Shuffles.of(np.arange(n)[None]))
        sums = sums._replace(cross=cross - sums.diagonal)
        scratch["cka"] = _alignment(sums, _own_sums(A, pairs[:, 0]), _own_sums(B, pairs[:, 1]), n)
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
    n = A[0].n_samples
    left, right = [_gram_kernel(space) for space in A], [_gram_kernel(space) for space in B]
    cross = permuted_dots([K.rows for K in left], [K.rows for K in right], pairs, shuffles)
    sums = _pair_sums(left, right, pairs, shuffles)._replace(cross=cross)
    return _alignment(sums, _own_sums(A, pairs[:, 0]), _own_sums(B, pairs[:, 1]), n)


@dataclass(frozen=True, eq=False)
class _Margins:
    """What HSIC needs of a kernel matrix beside its products with another."""

    diagonal: npt.NDArray[np.float64]
    row_sums: npt.NDArray[np.float64]

    @property
    def off_sums(self) -> npt.NDArray[np.float64]:
        """Row sums without the diagonal."""
        return self.row_sums - self.diagonal


class _Kernel(NamedTuple):
    """A kernel matrix, read by rows, and its margins."""

    rows: Rows
    margins: _Margins


class _Sums(NamedTuple):
    """What HSIC takes from pairs of kernels, one entry per pair: sums without and with the diagonals."""

    cross: Any
    """Sum over i != j of K_ij L_ij."""
    diagonal: Any
    """Sum over i of K_ii L_ii."""
    marginal: Any
    """Dot product of the row sums without diagonal."""
    full_marginal: Any
    """Dot product of the row sums."""
    off_total: Any
    """Product of the totals without diagonal."""
    total: Any
    """Product of the totals."""

    def hsic(self, n: int) -> dict[str, Any]:
        """Return HSIC of both estimators, each up to a factor that cancels in CKA."""
        biased = self.cross + self.diagonal - 2 / n * self.full_marginal + self.total / n**2
        debiased = self.cross + self.off_total / ((n - 1) * (n - 2)) - 2 / (n - 2) * self.marginal
        return {"biased": biased, "debiased": debiased}


def _pair_sums(left: Sequence[_Kernel], right: Sequence[_Kernel], pairs: Any, shuffles: Shuffles) -> _Sums:
    """Return all sums but the cross one (0) for pairs of kernels and shuffles, shape (n_permutations, n_pairs)."""
    a, b = shuffles.cells.T
    dotted, totals = {}, {}
    for name in ("diagonal", "off_sums", "row_sums"):
        of_a, of_b = (np.stack([getattr(K.margins, name) for K in side]) for side in (left, right))
        totals[name] = of_a.sum(axis=1)[pairs[:, 0]] * of_b.sum(axis=1)[pairs[:, 1]]
        rows = of_a[:, shuffles.left]
        products = np.stack([rows @ row[shuffles.right].T for row in of_b], axis=1)
        dotted[name] = products[pairs[:, 0], pairs[:, 1]][:, a, b].T
    return _Sums(
        cross=0.0,
        diagonal=dotted["diagonal"],
        marginal=dotted["off_sums"],
        full_marginal=dotted["row_sums"],
        off_total=totals["off_sums"],
        total=totals["row_sums"],
    )


def _own_sums(spaces: Sequence[Space | Sample], chosen: Any) -> _Sums:
    """Return the sums of the chosen spaces with themselves, one entry per choice."""
    own = []
    for space in spaces:
        if "cka self" not in space.memo:
            K = _gram_kernel(space)
            products = dots([K.rows], [K.rows], np.zeros((1, 2), np.intp), space.n_samples)
            space.memo["cka self"] = _between(K.margins, K.margins, float(products[0]))
        own.append(space.memo["cka self"])
    return _Sums(*(np.array(values)[chosen] for values in zip(*own, strict=True)))


def _alignment(cross: _Sums, K: _Sums, L: _Sums, n: int) -> dict[str, Any]:
    """Return CKA of both estimators from the sums of K with L, K with itself and L with itself."""
    hsic, own_k, own_l = cross.hsic(n), K.hsic(n), L.hsic(n)
    out: dict[str, Any] = {}
    for estimator in hsic:
        # What is left of a constant matrix after centering is rounding, relative to its size.
        positive = [
            own[estimator] > 1e-10 * (np.abs(sums.cross) + sums.diagonal)
            for own, sums in ((own_k, K), (own_l, L))
        ]
        scale = np.where(positive[0] & positive[1], own_k[estimator] * own_l[estimator], np.nan)
        out[estimator] = hsic[estimator] / np.sqrt(scale)
    return out


def _gram_kernel(space: Space | Sample) -> _Kernel:
    if "cka kernel" not in space.memo:
        n = space.n_samples
        diagonal, row_sums = np.empty(n), np.empty(n)

        def fill(start: int, stop: int) -> None:
            for first in range(start, stop, _ROWS):
                items = np.arange(first, min(first + _ROWS, stop))
                block = space.gram_rows(first, first + items.size)
                diagonal[items] = block[np.arange(items.size), items]
                row_sums[items] = block.sum(axis=1, dtype=np.float64)

        over_tasks(fill, n)
        space.memo["cka kernel"] = _Kernel(space.gram_rows, _Margins(diagonal, row_sums))
    kernel: _Kernel = space.memo["cka kernel"]
    return kernel


def _vectors(X: Any, transform: Transform, name: str) -> Space:
    if isinstance(X, Space) and X.metric not in ("euclidean", "cosine"):
        message = f"CKA needs vectors; {name} was prepared with metric={X.metric!r}."
        raise InputError(message)
    if isinstance(X, Space):
        return as_space(X, name, X.metric, transform)
    return prepare(X, transform=transform, name=name, block_size=1)


def _linear(A: Space, B: Space) -> dict[str, Any]:
    """Return linear CKA in the precision of the input, from features or Gram matrices, whichever is cheaper."""
    n = A.n_samples
    X, Y = (_centered_features(space) for space in (A, B))
    K, L = (
        _Margins(
            np.einsum("ij,ij->i", Z, Z, dtype=np.float64),
            (Z @ Z.sum(axis=0, dtype=np.float64).astype(Z.dtype)).astype(np.float64),
        )
        for Z in (X, Y)
    )
    p, q = X.shape[1], Y.shape[1]
    if 2 * p * q + p * p + q * q < n * (p + q):
        cross, own_k, own_l = (_dot(M, M) for M in (X.T @ Y, X.T @ X, Y.T @ Y))
    else:
        G, H = X @ X.T, Y @ Y.T
        cross, own_k, own_l = _dot(G, H), _dot(G, G), _dot(H, H)
    return _alignment(_between(K, L, cross), _between(K, K, own_k), _between(L, L, own_l), n)


def _dot(M: npt.NDArray[Any], N: npt.NDArray[Any]) -> float:
    """Return the sum of ``M * N``, accumulated in float64."""
    return float(dots([rows_of(M)], [rows_of(N)], np.zeros((1, 2), np.intp), len(M))[0])


def _between(K: _Margins, L: _Margins, products: float) -> _Sums:
    """Return the sums of two kernels, given the sum of products of all their entries."""
    diagonal = float(K.diagonal @ L.diagonal)
    return _Sums(
        products - diagonal,
        diagonal,
        float(K.off_sums @ L.off_sums),
        float(K.row_sums @ L.row_sums),
        float(K.off_sums.sum() * L.off_sums.sum()),
        float(K.row_sums.sum() * L.row_sums.sum()),
    )


def _centered_features(space: Space) -> npt.NDArray[Any]:
    if space.centered and all(part.dtype != np.float64 for part in space.parts):
        rows = np.concatenate(space.centered, axis=1) if len(space.centered) > 1 else space.centered[0]
        return rows if space.one_row_per_item else rows[space.inverse]
    items = space.first[space.inverse]
    rows = np.concatenate(space.parts, axis=1)[items] if len(space.parts) > 1 else space.parts[0][items]
    centered: npt.NDArray[Any] = (rows - rows.mean(axis=0, dtype=np.float64)).astype(rows.dtype)
    largest = np.abs(centered).max()
    return centered / largest if largest > 0 else centered


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
