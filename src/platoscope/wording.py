"""Bytes, seconds and lists of names for people."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["did_you_mean", "in_bytes", "in_operations", "in_time", "listed"]

_MOST_NAMES = 30
_LONGEST_NAME = 60


def listed(names: Collection[object], /) -> str:
    """Write names one after the other; of very many, or very long ones, only as much as one reads.

    Examples
    --------
    >>> listed(["en", "it"]), listed(range(100_000))[-24:]
    ('en, it', '28, 29 and 99,970 others')
    """
    written = []
    for name, _ in zip(names, range(_MOST_NAMES), strict=False):
        text = str(name)
        written.append(text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…")
    others = len(names) - len(written)
    return ", ".join(written) + (f" and {others:,} others" if others else "")


def did_you_mean(name: str, known: Collection[str], /) -> str:
    """Ask whether a known name was meant that is spelled nearly so, with a space before it; of none that is near, nothing.

    Examples
    --------
    >>> did_you_mean("bibel", ["bible", "emoji"]), did_you_mean("x", ["bible"])
    (" Did you mean 'bible'?", '')
    """
    near = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def in_bytes(n_bytes: float, /) -> str:
    """Write a number of bytes in powers of 1000.

    Examples
    --------
    >>> in_bytes(238_000_000), in_bytes(900)
    ('238 MB', '900 B')
    """
    value = float(n_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"


def in_operations(n_operations: float, /) -> str:
    """Write a number of multiplications and additions in units of 10^12, as devices are rated.

    Examples
    --------
    >>> in_operations(21_200_000_000_000), in_operations(3e15)
    ('21.2 × 10^12', '3,000 × 10^12')
    """
    value = n_operations / 1e12
    return f"{value:,.0f} × 10^12" if value >= 100 else f"{value:.3g} × 10^12"


def in_time(seconds: float, /) -> str:
    """Write a rough time in its natural unit.

    Examples
    --------
    >>> in_time(0.2), in_time(70), in_time(600), in_time(9000)
    ('1 s', '70 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:,.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"
