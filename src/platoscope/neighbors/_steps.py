"""The steps that prepare rows: what each learns of all rows, and how it then changes any of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from platoscope.neighbors._inputs import check_finite
from platoscope.neighbors._memory import require_memory
from platoscope.neighbors._scaling import powers_of_two
from platoscope.neighbors._threads import in_blocks, map_blocks, sum_over_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from platoscope.neighbors._inputs import FloatArray

__all__ = ["LEARNED_STEPS", "ROW_STEPS", "Change", "Parts", "any_nonfinite", "whiten", "whole_rows"]

Parts: TypeAlias = "tuple[FloatArray, ...]"
"""The parts of one representation, each of shape (n_samples, its features)."""
Write: TypeAlias = "Callable[[FloatArray, FloatArray, npt.NDArray[np.float64]], None]"
"""From some whole rows to prepared ones: ``write(rows, out, marks)``."""


class Change(NamedTuple):
    """How a step changes any rows; `marks` of shape (rows, MARKS) say which have no direction where one is needed."""

    write: Write
    again: Write | None = None
    """The same at a fraction of the cost, for rows that were written before and whose marks were kept."""


_QUANTILE = 0.05
"""What ``clip`` and ``clamp`` cut off at either end."""
_VARIANCE = 0.99
"""What the components of ``whiten`` hold."""


def any_nonfinite(parts: Parts, start: int, stop: int, /) -> bool:
    """Tell whether rows ``start:stop`` have a NaN or an infinity; twice as fast as NumPy where they have none."""
    from platoscope.neighbors._row_kernels import count_nonfinite  # numba: 0.3 s to import

    return any(count_nonfinite(part, start, stop) for part in parts)


def whole_rows(parts: Parts, which: slice | npt.NDArray[np.intp], /) -> FloatArray:
    """Return some rows of all parts side by side; a view where they are a range of a single part."""
    if len(parts) == 1:
        return parts[0][which]
    return np.concatenate([part[which] for part in parts], axis=1)


def _unit(rows: FloatArray, out: FloatArray, marks: npt.NDArray[np.float64], limit: float = np.inf) -> None:
    """Clamp rows to ±limit and divide them by their norms."""
    from platoscope.neighbors._direction_kernels import unit_rows  # numba: 0.3 s to import

    unit_rows(rows, out, limit, marks)


def _clip(rows: FloatArray, out: FloatArray, marks: npt.NDArray[np.float64]) -> None:
    """Clip each row at its quantiles and divide it by its norm."""
    from platoscope.neighbors._direction_kernels import clip_rows  # numba: 0.3 s to import

    n_features = rows.shape[1]
    clip_rows(rows, out, *_places(n_features, _QUANTILE), *_from_top(n_features), marks)


def _directed_again(rows: FloatArray, out: FloatArray, marks: npt.NDArray[np.float64]) -> None:
    """Clip rows and divide them by their norms as they were before."""
    from platoscope.neighbors._direction_kernels import direct_again  # numba: 0.3 s to import

    direct_again(rows, out, marks)


def _places(n_features: int, level: float) -> tuple[int, float]:
    """Return the place below a quantile among ordered values, and how far it lies on the way to the next."""
    place = level * (n_features - 1)
    below = int(np.floor(place))
    return below, place - below


def _from_top(n_features: int) -> tuple[int, float]:
    """Return the place above the upper quantile, counted from the largest value on, and the share of the way up."""
    below, share = _places(n_features, 1 - _QUANTILE)
    return n_features - 1 - min(below + 1, n_features - 1), share


def _learn_clamp(parts: Parts, name: str) -> Change:
    from platoscope.neighbors._row_kernels import row_tops  # numba: 0.3 s to import

    tops = np.empty(len(parts[0]))
    places = _from_top(sum(part.shape[1] for part in parts))

    def of_rows(start: int, stop: int) -> None:
        if any_nonfinite(parts, start, stop):
            tops[start:stop] = np.nan
        else:
            row_tops(whole_rows(parts, slice(start, stop)), *places, tops[start:stop])

    in_blocks(of_rows, parts)
    if np.isnan(tops).any():
        _name_nonfinite(parts, name)
    scale = float(powers_of_two(tops.max()))
    return Change(partial(_unit, limit=float((tops * scale).mean()) / scale), _directed_again)


def _learn_zscore(parts: Parts, name: str) -> Change:
    mean, spread = np.concatenate([_column_moments(part, name) for part in parts], axis=1)

    def standardize(rows: FloatArray, out: FloatArray, _marks: npt.NDArray[np.float64]) -> None:
        from platoscope.neighbors._direction_kernels import standardize_rows  # numba: 0.3 s to import

        standardize_rows(rows, out, mean, spread)

    return Change(standardize)


ROW_STEPS: dict[str, Change] = {
    "unit": Change(_unit, _directed_again),
    "clip": Change(_clip, _directed_again),
}
"""Steps that look at one row at a time."""
LEARNED_STEPS: dict[str, Callable[[Parts, str], Change]] = {"clamp": _learn_clamp, "zscore": _learn_zscore}
"""What makes a step from all rows: each refuses rows that are not finite."""


def whiten(parts: Parts, name: str, /) -> FloatArray:
    """Return the leading principal components, each divided by its sd; see `transform_rows`."""
    n_samples, n_features = len(parts[0]), sum(part.shape[1] for part in parts)
    smaller = min(n_samples, n_features)
    for part in parts:
        check_finite(part, name)
    require_memory(
        8 * (n_samples * n_features + 3 * smaller**2), f"Whitening {name}", "Give fewer items or features."
    )
    whole = np.concatenate([part.astype(np.float64) for part in parts], axis=1)
    # Equal rows enter once: a matrix product may round two equal rows differently.
    bits = np.concatenate([part + part.dtype.type(0) for part in parts], axis=1)  # -0.0 is 0.0
    keys = np.ascontiguousarray(bits).view(np.dtype((np.void, bits.dtype.itemsize * n_features))).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    mean, spread = _column_moments(whole, name)
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
        return np.zeros((n_samples, 1), parts[0].dtype)  # nothing varies: a constant, which ties
    count = int(np.searchsorted(np.cumsum(variances), _VARIANCE * total)) + 1
    count = max(1, min(count, n_samples // 4, int(np.count_nonzero(variances > total * 1e-15))))
    if n_features > n_samples:
        axes = (whole.T @ left[:, ::-1][:, :count]) / np.sqrt(variances[:count])
    else:
        axes = axes[:, ::-1][:, :count]
    scores = (whole[first] @ axes) / np.sqrt(variances[:count] / n_samples)
    return np.ascontiguousarray(scores[inverse.ravel()].astype(parts[0].dtype))


def _column_moments(X: FloatArray, name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of each column; exactly 0 for a column that does not vary."""
    from platoscope.neighbors._row_kernels import column_extremes, column_moments  # numba: 0.3 s to import

    # float64 holds sums of squares of any float32. Other columns need a scale each, that of their extremes, before they
    # are summed: one huge feature must not take the others out of reach.
    in_reach = X.dtype == np.float32

    def start_with(first: int) -> _Moments:
        # From a value of the column: the mean of n values is within √n standard deviations of each of them, so that
        # the difference of squares loses no more than a factor of n.
        origin = X[first].astype(np.float64)
        sums, squares = np.zeros((2, X.shape[1]))
        return _Moments(X[first].copy(), X[first].copy(), origin, sums, squares, np.zeros(2, np.int_))

    def of_rows(found: _Moments, start: int, stop: int) -> None:
        found.counts[:] += stop - start, not in_reach and any_nonfinite((X,), start, stop)
        column_extremes(X, found.low, found.high, start, stop)
        if in_reach:
            column_moments(X, found.origin, found.sums, found.squares, start, stop)

    with np.errstate(invalid="ignore"):
        ranges = map_blocks(of_rows, (X,), start_with)
    for found in ranges if in_reach else ():
        found.counts[1] += not np.isfinite(found.squares).all()  # which no finite value makes it
    if any(found.counts[1] for found in ranges):
        _name_nonfinite((X,), name)
    low = np.min([found.low for found in ranges], axis=0)
    high = np.max([found.high for found in ranges], axis=0)
    mean, sd = _joined(ranges) if in_reach else _scaled_moments(X, np.maximum(np.abs(low), np.abs(high)))
    # By its values, not by the size of its spread: rounding leaves a constant a spread of its own.
    sd[low == high] = 0.0
    return mean, sd


