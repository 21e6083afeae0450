"""Shuffled pairs: what the measure says when there is nothing to find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.report._curves import (
    add_legend,
    begin,
    depth,
    draw_chance,
    draw_curve,
    label_depth,
    of_measure,
    read_null,
    shared_direction_label,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from matplotlib.axes import Axes

    from platoscope.report._curves import Depth, Side

__all__ = ["plot_null"]


def plot_null(
    results: xr.Dataset | Mapping[str, xr.Dataset],
    /,
    ax: Axes | None = None,
    *,
    measure: str = "information_imbalance_null",
    x: Depth = "relative_depth",
    side: Side = "a",
) -> Axes:
    """Draw Δ of shuffled pairs over the layers, in both directions, with a line at 1.

    Parameters
    ----------
    results : xarray.Dataset or mapping of str to xarray.Dataset
        Profiles with ``information_imbalance_null``, the mean over permutations of the pairing, and
        their standard deviation ``information_imbalance_null_sd``, drawn twice to both sides.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    measure : str, default: "information_imbalance_null"
        The variable; ``"information_imbalance"`` where the pairs themselves were shuffled.
    x : {"relative_depth", "layer"}, default: "relative_depth"
        What stands on the horizontal axis.
    side : {"a", "b"}, default: "a"
        Whose layers stand there.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with a line per condition and direction.

    Raises
    ------
    InputError
        If a result has no null; the message lists what it has.
    """
    datasets, ax, colors = begin(results, ax)
    names = {
        direction: of_measure(measure, shared_direction_label(list(datasets.values()), direction))
        for direction in ("a_to_b", "b_to_a")
    }
    draw_chance(ax, measure, datasets)
    for label, dataset in datasets.items():
        positions = depth(dataset, x=x, side=side)
        for direction in ("a_to_b", "b_to_a"):
            curve = read_null(dataset, measure, x=positions, direction=direction)
            full = f"{label} · {names[direction]}" if label else names[direction]
            draw_curve(ax, curve, label=full, color=colors[label], direction=direction)
    label_depth(ax, x)
    ax.set_ylabel("Δ of shuffled pairs")
    ax.set_ylim(0, max(1.25, ax.get_ylim()[1]))
    add_legend(ax, conditions=colors, directions=names)
    return ax
