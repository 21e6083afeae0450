"""Images against captions: one side at a fixed layer, the layers of the other on the axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.report._curves import label_depth
from platoscope.report.profile import plot_profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes

    from platoscope.report._curves import Depth, Side

__all__ = ["plot_sweep"]


def plot_sweep(
    results: xr.Dataset | Mapping[str, xr.Dataset],
    /,
    ax: Axes | None = None,
    *,
    side: Side = "b",
    x: Depth = "relative_depth",
    directions: Sequence[str] = ("a_to_b", "b_to_a"),
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
    import xarray as xr

    ax = plot_profile(results, ax, directions=directions, x=x, side=side, null=False)
    first = results if isinstance(results, xr.Dataset) else next(iter(results.values()))
    label_depth(ax, x, name=str(first.attrs.get(f"name_{side}", side.upper())))
    return ax
