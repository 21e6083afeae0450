"""One model reading one side of some items: what comparisons need of the models, joined where it is the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from platoscope.models import Pooling
from platoscope.studies.design.comparison import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from platoscope.studies.design.comparison import Comparison, Items, SideName, Tower

__all__ = [
    "Extraction",
    "extraction_of",
    "extractions_of",
    "join_poolings",
    "readings_of",
    "sources_of",
]


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """One model reading one side of some items, once, for all poolings that any comparison needs.

    Parameters
    ----------
    model, tower, revision, drop_last, clip, final_norm
        As in `Source`.
    side : {"a", "b"}
        Which side of the items it reads.
    items : Items
        With the tokenizers spelled out.
    layers : tuple of int or None
        Layers that are kept.
    poolings : tuple of str
        What is kept of each layer; a pooling that another one contains (``last`` in ``concat(20)``) is not
        listed.
    """

    model: str
    tower: Tower | None
    revision: str | None
    drop_last: int
    clip: float | None
    final_norm: bool | None
    side: SideName
    items: Items
    layers: tuple[int, ...] | None
    poolings: tuple[str, ...]

    @property
    def identity(self) -> Extraction:
        """The same without poolings: what makes two extractions one pass over the model."""
        return replace(self, poolings=())

    @property
    def reading(self) -> Extraction:
        """The same without what does not change the texts: data sets taken together share their first side."""
        items = self.items
        if items.together and self.side == "a":
            items = replace(items, data=items.together[0])
        return replace(self, items=items, poolings=())

    @property
    def one_pass(self) -> Extraction:
        """What is the same for all that one pass over the model gives, whichever of its states they take."""
        return replace(self.reading, drop_last=0, clip=None, final_norm=None, layers=None)


def extraction_of(comparison: Comparison, source: Source, /) -> Extraction:
    """Give the extraction that serves one side of a comparison."""
    assert comparison.items is not None, "only synthetic comparisons have no items, and they have no sources"
    poolings = [source.pooling]
    if comparison.distances:
        poolings += [f"token({distance})" for distance in comparison.distances]
    return Extraction(
        model=source.model,
        tower=source.tower,
        revision=source.revision,
        drop_last=source.drop_last,
        clip=source.clip,
        final_norm=source.final_norm,
        side=source.side,
        items=comparison.items,
        layers=source.layers,
        poolings=join_poolings(poolings),
    )


def sources_of(comparison: Comparison, /) -> list[Source]:
    """Give the sides of a comparison that a model reads."""
    return [side for side in comparison.all_sides if isinstance(side, Source)]


def readings_of(comparison: Comparison, /) -> list[Extraction]:
    """Give what the models have to read for a comparison, one entry per side."""
    return [extraction_of(member, side) for member in comparison.members() for side in sources_of(member)]


def extractions_of(comparisons: Iterable[Comparison]) -> tuple[Extraction, ...]:
    """Join what the comparisons need, ordered by model in the order in which models first appear."""
    joined: dict[Extraction, tuple[str, ...]] = {}
    for comparison in comparisons:
        for wanted in readings_of(comparison):
            joined[wanted.identity] = join_poolings((*joined.get(wanted.identity, ()), *wanted.poolings))
    models = list(dict.fromkeys(_load(item) for item in joined))
    ordered = sorted(joined, key=lambda item: models.index(_load(item)))
    return tuple(replace(item, poolings=joined[item]) for item in ordered)


def _load(extraction: Extraction) -> tuple[object, ...]:
    """Give what a model must be loaded again for."""
    return extraction.model, extraction.tower, extraction.revision


def join_poolings(poolings: Sequence[str]) -> tuple[str, ...]:
    """Drop repeats and what the longest row of kept tokens, or of frequencies, contains already."""
    parsed = [Pooling.parse(item) for item in dict.fromkeys(poolings)]
    rows = [item for item in parsed if item.keeps_tokens and item.kind != "dct"]
    longest = max((item.n_vectors for item in rows), default=0)
    highest = max((item.n_tokens for item in parsed if item.kind == "dct"), default=0)
    kept = [str(Pooling("dct", highest))] if highest else []
    for item in parsed:
        inside = (
            item.kind == "dct"
            or (item.keeps_tokens and item.n_vectors < longest)
            or (item.kind == "last" and longest > 0)
            or (item.kind == "token" and (item.n or 0) < longest)
        )
        if not inside:
            kept.append(str(item))
    return tuple(sorted(kept))
