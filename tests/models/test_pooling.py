"""The notation of poolings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platoscope.errors import InputError
from platoscope.models import Pooling, parse_poolings

PLAIN = ("last", "mean", "mean_all", "cls", "eos")
NUMBERED = ("mean", "concat", "token", "tokens", "dct")


@given(
    st.one_of(
        st.sampled_from(PLAIN).map(Pooling),
        st.builds(Pooling, st.sampled_from(NUMBERED), st.integers(1, 99)),
        st.builds(lambda low, width: Pooling("dct", low + width, low), st.integers(0, 40), st.integers(1, 9)),
    )
)
def test_notation_round_trips(pooling: Pooling) -> None:
    """What is written can be read again, also with spaces around."""
    assert Pooling.parse(str(pooling)) == pooling
    assert Pooling.parse(f"  {pooling} ") == pooling


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("median", "Unknown pooling 'median'"),
        ("mean(", "Cannot read the pooling"),
        ("mean(-1)", "Cannot read the pooling"),
        ("", "Cannot read the pooling"),
        ("mean(0)", "must be at least 1"),
        ("concat", "needs a number of tokens"),
        ("tokens", "needs a number of tokens"),
        ("last(3)", "takes no number"),
        ("dct", "needs a number of frequencies"),
        ("dct(0)", "must be at least 1"),
        ("dct(3-2)", "ends before it begins"),
        ("dct(2-)", "Cannot read the pooling"),
        ("dct(-2)", "Cannot read the pooling"),
        ("dct(1-2-3)", "Cannot read the pooling"),
        ("mean(2-3)", "only 'dct' takes a band"),
    ],
)
def test_bad_notation_says_what_is_expected(text: str, message: str) -> None:
    """Every mistake is an InputError that names what was written."""
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        Pooling.parse(text)


def test_a_band_has_one_spelling() -> None:
    """From frequency 0 on it is dct(m), alone it is a band of one."""
    assert str(Pooling.parse("dct( 0 - 3 )")) == "dct(4)"
    assert Pooling.parse("dct(0-3)") == Pooling("dct", 4)
    assert str(Pooling("dct", 4, 3)) == "dct(3-3)"
    assert parse_poolings("dct(2-3), dct(2)") == (Pooling("dct", 4, 2), Pooling("dct", 2))
    assert repr(Pooling("dct", 4, 2)) == "Pooling(kind='dct', n=4, lowest=2)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mean", 3, 1), "Only 'dct' has frequencies"),
        (("dct", 3, 3), "ends before it begins"),
        (("dct", 3, -1), "lowest frequency"),
        (("dct", 3, 1.5), "lowest frequency"),
        (("dct", 3, True), "lowest frequency"),
    ],
)
def test_a_lowest_frequency_that_is_none_is_refused(arguments: tuple[object, ...], message: str) -> None:
    """It is a whole number from 0 up, below the highest, and of dct alone."""
    with pytest.raises(InputError, match=message):
        Pooling(*arguments)  # type: ignore[arg-type]


def test_numbers_follow_from_the_kind() -> None:
    """How many tokens an item must have, and how many vectors come out."""
    needs = {
        "last": 1,
        "mean": 1,
        "mean(20)": 20,
        "concat(5)": 5,
        "tokens(4)": 4,
        "token(0)": 1,
        "token(7)": 8,
        "cls": 0,
        "dct(4)": 4,
        "dct(2-5)": 6,
    }
    assert {text: Pooling.parse(text).n_tokens for text in needs} == needs
    vectors = {
        "last": 1,
        "mean(20)": 1,
        "concat(5)": 5,
        "tokens(4)": 4,
        "token(7)": 1,
        "dct(4)": 4,
        "dct(2-3)": 2,
    }
    assert {text: Pooling.parse(text).n_vectors for text in vectors} == vectors


def test_several_poolings_keep_their_order_without_repetitions() -> None:
    """A comma-separated string, a list, and one Pooling are all accepted."""
    expected = (Pooling("last"), Pooling("mean", 20))
    assert parse_poolings("last, mean(20),last") == expected
    assert parse_poolings(["last", "mean(20)"]) == expected
    assert parse_poolings(Pooling("last")) == (Pooling("last"),)
    with pytest.raises(InputError, match="No pooling"):
        parse_poolings([])
