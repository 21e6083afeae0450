"""Intervals from subsamples without replacement (the delete-d jackknife)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from platoscope.errors import InputError

__all__ = ["Z95", "standard_errors", "subsamples"]

Z95 = 1.959963984540054
"""Half-width of a 95 % interval in standard errors."""


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
    if not 0 < fraction < 1:
        message = f"resample_fraction must lie strictly between 0 and 1; got {fraction}."
        raise InputError(message)
    if n_resamples < 2:
        message = f"n_resamples must be 0 (no interval) or at least 2; got {n_resamples}."
        raise InputError(message)
    size = round(fraction * n_samples)
    if size < 8:
        message = (
            f"Subsamples of {size} items (resample_fraction={fraction} of {n_samples}) are too small for an interval. "
            "Give more items, a larger fraction, or n_resamples=0."
        )
        raise InputError(message)
    return np.stack([np.sort(rng.permutation(n_samples)[:size]) for _ in range(n_resamples)])


def standard_errors(values: npt.NDArray[Any], /, *, n_samples: int, size: int) -> npt.NDArray[np.float64]:
    """Return the standard error at N from values on subsamples of `size` items (first axis).

    ``se = sd · √(m / (N − m))``: for a mean, subsamples of m out of N items vary by
    √((N − m) / (N m)) where N items vary by √(1/N) (Shao & Wu 1989, the delete-d jackknife).
    """
    sd = np.std(values, axis=0, ddof=1)
    errors: npt.NDArray[np.float64] = sd * np.sqrt(size / (n_samples - size))
    return errors
