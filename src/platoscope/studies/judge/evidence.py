"""Numbers with their resamples, so that a difference of two of them has a paired interval.

Every measure in a result comes with its values on random subsamples of the items. One set of subsamples
serves all layers, directions and measures of a comparison, so whatever is computed from them (a minimum
over layers, a mean over a region, a difference of two directions) is computed on each subsample as well,
and its spread gives its error: ``se = sd · √(m / (N − m))``, the delete-d jackknife of docs/measures.md
("Uncertainty").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from platoscope.measures import Z95

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["Curve", "Quantity", "Z", "curve", "mean_of_directions"]

Z = Z95


@dataclass(frozen=True)
class Quantity:
    """A number computed from a result, with its values on the subsamples.

    Parameters
    ----------
    value : float
        The value on all items.
    resamples : ndarray of float, shape (n_resamples,), or None
        The same number on each subsample; None where only the standard error is known.
    factor : float
        √(m / (N − m)): turns the standard deviation over subsamples into a standard error.
    subsamples : str
        Quantities with equal `subsamples` were computed on the same subsamples, so their difference is
        paired.
    se : float
        Standard error.
    """

    value: float
    resamples: NDArray[np.float64] | None
    factor: float
    subsamples: str
    se: float

    @classmethod
    def from_resamples(
        cls, value: float, resamples: NDArray[np.float64], *, factor: float, subsamples: str
    ) -> Quantity:
        """Build one from the value on all items and the values on the subsamples."""
        known = resamples[np.isfinite(resamples)]
        se = float(known.std(ddof=1) * factor) if known.size > 1 else math.nan
        return cls(float(value), resamples, factor, subsamples, se)

    @classmethod
    def known(cls, value: float, se: float) -> Quantity:
        """Build one of which only the standard error is known."""
        return cls(value, None, math.nan, "", se)

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.value - Z * self.se

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + Z * self.se

    def __sub__(self, other: Quantity) -> Quantity:
        """Difference: paired on common subsamples, otherwise of independent errors."""
        return self._combine(other, sign=-1.0)

    def __add__(self, other: Quantity) -> Quantity:
        """Sum: paired on common subsamples, otherwise of independent errors."""
        return self._combine(other, sign=1.0)

    def __mul__(self, scale: float) -> Quantity:
        """Multiply by a number without error."""
        resamples = None if self.resamples is None else self.resamples * scale
        return Quantity(self.value * scale, resamples, self.factor, self.subsamples, self.se * abs(scale))

    def _combine(self, other: Quantity, *, sign: float) -> Quantity:
        value = self.value + sign * other.value
        if self.resamples is not None and other.resamples is not None and self.subsamples == other.subsamples:
            paired = self.resamples + sign * other.resamples
            return Quantity.from_resamples(value, paired, factor=self.factor, subsamples=self.subsamples)
        return Quantity(value, None, self.factor, "", math.hypot(self.se, other.se))

    def __str__(self) -> str:
        """Value with its interval, where it has one: ``0.331 [0.302, 0.360]``."""
        if math.isnan(self.se):
            return f"{self.value:.3f} (no interval)"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Curve:
    """A measure along the layers of a profile, with its values on the subsamples.

    Parameters
    ----------
    values : ndarray of float, shape (n_layers,)
        Values on all items; NaN where the measure is undefined (CKA of a constant layer).
    resamples : ndarray of float, shape (n_resamples, n_layers)
        Values on each subsample.
    depth : ndarray of float, shape (n_layers,)
        Relative depth of each layer, 0 to 1; of synthetic data, the varied quantity.
    layers : ndarray of int, shape (n_layers,)
        Layer numbers.
    factor, subsamples
        As in `Quantity`.
    """

    values: NDArray[np.float64]
    resamples: NDArray[np.float64]
    depth: NDArray[np.float64]
    layers: NDArray[np.int64]
    factor: float
    subsamples: str

    def select(self, low: float, high: float, /) -> Curve:
        """Give the part with ``low <= depth <= high``; the nearest layer where no layer lies there."""
        inside = (self.depth >= low - 1e-9) & (self.depth <= high + 1e-9)
        if not inside.any():
            inside[int(np.abs(self.depth - (low + high) / 2).argmin())] = True
        return self.take(np.flatnonzero(inside))

    def outside(self, low: float, high: float, /) -> Curve:
        """Give the part below `low` and above `high`."""
        return self.take(np.flatnonzero((self.depth < low - 1e-9) | (self.depth > high + 1e-9)))

    def take(self, positions: NDArray[np.intp], /) -> Curve:
        """Give the layers at `positions`."""
        return Curve(
            self.values[positions],
            self.resamples[:, positions],
            self.depth[positions],
            self.layers[positions],
            self.factor,
            self.subsamples,
        )

    def reduce(self, function: Callable[[NDArray[np.float64]], float], /) -> Quantity:
        """Apply `function` to the values over layers, on all items and on each subsample."""
        each = np.array([function(row) for row in self.resamples], dtype=np.float64)
        return Quantity.from_resamples(
            function(self.values), each, factor=self.factor, subsamples=self.subsamples
        )

    def minimum(self) -> Quantity:
        """Smallest value."""
        return self.reduce(lambda row: float(np.nanmin(row)))

    def maximum(self) -> Quantity:
        """Largest value."""
        return self.reduce(lambda row: float(np.nanmax(row)))

    def mean(self) -> Quantity:
        """Mean over the layers."""
        return self.reduce(lambda row: float(np.nanmean(row)))

    def range(self) -> Quantity:
        """Largest minus smallest value."""
        return self.reduce(lambda row: float(np.nanmax(row) - np.nanmin(row)))

    def at(self, position: int, /) -> Quantity:
        """Value at one position."""
        return self.reduce(lambda row: float(row[position]))

    def nearest(self, depth: float, /) -> Quantity:
        """Value at the layer nearest to `depth`."""
        return self.at(int(np.abs(self.depth - depth).argmin()))

    def depth_of_minimum(self) -> Quantity:
        """Relative depth of the smallest value."""
        return self.reduce(lambda row: float(self.depth[int(np.nanargmin(row))]))

    def depth_of_maximum(self) -> Quantity:
        """Relative depth of the largest value."""
        return self.reduce(lambda row: float(self.depth[int(np.nanargmax(row))]))

    def argmin(self) -> int:
        """Position of the smallest value."""
        return int(np.nanargmin(self.values))

    def __add__(self, other: Curve) -> Curve:
        """Sum of two curves over the same layers and subsamples."""
        return self._map(other, np.add)

    def __sub__(self, other: Curve) -> Curve:
        """Difference of two curves over the same layers and subsamples."""
        return self._map(other, np.subtract)

    def _map(self, other: Curve, function: np.ufunc) -> Curve:
        return Curve(
            function(self.values, other.values),
            function(self.resamples, other.resamples),
            self.depth,
            self.layers,
            self.factor,
            self.subsamples,
        )

    def __mul__(self, scale: float) -> Curve:
        """Multiply by a number."""
        return Curve(
            self.values * scale,
            self.resamples * scale,
            self.depth,
            self.layers,
            self.factor,
            self.subsamples,
        )


def curve(
    result: xr.Dataset,
    /,
    measure: str = "information_imbalance",
    *,
    direction: str | None = None,
    axis: str = "relative_depth_a",
) -> Curve:
    """Read one measure along the layers of a profile, sweep or curve.

    Parameters
    ----------
    result : xarray.Dataset
        With the dimension of `axis`, and for directed measures ``direction``.
    measure : str
        Name of the variable; without ``<measure>_resamples`` beside it, whatever is computed from the curve
        has no interval.
    direction : {"a_to_b", "b_to_a"}, optional
        Needed for directed measures.
    axis : str
        Coordinate that places the layers; of synthetic data ``"rank"`` or ``"fraction"``.

    Returns
    -------
    Curve
    """
    values = result[measure]
    resamples = result.get(f"{measure}_resamples", values.expand_dims(resample=1).isel(resample=[]))
    if direction is not None and "direction" in values.dims:
        values, resamples = values.sel(direction=direction), resamples.sel(direction=direction)
    (dimension,) = result[axis].dims
    n, fraction = int(result.attrs["n_samples"]), float(result.attrs["resample_fraction"])
    m = max(2, round(fraction * n))
    return Curve(
        np.asarray(values, dtype=np.float64),
        np.asarray(resamples.transpose("resample", dimension), dtype=np.float64),
        np.asarray(result[axis], dtype=np.float64),
        np.arange(result.sizes[dimension]) if dimension != "layer" else np.asarray(result["layer"]),
        math.sqrt(m / (n - m)),
        str(result.attrs.get("subsamples", f"{n}/{fraction}/{result.attrs.get('seed')}")),
    )


def mean_of_directions(
    result: xr.Dataset, /, measure: str = "information_imbalance", *, axis: str = "relative_depth_a"
) -> Curve:
    """Mean of both directions of a directed measure, along the layers."""
    forward = curve(result, measure, direction="a_to_b", axis=axis)
    return (forward + curve(result, measure, direction="b_to_a", axis=axis)) * 0.5
