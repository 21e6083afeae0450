"""All layers together: p-values and bands that hold for a whole family of cells at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from platoscope.arguments import numbers
from platoscope.checks import share
from platoscope.errors import InputError

__all__ = ["adjusted_p_values", "same_cells", "simultaneous_multiplier", "simultaneous_p_values"]

_DRAWS = 20_000
_AT_ONCE = 500
# Nulls are kept in float32; standardized values that agree to so many digits are equal ones.
_DIGITS = 4


def adjusted_p_values(
    observed: npt.NDArray[np.float64], null: npt.NDArray[np.float64], /
) -> npt.NDArray[np.float64]:
    """Return p-values adjusted for looking at all cells of the last axis (single-step max-T).

    The chance that *any* cell without a relation gets a value ≤ α is at most α, whatever the dependence of the
    cells, because one permutation serves all of them. Every cell is standardized by mean and standard
    deviation of its null values and the observed one together, so that none dominates the maximum by its scale.

        p̃_c = (1 + #{k : max over c' of t_{k,c'} ≥ t_c}) / (K + 1)

    Parameters
    ----------
    observed : ndarray of shape (..., n_cells)
        Similarities; NaN where undefined, there or in the null, which keeps the cell out of the family.
    null : ndarray of shape (n_permutations, ..., n_cells)
        The same under permuted pairing.

    Returns
    -------
    ndarray of the shape of `observed`

    Raises
    ------
    InputError
        As `same_cells`.

    References
    ----------
    .. [1] Westfall & Young, "Resampling-Based Multiple Testing", Wiley 1993, Sec. 2.3.

    Examples
    --------
    >>> import numpy as np
    >>> null = np.random.default_rng(0).standard_normal((99, 3))
    >>> adjusted_p_values(np.array([8.0, 0.0, 1.9]), null).round(2).tolist()
    [0.01, 0.86, 0.08]
    """
    observed, null = same_cells(observed, null)
    together = np.concatenate([observed[None], null])
    sd = together.std(axis=0)
    scaled = np.divide(together - together.mean(axis=0), sd, out=np.zeros_like(together), where=sd > 0)
    scaled = np.round(scaled, _DIGITS)
    missing = np.isnan(together).any(axis=0)
    largest = np.where(missing, -np.inf, scaled[1:]).max(axis=-1, keepdims=True)
    p_values: npt.NDArray[np.float64] = (1 + (largest >= scaled[0]).sum(axis=0)) / len(together)
    return np.where(missing, np.nan, p_values)


def same_cells(observed: object, null: object, /) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return similarities and their null, which must be of the same cells.

    Raises
    ------
    InputError
        Something that is no array of real numbers, no permutation, or other cells.
    """
    seen = numbers("observed", observed, shape="(...)")
    drawn = numbers("null", null, shape="(n_permutations, ...)", at_least=1)
    if not len(drawn) or drawn.shape[1:] != seen.shape:
        message = f"null must have the cells of observed, {seen.shape}, under a permutation or more; got {drawn.shape}."
        raise InputError(message)
    return seen, drawn


def simultaneous_multiplier(resamples: npt.NDArray[np.float64], /, *, level: float = 0.95) -> float:
    """Return how many standard errors to both sides hold for all cells at once.

    The quantile of the largest of ``|z|`` over cells, where z is normal with the correlation that
    the values on the subsamples have: 1.96 for cells that move as one, the more the less they do. From 20,000 draws
    of a generator with a fixed seed.

    Parameters
    ----------
    resamples : ndarray of shape (n_resamples, n_cells)
        Values on the same subsamples; cells that do not vary, or are NaN, do not count.
    level : float
        Of the band.

    Raises
    ------
    InputError
        Something that is no array of that shape, or a level outside (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> one = np.random.default_rng(0).standard_normal((200, 1))
    >>> round(simultaneous_multiplier(np.repeat(one, 9, axis=1)), 1)
    2.0
    >>> round(simultaneous_multiplier(np.random.default_rng(1).standard_normal((200, 9))), 1)
    2.8
    """
    share("level", level)
    largest = _largest(numbers("resamples", resamples, shape="(n_resamples, n_cells)", ndim=2))
    return float("nan") if largest is None else float(np.quantile(largest, level))


def simultaneous_p_values(
    z: npt.NDArray[np.float64], resamples: npt.NDArray[np.float64], /
) -> npt.NDArray[np.float64]:
    """Return two-sided p-values for looking at all cells at once, of values in standard errors.

    The share of 20,000 draws in which the largest ``|z|`` over cells is as large, where z is normal with the
    correlation that the values on the subsamples have (single-step max-T, as `adjusted_p_values` from permutations).

        p̃_c = (1 + #{k : max over c' of |z_{k,c'}| ≥ |z_c|}) / (K + 1)

    Parameters
    ----------
    z : ndarray of shape (n_cells,)
        Values divided by their standard errors; NaN where undefined, which keeps the cell out of the family.
    resamples : ndarray of shape (n_resamples, n_cells)
        The values on the same subsamples; cells that do not vary, or are NaN, do not count.

    Returns
    -------
    ndarray of the shape of `z`

    Raises
    ------
    InputError
        Something that is no array of numbers, or other cells.

    Examples
    --------
    >>> import numpy as np
    >>> resamples = np.random.default_rng(0).standard_normal((200, 9))
    >>> simultaneous_p_values(np.array([0.0, 2.0, 2.8, 6.0, 0, 0, 0, 0, 0]), resamples)[:4].round(2).tolist()
    [1.0, 0.34, 0.05, 0.0]
    """
    z = numbers("z", z, shape="(n_cells,)", ndim=1)
    resamples = numbers("resamples", resamples, shape="(n_resamples, n_cells)", ndim=2)
    if not len(resamples) or resamples.shape[1] != len(z):
        message = f"resamples must be those of the {len(z)} values of z; got shape {resamples.shape}."
        raise InputError(message)
    largest = _largest(resamples)
    ordered = np.zeros(0) if largest is None else np.sort(largest)
    above = len(ordered) - np.searchsorted(ordered, np.abs(z), side="left")
    p_values: npt.NDArray[np.float64] = (1 + above) / (len(ordered) + 1)
    return np.where(np.isnan(z), np.nan, p_values)


def _largest(resamples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    """Draw the largest of ``|z|`` over cells that vary; None where none does."""
    if not len(resamples):
        return None
    away = resamples - resamples.mean(axis=0)
    length = np.sqrt((away**2).sum(axis=0))
    varies = length > 0
    if not varies.any():
        return None
    unit = away[:, varies] / length[varies]
    rng = np.random.default_rng(0)
    largest = [
        np.abs(rng.standard_normal((_AT_ONCE, len(unit))) @ unit).max(axis=1)
        for _ in range(_DRAWS // _AT_ONCE)
    ]
    return np.concatenate(largest)
