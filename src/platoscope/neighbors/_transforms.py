"""Preparations of rows before distances: which space is compared is stated as exactly as the measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from platoscope.errors import InputError
from platoscope.neighbors._inputs import as_parts, check_finite
from platoscope.neighbors._memory import require_memory
from platoscope.neighbors._scaling import powers_of_two
from platoscope.neighbors._threads import map_rows, over_rows, sum_over_rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from platoscope.neighbors._inputs import ArrayLike, FloatArray

__all__ = [
    "TRANSFORMS",
    "Transform",
    "parse_transform",
    "transform_name",
    "transform_parts",
    "transform_rows",
]

_Parts: TypeAlias = "tuple[FloatArray, ...]"
Load: TypeAlias = "Callable[[npt.NDArray[np.intp] | None], _Parts]"
"""Gives the prepared rows of these items, or of all (None)."""
_Change: TypeAlias = "Callable[[_Parts, _Parts, Any, str], _Parts]"
"""From rows, room for as many, which items they are, and the name of all to prepared rows, most often in that room."""
Transform: TypeAlias = str | Sequence[str]
"""One of `TRANSFORMS`, or several in the order in which they are applied."""

QUANTILE = 0.05
"""What ``clip`` and ``clamp`` cut off at either end."""
_VARIANCE = 0.99
# Rows that are worked on together: few enough that their float64 copy stays in a core's own cache.
_BLOCK = 64


def parse_transform(transform: Transform, /) -> tuple[str, ...]:
    """Return the steps of a preparation, in order; an empty tuple for ``"none"``.

    Parameters
    ----------
    transform : str or sequence of str
        One of `TRANSFORMS`, several of them, or several in one string joined by ``+``.

    Raises
    ------
    InputError
        An unknown step, or ``"none"`` beside others.

    Examples
    --------
    >>> parse_transform("none"), parse_transform(("zscore", "unit")), parse_transform("zscore + unit")
    ((), ('zscore', 'unit'), ('zscore', 'unit'))
    """
    given = transform.split("+") if isinstance(transform, str) else transform
    if not isinstance(given, list | tuple):
        message = f"transform must be a step, or a list of them; got {transform!r}."
        raise InputError(message)
    steps = tuple(step.strip() if isinstance(step, str) else step for step in given)
    if steps in ((), ("none",)):
        return ()
    unknown = [step for step in steps if step not in TRANSFORMS or step == "none"]
    if unknown:
        message = (
            f"transform must be one of {', '.join(TRANSFORMS)}, or several of them but none in order, such as "
            f"('zscore', 'unit'); got {transform!r}."
        )
        raise InputError(message)
    return steps


def transform_name(steps: tuple[str, ...], /) -> str:
    """Return what results and messages call the steps of a preparation; `parse_transform` reads it back.

    Examples
    --------
    >>> transform_name(()), transform_name(("zscore", "unit"))
    ('none', 'zscore + unit')
    """
    return " + ".join(steps) or "none"


def transform_rows(
    X: ArrayLike, transform: Transform, /, *, name: str = "X"
) -> FloatArray | list[FloatArray]:
    """Prepare the rows of a representation for comparison.

    ===========  ====================================================================================
    ``none``     the rows as they are
    ``unit``     x / ‖x‖: Euclidean neighbors are then cosine neighbors
    ``clip``     each row clipped at its 5 % and 95 % quantiles over features, then ``unit`` (the
                 research code of Acevedo et al. clips tokens so; this works on pooled rows)
    ``clamp``    values clamped to ±t, then ``unit``; t is the mean over items of the 95 % quantile of ``|x|``
                 over features, of this layer (Huh et al.: of all layers together)
    ``zscore``   per feature (x − mean) / sd over the items; features that are constant become 0
    ``whiten``   principal components that hold 99 % of the variance, at most N/4 of them, each divided by
                 its sd
    ===========  ====================================================================================

    Parameters
    ----------
    X : array of shape (n_samples, n_features), or sequence of such arrays
        A sequence is one concatenated representation: norms, quantiles and components are those of the whole row.
    transform : str or sequence of str
        One step, or several in order, such as ``("zscore", "unit")``.
    name : str
        What messages call it.

    Returns
    -------
    ndarray of shape (n_samples, n_features), or list of them
        In the precision of the input (float32 or float64; computed in float64, then rounded), so that what is
        compared is a matrix that can be handed to anyone. ``whiten`` gives one matrix, narrower. With no step
        the input itself, checked.

    Raises
    ------
    InputError
        An unknown step, non-finite values, or rows that have no direction left where one is needed.

    Notes
    -----
    Statistics over items (``clamp``, ``zscore``, ``whiten``) are those of the items given here: subsamples of a
    prepared `Space` keep them. Rows equal bit for bit stay equal bit for bit.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[3.0, 4.0], [0.0, 2.0], [1.0, 0.0]])
    >>> transform_rows(X, "unit")
    array([[0.6, 0.8],
           [0. , 1. ],
           [1. , 0. ]])
    """
    parts, _ = transform_parts(as_parts(X, name), parse_transform(transform), name)
    return list(parts) if isinstance(X, (list, tuple)) and len(parts) > 1 else parts[0]


def transform_parts(
    parts: tuple[FloatArray, ...],
    steps: tuple[str, ...],
    name: str,
    read: Callable[[], tuple[FloatArray, ...]] | None = None,
    /,
) -> tuple[tuple[FloatArray, ...], Load]:
    """Apply steps in order to the parts of one representation; see `transform_rows`.

    Returns
    -------
    parts : tuple of ndarray
        The prepared rows.
    load : callable
        Gives the prepared rows of some items once more, equal bit for bit, from those as given, which are kept, or which
        `read` returns: prepared ones need not be kept beside them.
    """
    if not steps:
        return parts, _reader(read or (lambda: parts), ())
    for part in parts:
        _check_finite(part, name)
    require_memory(
        sum(part.nbytes for part in parts), f"The transform of {name}", "Give fewer items, or float32 data."
    )
    changes: list[_Change] = []
    prepared = parts
    for step in steps:
        changes.append(_STEPS[step](prepared))
        prepared = _changed(prepared, changes[-1:], slice(None), name, keep=prepared is parts)
    if "whiten" not in steps:
        return prepared, _reader(read or (lambda: parts), changes, name)
    # Its rows cannot be made without the others.
    all_rows = (lambda: transform_parts(read(), steps, name)[0]) if read else (lambda: prepared)
    return prepared, _reader(all_rows, ())


def _reader(read: Callable[[], _Parts], changes: Sequence[_Change], name: str = "") -> Load:
    """Return what gives the rows of some items, or of all, changed by what was learned of all of them."""

    def load(items: npt.NDArray[np.intp] | None) -> _Parts:
        if items is None:
            return _changed(read(), changes, slice(None), name, keep=True)
        return _changed(tuple(part[items] for part in read()), changes, items, name, keep=False)

    return load


def _changed(parts: _Parts, changes: Sequence[_Change], items: Any, name: str, *, keep: bool) -> _Parts:
    """Apply changes in order, each in place but the first where the rows are to be kept."""
    for change in changes:
        out = tuple(np.empty_like(part) for part in parts) if keep else parts
        parts, keep = change(parts, out, items, name), False
    return parts


def _check_finite(part: FloatArray, name: str) -> None:
    """Do what `check_finite` does, faster where nothing is wrong."""
    from platoscope.neighbors._row_kernels import count_nonfinite  # numba: 0.3 s to import

    if any(map_rows(partial(count_nonfinite, part), len(part))):
        check_finite(part, name)


def _by_rows(parts: _Parts, work: Callable[[FloatArray, int, int, int], object]) -> None:
    """Call ``work(rows, first_row, start, stop)`` on whole rows, whichever parts they are made of."""
    if len(parts) == 1:
        over_rows(partial(work, parts[0], 0), len(parts[0]))
        return

    def piecewise(start: int, stop: int) -> None:
        for first in range(start, stop, _BLOCK):
            whole = np.concatenate([part[first : min(first + _BLOCK, stop)] for part in parts], axis=1)
            work(whole, first, 0, len(whole))

    over_rows(piecewise, len(parts[0]))


def _places(n_features: int, level: float) -> tuple[int, float]:
    """Return the place below a quantile among ordered values, and how far it lies on the way to the next."""
    place = level * (n_features - 1)
    below = int(np.floor(place))
    return below, place - below


def _from_top(n_features: int) -> tuple[int, float]:
    """Return the place above the upper quantile, counted from the largest value on, and the share of the way up."""
    below, share = _places(n_features, 1 - QUANTILE)
    return n_features - 1 - min(below + 1, n_features - 1), share


def _unit(parts: _Parts, out: _Parts, items: Any, name: str, bounds: FloatArray | None = None) -> _Parts:
    """Clip rows to the bounds of each item, shape (2, n_samples), and divide them by their norms."""
    from platoscope.neighbors._row_kernels import unit_rows  # numba: 0.3 s to import

    n_rows = len(parts[0])
    zero = np.zeros(n_rows, np.bool_)
    if bounds is None:
        low, high = np.multiply.outer([-np.inf, np.inf], np.ones(n_rows))
    else:
        low, high = (bound[items] for bound in bounds)

    def work(rows: FloatArray, first: int, start: int, stop: int) -> None:
        to = out[0] if len(out) == 1 else np.empty_like(rows)
        unit_rows(rows, to, low[first:], high[first:], zero[first:], start, stop)
        edge = 0
        for part in out if len(out) > 1 else ():
            part[first : first + stop] = to[:, edge : edge + part.shape[1]]
            edge += part.shape[1]

    _by_rows(parts, work)
    _require_directions(zero, name)
    return out


def _clip(parts: _Parts) -> _Change:
    from platoscope.neighbors._row_kernels import row_quantiles  # numba: 0.3 s to import

    n_features = sum(part.shape[1] for part in parts)
    places = (*_places(n_features, QUANTILE), *_from_top(n_features))
    bounds = np.empty((2, len(parts[0])))

    def work(rows: FloatArray, first: int, start: int, stop: int) -> None:
        row_quantiles(rows, *bounds[:, first:], *places, start, stop)

    _by_rows(parts, work)
    return partial(_unit, bounds=bounds)


def _clamp(parts: _Parts) -> _Change:
    from platoscope.neighbors._row_kernels import row_tops  # numba: 0.3 s to import

    tops = np.empty(len(parts[0]))
    places = _from_top(sum(part.shape[1] for part in parts))

    def work(rows: FloatArray, first: int, start: int, stop: int) -> None:
        row_tops(rows, *places, tops[first:], start, stop)

    _by_rows(parts, work)
    scale = float(powers_of_two(tops.max()))
    limit = float((tops * scale).mean()) / scale
    return partial(_unit, bounds=np.multiply.outer([-limit, limit], np.ones(len(tops))))


def _zscore(parts: _Parts) -> _Change:
    return partial(_standardize, [_column_moments(part) for part in parts])


def _standardize(
    moments: Sequence[tuple[FloatArray, FloatArray]], parts: _Parts, out: _Parts, _items: Any, _name: str
) -> _Parts:
    from platoscope.neighbors._row_kernels import standardize_rows  # numba: 0.3 s to import

    for part, to, of_part in zip(parts, out, moments, strict=True):
        over_rows(partial(standardize_rows, part, to, *of_part), len(part))
    return out


def _whiten(parts: _Parts, _out: _Parts, _items: Any, name: str) -> _Parts:
    n_samples, n_features = len(parts[0]), sum(part.shape[1] for part in parts)
    smaller = min(n_samples, n_features)
    require_memory(
        8 * (n_samples * n_features + 3 * smaller**2), f"Whitening {name}", "Give fewer items or features."
    )
    whole = np.concatenate([part.astype(np.float64) for part in parts], axis=1)
    # Equal rows enter once: a matrix product may round two equal rows differently.
    bits = np.concatenate([part + part.dtype.type(0) for part in parts], axis=1)  # -0.0 is 0.0
    keys = np.ascontiguousarray(bits).view(np.dtype((np.void, bits.dtype.itemsize * n_features))).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    mean, spread = _column_moments(whole)
    whole -= mean
    whole[:, spread == 0] = 0.0
    whole *= powers_of_two(np.abs(whole).max())
    if n_features <= n_samples:
        variances, axes = np.linalg.eigh(whole.T @ whole)
    else:
        variances, left = np.linalg.eigh(whole @ whole.T)
    variances = np.maximum(variances[::-1], 0.0)
    total = float(variances.sum())
    if total == 0.0:
        return (np.zeros((n_samples, 1), parts[0].dtype),)  # nothing varies: a constant, which ties
    count = int(np.searchsorted(np.cumsum(variances), _VARIANCE * total)) + 1
    count = max(1, min(count, n_samples // 4, int(np.count_nonzero(variances > total * 1e-15))))
    if n_features > n_samples:
        axes = (whole.T @ left[:, ::-1][:, :count]) / np.sqrt(variances[:count])
    else:
        axes = axes[:, ::-1][:, :count]
    scores = (whole[first] @ axes) / np.sqrt(variances[:count] / n_samples)
    return (np.ascontiguousarray(scores[inverse.ravel()].astype(parts[0].dtype)),)


# What each step learns of all rows says how any of them is changed.
_STEPS: dict[str, Callable[[_Parts], _Change]] = {
    "unit": lambda _: _unit,
    "clip": _clip,
    "clamp": _clamp,
    "zscore": _zscore,
    "whiten": lambda _: _whiten,
}
TRANSFORMS = ("none", *_STEPS)
"""The steps that a preparation may take."""


def _require_directions(zero: npt.NDArray[np.bool_], name: str) -> None:
    """Refuse rows without a direction, unless no row has one: a constant layer, which ties."""
    if zero.any() and not zero.all():
        rows = np.flatnonzero(zero)
        message = (
            f"{name} has {rows.size} rows that are zero where they are to be divided by their norms (clipping sets a "
            f"row to zero that is zero in 90 % of its features); the first is row {rows[0]}. Drop those items on both "
            "sides, or use transform='none' or 'zscore'."
        )
        raise InputError(message)


def _column_moments(X: FloatArray) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of each column; exactly 0 for a column that does not vary."""
    from platoscope.neighbors._row_kernels import (  # numba: 0.3 s to import
        column_extremes,
        column_squares_of,
        column_sums_of,
    )

    def extremes(start: int, stop: int) -> FloatArray:
        reached = X[[start, start]]
        column_extremes(X, *reached, start, stop)
        return reached

    reached = np.stack(map_rows(extremes, len(X)))
    low, high = reached[:, 0].min(axis=0), reached[:, 1].max(axis=0)
    # Each column on its own scale: one huge feature must not take the others out of reach.
    scale = powers_of_two(np.maximum(np.abs(low), np.abs(high)))

    mean = sum_over_rows(column_sums_of, X, scale) / len(X)
    sd = np.sqrt(sum_over_rows(column_squares_of, X, scale, mean) / len(X))
    # By its values, not by the size of its spread: rounding leaves a constant a spread of its own.
    sd[low == high] = 0.0
    return mean / scale, sd / scale
