"""Several models or checkpoints: one table of all with all, and layers over training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from platoscope.errors import InputError
from platoscope.report._axes import draw_curve, ensure_axes, legend_above
from platoscope.report._figure import figure_function
from platoscope.report._lines import Line, directions_of, read_line
from platoscope.report._names import as_text, direction_label, label, lowest_is_best
from platoscope.report.maps import draw_scale
from platoscope.report.style import ordered_colors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["plot_models", "plot_trajectory"]


@figure_function
def plot_models(
    result: xr.Dataset,
    /,
    ax: Axes | None = None,
    *,
    at: Literal["best"] | float = "best",
    limits: tuple[float, float] | None = None,
) -> Axes:
    """Draw a heat map of models: row A, column B is the measure from A to B.

    Parameters
    ----------
    result : xarray.Dataset
        What `platoscope.layerwise.compare_many` returns.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    at : "best" or float, default: "best"
        At the best pair of layers of each two models, or at one of the relative depths of the result.
    limits : tuple of float, optional
        Ends of the color scale; the range of the data by default.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with the map (a ``QuadMesh``) and the value in each cell.

    Raises
    ------
    InputError
        Something else than such a result, or a depth that it has not.
    """
    if not {"model_a", "model_b"} <= set(result.dims):
        message = f"plot_models draws what platoscope.layerwise.compare_many returns; got {tuple(map(str, result.sizes))}"
        raise InputError(message)
    if at != "best" and at not in result["relative_depth"].values:
        known = ", ".join(f"{depth:g}" for depth in result["relative_depth"].values)
        message = f"at must be 'best' or a relative depth of the result ({known}); got {at!r}"
        raise InputError(message)
    ax = ensure_axes(ax)
    values = result["best"] if at == "best" else result["equal_depth"].sel(relative_depth=at)
    table = values.transpose("model_a", "model_b").values
    low, high = limits or (np.nanmin(table), np.nanmax(table))
    lowest = not values.attrs["higher_is_similar"]
    places = np.arange(len(table))
    ax.pcolormesh(
        places,
        places,
        table,
        shading="nearest",
        vmin=low,
        vmax=high,
        cmap="viridis" if lowest else "viridis_r",
    )
    names = [as_text(name) for name in result["model_a"].values]
    ax.set_xticks(places, labels=names, rotation=45, ha="right")
    ax.set_yticks(places, labels=names)
    ax.invert_yaxis()
    ax.set_xlabel("to B")
    ax.set_ylabel("from A")
    ax.set_title("best pair of layers" if at == "best" else f"at relative depth {at:g}")
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            share = (value - low) / (high - low) if high > low else 0.5
            dark = share < 0.5 if lowest else share > 0.5
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if dark else "black")
    draw_scale([ax], as_text(values.attrs["long_name"]))
    return ax


@figure_function
def plot_trajectory(
    result: xr.Dataset,
    /,
    ax: Axes | None = None,
    *,
    measure: str = "information_imbalance",
    direction: str = "a_to_b",
    layers: Sequence[int] | None = None,
) -> Axes:
    """Draw a measure over training: a map of steps and layers, or a line with its interval for each of some layers.

    Parameters
    ----------
    result : xarray.Dataset
        What `platoscope.layerwise.trajectory` returns.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    measure : str, default: "information_imbalance"
        The variable; of a gap such as ``"asymmetry"`` as well.
    direction : {"a_to_b", "b_to_a", "mean"}, default: "a_to_b"
        Which direction; ignored for a measure that has none.
    layers : sequence of int, optional
        Draw lines of these layers instead of the map of all.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with steps evenly on the horizontal axis, whatever their distance.

    Raises
    ------
    InputError
        Something else than a trajectory, a variable or a layer that it has not.
    """
    if not {"step", "layer"} <= set(result.dims):
        message = f"plot_trajectory draws what platoscope.layerwise.trajectory returns; got {tuple(map(str, result.sizes))}"
        raise InputError(message)
    known = result["layer"].values.tolist()
    wrong = [layer for layer in layers or () if layer not in known]
    if wrong:
        message = f"there is no layer {wrong[0]!r}; there are {', '.join(map(str, known))}"
        raise InputError(message)
    ax = ensure_axes(ax)
    places = np.arange(result.sizes["step"])
    of = [
        read_line(result.sel(layer=layer), measure, x=places, direction=direction)
        for layer in layers or known
    ]
    directed = directions_of(result, measure)
    name = direction_label(direction, result, of=measure) if directed else label(measure, result)
    if layers is None:
        _draw_map(ax, result, measure, of)
        ax.set_title(name if directed else "")
    else:
        for layer, curve, color in zip(layers, of, ordered_colors(len(layers)), strict=True):
            draw_curve(ax, curve, label=f"layer {layer}", color=color, n_conditions=len(layers))
        ax.set_ylabel(name)
        legend_above(ax)
    ax.set_xlabel("step")
    shown = places[:: max(1, len(places) // 6)]
    ax.set_xticks(shown, labels=[f"{step:,g}" for step in result["step"].values[shown]])
    return ax


def _draw_map(ax: Axes, result: xr.Dataset, measure: str, lines: Sequence[Line], /) -> None:
    table = np.stack([line.values for line in lines])
    ax.pcolormesh(
        lines[0].x,
        result["layer"].values,
        table,
        shading="nearest",
        cmap="viridis" if lowest_is_best(measure, result) else "viridis_r",
        rasterized=True,
    )
    ax.set_ylabel("layer")
    draw_scale([ax], label(measure, result))
