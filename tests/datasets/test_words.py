"""Texts without word order: the same words, in an order of the seed and the text."""

from __future__ import annotations

import collections
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platoscope.datasets import Pairs, Side, shuffle_words
from platoscope.errors import InputError, PlatoscopeWarning

TEXT = "In the beginning God created the heaven and the earth."


def _pairs(*texts: str) -> Pairs:
    return Pairs(
        "toy", Side("en", "text", list(texts)), Side("it", "text", [f"{text} davvero" for text in texts])
    )


@pytest.mark.filterwarnings("ignore:no text of")
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0x17F)), min_size=1, max_size=4)
)
def test_words_are_kept_and_only_their_order_changes(texts: list[str]) -> None:
    """A text has the same words as often as before, whatever stands between them, and ids stay."""
    pairs = _pairs(*texts)
    shuffled = shuffle_words(pairs, seed=0)
    assert shuffled.ids == pairs.ids
    for before, after in zip([*pairs.a, *pairs.b], [*shuffled.a, *shuffled.b], strict=True):
        assert collections.Counter(before.split()) == collections.Counter(after.split())


def test_the_order_depends_on_seed_and_text_alone() -> None:
    """Equal texts are shuffled alike wherever they stand, another seed gives another order, and content has a new key."""
    first, again = shuffle_words(_pairs(TEXT, "x y"), seed=0), shuffle_words(_pairs("y x", TEXT), seed=0)
    assert first.a[0] == again.a[1]
    assert shuffle_words(_pairs(TEXT), seed=1).a[0] != first.a[0] != TEXT
    assert first.fingerprint() != _pairs(TEXT, "x y").fingerprint()
    assert first.provenance["shuffled_words"]["of"] == _pairs(TEXT, "x y").fingerprint()
    assert "changed: " in first.counts[-1].note


def test_every_order_is_as_frequent() -> None:
    """Of three words each of the six orders comes about as often (chi-square of 5 degrees, 99.9 % quantile 20.5)."""
    texts = [f"a{i} b{i} c{i}" for i in range(3000)]
    orders = collections.Counter(
        tuple("abc".index(word[0]) for word in text.split())
        for text in shuffle_words(_pairs(*texts), seed=0).a
    )
    assert len(orders) == 6
    assert sum((n - 500) ** 2 / 500 for n in orders.values()) < 20.5


def test_chinese_and_japanese_are_shuffled_by_characters() -> None:
    """Writing without spaces is shuffled by its characters, joined without spaces; words in Latin letters stay whole."""
    text = "起初神创造天地的时候用 Python 写了。"
    shuffled = shuffle_words(_pairs(text), seed=0).a[0]
    assert sorted(shuffled.replace(" ", "")) == sorted(text.replace(" ", ""))
    assert "Python" in shuffled
    assert shuffled != text


def test_the_ideographic_space_is_white_space() -> None:
    """It stands between units and is none, and what it separated is joined as Chinese and Japanese are."""
    shuffled = shuffle_words(_pairs("起初\u3000神創造\u3000天地"), seed=0).a[0]
    assert sorted(shuffled) == sorted("起初神創造天地")
    mixed = shuffle_words(_pairs("one\u3000two\u3000three"), seed=0).a[0]
    assert sorted(mixed.split(" ")) == ["one", "three", "two"]


@pytest.mark.parametrize(
    "text",
    [
        unicodedata.normalize("NFD", "がぎぐげござじずぜぞ"),
        "ｶﾞｷﾞｸﾞｹﾞｺﾞ",
        "葛\U000e0100城\U000e0101市\ufe00中\ufe01央\ufe00",
    ],
)
def test_marks_stay_on_their_character(text: str) -> None:
    """Sound marks and variation selectors go with the character before them."""
    shuffled = shuffle_words(_pairs(text), seed=0).a[0]
    assert shuffled != text
    before, after = (sorted(zip(each[::2], each[1::2], strict=True)) for each in (text, shuffled))
    assert after == before


def test_a_name_in_another_script_is_a_word() -> None:
    """Where most letters are of a script with spaces, a Thai name and the sign of a currency are words like others."""
    shuffled = shuffle_words(_pairs("Bangkok is กรุงเทพ in Thai, and 500 ฿ is little"), seed=0).a[0]
    assert {"กรุงเทพ", "฿"} <= set(shuffled.split())


def test_texts_that_cannot_change_are_told() -> None:
    """Of a side of single words, or of empty texts, a warning says that nothing was shuffled."""
    pairs = Pairs("toy", Side("en", "text", ["dog", ""]), Side("it", "text", [TEXT, TEXT]))
    with pytest.warns(PlatoscopeWarning, match="changes on side 'en' where"):
        shuffled = shuffle_words(pairs, seed=0)
    assert list(shuffled.a) == ["dog", ""]


@pytest.mark.parametrize("text", ["ในปฐมกาล", "ໃນຕົ້ນ", "အစအဦး", "កាលដើម", "ཐོག་མར་"])
def test_scripts_without_spaces_or_units_are_refused(text: str) -> None:
    """Thai, Lao, Burmese, Khmer and Tibetan are refused with the text's number."""
    with pytest.raises(InputError, match="text 1 of side 'en'.*without spaces"):
        shuffle_words(_pairs("ok so", text), seed=0)


def test_what_has_no_texts_is_refused() -> None:
    """Two sides of arrays have no words; beside images a text is shuffled and the other side stays."""
    arrays = Side("x", "array", [np.zeros(2), np.ones(2)])
    with pytest.raises(InputError, match="needs a side of texts"):
        shuffle_words(Pairs("p", arrays, arrays), seed=0)
    mixed = shuffle_words(Pairs("p", arrays, Side("en", "text", [TEXT, TEXT])), seed=0)
    assert mixed.a is arrays
    assert mixed.b[0] != TEXT
    for seed in (-1, 1.5, "a", None):
        with pytest.raises(InputError, match="seed"):
            shuffle_words(_pairs(TEXT), seed=seed)
