"""The notation of poolings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platoscope.errors import InputError
from platoscope.models import Pooling, parse_poolings

PLAIN = ("last", "mean", "mean_all", "cls", "eos")
NUMBERED = ("mean", "concat", "token", "tokens")


@given(
    st.one_of(
        st.sampled_from(PLAIN).map(Pooling), st.builds(Pooling, st.sampled_from(NUMBERED), st.integers(1, 99))
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
    ],
)
def test_bad_notation_says_what_is_expected(text: str, message: str) -> None:
    """Every mistake is an InputError that names what was written."""
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        Pooling.parse(text)


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
    }
    assert {text: Pooling.parse(text).n_tokens for text in needs} == needs
    vectors = {"last": 1, "mean(20)": 1, "concat(5)": 5, "tokens(4)": 4, "token(7)": 1}
    assert {text: Pooling.parse(text).n_vectors for text in vectors} == vectors


def test_several_poolings_keep_their_order_without_repetitions() -> None:
    """A comma-separated string, a list, and one Pooling are all accepted."""
    expected = (Pooling("last"), Pooling("mean", 20))
    assert parse_poolings("last, mean(20),last") == expected
    assert parse_poolings(["last", "mean(20)"]) == expected
    assert parse_poolings(Pooling("last")) == (Pooling("last"),)
    with pytest.raises(InputError, match="No pooling"):
        parse_poolings([])
