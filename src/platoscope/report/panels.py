"""The panels of a study: which plot function draws which kind, over which results.

`PANELS` is the one table that joins `platoscope.studies.Panel.kind` to the functions of this package.
A panel whose comparisons were left out of a run draws what is there, and nothing if nothing is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from platoscope.errors import InputError
from platoscope.report._curves import MEASURE_LABELS
from platoscope.report.asymmetry import plot_asymmetry
from platoscope.report.grid import plot_grid
from platoscope.report.metrics import plot_metrics
from platoscope.report.null import plot_null
from platoscope.report.pooling import plot_poolings
from platoscope.report.profile import plot_profile
from platoscope.report.retrieval import plot_retrieval
from platoscope.report.sample_size import plot_sample_size
from platoscope.report.style import DOUBLE_COLUMN, PANEL_HEIGHT, SINGLE_COLUMN
from platoscope.report.sweep import plot_sweep
from platoscope.report.synthetic import plot_rank, plot_shared_features
from platoscope.report.token_distance import plot_token_distance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

    from platoscope.studies.records import Panel

__all__ = ["PANELS", "PanelDrawer", "draw_panel", "panel_results", "panel_size"]


@dataclass(frozen=True)
class PanelDrawer:
    """How one kind of panel is drawn.

    Parameters
    ----------
    draw : callable
        From a figure (or a part of one), the results by shown name and the panel's options to the Axes.
    wide : callable
        From the results by shown name and the options: whether it needs both columns of a page.
    per_label : bool
        Whether its height grows with the number of results (one row each).
    options : frozenset of str
        The options it understands; any other is an error.
    """

    draw: Callable[[FigureBase, Mapping[str, xr.Dataset], Mapping[str, Any]], list[Axes]]
    wide: Callable[[Mapping[str, xr.Dataset], Mapping[str, Any]], bool]
    per_label: bool = False
    options: frozenset[str] = frozenset()


def panel_results(panel: Panel, results: Mapping[str, xr.Dataset], /) -> dict[str, xr.Dataset]:
    """Return the results that a panel draws by the name it shows, in the panel's order.

    The option ``names`` maps labels to shown names; labels that the run left out are skipped.
    """
    names = dict(panel.options.get("names", {}))
    return {names.get(label, label): results[label] for label in panel.labels if label in results}


def panel_size(panel: Panel, results: Mapping[str, xr.Dataset], /) -> tuple[float, float]:
    """Return width and height in inches that a panel wants."""
    drawer, shown = _drawer(panel), panel_results(panel, results)
    rows = max(1, len(shown)) if drawer.per_label else 1
    return (DOUBLE_COLUMN if drawer.wide(shown, panel.options) else SINGLE_COLUMN, PANEL_HEIGHT * rows)


def draw_panel(figure: FigureBase, panel: Panel, results: Mapping[str, xr.Dataset], /) -> list[Axes]:
    """Draw a panel into a figure and return its Axes; empty if the run has none of its results.

    Raises
    ------
    InputError
        If the panel has an option that its kind does not know, or a result lacks what the kind draws.
    """
    drawer = _drawer(panel)
    unknown = sorted(set(panel.options) - drawer.options - {"names"})
    if unknown:
        message = (
            f"panel {panel.title!r} of kind {panel.kind!r} has unknown options {', '.join(unknown)}; "
            f"it knows {', '.join(sorted(drawer.options | {'names'}))}"
        )
        raise InputError(message)
    shown = panel_results(panel, results)
    return drawer.draw(figure, shown, panel.options) if shown else []


def _drawer(panel: Panel, /) -> PanelDrawer:
    """Look up a panel's kind."""
    try:
        return PANELS[panel.kind]
    except KeyError:
        message = f"panel {panel.title!r} has kind={panel.kind!r}; report draws {', '.join(sorted(PANELS))}"
        raise InputError(message) from None


def _directions(options: Mapping[str, Any], /) -> tuple[str, ...]:
    """Read the option ``directions``: "both" or the name of one."""
    chosen = options.get("directions", "both")
    return ("a_to_b", "b_to_a") if chosen == "both" else (str(chosen),)


def _single(shown: Mapping[str, xr.Dataset], /) -> xr.Dataset | Mapping[str, xr.Dataset]:
    """Drop the name of a lone result: a legend of one name says nothing."""
    return next(iter(shown.values())) if len(shown) == 1 else shown


