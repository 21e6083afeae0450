"""Strata by a number: of about equal size, never through equal values, and a null that keeps the number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from platoscope import profile
from platoscope.errors import InputError
from platoscope.measures import matched_strata, quantile_strata


def test_strata_are_intervals_of_about_equal_size() -> None:
    """Groups follow one another in size, have as many items, and take all items of one value."""
    values = np.random.default_rng(0).integers(40, 81, 500)
    groups = np.array(quantile_strata(values, n_strata=8))
    assert sorted(set(groups)) == list(range(8))
    assert (np.diff(groups[np.argsort(values, kind="stable")]) >= 0).all()
    assert all(len(set(groups[values == value])) == 1 for value in values)
    assert np.bincount(groups).min() > 500 / 8 - 25


def test_a_null_within_strata_keeps_what_length_tells() -> None:
    """Where length alone is shared, pairs stand out against a free null and not against one that keeps length."""
    rng = np.random.default_rng(0)
    length = rng.integers(40, 81, 300)
    A, B = (length[:, None] / 5 + rng.standard_normal((300, 2)) for _ in range(2))
    options = {"measures": ["information_imbalance"], "n_resamples": 0, "n_permutations": 99, "rng": 0}
    free = profile([A], [B], **options)
    kept = profile([A], [B], strata=quantile_strata(length, n_strata=40), **options)
    assert float(free.information_imbalance_p.max()) == 0.01
    assert float(kept.information_imbalance_p.min()) > 0.05


@pytest.mark.parametrize(
    ("values", "n"),
    [
        ([1.0, np.nan, 2.0, 3.0], 2),
        ([[1.0, 2.0]], 1),
        ([1, 2, 3], 2),
        ("abcd", 2),
        ([1j] * 4, 2),
        (range(9), 2.5),
        (range(9), "2"),
    ],
)
def test_what_cannot_be_grouped_is_refused(values: Any, n: Any) -> None:
    """Missing numbers, tables, and strata with nothing to shuffle are errors."""
    with pytest.raises(InputError, match=r"values must hold|n_strata must be"):
        quantile_strata(values, n_strata=n)


def test_matched_items_are_alike_on_both_sides_and_of_one_group() -> None:
    """No stratum crosses a book, and within one both numbers vary far less than over the book."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(40, 81, (2, 900))
    books = rng.integers(0, 3, 900)
    strata = np.array(matched_strata(a, b, within=books))
    for stratum in np.unique(strata):
        members = strata == stratum
        assert len(set(books[members])) == 1
        # 300 items of a book make 7 × 7 cells; a seventh of 40 tokens, and what ties at its ends.
        assert max(np.ptp(a[members]), np.ptp(b[members])) <= 9
    assert len(np.unique(strata)) == pytest.approx(3 * 49, abs=6)


def test_small_groups_stay_whole() -> None:
    """A book of fewer items than make two strata each way is one stratum."""
    books = ["a"] * 9 + ["b"] * 40
    strata = matched_strata(np.arange(49), np.arange(49), within=books)
    assert len(set(strata[:9])) == 1
    assert len(set(strata[9:])) == 2


def test_a_null_of_matched_items_keeps_what_both_lengths_tell() -> None:
    """Lengths shared by pairs stand out against a free null, and not against one that keeps both."""
    rng = np.random.default_rng(0)
    length = rng.integers(40, 81, 400)
    other = length + rng.integers(-2, 3, 400)
    A, B = (one[:, None] / 5 + rng.standard_normal((400, 2)) for one in (length, other))
    options = {"measures": ["information_imbalance"], "n_resamples": 0, "n_permutations": 99, "rng": 0}
    free = profile([A], [B], **options)
    kept = profile([A], [B], strata=matched_strata(length, other, per_stratum=2), **options)
    assert float(free.information_imbalance_p.max()) == 0.01
    assert float(kept.information_imbalance_p.min()) > 0.05


@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        ([], {}, "at least one sequence"),
        ([[1, 2]], {"per_stratum": 1}, "per_stratum of at least 2"),
        ([[1, 2], [1, 2, 3]], {}, r"got lengths|got 3 entries"),
        ([[1, 2]], {"within": "abc"}, r"got lengths|got 3 entries"),
        ([[1.0, np.nan]], {}, "finite number"),
        (["ab"], {}, "finite number"),
        ([range(9)], {"per_stratum": float("nan")}, "per_stratum must be a whole number"),
    ],
)
def test_what_cannot_be_matched_is_refused(values: list[Any], options: dict[str, Any], words: str) -> None:
    """Nothing to match, lengths that differ, missing numbers."""
    with pytest.raises(InputError, match=words):
        matched_strata(*values, **options)
