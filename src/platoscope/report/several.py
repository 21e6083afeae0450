"""Several models or checkpoints: one table of all with all, and layers over training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from platoscope.arguments import labeled
from platoscope.checks import flag, listing, number, one_of, word
from platoscope.errors import InputError
from platoscope.layerwise import DIRECTIONS
from platoscope.report._axes import draw_curve, ensure_axes, layer_names, legend_above, name_layers
from platoscope.report._figure import figure_function
from platoscope.report._lines import Line, directions_of, read_line
from platoscope.report._names import as_text, direction_label, label, lowest_is_best
from platoscope.report.maps import draw_scale, ends_of_scale
from platoscope.report.profiles import plot_profile
from platoscope.report.style import ordered_colors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["plot_model_depths", "plot_models", "plot_trajectory"]


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
    _require_models(result)
    if not isinstance(at, str):
        number("at", at)
    if at != "best" and at not in result["relative_depth"].values:
        known = ", ".join(f"{depth:g}" for depth in result["relative_depth"].values)
        message = f"at must be 'best' or a relative depth of the result ({known}); got {at!r}"
        raise InputError(message)
    ax = ensure_axes(ax)
    values = result["best"] if at == "best" else result["equal_depth"].sel(relative_depth=at)
    table = values.transpose("model_a", "model_b").values
    low, high = (np.nanmin(table), np.nanmax(table)) if limits is None else ends_of_scale(limits)
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
def plot_model_depths(
    result: xr.Dataset,
    /,
    ax: Axes | None = None,
    *,
    beside: str | None = None,
    directions: Sequence[str] = DIRECTIONS,
) -> Axes:
    """Draw a measure between one model and each other one over relative depth, at equal depth in both.

    Parameters
    ----------
    result : xarray.Dataset
        What `platoscope.layerwise.compare_many` returns.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    beside : str, optional
        The one model; the first by default.
    directions : sequence of {"a_to_b", "b_to_a", "mean"}, default: both
        From the one model to another, from the others to it; ignored for a measure that has none.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with a color for each other model and a line style for each direction.

    Raises
    ------
    InputError
        Something else than such a result, or a model that it has not.
    """
    import xarray as xr

    _require_models(result)
    names = [str(name) for name in result["model_a"].values]
    one = names[0] if beside is None else word("beside", beside)
    one_of("beside", one, names)
    measure, values = str(result.attrs["measure"]), result["equal_depth"]
    lines = {
        other: np.stack([values.sel(model_a=a, model_b=b).values for a, b in ((one, other), (other, one))])
        for other in names
        if other != one
    }
    depths = result["relative_depth"].values
    directed = bool(values.attrs["directed"])
    dims = ("direction", "layer") if directed else ("layer",)
    coordinates = {"direction": list(DIRECTIONS)} if directed else {}
    profiles = {
        other: xr.Dataset(
            {measure: (dims, line if directed else line[0], values.attrs)},
            {**coordinates, "layer": np.arange(len(depths)), "relative_depth_a": ("layer", depths)},
            {**result.attrs, "name_a": one, "name_b": other},
        )
        for other, line in lines.items()
    }
    return plot_profile(profiles, ensure_axes(ax), measure=measure, directions=directions)


def _require_models(result: xr.Dataset, /) -> None:
    dimensions = ("model_a", "model_b", "relative_depth")
    labeled("result", result, over=dimensions, made_by="platoscope.layerwise.compare_many")


@figure_function
def plot_trajectory(
    result: xr.Dataset,
    /,
    ax: Axes | None = None,
    *,
    measure: str = "information_imbalance",
    direction: str = "a_to_b",
    layers: Sequence[int] | None = None,
    limits: tuple[float, float] | None = None,
    colorbar: bool = True,
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
    limits : tuple of float, optional
        Ends of the color scale of the map; give the same to both directions to make them comparable. The range of the data
        by default.
    colorbar : bool, default: True
        Draw the color scale beside the map.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with steps evenly on the horizontal axis, whatever their distance.

    Raises
    ------
    InputError
        Something else than a trajectory, a variable or a layer that it has not.
    """
    flag("colorbar", colorbar)
    ends = None if limits is None else ends_of_scale(limits)
    labeled("result", result, over=("step", "layer"), made_by="platoscope.layerwise.trajectory")
    known = result["layer"].values.tolist()
    chosen = known if layers is None else listing("layers", layers, of="layers")
    for layer in chosen:
        if number("each of layers", layer) not in known:
            message = f"there is no layer {layer!r}; there are {', '.join(map(str, known))}"
            raise InputError(message)
    ax = ensure_axes(ax)
    places = np.arange(result.sizes["step"])
    of = [read_line(result.sel(layer=layer), measure, x=places, direction=direction) for layer in chosen]
    directed = directions_of(result, measure)
    name = direction_label(direction, result, of=measure) if directed else label(measure, result)
    named = layer_names(result, "a") or list(map(str, known))
    if layers is None:
        _draw_map(ax, result, measure, of, ends)
        ax.set_title(name if directed else "")
        if colorbar:
            draw_scale([ax], label(measure, result))
    else:
        for layer, curve, color in zip(chosen, of, ordered_colors(len(chosen)), strict=True):
            called = f"layer {named[known.index(layer)]}"
            draw_curve(ax, curve, label=called, color=color, n_conditions=len(chosen))
        ax.set_ylabel(name)
        legend_above(ax)
    ax.set_xlabel("step")
    shown = places[:: max(1, len(places) // 6)]
    ax.set_xticks(shown, labels=[f"{step:,g}" for step in result["step"].values[shown]])
    return ax


def _draw_map(
    ax: Axes,
    result: xr.Dataset,
    measure: str,
    lines: Sequence[Line],
    ends: tuple[float, float] | None,
    /,
) -> None:
    table = np.stack([line.values for line in lines])
    low, high = ends or (None, None)
    ax.pcolormesh(
        lines[0].x,
        result["layer"].values,
        table,
        shading="nearest",
        cmap="viridis" if lowest_is_best(measure, result) else "viridis_r",
        vmin=low,
        vmax=high,
        rasterized=True,
    )
    ax.set_ylabel("layer")
    names = layer_names(result, "a")
    if names is not None:
        name_layers(ax.yaxis, result["layer"].values, names)
