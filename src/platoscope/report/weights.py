"""Weights over layers, and what layers together give on held-out items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from platoscope.checks import one_of
from platoscope.errors import InputError
from platoscope.report._axes import add_legend, begin, label_depth
from platoscope.report._figure import figure_function
from platoscope.report._lines import depth, held

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["plot_weights"]


@figure_function
def plot_weights(
    results: xr.Dataset | Mapping[str, xr.Dataset],
    /,
    ax: Axes | None = None,
    *,
    show: Literal["share", "held_out"] = "share",
) -> Axes:
    """Draw how much each layer counts where layers together predict a target, or what that gives on held-out items.

    Parameters
    ----------
    results : xarray.Dataset or mapping of str to xarray.Dataset
        What `platoscope.layerwise.weigh_layers` returns, one or several by name.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    show : {"share", "held_out"}, default: "share"
        The part of each layer in the mean squared distance: a stem to its mean over folds, and a thin line from its
        smallest to its largest; or Δ on held-out items of the best single layer (1), of the sets of more that a greedy
        search found, of all layers alike and of the weighted ones, with 95 % intervals.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with one color per result.

    Raises
    ------
    InputError
        If a result has no weights; the message lists what it has.
    """
    one_of("show", show, ("share", "held_out"))
    datasets, ax, colors = begin(results, ax)
    for dataset in datasets.values():
        if "share" not in dataset or "candidate" not in dataset.dims:
            message = (
                f"a result has no weights of layers; it has {held(dataset)}. "
                "platoscope.layerwise.weigh_layers gives them."
            )
            raise InputError(message)
        more = [str(name) for name in dataset["share"].dims if name not in ("fold", "layer")]
        if more:
            message = (
                f"a picture of weights needs one result at a time; this one is over {', '.join(more)} as well. Take one of "
                f"it, as result.sel({more[0]}={dataset[more[0]].values[0]})."
            )
            raise InputError(message)
    draw = _draw_shares if show == "share" else _draw_held_out
    draw(ax, datasets, colors)
    ax.set_ylim(bottom=0)
    if any(datasets):
        add_legend(ax, conditions=colors, directions={})
    return ax


def _draw_shares(ax: Axes, datasets: Mapping[str, xr.Dataset], colors: Mapping[str, str]) -> None:
    named = [_named(dataset) for dataset in datasets.values()]
    for dataset, color, place in zip(named, colors.values(), _places(len(named)), strict=True):
        x = depth(dataset)
        x = x + place * 0.4 * float(np.diff(np.unique(x)).min(initial=1.0))
        share = dataset["share"].transpose("fold", "layer").values
        ax.vlines(x, 0, share.mean(axis=0), color=color, linewidth=1.2)
        ax.vlines(x, share.min(axis=0), share.max(axis=0), color=color, linewidth=0.5)
        ax.plot(x, share.mean(axis=0), "o", color=color, markersize=2.5)
    label_depth(ax, "relative_depth", results=named)
    ax.set_ylabel("share of the layer")


def _draw_held_out(ax: Axes, datasets: Mapping[str, xr.Dataset], colors: Mapping[str, str]) -> None:
    every = [_held_out(dataset) for dataset in datasets.values()]
    sizes = sorted({name for found in every for name in found if name.isdigit()}, key=int)
    names = [*sizes, "all", "weighted"]
    for found, color, place in zip(every, colors.values(), _places(len(every)), strict=True):
        x = np.array([names.index(name) for name in found]) + place * 0.3
        values, half = np.array(list(found.values())).T
        ax.errorbar(x, values, yerr=half, color=color, fmt="o", markersize=3, linewidth=1.0)
    ax.set_xticks(range(len(names)), labels=names)
    ax.set_xlabel("layers together")
    ax.set_ylabel("Δ on held-out items")


def _held_out(dataset: xr.Dataset) -> dict[str, tuple[float, float]]:
    """Return Δ and half its interval (NaN where there is none) by the name of what is drawn."""
    candidates = {"1": "best_single", "all": "equal", "weighted": "weighted"}
    at = {name: ("information_imbalance", {"candidate": label}) for name, label in candidates.items()}
    for size in dataset["size"].values[1:].tolist() if "greedy" in dataset else ():
        at[str(size)] = "greedy", {"size": size}
    found = {}
    for name, (variable, where) in at.items():
        value = float(dataset[variable].sel(where))
        high = f"{variable}_high"
        found[name] = value, float(dataset[high].sel(where)) - value if high in dataset else float("nan")
    return found


def _places(n: int) -> list[float]:
    """Return where results stand beside each other, around 0."""
    return [i / (n - 1) - 0.5 if n > 1 else 0.0 for i in range(n)]


def _named(result: xr.Dataset) -> xr.Dataset:
    """Give the coordinates of a profile to a result that was not computed in a run."""
    if "relative_depth_a" in result.coords:
        return result
    return result.assign_coords(
        layer_a=("layer", result["layer"].values), relative_depth_a=("layer", result["relative_depth"].values)
    )
