"""Images against captions: one side at a fixed layer, the layers of the other on the axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.report._curves import (
    add_legend,
    as_mapping,
    depth,
    draw_curve,
    ensure_axes,
    label_depth,
    read_curve,
)
from platoscope.report.style import condition_colors

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
    datasets = as_mapping(results)
    ax = ensure_axes(ax)
    colors = condition_colors(list(datasets))
    first = next(iter(datasets.values()))
    a, b = str(first.attrs.get("name_a", "A")), str(first.attrs.get("name_b", "B"))
    names = {"a_to_b": f"{a} → {b}", "b_to_a": f"{b} → {a}", "mean": "mean of both directions"}
    for label, dataset in datasets.items():
        positions = depth(dataset, x=x, side=side)
        for direction in directions:
            curve = read_curve(dataset, "information_imbalance", x=positions, direction=direction)
            full = f"{label} · {names[direction]}" if label else names[direction]
            draw_curve(ax, curve, label=full, color=colors[label], direction=direction)
    label_depth(ax, x, name=b if side == "b" else a)
    ax.set_ylabel("information imbalance Δ")
    ax.set_ylim(bottom=0)
    add_legend(ax, conditions=colors, directions={d: names[d] for d in directions})
    return ax
