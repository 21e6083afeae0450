"""One measure over the layers: its profile, its asymmetry, its null, and how both depend on the pooling."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from platoscope.checks import flag, listing
from platoscope.report._axes import (
    add_legend,
    begin,
    draw_chance,
    draw_curve,
    label_depth,
    legend_above,
    shade_layers,
)
from platoscope.report._baselines import draw_baselines, split_baselines
from platoscope.report._figure import figure_function
from platoscope.report._lines import depth, directions_of, read_line, read_null
from platoscope.report._names import axis_from_zero, direction_label, gap_of, label, short_label, side_names
from platoscope.report._pooling_colors import pooling_colors, pooling_order
from platoscope.report.style import CHANCE_COLOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import xarray as xr
    from matplotlib.axes import Axes

    from platoscope.measures import SideName
    from platoscope.report._baselines import BaselinesByKind
    from platoscope.report._lines import Depth, Line

__all__ = ["plot_asymmetry", "plot_null", "plot_poolings", "plot_profile", "plot_sweep"]

_BOTH: Final = ("a_to_b", "b_to_a")
_SHUFFLED: Final = "shuffled pairs"


@figure_function
def plot_profile(
    results: xr.Dataset | Mapping[str, xr.Dataset],
    /,
    ax: Axes | None = None,
    *,
    measure: str = "information_imbalance",
    directions: Sequence[str] = _BOTH,
    x: Depth = "relative_depth",
    side: SideName = "a",
    null: bool = True,
    region: Sequence[int] | None = None,
    baselines: BaselinesByKind | None = None,
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
    baselines : mapping of str to sequence of str, or to mapping of str to sequence of str, optional
        Names among `results` that are what others are held against: thin lines, the mean of both directions, without
        bands, by what the legend calls them: gray (``{"untrained": ["seed 0", "seed 1"]}``), or in a faint shade of the
        condition that they belong to (``{"untrained": {"last": ["last, seed 0"], "mean": ["mean, seed 0"]}}``).

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with one labelled line per condition and direction, and one per baseline.

    Raises
    ------
    InputError
        If a result lacks the variable or the coordinate; the message lists what it has.
    """
    results, against = split_baselines(results, baselines)
    datasets, ax, colors = begin(results, ax)
    directions = listing("directions", directions, of="a_to_b, b_to_a and mean")
    flag("null", null)
    gray = draw_baselines(ax, against, lambda dataset: _mean_line(dataset, measure, x, side), colors=colors)
    many = len(datasets)
    drawn: dict[str, str] = {}
    has_null = False
    for name, dataset in datasets.items():
        positions = depth(dataset, x=x, side=side)
        directed = directions_of(dataset, measure)
        for direction in directions if directed else ("mean",):
            curve = read_line(dataset, measure, x=positions, direction=direction)
            own = shared = label(measure, dataset)
            if directed:
                own = direction_label(direction, dataset, of=measure)
                shared = direction_label(direction, *datasets.values(), of=measure)
            drawn.setdefault(direction, shared)
            text = _of(name, own)
            draw_curve(ax, curve, label=text, color=colors[name], direction=direction, n_conditions=many)
        has_null |= null and _draw_null(ax, dataset, measure, positions, name, band=many == 1)
    if region is not None:
        shade_layers(ax, depth(next(iter(datasets.values())), x=x, side=side), region)
    if not has_null:
        draw_chance(ax, measure, datasets.values())
    _label_axes(ax, measure, x, datasets, side)
    add_legend(
        ax,
        conditions=colors,
        directions=drawn,
        null=_SHUFFLED if has_null else None,
        region=region is not None and len(region) > 0,
        more=gray,
    )
    return ax


