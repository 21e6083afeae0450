"""Several measures on one Axes: over the layers, and against a rank, a share of features, a number of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from platoscope.arguments import labeled
from platoscope.checks import listing, word
from platoscope.errors import InputError
from platoscope.measures import MEASURES
from platoscope.report._axes import (
    draw_curve,
    ensure_axes,
    label_depth,
    label_ticks,
    legend_above,
    measure_styles,
)
from platoscope.report._figure import figure_function
from platoscope.report._lines import depth, directions_of, read_line
from platoscope.report._names import chance_label, full_label, label, lowest_is_best, similarity_label
from platoscope.report.style import CHANCE_COLOR, COLORS, DIRECTION_STYLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes

    from platoscope.measures import SideName
    from platoscope.report._lines import Depth, Line

__all__ = ["plot_metrics", "plot_rank", "plot_retrieval", "plot_sample_size", "plot_shared_features"]

_MEASURES: Final = ("information_imbalance", "cka_debiased", "cka_biased", "neighborhood_overlap")
_RECALLS: Final = tuple(name for name, measure in MEASURES.items() if measure.family == "retrieval")


@figure_function
def plot_metrics(
    dataset: xr.Dataset,
    /,
    ax: Axes | None = None,
    *,
    x: Depth = "relative_depth",
    side: SideName = "a",
    measures: Sequence[str] = _MEASURES,
) -> Axes:
    """Draw 1 − Δ (mean of both directions), CKA and neighborhood overlap, all with 1 as "the same".

    Parameters
    ----------
    dataset : xarray.Dataset
        A profile with any of `measures`; the chance level of the overlap is the attribute
        ``neighborhood_overlap_chance``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    x : {"relative_depth", "layer"}, default: "relative_depth"
        What stands on the horizontal axis.
    side : {"a", "b"}, default: "a"
        Whose layers stand there.
    measures : sequence of str
        Which variables; those that the profile lacks are left out. Estimators of one quantity share a color.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with a line per measure and a gray line at the chance level of the overlap.
    """
    labeled("dataset", dataset)
    ax = ensure_axes(ax)
    positions = depth(dataset, x=x, side=side)
    shown = {name: style for name, style in measure_styles(measures).items() if name in dataset}
    for name, (color, line) in shown.items():
        curve = _similarity(dataset, name, positions, "mean")
        draw_curve(ax, curve, label=similarity_label(name, dataset), color=color, direction=line)
    for name in shown:
        chance = dataset.attrs.get(f"{name}_chance")
        if chance is not None:
            text = chance_label(name, dataset)
            ax.axhline(float(chance), color=CHANCE_COLOR, linestyle=":", linewidth=1.0, label=text)
    label_depth(ax, x, results=[dataset], side=side)
    ax.set_ylabel("similarity")
    ax.set_ylim(-0.02, 1.02)
    legend_above(ax)
    return ax


@figure_function
def plot_retrieval(
    dataset: xr.Dataset,
    /,
    ax: Axes | None = None,
    *,
    x: Depth = "relative_depth",
    side: SideName = "a",
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
        Draw this measure in gray for comparison, as a similarity (1 − Δ), if the profile has it; None draws
        nothing.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with a line per k and direction; color is k, line style the direction.

    Raises
    ------
    InputError
        If the result holds no recall.
    """
    labeled("dataset", dataset)
    recalls = [name for name in _RECALLS if name in dataset]
    if not recalls:
        message = (
            f"a figure of retrieval needs variables named {', '.join(_RECALLS)}; "
            f"got {sorted(str(name) for name in dataset.data_vars)}"
        )
        raise InputError(message)
    ax = ensure_axes(ax)
    positions = depth(dataset, x=x, side=side)
    for color, name in zip(COLORS, recalls, strict=False):
        for direction in directions_of(dataset, name):
            curve = read_line(dataset, name, x=positions, direction=direction)
            text = full_label(name, direction, dataset)
            draw_curve(ax, curve, label=text, color=color, direction=direction)
    if beside is not None and beside in dataset:
        directed = directions_of(dataset, beside)
        for direction in directed or ("a_to_b",):
            curve = _similarity(dataset, beside, positions, direction)
            named = full_label(beside, direction, dataset) if directed else label(beside, dataset)
            ax.plot(
                curve.x,
                curve.values,
                color=CHANCE_COLOR,
                linestyle=DIRECTION_STYLES[direction],
                linewidth=0.9,
                label=f"1 − {named}" if lowest_is_best(beside, dataset) else named,
            )
    label_depth(ax, x, results=[dataset], side=side)
    ax.set_ylabel("recall of the partner")
    ax.set_ylim(-0.02, 1.02)
    legend_above(ax)
    return ax


def _similarity(dataset: xr.Dataset, variable: str, x: np.ndarray, direction: str, /) -> Line:
    """Read a measure so that higher means more similar."""
    curve = read_line(dataset, variable, x=x, direction=direction)
    return curve.one_minus() if lowest_is_best(variable, dataset) else curve


