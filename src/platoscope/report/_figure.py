"""What every plot function does around drawing: a figure of its own where none is given, and letters of all scripts."""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Any, ParamSpec

from platoscope.errors import PlatoscopeWarning
from platoscope.report._fonts import BOXES, show_letters
from platoscope.report.style import new_figure, style_beside_others

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

__all__ = ["figure_function"]

P = ParamSpec("P")


def figure_function(plot: Callable[P, Axes], /) -> Callable[P, Axes]:
    """Make a plot function of one that draws data, its first argument, on the Axes ``ax``, its second.

    Without Axes it opens a figure, which is gone again where the data cannot be drawn. Settings of Matplotlib are those of
    before when it returns, and fonts are the user's.

    Warns
    -----
    PlatoscopeWarning
        Once, with the letters that no font has.
    """

    @functools.wraps(plot)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Axes:
        given = args[1] if len(args) > 1 else kwargs.get("ax")
        ax = plot(*args, **kwargs) if given is not None else _on_new(plot, *args, **kwargs)
        boxes = show_letters(ax)
        if boxes:
            message = f"{BOXES} {boxes!r}, which show as boxes. Install one that has them, for instance of the Noto family."
            warnings.warn(message, PlatoscopeWarning, stacklevel=2)
        return ax

    return drawn


def _on_new(plot: Any, data: Any, /, ax: Any = None, **kwargs: Any) -> Axes:
    import matplotlib.pyplot as plt

    figure = new_figure()
    try:
        with style_beside_others():
            axes: Axes = plot(data, figure.subplots(), **kwargs)
    except BaseException:
        plt.close(figure)
        raise
    return axes
