"""What representations show of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.cards import card, cut

if TYPE_CHECKING:
    from platoscope.representations.representations import Representations

__all__ = ["representations_card", "representations_in_short"]


def representations_in_short(r: Representations, /) -> str:
    """Return what two lines say of representations."""
    others = ", ".join(pooling for pooling in r.poolings if pooling != r.pooling)
    return (
        f"<Representations {_counted(r)}, in {cut(r._backing.location, 200)}>\n"
        f"r[i] reads layer r.layers[i] as float32 ({r.n_items}, {_width(r)})"
        + (f"; r.with_pooling(...) has also: {cut(others)}" if others else "")
    )


def representations_card(r: Representations, /) -> str:
    """Return representations as HTML: layers, items, where they are, provenance."""
    facts = {
        "layers": ", ".join(map(str, r.layers)),
        "items": f"{r.n_items:,}, the first of which is {r.ids[0]}" if r.ids else "none",
        "poolings": ", ".join(r.poolings),
        "kept in": r._backing.location,
    }
    return card(f"Representations {_counted(r)}", facts, more=r.provenance)


def _counted(r: Representations, /) -> str:
    span = f"{r.layers[0]}–{r.layers[-1]}" if r.layers else "none"
    return f"{r.pooling!r}: {len(r)} layers ({span} of {r.depth}) × {r.n_items} items × {_width(r)} features"


def _width(r: Representations) -> str:
    narrowest, widest = min(r.widths, default=0), r.n_features
    return f"{widest}" if narrowest == widest else f"{narrowest} to {widest}"