@figure_function
def plot_rank(dataset: xr.Dataset, /, ax: Axes | None = None) -> Axes:
    """Draw every measure against the rank of a linear map y = Wx + noise.

    Parameters
    ----------
    dataset : xarray.Dataset
        Measures over the dimension ``rank`` (directed ones over ``direction`` too; A is x, B is y).
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with both directions of Δ and the symmetric measures; the rank is on a logarithmic axis.

    Raises
    ------
    InputError
        If the result has no ``rank``, or none of the measures.
    """
    ax = _plot_against("rank", dataset, ax, _MEASURES)
    _logarithmic(ax, dataset["rank"].values)
    ax.set_xlabel("rank of W")
    ax.set_ylim(-0.02, max(1.05, ax.get_ylim()[1]))
    return ax


@figure_function
def plot_shared_features(dataset: xr.Dataset, /, ax: Axes | None = None) -> Axes:
    """Draw every measure against the fraction α of a Gaussian vector that is observed.

    Parameters
    ----------
    dataset : xarray.Dataset
        Measures over the dimension ``fraction`` (directed ones over ``direction`` too; A is the observed
        part, B the whole vector).
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with both directions of Δ and the symmetric measures.

    Raises
    ------
    InputError
        If the result has no ``fraction``, or none of the measures.
    """
    ax = _plot_against("fraction", dataset, ax, _MEASURES)
    ax.set_xlabel("fraction α of features observed")
    ax.set_xlim(0, 1.02)
    ax.set_ylim(-0.02, max(1.05, ax.get_ylim()[1]))
    return ax


@figure_function
def plot_sample_size(
    dataset: xr.Dataset,
    /,
    ax: Axes | None = None,
    *,
    measures: Sequence[str] = ("information_imbalance", "neighborhood_overlap"),
) -> Axes:
    """Draw measures against the number of pairs N, or of items of a gallery, on a logarithmic axis.

    Parameters
    ----------
    dataset : xarray.Dataset
        Measures over the dimension ``n_samples`` (directed ones over ``direction`` too), as of `platoscope.n_curve`:
        of several draws the mean is drawn; or as of `platoscope.layerwise.gallery_curve`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    measures : sequence of str
        Which variables; those that the result lacks are left out.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with a line per measure and direction.

    Raises
    ------
    InputError
        If the result has no ``n_samples``, or none of the measures.
    """
    labeled("dataset", dataset)
    if "draw" in dataset.dims:
        dataset = dataset.mean("draw", keep_attrs=True)
    ax = _plot_against("n_samples", dataset, ax, measures)
    _logarithmic(ax, dataset["n_samples"].values)
    ax.set_xlabel("items of the gallery" if "query" in dataset.dims else "number of pairs N")
    ax.set_ylim(bottom=0)
    return ax


def _plot_against(number: str, dataset: xr.Dataset, ax: Axes | None, measures: Sequence[str], /) -> Axes:
    """Draw those of the measures that the result has over one varied number, each with its level of chance."""
    labeled("dataset", dataset)
    measures = tuple(word("each of measures", name) for name in listing("measures", measures, of="names"))
    present = [name for name in measures if name in dataset]
    if number not in dataset.coords or not present:
        message = (
            f"this figure needs one of {', '.join(measures)} over {number}, "
            f"got {sorted(str(v) for v in dataset.data_vars)} over {sorted(str(c) for c in dataset.coords)}"
        )
        raise InputError(message)
    ax = ensure_axes(ax)
    x = np.asarray(dataset[number].values, dtype=np.float64)
    # Of synthetic data A is the x and B the y of a formula.
    sides = ("A", "B") if number == "n_samples" else ("x", "y")
    styles = measure_styles(measures)
    for name in present:
        color, line = styles[name]
        directed = directions_of(dataset, name)
        for direction in directed or (line,):
            curve = read_line(dataset, name, x=x, direction=direction)
            text = full_label(name, direction, dataset, default=sides) if directed else label(name, dataset)
            draw_curve(ax, curve, label=text, color=color, direction=direction)
    for name in present:
        if f"{name}_chance" in dataset:
            chance = read_line(dataset, f"{name}_chance", x=x)
            ax.plot(
                chance.x, chance.values, color=CHANCE_COLOR, linestyle=":", label=chance_label(name, dataset)
            )
        elif f"{name}_chance" in dataset.attrs:
            ax.axhline(float(dataset.attrs[f"{name}_chance"]), color=CHANCE_COLOR, linewidth=0.7, zorder=0)
    ax.set_ylabel("measure")
    legend_above(ax)
    return ax


def _logarithmic(ax: Axes, values: np.ndarray, /) -> None:
    """Make the horizontal axis logarithmic, with plain numbers."""
    ax.set_xscale("log")
    label_ticks(ax, values)
