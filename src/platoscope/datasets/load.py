"""Loading pairs by their specification: the one way from a name or a path to `Pairs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.datasets.filters import drop_duplicates, drop_empty
from platoscope.datasets.request import DatasetInfo, Options, Request, Source, split_spec
from platoscope.datasets.sources import bible
from platoscope.errors import NotFoundError

if TYPE_CHECKING:
    from platoscope.datasets.pairs import Pairs

__all__ = ["list_datasets", "load_pairs"]

SOURCES: dict[str, Source] = {source.name: source for source in (bible.SOURCE,)}


def load_pairs(spec: str, /, *, keep_duplicates: bool = False) -> Pairs:
    """Load pairs by name."""
    name, variant, root = split_spec(spec)
    source = SOURCES.get(name)
    if source is None:
        message = f"no data set is called {name!r}; there are {', '.join(SOURCES)}."
        raise NotFoundError(message)
    pairs = source.load(Request(spec, name, variant, root, Options()))
    pairs = drop_empty(pairs)
    return pairs if keep_duplicates else drop_duplicates(pairs)


def list_datasets() -> tuple[DatasetInfo, ...]:
    """Return what `load_pairs` knows by name, with what is available on this machine now."""
    return tuple(source.info() for source in SOURCES.values())
