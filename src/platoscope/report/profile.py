"""A measure by layer: how well one representation predicts the other, and the reverse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.report._curves import (
    MEASURE_LABELS,
    add_legend,
    begin,
    depth,
    direction_label,
    draw_chance,
    draw_curve,
    label_depth,
    of_measure,
    read_curve,
    read_null,
    shade_layers,
    shared_direction_label,
)
from platoscope.report.style import CHANCE_COLOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import xarray as xr
    from matplotlib.axes import Axes

    from platoscope.report._curves import Depth, Side

__all__ = ["plot_profile"]


def plot_profile(
    results: xr.Dataset | Mapping[str, xr.Dataset],
    /,
    ax: Axes | None = None,
    *,
    measure: str = "information_imbalance",
    directions: Sequence[str] = ("a_to_b", "b_to_a"),
    x: Depth = "relative_depth",
    side: Side = "a",
    null: bool = True,
    region: Sequence[int] | None = None,
) -> Axes:
    """Draw a measure over the layers, with interval bands; color is the condition, line style the direction.

    Parameters
    ----------
    results : xarray.Dataset or mapping of str to xarray.Dataset
        What `platoscope.profile` returns (dimensions ``direction`` and ``layer``), one or several by the
        name of their condition. Attributes ``name_a`` and ``name_b`` name the directions.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    measure : str, default: "information_imbalance"
        The variable. ``measure_low`` and ``measure_high`` give the band, where they are there.
    directions : sequence of {"a_to_b", "b_to_a", "mean"}, default: both
        Which directions; ignored for a measure that has none.
    x : {"relative_depth", "layer"}, default: "relative_depth"
        What stands on the horizontal axis.
    side : {"a", "b"}, default: "a"
        Whose layers stand there.
    null : bool, default: True
        Draw the permutation null in gray where the result has one: its mean and, for a single result, two
        standard deviations to both sides. Without it a gray line marks the level of chance.
    region : sequence of int, optional
        Positions (along ``layer``) of the semantic region to shade.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with one labelled line per condition and direction.

    Raises
    ------
    InputError
        If a result lacks the variable or the coordinate; the message lists what it has.
    """
    datasets, ax, colors = begin(results, ax)
    drawn: dict[str, str] = {}
    has_null = False
    for label, dataset in datasets.items():
        positions = depth(dataset, x=x, side=side)
        directed = measure in dataset and "direction" in dataset[measure].dims
        for direction in directions if directed else ("mean",):
            curve = read_curve(dataset, measure, x=positions, direction=direction)
            name = direction_label(dataset, direction) if directed else MEASURE_LABELS.get(measure, measure)
            shared = shared_direction_label(list(datasets.values()), direction) if directed else name
            drawn.setdefault(direction, of_measure(measure, shared))
            name = of_measure(measure, name)
            full = f"{label} · {name}" if label else name
            draw_curve(
                ax,
                curve,
                label=full,
                color=colors[label],
                direction=direction,
                n_conditions=len(datasets),
            )
        has_null |= null and _draw_null(ax, dataset, measure, positions, label, band=len(datasets) == 1)
    if region is not None:
        first = next(iter(datasets.values()))
        shade_layers(ax, depth(first, x=x, side=side), region)
    if not has_null:
        draw_chance(ax, measure, datasets)
    label_depth(ax, x)
    ax.set_ylabel(MEASURE_LABELS.get(measure, measure))
    if measure == "information_imbalance":
        ax.set_ylim(bottom=0)
    add_legend(
        ax,
        conditions=colors,
        directions=drawn,
        null="shuffled pairs" if has_null else None,
        region=region is not None and len(region) > 0,
    )
    return ax


def _draw_null(
    ax: Axes, dataset: xr.Dataset, measure: str, positions: np.ndarray, label: str, /, *, band: bool
) -> bool:
    """Draw the mean of the permutation null, with or without its spread, and say whether there was one."""
    name = f"{measure}_null"
    if name not in dataset:
        return False
    curve = read_null(dataset, name, x=positions, direction="mean")
    if band and curve.low is not None and curve.high is not None:
        ax.fill_between(curve.x, curve.low, curve.high, color=CHANCE_COLOR, alpha=0.15, linewidth=0)
    ax.plot(
        curve.x,
        curve.values,
        color=CHANCE_COLOR,
        linestyle=":",
        linewidth=1.0,
        label=f"{label} · shuffled pairs" if label else "shuffled pairs",
    )
    return True
