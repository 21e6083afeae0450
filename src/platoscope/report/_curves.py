"""What the figure functions share: reading curves out of labelled results and drawing them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from platoscope.errors import InputError
from platoscope.measures import Z95, standard_errors
from platoscope.report.style import (
    CHANCE_COLOR,
    DIRECTION_STYLES,
    REGION_COLOR,
    condition_colors,
    new_axes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = [
    "MEASURE_LABELS",
    "Curve",
    "Depth",
    "Results",
    "Side",
    "add_legend",
    "begin",
    "depth",
    "direction_label",
    "draw_chance",
    "draw_curve",
    "ensure_axes",
    "label_depth",
    "label_ticks",
    "legend_above",
    "of_measure",
    "read_curve",
    "read_null",
    "shade_layers",
    "shared_direction_label",
]

Results = "xr.Dataset | Mapping[str, xr.Dataset]"
"""One labelled result, or several by the name of their condition."""

Depth = Literal["relative_depth", "layer"]
"""What stands on the horizontal axis: layer / number of blocks, or the index of the layer."""

Side = Literal["a", "b"]
"""Whose layers stand on the horizontal axis."""

MEASURE_LABELS = {
    "information_imbalance": "information imbalance Δ",
    "neighborhood_overlap": "neighborhood overlap",
    "cka_biased": "CKA (biased)",
    "cka_debiased": "CKA (debiased)",
    "cknna": "CKNNA",
    "rsa": "RSA",
    "retrieval": "recall",
    "asymmetry": "asymmetry δ",
}
"""How the axes and legends name a measure; one without an entry shows its own name."""


@dataclass(frozen=True)
class Curve:
    """One line with its interval band.

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


def begin(
    results: xr.Dataset | Mapping[str, xr.Dataset], ax: Axes | None, /
) -> tuple[dict[str, xr.Dataset], Axes, dict[str, str]]:
    """Return results by name (a single one gets the empty name), the Axes, and the color of each name."""
    import xarray as xr

    datasets = {"": results} if isinstance(results, xr.Dataset) else dict(results)
    if not datasets:
        message = "a figure needs at least one result, got an empty mapping"
        raise InputError(message)
    return datasets, ensure_axes(ax), condition_colors(list(datasets))


def ensure_axes(ax: Axes | None, /) -> Axes:
    """Return `ax`, or the Axes of a new single-column figure."""
    return new_axes() if ax is None else ax


def read_curve(
    dataset: xr.Dataset,
    variable: str,
    /,
    *,
    x: np.ndarray,
    direction: str | None = None,
    **selection: Any,
) -> Curve:
    """Read `variable` with its interval; ``direction="mean"`` averages both directions.

    The average has an interval only where the result kept its resamples: both directions of one
    subsample belong together, so the interval cannot be had from the two separate ones.
    """
    if variable not in dataset:
        held = ", ".join(sorted(str(name) for name in dataset.data_vars))
        message = f"this figure draws the variable {variable!r}, but the result holds: {held}"
        raise InputError(message)

    def read(name: str) -> np.ndarray | None:
        if name not in dataset:
            return None
        array = dataset[name].sel(selection) if selection else dataset[name]
        if "direction" in array.dims:
            array = array.mean("direction") if direction == "mean" else array.sel(direction=direction)
        return np.asarray(array.values, dtype=np.float64)

    order = np.argsort(x, kind="stable")
    values = read(variable)
    assert values is not None
    if direction == "mean" and "direction" in dataset[variable].dims:
        low, high = _mean_interval(dataset, variable, values, selection)
    else:
        low, high = read(f"{variable}_low"), read(f"{variable}_high")
    return Curve(
        x[order],
        values[order],
        None if low is None else low[order],
        None if high is None else high[order],
    )


