"""Strata by a number: of about equal size, never through equal values, and a null that keeps the number."""

from __future__ import annotations

import numpy as np
import pytest

from platoscope import profile
from platoscope.errors import InputError
from platoscope.measures import quantile_strata


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


@pytest.mark.parametrize(("values", "n"), [([1.0, np.nan, 2.0, 3.0], 2), ([[1.0, 2.0]], 1), ([1, 2, 3], 2)])
def test_what_cannot_be_grouped_is_refused(values: list[float], n: int) -> None:
    """Missing numbers, tables, and strata with nothing to shuffle are errors."""
    with pytest.raises(InputError, match=r"values must hold|n_strata must be"):
        quantile_strata(values, n_strata=n)
