"""The panels of a study: which plot function draws which kind, and how its Axes are arranged.

`PANELS` is the one table that joins `platoscope.studies.Panel.kind` to the functions of this package;
a panel's options are keyword arguments of its function. A panel whose comparisons were left out of a run
draws what is there.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from platoscope.errors import InputError
from platoscope.layerwise import semantic_region
from platoscope.report._names import as_text, label
from platoscope.report.difference import plot_difference
from platoscope.report.dimension import plot_dimension
from platoscope.report.gain import plot_gain
from platoscope.report.maps import draw_scale, plot_grid, plot_token_distance
from platoscope.report.profiles import (
    plot_asymmetry,
    plot_null,
    plot_poolings,
    plot_profile,
    plot_sweep,
)
from platoscope.report.scales import plot_scales
from platoscope.report.side_by_side import (
    plot_metrics,
    plot_rank,
    plot_retrieval,
    plot_sample_size,
    plot_shared_features,
)
from platoscope.report.spaces import plot_spaces
from platoscope.report.style import DOUBLE_COLUMN, PANEL_HEIGHT, SINGLE_COLUMN
from platoscope.report.texts import plot_matrix, plot_tokens
from platoscope.report.weights import plot_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

    from platoscope.studies.design.records import Panel, PanelKind

__all__ = ["PANELS", "PanelDrawer", "check_panels", "draw_panel", "panel_size"]


@dataclass(frozen=True)
class PanelDrawer:
    """How one kind of panel is drawn.

    Parameters
    ----------
    plot : callable
        A plot function: data, then ``ax``, then keyword arguments.
    layout : {"together", "each", "maps", "stacked"}
        ``together``: all results on one Axes. ``each``: one Axes per result, in a row, with one legend.
        ``maps``: heat maps, one row per result, both directions side by side unless the options choose one.
        ``stacked``: each result in a column, and in it what `plot` draws of each of `variables` under one another.
    variables : tuple of str
        Of ``stacked``: values of the option ``variable``, from above; that of the panel's options alone where it has one.
    """

    plot: Callable[..., Axes]
    layout: Literal["together", "each", "maps", "stacked"]
    variables: tuple[str, ...] = ()


PANELS: Final[Mapping[PanelKind, PanelDrawer]] = {
    "asymmetry": PanelDrawer(plot_asymmetry, "together"),
    "difference": PanelDrawer(plot_difference, "together"),
    "dimension": PanelDrawer(plot_dimension, "stacked", ("dimension", "information_imbalance")),
    "gain": PanelDrawer(plot_gain, "together"),
    "grid": PanelDrawer(plot_grid, "maps"),
    "matrix": PanelDrawer(plot_matrix, "each"),
    "metrics": PanelDrawer(plot_metrics, "each"),
    "null": PanelDrawer(plot_null, "together"),
    "poolings": PanelDrawer(plot_poolings, "together"),
    "profile": PanelDrawer(plot_profile, "together"),
    "rank": PanelDrawer(plot_rank, "each"),
    "retrieval": PanelDrawer(plot_retrieval, "each"),
    "sample_size": PanelDrawer(plot_sample_size, "each"),
    "scales": PanelDrawer(plot_scales, "each"),
    "shared_features": PanelDrawer(plot_shared_features, "each"),
    "spaces": PanelDrawer(plot_spaces, "each"),
    "sweep": PanelDrawer(plot_sweep, "together"),
    "token_distance": PanelDrawer(plot_token_distance, "maps"),
    "tokens": PanelDrawer(plot_tokens, "each"),
    "weights": PanelDrawer(plot_weights, "together"),
}
"""Every kind of panel, by the name that a study gives."""

_MAIN: Final = "information_imbalance"  # what a panel draws that names no measure
_PER_ROW = 3  # Axes of one kind that stand beside each other in a figure over both columns
_ABOVE_LEGEND = 40.0  # points


def check_panels(panels: Iterable[Panel], /) -> None:
    """Refuse panels with options that their plot functions do not take, before anything is computed for them.

    Raises
    ------
    InputError
        With the options that there are.
    """
    for panel in panels:
        _check_options(panel, PANELS[panel.kind])


def panel_size(panel: Panel, results: Mapping[str, xr.Dataset], /) -> tuple[float, float]:
    """Return width and height in inches that a panel wants."""
    layout, shown = PANELS[panel.kind].layout, panel.conditions(results)
    rows, wide = 1, False
    if layout == "each":
        rows, wide = -(-len(shown) // _PER_ROW), len(shown) > 1
    elif layout == "maps":
        rows, wide = len(shown), len(_directions(panel, shown)) > 1
    elif layout == "stacked":
        rows, wide = len(_variables(panel)), len(shown) > 1
    return (DOUBLE_COLUMN if wide else SINGLE_COLUMN, PANEL_HEIGHT * max(rows, 1))


def draw_panel(figure: FigureBase, panel: Panel, results: Mapping[str, xr.Dataset], /) -> list[Axes]:
    """Draw a panel into a figure and return its Axes; empty if the run has none of its results.

    Raises
    ------
    InputError
        If the panel has an option that its plot function does not take, or a result lacks what it draws.
    """
    drawer = PANELS[panel.kind]
    _check_options(panel, drawer)
    shown = panel.conditions(results)
    if not shown:
        return []
    if drawer.layout == "together":
        return [_draw_together(figure, panel, drawer, shown)]
    if drawer.layout == "each":
        return _draw_each(figure, panel, drawer, shown)
    if drawer.layout == "stacked":
        return _draw_stacked(figure, panel, drawer, shown)
    return _draw_maps(figure, panel, drawer, shown)


def _check_options(panel: Panel, drawer: PanelDrawer, /) -> None:
    """Refuse an option that the plot function does not take, and say which it takes."""
    parameters = inspect.signature(drawer.plot).parameters.values()
    known = {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}
    unknown = sorted(set(panel.options) - known)
    if unknown:
        message = (
            f"panel {panel.title!r} has the options {', '.join(unknown)}, which {drawer.plot.__name__} "
            f"does not take; it takes {', '.join(sorted(known))}"
        )
        raise InputError(message)


def _draw_together(
    figure: FigureBase, panel: Panel, drawer: PanelDrawer, shown: Mapping[str, xr.Dataset], /
) -> Axes:
    """Draw all results on one Axes; a lone one needs no name in the legend."""
    options = dict(panel.options)
    colored = [dataset for name, dataset in shown.items() if name not in panel.baselines]
    if not colored:
        colored = list(shown.values())  # what they are held against was left out: they are drawn in its place
        del options["baselines"]
    lone = colored[0] if len(colored) == 1 else None
    if panel.kind == "profile" and lone is not None and "measure" not in options:
        options.setdefault("region", _region(lone))
    return drawer.plot(shown if len(shown) > 1 else lone, figure.subplots(), **options)


def _region(dataset: xr.Dataset, /) -> list[int] | None:
    """Return positions of the semantic region, where the profile kept the resamples that define it."""
    if f"{_MAIN}_resamples" not in dataset:
        return None
    layers = np.asarray(dataset["layer"].values)
    return [int(i) for i in np.flatnonzero(np.isin(layers, semantic_region(dataset).layers))]


def _draw_each(
    figure: FigureBase, panel: Panel, drawer: PanelDrawer, shown: Mapping[str, xr.Dataset], /
) -> list[Axes]:
    """Draw each result on Axes of its own, with one legend for all."""
    rows = -(-len(shown) // _PER_ROW)
    columns = min(len(shown), _PER_ROW)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    axes = [*grid.ravel()[: len(shown)]]
    for spare in grid.ravel()[len(shown) :]:
        spare.remove()
    for ax, dataset in zip(axes, shown.values(), strict=True):
        drawer.plot(dataset, ax, **panel.options)
    if len(shown) > 1:
        handles, labels = axes[0].get_legend_handles_labels()
        for number, (ax, name) in enumerate(zip(axes, shown, strict=True)):
            ax.set_title(as_text(name))
            if number % columns:
                ax.set_ylabel("")
            if number + columns < len(axes):
                ax.set_xlabel("")
            legend = ax.get_legend()
            if legend is not None:
                legend.remove()
        figure.legend(
            handles, labels, loc="outside lower center", ncols=3 if len(labels) > 5 else len(labels)
        )
    return axes


def _draw_stacked(
    figure: FigureBase, panel: Panel, drawer: PanelDrawer, shown: Mapping[str, xr.Dataset], /
) -> list[Axes]:
    """Draw each result in a column, its variables under one another on one horizontal axis."""
    variables = _variables(panel)
    grid = figure.subplots(len(variables), len(shown), squeeze=False, sharex="col", sharey="row")
    for number, (name, dataset) in enumerate(shown.items()):
        column = grid[:, number]
        for ax, variable in zip(column, variables, strict=True):
            drawer.plot(dataset, ax, **{**panel.options, "variable": variable})
            if ax is not column[-1]:
                ax.set_xlabel("")
            if number:
                ax.set_ylabel("")
        if len(shown) > 1:
            column[0].set_title(as_text(name), pad=_ABOVE_LEGEND)
    return list(grid.ravel())


def _variables(panel: Panel, /) -> tuple[str, ...]:
    chosen = panel.options.get("variable")
    return PANELS[panel.kind].variables if chosen is None else (str(chosen),)


def _draw_maps(
    figure: FigureBase, panel: Panel, drawer: PanelDrawer, shown: Mapping[str, xr.Dataset], /
) -> list[Axes]:
    """Draw heat maps, one row per result, whose two directions share one scale of color."""
    directions = _directions(panel, shown)
    measure = str(panel.options.get("measure", _MAIN))
    lone = len(shown) == len(directions) == 1
    axes = figure.subplots(len(shown), len(directions), squeeze=False)
    for row, (name, dataset) in zip(axes, shown.items(), strict=True):
        options: dict[str, Any] = {**panel.options, "colorbar": False}
        if panel.kind == "grid" and measure in dataset:
            # Both directions on one scale, even where a panel shows only one of them.
            values = dataset[measure].values
            options.setdefault("limits", (float(np.nanmin(values)), float(np.nanmax(values))))
        for ax, direction in zip(row, directions, strict=True):
            drawer.plot(dataset, ax, **{**options, "direction": direction})
            if len(shown) > 1:
                ax.set_title(f"{as_text(name)}: {ax.get_title('left')}")
            elif lone:
                ax.set_title("")  # the title of the panel says it
            if ax is not row[0]:
                ax.set_ylabel("")
        draw_scale(list(row), label(measure, dataset))
    return list(axes.ravel())


def _directions(panel: Panel, shown: Mapping[str, xr.Dataset], /) -> tuple[str, ...]:
    """Return the directions whose maps stand side by side; one for a symmetric measure."""
    if "direction" in panel.options:
        return (str(panel.options["direction"]),)
    measure = str(panel.options.get("measure", _MAIN))
    directed = any(measure in dataset and "direction" in dataset[measure].dims for dataset in shown.values())
    return ("a_to_b", "b_to_a") if directed else ("a_to_b",)
