"""Recall of the partner by layer: a task beside the measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.errors import InputError
from platoscope.report._curves import (
    depth,
    direction_label,
    draw_curve,
    ensure_axes,
    label_depth,
    legend_above,
    read_curve,
)
from platoscope.report.style import CHANCE_COLOR, COLORS, DIRECTION_STYLES

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

    from platoscope.report._curves import Depth, Side

__all__ = ["plot_retrieval", "recall_variables"]


def plot_retrieval(
    dataset: xr.Dataset,
    /,
    ax: Axes | None = None,
    *,
    x: Depth = "relative_depth",
    side: Side = "a",
    beside: str | None = "information_imbalance",
) -> Axes:
    """Draw recall@k of the partner in both directions, and 1 − Δ beside it.

    Parameters
    ----------
    dataset : xarray.Dataset
        A profile with ``retrieval_at_1``, ``retrieval_at_5``, … (dimensions ``direction`` and ``layer``).
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    x : {"relative_depth", "layer"}, default: "relative_depth"
        What stands on the horizontal axis.
    side : {"a", "b"}, default: "a"
        Whose layers stand there.
    beside : str or None, default: "information_imbalance"
        Draw one minus this variable in gray for comparison, if the profile has it; None draws nothing.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with a line per k and direction; color is k, line style the direction.

    Raises
    ------
    InputError
        If the result holds no recall.
    """
    names = recall_variables(dataset)
    ax = ensure_axes(ax)
    positions = depth(dataset, x=x, side=side)
    for color, (k, name) in zip(COLORS, names, strict=False):
        for direction in ("a_to_b", "b_to_a"):
            curve = read_curve(dataset, name, x=positions, direction=direction)
            label = f"recall@{k} · {direction_label(dataset, direction)}"
            draw_curve(ax, curve, label=label, color=color, direction=direction)
    if beside is not None and beside in dataset:
        for direction in ("a_to_b", "b_to_a"):
            curve = read_curve(dataset, beside, x=positions, direction=direction)
            ax.plot(
                curve.x,
                1.0 - curve.values,
                color=CHANCE_COLOR,
                linestyle=DIRECTION_STYLES[direction],
                linewidth=0.9,
                label=f"1 − Δ({direction_label(dataset, direction)})",
            )
    label_depth(ax, x)
    ax.set_ylabel("recall of the partner")
    ax.set_ylim(-0.02, 1.02)
    legend_above(ax)
    return ax


def recall_variables(dataset: xr.Dataset, /) -> list[tuple[int, str]]:
    """Return ``(k, variable)`` for every ``retrieval_at_k`` of a result, smallest k first.

    Raises
    ------
    InputError
        If there is none.
    """
    prefix = "retrieval_at_"
    names = [str(name) for name in dataset.data_vars]
    found = sorted(
        (int(n[len(prefix) :]), n) for n in names if n[len(prefix) :].isdigit() and n.startswith(prefix)
    )
    if not found:
        message = f"a figure of retrieval needs variables named retrieval_at_1, retrieval_at_5, …; got {sorted(names)}"
        raise InputError(message)
    return found
