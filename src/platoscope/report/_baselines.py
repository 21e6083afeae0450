"""Baselines in a profile: gray lines of what others are held against, one entry of the legend for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from platoscope.arguments import mapping, sequence
from platoscope.checks import in_short
from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import xarray as xr
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from platoscope.report._lines import Line

__all__ = ["draw_baselines", "split_baselines"]

_GRAY: Final = "0.55"
_WIDTH: Final = 0.7
# The null is dotted, and both directions of a curve are solid and dashed, in color.
_STYLES: Final[tuple[Literal["-", "--", "-."], ...]] = ("-", "--", "-.")


def split_baselines(
    results: xr.Dataset | Mapping[str, xr.Dataset],
    baselines: Mapping[str, Sequence[str]] | None,
    /,
) -> tuple[xr.Dataset | Mapping[str, xr.Dataset], dict[str, list[xr.Dataset]]]:
    """Separate what is drawn in color from baselines, by what the legend calls these.

    Raises
    ------
    InputError
        If baselines are no mapping of lists, or nothing but baselines is left. Names that are not among the results (of
        comparisons that were left out of a run) are passed over.
    """
    import xarray as xr

    if baselines is None:
        return results, {}
    mapping("baselines", baselines)
    if not baselines:
        return results, {}
    if isinstance(results, xr.Dataset):
        msg = (
            "baselines name some of several results, but one result was given; give a dict of results by name"
        )
        raise InputError(msg)
    named = {
        called: sequence(f"baselines of {called!r}", names, of="names") for called, names in baselines.items()
    }
    gray = {name for names in named.values() for name in names}
    colored = {name: dataset for name, dataset in results.items() if name not in gray}
    if not colored:
        msg = (
            f"a figure needs a result beside its baselines; all of {in_short(sorted(results))} are baselines"
        )
        raise InputError(msg)
    found = {called: [results[name] for name in names if name in results] for called, names in named.items()}
    lone = len(colored) == 1
    return next(iter(colored.values())) if lone else colored, {k: v for k, v in found.items() if v}


def draw_baselines(
    ax: Axes, baselines: Mapping[str, Sequence[xr.Dataset]], read: Callable[[xr.Dataset], Line], /
) -> list[Artist]:
    """Draw them behind everything else, and return what the legend needs."""
    from matplotlib.lines import Line2D

    handles: list[Artist] = []
    for i, (called, datasets) in enumerate(baselines.items()):
        style = _STYLES[i % len(_STYLES)]
        for dataset in datasets:
            curve = read(dataset)
            ax.plot(
                curve.x, curve.values, label=called, zorder=1, color=_GRAY, linewidth=_WIDTH, linestyle=style
            )
        handles.append(Line2D([], [], label=called, color=_GRAY, linewidth=_WIDTH, linestyle=style))
    return handles
