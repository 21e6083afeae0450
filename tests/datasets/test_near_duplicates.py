"""Near-duplicates: planted ones go on either side, the first stays, and nothing else goes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from platoscope.datasets import Pairs, Side, drop_close, drop_near_duplicates
from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS = ("river", "stone", "house", "night", "bread", "voice", "field", "water", "light", "child", "river")


def _texts(a: Sequence[str], b: Sequence[str]) -> Pairs:
    return Pairs("toy", Side("en", "text", a), Side("it", "text", b))


def _sentences(n: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(str(word) + str(rng.integers(100)) for word in rng.choice(WORDS, 9)) for _ in range(n)]


def _alike(one: str, other: str) -> float:
    grams = [{text[i : i + 5] for i in range(max(1, len(text) - 4))} for text in (one, other)]
    return len(grams[0] & grams[1]) / len(grams[0] | grams[1])


def test_planted_near_duplicates_go_on_either_side_and_the_first_stays() -> None:
    """One changed word makes a near-duplicate, whichever side it is on; both are counted by their side."""
    a, b = _sentences(40, 0), _sentences(40, 1)
    a[30] = a[3].rsplit(" ", 1)[0] + " end"
    b[35] = "THE " + b[4].upper()
    pairs = drop_near_duplicates(_texts(a, b), threshold=0.75)
    assert pairs.ids == tuple(str(i) for i in range(40) if i not in (30, 35))
    count = pairs.counts[-1]
    assert (count.step, count.kept, count.dropped) == ("near-duplicates", 38, 2)
    assert count.note.endswith("1 by en, 1 by it")
    assert pairs.provenance["near_duplicates"] == {"threshold": 0.75, "grams": 5}


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8, 1.0])
def test_it_finds_what_all_pairs_of_texts_have(threshold: float) -> None:
    """The same as comparing each text with every one that was kept."""
    rng = np.random.default_rng(3)
    base = _sentences(6, 2)
    a = []
    for _ in range(80):
        words = base[rng.integers(6)].split()
        for place in rng.integers(0, 9, rng.integers(0, 6)):
            words[place] = WORDS[rng.integers(len(WORDS))]
        a.append(" ".join(words))
    kept: list[int] = []
    for i, text in enumerate(a):
        if all(_alike(text, a[j]) < threshold for j in kept):
            kept.append(i)
    found = drop_near_duplicates(_texts(a, _sentences(80, 9)), threshold=threshold)
    assert found.ids == tuple(map(str, kept))
    assert 0 < len(kept) < 80


def test_nothing_is_left_to_drop() -> None:
    """What was filtered has no near-duplicates; a text may resemble its own translation."""
    a = _sentences(30, 0)
    pairs = drop_near_duplicates(_texts(a + a[:5], a + a[5:10]))
    assert len(pairs) == 30
    assert drop_near_duplicates(pairs).ids == pairs.ids


def test_a_chain_loses_its_middle_only() -> None:
    """What resembles only a text that was dropped stays: the first of a group stands for those near to it."""
    a = ["abcdefghijklmnopqrst", "abcdefghijklmnopqrsu12", "efghijklmnopqrsu123456"]
    first, second = (_alike(*two) for two in itertools.pairwise(a))
    threshold = min(first, second)
    assert _alike(a[0], a[2]) < threshold
    assert drop_near_duplicates(_texts(a, _sentences(3, 0)), threshold=threshold).ids == ("0", "2")


@pytest.mark.parametrize("text", ["", "ab", "日本語"])
def test_short_texts_are_compared_whole(text: str) -> None:
    """A text of fewer letters than a gram is one gram."""
    pairs = drop_near_duplicates(_texts([text, text + "x", text], ["one", "two", "six"]))
    assert pairs.ids == ("0", "1")


@pytest.mark.parametrize("threshold", [0, -1, 1.01, float("nan"), "0.8", None])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    """The message says what it may be."""
    with pytest.raises(InputError, match="above 0 and at most 1"):
        drop_near_duplicates(_texts(["a"], ["b"]), threshold=threshold)


def test_images_alone_have_no_characters(tmp_path: object) -> None:
    """Images beside captions are left alone; without any text the message names what compares images."""
    images = Side("image", "image", [b"1", b"2", b"3"])
    captions = Side("en", "text", ["a red house by the river", "A red  house by the river", "two birds"])
    assert drop_near_duplicates(Pairs("toy", images, captions)).ids == ("0", "2")
    with pytest.raises(InputError, match="drop_close"):
        drop_near_duplicates(Pairs("toy", images, images))


def test_close_representations_go() -> None:
    """Vectors are compared by their cosine, on the sides that are given."""
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, 50, 20))
    A[20] = 3 * A[5] + 1e-3
    B[30] = B[6] + 1e-3
    pairs = _texts(_sentences(50, 0), _sentences(50, 1))
    found = drop_close(pairs, A, B, distance=0.01)
    assert found.ids == tuple(str(i) for i in range(50) if i not in (20, 30))
    assert found.counts[-1].note == "cosine distance below 0.01: 1 by en, 1 by it"
    assert found.provenance["near_duplicates"] == {"distance": 0.01}
    assert drop_close(pairs, None, B, distance=0.01).counts[-1].dropped == 1


def test_representations_must_fit() -> None:
    """One vector per item, with a direction."""
    pairs = _texts(["a", "b"], ["c", "d"])
    with pytest.raises(InputError, match=r"shape \(2, n_features\), got \(3, 2\)"):
        drop_close(pairs, np.ones((3, 2)), None, distance=0.1)
    with pytest.raises(InputError, match="no direction"):
        drop_close(pairs, None, np.zeros((2, 2)), distance=0.1)
    with pytest.raises(InputError, match="at least one side"):
        drop_close(pairs, None, None, distance=0.1)
    with pytest.raises(InputError, match="above 0"):
        drop_close(pairs, np.ones((2, 2)), None, distance=0)
