"""Intervals from subsamples without replacement (the delete-d jackknife)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from platoscope.arguments import numbers
from platoscope.checks import share, whole_number
from platoscope.errors import InputError
from platoscope.seeds import generator

__all__ = [
    "INTERVAL_METHODS",
    "Z95",
    "carry",
    "jackknife_covariance",
    "resample_count",
    "standard_errors",
    "subsamples",
]

MOST = 1_000_000
"""Of neighbors, subsamples and permutations."""
MOST_ITEMS = 100_000_000
WHY_MOST = "more is a slip of the pen, and would fill any memory"
Z95 = 1.959963984540054
"""Half-width of a 95 % interval in standard errors."""

INTERVAL_METHODS = ("carried", "delete_d")
"""Values on subsamples carried to N where a measure knows how (`carry`), or as they are."""

# Of the variance that varies most, what counts as none: the digits that a spread of float64 values has.
_NO_VARIANCE = 1e-10


def subsamples(
    n_samples: int, /, *, n_resamples: int, fraction: float, rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Draw sets of items without replacement, ascending, shape (n_resamples, m), m = fraction × N.

    Never with replacement: a duplicated item is its own nearest neighbor, which breaks ranks.

    Raises
    ------
    InputError
        A fraction outside (0, 1), fewer than two resamples, or subsamples of fewer than 8 items.
    """
    share("resample_fraction", fraction)
    whole_number("n_samples", n_samples, low=1, high=MOST_ITEMS, why=WHY_MOST)
    if not resample_count(n_resamples):
        message = "n_resamples must be at least 2; got 0."
        raise InputError(message)
    size = round(fraction * n_samples)
    if size < 8:
        message = (
            f"Subsamples of {size} items (resample_fraction={fraction} of {n_samples}) are too small for an interval. "
            "Give more items, a larger fraction, or n_resamples=0."
        )
        raise InputError(message)
    rng = generator(rng)
    return np.stack([np.sort(rng.permutation(n_samples)[:size]) for _ in range(n_resamples)])


def resample_count(n_resamples: object, /) -> int:
    """Return how many subsamples are drawn: none, or enough for a spread.

    Raises
    ------
    InputError
        Another number, or none.
    """
    wanted = whole_number("n_resamples", n_resamples, low=0, high=MOST, why=WHY_MOST)
    if wanted == 1:
        message = f"n_resamples must be 0 (no interval) or at least 2; got {wanted}."
        raise InputError(message)
    return wanted


def standard_errors(values: npt.NDArray[Any], /, *, n_samples: int, size: int) -> npt.NDArray[np.float64]:
    """Return the standard error at N from values on subsamples of `size` items (first axis).

    ``se = sd · √(m / (N − m))``: for a mean, subsamples of m out of N items vary by
    √((N − m) / (N m)) where N items vary by √(1/N) (Shao & Wu 1989, the delete-d jackknife).

    Raises
    ------
    InputError
        Fewer than two values, something that is no array of numbers, or a `size` that is not below `n_samples`.
    """
    whole_number("size", size, low=1, high=whole_number("n_samples", n_samples, low=2) - 1)
    values = numbers("values", values, shape="(n_resamples, ...)", at_least=1)
    if len(values) < 2:
        message = f"values must be those on at least two subsamples; got {len(values)}."
        raise InputError(message)
    sd = np.std(values, axis=0, ddof=1)
    errors: npt.NDArray[np.float64] = sd * np.sqrt(size / (n_samples - size))
    return errors


def jackknife_covariance(left_out: npt.NDArray[np.float64], /) -> npt.NDArray[np.float64]:
    """Return the delete-one jackknife covariance of the directions, shape (n_pairs, n_directions, n_directions).

    `left_out` has the values without each item, shape (n_directions, n_pairs, n_samples);
    the covariance is (n − 1)/n times their sum of products about the mean (Efron & Stein 1981).
    """
    left_out = numbers("left_out", left_out, shape="(n_directions, n_pairs, n_samples)", ndim=3)
    n_samples = left_out.shape[-1]
    if n_samples < 2:
        message = (
            f"left_out must have the values without each of at least two items; got shape {left_out.shape}."
        )
        raise InputError(message)
    away = left_out - left_out.mean(axis=-1, keepdims=True)
    sums = np.einsum("dpi,epi->pde", away, away)
    covariance: npt.NDArray[np.float64] = sums * ((n_samples - 1) / n_samples)
    return covariance


