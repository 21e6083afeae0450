"""Names beside points, where they cover neither each other nor a point."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from platoscope.report._names import as_text
from platoscope.report.style import CHANCE_COLOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

__all__ = ["name_points"]

_Side: TypeAlias = tuple[float, float, str, str]
"""From a point to its name, in distances, and which corner of the name lies there."""
_SIDES: Final[tuple[_Side, ...]] = (
    (1, 1, "left", "bottom"), (1, -1, "left", "top"), (-1, 1, "right", "bottom"), (-1, -1, "right", "top"),
    (0, 1.5, "center", "bottom"), (0, -1.5, "center", "top"),
)  # fmt: skip
_DISTANCES: Final = (2.0, 11.0, 20.0)
"""In points, from a point to the corner of its name; from the second on a line leads there."""
_RADIUS: Final = 2.0
"""Of a marker, in points."""


def name_points(
    ax: Axes, x: np.ndarray, y: np.ndarray, names: Iterable[object], /, *, fontsize: float
) -> None:
    """Write a name beside each point.

    One after the other takes the first place near its point where no other name and no point is, or where it covers least;
    on the Axes as large as the layout of the figure makes them now.
    """
    figure = ax.get_figure(root=True)
    assert figure is not None
    labels = [
        ax.annotate(as_text(name), point, (0, 0), textcoords="offset points", fontsize=fontsize)
        for name, point in zip(names, zip(x, y, strict=True), strict=True)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of letters without a glyph: their fonts are looked for when all is drawn
        figure.draw_without_rendering()
        taken = [_marker(ax, label, _RADIUS * figure.dpi / 72) for label in labels]
        for label in labels:
            distance = _place(ax, label, taken)
            taken.append(label.get_window_extent())
            if distance > _DISTANCES[0]:
                line = {
                    "arrowstyle": "-",
                    "color": CHANCE_COLOR,
                    "linewidth": 0.5,
                    "shrinkA": 0,
                    "shrinkB": _RADIUS,
                }
                ax.annotate("", label.xy, label.get_position(), textcoords="offset points", arrowprops=line)


def _place(ax: Axes, label: Annotation, taken: Sequence[Bbox], /) -> float:
    """Put a name where it covers least, and give its distance from its point."""
    best: tuple[float, float, _Side] = (np.inf, 0.0, _SIDES[0])
    for distance, side in itertools.product(_DISTANCES, _SIDES):
        _move(label, distance, side)
        box = label.get_window_extent()
        covered = _outside(box, ax.bbox) + sum(_common(box, other) for other in taken)
        if covered < best[0]:
            best = (covered, distance, side)
        if not covered:
            break
    _move(label, *best[1:])
    return best[1]


def _move(label: Annotation, distance: float, side: _Side, /) -> None:
    """Put a name at a distance to one side of its point."""
    label.set_position((side[0] * distance, side[1] * distance))
    label.set(horizontalalignment=side[2], verticalalignment=side[3])


def _marker(ax: Axes, label: Annotation, radius: float, /) -> Bbox:
    """Give the square around the marker that a name belongs to, in pixels."""
    from matplotlib.transforms import Bbox

    across, up = ax.transData.transform(label.xy)
    return Bbox.from_extents(across - radius, up - radius, across + radius, up + radius)


def _common(one: Bbox, other: Bbox, /) -> float:
    """Give the area that two boxes share."""
    from matplotlib.transforms import Bbox

    both = Bbox.intersection(one, other)
    return 0.0 if both is None else float(both.width * both.height)


def _outside(box: Bbox, frame: Bbox, /) -> float:
    """Give the area of a box that lies beyond a frame."""
    return float(box.width * box.height) - _common(box, frame)
