"""Gaussian features with a known answer: maps of low rank, and subsets of one vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platoscope.errors import InputError
from platoscope.report._curves import (
    draw_chance,
    draw_curve,
    ensure_axes,
    label_ticks,
    legend_above,
    read_curve,
)
from platoscope.report.style import COLORS

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["plot_rank", "plot_shared_features"]

_SYMMETRIC = (
    ("cka_debiased", "CKA (debiased)", COLORS[1], "a_to_b"),
    ("cka_biased", "CKA (biased)", COLORS[1], "b_to_a"),
    ("neighborhood_overlap", "neighborhood overlap", COLORS[2], "a_to_b"),
)


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
        If the result has no ``rank``.
    """
    ax = _plot_against(dataset, "rank", ax)
    ax.set_xscale("log")
    label_ticks(ax, dataset["rank"].values)
    ax.set_xlabel("rank of W")
    return ax


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
        If the result has no ``fraction``.
    """
    ax = _plot_against(dataset, "fraction", ax)
    ax.set_xlabel("fraction α of features observed")
    ax.set_xlim(0, 1.02)
    return ax


def _plot_against(dataset: xr.Dataset, dimension: str, ax: Axes | None, /) -> Axes:
    """Draw Δ in both directions, CKA and overlap against one swept parameter."""
    if dimension not in dataset.coords:
        message = (
            f"this figure needs the coordinate {dimension!r}, got {sorted(str(c) for c in dataset.coords)}"
        )
        raise InputError(message)
    ax = ensure_axes(ax)
    x = np.asarray(dataset[dimension].values, dtype=np.float64)
    a, b = str(dataset.attrs.get("name_a", "x")), str(dataset.attrs.get("name_b", "y"))
    for direction, label in (("a_to_b", f"Δ({a} → {b})"), ("b_to_a", f"Δ({b} → {a})")):
        curve = read_curve(dataset, "information_imbalance", x=x, direction=direction)
        draw_curve(ax, curve, label=label, color=COLORS[0], direction=direction)
    for name, label, color, line in _SYMMETRIC:
        if name in dataset:
            draw_curve(ax, read_curve(dataset, name, x=x), label=label, color=color, direction=line)
    draw_chance(ax, "neighborhood_overlap", {"": dataset})
    ax.set_ylabel("measure")
    ax.set_ylim(-0.02, max(1.05, ax.get_ylim()[1]))
    legend_above(ax)
    return ax
