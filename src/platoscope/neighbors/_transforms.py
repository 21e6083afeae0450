"""Preparations of rows before distances: which space is compared is stated as exactly as the measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from platoscope.errors import InputError
from platoscope.neighbors._inputs import as_parts, check_finite
from platoscope.neighbors._memory import require_memory
from platoscope.neighbors._threads import over_rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from platoscope.neighbors._inputs import ArrayLike, FloatArray

__all__ = ["TRANSFORMS", "Transform", "parse_transform", "transform_parts", "transform_rows"]

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


def transform_rows(
    X: ArrayLike, transform: Transform, /, *, name: str = "X"
) -> FloatArray | list[FloatArray]:
    """Prepare the rows of a representation for comparison.

    ===========  ====================================================================================
    ``none``     the rows as they are
    ``unit``     x / ‖x‖: Euclidean neighbors are then cosine neighbors
    ``clip``     each row clipped at its 5 % and 95 % quantiles over features, then ``unit`` (the
                 research code of Acevedo et al. clips tokens so; this works on pooled rows)
    ``clamp``    values clamped to ±t, then ``unit``; t is the mean over items of the 95 % quantile of |x|
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
    parts = transform_parts(as_parts(X, name), parse_transform(transform), name)
    return list(parts) if isinstance(X, (list, tuple)) and len(parts) > 1 else parts[0]


def transform_parts(
    parts: tuple[FloatArray, ...], steps: tuple[str, ...], name: str, /
) -> tuple[FloatArray, ...]:
    """Apply steps in order to the parts of one representation; see `transform_rows`."""
    if not steps:
        return parts
    for part in parts:
        check_finite(part, name)
    require_memory(
        sum(part.nbytes for part in parts), f"The transform of {name}", "Give fewer items, or float32 data."
    )
    for step in steps:
        parts = _STEPS[step](parts, name)
    return parts


def _by_blocks(
    parts: tuple[FloatArray, ...], change: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
) -> tuple[FloatArray, ...]:
    """Change whole rows, some at a time in float64, whichever parts they are made of."""
    out = tuple(np.empty_like(part) for part in parts)
    edges = np.cumsum([0, *(part.shape[1] for part in parts)])

    def work(start: int, stop: int) -> None:
        for first in range(start, stop, _BLOCK):
            rows = slice(first, min(first + _BLOCK, stop))
            whole = np.concatenate([part[rows].astype(np.float64) for part in parts], axis=1)
            whole = change(whole)
            for target, low, high in zip(out, edges, edges[1:], strict=False):
                target[rows] = whole[:, low:high]

    over_rows(work, len(parts[0]))
    return out


def _unit(parts: tuple[FloatArray, ...], name: str) -> tuple[FloatArray, ...]:
    return _directions(_by_blocks(parts, _to_unit), name)


