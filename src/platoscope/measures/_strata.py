"""Strata of items that are alike in a number, within which a null may shuffle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.checks import in_short, whole_number
from platoscope.errors import InputError
from platoscope.measures._nulls import one_per_item

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["matched_strata", "quantile_strata"]


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
    numbers = _numbers(values)
    if not 1 <= whole_number("n_strata", n_strata) <= numbers.size // 2:
        message = (
            f"n_strata must be between 1 and half the number of items, {numbers.size // 2}; got {n_strata}. "
            "A stratum of one item has nothing to be shuffled with."
        )
        raise InputError(message)
    ordered = np.sort(numbers)
    starts = ordered[np.arange(1, n_strata) * numbers.size // n_strata]
    group = np.searchsorted(starts, numbers, side="right")
    return [int(i) for i in np.unique(group, return_inverse=True)[1]]


def matched_strata(
    *values: Sequence[float] | Any, within: Sequence[Any] | None = None, per_stratum: int = 5
) -> list[int]:
    """Group items that are alike in several numbers at once, and that stay in their group.

    ``compare(A, B, strata=matched_strata(tokens_a, tokens_b, within=books))`` keeps in its null what the lengths of both
    sides and the book tell: an item is exchanged only with one of its book that is about as long on either side.

    Parameters
    ----------
    *values : sequences of float, each of length n_samples
        Numbers of each item, such as the tokens, or the tokens per character, of either side.
    within : sequence of length n_samples, optional
        A group of each item (its book) that strata never cross.
    per_stratum : int
        How many items a stratum should have on average, at least 2. Each group is cut into quantiles of every number,
        as many of each as leave so many items to a cell; a group too small for two stays whole. Numbers that go
        together leave full cells and empty ones, and an item that is alone in its cell keeps its partner.

    Returns
    -------
    list of int
        The group of each item, from 0 on.

    Raises
    ------
    InputError
        No numbers, numbers that are not finite or not one per item, or `per_stratum` below 2.

    Examples
    --------
    >>> matched_strata([40, 80, 41, 79], per_stratum=2)
    [0, 1, 0, 1]
    >>> matched_strata([40, 80, 41, 79], within="aabb", per_stratum=2)
    [0, 0, 1, 1]
    """
    if not values or whole_number("per_stratum", per_stratum) < 2:
        message = (
            "matched_strata needs at least one sequence of numbers, and per_stratum of at least 2; got "
            f"{len(values)} sequences and per_stratum={per_stratum}."
        )
        raise InputError(message)
    numbers = [_numbers(each) for each in values]
    groups = None if within is None else one_per_item(within, numbers[0].size, name="within")
    sizes = {each.size for each in numbers}
    if len(sizes) != 1:
        message = f"all numbers must have one entry per item; got lengths {sorted(sizes)}."
        raise InputError(message)
    (n,) = sizes
    names = ["" for _ in range(n)] if groups is None else [str(group) for group in groups]
    group = np.unique(names, return_inverse=True)[1]
    cells = np.zeros((n, len(values) + 1), np.int64)
    cells[:, 0] = group
    for one in np.unique(group):
        members = np.flatnonzero(group == one)
        n_strata = int((members.size / per_stratum) ** (1 / len(values)) + 1e-9)
        for column, each in enumerate(numbers if n_strata > 1 else (), start=1):
            cells[members, column] = quantile_strata(each[members], n_strata=n_strata)
    return [int(i) for i in np.unique(cells, axis=0, return_inverse=True)[1].ravel()]


def _numbers(values: Any, /) -> np.ndarray:
    try:
        numbers = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        numbers = np.array(np.nan)
    if numbers.ndim != 1 or not np.isfinite(numbers).all():
        message = f"values must hold one finite number per item; got {in_short(values)}."
        raise InputError(message)
    return numbers