def _profile(
    figure: FigureBase, shown: Mapping[str, xr.Dataset], options: Mapping[str, Any], /
) -> list[Axes]:
    measure = options.get("measure", "information_imbalance")
    region = None
    if options.get("region", True) and len(shown) == 1 and measure == "information_imbalance":
        region = _region(next(iter(shown.values())))
    ax = plot_profile(
        _single(shown),
        figure.subplots(),
        measure=measure,
        directions=_directions(options),
        x=options.get("depth", "relative_depth"),
        side=options.get("side", "a"),
        null=options.get("null", True),
        region=region,
    )
    return [ax]


def _region(dataset: xr.Dataset, /) -> list[int] | None:
    """Positions of the semantic region, where the profile kept the resamples that define it."""
    if "information_imbalance_resamples" not in dataset:
        return None
    from platoscope.layerwise import semantic_region

    layers = np.asarray(dataset["layer"].values)
    return [int(i) for i in np.flatnonzero(np.isin(layers, semantic_region(dataset).layers))]


def _asymmetry(
    figure: FigureBase, shown: Mapping[str, xr.Dataset], options: Mapping[str, Any], /
) -> list[Axes]:
    x, side = options.get("depth", "relative_depth"), options.get("side", "a")
    return [plot_asymmetry(_single(shown), figure.subplots(), x=x, side=side)]


def _grid(figure: FigureBase, shown: Mapping[str, xr.Dataset], options: Mapping[str, Any], /) -> list[Axes]:
    measure = options.get("measure", "information_imbalance")
    directions = ("a_to_b", "b_to_a") if _directed(shown, options) else ("a_to_b",)
    axes = figure.subplots(len(shown), len(directions), squeeze=False)
    for row, dataset in zip(axes, shown.values(), strict=True):
        limits = None
        if len(directions) == 2:
            values = dataset[measure].values
            limits = (float(np.nanmin(values)), float(np.nanmax(values)))
        for ax, direction in zip(row, directions, strict=True):
            plot_grid(dataset, ax, measure=measure, direction=direction, limits=limits, colorbar=False)
        _shared_scale(figure, row, MEASURE_LABELS.get(measure, measure))
    return list(axes.ravel())


def _shared_scale(figure: FigureBase, row: Sequence[Axes], label: str, /) -> None:
    """Give the maps of one row one color scale."""
    bar = figure.colorbar(row[0].collections[0], ax=list(row), pad=0.02, fraction=0.05)
    bar.set_label(label)
    bar.outline.set_visible(False)


def _directed(shown: Mapping[str, xr.Dataset], options: Mapping[str, Any], /) -> bool:
    """Say whether the measure of a grid has two directions, which stand side by side."""
    measure = options.get("measure", "information_imbalance")
    return any(measure in dataset and "direction" in dataset[measure].dims for dataset in shown.values())


def _tokens(figure: FigureBase, shown: Mapping[str, xr.Dataset], options: Mapping[str, Any], /) -> list[Axes]:
    chosen = options.get("direction")
    directions = ("a_to_b", "b_to_a") if chosen is None else (str(chosen),)
    axes = figure.subplots(len(shown), len(directions), squeeze=False, sharex=True)
    for row, (name, dataset) in zip(axes, shown.items(), strict=True):
        for ax, direction in zip(row, directions, strict=True):
            plot_token_distance(dataset, ax, direction=direction, colorbar=False)
            ax.label_outer()
            if len(shown) > 1:
                ax.set_title(f"{name}: {ax.get_title('left')}")
        _shared_scale(figure, row, "information imbalance Δ")
    return list(axes.ravel())


def _curve(figure: FigureBase, shown: Mapping[str, xr.Dataset], options: Mapping[str, Any], /) -> list[Axes]:
    plot = plot_rank if options.get("x", "rank") == "rank" else plot_shared_features
    axes = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    for ax, dataset in zip(axes, shown.values(), strict=True):
        plot(dataset, ax)
    _name_columns(figure, axes, shown)
    return list(axes)


def _name_columns(figure: FigureBase, axes: Sequence[Axes], shown: Mapping[str, xr.Dataset], /) -> None:
    """Title Axes that show the same curves of several results, and give them one legend under all."""
    if len(shown) == 1:
        return
    handles, labels = axes[0].get_legend_handles_labels()
    for ax, name in zip(axes, shown, strict=True):
        ax.set_title(name)
        ax.get_legend().remove()
        ax.label_outer()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 6))


