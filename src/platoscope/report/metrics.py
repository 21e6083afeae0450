"""Measures side by side on the same representations: Δ, both estimators of CKA, neighborhood overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.report._curves import (
    Curve,
    depth,
    draw_curve,
    ensure_axes,
    label_depth,
    legend_above,
    read_curve,
)
from platoscope.report.style import CHANCE_COLOR, COLORS

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

    from platoscope.report._curves import Depth, Side

__all__ = ["plot_metrics"]

# One color per measure in every figure of the project. The biased estimator of CKA is dashed in the
# color of the debiased one: the same quantity, read in two ways.
_MEASURES = (
    ("information_imbalance", "1 − Δ", COLORS[0], "a_to_b"),
    ("cka_debiased", "CKA (debiased)", COLORS[1], "a_to_b"),
    ("cka_biased", "CKA (biased)", COLORS[1], "b_to_a"),
    ("neighborhood_overlap", "neighborhood overlap", COLORS[2], "a_to_b"),
)


def plot_metrics(
    dataset: xr.Dataset,
    /,
    ax: Axes | None = None,
    *,
    x: Depth = "relative_depth",
    side: Side = "a",
) -> Axes:
    """Draw 1 − Δ (mean of both directions), CKA and neighborhood overlap, all with 1 as "the same".

    Parameters
    ----------
    dataset : xarray.Dataset
        A profile with any of ``information_imbalance``, ``cka_debiased``, ``cka_biased`` and
        ``neighborhood_overlap``; the chance level of the last is the attribute
        ``neighborhood_overlap_chance``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    x : {"relative_depth", "layer"}, default: "relative_depth"
        What stands on the horizontal axis.
    side : {"a", "b"}, default: "a"
        Whose layers stand there.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, with a line per measure and a gray line at the chance level of the overlap.
    """
    ax = ensure_axes(ax)
    positions = depth(dataset, x=x, side=side)
    for name, label, color, line in _MEASURES:
        if name not in dataset:
            continue
        curve = read_curve(dataset, name, x=positions, direction="mean")
        if name == "information_imbalance":
            curve = _one_minus(curve)
        draw_curve(ax, curve, label=label, color=color, direction=line)
    chance = dataset.attrs.get("neighborhood_overlap_chance")
    if chance is not None:
        ax.axhline(float(chance), color=CHANCE_COLOR, linestyle=":", linewidth=1.0, label="overlap by chance")
    label_depth(ax, x)
    ax.set_ylabel("similarity")
    ax.set_ylim(-0.02, 1.02)
    legend_above(ax)
    return ax


def _one_minus(curve: Curve, /) -> Curve:
    """Turn Δ into a similarity; the ends of its interval change places."""
    low = None if curve.high is None else 1.0 - curve.high
    high = None if curve.low is None else 1.0 - curve.low
    return Curve(curve.x, 1.0 - curve.values, low, high)
