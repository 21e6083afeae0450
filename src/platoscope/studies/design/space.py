"""The space that a comparison looks at, in words: what is compared is stated like the measure is.

A space is the preparation (values of tokens clipped before pooling, a transform of the rows) and the metric. It
depends on nothing that only a run knows, so a plan says what a result will say of itself. On which side of the final
norm the last layer stands is known once a model is loaded; every result says it in its attribute ``last_layer``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from platoscope.layerwise import SPACES
from platoscope.neighbors import parse_transform, transform_name
from platoscope.studies.design.comparison import Source, Surface

if TYPE_CHECKING:
    from collections.abc import Iterable

    from platoscope.measures import SideName
    from platoscope.studies.design.comparison import Comparison, Synthetic
    from platoscope.studies.design.settings import Settings

__all__ = ["distinct_spaces", "given_transform", "space_of", "spaces_label", "spaces_of", "transforms_of"]


def spaces_label(label: str, /) -> str:
    """Give the label of the comparison that looks at the same sides and items in several spaces."""
    return f"{label} spaces"


def transforms_of(comparison: Comparison, settings: Settings, /) -> dict[SideName, tuple[str, ...]]:
    """Give the steps that prepare the rows of each side: none for lengths and made-up data."""
    own = comparison.transform

    def steps(source: Source | Surface | Synthetic, side: SideName) -> tuple[str, ...]:
        if not isinstance(source, Source):
            return ()
        return settings.transform_of(side) if own is None else parse_transform(own)

    return {"a": steps(comparison.a, "a"), "b": steps(comparison.b, "b")}


def given_transform(comparison: Comparison, settings: Settings, /) -> tuple[str, ...]:
    """Give the steps that prepare the rows of the side that is given: those of A, and none for lengths."""
    if not isinstance(comparison.given, Source):
        return ()
    return (
        settings.transform_of("a") if comparison.transform is None else parse_transform(comparison.transform)
    )


def space_of(comparison: Comparison, settings: Settings, /) -> str:
    """Say how the rows of a comparison are prepared, and the metric; of several spaces, each.

    Examples
    --------
    >>> from platoscope.studies import Comparison, Items, Source
    >>> from platoscope.studies.design.settings import Settings
    >>> a, b = Source(model="gemma-3-270m"), Source(model="gemma-3-270m", side="b", clip=None)
    >>> space_of(Comparison(label="x", a=a, b=b, items=Items(data="bible:en-it")), Settings())
    'A: clip 0.05 on tokens + unit; B: unit; euclidean'
    """
    if comparison.kind == "spaces":
        rows = [space.rpartition("; ")[0] for space in spaces_of(comparison, settings)]
        return f"{' / '.join(rows)}; {settings.metric}"
    transforms = transforms_of(comparison, settings)
    a, b = (_rows(side, steps) for side, steps in zip(comparison.sides, transforms.values(), strict=True))
    both = a if a == b else f"A: {a}; B: {b}"
    if comparison.given is not None:
        given = _rows(comparison.given, given_transform(comparison, settings))
        both = a if a == b == given else f"A: {a}; B: {b}; given: {given}"
    return f"{both}; {settings.metric}"


def spaces_of(comparison: Comparison, settings: Settings, /) -> list[str]:
    """Say each of the spaces of a comparison of kind ``spaces``, in the order of its coordinate."""
    return [space_of(replace(comparison, kind="profile", transform=steps), settings) for steps in SPACES]


def distinct_spaces(comparisons: Iterable[Comparison], settings: Settings, /) -> list[str]:
    """Give the spaces that comparisons look at, each once; those that look at several are left out."""
    return list(dict.fromkeys(space_of(item, settings) for item in comparisons if item.kind != "spaces"))


def _rows(source: Source | Surface | Synthetic, steps: tuple[str, ...]) -> str:
    """Say how the rows of one side are prepared."""
    if isinstance(source, Surface):
        return "lengths"
    if not isinstance(source, Source):
        return "as drawn"
    if source.clip is None:
        return transform_name(steps)
    return " + ".join([f"clip {source.clip:g} on tokens", *steps])