class _Moments(NamedTuple):
    """What a range of rows adds up to, by column."""

    low: FloatArray
    high: FloatArray
    origin: npt.NDArray[np.float64]
    sums: npt.NDArray[np.float64]
    """Of what is above the origin."""
    squares: npt.NDArray[np.float64]
    """Of the same."""
    counts: npt.NDArray[np.int_]
    """How many rows, and in how many blocks some are not finite."""


def _joined(ranges: list[_Moments]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of all rows from those of ranges, by the parallel form of the variance."""
    sizes = np.array([[found.counts[0]] for found in ranges])
    shifts = np.array([found.sums for found in ranges]) / sizes
    means = np.array([found.origin for found in ranges]) + shifts
    within = np.maximum(np.array([found.squares for found in ranges]) - sizes * shifts**2, 0.0)
    mean = (sizes * means).sum(axis=0) / sizes.sum()
    return mean, np.sqrt((within + sizes * (means - mean) ** 2).sum(axis=0) / sizes.sum())


def _scaled_moments(
    X: FloatArray, peaks: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of columns of any size, each on a scale of its own."""
    from platoscope.neighbors._row_kernels import column_squares_of, column_sums_of  # numba: 0.3 s to import

    scale = powers_of_two(peaks)
    mean = sum_over_rows(column_sums_of, X, scale) / len(X)
    sd = np.sqrt(sum_over_rows(column_squares_of, X, scale, mean) / len(X))
    return mean / scale, sd / scale


def _name_nonfinite(parts: Parts, name: str) -> None:
    for part in parts:
        check_finite(part, name)
