"""Checks of single values by type and range: the one place that says what a whole number, a share or a word is."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    SupportsIndex,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np

from platoscope.errors import InputError
from platoscope.wording import listed

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable

    import numpy.typing as npt

__all__ = [
    "as_array",
    "check_types",
    "flag",
    "in_short",
    "is_of",
    "listing",
    "number",
    "one_of",
    "place_only",
    "plain",
    "refuse_masks",
    "share",
    "whole_number",
    "whole_numbers",
    "word",
]


_URL = re.compile(
    r"\s*(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/+(?P<user>(?:[^/?#]*@|[^/?#]*:.*@)?)[^?#]*(?P<more>(?:[?#].*)?)",
    re.DOTALL,
)
_CONTAINER_AT_ACCOUNT = frozenset({"abfs", "abfss"})  # where what stands before the @ is no user


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
    message = f"{name} must be a whole number{'' if low is None else limit}; got {in_short(value)}{reason}."
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
        message = f"{name} must be a list of at least one whole number; got {in_short(values)}."
        raise InputError(message)
    return tuple(whole_number(f"each of {name}", value, low=low, high=high) for value in found)


def listing(name: str, values: object, /, *, of: str) -> tuple[Any, ...]:
    """Return what a list or tuple holds, at least one thing; `of` says what (``"preparations"``).

    Raises
    ------
    InputError
        If it is none.

    Examples
    --------
    >>> listing("spaces", ["unit", "none"], of="preparations")
    ('unit', 'none')
    """
    if isinstance(values, list | tuple) and values:
        return tuple(values)
    message = f"{name} must be a list of at least one of {of}; got {in_short(values)}."
    raise InputError(message)


def number(name: str, value: object, /, *, low: float | None = None, high: float | None = None) -> float:
    """Return a finite number from `low` to `high`, both included.

    Raises
    ------
    InputError
        If it is none.
    """
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        try:
            found = float(value)
        except OverflowError:  # a whole number beyond all floats
            found = math.inf
        if math.isfinite(found) and (low is None or low <= value) and (high is None or value <= high):
            return found
    limit = "".join(f", at {end} {at:g}" for end, at in (("least", low), ("most", high)) if at is not None)
    message = f"{name} must be a finite number{limit}; got {in_short(value)}."
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
    message = f"{name} must lie strictly between 0 and 1; got {in_short(value)}."
    raise InputError(message)


def place_only(name: str, url: str, /) -> None:
    """Refuse a URL with more than a place in it (credentials, a query), without repeating it.

    Parameters
    ----------
    name : str
        What the caller calls it.
    url : str
        Text that is no URL passes.

    Raises
    ------
    InputError
        If there is a user, a password, a query or a fragment.

    Examples
    --------
    >>> place_only("store", "s3://bucket/folder")
    >>> place_only("store", "s3://me:secret@bucket/folder")
    Traceback (most recent call last):
    ...
    platoscope.errors.InputError: store is a URL with a user, a password, a query or a fragment (it is not repeated ...
    """
    found = _URL.match(url)
    if found is None or found["scheme"] == "file":
        return
    in_azure = found["scheme"] in _CONTAINER_AT_ACCOUNT and ":" not in found["user"]
    if (found["user"] and not in_azure) or found["more"]:
        message = (
            f"{name} is a URL with a user, a password, a query or a fragment (it is not repeated here). Give the place "
            "alone, as s3://BUCKET/FOLDER, and credentials in the environment (AWS_ACCESS_KEY_ID, ...)."
        )
        raise InputError(message)


def word(name: str, value: object, /, *, empty: bool = False) -> str:
    """Return a text; one of white space only where that is allowed.

    Raises
    ------
    InputError
        If it is none.
    """
    if isinstance(value, str) and (empty or value.strip()):
        return str.__str__(value)
    message = f"{name} must be a text{'' if empty else ' that is not empty'}; got {in_short(value)}."
    raise InputError(message)


def flag(name: str, value: object, /) -> bool:
    """Return True or False; nothing else is one.

    Raises
    ------
    InputError
        If it is neither.
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    message = f"{name} must be True or False; got {in_short(value)}."
    raise InputError(message)


def plain(value: object, /) -> Any:
    """Return a text, number or truth value of NumPy, or of a class made of them, as that of Python; others as they are.

    Examples
    --------
    >>> plain(np.str_("min")), plain(np.int64(3)), plain(np.True_), plain(None)
    ('min', 3, True, None)
    """
    if isinstance(value, np.bool_ | np.integer | np.floating):
        return value.item()
    return str.__str__(value) if isinstance(value, str) else value


def one_of(name: str, value: object, known: Collection[object], /) -> Any:
    """Return what is among the values that there are, as it stands there; ``numpy.str_("min")`` is ``"min"``.

    Raises
    ------
    InputError
        With the list of them.
    """
    given = plain(value)
    if not any(type(given) is type(item) and given == item for item in known):
        message = f"{name} must be one of {listed(known)}; got {in_short(value)}."
        raise InputError(message)
    return given


def check_types(record: object, /, *, where: str = "") -> None:
    """Refuse a record with a field that is not what its annotation says: a record that exists can be used.

    It knows str, int, float, bool, None, `Literal`, tuples of one kind, unions and classes. A bool is no int, an int is
    a float, and a float is finite. Texts and numbers of NumPy become those of Python.

    Parameters
    ----------
    record : dataclass
        Whose module has every name of its annotations when it runs.
    where : str
        What the message begins with ("comparison 'en-fr'").

    Raises
    ------
    InputError
        With the name of the field, what it must be, and what came.
    """
    for name, hint in _hints(cast("Hashable", type(record))).items():
        value = getattr(record, name)
        given = tuple(map(plain, value)) if type(value) is tuple else plain(value)
        if not _fits(given, hint):
            message = (
                f"{where}{': ' if where else ''}{name} must be {_in_words(hint)}; got {in_short(value)}."
            )
            raise InputError(message)
        object.__setattr__(record, name, given)  # a record is frozen once it is made


@lru_cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return get_type_hints(kind)


def _fits(value: object, hint: Any, /) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in arguments)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in arguments)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(item, arguments[0]) for item in value)
    if hint is int:
        return isinstance(value, int | np.integer) and not isinstance(value, bool)
    if hint is float:
        plain = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        return plain and math.isfinite(cast("float", value))
    return isinstance(value, hint)


