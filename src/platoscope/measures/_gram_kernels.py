"""Kernel matrices of one representation, and what HSIC takes from them: as exact as the rows are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from platoscope.measures._dense import off_diagonal_dots, rows_of
from platoscope.neighbors import (
    Sample,
    Space,
    asked_alone,
    is_much,
    map_spaces,
    map_tasks,
    over_tasks,
    powers_of_two,
    require_memory,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.measures._dense import Rows

__all__ = [
    "Kernel",
    "Margins",
    "Sums",
    "between",
    "bulk_centered",
    "cross_sums",
    "defined_hsic",
    "exact_kernel",
    "gram_kernel",
    "gram_kernels",
    "is_settled",
    "matrix_kernel",
    "scaled_centered",
]

_ROWS = 512  # of a Gram matrix, held at a time where it is not kept
# Bytes of an exact kernel matrix per pair of items, while it is computed.
_EXACT = 20
_KEPT = (
    2 << 30
)  # bytes of an exact kernel matrix, above which its rows are computed whenever they are asked for
_UNIT = {np.dtype(np.float32): 2.0**-24, np.dtype(np.float64): 2.0**-53}
# How far from the truth CKA may be that is computed in either precision.
_TOLERANCE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-10}
# A self-HSIC below this share of what its terms add up to is what rounding leaves of zero.
_NOTHING = 1e-10


class Margins(NamedTuple):
    """What HSIC needs of a kernel matrix beside its products with another."""

    diagonal: npt.NDArray[np.float64]
    off_sums: npt.NDArray[np.float64]
    """Row sums without the diagonal."""

    @property
    def row_sums(self) -> npt.NDArray[np.float64]:
        """Row sums, the diagonal included."""
        return self.off_sums + self.diagonal


class Kernel(NamedTuple):
    """A kernel matrix, read by rows (their diagonal is not looked at), and what is known of it."""

    rows: Rows
    margins: Margins
    own: dict[str, float]
    """HSIC with itself by estimator, up to the factor of `Sums.hsic`; NaN where it is nothing but rounding."""


class Sums(NamedTuple):
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


def between(K: Margins, L: Margins, cross: float, /) -> Sums:
    """Return the sums of two kernels, given the sum of products of their entries off the diagonal.

    Not by BLAS, whose sums of long vectors depend on the number of its threads.
    """
    return Sums(
        cross,
        float(np.sum(K.diagonal * L.diagonal)),
        float(np.sum(K.off_sums * L.off_sums)),
        float(np.sum(K.row_sums * L.row_sums)),
        float(K.off_sums.sum() * L.off_sums.sum()),
        float(K.row_sums.sum() * L.row_sums.sum()),
    )


def gram_kernel(space: Space | Sample, /) -> Kernel:
    """Return the Gram matrix of a space or sample; where float32 does not do, an exact one in its stead.

    CKA from it is within 1e-5 of what float64 gives: where one far item carries the variance, or the items of a sample
    lie far from the center of all, entries cancel that float32 rounded before.
    """
    if "kernel" not in space.memo:
        kernel, settled = _kept_kernel(space)
        # What is known of the Gram matrix, and not how to read it: a space that remembers a method of its own is in a
        # circle, and all that it holds is freed late.
        known = (kernel.margins, kernel.own)
        space.memo["kernel"] = known if settled or _constant(space) else exact_kernel(space, np.float32)
    found: Kernel | tuple[Margins, dict[str, float]] = space.memo["kernel"]
    return found if isinstance(found, Kernel) else Kernel(space.gram_rows, *found)


def gram_kernels(spaces: Sequence[Space | Sample], /) -> list[Kernel]:
    """Return `gram_kernel` of each, two at a time."""
    much = is_much(_EXACT * max(space.n_samples for space in spaces) ** 2)

    def alone(space: Space | Sample) -> bool:
        # Threads for what is remembered would cost more than it does.
        return "kernel" in space.memo or much or not isinstance(space, Space) or asked_alone(space)

    return map_spaces(gram_kernel, spaces, alone=alone)


def cross_sums(
    A: Sequence[Space | Sample],
    B: Sequence[Space | Sample],
    pairs: npt.NDArray[np.intp],
    /,
) -> npt.NDArray[np.float64]:
    """Return the sum over i != j of products of entries of the kernels of A and B, for pairs of them.

    Where all Gram matrices are on one device it is taken there; exact kernels, which are the host's, are sent to it.
    """
    n = A[0].n_samples
    kernels = [gram_kernels(side) for side in (A, B)]
    if not _on_one_device([*A, *B]):
        left, right = ([K.rows for K in side] for side in kernels)
        return off_diagonal_dots(left, right, pairs, n)
    from platoscope.measures._device_dots import cross_there, gram_there, sent_there  # torch

    left_there, right_there = (
        [
            # Where it is remembered as such, it is not the Gram matrix of the space.
            sent_there(K.rows, space) if isinstance(space.memo["kernel"], Kernel) else gram_there(space)
            for K, space in zip(of_side, side, strict=True)
            if isinstance(space, Space)
        ]
        for of_side, side in zip(kernels, (A, B), strict=True)
    )
    return cross_there(left_there, right_there, pairs, n)


def _on_one_device(spaces: Sequence[Space | Sample]) -> bool:
    places = {
        space.device.where if isinstance(space, Space) and space.device is not None else ""
        for space in spaces
    }
    return len(places) == 1 and places != {""}


def _constant(space: Space | Sample) -> bool:
    return bool((space.inverse == space.inverse[0]).all())


def _kept_kernel(space: Space | Sample) -> tuple[Kernel, bool]:
    from platoscope.measures._kernels import row_margins  # numba: 0.3 s to import

    n = space.n_samples
    if isinstance(space, Space) and space.device is not None:
        from platoscope.measures._device_dots import gram_there, margins_there  # torch

        diagonal, off_sums, off_squares = margins_there(gram_there(space), n)
        return _judged(space, Margins(diagonal, off_sums), off_squares)
    diagonal, off_sums, off_squares = np.empty((3, n))

    def fill(start: int, stop: int) -> None:
        for first in range(start, stop, _ROWS):
            block = space.gram_rows(first, min(first + _ROWS, stop))
            row_margins(block, first, diagonal, off_sums, off_squares)

    over_tasks(fill, n)
    return _judged(space, Margins(diagonal, off_sums), off_squares)


def _judged(
    space: Space | Sample, margins: Margins, off_squares: npt.NDArray[np.float64]
) -> tuple[Kernel, bool]:
    """Return the Gram matrix with what is known of it, and whether it will do."""
    n = space.n_samples
    sums = between(margins, margins, float(off_squares.sum()))
    own = dict.fromkeys(("biased", "debiased"), np.nan) if _constant(space) else defined_hsic(sums, n)
    return Kernel(space.gram_rows, margins, own), is_settled(sums, margins, np.dtype(np.float32))


def matrix_kernel(matrix: npt.NDArray[Any], /) -> Kernel:
    """Return a kernel matrix that is in memory, and what is known of it."""
    n = len(matrix)
    diagonal = np.diag(matrix).astype(np.float64)
    margins = Margins(diagonal, matrix.sum(axis=1, dtype=np.float64) - diagonal)
    rows = rows_of(matrix)
    return Kernel(rows, margins, defined_hsic(between(margins, margins, _cross(rows, n)), n))


def _cross(rows: Rows, n: int) -> float:
    return float(off_diagonal_dots([rows], [rows], np.zeros((1, 2), np.intp), n)[0])


def defined_hsic(sums: Sums, n: int, /) -> dict[str, float]:
    """Return the self-HSIC of both estimators; NaN where nothing but rounding is left of it."""
    least = _NOTHING * (abs(sums.cross) + sums.diagonal)
    return {name: float(value) if value > least else float("nan") for name, value in sums.hsic(n).items()}


def is_settled(sums: Sums, margins: Margins, dtype: np.dtype[Any], /, *, summed: float | None = None) -> bool:
    """Tell whether CKA from a Gram matrix in this precision is within the tolerance that goes with it.

    An entry of the matrix is rounded by about |x_i| |x_j| units, and CKA moves by no more than the Frobenius norm of
    these errors over that of what centering leaves of the matrix. Sums round by a few units of their terms.
    """
    n, unit, tolerance = len(margins.diagonal), _UNIT[dtype], _TOLERANCE[dtype]
    hsic = sums.hsic(n)
    terms = {
        "biased": abs(sums.cross) + sums.diagonal,
        "debiased": abs(sums.cross) if summed is None else summed,
    }
    sizes = {"biased": margins.diagonal.sum() ** 2, "debiased": _off_products(margins.diagonal)}
    return all(
        unit**2 * sizes[name] <= tolerance**2 * value and 5 * unit * terms[name] <= tolerance * value
        for name, value in hsic.items()
    )


def _off_products(squares: npt.NDArray[np.float64]) -> float:
    """Return the sum over i != j of ``squares[i] * squares[j]``, small ones first."""
    ascending = np.sort(squares)
    return 2 * float(np.sum(ascending[1:] * np.cumsum(ascending)[:-1]))


def exact_kernel(space: Space | Sample, dtype: Any, /) -> Kernel:
    """Return a matrix that has the HSIC of the Gram matrix with any other, from products in float64.

    HSIC does not change when a_i + a_j is taken from every entry. Taken off are the means of rows and columns without
    the diagonal, which leaves what the debiased estimator sums, rounded to `dtype`, and nothing that cancels.
    """
    n = space.n_samples
    require_memory(_EXACT * n * n, "An exact kernel matrix", "Leave CKA out, or give fewer items.")
    Z = _balanced(bulk_centered(space.rows()))

    def multiply(start: int, stop: int) -> npt.NDArray[np.float64]:
        return Z[start:stop] @ Z.T

    held = np.concatenate(map_tasks(multiply, n)) if 8 * n * n <= _KEPT else None

    def products(start: int, stop: int) -> npt.NDArray[np.float64]:
        block = multiply(start, stop) if held is None else held[start:stop].copy()
        return _without_diagonal(block, start)

    means = np.concatenate(map_tasks(lambda *some: products(*some).sum(axis=1), n)) / max(n - 2, 1)
    means -= means.sum() / (2 * (n - 1))

    def compute(start: int, stop: int) -> npt.NDArray[Any]:
        block = products(start, stop)
        block -= means[start:stop, None]
        block -= means
        return _without_diagonal(block, start).astype(dtype)

    rows: Rows = compute
    if held is not None:
        rows = rows_of(np.concatenate(map_tasks(compute, n)))
    squares = np.einsum("ij,ij->i", Z, Z)
    off_sums = np.concatenate(map_tasks(lambda *some: rows(*some).sum(axis=1, dtype=np.float64), n))
    margins = Margins(squares - 2 * means, off_sums)
    sums = between(margins, margins, _cross(rows, n))
    own = defined_hsic(sums, n)
    # Nothing cancels in the debiased one: it is as exact as the products that it is made of.
    least = _NOTHING**2 * _off_products(squares)
    own["debiased"] = debiased if (debiased := sums.hsic(n)["debiased"]) > least else float("nan")
    return Kernel(rows, margins, own)


def _without_diagonal(block: npt.NDArray[Any], start: int) -> npt.NDArray[Any]:
    here = np.arange(len(block))
    block[here, start + here] = 0
    return block


def scaled_centered(rows: npt.NDArray[Any], /) -> npt.NDArray[Any]:
    """Return the rows minus their mean, divided by the largest value, in their precision and of any scale."""
    rows = rows * powers_of_two(max(float(rows.max()), -float(rows.min()))).astype(rows.dtype)
    centered: npt.NDArray[Any] = (rows - rows.mean(axis=0, dtype=np.float64)).astype(rows.dtype)
    largest = np.abs(centered).max()
    return centered / largest if largest > 0 else centered


def bulk_centered(rows: npt.NDArray[Any], /) -> npt.NDArray[np.float64]:
    """Return the rows in float64, times a power of two, minus the mean of most of them.

    The mean of all may lie far from all rows but one, and then two of them differ in the last digits only.
    """
    Z = rows.astype(np.float64)
    Z *= powers_of_two(max(float(rows.max()), -float(rows.min())))
    center = Z.mean(axis=0)
    for _ in range(3):
        away = np.square(Z - center).sum(axis=1)
        near = away <= 9 * np.median(away)
        if near.all():
            break
        center = Z[near].mean(axis=0)
    Z -= center
    return Z


def _balanced(Z: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Divide by what makes products of different rows at most 1, and none of one row with itself overflow."""
    peaks = np.abs(Z).max(axis=1)
    scaled = Z * powers_of_two(peaks)[:, None]
    norms = np.sort(np.sqrt(np.square(scaled).sum(axis=1)) / powers_of_two(peaks))
    largest = max(np.sqrt(norms[-1]) * np.sqrt(norms[-2]), 1e-70 * norms[-1])
    return Z / largest if largest > 0 else Z
