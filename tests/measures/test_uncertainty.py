"""Subsamples, standard errors, permutations and calibration do what docs/measures.md says."""

from __future__ import annotations

import numpy as np
import pytest

from platoscope.errors import InputError
from platoscope.layerwise import compare, take_profile
from platoscope.measures import (
    ComparisonOptions,
    calibrate,
    draw_shuffles,
    permutations,
    standard_errors,
    subsamples,
)


def test_subsamples_have_no_item_twice():
    """Items are drawn without replacement: duplicates would be each other's nearest neighbors."""
    sets = subsamples(100, n_resamples=20, fraction=0.25, rng=np.random.default_rng(0))
    assert sets.shape == (20, 25)
    assert all(len(set(row)) == 25 for row in sets)


@pytest.mark.parametrize(
    ("n", "r", "f", "said"),
    [
        (100, 40, 1.0, "strictly between 0 and 1; got 1.0"),
        (100, 1, 0.25, "0 .no interval. or at least 2; got 1"),
        (100, 0, 0.25, "must be at least 2; got 0"),
        (20, 40, 0.25, "Subsamples of 5 items"),
    ],
)
def test_impossible_subsamples_are_refused(n, r, f, said):
    """A fraction, a count or a size that gives no interval is an error with the way out."""
    with pytest.raises(InputError, match=said):
        subsamples(n, n_resamples=r, fraction=f, rng=np.random.default_rng(0))


def test_options_with_one_subsample_are_none():
    """A record that exists can be used: plans of studies are refused before anything is read."""
    with pytest.raises(InputError, match="0 .no interval. or at least 2; got 1"):
        ComparisonOptions(n_resamples=1)
    assert ComparisonOptions(n_resamples=0).n_resamples == 0


def test_standard_error_of_a_mean_is_that_of_the_mean():
    """For a mean the delete-d jackknife gives s/√N, whatever the fraction."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal(400)
    for fraction in (0.1, 0.25, 0.5, 0.8):
        sets = subsamples(400, n_resamples=3000, fraction=fraction, rng=rng)
        se = standard_errors(values[sets].mean(axis=1), n_samples=400, size=sets.shape[1])
        assert se == pytest.approx(values.std(ddof=1) / 20, rel=0.05)  # 3000 draws: 1.3 % per standard error


def test_strata_keep_items_in_their_group():
    """A stratified permutation exchanges items of one group only, and all of them can move."""
    strata = ["a"] * 30 + ["b"] * 30 + ["c"]
    orders = permutations(61, 50, strata=strata, rng=np.random.default_rng(0))
    group = np.array(strata)
    assert all(sorted(order) == list(range(61)) for order in orders)
    assert all((group[order] == group).all() for order in orders)
    assert len({int(order[0]) for order in orders}) > 10


@pytest.mark.parametrize("n_permutations", [1, 127, 128, 200, 1000])
def test_shuffles_are_as_many_as_asked_for_and_all_differ(n_permutations):
    """Composed or not, each pairing is a permutation within its stratum, and none is the one as given."""
    strata = ["a"] * 30 + ["b"] * 30
    shuffles = draw_shuffles(60, n_permutations, strata=strata, rng=np.random.default_rng(0))
    orders = shuffles.orders
    assert orders.shape == (n_permutations, 60)
    assert (np.sort(orders, axis=1) == np.arange(60)).all()
    assert ((orders < 30) == (np.arange(60) < 30)).all()
    assert len({order.tobytes() for order in (*orders, np.arange(60))}) == n_permutations + 1
    assert len(shuffles.left) * len(shuffles.right) < max(2 * n_permutations, n_permutations + 60)


def test_composed_shuffles_are_uniform_and_independent_in_pairs():
    """Where two of them send one item each takes all pairs of values equally often."""
    rng = np.random.default_rng(0)
    found = np.zeros((3, 4, 4))
    for _ in range(1500):
        orders = draw_shuffles(4, 128, strata=None, rng=rng).orders
        for case, (k, other) in enumerate(((0, 1), (3, 40), (30, 31))):
            found[case, orders[k, 1], orders[other, 2]] += 1
    assert np.abs(found / 1500 - 1 / 16).max() < 4.5 * np.sqrt(15 / 16**2 / 1500)


def test_p_values_of_composed_shuffles_are_exact():
    """Without a relation, p ≤ α in a share α of all data sets, at several α."""
    rng = np.random.default_rng(1)
    p_values = []
    for _ in range(2000):
        x, y = rng.standard_normal((2, 12)) ** 3  # heavy tails: no normal approximation helps
        null = draw_shuffles(12, 199, strata=None, rng=rng).orders
        p_values.append(float(calibrate(np.array(x @ y), y[null] @ x).p_value))
    for alpha in (0.02, 0.05, 0.2, 0.5):
        share = float(np.mean(np.array(p_values) <= alpha))
        assert abs(share - alpha) < 4 * np.sqrt(alpha * (1 - alpha) / 2000)


def test_strata_that_allow_no_exchange_are_refused():
    """Groups of one item each, or of another length, are errors."""
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="single item"):
        permutations(3, 5, strata=["a", "b", "c"], rng=rng)
    with pytest.raises(InputError, match="each of the 3 items; got 2 entries"):
        permutations(3, 5, strata=["a", "b"], rng=rng)


def test_calibration_by_hand():
    """With 19 null values 1..19 and an observed 25: p = 1/20, τ the 19th of 20, score (25 − 19)/(100 − 19)."""
    result = calibrate(np.array(25.0), np.arange(1.0, 20.0), best=100.0)
    assert result.p_value == pytest.approx(1 / 20)
    assert result.threshold == 19.0
    assert result.score == pytest.approx(6 / 81)


def test_calibration_counts_equal_values_against_the_claim():
    """Null values as large as the observed one count: p = (1 + 3)/5 here, and the score is 0."""
    result = calibrate(np.array(2.0), np.array([1.0, 2.0, 2.0, 3.0]))
    assert result.p_value == pytest.approx(4 / 5)
    assert result.score == 0.0


def test_calibration_keeps_missing_values_missing():
    """A cell without a value has no p-value either."""
    result = calibrate(np.array([np.nan, 0.5]), np.zeros((9, 2)))
    assert np.isnan(result.p_value[0])
    assert np.isnan(result.score[0])
    assert result.p_value[1] == pytest.approx(0.1)


@pytest.mark.parametrize("k", [1, 3, 7])
def test_shuffles_that_change_nothing_never_count_as_smaller(k):
    """Where pairs are exchanged among equal rows, p is 1, in the grid and in a profile that is taken out of it."""
    rng = np.random.default_rng(k)
    for n in (21, 37, 53):
        groups = np.arange(n) // 2
        A = rng.standard_normal((2, n, 4))[:, 2 * groups % n]
        B = rng.standard_normal((2, n, 3))
        grid = compare(
            A,
            B,
            measures=["information_imbalance", "cka_debiased", "cka_biased"],
            strata=groups.tolist(),
            n_neighbors=k,
            n_permutations=5,
            n_resamples=0,
            rng=0,
        )
        for found in (grid, take_profile(grid)):
            named = [name for name in found if name.endswith(("_p", "_p_adjusted"))]
            assert len(named) == 9
            assert all((found[name] == 1).all() for name in named)
