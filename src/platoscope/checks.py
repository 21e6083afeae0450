"""Checks of single values by type and range: the one place that says what a whole number, a share or a word is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, SupportsIndex, cast

import numpy as np

from platoscope.errors import InputError
from platoscope.wording import listed

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["generator", "number", "one_of", "refuse_masks", "share", "whole_number", "whole_numbers", "word"]


def whole_number(
    name: str, value: object, /, *, low: int | None = None, high: int | None = None, why: str = ""
) -> int:
    """Return a whole number from `low` to `high`; no True, 2.0 or "1" is one.

    Parameters
    ----------
    name : str
        What the caller calls it.
    value : object
        What came: an int, or an integer of NumPy.
    low, high : int, optional
        Both included.
    why : str, optional
        The reason of the limit, as a clause ("more would fill any memory").

    Raises
    ------
    InputError
        If it is none.

    Examples
    --------
    >>> whole_number("n", 3, low=1)
    3
    >>> whole_number("n", 2.0, low=1)
    Traceback (most recent call last):
    ...
    platoscope.errors.InputError: n must be a whole number, at least 1; got 2.0.
    """
    if (
        hasattr(value, "__index__")
        and not isinstance(value, bool | np.bool_)
        and np.ndim(cast("Any", value)) == 0
    ):
        whole = int(cast("SupportsIndex", value))
        if (low is None or low <= whole) and (high is None or whole <= high):
            return whole
    limit = f", at least {low}" if high is None else f", from {low:,} to {high:,}"
    reason = f" ({why})" if why else ""
    message = f"{name} must be a whole number{'' if low is None else limit}; got {_short(value)}{reason}."
    raise InputError(message)


def whole_numbers(
    name: str, values: object, /, *, low: int | None = None, high: int | None = None
) -> tuple[int, ...]:
    """Return several whole numbers, at least one.

    Raises
    ------
    InputError
        If it is no sequence of them.

    Examples
    --------
    >>> whole_numbers("layers", [0, 4])
    (0, 4)
    """
    found = values.tolist() if isinstance(values, np.ndarray) else values
    if not isinstance(found, list | tuple | range) or not len(found):
        message = f"{name} must be a list of at least one whole number; got {_short(values)}."
        raise InputError(message)
    return tuple(whole_number(f"each of {name}", value, low=low, high=high) for value in found)


def number(name: str, value: object, /, *, low: float | None = None, high: float | None = None) -> float:
    """Return a finite number from `low` to `high`, both included.

    Raises
    ------
    InputError
        If it is none.
    """
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        good = math.isfinite(value) and (low is None or low <= value) and (high is None or value <= high)
        if good:
            return float(value)
    limit = "".join(f", at {end} {at:g}" for end, at in (("least", low), ("most", high)) if at is not None)
    message = f"{name} must be a finite number{limit}; got {_short(value)}."
    raise InputError(message)


def share(name: str, value: object, /) -> float:
    """Return a number strictly between 0 and 1.

    Raises
    ------
    InputError
        If it is none.
    """
    if isinstance(value, float | np.floating) and 0 < value < 1:
        return float(value)
    message = f"{name} must lie strictly between 0 and 1; got {_short(value)}."
    raise InputError(message)


def word(name: str, value: object, /, *, empty: bool = False) -> str:
    """Return a text; one of white space only where that is allowed.

    Raises
    ------
    InputError
        If it is none.
    """
    if isinstance(value, str) and (empty or value.strip()):
        return value
    message = f"{name} must be a text{'' if empty else ' that is not empty'}; got {_short(value)}."
    raise InputError(message)


def one_of(name: str, value: object, known: Collection[object], /) -> None:
    """Refuse what is not among the values that there are.

    Raises
    ------
    InputError
        With the list of them.
    """
    if not any(type(value) is type(item) and value == item for item in known):
        message = f"{name} must be one of {listed(known)}; got {_short(value)}."
        raise InputError(message)


def generator(rng: object, /) -> np.random.Generator:
    """Return the generator itself, or that of a seed (None draws one).

    Raises
    ------
    InputError
        If it is neither a generator nor a whole number of at least 0.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    return np.random.default_rng(None if rng is None else whole_number("rng", rng, low=0))


def refuse_masks(array: object, name: str, /) -> None:
    """Refuse an array of `numpy.ma` in which anything is masked: no measure would leave it out.

    Raises
    ------
    InputError
        If so.
    """
    if np.ma.is_masked(array):
        message = f"{name} has masked values. Fill them (array.filled) or drop their items."
        raise InputError(message)


def _short(value: object, /) -> str:
    shown = (
        repr(value) if not isinstance(value, int) or value.bit_length() < 256 else "a number of many digits"
    )
    return shown if len(shown) <= 80 else f"{shown[:79]}…"
