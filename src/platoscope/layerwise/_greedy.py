"""Sets of layers of every size, found by adding one layer to the best sets, or leaving one out."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Members", "backward_sets", "forward_sets"]

Members: TypeAlias = "tuple[int, ...]"
"""Positions of the layers of a set, ascending."""


def forward_sets(
    n: int, worth: Callable[[Members], float], n_best: int, /, *, largest: int | None = None
) -> list[tuple[Members, float]]:
    """Return the best set found of each size from 1 to `largest` (`n` where it is None), and its worth; low is good."""
    found: list[list[tuple[Members, float]]] = []
    going: list[Members] = [()]
    for _ in range(n if largest is None else min(n, largest)):
        wider = {tuple(sorted((*one, i))) for one in going for i in range(n) if i not in one}
        found.append(_best(wider, worth, n_best))
        going = [members for members, _ in found[-1]]
    return [best[0] for best in found]


def backward_sets(n: int, worth: Callable[[Members], float], n_best: int, /) -> list[tuple[Members, float]]:
    """Return the best set found of each size from `n` down to 1, and its worth; low is good."""
    every = tuple(range(n))
    found = [[(every, worth(every))]]
    for _ in range(n - 1):
        narrower = {tuple(x for x in one if x != i) for one, _ in found[-1] for i in one}
        found.append(_best(narrower, worth, n_best))
    return [best[0] for best in found]


def _best(
    sets: Iterable[Members], worth: Callable[[Members], float], n_best: int
) -> list[tuple[Members, float]]:
    return sorted(((members, worth(members)) for members in sorted(sets)), key=lambda one: one[1])[:n_best]
