"""What each layer adds to what is given, with the gain that chance reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.errors import InputError
from platoscope.report._axes import add_legend, begin, draw_curve, label_depth, mark_sure
from platoscope.report._figure import figure_function
from platoscope.report._lines import depth, held, read_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from platoscope.report._lines import Depth

__all__ = ["plot_gain"]

_NULL = "95 % of shuffled"


@figure_function
def plot_gain(
    results: xr.Dataset | Mapping[str, xr.Dataset],
    /,
    ax: Axes | None = None,
    *,
    x: Depth = "relative_depth",
) -> Axes:
    """Draw the imbalance gain over the layers, its interval, and a dotted line at the 95 % point of its null.

    A filled point marks a layer whose p-value, adjusted for looking at all of them, is at most 0.05.

    Parameters
    ----------
    results : xarray.Dataset or mapping of str to xarray.Dataset
        What `platoscope.layerwise.gain_profile` returns, one or several by name.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    x : {"relative_depth", "layer"}, default: "relative_depth"
        What stands on the horizontal axis.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with a line per result.

    Raises
    ------
    InputError
        If a result has no gain; the message lists what it has.
    """
    datasets, ax, colors = begin(results, ax)
    tested: list[Artist] = []
    for name, given in datasets.items():
        if "gain" not in given:
            message = (
                f"a result has no gain; it has {held(given)}. platoscope.layerwise.gain_profile gives one."
            )
            raise InputError(message)
        dataset = given if "relative_depth_a" in given.coords else _named(given)
        positions = depth(dataset, x=x)
        line = read_line(dataset, "gain", x=positions)
        draw_curve(ax, line, label=name or "gain", color=colors[name], n_conditions=len(datasets))
        if "gain_threshold" in dataset:
            limit, adjusted = dataset["gain_threshold"].values, dataset["gain_p_adjusted"].values
            ax.plot(positions, limit, color=colors[name], linestyle=":", linewidth=1.0, label="_chance")
            tested = [mark_sure(ax, positions, line.values, adjusted, colors[name])]
    label_depth(ax, x, results=datasets.values())
    ax.set_ylabel("imbalance gain")
    ax.set_ylim(bottom=0)
    if tested or any(datasets):
        null = _NULL if tested else None
        add_legend(ax, conditions=colors, directions={}, null=null, more=tested)
    return ax


def _named(result: xr.Dataset) -> xr.Dataset:
    """Give the coordinates of a profile to a result that was not computed in a run."""
    return result.assign_coords(
        layer_a=("layer", result["layer"].values), relative_depth_a=("layer", result["relative_depth"].values)
    )
