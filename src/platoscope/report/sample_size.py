"""How a measure moves with the number of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platoscope.errors import InputError
from platoscope.report._curves import (
    MEASURE_LABELS,
    direction_label,
    draw_curve,
    ensure_axes,
    label_ticks,
    legend_above,
    of_measure,
    read_curve,
)
from platoscope.report.style import CHANCE_COLOR, COLORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["plot_sample_size"]


def plot_sample_size(
    dataset: xr.Dataset,
    /,
    ax: Axes | None = None,
    *,
    measures: Sequence[str] = ("information_imbalance", "neighborhood_overlap"),
) -> Axes:
    """Draw measures against the number of pairs N, on a logarithmic axis.

    Parameters
    ----------
    dataset : xarray.Dataset
        Measures over the dimension ``n_samples`` (directed ones over ``direction`` too).
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
    present = [measure for measure in measures if measure in dataset]
    if "n_samples" not in dataset.coords or not present:
        message = (
            f"an N-curve needs one of {list(measures)} over n_samples, "
            f"got {sorted(str(v) for v in dataset.data_vars)} over {tuple(str(d) for d in dataset.dims)}"
        )
        raise InputError(message)
    ax = ensure_axes(ax)
    x = np.asarray(dataset["n_samples"].values, dtype=np.float64)
    for color, measure in zip(COLORS, present, strict=False):
        directed = "direction" in dataset[measure].dims
        for direction in ("a_to_b", "b_to_a") if directed else ("a_to_b",):
            curve = read_curve(dataset, measure, x=x, direction=direction)
            name = MEASURE_LABELS.get(measure, measure)
            label = of_measure(measure, direction_label(dataset, direction)) if directed else name
            draw_curve(ax, curve, label=label, color=color, direction=direction)
    if "neighborhood_overlap" in present and "neighborhood_overlap_chance" in dataset:
        chance = read_curve(dataset, "neighborhood_overlap_chance", x=x)
        ax.plot(chance.x, chance.values, color=CHANCE_COLOR, linestyle=":", label="overlap by chance")
    ax.set_xscale("log")
    label_ticks(ax, x)
    ax.set_xlabel("number of pairs N")
    ax.set_ylabel("measure")
    ax.set_ylim(bottom=0)
    legend_above(ax)
    return ax
