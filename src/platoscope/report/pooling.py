"""Poolings of one text side by side: the last token, and means and concatenations of the last k."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from platoscope.report._curves import (
    MEASURE_LABELS,
    begin,
    depth,
    draw_chance,
    draw_curve,
    label_depth,
    legend_above,
    read_curve,
)
from platoscope.report.style import COLORS, ordered_colors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes

    from platoscope.report._curves import Depth, Side

__all__ = ["plot_poolings"]


def plot_poolings(
    results: Mapping[str, xr.Dataset],
    /,
    ax: Axes | None = None,
    *,
    measure: str = "information_imbalance",
    direction: str = "mean",
    x: Depth = "relative_depth",
    side: Side = "a",
) -> Axes:
    """Draw one curve per pooling; the shade of a family darkens with the number of tokens.

    Parameters
    ----------
    results : mapping of str to xarray.Dataset
        Profiles by the notation of their pooling (``"last"``, ``"mean(20)"``, ``"concat(5)"``).
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    measure : str, default: "information_imbalance"
        The variable.
    direction : {"mean", "a_to_b", "b_to_a"}, default: "mean"
        One direction, or the mean of both, which is the figure of the paper.
    x : {"relative_depth", "layer"}, default: "relative_depth"
        What stands on the horizontal axis.
    side : {"a", "b"}, default: "a"
        Whose layers stand there.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with one line per pooling.

    Raises
    ------
    InputError
        If a result lacks the variable or the coordinate; the message lists what it has.
    """
    datasets, ax, _ = begin(results, ax)
    colors = _pooling_colors(list(datasets))
    for pooling in sorted(datasets, key=_order):
        dataset = datasets[pooling]
        curve = read_curve(dataset, measure, x=depth(dataset, x=x, side=side), direction=direction)
        draw_curve(
            ax,
            curve,
            label=pooling,
            color=colors[pooling],
            # Concatenations are dashed as well: two families of shades alone are hard to tell apart.
            direction="b_to_a" if pooling.startswith("concat") else "a_to_b",
            n_conditions=len(datasets),
        )
    draw_chance(ax, measure, datasets)
    label_depth(ax, x)
    ax.set_ylabel(MEASURE_LABELS.get(measure, measure))
    if measure == "information_imbalance":
        ax.set_ylim(bottom=0)
    legend_above(ax)
    return ax


def _split(pooling: str, /) -> tuple[str, int]:
    """Return the family of a pooling and its number of tokens (0 where it names none)."""
    match = re.fullmatch(r"(\w+)\((\d+)\)", pooling)
    return (match[1], int(match[2])) if match else (pooling, 0)


def _order(pooling: str, /) -> tuple[int, str, int]:
    """Order of the legend: single tokens, means, concatenations, each by its number of tokens."""
    family, k = _split(pooling)
    return ({"last": 0, "mean": 1, "concat": 2}.get(family, 3), family, k)


def _pooling_colors(poolings: Sequence[str], /) -> dict[str, str]:
    """Black for the last token, blues for means, oranges for concatenations, the palette for the rest."""
    colors: dict[str, str] = {}
    families: dict[str, list[str]] = {}
    for pooling in sorted(poolings, key=_order):
        families.setdefault(_split(pooling)[0], []).append(pooling)
    rest = iter(COLORS[2:4] * len(poolings))
    for family, members in families.items():
        if family == "mean":
            shades = ordered_colors(len(members))
        elif family == "concat":
            shades = ordered_colors(len(members), scale="Oranges")
        else:
            shades = ["#000000"] if family == "last" else [next(rest) for _ in members]
        colors.update(zip(members, shades, strict=True))
    return colors
