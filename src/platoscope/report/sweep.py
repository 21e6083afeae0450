"""Images against captions: one side at a fixed layer, the layers of the other on the axis."""

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
    read_curve,
    shared_direction_label,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes

    from platoscope.report._curves import Depth, Side

__all__ = ["plot_sweep"]


def plot_sweep(
    results: xr.Dataset | Mapping[str, xr.Dataset],
    /,
    ax: Axes | None = None,
    *,
    side: Side = "b",
    x: Depth = "relative_depth",
    directions: Sequence[str] = ("a_to_b", "b_to_a"),
) -> Axes:
    """Draw Δ over the layers of one side while the other stays at one layer.

    Parameters
    ----------
    results : xarray.Dataset or mapping of str to xarray.Dataset
        Profiles (dimensions ``direction`` and ``layer``) by the name of the model that is swept.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    side : {"a", "b"}, default: "b"
        The side that is swept.
    x : {"relative_depth", "layer"}, default: "relative_depth"
        What stands on the horizontal axis.
    directions : sequence of {"a_to_b", "b_to_a", "mean"}, default: both
        Which directions.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with a line per model and direction.

    Raises
    ------
    InputError
        If a result lacks the variable or the coordinate; the message lists what it has.
    """
    datasets, ax, colors = begin(results, ax)
    first = next(iter(datasets.values()))
    a, b = str(first.attrs.get("name_a", "A")), str(first.attrs.get("name_b", "B"))
    measure = "information_imbalance"
    names = {
        direction: of_measure(measure, shared_direction_label(list(datasets.values()), direction))
        for direction in directions
    }
    for label, dataset in datasets.items():
        positions = depth(dataset, x=x, side=side)
        for direction in directions:
            curve = read_curve(dataset, measure, x=positions, direction=direction)
            full = f"{label} · {names[direction]}" if label else names[direction]
            draw_curve(
                ax,
                curve,
                label=full,
                color=colors[label],
                direction=direction,
                n_conditions=len(datasets),
            )
    draw_chance(ax, measure, datasets)
    label_depth(ax, x, name=b if side == "b" else a)
    ax.set_ylabel("information imbalance Δ")
    ax.set_ylim(bottom=0)
    add_legend(ax, conditions=colors, directions=names)
    return ax
