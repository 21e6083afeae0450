"""Heat maps: a measure for every pair of layers, and for every layer and distance between tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from platoscope.arguments import labeled
from platoscope.checks import flag, in_short, listing, number, one_of, word
from platoscope.errors import InputError
from platoscope.layerwise import DIRECTIONS
from platoscope.report._axes import ensure_axes, layer_names, name_layers
from platoscope.report._figure import figure_function
from platoscope.report._lines import held
from platoscope.report._names import direction_label, label, lowest_is_best, side_names
from platoscope.report.style import COLORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["draw_scale", "ends_of_scale", "plot_grid", "plot_token_distance"]

_FEW: Final = 8  # distances that each get a tick

_LAST_TOKEN: Final = {
    "a_to_b": "last token → token τ before it",
    "b_to_a": "token τ before it → last token",
    "mean": "mean of both directions",
}


@figure_function
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
        The variable. For Δ dark is low and the minimum is marked; for similarities the maximum.
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
    labeled("dataset", dataset)
    one_of("direction", direction, DIRECTIONS)
    values = _values_over(dataset, measure, ("layer_a", "layer_b"), "a heat map")
    directed = "direction" in values.dims
    if directed:
        values = values.sel(direction=direction)
    table = np.asarray(values.transpose("layer_b", "layer_a").values, dtype=np.float64)
    lowest = lowest_is_best(measure, dataset)
    flag("colorbar", colorbar)
    ends = ends_of_scale(limits) if limits is not None else (np.nanmin(table), np.nanmax(table))
    ax = ensure_axes(ax)
    _draw_map(ax, dataset, ("layer_a", "layer_b"), table, ends, "viridis" if lowest else "viridis_r")
    a, b = side_names(dataset)
    for axis, names, layer in (
        (ax.xaxis, layer_names(dataset, "a"), "layer_a"),
        (ax.yaxis, layer_names(dataset, "b"), "layer_b"),
    ):
        if names is not None:
            name_layers(axis, dataset[layer].values, names)
    ax.set_xlabel(f"layer of {a}")
    ax.set_ylabel(f"layer of {b}" if len(b) <= 12 else f"layer of\n{b}")
    title = direction_label(direction, dataset, of=measure) if directed else label(measure, dataset)
    # More does not fit over a map of one column.
    ax.set_title(title.replace(" → ", "\n→ ") if directed and len(title) > 36 else title)
    _mark_best(ax, dataset, table, lowest=lowest)
    if colorbar:
        draw_scale([ax], label(measure, dataset))
    return ax


@figure_function
def plot_token_distance(
    dataset: xr.Dataset,
    /,
    ax: Axes | None = None,
    *,
    direction: str = "a_to_b",
    limits: tuple[float, float] = (0.0, 1.0),
    colorbar: bool = True,
) -> Axes:
    """Draw Δ between the last token and the token at distance τ before it, over layer and τ.

    Parameters
    ----------
    dataset : xarray.Dataset
        ``information_imbalance`` over ``direction``, ``layer`` and ``token_distance``; the direction
        ``"a_to_b"`` is from the last token to the earlier one.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    direction : {"a_to_b", "b_to_a", "mean"}, default: "a_to_b"
        Which direction.
    limits : tuple of float, default: (0, 1)
        Ends of the color scale; fixed by default, so that models and languages can be compared.
    colorbar : bool, default: True
        Draw the color scale beside the map.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with the map (a ``QuadMesh``).

    Raises
    ------
    InputError
        If the result has not these dimensions.
    """
    measure = "information_imbalance"
    labeled("dataset", dataset)
    one_of("direction", direction, (*DIRECTIONS, "mean"))
    flag("colorbar", colorbar)
    values = _values_over(dataset, measure, ("layer", "token_distance"), "a map of token distances")
    values = values.mean("direction") if direction == "mean" else values.sel(direction=direction)
    table = np.asarray(values.transpose("layer", "token_distance").values, dtype=np.float64)
    ax = ensure_axes(ax)
    _draw_map(ax, dataset, ("token_distance", "layer"), table, ends_of_scale(limits), "viridis")
    ax.set_xlabel("token distance τ")
    ax.set_ylabel("layer")
    ax.set_title(_LAST_TOKEN[direction])
    distances = np.asarray(dataset["token_distance"].values)
    if len(distances) <= _FEW:
        ax.set_xticks(distances)
    if colorbar:
        # Δ of unrelated tokens scatters around 1: the pointed end says that larger values have its color.
        draw_scale([ax], label(measure, dataset))
    return ax


def draw_scale(axes: Sequence[Axes], name: str, /) -> None:
    """Draw the color scale that the maps on `axes` share, with a pointed end where one of them exceeds it."""
    from matplotlib.collections import QuadMesh

    meshes = [item for ax in axes for item in ax.collections if isinstance(item, QuadMesh)]
    largest = max(float(np.nanmax(np.asarray(mesh.get_array()))) for mesh in meshes)
    over = "max" if largest > meshes[0].get_clim()[1] else "neither"
    bar = axes[0].figure.colorbar(meshes[0], ax=list(axes), pad=0.02, fraction=0.05, extend=over)
    bar.set_label(name)
    bar.outline.set_visible(False)


def ends_of_scale(limits: object, /) -> tuple[float, float]:
    """Return both ends of a color scale."""
    ends = [number("each of limits", end) for end in listing("limits", limits, of="numbers")]
    if len(ends) != 2:
        message = f"limits must be the two ends of the color scale; got {in_short(limits)}."
        raise InputError(message)
    return ends[0], ends[1]


def _values_over(dataset: xr.Dataset, measure: str, dims: tuple[str, str], what: str, /) -> xr.DataArray:
    """Return a measure that has both dimensions, or raise an `InputError` that says what the result holds."""
    if word("measure", measure) not in dataset or not set(dims) <= set(dataset[measure].dims):
        over = ", ".join(map(str, dataset[measure].dims if measure in dataset else dataset.dims))
        message = f"{what} needs {measure!r} over {' and '.join(dims)}; the result holds {held(dataset)}, over {over}."
        if "layer" in dataset.dims:
            message += (
                " It is a profile: platoscope.plot_profile draws it, and platoscope.compare computes a grid."
            )
        raise InputError(message)
    return dataset[measure]


def _draw_map(
    ax: Axes,
    dataset: xr.Dataset,
    axes: tuple[str, str],
    table: np.ndarray,
    limits: tuple[float, float],
    cmap: str,
    /,
) -> None:
    """Draw a table over two coordinates that are whole numbers."""
    from matplotlib.ticker import MaxNLocator

    ax.pcolormesh(
        *(np.asarray(dataset[name].values) for name in axes),
        table,
        shading="nearest",
        vmin=limits[0],
        vmax=limits[1],
        cmap=cmap,
        rasterized=True,  # a PDF of thousands of rectangles shows seams between them
    )
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, nbins=6))


def _mark_best(ax: Axes, dataset: xr.Dataset, table: np.ndarray, /, *, lowest: bool) -> None:
    """Put a ring around the lowest or highest cell, where any has a value."""
    if not np.isfinite(table).any():
        return
    best = np.nanargmin(table) if lowest else np.nanargmax(table)
    row, column = np.unravel_index(best, table.shape)
    ax.plot(
        dataset["layer_a"].values[column],
        dataset["layer_b"].values[row],
        marker="o",
        markersize=6,
        markerfacecolor="none",
        markeredgecolor=COLORS[1],
        markeredgewidth=1.3,
        linestyle="none",
        clip_on=False,
        label=f"{'minimum' if lowest else 'maximum'} {table[row, column]:.2f}",
    )
