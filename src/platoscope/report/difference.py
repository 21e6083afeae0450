"""Differences of profiles: what several share more, or less, than a first one, by depth and at the best layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from platoscope.checks import one_of, word
from platoscope.errors import InputError
from platoscope.layerwise import difference
from platoscope.report._axes import SURE, add_legend, begin, draw_curve, mark_sure
from platoscope.report._figure import figure_function
from platoscope.report._lines import read_line
from platoscope.report._names import short_label
from platoscope.report.style import CHANCE_COLOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["plot_difference"]

_BEST = 1.1  # where the best layers stand, beyond the depths
_APART = 0.025


@figure_function
def plot_difference(
    results: Mapping[str, xr.Dataset],
    /,
    ax: Axes | None = None,
    *,
    quantity: str = "information_imbalance",
    direction: Literal["a_to_b", "b_to_a", "mean"] = "mean",
) -> Axes:
    """Draw the difference of a first profile and each of the others over relative depth, with its paired interval.

    A filled point marks a depth whose p-value, adjusted for looking at all depths, is at most 0.05. Beyond the depths
    stands the difference of the best layers with its interval, filled where its p-value is at most 0.05.

    Parameters
    ----------
    results : mapping of str to xarray.Dataset
        Two or more profiles by name, as `platoscope.difference` takes them; the others are taken from the first.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    quantity : str, default: "information_imbalance"
        As in `platoscope.difference`.
    direction : {"a_to_b", "b_to_a", "mean"}, default: "mean"
        Which direction; ignored for a measure that has none.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with a line for every profile but the first.

    Raises
    ------
    InputError
        Fewer than two profiles, or what `platoscope.difference` refuses.
    """
    word("quantity", quantity)
    one_of("direction", direction, ("a_to_b", "b_to_a", "mean"))
    datasets, ax, colors = begin(results, ax)
    if len(datasets) < 2:
        message = (
            "a picture of differences needs two profiles or more, in a dict by name; the first is what the others are "
            "taken from"
        )
        raise InputError(message)
    (first, reference), *others = datasets.items()
    for number, (name, dataset) in enumerate(others):
        found = difference(reference, dataset, quantity=quantity)
        if "direction" in found.dims:
            found = found.sel(direction=direction)
        color = colors[name]
        line = read_line(found, "difference", x=found["relative_depth"].values)
        draw_curve(ax, line, label=f"{first} − {name}", color=color, n_conditions=len(others))
        point = mark_sure(ax, line.x, line.values, found["difference_p_adjusted"].values, color)
        if "best_difference" in found:
            place = _BEST + (number - (len(others) - 1) / 2) * _APART
            _draw_best(ax, found, f"{first} − {name}", place, color)
    ax.axhline(0.0, color=CHANCE_COLOR, linewidth=0.7, zorder=0)
    _label_depths(ax, len(others) if "best_difference" in found else 0)
    ax.set_ylabel(f"difference of {short_label(quantity, reference)}")
    shown = {f"{first} − {name}": colors[name] for name, _ in others}
    add_legend(ax, conditions=shown, directions={}, more=[point])
    return ax


def _label_depths(ax: Axes, n_best: int) -> None:
    """Label the horizontal axis; what stands beyond the depths has a place only where there is any."""
    ticks = {f"{depth:g}": depth for depth in (0.0, 0.25, 0.5, 0.75, 1.0)}
    end = 1.0
    if n_best:
        ticks["best"], end = _BEST, _BEST + n_best / 2 * _APART
    ax.set_xlim(-0.02, end + 0.02)
    ax.set_xticks(list(ticks.values()), labels=list(ticks))
    ax.set_xlabel("relative depth")


def _draw_best(ax: Axes, found: xr.Dataset, name: str, place: float, color: str) -> None:
    value, low, high, p = (float(found[f"best_difference{end}"]) for end in ("", "_low", "_high", "_p"))
    ax.plot([place, place], [low, high], color=color, label=f"{name}, best layers")
    face = color if p <= SURE else "white"
    ax.plot([place], [value], "o", color=color, markersize=3.5, markerfacecolor=face, label="_best")
