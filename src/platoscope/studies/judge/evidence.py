"""Numbers with their resamples, so that whatever is computed from them has an interval.

Every measure in a result comes with its values on random subsamples of the items. One set of subsamples
serves all layers, directions and measures of a comparison, and all comparisons of the same items. So a
number computed from them (a minimum over layers, a mean over a region, a difference of two comparisons) is
computed on each subsample as well, selection and all, and its spread there gives its error:
`Quantity.se` is the one place where that happens.

Comparisons of *different* items are independent, and so must their subsamples be: `curve` shuffles the
subsamples of a result by a key of its items. Equal items keep their pairing, different ones lose any that
a common seed would feign, and one rule serves both: combine subsample by subsample.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from platoscope.errors import InputError
from platoscope.measures import Z95, standard_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    import xarray as xr
    from numpy.typing import NDArray

    Reduction: TypeAlias = "Callable[[NDArray[np.float64]], NDArray[np.float64]]"

__all__ = ["Curve", "Quantity", "Z", "cells", "curve", "mean_of_directions", "number"]

Z = Z95


@dataclass(frozen=True)
class Quantity:
    """A number computed from results, with its values on the subsamples.

    Parameters
    ----------
    value : float
        The value on all items.
    resamples : ndarray of float, shape (n_resamples,)
        The same number on each subsample; empty where none were drawn.
    n_samples, size : int
        Items, and items of a subsample; the smallest of what the number was computed from.
    """

    value: float
    resamples: NDArray[np.float64]
    n_samples: int
    size: int

    @cached_property
    def se(self) -> float:
        """Standard error at all items; NaN without subsamples, and where most of them have no value."""
        known = self.resamples[np.isfinite(self.resamples)]
        if known.size < max(2.0, self.resamples.size / 2):
            return math.nan
        return float(standard_errors(known, n_samples=self.n_samples, size=self.size))

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.value - Z * self.se

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + Z * self.se

    def __add__(self, other: Quantity | float) -> Quantity:
        """Sum with another number, subsample by subsample, or with one that has no error."""
        if not isinstance(other, Quantity):
            return replace(self, value=self.value + other, resamples=self.resamples + other)
        n, n_samples, size = _in_common(self, other)
        return Quantity(
            self.value + other.value,
            self.resamples[:n] + other.resamples[:n],
            n_samples,
            size,
        )

    def __sub__(self, other: Quantity | float) -> Quantity:
        """Difference, subsample by subsample."""
        return self + other * -1.0

    def __mul__(self, scale: float) -> Quantity:
        """Multiply by a number without error."""
        return replace(self, value=self.value * scale, resamples=self.resamples * scale)

    def __str__(self) -> str:
        """Value with its interval, where it has one: ``0.331 [0.302, 0.360]``."""
        if math.isnan(self.value):
            return "undefined"
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
    n_samples, size : int
        As in `Quantity`.
    """

    values: NDArray[np.float64]
    resamples: NDArray[np.float64]
    depth: NDArray[np.float64]
    layers: NDArray[np.int64]
    n_samples: int
    size: int

    def __len__(self) -> int:
        """Give the number of layers."""
        return len(self.values)

    def inside(self, low: float, high: float, /) -> NDArray[np.intp]:
        """Give the positions with ``low <= depth <= high``; the nearest where the model has no layer there.

        Of a region whose layers were left out it gives none: what is said of it would be read elsewhere.
        """
        inside = (self.depth >= low - 1e-9) & (self.depth <= high + 1e-9)
        if not inside.any() and not self._left_out(low, high):
            inside[int(np.abs(self.depth - (low + high) / 2).argmin())] = True
        return np.flatnonzero(inside)

    def _left_out(self, low: float, high: float) -> bool:
        """Tell whether the model has a layer after the embedding there, by the numbers and depths of those at hand."""
        reach, number = float(np.max(self.depth)), int(np.max(self.layers))
        if not reach > 0 or number < 1:
            return True
        step = reach / number  # layer 0 is at depth 0
        first, last = math.ceil((low - 1e-9) / step), math.floor((min(high, 1.0) + 1e-9) / step)
        return last >= max(first, 1)

    def select(self, low: float, high: float, /) -> Curve:
        """Give the part with ``low <= depth <= high``, as `inside` does."""
        return self.take(self.inside(low, high))

    def outside(self, low: float, high: float, /) -> Curve:
        """Give the part below `low` and above `high`."""
        return self.take(np.setdiff1d(np.arange(len(self)), self.inside(low, high)))

    def known(self) -> Curve:
        """Give the layers that have a value: what leaves others out says so in its words (`without`)."""
        return self.take(np.flatnonzero(np.isfinite(self.values)))

    def without(self) -> str:
        """Say which layers `known` leaves out, as the end of a name; empty where there are none."""
        missing = self.layers[~np.isfinite(self.values)]
        if not missing.size:
            return ""
        return f" (without layer {', '.join(map(str, missing))}, where it is undefined)"

    def take(self, positions: NDArray[np.intp], /) -> Curve:
        """Give the layers at `positions`."""
        return replace(
            self,
            values=self.values[positions],
            resamples=self.resamples[:, positions],
            depth=self.depth[positions],
            layers=self.layers[positions],
        )

    def map(self, function: Reduction, /) -> Curve:
        """Apply `function` over the layers, on all items and on each subsample; it may give other layers."""
        values = function(self.values[None])[0]
        n = len(values)
        drawn = function(self.resamples) if len(self.resamples) else np.empty((0, n))
        return replace(self, values=values, resamples=drawn, depth=self.depth[:n], layers=self.layers[:n])

    def beside(self, other: Curve, /) -> Curve:
        """Put the layers of another curve behind one's own, subsample by subsample."""
        n, n_samples, size = _in_common(self, other)
        return Curve(
            np.concatenate([self.values, other.values]),
            np.concatenate([self.resamples[:n], other.resamples[:n]], axis=1),
            np.concatenate([self.depth, other.depth]),
            np.concatenate([self.layers, other.layers]),
            n_samples,
            size,
        )

    def reduce(self, function: Reduction, /) -> Quantity:
        """Apply `function` over the layers (the last axis), on all items and on each subsample.

        Of no layers at all the number is NaN, which leaves open what is said of it.
        """
        if not len(self):
            return Quantity(math.nan, np.full(len(self.resamples), math.nan), self.n_samples, self.size)
        value = float(function(self.values[None])[0])
        each = function(self.resamples) if len(self.resamples) else np.empty(0)
        return Quantity(value, np.asarray(each, dtype=np.float64), self.n_samples, self.size)

    def minimum(self) -> Quantity:
        """Smallest value; undefined where a layer is, as the largest and the mean are (see `known`)."""
        return self.reduce(lambda rows: np.min(rows, axis=-1))

    def maximum(self) -> Quantity:
        """Largest value."""
        return self.reduce(lambda rows: np.max(rows, axis=-1))

    def mean(self) -> Quantity:
        """Mean over the layers."""
        return self.reduce(lambda rows: np.mean(rows, axis=-1))

    def range(self) -> Quantity:
        """Largest minus smallest value."""
        return self.maximum() - self.minimum()

    def at(self, position: int, /) -> Quantity:
        """Value at one position."""
        return self.reduce(lambda rows: rows[:, position])

    def nearest(self, depth: float, /) -> Quantity:
        """Value at the layer nearest to `depth`."""
        return self.at(int(np.abs(self.depth - depth).argmin()))

    def argmin(self) -> int:
        """Position of the smallest value, of those that there are."""
        if np.isnan(self.values).all():
            message = "No layer has a value, so that none has the smallest."
            raise InputError(message)
        return int(np.nanargmin(self.values))

    def __add__(self, other: Curve) -> Curve:
        """Sum of two curves over the same layers, subsample by subsample."""
        n, n_samples, size = _in_common(self, other)
        return replace(
            self,
            values=self.values + other.values,
            resamples=self.resamples[:n] + other.resamples[:n],
            n_samples=n_samples,
            size=size,
        )

    def __sub__(self, other: Curve) -> Curve:
        """Difference of two curves over the same layers, subsample by subsample."""
        return self + other * -1.0

    def __mul__(self, scale: float) -> Curve:
        """Multiply by a number."""
        return replace(self, values=self.values * scale, resamples=self.resamples * scale)


