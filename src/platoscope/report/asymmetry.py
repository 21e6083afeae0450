"""The asymmetry of a pair by layer: which of the two representations knows more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.report._curves import (
    add_legend,
    begin,
    depth,
    draw_curve,
    label_depth,
    read_curve,
)
from platoscope.report.style import CHANCE_COLOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from matplotlib.axes import Axes

    from platoscope.report._curves import Depth, Side

__all__ = ["plot_asymmetry"]


def plot_asymmetry(
    results: xr.Dataset | Mapping[str, xr.Dataset],
    /,
    ax: Axes | None = None,
    *,
    x: Depth = "relative_depth",
    side: Side = "a",
) -> Axes:
    """Draw δ = Δ(A→B) − Δ(B→A) over the layers; below the zero line A is the more informative.

    Parameters
    ----------
    results : xarray.Dataset or mapping of str to xarray.Dataset
        What `platoscope.profile` returns; the variables ``asymmetry``, ``asymmetry_low`` and
        ``asymmetry_high`` are drawn, whose interval is paired between the directions.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    x : {"relative_depth", "layer"}, default: "relative_depth"
        What stands on the horizontal axis.
    side : {"a", "b"}, default: "a"
        Whose layers stand there.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with one line per condition and a zero line.

    Raises
    ------
    InputError
        If a result lacks the variable or the coordinate; the message lists what it has.
    """
    datasets, ax, colors = begin(results, ax)
    ax.axhline(0, color=CHANCE_COLOR, linewidth=0.7)
    for label, dataset in datasets.items():
        curve = read_curve(dataset, "asymmetry", x=depth(dataset, x=x, side=side))
        draw_curve(ax, curve, label=label or "asymmetry", color=colors[label], n_conditions=len(datasets))
    label_depth(ax, x)
    names = {
        (str(dataset.attrs.get("name_a", "A")), str(dataset.attrs.get("name_b", "B")))
        for dataset in datasets.values()
    }
    first = {a for a, _ in names}
    a = first.pop() if len(first) == 1 else "A"
    b = names.pop()[1] if len(names) == 1 else "other"
    # Names of models do not fit along the axis; the two sentences below name both sides as well.
    ax.set_ylabel(f"asymmetry δ({a}, {b})" if len(a + b) <= 16 else "asymmetry δ")
    # The sign is what every reader of this figure asks for, so the figure itself answers.
    low, high = ax.get_ylim()
    reach = 1.25 * max(abs(low), abs(high))  # room for the two sentences
    ax.set_ylim(-reach, reach)
    for height, vertical, name in ((0.02, "bottom", a), (0.98, "top", b)):
        ax.text(
            0.99,
            height,
            f"{name} more informative",
            transform=ax.transAxes,
            ha="right",
            va=vertical,
            fontsize=6.5,
            color=CHANCE_COLOR,
        )
    if any(datasets):
        add_legend(ax, conditions=colors, directions={})
    return ax
