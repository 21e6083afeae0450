"""Drawn Axes as interactive charts: what the page shows is what the figure shows, read back from it.

A chart is the plain value (traces and layout) that Plotly's JavaScript draws, so neither its Python objects nor
a second description of any figure is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.report._names import as_written

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection, QuadMesh
    from matplotlib.lines import Line2D

__all__ = ["chart", "description"]

_DIGITS = 5  # more cannot be seen in a chart, and would make the page larger

# In pixels. A chart grows with its legend, which stands below its axis in two columns, or in one where
# names are long: Plotly alone would let the legend and the axis title overlap.
_PLOT, _TOP, _AXIS, _LEGEND_ROW, _LONG_NAME = 270, 40, 55, 20, 26

# Plotly's names of the line styles; a dash pattern of our own is a dash to it.
_DASHES = {"-": "solid", "--": "dash", ":": "dot", "-.": "dashdot"}


def chart(ax: Axes, /) -> dict[str, Any]:
    """Read the lines, bands and maps of drawn Axes into a chart.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Axes that a plot function of this package drew.

    Returns
    -------
    dict
        ``data`` and ``layout``, as ``Plotly.newPlot`` takes them; only plain values.
    """
    from matplotlib.collections import PolyCollection, QuadMesh

    traces: list[dict[str, Any]] = []
    shapes: list[dict[str, Any]] = []
    for collection in ax.collections:
        if isinstance(collection, QuadMesh):
            traces.append(_map(ax, collection))
        elif isinstance(collection, PolyCollection):
            traces += _bands(collection)
    for line in ax.lines:
        if line.get_transform().contains_branch(ax.transData) and not _is_level(ax, line):
            traces.append(_curve(line))
        else:
            shapes.append(_level(line))
    for patch in ax.patches:
        box = patch.get_extents().transformed(ax.transData.inverted())
        shapes.append(
            {
                "type": "rect",
                "xref": "x",
                "yref": "paper",
                "x0": _number(box.x0),
                "x1": _number(box.x1),
                "y0": 0,
                "y1": 1,
                "fillcolor": _color(patch.get_facecolor()),
                "line": {"width": 0},
                "layer": "below",
            }
        )
    names = [trace["name"] for trace in traces if "name" in trace and trace.get("showlegend", True)]
    return {"data": traces, "layout": _layout(ax, shapes, names)}


def description(ax: Axes, /) -> str:
    """Say in words what drawn Axes show, for readers who cannot see them.

    Returns
    -------
    str
        The axes, and of every line where it begins, ends and has its extremes.
    """
    from matplotlib.collections import QuadMesh

    parts = []
    for mesh in (item for item in ax.collections if isinstance(item, QuadMesh)):
        trace = _map(ax, mesh)
        values = np.array(trace["z"], dtype=np.float64)
        row, column = np.unravel_index(np.nanargmin(values), values.shape)
        over = " and ".join(
            filter(None, (ax.get_xlabel(), ax.get_ylabel()))
        )  # maps that share an axis name it once
        parts.append(
            f"Heat map over {over}, from {np.nanmin(values):.2f} "
            f"(at {trace['x'][column]:g}, {trace['y'][row]:g}) to {np.nanmax(values):.2f}."
        )
    curves = [line for line in ax.lines if not _is_level(ax, line) and np.size(line.get_xdata()) > 1]
    if curves:
        parts.append(f"Lines of {ax.get_ylabel()} over {ax.get_xlabel()}.")
    for line in curves:
        curve = _curve(line)
        y = np.array(curve["y"], dtype=np.float64)
        if np.isfinite(y).any():
            low, high = int(np.nanargmin(y)), int(np.nanargmax(y))
            name = as_written(str(line.get_label()))
            parts.append(
                f"{name}: from {y[0]:.2f} to {y[-1]:.2f}, lowest {y[low]:.2f} at {curve['x'][low]:g}, "
                f"highest {y[high]:.2f} at {curve['x'][high]:g}."
            )
    title = ax.get_title("left")
    return as_written(" ".join([f"{title}:"] * bool(title) + parts))


def _in_chart(text: str, /) -> str:
    """Return a text as Plotly has to be given it: tags, entities and values in braces would be read as such."""
    return as_written(text).replace("&", "&amp;").replace("<", "&lt;").replace("%{", "%&#123;")


def _is_level(ax: Axes, line: Line2D, /) -> bool:
    """Tell a line over the whole width (a zero line, a chance level) from a curve."""
    return line.get_transform() == ax.get_yaxis_transform(which="grid")


def _curve(line: Line2D, /) -> dict[str, Any]:
    """Read a line, or the lone marker on the best cell of a map."""
    marker = line.get_linestyle() == "None"
    color = _color(line.get_markeredgecolor() if marker else line.get_color())
    trace = {
        "type": "scatter",
        "x": _numbers(line.get_xdata()),
        "y": _numbers(line.get_ydata()),
        "name": _in_chart(str(line.get_label())),
    }
    if marker:
        style = {"size": 12, "symbol": "circle-open", "color": color, "line": {"width": 2}}
        return trace | {"mode": "markers", "marker": style, "showlegend": False}
    stroke = {"color": color, "width": 2, "dash": _dash(line)}
    return trace | {"mode": "lines+markers", "line": stroke, "marker": {"size": 4}}


def _dash(line: Line2D, /) -> str:
    """Name the style of a line for Plotly."""
    style = str(line.get_linestyle())
    # Matplotlib calls a pattern of one's own "--".
    return _DASHES.get(style, "dash")


def _bands(collection: PolyCollection, /) -> list[dict[str, Any]]:
    """Read the filled areas of intervals."""
    return [
        {
            "type": "scatter",
            "x": _numbers(corners[:, 0]),
            "y": _numbers(corners[:, 1]),
            "fill": "toself",
            "fillcolor": _color(collection.get_facecolor()[0]),
            "line": {"width": 0},
            "mode": "lines",
            "hoverinfo": "skip",
            "showlegend": False,
        }
        for path in collection.get_paths()
        for corners in [np.asarray(path.vertices, dtype=np.float64)]
        if len(corners)
    ]


def _map(ax: Axes, mesh: QuadMesh, /) -> dict[str, Any]:
    """Read a heat map; its cells are centered on the middle of their edges."""
    corners = np.asarray(mesh.get_coordinates())
    values = np.ma.filled(np.ma.asarray(mesh.get_array(), dtype=np.float64), np.nan)
    shape = (corners.shape[0] - 1, corners.shape[1] - 1)
    low, high = mesh.get_clim()
    levels = np.linspace(0, 1, 11)
    return {
        "type": "heatmap",
        "x": _numbers((corners[0, 1:, 0] + corners[0, :-1, 0]) / 2),
        "y": _numbers((corners[1:, 0, 1] + corners[:-1, 0, 1]) / 2),
        "z": [_numbers(row) for row in values.reshape(shape)],
        "zmin": _number(low),
        "zmax": _number(high),
        "colorscale": [[float(level), _color(mesh.get_cmap()(level))] for level in levels],
        "hovertemplate": (
            f"{_in_chart(ax.get_xlabel())} %{{x}}<br>{_in_chart(ax.get_ylabel())} %{{y}}<br>%{{z:.3f}}<extra></extra>"
        ),
    }


def _level(line: Line2D, /) -> dict[str, Any]:
    """Read a line over the whole width."""
    height = _numbers(line.get_ydata())[0]
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": height,
        "y1": height,
        "line": {"color": _color(line.get_color()), "width": 1, "dash": _dash(line)},
        "label": {"text": "" if str(line.get_label()).startswith("_") else _in_chart(str(line.get_label()))},
    }


def _layout(ax: Axes, shapes: list[dict[str, Any]], names: list[str], /) -> dict[str, Any]:
    """Read labels, ranges and scales of the axes."""
    axes = {}
    for name, axis, limits in (("xaxis", ax.xaxis, ax.get_xlim()), ("yaxis", ax.yaxis, ax.get_ylim())):
        logarithmic = axis.get_scale() == "log"
        ends = np.log10(limits) if logarithmic else np.asarray(limits)
        axes[name] = {
            "title": {"text": _in_chart(axis.get_label().get_text())},
            "range": _numbers(ends),
            "type": "log" if logarithmic else "linear",
            "zeroline": False,
        }
        if logarithmic:  # plotly would write 2 for 20 beside a power of ten
            places = axis.get_majorticklocs().tolist()
            labels = axis.get_major_formatter().format_ticks(places)
            axes[name] |= {"tickvals": _numbers(places), "ticktext": [_in_chart(text) for text in labels]}
    rows = len(names) if any(len(name) > _LONG_NAME for name in names) else -(-len(names) // 2)
    bottom = _AXIS + _LEGEND_ROW * rows
    return {
        **axes,
        "title": {"text": _in_chart(ax.get_title("left")), "font": {"size": 14}, "x": 0, "xref": "paper"},
        "height": _TOP + _PLOT + bottom,
        "shapes": shapes,
        "hovermode": "closest",
        "legend": {"orientation": "h", "x": 0, "y": -_AXIS / _PLOT, "yanchor": "top"},
        "margin": {"l": 60, "r": 20, "t": _TOP, "b": bottom},
        "template": {"layout": {"font": {"family": "system-ui, sans-serif", "size": 12}}},
    }


def _color(color: Any, /) -> str:
    """Write a color as CSS does."""
    from matplotlib.colors import to_rgba

    red, green, blue, alpha = to_rgba(color)
    return f"rgba({round(red * 255)},{round(green * 255)},{round(blue * 255)},{alpha:.2f})"


def _numbers(values: Any, /) -> list[float | None]:
    """Return plain numbers, None where a value is not finite: JSON knows no NaN."""
    return [_number(value) for value in np.asarray(values, dtype=np.float64)]


def _number(value: float, /) -> float | None:
    """Return a plain rounded number, or None if it is not finite."""
    return round(float(value), _DIGITS) if np.isfinite(value) else None
