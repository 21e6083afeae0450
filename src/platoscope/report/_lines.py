"""Lines of labelled results: values in the order of an axis, with the interval that belongs to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from platoscope.checks import one_of, word
from platoscope.errors import InputError
from platoscope.measures import Z95, split_variable, standard_errors

if TYPE_CHECKING:
    import xarray as xr

    from platoscope.measures import SideName

__all__ = ["Depth", "Line", "depth", "directions_of", "held", "read_line", "read_null"]

Depth = Literal["relative_depth", "layer"]
"""What stands on the horizontal axis: layer / number of blocks, or the index of the layer."""


@dataclass(frozen=True)
class Line:
    """What is drawn as one line, with its interval band.

    Parameters
    ----------
    x, values : numpy.ndarray of shape (n,)
        The points, in the order of `x`.
    low, high : numpy.ndarray of shape (n,) or None
        The interval, or None where the result carries none.
    """

    x: np.ndarray
    values: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None

    def one_minus(self) -> Line:
        """Turn a distance into a similarity; the ends of the interval change places."""
        low = None if self.high is None else 1.0 - self.high
        high = None if self.low is None else 1.0 - self.low
        return Line(self.x, 1.0 - self.values, low, high)


def read_line(dataset: xr.Dataset, variable: str, /, *, x: np.ndarray, direction: str | None = None) -> Line:
    """Read `variable` with its interval; ``direction="mean"`` averages both directions.

    The average has an interval only where the result kept its resamples: both directions of one
    subsample belong together, so the interval cannot be had from the two separate ones.
    """
    if word("variable", variable) not in dataset:
        message = f"this figure draws the variable {variable!r}, but the result holds: {held(dataset)}"
        raise InputError(message)
    if "direction" in dataset[variable].dims:
        one_of("direction", direction, ("a_to_b", "b_to_a", "mean"))

    def read(name: str) -> np.ndarray | None:
        if name not in dataset:
            return None
        array = dataset[name]
        if "direction" in array.dims:
            array = array.mean("direction") if direction == "mean" else array.sel(direction=direction)
        return np.asarray(array.values, dtype=np.float64)

    order = np.argsort(x, kind="stable")
    values = read(variable)
    assert values is not None
    if direction == "mean" and "direction" in dataset[variable].dims:
        low, high = _mean_interval(dataset, variable, values)
    else:
        low, high = read(f"{variable}_low"), read(f"{variable}_high")
    return Line(
        x[order],
        values[order],
        None if low is None else low[order],
        None if high is None else high[order],
    )


def held(dataset: xr.Dataset, /) -> str:
    """List what a result holds, without the intervals and nulls that belong to it."""
    return ", ".join(sorted(name for name in map(str, dataset.data_vars) if not split_variable(name)[1]))


def _mean_interval(
    dataset: xr.Dataset, variable: str, values: np.ndarray, /
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Interval of the mean of both directions, from resamples that are paired between them."""
    name = f"{variable}_resamples"
    if name not in dataset:
        return None, None
    n_samples, fraction = int(dataset.attrs["n_samples"]), float(dataset.attrs["resample_fraction"])
    means = dataset[name].mean("direction").transpose("resample", ...).values
    half = Z95 * standard_errors(means, n_samples=n_samples, size=round(fraction * n_samples))
    return values - half, values + half


def read_null(dataset: xr.Dataset, variable: str, /, *, x: np.ndarray, direction: str) -> Line:
    """Read the mean of a null with two standard deviations of its permutations to both sides."""
    curve = read_line(dataset, variable, x=x, direction=direction)
    if f"{variable}_sd" not in dataset:
        return curve
    spread = 2 * read_line(dataset, f"{variable}_sd", x=x, direction=direction).values
    return Line(curve.x, curve.values, curve.values - spread, curve.values + spread)


def depth(dataset: xr.Dataset, /, *, x: Depth = "relative_depth", side: SideName = "a") -> np.ndarray:
    """Return the horizontal coordinate of a profile: relative depth or index of the layers of one side."""
    if {"layer_a", "layer_b"} <= set(dataset.dims):
        message = (
            "this figure draws a profile, and the result is a grid of every layer with every layer. Draw it with "
            "platoscope.plot_grid, or take a profile out of it with platoscope.layerwise.take_profile."
        )
        raise InputError(message)
    one_of("x", x, ("relative_depth", "layer"))
    one_of("side", side, ("a", "b"))
    name = f"{x}_{side}"
    if name not in dataset.coords:
        coordinates = ", ".join(sorted(str(coord) for coord in dataset.coords))
        message = f"a profile over {x} needs the coordinate {name!r}, but the result has: {coordinates}"
        raise InputError(message)
    return np.asarray(dataset[name].values, dtype=np.float64)


def directions_of(dataset: xr.Dataset, variable: str, /) -> tuple[str, ...]:
    """Return both directions of a variable that has them; nothing for another, or for one that is not there."""
    directed = word("variable", variable) in dataset and "direction" in dataset[variable].dims
    return ("a_to_b", "b_to_a") if directed else ()
