"""What pairs show of themselves: how many, the first ones, what filters dropped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from platoscope.cards import Picture, card, cut
from platoscope.datasets.images import LazyImages, thumbnail
from platoscope.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from platoscope.datasets.pairs import Pairs, Side

__all__ = ["pairs_card", "pairs_in_short", "side_in_short"]

_FIRST = 3
_SHORT = 60


def side_in_short(side: Side, /) -> str:
    """Return what one line says of a side."""
    kind = f"{side.modality}s"
    first = ", ".join(_in_short(side, i) for i in range(min(_FIRST, len(side))))
    more = ", …" if len(side) > _FIRST else ""
    return f"<Side {cut(side.name, _SHORT)!r}: {len(side):,} {kind}{': ' if first else ''}{first}{more}>"


def pairs_in_short(pairs: Pairs, /) -> str:
    """Return what a few lines say of pairs."""
    lines = [f"<Pairs {cut(pairs.name, _SHORT)!r}: {_counted(pairs)}>"]
    for i in range(min(_FIRST, len(pairs))):
        lines.append(f"  {cut(pairs.ids[i], _SHORT)}: {_in_short(pairs.a, i)} | {_in_short(pairs.b, i)}")
    dropped = [f"{cut(count.step, _SHORT)} −{count.dropped:,}" for count in pairs.counts[1:] if count.dropped]
    if dropped:
        lines.append(f"  of {pairs.counts[0].kept:,}: {cut('; '.join(dropped), 400)}")
    return "\n".join(lines)


def pairs_card(pairs: Pairs, /) -> str:
    """Return pairs as HTML: counts, the first ones with small pictures, filters, provenance."""
    dropped = [f"{count.step}: −{count.dropped:,}, left {count.kept:,}" for count in pairs.counts[1:]]
    first = range(min(_FIRST, len(pairs)))
    return card(
        f"Pairs {pairs.name}: {_counted(pairs)}",
        {"source": f"{pairs.counts[0].kept:,} pairs", "filters": "; ".join(dropped)},
        header=("id", pairs.a.name, pairs.b.name),
        rows=[(pairs.ids[i], _shown(pairs.a, i), _shown(pairs.b, i)) for i in first],
        more=pairs.provenance,
    )


def _counted(pairs: Pairs, /) -> str:
    sides = " and ".join(f"{cut(side.name, _SHORT)} ({side.modality})" for side in (pairs.a, pairs.b))
    strata = "" if pairs.strata is None else f", in {len(set(pairs.strata)):,} strata"
    return f"{len(pairs):,} pairs, {sides}{strata}"


def _in_short(side: Side, i: int, /) -> str:
    """Return an item on part of a line; nothing is read for it."""
    if side.modality == "text":
        return repr(cut(side[i], _SHORT))
    if side.modality == "array":
        return f"array {tuple(side[i].shape)}"
    item = None if isinstance(side.items, LazyImages) else side[i]
    return cut(Path(item).name, _SHORT) if isinstance(item, str | Path) else "image"


def _shown(side: Side, i: int, /) -> Any:
    """Return an item for a table: a text, or a small picture, or why there is none."""
    if side.modality == "text":
        return side[i]
    if side.modality == "array":
        return _in_short(side, i)
    try:
        return Picture(thumbnail(side[i]))
    except (InputError, MissingExtraError) as error:
        return str(error)
