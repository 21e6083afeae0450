"""The one style sheet of every figure: sizes, type, lines and colors.

It is applied with `figure_style` around whatever draws; importing Platoscope never changes
``matplotlib.rcParams``.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final, Literal

from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.figure import Figure

__all__ = [
    "CHANCE_COLOR",
    "COLORS",
    "DIRECTION_STYLES",
    "DOUBLE_COLUMN",
    "FONT",
    "PANEL_HEIGHT",
    "REGION_COLOR",
    "SINGLE_COLUMN",
    "condition_colors",
    "figure_style",
    "new_figure",
    "ordered_colors",
    "style_beside_others",
]

SINGLE_COLUMN: Final = 3.35
"""Width in inches of one column of a two-column journal page (85 mm)."""

DOUBLE_COLUMN: Final = 6.9
"""Width in inches of a figure over both columns (175 mm)."""

PANEL_HEIGHT: Final = 2.5
"""Height in inches of one panel."""

COLORS: Final = (
    "#0072B2",  # blue
    "#D55E00",  # vermillion
    "#009E73",  # bluish green
    "#CC79A7",  # reddish purple
    "#E69F00",  # orange
    "#56B4E9",  # sky blue
    "#000000",  # black
)
"""The palette of Okabe and Ito (2008), which the common color-vision deficiencies keep apart.

Its yellow is left out: a thin yellow line on white paper cannot be seen by anyone.
"""

_FURTHER: Final = (
    "#00395A",  # dark blue
    "#6B2F00",  # brown
    "#B0B000",  # olive
    "#6A2C5B",  # plum
    "#7FD6C2",  # pale green
    "#F2A58C",  # salmon
)
"""Colors of an eighth condition and more: tints that lie far from the palette's."""

CHANCE_COLOR: Final = "#7F7F7F"
"""The gray of everything that is not a result: nulls, chance levels, zero lines."""

REGION_COLOR: Final = "#F6EFC9"
"""The pale yellow behind the layers of a semantic region, which no band of the palette resembles."""

DIRECTION_STYLES: Final[Mapping[str, Any]] = {"a_to_b": "-", "b_to_a": (0, (4, 1.5)), "mean": "-"}
"""Line style of each direction; color is left for the condition."""

FONT: Final = "DejaVu Sans"
"""It ships with Matplotlib, so every machine draws the same."""

_STYLE: Final[Any] = {  # Any: Matplotlib types the keys as a literal of all its settings
    "font.family": "sans-serif",
    "font.sans-serif": [FONT],
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 1.9,
    "legend.borderaxespad": 0.3,
    "legend.labelspacing": 0.3,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.axisbelow": True,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.linewidth": 1.3,
    "lines.markersize": 3,
    "image.cmap": "viridis",
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "savefig.facecolor": "white",
    "svg.fonttype": "none",  # text stays text: it can be searched, read aloud and edited
    "svg.hashsalt": "platoscope",  # without it the ids in an SVG differ from run to run
    "pdf.fonttype": 42,  # journals refuse Type 3
    # PDF too: Matplotlib reads this one for the number of glyphs in a font, and at its default of 3 each
    # font is embedded twice, for Latin letters and for Δ, δ and →.
    "ps.fonttype": 42,
    "path.simplify": True,
}


@contextlib.contextmanager
def figure_style() -> Iterator[None]:
    """Apply the style sheet inside a ``with`` block and restore what was there after it.

    Drawing *and* saving belong inside: Matplotlib makes tick labels only when a figure is drawn.

    Examples
    --------
    >>> import matplotlib
    >>> before = matplotlib.rcParams["font.size"]
    >>> with figure_style():
    ...     matplotlib.rcParams["font.size"]
    8.0
    >>> matplotlib.rcParams["font.size"] == before
    True
    """
    import matplotlib

    # That a font for other letters has no bold of its own is nothing that a reader of a figure could mend.
    fonts = logging.getLogger("matplotlib.font_manager")
    level = fonts.level
    fonts.setLevel(logging.ERROR)
    try:
        with matplotlib.rc_context(_STYLE):
            yield
    finally:
        fonts.setLevel(level)


@contextlib.contextmanager
def style_beside_others() -> Iterator[None]:
    """Apply the style sheet but for its fonts, which are the user's in a figure among others."""
    import matplotlib

    others = {name: value for name, value in _STYLE.items() if not name.startswith("font.family")}
    del others["font.sans-serif"]
    with matplotlib.rc_context(others):
        yield


def new_figure(*, width: float = SINGLE_COLUMN, height: float = PANEL_HEIGHT) -> Figure:
    """Return a new pyplot figure of the size that the style sheet is made for, which a notebook shows.

    It is opened under the user's settings: with the first figure pyplot loads the backend, which sets what a notebook shows
    figures by, and would lose that at the end of a style.

    Parameters
    ----------
    width, height : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        Empty.
    """
    import matplotlib.pyplot as plt

    return plt.figure(figsize=(width, height), dpi=_STYLE["figure.dpi"], layout="constrained")


def condition_colors(labels: Sequence[str], /) -> dict[str, str]:
    """Give each condition its color, in the order of `labels`.

    Beyond thirteen the first ones return; such a condition is told apart by its place in the legend only, so a figure
    with more wants to be two.

    Examples
    --------
    >>> condition_colors(["it", "es"])
    {'it': '#0072B2', 'es': '#D55E00'}
    >>> len(set(condition_colors("abcdefghijklm").values()))
    13
    """
    every = COLORS + _FURTHER
    return {label: every[i % len(every)] for i, label in enumerate(labels)}


def ordered_colors(n: int, /, *, scale: Literal["Blues", "Oranges", "Greens"] = "Blues") -> list[str]:
    """Return `n` colors of one hue from light to dark for conditions that have an order (k, model size).

    Parameters
    ----------
    n : int
        How many; at least 1.
    scale : {"Blues", "Oranges", "Greens"}, default: "Blues"
        The hue.

    Raises
    ------
    InputError
        If `n` is less than 1.

    Examples
    --------
    >>> ordered_colors(1)
    ['#0d57a1']
    """
    if n < 1:
        message = f"ordered_colors needs n of at least 1, got n={n}"
        raise InputError(message)
    import matplotlib
    from matplotlib.colors import to_hex

    colormap = matplotlib.colormaps[scale]
    # The lightest third of the map disappears on white paper.
    return [to_hex(colormap(0.35 + 0.5 * (i / (n - 1) if n > 1 else 1.0))) for i in range(n)]