@figure_function
def plot_sweep(
    results: xr.Dataset | Mapping[str, xr.Dataset],
    /,
    ax: Axes | None = None,
    *,
    side: SideName = "b",
    x: Depth = "relative_depth",
    directions: Sequence[str] = _BOTH,
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
    datasets, ax, _ = begin(results, ax)
    plot_profile(results, ax, directions=directions, x=x, side=side, null=False)
    a, b = side_names(next(iter(datasets.values())))
    label_depth(ax, x, name=a if side == "a" else b, results=datasets.values(), side=side)
    return ax


@figure_function
def plot_poolings(
    results: Mapping[str, xr.Dataset],
    /,
    ax: Axes | None = None,
    *,
    measure: str = "information_imbalance",
    direction: str = "mean",
    x: Depth = "relative_depth",
    side: SideName = "a",
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
    colors = pooling_colors(list(datasets))
    for pooling in sorted(datasets, key=pooling_order):
        dataset = datasets[pooling]
        draw_curve(
            ax,
            read_line(dataset, measure, x=depth(dataset, x=x, side=side), direction=direction),
            label=pooling,
            color=colors[pooling],
            # Concatenations are dashed as well: two families of shades alone are hard to tell apart.
            direction="b_to_a" if pooling.startswith("concat") else "a_to_b",
            n_conditions=len(datasets),
        )
    draw_chance(ax, measure, datasets.values())
    _label_axes(ax, measure, x, datasets, side)
    legend_above(ax)
    return ax


@figure_function
def plot_asymmetry(
    results: xr.Dataset | Mapping[str, xr.Dataset],
    /,
    ax: Axes | None = None,
    *,
    measure: str = "information_imbalance",
    x: Depth = "relative_depth",
    side: SideName = "a",
) -> Axes:
    """Draw δ = Δ(A→B) − Δ(B→A) over the layers; below the zero line A is the more informative.

    Parameters
    ----------
    results : xarray.Dataset or mapping of str to xarray.Dataset
        What `platoscope.profile` returns; the variables ``asymmetry``, ``asymmetry_low`` and
        ``asymmetry_high`` are drawn, whose interval is paired between the directions.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    measure : str, default: "information_imbalance"
        Whose difference of both directions is drawn; of ridge R², A is the more informative *above* the zero line.
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
        If a result lacks the variable or the coordinate; the message lists what it has. If `measure` has none.
    """
    gap, a_is_low = gap_of(measure)
    datasets, ax, colors = begin(results, ax)
    ax.axhline(0, color=CHANCE_COLOR, linewidth=0.7)
    for name, dataset in datasets.items():
        curve = read_line(dataset, gap, x=depth(dataset, x=x, side=side))
        draw_curve(ax, curve, label=name or gap, color=colors[name], n_conditions=len(datasets))
    label_depth(ax, x, results=datasets.values(), side=side)
    a, b = side_names(*datasets.values())
    # Names of models do not fit along the axis; the two sentences below name both sides as well.
    name = label(gap, next(iter(datasets.values())))
    ax.set_ylabel(f"{name}({a}, {b})" if len(a + b) <= 16 else name)
    # The sign is what every reader of this figure asks for, so the figure itself answers.
    low, high = ax.get_ylim()
    reach = 1.25 * max(abs(low), abs(high))  # room for the two sentences
    ax.set_ylim(-reach, reach)
    for height, vertical, name in (
        (0.02, "bottom", a if a_is_low else b),
        (0.98, "top", b if a_is_low else a),
    ):
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


@figure_function
def plot_null(
    results: xr.Dataset | Mapping[str, xr.Dataset],
    /,
    ax: Axes | None = None,
    *,
    measure: str = "information_imbalance_null",
    x: Depth = "relative_depth",
    side: SideName = "a",
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
    first = next(iter(datasets.values()))
    short = short_label(measure, first)
    directed = directions_of(first, measure)
    names = {direction: direction_label(direction, *datasets.values(), of=measure) for direction in directed}
    names = names or {"a_to_b": short}
    draw_chance(ax, measure, datasets.values())
    for name, dataset in datasets.items():
        positions = depth(dataset, x=x, side=side)
        for direction, line in names.items():
            curve = read_null(dataset, measure, x=positions, direction=direction)
            draw_curve(ax, curve, label=_of(name, line), color=colors[name], direction=direction)
    label_depth(ax, x, results=datasets.values(), side=side)
    ax.set_ylabel(f"{short} of {_SHUFFLED}")
    ax.set_ylim(0, max(1.25, ax.get_ylim()[1]))
    add_legend(ax, conditions=colors, directions=names)
    return ax


def _of(condition: str, line: str, /) -> str:
    """Name one line of a condition; a single result has no condition."""
    return f"{condition} · {line}" if condition else line


def _mean_line(dataset: xr.Dataset, measure: str, x: Depth, side: SideName, /) -> Line:
    """Read a line without its interval."""
    return replace(
        read_line(dataset, measure, x=depth(dataset, x=x, side=side), direction="mean"), low=None, high=None
    )


def _label_axes(
    ax: Axes, measure: str, x: Depth, datasets: Mapping[str, xr.Dataset], side: SideName, /
) -> None:
    """Label both axes, and let the vertical one begin where the measure wants it."""
    label_depth(ax, x, results=datasets.values(), side=side)
    ax.set_ylabel(label(measure, next(iter(datasets.values()))))
    if axis_from_zero(measure):
        ax.set_ylim(bottom=0)


def _draw_null(
    ax: Axes, dataset: xr.Dataset, measure: str, positions: np.ndarray, condition: str, /, *, band: bool
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
        label=_of(condition, _SHUFFLED),
    )
    return True
