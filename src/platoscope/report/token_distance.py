"""How far correlations reach inside a text: the last token against tokens before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platoscope.errors import InputError
from platoscope.report._curves import ensure_axes

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["plot_token_distance"]

_FEW = 8  # distances that each get a tick

_TITLES = {
    "a_to_b": "last token → token τ before it",
    "b_to_a": "token τ before it → last token",
    "mean": "mean of both directions",
}


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
    variable = "information_imbalance"
    if variable not in dataset or not {"layer", "token_distance"} <= set(dataset[variable].dims):
        message = (
            "a map of token distances needs information_imbalance over layer and token_distance, "
            f"got {sorted(str(v) for v in dataset.data_vars)} over {tuple(str(d) for d in dataset.dims)}"
        )
        raise InputError(message)
    values = dataset[variable]
    values = values.mean("direction") if direction == "mean" else values.sel(direction=direction)
    table = np.asarray(values.transpose("layer", "token_distance").values, dtype=np.float64)
    from matplotlib.ticker import MaxNLocator

    ax = ensure_axes(ax)
    mesh = ax.pcolormesh(
        np.asarray(dataset["token_distance"].values),
        np.asarray(dataset["layer"].values),
        table,
        shading="nearest",
        vmin=limits[0],
        vmax=limits[1],
        cmap="viridis",
        rasterized=True,
    )
    ax.set_xlabel("token distance τ")
    ax.set_ylabel("layer")
    ax.set_title(_TITLES[direction])
    distances = np.asarray(dataset["token_distance"].values)
    if len(distances) <= _FEW:
        ax.set_xticks(distances)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    if colorbar:
        # Δ of unrelated tokens scatters around 1: the pointed end says that larger values have its color.
        over = "max" if np.nanmax(table) > limits[1] else "neither"
        bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02, fraction=0.05, extend=over)
        bar.set_label("information imbalance Δ")
        bar.outline.set_visible(False)
    return ax