def _in_common(one: Quantity | Curve, other: Quantity | Curve) -> tuple[int, int, int]:
    """Give how many subsamples two numbers share, and the N and m of the one with fewer items, whose error is larger."""
    fewer = min(one, other, key=lambda each: each.n_samples)
    return min(len(one.resamples), len(other.resamples)), fewer.n_samples, fewer.size


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
    # Variables without their coordinates: a verdict reads many curves, and aligns nothing.
    (dimension,) = result.variables[axis].dims
    values = _read(result, measure, direction, (dimension,))
    name = f"{measure}_resamples"
    drawn = (
        _read(result, name, direction, ("resample", dimension))
        if name in result.variables
        else np.empty((0, len(values)))
    )
    n, size = _sizes(result)
    return Curve(
        values,
        drawn[_order(result, len(drawn))],
        np.asarray(result.variables[axis], dtype=np.float64),
        np.arange(len(values)) if dimension != "layer" else np.asarray(result.variables["layer"]),
        n,
        size,
    )


def cells(result: xr.Dataset, /, measure: str = "information_imbalance") -> Curve:
    """Read a matrix of texts, cell by cell: ``row * n_texts + column`` has Δ(row → column).

    Parameters
    ----------
    result : xarray.Dataset
        Of a comparison of kind ``matrix``.
    measure : str
        Name of the variable.

    Returns
    -------
    Curve
        Depths are 0: a matrix stands at one layer.
    """
    dimensions = ("text_a", "text_b")
    values = _read(result, measure, "a_to_b", dimensions).ravel()
    name = f"{measure}_resamples"
    drawn = np.empty((0, len(values)))
    if name in result.variables:
        drawn = _read(result, name, "a_to_b", ("resample", *dimensions)).reshape(-1, len(values))
    n, size = _sizes(result)
    return Curve(
        values, drawn[_order(result, len(drawn))], np.zeros(len(values)), np.arange(len(values)), n, size
    )


