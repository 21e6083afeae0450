"""Texts without word order: the words of every text in a random order."""

from __future__ import annotations

import hashlib
import re
import warnings
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.arguments import instance
from platoscope.checks import whole_number
from platoscope.datasets.pairs import FilterCount, Pairs
from platoscope.errors import InputError, PlatoscopeWarning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platoscope.datasets.pairs import Side

__all__ = ["shuffle_words"]

# Written without spaces between words: each character of Chinese and Japanese writing, with its punctuation and full-width
# forms, stands for itself. The ideographic space is white space like any other.
_CHARACTER = (
    r"\u3001-\u3029\u3030-\u3098\u309b-\u312f\u3190-\u9fff\uf900-\ufaff\uff00-\uff9d\uffa0-\uffef"
    r"\U00020000-\U0003ffff"
)
# What belongs to the character before it: sound and tone marks, and which variant of the character is meant.
_MARK = r"\u302a-\u302f\u3099\u309a\uff9e\uff9f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_UNIT = re.compile(f"[{_CHARACTER}][{_MARK}]*|[^\\s{_CHARACTER}]+")
_ALONE = re.compile(f"[{_CHARACTER}]")
# Nor have these spaces between words, and their characters are no units: vowels and tones are characters of their own.
_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u1b00-\u1b7f\ua980-\ua9ff\uaa60-\uaadf]"
)


def shuffle_words(pairs: Pairs, /, *, seed: int) -> Pairs:
    """Put the words of every text into a random order, on every side that has texts.

    What two sides still share is what their words tell without any order: names, topics, how long they are.

    Parameters
    ----------
    pairs : Pairs
        With at least one side of texts. Images and arrays stay as they are.
    seed : int
        Of the orders, 0 or more.

    Returns
    -------
    Pairs
        The same ids and strata. The texts, and so their fingerprints, are others; the provenance has the seed, and the
        fingerprint of the pairs with their order.

    Raises
    ------
    InputError
        If no side has texts, or most letters of a text are of a script without spaces between words whose characters are
        no units (Thai, Lao, Burmese, Khmer, Tibetan, Javanese and their kin).

    Warns
    -----
    PlatoscopeWarning
        If no text of a side changes, as where each has one word.

    Notes
    -----
    A word is what stands between white space, with the punctuation at it; words are joined by one space. In Chinese and
    Japanese writing each character is one, with the marks on it, and joined without a space. An order is drawn uniformly
    for every text from the seed and the text alone, so that equal texts are shuffled alike wherever they stand. A text of
    one word stays as it is; so does, by chance, one in k! of k words. Tokens are not kept: a tokenizer may cut the same
    words into others.

    Examples
    --------
    >>> from platoscope.datasets import Pairs, Side
    >>> pairs = Pairs("toy", Side("en", "text", ["one two three"]), Side("it", "text", ["uno due tre"]))
    >>> shuffled = shuffle_words(pairs, seed=0)
    >>> sorted(shuffled.a[0].split()), len(shuffled)
    (['one', 'three', 'two'], 1)
    """
    instance("pairs", pairs, Pairs)
    seed = whole_number("seed", seed, low=0)
    sides = [letter for letter in ("a", "b") if getattr(pairs, letter).modality == "text"]
    if not sides:
        msg = f"shuffle_words needs a side of texts, but {pairs.name!r} has {pairs.a.modality} and {pairs.b.modality}."
        raise InputError(msg)
    shuffled: dict[str, Any] = {letter: _shuffled(getattr(pairs, letter), seed) for letter in sides}
    changed = {
        letter: sum(one != other for one, other in zip(getattr(pairs, letter), side, strict=True))
        for letter, side in shuffled.items()
    }
    _warn_of_unchanged(pairs, changed)
    told = ", ".join(f"{n:,} of side {letter}" for letter, n in changed.items())
    return replace(
        pairs,
        **shuffled,
        provenance={**pairs.provenance, "shuffled_words": {"seed": seed, "of": pairs.fingerprint()}},
        counts=(*pairs.counts, FilterCount("words shuffled", len(pairs), 0, f"seed {seed}; changed: {told}")),
    )


def _shuffled(side: Side, seed: int) -> Side:
    for i, text in enumerate(side.items):
        if _is_without_spaces(text):
            msg = (
                f"text {i} of side {side.name!r} is in a script without spaces between words, which cannot be shuffled. "
                "Separate its words by spaces and another script, or leave the side's language out."
            )
            raise InputError(msg)
    return replace(side, items=tuple(_shuffled_text(text, seed) for text in side.items))


def _is_without_spaces(text: str) -> bool:
    """Tell whether most letters are of a script without spaces; of a name in another text they are not."""
    letters = sum(map(str.isalpha, _WITHOUT_SPACES.findall(text)))
    return letters > 0 and 2 * letters > sum(map(str.isalpha, text))


def _warn_of_unchanged(pairs: Pairs, changed: Mapping[str, int]) -> None:
    same = [getattr(pairs, letter).name for letter, n in changed.items() if n == 0 and len(pairs)]
    if same:
        msg = (
            f"no text of {pairs.name!r} changes on side {' and '.join(map(repr, same))} where its words are shuffled, as "
            "where each has one word: what is read of it is the same with and without word order"
        )
        warnings.warn(msg, PlatoscopeWarning, stacklevel=3)


def _shuffled_text(text: str, seed: int) -> str:
    units = _UNIT.findall(text)
    if len(units) < 2:
        return text
    content = hashlib.sha256(text.encode()).digest()
    rng = np.random.default_rng([seed, int.from_bytes(content)])
    words = [units[i] for i in rng.permutation(len(units))]
    joined = [words[0]]
    for before, word in pairwise(words):
        both = _ALONE.match(before) and _ALONE.match(word)
        joined.append(word if both else f" {word}")
    return "".join(joined)
