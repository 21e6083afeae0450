"""What the figure functions share: Axes, lines with their bands, chance levels, labels and legends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.arguments import positions
from platoscope.checks import in_short, listing
from platoscope.errors import InputError
from platoscope.measures import find_measure
from platoscope.report._lines import depth
from platoscope.report._names import as_text, chance_level
from platoscope.report.style import (
    CHANCE_COLOR,
    COLORS,
    DIRECTION_STYLES,
    REGION_COLOR,
    condition_colors,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import xarray as xr
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from platoscope.measures import SideName
    from platoscope.report._lines import Depth, Line

__all__ = [
    "SURE",
    "add_legend",
    "begin",
    "draw_chance",
    "draw_curve",
    "ensure_axes",
    "label_depth",
    "label_ticks",
    "layer_names",
    "legend_above",
    "mark_sure",
    "measure_styles",
    "name_layers",
    "shade_layers",
]

SURE = 0.05
"""The p-value up to which a figure fills its points."""
_POINT = 2.5
_MOST_NAMES = 12
_LONGEST = 20  # characters


def begin(
    results: xr.Dataset | Mapping[str, xr.Dataset], ax: Axes | None, /
) -> tuple[dict[str, xr.Dataset], Axes, dict[str, str]]:
    """Return results by name (a single one gets the empty name), the Axes, and the color of each name."""
    import xarray as xr

    given = (
        (results,)
        if not isinstance(results, Mapping) or isinstance(results, xr.Dataset)
        else results.values()
    )
    wrong = [item for item in given if not isinstance(item, xr.Dataset)]
    if wrong:
        message = (
            "a figure draws results of platoscope.profile, one or several in a dict by name; "
            f"got {type(wrong[0]).__name__}"
        )
        raise InputError(message)
    datasets = (
        {"": results}
        if isinstance(results, xr.Dataset)
        else {as_text(name): dataset for name, dataset in results.items()}
    )
    if not datasets:
        message = "a figure needs at least one result, got an empty mapping"
        raise InputError(message)
    return datasets, ensure_axes(ax), condition_colors(list(datasets))


def ensure_axes(ax: Axes | None, /) -> Axes:
    """Return the Axes to draw on: `figure_function` made some where a user gave none.

    Raises
    ------
    InputError
        If a user gave something else.
    """
    assert ax is not None
    if not hasattr(ax, "fill_between"):
        message = f"ax must be the Axes of a figure of Matplotlib; got {in_short(ax)}"
        raise InputError(message)
    return ax


def draw_curve(
    ax: Axes, curve: Line, /, *, label: str, color: str, direction: str = "a_to_b", n_conditions: int = 1
) -> None:
    """Draw one curve and, where it has an interval, the band around it; bands of many conditions are faint."""
    # Where many lie over each other, each is fainter, so that lines stay visible.
    alpha = 0.2 if n_conditions <= 3 else 0.1
    if curve.low is not None and curve.high is not None:
        # No label: the legend names the line, and a band belongs to the line of its color.
        ax.fill_between(curve.x, curve.low, curve.high, color=color, alpha=alpha, linewidth=0)
    ax.plot(
        curve.x,
        curve.values,
        color=color,
        linestyle=DIRECTION_STYLES.get(direction, "-"),
        label=label,
    )


def measure_styles(measures: Sequence[str], /) -> dict[str, tuple[str, str]]:
    """Give each measure its color and the direction whose line style it has: one color per family, further ones dashed.

    The two estimators of CKA are one quantity, read in two ways.
    """
    families: dict[str, list[str]] = {}
    for name in listing("measures", measures, of="names"):
        measure = find_measure(name)
        families.setdefault(measure.family if measure is not None else name, []).append(name)
    return {
        name: (COLORS[i % len(COLORS)], "b_to_a" if position else "a_to_b")
        for i, members in enumerate(families.values())
        for position, name in enumerate(members)
    }


def label_depth(
    ax: Axes,
    x: Depth,
    /,
    *,
    name: str = "",
    results: Iterable[xr.Dataset] = (),
    side: SideName = "a",
) -> None:
    """Label the horizontal axis, and let it end where the layers end; layers that have names in all results show them."""
    from matplotlib.ticker import MaxNLocator

    datasets = list(results)
    names = [layer_names(dataset, side) for dataset in datasets]
    shared = names[0] if names and all(other == names[0] for other in names) else None
    what = "relative depth" if x == "relative_depth" and shared is None else "layer"
    ax.set_xlabel(f"{what} ({name})" if name else what)
    if x == "relative_depth":
        ax.set_xlim(-0.02, 1.02)
    else:
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))  # there is no half a layer
    if shared is not None:
        name_layers(ax.xaxis, depth(datasets[0], x=x, side=side), shared)


def layer_names(dataset: xr.Dataset, side: SideName, /) -> list[str] | None:
    """Return what the layers of one side are called; None where they have numbers only."""
    found = dataset.coords.get(f"layer_name_{side}")
    return None if found is None else [as_text(str(name)) for name in found.values]


def name_layers(axis: Axis, positions: np.ndarray, names: Sequence[str], /) -> None:
    """Write names of layers at their positions; of many only as many as have room, the first and the last among them."""
    from matplotlib.axis import XAxis

    shown = np.unique(np.linspace(0, len(names) - 1, min(len(names), _MOST_NAMES)).round().astype(int))
    axis.set_ticks(
        [float(positions[i]) for i in shown],
        labels=[names[i] if len(names[i]) <= _LONGEST else f"…{names[i][1 - _LONGEST :]}" for i in shown],
    )
    if isinstance(axis, XAxis):
        axis.set_tick_params(rotation=45)
        for text in axis.get_ticklabels():
            text.set(horizontalalignment="right", rotation_mode="anchor")


def draw_chance(ax: Axes, variable: str, datasets: Iterable[xr.Dataset], /) -> None:
    """Draw the level of unrelated representations, where it is known: 1 for Δ, k / (N − 1) for the overlap."""
    levels = {chance_level(variable, dataset) for dataset in datasets}
    for level in sorted(level for level in levels if level is not None):
        ax.axhline(level, color=CHANCE_COLOR, linewidth=0.7, zorder=0)


def label_ticks(ax: Axes, values: np.ndarray, /) -> None:
    """Put a tick with its plain number at each of `values` of a logarithmic axis, as far as there is room."""
    chosen: list[float] = []
    for value in np.sort(np.asarray(values, dtype=np.float64)):
        # Labels of numbers nearer than a factor of 1.7 run into each other at the width of one column.
        if not chosen or value >= 1.7 * chosen[-1]:
            chosen.append(float(value))
    ax.set_xticks(chosen, labels=[f"{value:g}" for value in chosen])
    ax.set_xticks([], minor=True)


def legend_above(ax: Axes, /, *, handles: Sequence[Artist] | None = None) -> None:
    """Put the legend above the Axes, where it covers no data, in as many columns as its names allow.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where the legend goes.
    handles : sequence of matplotlib artists, optional
        Its entries; all labelled lines of `ax` by default.
    """
    shown = ax.get_legend_handles_labels()[0] if handles is None else list(handles)
    longest = max((len(str(handle.get_label())) for handle in shown), default=0)
    ncols = 1 if longest > 20 else 2 if longest > 13 else 3
    ax.legend(handles=shown, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=ncols, columnspacing=1.0)


def shade_layers(ax: Axes, x: np.ndarray, layers: Sequence[int], /) -> None:
    """Shade the positions `layers` of the points `x`, each to half the way to its neighbors."""
    chosen_rows = positions("region", layers, len(x))
    if not chosen_rows:
        return
    edges = np.concatenate(([x[0]], (x[1:] + x[:-1]) / 2, [x[-1]]))
    chosen = np.zeros(len(x), dtype=bool)
    chosen[chosen_rows] = True
    starts = np.flatnonzero(chosen & ~np.concatenate(([False], chosen[:-1])))
    ends = np.flatnonzero(chosen & ~np.concatenate((chosen[1:], [False])))
    for start, end in zip(starts, ends, strict=True):
        ax.axvspan(edges[start], edges[end + 1], color=REGION_COLOR, linewidth=0, zorder=0)


def mark_sure(ax: Axes, x: Any, values: Any, p_adjusted: Any, color: str, /) -> Artist:
    """Mark points whose p-value, adjusted for looking at all of a curve, is at most 0.05; return their legend entry."""
    from matplotlib.lines import Line2D

    sure = p_adjusted <= SURE
    ax.plot(x[sure], values[sure], "o", color=color, markersize=_POINT, label="_sure")
    entry = f"adjusted p ≤ {SURE:g}"
    return Line2D([], [], color="black", linestyle="none", marker="o", markersize=_POINT, label=entry)


def add_legend(
    ax: Axes,
    /,
    *,
    conditions: Mapping[str, str],
    directions: Mapping[str, str],
    null: str | None = None,
    region: bool = False,
    more: Sequence[Artist] = (),
) -> None:
    """Explain colors (conditions) and line styles (directions) apart: entries add, they do not multiply.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where the legend goes.
    conditions : mapping of str to str
        Color by name; the empty name is a single condition that needs no entry.
    directions : mapping of str to str
        Label by direction; no entry where there is only one and conditions are named.
    null : str or None
        Label of the gray null, if it is drawn.
    region : bool
        Whether the semantic region is shaded.
    more : sequence of matplotlib artists
        Further entries, behind the others.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    named = {label: color for label, color in conditions.items() if label}
    handles: list[Any] = [Line2D([], [], color=color, label=label) for label, color in named.items()]
    if len(directions) > 1 or not named:
        color = "black" if named else next(iter(conditions.values()))
        handles += [
            Line2D([], [], color=color, linestyle=DIRECTION_STYLES[direction], label=label)
            for direction, label in directions.items()
        ]
    if null is not None:
        handles.append(Line2D([], [], color=CHANCE_COLOR, linestyle=":", label=null))
    if region:
        handles.append(Patch(color=REGION_COLOR, linewidth=0, label="semantic region"))
    legend_above(ax, handles=[*handles, *more])
