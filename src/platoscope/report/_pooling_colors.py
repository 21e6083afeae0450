"""Colors of poolings: what they keep tells the hue, and how much of it the shade."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from platoscope.report.style import COLORS, ordered_colors

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["pooling_colors", "pooling_order"]


def _split(pooling: str, /) -> tuple[str, int]:
    """Return the family of a pooling and its number of tokens (0 where it names none)."""
    match = re.fullmatch(r"(\w+)\((?:\d+-)?(\d+)\)", pooling)
    return (match[1], int(match[2])) if match else (pooling, 0)


def pooling_order(pooling: str, /) -> tuple[int, str, int]:
    """Order of the legend: single tokens, means, concatenations, each by its number of tokens."""
    family, k = _split(pooling)
    return ({"last": 0, "mean": 1, "concat": 2}.get(family, 3), family, k)


def pooling_colors(poolings: Sequence[str], /) -> dict[str, str]:
    """Black for the last token, blues for means, oranges for concatenations, greens for frequencies, or the palette."""
    colors: dict[str, str] = {}
    families: dict[str, list[str]] = {}
    for pooling in sorted(poolings, key=pooling_order):
        families.setdefault(_split(pooling)[0], []).append(pooling)
    rest = iter(COLORS[2:4] * len(poolings))
    for family, members in families.items():
        if family == "mean":
            shades = ordered_colors(len(members))
        elif family in ("concat", "dct"):
            shades = ordered_colors(len(members), scale="Oranges" if family == "concat" else "Greens")
        else:
            shades = ["#000000"] if family == "last" else [next(rest) for _ in members]
        colors.update(zip(members, shades, strict=True))
    return colors