def carry(
    resamples: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
    /,
    *,
    at_size: npt.NDArray[np.float64],
    at_n: npt.NDArray[np.float64],
    n_samples: int,
    size: int,
) -> npt.NDArray[np.float64]:
    """Carry values on subsamples of m items to N: to the level there, and to the spread that goes with it.

        v*_b = v + √(N/m) · T (v_b − v̄),    T C_m T = C_N

    A rank statistic of nearest neighbors falls as items are added, and its spread falls faster than 1/√N with it. How
    much faster is read off the delete-one jackknife covariances of both directions, C_m of subsamples and
    C_N of all items; T is the symmetric matrix that takes one to the other. `standard_errors` of what is returned, or of
    any difference or mean of it, is then that at N.

    Parameters
    ----------
    resamples : ndarray of shape (n_resamples, n_directions, n_pairs)
        Values on subsamples of `size` items.
    values : ndarray of shape (n_directions, n_pairs)
        Values on all items.
    at_size, at_n : ndarray of shape (n_pairs, n_directions, n_directions)
        `jackknife_covariance` of subsamples (their mean) and of all items.
    n_samples, size : int
        N and m.

    Returns
    -------
    ndarray of the shape of `resamples`

    Raises
    ------
    InputError
        Shapes that do not fit together, or a `size` above `n_samples`.
    """
    whole_number("size", size, low=1, high=whole_number("n_samples", n_samples, low=1))
    resamples = numbers("resamples", resamples, shape="(n_resamples, n_directions, n_pairs)", ndim=3)
    values = numbers("values", values, shape="(n_directions, n_pairs)", ndim=2)
    covariances = [
        numbers(name, given, shape="(n_pairs, n_directions, n_directions)", ndim=3)
        for name, given in (("at_size", at_size), ("at_n", at_n))
    ]
    n_directions, n_pairs = values.shape
    shapes = [resamples.shape[1:], *(each.shape for each in covariances)]
    if not len(resamples) or shapes != [values.shape, *[(n_pairs, n_directions, n_directions)] * 2]:
        message = (
            f"resamples, at_size and at_n must be of the {n_directions} directions and {n_pairs} pairs of values; got "
            f"shapes {resamples.shape}, {', '.join(str(each.shape) for each in covariances)}."
        )
        raise InputError(message)
    at_size, at_n = covariances
    stretch = _transport(at_size, at_n, otherwise=size / n_samples) * np.sqrt(n_samples / size)
    away = resamples - resamples.mean(axis=0)
    carried: npt.NDArray[np.float64] = values + np.einsum("pde,rep->rdp", stretch, away)
    return carried


def _transport(source: Any, target: Any, *, otherwise: float) -> npt.NDArray[np.float64]:
    """Return the symmetric T with T source T = target; ``√otherwise`` where the source does not vary."""
    root, inverse_root = _roots(source)
    found: npt.NDArray[np.float64] = inverse_root @ _roots(root @ target @ root)[0] @ inverse_root
    still = ~source.any(axis=(1, 2))
    found[still] = np.sqrt(otherwise) * np.eye(source.shape[-1])
    return found


def _roots(matrices: Any) -> tuple[Any, Any]:
    """Return the symmetric square root of positive semidefinite matrices, and its pseudoinverse."""
    variances, axes = np.linalg.eigh(matrices)
    some = variances > _NO_VARIANCE * variances[:, -1:]
    root = np.sqrt(np.where(some, variances, 0.0))
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=some)
    across = axes.swapaxes(1, 2)
    return (axes * root[:, None]) @ across, (axes * inverse[:, None]) @ across
