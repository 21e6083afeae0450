"""Pairs of one class: which two images go together, no image in two pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platoscope.checks import whole_number

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = ["same_class_pairs"]


def same_class_pairs(
    labels: Sequence[Hashable], /, *, per_class: int | None = None, seed: int = 0
) -> list[tuple[int, int]]:
    """Draw pairs of items with equal labels, without replacement.

    Parameters
    ----------
    labels : sequence
        The class of each item.
    per_class : int, optional
        At most this many pairs of a class; by default as many as it has, leaving out an odd item.
    seed : int
        Equal labels and seeds give equal pairs.

    Returns
    -------
    list of (int, int)
        Positions of the two items, class by class in the order in which the classes first appear. No position
        comes twice.

    Examples
    --------
    >>> pairs = same_class_pairs(["cat", "dog", "cat", "dog", "cat"])
    >>> sorted(sorted(pair) for pair in pairs)[1]
    [1, 3]
    """
    if per_class is not None:
        whole_number("pairs_per_class", per_class, low=1)
    whole_number("seed", seed, low=0)
    members: dict[Hashable, list[int]] = {}
    for position, label in enumerate(labels):
        members.setdefault(label, []).append(position)
    rng = np.random.default_rng(seed)
    pairs: list[tuple[int, int]] = []
    for positions in members.values():
        order = rng.permutation(positions).tolist()
        drawn = list(zip(order[0::2], order[1::2], strict=False))
        pairs.extend(drawn[:per_class])
    return pairs