def read_null(dataset: xr.Dataset, variable: str, /, *, x: np.ndarray, direction: str) -> Curve:
    """Read the mean of a null with two standard deviations of its permutations to both sides."""
    curve = read_curve(dataset, variable, x=x, direction=direction)
    if f"{variable}_sd" not in dataset:
        return curve
    spread = 2 * read_curve(dataset, f"{variable}_sd", x=x, direction=direction).values
    return Curve(curve.x, curve.values, curve.values - spread, curve.values + spread)


def _mean_interval(
    dataset: xr.Dataset, variable: str, values: np.ndarray, selection: dict[str, Any], /
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Interval of the mean of both directions, from resamples that are paired between them."""
    name = f"{variable}_resamples"
    if name not in dataset:
        return None, None
    n_samples, fraction = int(dataset.attrs["n_samples"]), float(dataset.attrs["resample_fraction"])
    array = dataset[name].sel(selection) if selection else dataset[name]
    means = array.mean("direction").transpose("resample", ...).values
    half = Z95 * standard_errors(means, n_samples=n_samples, size=round(fraction * n_samples))
    return values - half, values + half


def depth(dataset: xr.Dataset, /, *, x: Depth = "relative_depth", side: Side = "a") -> np.ndarray:
    """Return the horizontal coordinate of a profile: relative depth or index of the layers of one side."""
    name = f"{x}_{side}"
    if name not in dataset.coords:
        held = ", ".join(sorted(str(coord) for coord in dataset.coords))
        message = f"a profile over {x} needs the coordinate {name!r}, but the result has: {held}"
        raise InputError(message)
    return np.asarray(dataset[name].values, dtype=np.float64)


def direction_label(dataset: xr.Dataset, direction: str, /) -> str:
    """Name a direction by the sides it joins: ``"en → it"``."""
    a = str(dataset.attrs.get("name_a", "A"))
    b = str(dataset.attrs.get("name_b", "B"))
    return {"a_to_b": f"{a} → {b}", "b_to_a": f"{b} → {a}", "mean": "mean of both directions"}[direction]


def of_measure(measure: str, direction: str, /) -> str:
    """Name a direction of a measure: ``"Δ(en → it)"``, and for a measure without a letter ``"en → it"``."""
    return (
        f"Δ({direction})" if measure.startswith("information_imbalance") and "→" in direction else direction
    )


def shared_direction_label(datasets: Sequence[xr.Dataset], direction: str, /) -> str:
    """Name a direction for several conditions: by the names that they share, "other" for one they do not."""
    if direction == "mean":
        return "mean of both directions"
    names = []
    for attribute, default in (("name_a", "A"), ("name_b", "B")):
        found = {str(dataset.attrs.get(attribute, default)) for dataset in datasets}
        names.append(found.pop() if len(found) == 1 else "other")
    a, b = ("A", "B") if names == ["other", "other"] else names
    return f"{a} → {b}" if direction == "a_to_b" else f"{b} → {a}"


def draw_curve(
    ax: Axes, curve: Curve, /, *, label: str, color: str, direction: str = "a_to_b", n_conditions: int = 1
) -> None:
    """Draw one curve and, where it has an interval, the band around it; bands of many conditions are faint."""
    # Where many lie over each other, each is fainter, so that lines stay visible.
    alpha = 0.2 if n_conditions <= 3 else 0.1
    if curve.low is not None and curve.high is not None:
        # No label: the legend names the line, and a band belongs to the line of its color.
        ax.fill_between(curve.x, curve.low, curve.high, color=color, alpha=alpha, linewidth=0)
    ax.plot(
        curve.x,
        curve.values,
        color=color,
        linestyle=DIRECTION_STYLES.get(direction, "-"),
        label=label,
    )


def label_depth(ax: Axes, x: Depth, /, *, name: str = "") -> None:
    """Label the horizontal axis, and let it end where the layers end."""
    what = "relative depth" if x == "relative_depth" else "layer"
    ax.set_xlabel(f"{what} ({name})" if name else what)
    if x == "relative_depth":
        ax.set_xlim(-0.02, 1.02)


def draw_chance(ax: Axes, measure: str, datasets: Mapping[str, xr.Dataset], /) -> None:
    """Draw the level of unrelated representations: 1 for Δ, k / (N − 1) for the neighborhood overlap."""
    levels = {
        float(dataset.attrs[f"{measure}_chance"])
        for dataset in datasets.values()
        if f"{measure}_chance" in dataset.attrs
    }
    if measure.startswith("information_imbalance"):
        levels = {1.0}
    for level in levels:
        ax.axhline(level, color=CHANCE_COLOR, linewidth=0.7, zorder=0)


def label_ticks(ax: Axes, values: np.ndarray, /) -> None:
    """Put a tick with its plain number at each of `values` of a logarithmic axis, as far as there is room."""
    chosen: list[float] = []
    for value in np.sort(np.asarray(values, dtype=np.float64)):
        # Labels of numbers nearer than a factor of 1.7 run into each other at the width of one column.
        if not chosen or value >= 1.7 * chosen[-1]:
            chosen.append(float(value))
    ax.set_xticks(chosen, labels=[f"{value:g}" for value in chosen])
    ax.set_xticks([], minor=True)


def legend_above(ax: Axes, /, *, handles: Sequence[Artist] | None = None) -> None:
    """Put the legend above the Axes, where it covers no data, in as many columns as its names allow.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where the legend goes.
    handles : sequence of matplotlib artists, optional
        Its entries; all labelled lines of `ax` by default.
    """
    shown = ax.get_legend_handles_labels()[0] if handles is None else list(handles)
    longest = max((len(str(handle.get_label())) for handle in shown), default=0)
    ncols = 1 if longest > 26 else 2 if longest > 13 else 3
    ax.legend(handles=shown, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=ncols, columnspacing=1.0)


def shade_layers(ax: Axes, x: np.ndarray, layers: Sequence[int], /) -> None:
    """Shade the positions `layers` of the points `x`, each to half the way to its neighbors."""
    if not len(layers):
        return
    edges = np.concatenate(([x[0]], (x[1:] + x[:-1]) / 2, [x[-1]]))
    chosen = np.zeros(len(x), dtype=bool)
    chosen[list(layers)] = True
    starts = np.flatnonzero(chosen & ~np.concatenate(([False], chosen[:-1])))
    ends = np.flatnonzero(chosen & ~np.concatenate((chosen[1:], [False])))
    for start, end in zip(starts, ends, strict=True):
        ax.axvspan(edges[start], edges[end + 1], color=REGION_COLOR, linewidth=0, zorder=0)


def add_legend(
    ax: Axes,
    /,
    *,
    conditions: Mapping[str, str],
    directions: Mapping[str, str],
    null: str | None = None,
    region: bool = False,
) -> None:
    """Explain colors (conditions) and line styles (directions) apart: entries add, they do not multiply.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where the legend goes.
    conditions : mapping of str to str
        Color by name; the empty name is a single condition that needs no entry.
    directions : mapping of str to str
        Label by direction; no entry where there is only one and conditions are named.
    null : str or None
        Label of the gray null, if it is drawn.
    region : bool
        Whether the semantic region is shaded.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    named = {label: color for label, color in conditions.items() if label}
    handles: list[Any] = [Line2D([], [], color=color, label=label) for label, color in named.items()]
    if len(directions) > 1 or not named:
        color = "black" if named else next(iter(conditions.values()))
        handles += [
            Line2D([], [], color=color, linestyle=DIRECTION_STYLES[direction], label=label)
            for direction, label in directions.items()
        ]
    if null is not None:
        handles.append(Line2D([], [], color=CHANCE_COLOR, linestyle=":", label=null))
    if region:
        handles.append(Patch(color=REGION_COLOR, linewidth=0, label="semantic region"))
    legend_above(ax, handles=handles)