def number(result: xr.Dataset, name: str, /, **at: Hashable) -> Quantity:
    """Read one number of a variable, by the labels of its dimensions.

    Parameters
    ----------
    result : xarray.Dataset
    name : str
        Name of the variable; without ``<name>_resamples`` beside it the number has no interval.
    **at
        One label for each dimension of the variable.

    Returns
    -------
    Quantity
    """
    drawn = f"{name}_resamples"
    resamples = np.asarray(result[drawn].sel(at), np.float64) if drawn in result else np.empty(0)
    n, size = _sizes(result)
    return Quantity(float(result[name].sel(at)), resamples[_order(result, len(resamples))], n, size)


def _sizes(result: xr.Dataset) -> tuple[int, int]:
    """Give the items of a result, and those of a subsample."""
    n, fraction = int(result.attrs["n_samples"]), float(result.attrs["resample_fraction"])
    return n, max(2, round(fraction * n))


def _read(
    result: xr.Dataset, name: str, direction: str | None, dimensions: tuple[Hashable, ...]
) -> NDArray[np.float64]:
    """Give one variable as an array, in one direction where it has any."""
    variable = result.variables[name]
    if direction is not None and "direction" in variable.dims:
        variable = variable.isel(direction=list(result.variables["direction"].values).index(direction))
    return np.asarray(variable.transpose(*dimensions), dtype=np.float64)


def mean_of_directions(
    result: xr.Dataset, /, measure: str = "information_imbalance", *, axis: str = "relative_depth_a"
) -> Curve:
    """Mean of both directions of a directed measure, along the layers."""
    forward = curve(result, measure, direction="a_to_b", axis=axis)
    return (forward + curve(result, measure, direction="b_to_a", axis=axis)) * 0.5


def _order(result: xr.Dataset, n_resamples: int) -> NDArray[np.intp]:
    """Give the order in which the subsamples of a result are read: one for all results of the same items."""
    seed, n = result.attrs.get("seed"), result.attrs["n_samples"]
    key = str(result.attrs.get("subsamples", f"{n}/{result.attrs['resample_fraction']}/{seed}"))
    return np.random.default_rng(zlib.crc32(key.encode())).permutation(n_resamples)
