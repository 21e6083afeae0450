"""Strata of items that are alike in a number, within which a null may shuffle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["quantile_strata"]


def quantile_strata(values: Sequence[float] | Any, /, *, n_strata: int = 10) -> list[int]:
    """Group items of similar size, for nulls that keep it: ``compare(A, B, strata=quantile_strata(lengths))``.

    Shuffled within strata of their length, or of their number of tokens, pairs keep what length alone tells; what
    stands out against that null is more than that.

    Parameters
    ----------
    values : sequence of float, length n_samples
        A number of each item: characters, tokens, tokens per character.
    n_strata : int
        Groups of about equal size, at most so many.

    Returns
    -------
    list of int
        The group of each item, from 0 (smallest values) on. Equal values are in one group.

    Raises
    ------
    InputError
        Values that are not a list of finite numbers, or strata of fewer than two items on average.

    Examples
    --------
    >>> quantile_strata([40, 80, 41, 79, 60, 61], n_strata=3)
    [0, 2, 0, 2, 1, 1]
    """
    numbers = np.asarray(values, np.float64)
    if numbers.ndim != 1 or not np.isfinite(numbers).all():
        message = f"values must hold one finite number per item; got shape {numbers.shape}, or NaN or infinity in it."
        raise InputError(message)
    if not 1 <= n_strata <= numbers.size // 2:
        message = (
            f"n_strata must be between 1 and half the number of items, {numbers.size // 2}; got {n_strata}. "
            "A stratum of one item has nothing to be shuffled with."
        )
        raise InputError(message)
    ordered = np.sort(numbers)
    starts = ordered[np.arange(1, n_strata) * numbers.size // n_strata]
    group = np.searchsorted(starts, numbers, side="right")
    return [int(i) for i in np.unique(group, return_inverse=True)[1]]
