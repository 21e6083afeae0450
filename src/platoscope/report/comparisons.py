"""One picture of one result: a profile beside its asymmetry, both directions of a grid, all spaces, models or steps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from platoscope.arguments import labeled
from platoscope.errors import guarded
from platoscope.layerwise import DIRECTIONS
from platoscope.report._names import label
from platoscope.report.maps import draw_scale
from platoscope.report.panels import draw_panel
from platoscope.report.profiles import plot_asymmetry, plot_profile
from platoscope.report.several import plot_model_depths, plot_models, plot_trajectory
from platoscope.report.spaces import draw_spaces
from platoscope.report.style import DOUBLE_COLUMN, PANEL_HEIGHT, SINGLE_COLUMN, figure_style
from platoscope.studies.design.records import Panel

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["draw_comparison"]


def draw_comparison(result: xr.Dataset, /) -> Figure:
    """Return a figure of what `profile`, `compare`, `compare_spaces`, `compare_many` or `trajectory` returned.

    Parameters
    ----------
    result : xarray.Dataset
        Of which the first measure is drawn: a profile beside its asymmetry, both directions of a grid or of a trajectory,
        models over relative depth beside the map of all with all.

    Returns
    -------
    matplotlib.figure.Figure
        A figure that belongs to no window.

    Raises
    ------
    InputError
        Something else than such a result.
    """
    from matplotlib.figure import Figure

    labeled("result", result)
    if "model_a" in result.dims:
        return _draw_models(result)
    measure = _first_measure(result)
    if "space" in result.dims:
        return draw_spaces(result)
    if "step" in result.dims:
        return _draw_steps(result, measure)
    is_grid = {"layer_a", "layer_b"} <= set(result.sizes)
    gap = "asymmetry" in result and not is_grid
    wide = gap or (is_grid and "direction" in result[measure].dims)
    with figure_style():
        figure = Figure(
            figsize=(DOUBLE_COLUMN if wide else SINGLE_COLUMN, PANEL_HEIGHT), layout="constrained"
        )
        if is_grid:
            draw_panel(
                figure,
                Panel(kind="grid", labels=("result",), title="comparison", options={"measure": measure}),
                {"result": result},
            )
        elif gap:
            left, right = figure.subplots(1, 2)
            plot_profile(result, left, measure=measure)
            plot_asymmetry(result, right)
        else:
            plot_profile(result, figure.subplots(), measure=measure)
    return figure


def _first_measure(result: xr.Dataset, /) -> str:
    with guarded("result does not say its measures", "Give what profile, compare and their like return."):
        return str(json.loads(result.attrs["measures"])[0])


def _draw_models(result: xr.Dataset, /) -> Figure:
    """Draw the first model beside each other one, over relative depth, and the best of every two."""
    from matplotlib.figure import Figure

    with figure_style():
        figure = Figure(figsize=(DOUBLE_COLUMN, PANEL_HEIGHT), layout="constrained")
        left, right = figure.subplots(1, 2)
        plot_model_depths(result, left)
        plot_models(result, right)
    return figure


def _draw_steps(result: xr.Dataset, measure: str, /) -> Figure:
    """Draw maps of steps and layers, one for each direction and both on one scale."""
    from matplotlib.figure import Figure

    directed = "direction" in result[measure].dims
    with figure_style():
        width = DOUBLE_COLUMN if directed else SINGLE_COLUMN
        figure = Figure(figsize=(width, PANEL_HEIGHT), layout="constrained")
        axes = figure.subplots(1, 2 if directed else 1, squeeze=False)[0]
        values = result[measure].values
        limits = (float(np.nanmin(values)), float(np.nanmax(values)))
        for ax, direction in zip(axes, DIRECTIONS, strict=False):
            plot_trajectory(result, ax, measure=measure, direction=direction, limits=limits, colorbar=False)
            if ax is not axes[0]:
                ax.set_ylabel("")
        draw_scale(list(axes), label(measure, result))
    return figure
