"""One picture of one comparison: a profile beside its asymmetry, both directions of a grid, or all spaces."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from platoscope.report.panels import draw_panel
from platoscope.report.profiles import plot_asymmetry, plot_profile
from platoscope.report.spaces import draw_spaces
from platoscope.report.style import DOUBLE_COLUMN, PANEL_HEIGHT, SINGLE_COLUMN, figure_style
from platoscope.studies.design.records import Panel

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["draw_comparison"]


def draw_comparison(result: xr.Dataset, /) -> Figure:
    """Return a figure of what `profile`, `compare` or `compare_spaces` returned: of its first measure.

    Parameters
    ----------
    result : xarray.Dataset
        With the attribute ``measures``.

    Returns
    -------
    matplotlib.figure.Figure
        A figure that belongs to no window.
    """
    from matplotlib.figure import Figure

    measure = json.loads(result.attrs["measures"])[0]
    if "space" in result.dims:
        return draw_spaces(result)
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
