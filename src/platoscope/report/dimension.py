"""The intrinsic dimension of layers, and Δ over the same depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from platoscope.arguments import labeled
from platoscope.checks import one_of
from platoscope.errors import InputError
from platoscope.report._axes import draw_curve, ensure_axes, label_depth, legend_above
from platoscope.report._figure import figure_function
from platoscope.report._lines import Line, depth, held
from platoscope.report._names import side_names
from platoscope.report.profiles import plot_profile
from platoscope.report.style import CHANCE_COLOR, COLORS, DIRECTION_STYLES, ordered_colors

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from platoscope.measures import SideName
    from platoscope.report._lines import Depth

__all__ = ["plot_dimension"]

_SIDES: Final[dict[SideName, str]] = {"a": "a_to_b", "b": "b_to_a"}
_DELTA: Final = "information_imbalance"
_LOWEST: Final = "lowest Δ (mean)"
_PEAK: Final[dict[str, Any]] = {"marker": "o", "markersize": 4}
_FEW: Final[dict[str, Any]] = {"marker": "o", "markersize": 3, "markerfacecolor": "white"}


@figure_function
def plot_dimension(
    result: xr.Dataset,
    /,
    ax: Axes | None = None,
    *,
    variable: Literal["dimension", "information_imbalance"] = "dimension",
    x: Depth = "relative_depth",
) -> Axes:
    """Draw the intrinsic dimension over the layers with its intervals, or Δ with the places of the peaks.

    Color is the estimator and its scale, line style the side. A dot is the peak of its line; a hollow point is a layer in
    which less than nine of ten items are distinct, and no peak. The dotted gray line is where the mean of both directions
    of Δ is lowest; under Δ, green lines are where the dimension of either side, at the scale of the study, is highest.

    Parameters
    ----------
    result : xarray.Dataset
        A comparison of kind ``dimension``, or, for the dimension alone, what `platoscope.layerwise.dimension_profile`
        returns.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new single-column figure by default.
    variable : {"dimension", "information_imbalance"}, default: "dimension"
        What is drawn. The two stand under one another in a panel, never on one pair of axes.
    x : {"relative_depth", "layer"}, default: "relative_depth"
        What stands on the horizontal axis.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    InputError
        If the result has not these variables.
    """
    labeled("result", result)
    one_of("variable", variable, ("dimension", "information_imbalance"))
    one_of("x", x, ("relative_depth", "layer"))
    ax = ensure_axes(ax)
    if variable != "dimension":
        return _draw_imbalance(ax, result, x)
    curves = _curves(result, x)
    for each in curves:
        draw_curve(
            ax, each.line, label=each.name, color=each.color, direction=each.style, n_conditions=len(curves)
        )
        _mark(ax, each)
    handles = _legend(curves, result)
    if _DELTA in result:
        ax.axvline(_lowest(result, x), color=CHANCE_COLOR, linestyle=":", linewidth=1.0, label="_lowest")
        handles.append(_entry(CHANCE_COLOR, ":", _LOWEST))
    label_depth(ax, x, results=[result] if f"{x}_a" in result.coords else [])
    ax.set_ylabel("intrinsic dimension")
    ax.set_ylim(bottom=0)
    legend_above(ax, handles=handles)
    return ax


@dataclass(frozen=True)
class _Curve:
    """One line, how it looks, and which of its points are of about all items."""

    name: str
    line: Line
    color: str
    style: str
    sure: np.ndarray

    def peak(self) -> int | None:
        """Return the position of the largest value at a layer of about all items; None where there is none."""
        values = np.where(self.sure, self.line.values, np.nan)
        return None if np.isnan(values).all() else int(np.nanargmax(values))


def _curves(result: xr.Dataset, x: Depth) -> list[_Curve]:
    if "dimension" in result:
        return _of_one_side(result, x)
    if not {"gride", "twonn", "comparable"} <= set(result):
        message = (
            f"a picture of dimensions needs gride and twonn, or dimension; the result holds {held(result)}. "
            "platoscope.layerwise.dimension_profile gives one."
        )
        raise InputError(message)
    found = []
    for side, style in _SIDES.items():
        positions = depth(result, x=x, side=side)
        part = result.sel(side=side)
        sure = np.asarray(part["comparable"].values, bool)
        scales = part["n_neighbors"].values.tolist()
        colors = ordered_colors(len(scales), scale="Greens")
        for k, color in zip(scales, colors, strict=True):
            line = _line(part.sel(n_neighbors=k), "gride", positions)
            found.append(_Curve(_gride(k), line, color, style, sure))
        found.append(_Curve("TwoNN", _line(part, "twonn", positions), COLORS[1], style, sure))
    return found


def _of_one_side(result: xr.Dataset, x: Depth) -> list[_Curve]:
    positions = np.asarray(result[x].values, np.float64)
    sure = np.ones(len(positions), bool)
    scales = result["n_neighbors"].values.tolist()
    named = {"gride": _gride}.get(str(result.attrs.get("method")), lambda _: "TwoNN")
    return [
        _Curve(named(k), _line(result.sel(n_neighbors=k), "dimension", positions), color, "a_to_b", sure)
        for k, color in zip(scales, ordered_colors(len(scales), scale="Greens"), strict=True)
    ]


def _gride(n_neighbors: int) -> str:
    return f"GRIDE, n₁ = {n_neighbors}"


def _line(part: xr.Dataset, name: str, x: np.ndarray) -> Line:
    low, high = (part[f"{name}_{end}"].values if f"{name}_{end}" in part else None for end in ("low", "high"))
    return Line(x, np.asarray(part[name].values, np.float64), low, high)


def _mark(ax: Axes, curve: _Curve) -> None:
    """Put a dot at the peak, and hollow points where items are left out."""
    line, peak = curve.line, curve.peak()
    few = ~curve.sure
    if few.any():
        ax.plot(line.x[few], line.values[few], linestyle="", color=curve.color, label="_few", **_FEW)
    if peak is not None:
        ax.plot(line.x[peak], line.values[peak], linestyle="", color=curve.color, label="_peak", **_PEAK)


def _draw_imbalance(ax: Axes, result: xr.Dataset, x: Depth) -> Axes:
    """Draw both directions of Δ, where their mean is lowest, and where the dimensions of both sides are highest."""
    if not {"gride", _DELTA} <= set(result):
        message = (
            "a picture of Δ with the peaks of dimensions needs a comparison of kind 'dimension'; the result holds "
            f"{held(result)}."
        )
        raise InputError(message)
    curves = _curves(result, x)
    plot_profile(result, ax, x=x, null=False)
    handles: list[Any] = list(ax.get_legend_handles_labels()[0])
    ax.axvline(_lowest(result, x), color=CHANCE_COLOR, linestyle=":", linewidth=1.0, label="_lowest")
    handles.append(_entry(CHANCE_COLOR, ":", _LOWEST))
    main = _gride(int(result.attrs["main_n_neighbors"]))
    names = dict(zip(_SIDES.values(), side_names(result), strict=True))
    for each in curves:
        peak = each.peak()
        if each.name == main and peak is not None:
            style = DIRECTION_STYLES[each.style]
            ax.axvline(each.line.x[peak], color=each.color, linestyle=style, linewidth=0.9, label="_peak")
            handles.append(_entry(each.color, style, f"peak of {names[each.style]} ({main})"))
    legend_above(ax, handles=handles)
    return ax


def _lowest(result: xr.Dataset, x: Depth) -> float:
    delta = result[_DELTA].mean("direction").values
    return float(depth(result, x=x)[int(np.nanargmin(delta))])


def _legend(curves: list[_Curve], result: xr.Dataset) -> list[Line2D]:
    """Explain colors and line styles apart."""
    handles = [_entry(color, "-", name) for name, color in {each.name: each.color for each in curves}.items()]
    styles = list(dict.fromkeys(each.style for each in curves))
    if len(styles) > 1:
        names = side_names(result)
        handles += [
            _entry("black", DIRECTION_STYLES[style], name) for style, name in zip(styles, names, strict=True)
        ]
    if any(each.peak() is not None for each in curves):
        handles.append(_entry("black", "", "peak", marker=_PEAK))
    if any(not each.sure.all() for each in curves):
        handles.append(_entry("black", "", "equal items left out", marker=_FEW))
    return handles


def _entry(color: str, style: Any, label: str, /, *, marker: dict[str, Any] | None = None) -> Line2D:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=color, linestyle=style, label=label, **(marker or {}))