def _n_curve(
    figure: FigureBase, shown: Mapping[str, xr.Dataset], options: Mapping[str, Any], /
) -> list[Axes]:
    measures = options.get("measures", ("information_imbalance", "neighborhood_overlap"))
    axes = figure.subplots(1, len(shown), squeeze=False)[0]
    for ax, dataset in zip(axes, shown.values(), strict=True):
        plot_sample_size(dataset, ax, measures=tuple(measures))
    _name_columns(figure, axes, shown)
    return list(axes)


def _poolings(
    figure: FigureBase, shown: Mapping[str, xr.Dataset], options: Mapping[str, Any], /
) -> list[Axes]:
    named = {
        name if name in dict(options.get("names", {})).values() else str(ds.attrs.get("pooling", name)): ds
        for name, ds in shown.items()
    }
    ax = plot_poolings(
        named,
        figure.subplots(),
        measure=options.get("measure", "information_imbalance"),
        direction=options.get("direction", "mean"),
        x=options.get("depth", "relative_depth"),
    )
    return [ax]


def _metrics(
    figure: FigureBase, shown: Mapping[str, xr.Dataset], options: Mapping[str, Any], /
) -> list[Axes]:
    axes = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    for ax, dataset in zip(axes, shown.values(), strict=True):
        plot_metrics(dataset, ax, x=options.get("depth", "relative_depth"))
    _name_columns(figure, axes, shown)
    return list(axes)


def _retrieval(
    figure: FigureBase, shown: Mapping[str, xr.Dataset], options: Mapping[str, Any], /
) -> list[Axes]:
    axes = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    for ax, dataset in zip(axes, shown.values(), strict=True):
        plot_retrieval(dataset, ax, x=options.get("depth", "relative_depth"))
    _name_columns(figure, axes, shown)
    return list(axes)


def _sweep(figure: FigureBase, shown: Mapping[str, xr.Dataset], options: Mapping[str, Any], /) -> list[Axes]:
    ax = plot_sweep(
        _single(shown),
        figure.subplots(),
        side=options.get("side", "b"),
        x=options.get("depth", "relative_depth"),
        directions=_directions(options),
    )
    return [ax]


def _null(figure: FigureBase, shown: Mapping[str, xr.Dataset], options: Mapping[str, Any], /) -> list[Axes]:
    measure = options.get("measure", "information_imbalance_null")
    x, side = options.get("depth", "relative_depth"), options.get("side", "a")
    return [plot_null(_single(shown), figure.subplots(), measure=measure, x=x, side=side)]


def _never(shown: Mapping[str, xr.Dataset], options: Mapping[str, Any], /) -> bool:
    """One column is enough."""
    return False


def _several(shown: Mapping[str, xr.Dataset], options: Mapping[str, Any], /) -> bool:
    """Each result has its own Axes, so more than one need both columns."""
    return len(shown) > 1


def _tokens_wide(shown: Mapping[str, xr.Dataset], options: Mapping[str, Any], /) -> bool:
    """Both directions stand side by side unless one was chosen."""
    return "direction" not in options


_LAYERS = frozenset({"depth", "side"})

PANELS: Final[Mapping[str, PanelDrawer]] = {
    "profile": PanelDrawer(_profile, _never, options=_LAYERS | {"measure", "directions", "null", "region"}),
    "asymmetry": PanelDrawer(_asymmetry, _never, options=_LAYERS),
    "grid": PanelDrawer(_grid, _directed, per_label=True, options=frozenset({"measure"})),
    "tokens": PanelDrawer(_tokens, _tokens_wide, per_label=True, options=frozenset({"direction"})),
    "curve": PanelDrawer(_curve, _several, options=frozenset({"x"})),
    "n_curve": PanelDrawer(_n_curve, _several, options=frozenset({"measures"})),
    "poolings": PanelDrawer(_poolings, _never, options=frozenset({"measure", "direction", "depth"})),
    "metrics": PanelDrawer(_metrics, _several, options=frozenset({"depth"})),
    "retrieval": PanelDrawer(_retrieval, _several, options=frozenset({"depth"})),
    "sweep": PanelDrawer(_sweep, _never, options=_LAYERS | {"directions"}),
    "null": PanelDrawer(_null, _never, options=_LAYERS | {"measure"}),
}
"""Every kind of panel, by the name that a study gives."""
