"""A measure for every pair of layers, as a heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platoscope.errors import InputError
from platoscope.report._curves import MEASURE_LABELS, direction_label, ensure_axes, of_measure
from platoscope.report.style import COLORS

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["plot_grid"]


def plot_grid(
    dataset: xr.Dataset,
    /,
    ax: Axes | None = None,
    *,
    measure: str = "information_imbalance",
    direction: str = "a_to_b",
    limits: tuple[float, float] | None = None,
    colorbar: bool = True,
) -> Axes:
    """Draw a measure over all layers of A (horizontal) and of B (vertical), and mark its best cell.

    Parameters
    ----------
    dataset : xarray.Dataset
        What `platoscope.compare` returns (dimensions ``direction``, ``layer_a``, ``layer_b``).
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    measure : str, default: "information_imbalance"
        The variable. For Δ dark is low and the minimum is marked; for the others the maximum.
    direction : {"a_to_b", "b_to_a"}, default: "a_to_b"
        Which direction; ignored for a measure that has none.
    limits : tuple of float, optional
        Ends of the color scale; give the same to both directions to make them comparable. The range of
        the data by default.
    colorbar : bool, default: True
        Draw the color scale beside the map.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with the map (a ``QuadMesh``) and one marker on the best cell.

    Raises
    ------
    InputError
        If the result lacks the variable or is no grid.
    """
    if measure not in dataset or not {"layer_a", "layer_b"} <= set(dataset[measure].dims):
        message = (
            f"a heat map needs {measure!r} over layer_a and layer_b, "
            f"got {sorted(str(v) for v in dataset.data_vars)} over {tuple(str(d) for d in dataset.dims)}"
        )
        raise InputError(message)
    values = dataset[measure]
    directed = "direction" in values.dims
    if directed:
        values = values.sel(direction=direction)
    table = np.asarray(values.transpose("layer_b", "layer_a").values, dtype=np.float64)
    layers_a = np.asarray(dataset["layer_a"].values)
    layers_b = np.asarray(dataset["layer_b"].values)
    from matplotlib.ticker import MaxNLocator

    ax = ensure_axes(ax)
    low_is_better = measure == "information_imbalance"
    low, high = limits if limits is not None else (np.nanmin(table), np.nanmax(table))
    mesh = ax.pcolormesh(
        layers_a,
        layers_b,
        table,
        shading="nearest",
        vmin=low,
        vmax=high,
        cmap="viridis" if low_is_better else "viridis_r",
        rasterized=True,  # a PDF of thousands of rectangles shows seams between them
    )
    a, b = str(dataset.attrs.get("name_a", "A")), str(dataset.attrs.get("name_b", "B"))
    ax.set_xlabel(f"layer of {a}")
    ax.set_ylabel(f"layer of {b}" if len(b) <= 12 else f"layer of\n{b}")
    title = MEASURE_LABELS.get(measure, measure)
    if directed:
        title = of_measure(measure, direction_label(dataset, direction))
        if len(title) > 36:  # more does not fit over a map of one column
            title = title.replace(" → ", "\n→ ")
    ax.set_title(title)
    _mark_best(ax, layers_a, layers_b, table, lowest=low_is_better)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    if colorbar:
        bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02, fraction=0.05)
        bar.set_label(MEASURE_LABELS.get(measure, measure))
        bar.outline.set_visible(False)
    return ax


def _mark_best(
    ax: Axes, layers_a: np.ndarray, layers_b: np.ndarray, table: np.ndarray, /, *, lowest: bool
) -> None:
    """Put a ring around the lowest or highest cell, where any has a value."""
    if not np.isfinite(table).any():
        return
    best = np.nanargmin(table) if lowest else np.nanargmax(table)
    row, column = np.unravel_index(best, table.shape)
    ax.plot(
        layers_a[column],
        layers_b[row],
        marker="o",
        markersize=6,
        markerfacecolor="none",
        markeredgecolor=COLORS[1],
        markeredgewidth=1.3,
        linestyle="none",
        clip_on=False,
        label=f"{'minimum' if lowest else 'maximum'} {table[row, column]:.2f}",
    )
