"""The steps that prepare rows: what each learns of all rows, and how it then changes any of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

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
Change: TypeAlias = "Callable[[FloatArray, FloatArray, npt.NDArray[np.bool_]], None]"
"""From some whole rows to prepared ones: ``change(rows, out, zero)``; `zero` is set where no direction is left."""

_QUANTILE = 0.05
"""What ``clip`` and ``clamp`` cut off at either end."""
_VARIANCE = 0.99
"""What the components of ``whiten`` hold."""


def any_nonfinite(parts: Parts, start: int, stop: int, /) -> bool:
    """Tell whether rows ``start:stop`` have a NaN or an infinity; twice as fast as NumPy where they have none."""
    from platoscope.neighbors._row_kernels import count_nonfinite  # numba: 0.3 s to import

    return any(count_nonfinite(part, start, stop) for part in parts)


def whole_rows(parts: Parts, start: int, stop: int, /) -> FloatArray:
    """Return rows ``start:stop`` of all parts side by side; a view of a single part."""
    if len(parts) == 1:
        return parts[0][start:stop]
    return np.concatenate([part[start:stop] for part in parts], axis=1)


def _unit(rows: FloatArray, out: FloatArray, zero: npt.NDArray[np.bool_], limit: float = np.inf) -> None:
    """Clamp rows to ±limit and divide them by their norms."""
    from platoscope.neighbors._row_kernels import unit_rows  # numba: 0.3 s to import

    unit_rows(rows, out, limit, zero)


def _clip(rows: FloatArray, out: FloatArray, zero: npt.NDArray[np.bool_]) -> None:
    """Clip each row at its quantiles and divide it by its norm."""
    from platoscope.neighbors._row_kernels import clip_rows  # numba: 0.3 s to import

    n_features = rows.shape[1]
    clip_rows(rows, out, *_places(n_features, _QUANTILE), *_from_top(n_features), zero)


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
            row_tops(whole_rows(parts, start, stop), *places, tops[start:stop])

    in_blocks(of_rows, parts)
    if np.isnan(tops).any():
        _name_nonfinite(parts, name)
    scale = float(powers_of_two(tops.max()))
    return partial(_unit, limit=float((tops * scale).mean()) / scale)


def _learn_zscore(parts: Parts, name: str) -> Change:
    mean, spread = np.concatenate([_column_moments(part, name) for part in parts], axis=1)

    def standardize(rows: FloatArray, out: FloatArray, _zero: npt.NDArray[np.bool_]) -> None:
        from platoscope.neighbors._row_kernels import standardize_rows  # numba: 0.3 s to import

        standardize_rows(rows, out, mean, spread)

    return standardize


ROW_STEPS: dict[str, Change] = {"unit": _unit, "clip": _clip}
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
    from platoscope.neighbors._row_kernels import (  # numba: 0.3 s to import
        column_extremes,
        column_squares_of,
        column_sums_of,
    )

    # float64 holds sums of squares of any float32. Other columns need a scale each, that of their extremes, before they
    # are summed: one huge feature must not take the others out of reach.
    ones = np.ones(X.shape[1])
    in_reach = X.dtype == np.float32

    def start_with(first: int) -> list[Any]:
        return [X[first].copy(), X[first].copy(), np.zeros(X.shape[1]), 0]

    def of_rows(found: list[Any], start: int, stop: int) -> None:
        low, high, sums, _ = found
        found[3] += any_nonfinite((X,), start, stop)
        column_extremes(X, low, high, start, stop)
        if in_reach:
            column_sums_of(X, ones, sums, start, stop)

    lows, highs, sums, broken = zip(*map_blocks(of_rows, (X,), start_with), strict=True)
    if any(broken):
        _name_nonfinite((X,), name)
    low, high = np.min(lows, axis=0), np.max(highs, axis=0)
    scale = ones if in_reach else powers_of_two(np.maximum(np.abs(low), np.abs(high)))
    total = np.sum(sums, axis=0) if in_reach else sum_over_rows(column_sums_of, X, scale)
    mean = total / len(X)
    sd = np.sqrt(sum_over_rows(column_squares_of, X, scale, mean) / len(X))
    # By its values, not by the size of its spread: rounding leaves a constant a spread of its own.
    sd[low == high] = 0.0
    return mean / scale, sd / scale


def _name_nonfinite(parts: Parts, name: str) -> None:
    for part in parts:
        check_finite(part, name)
