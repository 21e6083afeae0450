"""Ridge R²: how much of one representation a linear map of the other predicts, of items that the map has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from platoscope.errors import InputError
from platoscope.measures._coordinates import as_given, coordinates, on_pairings
from platoscope.measures._inputs import two_spaces
from platoscope.measures._nulls import one_per_item

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.measures._coordinates import Coordinates
    from platoscope.neighbors import Space, Transform

__all__ = ["LinearPrediction", "ridge_null", "ridge_r2", "ridge_scores"]

# Decimal logarithms of the penalties that are tried first, as multiples of the largest eigenvalue. Errors are smooth over
# a decade.
_STEP = 1.5
_TRIED = np.arange(-10.0, 2.1, _STEP)
_NEAR_ENOUGH = 0.01  # of the best one: R² is flat there, and off by less than a millionth


class LinearPrediction(NamedTuple):
    """How well each of two representations predicts the other by a linear map."""

    forward: float
    """R² of X→Y."""
    backward: float
    """R² of Y→X."""
    forward_penalty: float
    """The penalty λ of X→Y, as a multiple of the largest eigenvalue of the Gram matrix of X; infinite where no map
    predicts better than the mean."""
    backward_penalty: float
    """That of Y→X, as a multiple of the largest eigenvalue of Y."""


def ridge_r2(
    X: Any, Y: Any, /, *, strata: Sequence[Any] | None = None, transform: Transform = "none"
) -> LinearPrediction:
    """Measure how well a linear map of each of two representations predicts the other, item by item left out.

    The share of the variance of Y, over all its features, that a ridge map of X predicts of items which it was not fitted
    to: 1 where Y is a linear function of X, 0 where the mean of the other items predicts as well. Higher is more
    predictive. The two directions differ when one side has more linear directions that the other lacks.

        R²(X→Y) = 1 − min over λ of Σ_i |y_i − ŷ_i(λ)|² / Σ_i |y_i − ȳ_i|²
        ŷ_i(λ): the ridge map with penalty λ, fitted without item i;   ȳ_i: the mean of Y without item i

    Parameters
    ----------
    X, Y : array of shape (n_samples, n_features), sequence of such arrays, or Space
        Two representations of the same items. Widths may differ, and there may be more features than items.
    strata : sequence of length n_samples, optional
        Group of each item (book, class): the map and the mean are fitted without the whole group of the item that they
        predict. Without it a near-duplicate of an item, or another sentence of its book, tells of it.
    transform : str or sequence of str
        Preparation of the rows of both sides before anything else; see `platoscope.neighbors.transform_rows`.

    Returns
    -------
    LinearPrediction

    Raises
    ------
    InputError
        A representation that does not vary over the items: there is nothing to predict. `strata` of another length, or all
        of one group. Otherwise as `information_imbalance`.

    Notes
    -----
    Closed form, without fitting anything twice. With U the directions of the centered rows of X (eigenvectors of
    their Gram matrix) and s its eigenvalues, predictions of all items are HY with the hat matrix
    ``H = 11ᵀ/N + U s/(s + λ) Uᵀ``, and the errors of items left out ``(Y − HY)_i / (1 − H_ii)`` [1]_; of groups left out,
    the block of ``I − H`` is solved for. The penalty is that with the smallest error of items left out, as in
    scikit-learn's ``RidgeCV``: tried at nine powers of ten from 10⁻¹⁰ to 10² times the largest eigenvalue, refined by
    Brent's method around those that are better than both their neighbors, and infinity. It was chosen on the same items,
    so that R² is a little high, and never negative. Nulls of `platoscope.profile` choose it again for every shuffled
    pairing.

    With more features than items, an R² of 1 is out of reach even for ``ridge_r2(X, X)``: an item that was left out
    lies outside of what the others span. So compare R² at equal N.

    One decomposition per side, O(N D min(N, D)), then for each of some 17 penalties and each direction a product of
    (N, r_X) and (r_X, r_Y), r = min(N − 1, D). Float64; memory 8 N (r_X + 3 r_Y) bytes beside the rows.

    References
    ----------
    .. [1] Allen, "The relationship between variable selection and data augmentation and a method for prediction",
       Technometrics 16 (1974); Golub, Heath, Wahba, "Generalized cross-validation as a method for choosing a good ridge
       parameter", Technometrics 21 (1979), Eq. 1.1-1.4.

    Examples
    --------
    The whole predicts its part; the part predicts three of eight features:

    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((500, 8))
    >>> found = ridge_r2(X, X[:, :3])
    >>> round(found.forward, 6), round(found.backward, 2)
    (1.0, 0.34)
    """
    A, B = two_spaces(X, Y, "euclidean", transform=transform)
    groups = None if strata is None else _groups(strata, A.n_samples)
    sides = coordinates(A), coordinates(B)
    constant = [space.name for space, side in zip((A, B), sides, strict=True) if not side.lengths.size]
    if constant:
        message = (
            f"Ridge R² is undefined: {' and '.join(constant)} does not vary over the items, so that there is nothing to "
            "predict. Leave that layer out."
        )
        raise InputError(message)
    forward, backward = _best(*sides, groups), _best(*sides[::-1], groups)
    return LinearPrediction(forward[0], backward[0], forward[1], backward[1])


def ridge_scores(
    A: Sequence[Space], B: Sequence[Space], pairs: npt.NDArray[np.intp], /
) -> npt.NDArray[np.float64]:
    """Return R² for pairs (a, b) of spaces, shape (2, n_pairs); NaN where what is predicted does not vary."""
    values: npt.NDArray[np.float64] = ridge_null(A, B, pairs, as_given(A[0].n_samples))[0]
    return values


def ridge_null(
    A: Sequence[Space], B: Sequence[Space], pairs: npt.NDArray[np.intp], orders: npt.NDArray[np.intp], /
) -> npt.NDArray[np.float64]:
    """Return R² with item ``orders[k, i]`` of B beside item i of A, shape (n_permutations, 2, n_pairs)."""

    def both(a: Coordinates, b: Coordinates) -> tuple[float, float]:
        return _best(a, b)[0], _best(b, a)[0]

    return on_pairings(both, 2, A, B, pairs, orders)


def _groups(strata: Sequence[Any], n_samples: int) -> list[npt.NDArray[np.intp]]:
    names = [str(value) for value in one_per_item(strata, n_samples)]
    _, numbers = np.unique(np.asarray(names), return_inverse=True)
    found = [np.flatnonzero(numbers == group) for group in range(numbers.max() + 1)]
    if len(found) == 1:
        message = "All items are of one stratum, so that none is left to predict it from. Use finer strata."
        raise InputError(message)
    return found


def _best(
    source: Coordinates, target: Coordinates, groups: Sequence[npt.NDArray[np.intp]] | None = None
) -> tuple[float, float]:
    """Return R² and the penalty that it has, as a multiple of the largest eigenvalue of the source."""
    from scipy.optimize import minimize_scalar  # 0.2 s to import

    if not target.lengths.size:
        return np.nan, np.nan
    if not source.lengths.size:
        return 0.0, inf
    left_out = _LeftOut(source, target.points, groups)
    errors = [left_out.error(10.0**tried) for tried in _TRIED]
    found = list(zip(errors, _TRIED.tolist(), strict=True))
    for place in _lowest_around(errors):
        refined = minimize_scalar(
            lambda between: left_out.error(10.0**between), method="bounded", options={"xatol": _NEAR_ENOUGH},
            bounds=(_TRIED[max(place - 1, 0)], _TRIED[min(place + 1, len(_TRIED) - 1)]),
        )  # fmt: skip
        found.append((refined.fun, refined.x))
    error, tried = min(found)
    penalty = 10.0**tried
    r2 = 1.0 - error / left_out.error_of_mean
    return (float(r2), float(penalty)) if r2 > 0 else (0.0, inf)


def _lowest_around(errors: Sequence[float]) -> list[int]:
    """Return the places where an error is lower than those beside it: what lies between two may be lower still."""
    padded = [inf, *errors, inf]
    return [place for place in range(len(errors)) if padded[place] > padded[place + 1] <= padded[place + 2]]


@dataclass(frozen=True)
class _LeftOut:
    """Errors of a ridge map for items, or groups of items, that it was not fitted to."""

    source: Coordinates
    target: npt.NDArray[np.float64]
    """Centered, shape (n_samples, n_features)."""
    groups: Sequence[npt.NDArray[np.intp]] | None

    def error(self, penalty: float, /) -> float:
        """Return the sum of squared errors; `penalty` is a multiple of the largest eigenvalue."""
        squares = np.square(self.source.lengths / self.source.lengths[0])
        kept = penalty / (squares + penalty)
        residuals = self.source.axes @ (kept[:, None] * self._along)
        if self._beyond is not None:
            residuals += self._beyond
        if self.groups is None:
            free = self._free + np.square(self.source.axes) @ kept
            return float((np.einsum("ij,ij->i", residuals, residuals) / free**2).sum())
        return sum(
            _squared(block + (axes * kept) @ axes.T, residuals[items])
            for items, (axes, block) in zip(self.groups, self._blocks, strict=True)
        )

    @cached_property
    def error_of_mean(self) -> float:
        """That of the mean of the other items, or of the other groups."""
        n = len(self.target)
        if self.groups is None:
            return float(np.square(self.target).sum() * (n / (n - 1)) ** 2)
        return sum(_squared(np.eye(len(items)) - 1 / n, self.target[items]) for items in self.groups)

    @cached_property
    def _along(self) -> npt.NDArray[np.float64]:
        """What the directions of the source see of the target, shape (rank, n_features)."""
        seen: npt.NDArray[np.float64] = self.source.axes.T @ self.target
        return seen

    @cached_property
    def _beyond(self) -> npt.NDArray[np.float64] | None:
        """What no linear function of the source is; None where the source has all directions that there are."""
        return None if self._full else self.target - self.source.axes @ self._along

    @property
    def _full(self) -> bool:
        return self.source.lengths.size == len(self.target) - 1

    @cached_property
    def _free(self) -> npt.NDArray[np.float64]:
        """1 − H_ii without any penalty."""
        n = len(self.target)
        if self._full:
            return np.zeros(n)
        left: npt.NDArray[np.float64] = 1 - 1 / n - np.square(self.source.axes).sum(axis=1)
        return np.maximum(left, 0)

    @cached_property
    def _blocks(self) -> list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
        """The directions of every group, and its block of I − H without any penalty."""
        assert self.groups is not None
        n, found = len(self.target), []
        for items in self.groups:
            axes = self.source.axes[items]
            block = np.eye(len(items)) - 1 / n - axes @ axes.T
            found.append((axes, np.zeros_like(block) if self._full else block))
        return found


def _squared(block: npt.NDArray[np.float64], residuals: npt.NDArray[np.float64]) -> float:
    return float(np.square(np.linalg.solve(block, residuals)).sum())