def _in_words(hint: Any, /) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(_in_words(one) for one in arguments)
    if origin is Literal:
        return "one of " + ", ".join(map(repr, arguments))
    if origin is tuple:
        return f"a list, each {_in_words(arguments[0])}"
    known = {
        int: "a whole number",
        float: "a finite number",
        str: "a text",
        bool: "true or false",
        NoneType: "None",
    }
    return known.get(hint) or f"a {hint.__name__}"


def is_of(value: object, classes: Collection[tuple[str, str]], /) -> bool:
    """Tell whether a value is of a class of another library, which is not imported for that.

    Parameters
    ----------
    value : object
        Anything.
    classes : collection of (str, str)
        Library and name of each class: ``("pandas", "DataFrame")``.

    Examples
    --------
    >>> is_of(np.zeros(2), {("numpy", "ndarray")}), is_of([0, 0], {("numpy", "ndarray")})
    (True, False)
    """
    known = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(value).__mro__}
    return not known.isdisjoint(classes)


def as_array(values: object, /) -> npt.NDArray[Any]:
    """Return what a function of the user's gave as an array; one of objects where its rows have unequal lengths."""
    try:
        return np.asarray(values)
    except (TypeError, ValueError):
        return np.array(None, object)


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


def in_short(value: object, /) -> str:
    """Write a value for a message, of a long one only its beginning.

    Examples
    --------
    >>> in_short("x"), len(in_short("x" * 1000))
    ("'x'", 80)
    """
    short = not isinstance(value, int) or value.bit_length() < 256
    shown = " ".join(repr(value).split()) if short else "a number of many digits"
    return shown if len(shown) <= 80 else f"{shown[:79]}…"
