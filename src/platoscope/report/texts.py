"""Several texts at one layer: every two of them as a map, and how far each lies against its length in tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from platoscope.arguments import labeled
from platoscope.checks import word
from platoscope.errors import InputError
from platoscope.report._axes import ensure_axes
from platoscope.report._figure import figure_function
from platoscope.report._names import as_text, label
from platoscope.report._point_names import name_points
from platoscope.report.maps import draw_scale
from platoscope.report.style import CHANCE_COLOR, COLORS

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["plot_matrix", "plot_tokens"]

_SMALL = 6.0


@figure_function
def plot_matrix(
    dataset: xr.Dataset, /, ax: Axes | None = None, *, measure: str = "information_imbalance"
) -> Axes:
    """Draw a measure between every two texts: how well the text of a row predicts that of a column.

    Parameters
    ----------
    dataset : xarray.Dataset
        The result of a comparison of kind ``matrix`` (dimensions ``text_a`` and ``text_b``).
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    measure : str, default: "information_imbalance"
        The variable; ``"asymmetry"`` is Δ(row → column) − Δ(column → row), negative where the row is the more
        informative.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with the map (a ``QuadMesh``); a text beside itself is left white.

    Raises
    ------
    InputError
        If the result is no matrix, or lacks the variable.
    """
    labeled("dataset", dataset)
    values = _matrix(dataset, measure)
    if "direction" in values.dims:
        values = values.sel(direction="a_to_b")
    table = np.asarray(values.transpose("text_a", "text_b").values, dtype=np.float64).copy()
    np.fill_diagonal(table, np.nan)
    ax = ensure_axes(ax)
    names = [as_text(name) for name in dataset["text_a"].values]
    places = np.arange(len(names))
    signed = measure == "asymmetry"
    most = float(np.nanmax(np.abs(table)))
    ax.pcolormesh(
        places,
        places,
        table,
        shading="nearest",
        # White in the middle of the scale is neither; Δ has no middle.
        vmin=-most if signed else None,
        vmax=most if signed else None,
        cmap="RdBu" if signed else "viridis",
        rasterized=True,
    )
    ax.set_xticks(places, names, rotation=90, fontsize=_SMALL)
    ax.set_yticks(places, names, fontsize=_SMALL)
    ax.invert_yaxis()
    ax.set_aspect("equal")
    ax.set_xlabel("predicted text")
    ax.set_ylabel("predicting text")
    draw_scale([ax], label(measure, dataset))
    return ax


@figure_function
def plot_tokens(
    dataset: xr.Dataset,
    /,
    ax: Axes | None = None,
    *,
    variable: Literal["information_imbalance", "asymmetry"] = "information_imbalance",
) -> Axes:
    """Draw how far each text lies from the first one against the tokens that it takes: the control for tokenization.

    Parameters
    ----------
    dataset : xarray.Dataset
        The result of a comparison of kind ``matrix``, with the coordinate ``tokens``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    variable : {"information_imbalance", "asymmetry"}, default: "information_imbalance"
        Δ(first text → this one), or δ, negative where the first text is the more informative.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with one named point per text, and its interval where the result has one.

    Raises
    ------
    InputError
        If the result is no matrix, lacks the variable, or no tokenizer counted its texts.
    """
    labeled("dataset", dataset)
    values = _matrix(dataset, variable)
    tokens = np.asarray(dataset["tokens"].values, dtype=np.float64)
    if not np.isfinite(tokens).all():
        message = "no tokenizer counted these texts; give items with limits of length, or their tokenizers"
        raise InputError(message)
    ax = ensure_axes(ax)
    share = tokens[1:] / tokens[0]
    y, low, high = (_from_first(dataset, name) for name in (variable, f"{variable}_low", f"{variable}_high"))
    assert y is not None
    if low is not None and high is not None:
        ax.vlines(share, low, high, color=COLORS[0], alpha=0.4, linewidth=1)
    ax.plot(share, y, "o", color=COLORS[0], markersize=3)
    first = as_text(dataset["text_a"].values[0])
    if variable == "asymmetry":
        ax.axhline(0, color=CHANCE_COLOR, linewidth=0.8)
        ax.set_ylabel(f"δ({first}, other)")
    else:
        ax.set_ylabel(f"Δ({first} → other)")
    ax.set_xlabel(f"tokens of a text, relative to {first}")
    name_points(ax, share, y, values["text_b"].values[1:], fontsize=_SMALL)
    return ax


def _matrix(dataset: xr.Dataset, measure: str, /) -> xr.DataArray:
    if word("variable", measure) not in dataset or not {"text_a", "text_b"} <= set(dataset[measure].dims):
        message = (
            f"this figure needs {measure!r} over text_a and text_b, as a comparison of kind 'matrix' gives it; got "
            f"{sorted(str(name) for name in dataset.data_vars)} over {tuple(str(name) for name in dataset.dims)}"
        )
        raise InputError(message)
    return dataset[measure]


def _from_first(dataset: xr.Dataset, variable: str, /) -> np.ndarray | None:
    """Return a variable from the first text to each other one."""
    if variable not in dataset:
        return None
    values = dataset[variable].isel(text_a=0)
    values = values.sel(direction="a_to_b") if "direction" in values.dims else values
    return np.asarray(values.values, dtype=np.float64)[1:]
