"""Δ inside groups and across them, and by the size of the neighborhood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from platoscope.arguments import labeled
from platoscope.checks import one_of
from platoscope.errors import InputError
from platoscope.report._axes import ensure_axes, label_ticks, legend_above
from platoscope.report._figure import figure_function
from platoscope.report._lines import held
from platoscope.report.style import CHANCE_COLOR, COLORS, ordered_colors

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["plot_scales"]

_LINES: Final = (
    ("information_imbalance", "among all"),
    ("between", "among other groups"),
    ("within", "inside groups"),
    ("within_shuffled", "inside random groups"),
)
_SHOWN_LAYERS: Final = 5


@figure_function
def plot_scales(
    dataset: xr.Dataset, /, ax: Axes | None = None, *, over: Literal["layer", "n_neighbors"] = "layer"
) -> Axes:
    """Draw Δ inside groups, across them and among all by layer, or its excess over the neighborhood size.

    Parameters
    ----------
    dataset : xarray.Dataset
        A comparison of kind ``scales``; with ``over="n_neighbors"`` also what `platoscope.layerwise.scale_profile` returns.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    over : {"layer", "n_neighbors"}, default: "layer"
        What stands on the horizontal axis. Over the neighborhood size five layers are drawn, from first to last.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with one line per set of candidates, or per layer; means of both directions.

    Raises
    ------
    InputError
        If the result has not these variables.
    """
    labeled("dataset", dataset)
    one_of("over", over, ("layer", "n_neighbors"))
    wanted = [name for name, _ in _LINES] if over == "layer" else ["excess"]
    missing = [name for name in wanted if name not in dataset]
    if missing:
        message = f"a picture of scales needs {', '.join(missing)}; the result holds {held(dataset)}."
        if over == "layer" and "excess" in dataset:
            message += " It can be drawn with over='n_neighbors'."
        raise InputError(message)
    ax = ensure_axes(ax)
    if over == "layer":
        _draw_groups(ax, dataset)
    else:
        _draw_sizes(ax, dataset)
    ax.axhline(1.0, color=CHANCE_COLOR, linewidth=0.8, linestyle="--", zorder=0)
    legend_above(ax)
    return ax


def _draw_groups(ax: Axes, dataset: xr.Dataset) -> None:
    depth = "relative_depth" if "relative_depth" in dataset.coords else "relative_depth_a"
    for (name, words), color in zip(_LINES, COLORS, strict=False):
        values = dataset[name].mean("direction").values
        dashed = "--" if name == "within_shuffled" else "-"
        ax.plot(dataset[depth].values, values, color=color, linestyle=dashed, label=words)
    ax.set_xlabel("relative depth")
    ax.set_ylabel("Δ")


def _draw_sizes(ax: Axes, dataset: xr.Dataset) -> None:
    n_layers = dataset.sizes["layer"]
    chosen = np.unique(np.linspace(0, n_layers - 1, min(_SHOWN_LAYERS, n_layers)).round().astype(int))
    excess = dataset["excess"].mean("direction").transpose("layer", "n_neighbors").values
    for position, color in zip(chosen, ordered_colors(len(chosen)), strict=True):
        layer = dataset["layer"].values[position]
        ax.plot(dataset["n_neighbors"].values, excess[position], color=color, label=f"layer {layer}")
    ax.set_xscale("log")
    sizes = np.outer(10.0 ** np.arange(7), (1, 2, 5)).ravel()
    label_ticks(ax, sizes[sizes <= dataset["n_neighbors"].values.max()])
    ax.set_xlabel("neighbors k")
    ax.set_ylabel("excess of Δ over (k + 1)/N")
