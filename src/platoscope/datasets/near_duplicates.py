"""Near-duplicates: items that say almost the same, by their characters or by their representations."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.arguments import instance, numbers
from platoscope.checks import number
from platoscope.datasets.pairs import FilterCount, Pairs
from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.datasets.pairs import Side

__all__ = ["check_threshold", "drop_close", "drop_near_duplicates"]

_GRAM = 5
_ROUNDING = 1e-9


def drop_near_duplicates(pairs: Pairs, /, *, threshold: float = 0.8) -> Pairs:
    """Drop each pair whose `a` or whose `b` is almost a text of an earlier pair that was kept.

    Two sentences that differ in a name are each other's nearest neighbors in every representation, and pull Δ down
    whatever the model. Texts are alike by the share of character 5-grams that they have in common (Jaccard index of
    the two sets, case and runs of white space aside).

    Parameters
    ----------
    pairs : Pairs
        In the order that decides which of several stays: the first. Image sides are not looked at.
    threshold : float
        Share from which on two texts are near-duplicates, above 0 and at most 1.

    Returns
    -------
    Pairs
        No two texts of one side are as alike as `threshold`. `counts` has the step, `provenance` the threshold.

    Raises
    ------
    InputError
        If `threshold` is out of range, or no side holds texts.

    Notes
    -----
    Exact, not hashed: of two texts that are that alike, one of the rarest grams of each is shared, so that only those
    are looked up (prefix filter [1]_) and each candidate is compared in full. Memory is linear in the characters; time
    is about linear too, and quadratic at worst, where all texts are made of the same phrases. A reworded or reordered
    sentence is none, a translation neither; of short texts one other word is much.

    References
    ----------
    .. [1] S. Chaudhuri, V. Ganti, R. Kaushik (2006). A primitive operator for similarity joins in data cleaning.
       ICDE.

    Examples
    --------
    >>> from platoscope.datasets import Pairs, Side
    >>> texts = ["Press the first button to go on.", "Press the FIRST button to go on!", "Nothing like it."]
    >>> toy = Pairs("toy", Side("en", "text", texts), Side("it", "text", ["uno", "due", "tre"]))
    >>> kept = drop_near_duplicates(toy)
    >>> kept.ids, kept.counts[-1].dropped
    (('0', '2'), 1)
    """
    instance("pairs", pairs, Pairs, made_by="load_pairs")
    check_threshold("threshold", threshold)
    sides = [side for side in (pairs.a, pairs.b) if side.modality == "text"]
    if not sides:
        message = (
            f"near-duplicates are found in texts, and {pairs.name!r} has none; compare representations of its images "
            "with drop_close."
        )
        raise InputError(message)
    found = [_Kept(side, threshold) for side in sides]
    rule = f"share of common {_GRAM}-grams of characters from {threshold:g} on"
    return _drop(pairs, sides, found, rule, {"threshold": threshold, "grams": _GRAM})


def drop_close(pairs: Pairs, vectors_a: Any | None, vectors_b: Any | None, /, *, distance: float) -> Pairs:
    """Drop each pair of which a representation is almost that of an earlier pair that was kept.

    Parameters
    ----------
    pairs : Pairs
        In the order that decides which of several stays: the first.
    vectors_a, vectors_b : array of shape (n_pairs, n_features), or None
        A representation of each item of that side, such as ``numpy.asarray(representations.layer(6))``. None leaves
        the side alone. It decides which items are compared, so take it from another model or layer than those that
        are then compared.
    distance : float
        Cosine distance (1 − cosine) below which two items are near-duplicates, above 0.

    Returns
    -------
    Pairs
        No two items of one side are closer than `distance`. `counts` has the step, `provenance` the distance.

    Raises
    ------
    InputError
        If there is not one finite vector per pair, one is zero, both are None, or `distance` is not above 0.

    Notes
    -----
    One float32 matrix product of each item with those that were kept: time N² D, memory linear in N.
    """
    instance("pairs", pairs, Pairs, made_by="load_pairs")
    if not number("distance", distance) > 0:
        message = f"distance must be above 0, got {distance!r}."
        raise InputError(message)
    given = [(pairs.a, vectors_a), (pairs.b, vectors_b)]
    sides = [side for side, vectors in given if vectors is not None]
    if not sides:
        message = "drop_close needs the representations of at least one side; got None for both."
        raise InputError(message)
    found = [_Near(_units(side, vectors), distance) for side, vectors in given if vectors is not None]
    return _drop(pairs, sides, found, f"cosine distance below {distance:g}", {"distance": distance})


def check_threshold(name: str, value: object, /) -> None:
    """Refuse what is no share from which on texts are near-duplicates; `name` is what the caller calls it.

    Raises
    ------
    InputError
        If it is no number above 0 and at most 1.
    """
    if not (isinstance(value, int | float) and 0 < value <= 1):
        message = f"{name} must be above 0 and at most 1, the share of two equal texts; got {value!r}."
        raise InputError(message)


class _Kept:
    """The texts of one side that were kept, and whether another one is almost one of them."""

    def __init__(self, side: Side, threshold: float) -> None:
        grams = [_grams(text) for text in side]
        frequency = Counter(gram for each in grams for gram in each)
        # Rarest first, so that few texts share what is looked up; equals in the order of their characters.
        rank = {gram: i for i, gram in enumerate(sorted(frequency, key=lambda gram: (frequency[gram], gram)))}
        self._ranks = [frozenset(rank[gram] for gram in each) for each in grams]
        self._threshold = threshold
        self._holders: defaultdict[int, list[int]] = defaultdict(list)

    def meets(self, item: int, /) -> bool:
        """Tell whether an item is a near-duplicate of a kept one."""
        own = self._ranks[item]
        seen: set[int] = set()
        for gram in self._rarest(own):
            for other in self._holders.get(gram, ()):
                if other not in seen:
                    seen.add(other)
                    common = len(own & self._ranks[other])
                    if common >= self._threshold * (len(own) + len(self._ranks[other]) - common) - _ROUNDING:
                        return True
        return False

    def keep(self, item: int, /) -> None:
        """Remember an item."""
        for gram in self._rarest(self._ranks[item]):
            self._holders[gram].append(item)

    def _rarest(self, ranks: frozenset[int]) -> list[int]:
        """Give the grams of which one is shared by every text that is as alike as the threshold."""
        common = math.ceil(self._threshold * len(ranks) - _ROUNDING)
        return sorted(ranks)[: len(ranks) - common + 1]


class _Near:
    """The vectors of one side that were kept, and whether another one is close to one of them."""

    def __init__(self, units: np.ndarray, distance: float) -> None:
        self._units = units
        self._kept = np.empty_like(units)
        self._n = 0
        self._least = 1 - distance

    def meets(self, item: int, /) -> bool:
        """Tell whether an item is close to a kept one."""
        return bool((self._kept[: self._n] @ self._units[item] > self._least).any())

    def keep(self, item: int, /) -> None:
        """Remember an item."""
        self._kept[self._n] = self._units[item]
        self._n += 1


def _drop(
    pairs: Pairs, sides: Sequence[Side], found: Sequence[_Kept | _Near], rule: str, told: dict[str, Any]
) -> Pairs:
    rows: list[int] = []
    repeats = [0] * len(sides)
    for item in range(len(pairs)):
        met = next((i for i, side in enumerate(found) if side.meets(item)), None)
        if met is not None:
            repeats[met] += 1
            continue
        rows.append(item)
        for side in found:
            side.keep(item)
    kept = pairs.select(rows)
    by_side = ", ".join(f"{n} by {side.name}" for n, side in zip(repeats, sides, strict=True))
    dropped = len(pairs) - len(kept)
    count = FilterCount("near-duplicates", len(kept), dropped, f"{rule}: {by_side}" if dropped else "")
    provenance = {**pairs.provenance, "near_duplicates": told}
    return replace(kept, provenance=provenance, counts=(*pairs.counts, count))


def _grams(text: str) -> set[str]:
    plain = " ".join(text.casefold().split())
    return {plain[i : i + _GRAM] for i in range(max(1, len(plain) - _GRAM + 1))}


def _units(side: Side, vectors: Any) -> np.ndarray:
    """Return unit vectors, one per item."""
    found = numbers(f"vectors of side {side.name!r}", vectors, shape=f"({len(side)}, n_features)").astype(
        np.float32
    )
    if found.ndim != 2 or len(found) != len(side):
        message = f"side {side.name!r} needs vectors of shape ({len(side)}, n_features), got {found.shape}."
        raise InputError(message)
    length = np.linalg.norm(found.astype(np.float64), axis=1, keepdims=True)
    if not np.isfinite(length).all() or (length == 0).any():
        message = f"a vector of side {side.name!r} is zero or not finite, and has no direction."
        raise InputError(message)
    units: np.ndarray = (found / length).astype(np.float32)
    return units
