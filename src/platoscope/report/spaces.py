"""What the space does: one comparison under several preparations of the rows, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from platoscope.arguments import labeled
from platoscope.checks import word
from platoscope.report._figure import figure_function
from platoscope.report.profiles import plot_asymmetry, plot_profile
from platoscope.report.style import DOUBLE_COLUMN, PANEL_HEIGHT, figure_style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from platoscope.measures import SideName
    from platoscope.report._lines import Depth

__all__ = ["draw_spaces", "plot_spaces"]

_NAMES: Final = {
    "none": "rows as they are",
    "unit": "unit length",
    "clip": "clipped",
    "zscore": "z-score",
    "zscore + unit": "z-score, unit length",
}


@figure_function
def plot_spaces(
    result: xr.Dataset,
    /,
    ax: Axes | None = None,
    *,
    variable: Literal["information_imbalance", "asymmetry"] = "information_imbalance",
    x: Depth = "relative_depth",
    side: SideName = "a",
) -> Axes:
    """Draw Δ, or its asymmetry δ, over the layers in every space; color is the preparation of the rows.

    Parameters
    ----------
    result : xarray.Dataset
        What `platoscope.layerwise.compare_spaces` returns.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    variable : {"information_imbalance", "asymmetry"}, default: "information_imbalance"
        Both directions of Δ, or δ.
    x : {"relative_depth", "layer"}, default: "relative_depth"
        What stands on the horizontal axis.
    side : {"a", "b"}, default: "a"
        Whose layers stand there.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with a line per space, and per direction of Δ.

    Raises
    ------
    InputError
        A result without the dimension ``space``, or without the variable.
    """
    labeled("result", result, over=("space",), made_by="platoscope.layerwise.compare_spaces")
    spaces = map(str, result["space"].values)
    by_name = {_NAMES.get(space, space): result.sel(space=space) for space in spaces}
    if word("variable", variable) == "asymmetry":
        return plot_asymmetry(by_name, ax, x=x, side=side)
    return plot_profile(by_name, ax, measure=variable, x=x, side=side, null=False)


def draw_spaces(result: xr.Dataset, /) -> Figure:
    """Return a figure with Δ and δ in every space beside each other."""
    from matplotlib.figure import Figure

    labeled("result", result)
    with figure_style():
        figure = Figure(figsize=(DOUBLE_COLUMN, PANEL_HEIGHT), layout="constrained")
        left, right = figure.subplots(1, 2)
        plot_spaces(result, left)
        plot_spaces(result, right, variable="asymmetry")
    return figure