def _clip(parts: tuple[FloatArray, ...], name: str) -> tuple[FloatArray, ...]:
    def change(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        low, high = _row_quantiles(rows, (QUANTILE, 1 - QUANTILE)).T
        return _to_unit(np.clip(rows, low[:, None], high[:, None], out=rows))

    return _directions(_by_blocks(parts, change), name)


def _clamp(parts: tuple[FloatArray, ...], name: str) -> tuple[FloatArray, ...]:
    tops = np.empty(len(parts[0]))

    def read(start: int, stop: int) -> None:
        for first in range(start, stop, _BLOCK):
            rows = slice(first, min(first + _BLOCK, stop))
            whole = np.concatenate([np.abs(part[rows].astype(np.float64)) for part in parts], axis=1)
            tops[rows] = _row_quantiles(whole, (1 - QUANTILE,))[:, 0]

    over_rows(read, len(tops))
    scale = float(_powers_of_two(tops.max()))
    limit = float((tops * scale).mean()) / scale
    clamped = _by_blocks(parts, lambda rows: _to_unit(np.clip(rows, -limit, limit, out=rows)))
    return _directions(clamped, name)


def _zscore(parts: tuple[FloatArray, ...], name: str) -> tuple[FloatArray, ...]:
    moments = [_column_moments(part) for part in parts]
    center = np.concatenate([mean for mean, _ in moments])
    spread = np.concatenate([sd for _, sd in moments])
    constant = spread == 0
    spread[constant] = 1.0

    def change(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        rows -= center
        rows /= spread
        rows[:, constant] = 0.0
        return rows

    return _by_blocks(parts, change)


def _whiten(parts: tuple[FloatArray, ...], name: str) -> tuple[FloatArray, ...]:
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
    whole *= _powers_of_two(np.abs(whole).max())
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


_STEPS: dict[str, Callable[[tuple[Any, ...], str], tuple[Any, ...]]] = {
    "unit": _unit,
    "clip": _clip,
    "clamp": _clamp,
    "zscore": _zscore,
    "whiten": _whiten,
}
TRANSFORMS = ("none", *_STEPS)
"""The steps that a preparation may take."""


def _to_unit(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Divide rows by their norms, in place; a zero row stays zero."""
    peak = np.abs(rows).max(axis=1)
    # Keeps squares inside float64, and parallel rows exactly parallel.
    rows *= _powers_of_two(peak)[:, None]
    norm = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    rows /= np.where(norm > 0, norm, 1.0)[:, None]
    return rows


def _directions(parts: tuple[FloatArray, ...], name: str) -> tuple[FloatArray, ...]:
    """Refuse rows without a direction, unless no row has one: a constant layer, which ties."""
    zero = np.logical_and.reduce([~part.any(axis=1) for part in parts])
    if zero.any() and not zero.all():
        rows = np.flatnonzero(zero)
        message = (
            f"{name} has {rows.size} rows that are zero where they are to be divided by their norms (clipping sets a "
            f"row to zero that is zero in 90 % of its features); the first is row {rows[0]}. Drop those items on both "
            "sides, or use transform='none' or 'zscore'."
        )
        raise InputError(message)
    return parts


def _row_quantiles(rows: FloatArray, levels: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """Return quantiles of each row, interpolated linearly, shape (n_rows, n_levels)."""
    places = [level * (rows.shape[1] - 1) for level in levels]
    below = [int(np.floor(place)) for place in places]
    above = [min(place + 1, rows.shape[1] - 1) for place in below]
    ordered = np.partition(rows, sorted({*below, *above}), axis=1)
    shares = np.array([place - low for place, low in zip(places, below, strict=True)])
    low, high = ordered[:, below], ordered[:, above]
    quantiles: npt.NDArray[np.float64] = low * (1 - shares) + high * shares
    return quantiles


def _column_moments(X: FloatArray) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of each column; exactly 0 for a column that does not vary."""
    # Each column on its own scale: one huge feature must not take the others out of reach.
    scale = _powers_of_two(np.abs(X).max(axis=0))
    mean = np.zeros(X.shape[1])
    square = np.zeros(X.shape[1])
    for first in range(0, len(X), _BLOCK):
        mean += (X[first : first + _BLOCK].astype(np.float64) * scale).sum(axis=0)
    mean /= len(X)
    for first in range(0, len(X), _BLOCK):
        centered = X[first : first + _BLOCK].astype(np.float64) * scale - mean
        square += np.einsum("ij,ij->j", centered, centered)
    sd = np.sqrt(square / len(X))
    # By its values, not by the size of its spread: rounding leaves a constant a spread of its own.
    sd[X.max(axis=0) == X.min(axis=0)] = 0.0
    return mean / scale, sd / scale


def _powers_of_two(peaks: Any) -> npt.NDArray[np.float64]:
    """Return the power of two that brings each of `peaks` near 1, so that squares fit; it changes no digit."""
    peaks = np.asarray(peaks, np.float64)
    exponents = np.clip(-np.frexp(peaks)[1], -1020, 1020)
    return np.ldexp(np.ones(peaks.shape), np.where(peaks > 0, exponents, 0))
