"""Baselines in a profile: thin lines of what others are held against, one entry of the legend for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from platoscope.arguments import mapping, sequence
from platoscope.checks import in_short
from platoscope.errors import InputError
from platoscope.report._names import as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import xarray as xr
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from platoscope.report._lines import Line

    BaselinesByKind: TypeAlias = Mapping[str, Sequence[str] | Mapping[str, Sequence[str]]]

__all__ = ["Baselines", "draw_baselines", "split_baselines"]

_GRAY: Final = "0.55"
_FAINT: Final = 0.55  # opacity of what has the color of its condition
_WIDTH: Final = 0.7
# The null is dotted, and both directions of a curve are solid and dashed, in color.
_STYLES: Final[tuple[Literal["-", "--", "-."], ...]] = ("-", "--", "-.")


@dataclass(frozen=True)
class Baselines:
    """Those of one kind: what the legend calls it, the condition whose they are (None: of all), and the results."""

    kind: str
    condition: str | None
    datasets: Sequence[xr.Dataset]


def split_baselines(
    results: xr.Dataset | Mapping[str, xr.Dataset], baselines: BaselinesByKind | None, /
) -> tuple[xr.Dataset | Mapping[str, xr.Dataset], list[Baselines]]:
    """Separate what is drawn as curves from baselines, by what the legend calls these.

    Raises
    ------
    InputError
        If baselines are no mapping of lists, or of mappings of lists, or nothing but baselines is left. Names that are not
        among the results (of comparisons that were left out of a run) are passed over.
    """
    import xarray as xr

    if baselines is None:
        return results, []
    mapping("baselines", baselines)
    if not baselines:
        return results, []
    if isinstance(results, xr.Dataset):
        msg = (
            "baselines name some of several results, but one result was given; give a dict of results by name"
        )
        raise InputError(msg)
    named = list(_named(baselines))
    against = {name for _, _, names in named for name in names}
    curves = {name: dataset for name, dataset in results.items() if name not in against}
    if not curves:
        msg = (
            f"a figure needs a result beside its baselines; all of {in_short(sorted(results))} are baselines"
        )
        raise InputError(msg)
    found = [
        Baselines(kind, condition, [results[name] for name in names if name in results])
        for kind, condition, names in named
        if condition is None or condition in curves
    ]
    lone = len(curves) == 1
    return next(iter(curves.values())) if lone else curves, [group for group in found if group.datasets]


def _named(baselines: BaselinesByKind, /) -> Iterator[tuple[str, str | None, Sequence[str]]]:
    """Give kind, condition and names of each group."""
    for kind, group in baselines.items():
        if not isinstance(group, Mapping):
            yield kind, None, sequence(f"baselines of {kind!r}", group, of="names")
            continue
        for condition, names in group.items():
            yield kind, condition, sequence(f"baselines {kind!r} of {condition!r}", names, of="names")


def draw_baselines(
    ax: Axes,
    baselines: Sequence[Baselines],
    read: Callable[[xr.Dataset], Line],
    /,
    *,
    colors: Mapping[str, str],
) -> list[Artist]:
    """Draw them behind everything else, and return what the legend needs.

    A kind has a style of line; what belongs to one of several conditions has a faint shade of its color in `colors`, and
    what does not is gray.
    """
    from matplotlib.colors import to_rgba
    from matplotlib.lines import Line2D

    kinds = list(dict.fromkeys(group.kind for group in baselines))
    styles = {kind: _STYLES[i % len(_STYLES)] for i, kind in enumerate(kinds)}
    for group in baselines:
        own = colors.get(as_text(group.condition)) if group.condition is not None else None
        color = to_rgba(_GRAY) if own is None else to_rgba(own, _FAINT)
        label = as_text(group.kind if own is None else f"{group.condition} · {group.kind}")
        for dataset in group.datasets:
            curve = read(dataset)
            ax.plot(
                curve.x,
                curve.values,
                label=label,
                zorder=1,
                color=color,
                linewidth=_WIDTH,
                linestyle=styles[group.kind],
            )
    return [
        Line2D([], [], label=as_text(kind), color=_GRAY, linewidth=_WIDTH, linestyle=style)
        for kind, style in styles.items()
    ]
