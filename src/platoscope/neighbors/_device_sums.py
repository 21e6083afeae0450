"""Distances of chosen pairs of rows in float64 on a device: what `_exact_kernels` is on the host.

Sums are taken by folding: the order of the terms depends on their number alone, so that pairs of rows with equal
differences get equal distances, on any device and whatever comes with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt
    from torch import Tensor

__all__ = [
    "add_cosine",
    "add_dot",
    "add_squared",
    "add_squares_of_rows",
    "add_unit_dot",
    "fold",
    "raise_peaks",
    "smallest_size_there",
]

# Numbers held at a time, in float64.
_AT_ONCE = 1 << 25


def fold(terms: Tensor, /) -> Tensor:
    """Return the sum of each row, halves upon halves; `terms` are written over."""
    while terms.shape[1] > 1:
        half = (terms.shape[1] + 1) // 2
        terms[:, : terms.shape[1] - half] += terms[:, half:]
        terms = terms[:, :half]
    return terms[:, 0]


def add_squared(X: Tensor, left: Any, right: Any, scale: float, out: npt.NDArray[np.float64], /) -> None:
    """Add the squared Euclidean distances of rows left and right times scale², from their differences."""

    def terms(a: Tensor, b: Tensor) -> Tensor:
        return (X[a].double().mul_(scale) - X[b].double().mul_(scale)).square_()

    _add(X, terms, (left, right), (), out)


def add_squares_of_rows(X: Tensor, rows: Any, peaks: npt.NDArray[np.float64], out: Any, /) -> None:
    """Add the sum of squares of rows that are divided by their peaks first."""

    def terms(a: Tensor, peak: Tensor) -> Tensor:
        return X[a].double().div_(peak[:, None]).square_()

    _add(X, terms, (rows,), (peaks,), out)


def add_cosine(
    X: Tensor,
    left: Any,
    right: Any,
    left_peak: Any,
    right_peak: Any,
    left_inverse: Any,
    right_inverse: Any,
    out: npt.NDArray[np.float64],
    /,
) -> None:
    """Add half the squared distances of the unit vectors, which is one minus the cosine."""

    def terms(a: Tensor, b: Tensor, *sizes: Tensor) -> Tensor:
        here, there = _unit(X[a], X[b], sizes)
        return here.sub_(there).square_().mul_(0.5)

    _add(X, terms, (left, right), (left_peak, right_peak, left_inverse, right_inverse), out)


def add_unit_dot(
    X: Tensor,
    left: Any,
    right: Any,
    left_peak: Any,
    right_peak: Any,
    left_inverse: Any,
    right_inverse: Any,
    out: npt.NDArray[np.float64],
    /,
) -> None:
    """Add the inner products of the unit vectors of `add_cosine`, which are cosines."""

    def terms(a: Tensor, b: Tensor, *sizes: Tensor) -> Tensor:
        here, there = _unit(X[a], X[b], sizes)
        return here.mul_(there)

    _add(X, terms, (left, right), (left_peak, right_peak, left_inverse, right_inverse), out)


def add_dot(X: Tensor, left: Any, right: Any, out: npt.NDArray[np.float64], /) -> None:
    """Add the inner products of rows left and right."""

    def terms(a: Tensor, b: Tensor) -> Tensor:
        return X[a].double().mul_(X[b].double())

    _add(X, terms, (left, right), (), out)


def raise_peaks(X: Tensor, rows: Any, peaks: npt.NDArray[np.float64], /) -> None:
    """Raise `peaks` to the largest absolute value of chosen rows."""
    for some in _runs(len(rows), X.shape[1]):
        found = X[_there(X, rows[some])].abs_().amax(dim=1)
        np.maximum(peaks[some], found.double().cpu().numpy(), out=peaks[some])


def smallest_size_there(X: Tensor, /) -> float:
    """Return the smallest size of the values that are not zero."""
    smallest = float("inf")
    for some in _runs(len(X), X.shape[1]):
        sizes = X[some].abs()
        smallest = min(smallest, float(torch.where(sizes > 0, sizes, torch.inf).min()))
    return smallest


def _unit(here: Tensor, there: Tensor, sizes: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Return rows as unit vectors, of their peaks and of one over their norms after these."""
    of_a, of_b, inverse_a, inverse_b = (size[:, None] for size in sizes)
    return here.double().div_(of_a).mul_(inverse_a), there.double().div_(of_b).mul_(inverse_b)


def _add(
    X: Tensor, terms: Callable[..., Tensor], rows: tuple[Any, ...], numbers: tuple[Any, ...], out: Any
) -> None:
    for some in _runs(len(out), X.shape[1]):
        inputs = [_there(X, side[some]) for side in rows] + [
            torch.from_numpy(side[some]).to(X.device) for side in numbers
        ]
        out[some] += fold(terms(*inputs)).cpu().numpy()


def _there(X: Tensor, rows: npt.NDArray[Any]) -> Tensor:
    return torch.from_numpy(rows.astype(np.int64)).to(X.device)


def _runs(n_rows: int, n_features: int) -> Iterator[slice]:
    step = max(1, _AT_ONCE // n_features)
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))
