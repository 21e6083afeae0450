"""Filters: what they drop, and that they say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platoscope.datasets import (
    Pairs,
    Side,
    drop_duplicates,
    drop_empty,
    drop_unreadable,
    equal_size,
    filter_lengths,
    tokens_per_character,
)
from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _texts(a: list[str], b: list[str]) -> Pairs:
    return Pairs("toy", Side("en", "text", a), Side("it", "text", b))


def test_duplicates_on_either_side_go_and_the_first_stays() -> None:
    """A pair falls when its `a` or its `b` was kept before; one that only met dropped pairs stays."""
    pairs = drop_duplicates(_texts(["x", "x", "y", "z", "z"], ["1", "2", "2", "1", "3"]))
    assert pairs.ids == ("0", "2", "4")
    assert (pairs.counts[-1].kept, pairs.counts[-1].dropped) == (3, 2)
    assert pairs.counts[-1].note == "1 repeat en, 1 more repeat it"


def test_different_unicode_forms_are_different_texts() -> None:
    """Text is compared as it is: nothing is normalized, lowered or trimmed."""
    assert len(drop_duplicates(_texts(["\u00e9", "e\u0301", "E\u0301", "\u00e9 "], list("1234")))) == 4


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=12))
def test_nothing_comes_twice_after_dropping_duplicates(rows: list[tuple[str, str]]) -> None:
    """Both sides are free of repeats, each dropped pair met a kept one, and doing it again drops nothing."""
    before = _texts([a for a, _ in rows], [b for _, b in rows])
    after = drop_duplicates(before)
    assert len(set(after.a)) == len(set(after.b)) == len(after)
    for a, b in before:
        assert a in after.a or b in after.b
    assert drop_duplicates(after).ids == after.ids


def test_equal_images_are_found_by_their_pixels(encode: Callable[..., bytes]) -> None:
    """The same picture as PNG and as BMP is one picture."""
    images = [encode(0), encode(0, "BMP"), encode(1)]
    pairs = drop_duplicates(Pairs("toy", Side("image", "image", images), Side("en", "text", list("123"))))
    assert pairs.ids == ("0", "2")


def test_white_space_is_empty() -> None:
    """A text of white space, no-break spaces included, is dropped and counted."""
    pairs = drop_empty(_texts(["x", " \u00a0", "y"], ["1", "2", "\t"]))
    assert pairs.ids == ("0",)
    assert (pairs.counts[-1].step, pairs.counts[-1].dropped) == ("empty", 2)


def test_unreadable_images_go(tmp_path: Path, encode: Callable[..., bytes]) -> None:
    """The step has a name, a count, and the first of the files."""
    images = [encode(0), tmp_path / "missing.png", b"nothing"]
    pairs = drop_unreadable(Pairs("toy", Side("image", "image", images), Side("en", "text", list("123"))))
    assert pairs.ids == ("0",)
    assert (pairs.counts[-1].step, pairs.counts[-1].dropped) == ("unreadable images", 2)
    assert "missing.png" in pairs.counts[-1].note


def test_length_filter_counts_each_reason_once(toy: Pairs) -> None:
    """Too short and too long are counted by side, both ends are inclusive, a pair counts once."""
    kept = filter_lengths(
        toy, np.array([2, 3, 5, 6, 4, 1]), np.array([3, 2, 5, 3, 6, 9]), minimum=3, maximum=5
    )
    assert kept.ids == ("c",)
    assert [(count.step, count.kept, count.dropped) for count in kept.counts[1:]] == [
        ("en under 3 tokens", 4, 2),
        ("en over 5 tokens", 3, 1),
        ("it under 3 tokens", 2, 1),
        ("it over 5 tokens", 1, 1),
    ]


def test_length_filter_leaves_an_image_side_alone(toy: Pairs) -> None:
    """`None` for a side means that it has no lengths."""
    assert filter_lengths(toy, None, np.array([1, 1, 1, 9, 9, 9]), minimum=2, maximum=9).ids == (
        "d",
        "e",
        "f",
    )


def test_length_filter_refuses_what_does_not_fit(toy: Pairs) -> None:
    """One length per pair, and a range that is one."""
    with pytest.raises(InputError, match=r"'it' has 6 items, but its lengths have shape \(2,\)"):
        filter_lengths(toy, np.ones(6, dtype=int), np.ones(2, dtype=int), minimum=1)
    with pytest.raises(InputError, match="minimum=9 and maximum=8"):
        filter_lengths(toy, np.ones(6), np.ones(6), minimum=9, maximum=8)


def test_equal_size_takes_as_many_as_the_smallest_has(toy: Pairs) -> None:
    """Sets become equally large, and one corpus in two languages gets the same rows."""
    small = toy.select(range(4))
    sampled = equal_size([toy, small, toy.swap()], 3)
    assert [len(pairs) for pairs in sampled] == [4, 4, 4]
    assert sampled[0].ids == sampled[2].ids
    assert sampled[1] is small
    assert [len(pairs) for pairs in equal_size([toy, small], 3, n=2)] == [2, 2]
    with pytest.raises(InputError, match="5 pairs are needed"):
        equal_size([toy, small], 3, n=5)
    with pytest.raises(InputError, match="at least one of Pairs"):
        equal_size([], 3)


def test_tokens_per_character(toy: Pairs) -> None:
    """Tokens over characters of each text; an empty text has none."""
    side = Side("en", "text", ["abcd", "ab", ""])
    np.testing.assert_array_equal(tokens_per_character(side, np.array([1, 2, 0])), [0.25, 1.0, 0.0])
    with pytest.raises(InputError, match="3 items, and there are 2 lengths"):
        tokens_per_character(side, np.array([1, 2]))
