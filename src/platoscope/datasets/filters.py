"""Filters of pairs: each one appends to `Pairs.counts` what it dropped, and why."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from platoscope.arguments import instance, numbers
from platoscope.checks import listing, whole_number
from platoscope.datasets.images import digest_pixels
from platoscope.datasets.pairs import FilterCount, Pairs, Side, digest_array, require
from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "clean",
    "drop_duplicates",
    "drop_empty",
    "drop_unreadable",
    "equal_size",
    "filter_lengths",
    "tokens_per_character",
]


def drop_duplicates(pairs: Pairs, /) -> Pairs:
    """Drop each pair whose `a` or whose `b` repeats that of an earlier pair that was kept.

    Two equal items are each other's nearest neighbor in every representation and drive Δ towards 0 whatever
    the model. Texts are equal when all their characters are; images, when all their RGB pixels are.

    Parameters
    ----------
    pairs : Pairs
        In the order that decides which of several equal items stays: the first.

    Returns
    -------
    Pairs
        No item comes twice on either side. (One text on both sides of a pair is no duplicate.)
    """
    instance("pairs", pairs, Pairs, made_by="load_pairs")
    return _without_repeats(pairs, _keys(pairs.a), _keys(pairs.b))


def drop_empty(pairs: Pairs, /) -> Pairs:
    """Drop pairs with a text of nothing but white space on either side."""
    instance("pairs", pairs, Pairs, made_by="load_pairs")
    texts = [side for side in (pairs.a, pairs.b) if side.modality == "text"]
    kept = [i for i in range(len(pairs)) if all(side[i].strip() for side in texts)]
    return _keep(pairs, kept, "empty", "a text of white space only")


def drop_unreadable(pairs: Pairs, /) -> Pairs:
    """Drop pairs with an image that cannot be opened on either side.

    Every image is decoded, which takes some milliseconds each.
    """
    instance("pairs", pairs, Pairs, made_by="load_pairs")
    kept, note = _readable(pairs, _keys(pairs.a), _keys(pairs.b))
    return _keep(pairs, kept, "unreadable images", note)


def clean(pairs: Pairs, /, *, keep_duplicates: bool) -> Pairs:
    """Do what every data set needs: drop empty texts, unreadable images, and (unless kept) duplicates.

    The same as one filter after the other, but each image is decoded once only.
    """
    modalities = {pairs.a.modality, pairs.b.modality}
    if "text" in modalities:
        pairs = drop_empty(pairs)
    if "image" not in modalities:
        return pairs if keep_duplicates else drop_duplicates(pairs)
    keys_a, keys_b = _keys(pairs.a), _keys(pairs.b)
    kept, note = _readable(pairs, keys_a, keys_b)
    pairs = _keep(pairs, kept, "unreadable images", note)
    if keep_duplicates:
        return pairs
    return _without_repeats(pairs, [keys_a[i] for i in kept], [keys_b[i] for i in kept])


def filter_lengths(
    pairs: Pairs,
    lengths_a: np.ndarray | None,
    lengths_b: np.ndarray | None,
    /,
    *,
    minimum: int = 40,
    maximum: int = 80,
) -> Pairs:
    """Keep the pairs whose two sides have from `minimum` to `maximum` tokens, both ends included.

    Parameters
    ----------
    pairs : Pairs
        What to filter.
    lengths_a, lengths_b : array of shape (n_pairs,), dtype int, or None
        Tokens of each item under the tokenizer that will read that side (`Encoder.lengths`). `None` leaves
        a side unfiltered, as an image side must be.
    minimum, maximum : int
        The paper's 40 and 80 by default.

    Returns
    -------
    Pairs
        With up to four more counts, taken in this order: `a` too short, `a` too long, `b` too short, `b` too
        long; a pair is counted under the first that applies.

    Raises
    ------
    InputError
        If there is not one length per pair, or `minimum` exceeds `maximum`.

    Examples
    --------
    >>> from platoscope.datasets import Pairs, Side
    >>> toy = Pairs("toy", Side("en", "text", ["a b c", "a"]), Side("it", "text", ["a b", "a b"]))
    >>> kept = filter_lengths(toy, [3, 1], [2, 2], minimum=2, maximum=3)
    >>> [(count.step, count.dropped) for count in kept.counts if count.dropped]
    [('en under 2 tokens', 1)]
    """
    instance("pairs", pairs, Pairs, made_by="load_pairs")
    if whole_number("minimum", minimum, low=0) > whole_number("maximum", maximum, low=0):
        message = f"lengths need 0 <= minimum <= maximum, got minimum={minimum} and maximum={maximum}."
        raise InputError(message)
    n_pairs = len(pairs)
    rows = np.arange(n_pairs)  # where the pairs that are left stood at first
    for name, given in ((pairs.a.name, lengths_a), (pairs.b.name, lengths_b)):
        if given is None:
            continue
        lengths = numbers(f"lengths of side {name!r}", given, shape="(n_pairs,)")
        if lengths.shape != (n_pairs,):
            message = f"side {name!r} has {n_pairs} items, but its lengths have shape {lengths.shape}."
            raise InputError(message)
        for step, good in (
            (f"{name} under {minimum} tokens", lengths >= minimum),
            (f"{name} over {maximum} tokens", lengths <= maximum),
        ):
            survivors = good[rows]
            pairs = _keep(pairs, np.flatnonzero(survivors), step)
            rows = rows[survivors]
    return pairs


def tokens_per_character(side: Side, lengths: np.ndarray, /) -> np.ndarray:
    """Return the tokens that a tokenizer spends per character of each text: the control for tokenization.

    Parameters
    ----------
    side : Side
        A text side.
    lengths : array of shape (n_items,)
        Tokens per item under that tokenizer.

    Returns
    -------
    ndarray of shape (n_items,), float64
        From about 0.2 for a language the tokenizer knows well to above 1; an empty text gives 0.
    """
    instance("side", side, Side)
    tokens = numbers("lengths", lengths, shape="(n_items,)", ndim=1).astype(np.float64)
    if side.modality != "text" or len(tokens) != len(side):
        message = (
            f"tokens per character need a text side with one length per item: side {side.name!r} is "
            f"{side.modality} with {len(side)} items, and there are {len(tokens)} lengths."
        )
        raise InputError(message)
    characters = np.array([len(text) for text in side], dtype=np.float64)
    return np.divide(tokens, characters, out=np.zeros_like(tokens), where=characters > 0)


def equal_size(
    sets: Sequence[Pairs], rng: np.random.Generator | int, /, *, n: int | None = None
) -> list[Pairs]:
    """Draw the same number of pairs from each set, since Δ and neighborhood overlap depend on N.

    Parameters
    ----------
    sets : sequence of Pairs
        What is to be compared, such as one set per language.
    rng : numpy.random.Generator or int
        With a seed, sets of equal size and order (one corpus in several languages) get the same rows.
    n : int, optional
        How many pairs each; by default as many as the smallest set has.

    Returns
    -------
    list of Pairs
        One per set, each with `n` pairs.
    """
    for pairs in listing("sets", sets, of="Pairs"):
        instance("each of sets", pairs, Pairs, made_by="load_pairs")
    size = min(len(pairs) for pairs in sets) if n is None else n
    for pairs in sets:
        require(pairs, size)
    return [pairs if len(pairs) == size else pairs.sample(size, rng) for pairs in sets]


def _keys(side: Side) -> list[bytes | InputError]:
    """Return what tells the items of a side apart, or why an image could not be opened."""
    if side.modality == "text":
        return [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in side]
    if side.modality == "array":
        return [digest_array(item) for item in side]
    keys: list[bytes | InputError] = []
    for image in side:
        try:
            keys.append(digest_pixels(image))
        except InputError as error:
            keys.append(error)
    return keys


def _readable(
    pairs: Pairs, keys_a: Sequence[bytes | InputError], keys_b: Sequence[bytes | InputError]
) -> tuple[list[int], str]:
    kept, note = [], ""
    for i, keys in enumerate(zip(keys_a, keys_b, strict=True)):
        error = next((key for key in keys if isinstance(key, InputError)), None)
        if error is None:
            kept.append(i)
        else:
            note = note or f"first: pair {pairs.ids[i]}, {error}"
    return kept, note


def _without_repeats(
    pairs: Pairs, keys_a: Sequence[bytes | InputError], keys_b: Sequence[bytes | InputError]
) -> Pairs:
    seen_a: set[bytes] = set()
    seen_b: set[bytes] = set()
    kept: list[int] = []
    repeats = [0, 0]
    for i, (key_a, key_b) in enumerate(zip(keys_a, keys_b, strict=True)):
        if isinstance(key_a, InputError):
            raise key_a
        if isinstance(key_b, InputError):
            raise key_b
        if key_a in seen_a:
            repeats[0] += 1
        elif key_b in seen_b:
            repeats[1] += 1
        else:
            seen_a.add(key_a)
            seen_b.add(key_b)
            kept.append(i)
    note = f"{repeats[0]} repeat {pairs.a.name}, {repeats[1]} more repeat {pairs.b.name}"
    return _keep(pairs, kept, "duplicates", note)


def _keep(pairs: Pairs, rows: Sequence[int] | np.ndarray, step: str, note: str = "") -> Pairs:
    kept = pairs if len(rows) == len(pairs) else pairs.select(rows)
    count = FilterCount(step, len(kept), len(pairs) - len(kept), note if len(kept) < len(pairs) else "")
    return replace(kept, counts=(*pairs.counts, count))
