"""Δ inside groups and across them, and at every neighborhood size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from platoscope.errors import InputError
from platoscope.layerwise import k_curve, scale_profile
from platoscope.measures import BothDirections, information_imbalance, strata_imbalance
from platoscope.testing import references


def _data(seed: int, n: int = 60, *, grid: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give two related representations and groups of uneven size; on a grid most distances tie."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3))
    Y = X[:, :2] + 0.5 * rng.standard_normal((n, 2))
    if grid:
        X, Y = np.round(X), np.round(Y)
    return X, Y, rng.choice(["a", "b", "c", "d"], n, p=[0.5, 0.3, 0.15, 0.05])


@pytest.mark.parametrize("grid", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_groups_agree_with_loops_over_items(seed: int, grid: bool) -> None:
    """Within and between are what the slow reference gives, ties and small groups included."""
    X, Y, groups = _data(seed, grid=grid)
    found = strata_imbalance(X, Y, strata=groups)
    for which in ("within", "between"):
        expected = [references.strata_imbalance(*pair, groups, which) for pair in ((X, Y), (Y, X))]
        assert getattr(found, which) == pytest.approx(expected, abs=1e-12)
    whole = information_imbalance(X, Y)
    assert found.whole == pytest.approx([whole.forward, whole.backward], abs=1e-12)


def test_two_groups_by_hand() -> None:
    """On a line, groups {0, 1, 3} and {10, 11}: nearest and ranks can be read off."""
    X = np.array([[0.0], [1.0], [3.0], [10.0], [11.0]])
    Y = np.array([[0.0], [2.0], [1.0], [30.0], [20.0]])
    found = strata_imbalance(X, Y, strata="aaabb", min_size=3)
    # 0→1 has rank 2 of 2 in Y, 1→0 rank 2, 3→1 rank 1 (1 and 1: item 0 lies as far, so 1.5).
    assert found.within.forward == pytest.approx(np.mean([2, 2, 1.5]) * 2 / 3)
    # Across: 0, 1, 3 → 10 has rank 2 of 2; 10, 11 → 3 has rank 2 of 3 (item 1 is nearer in Y).
    assert found.between.forward == pytest.approx((3 * 2 * 2 / 3 + 2 * 2 * 2 / 4) / 5)
    assert found.same_group == BothDirections(1.0, 1.0)
    assert found.n_within == 3


def test_groups_alone_leave_nothing_within() -> None:
    """Where both sides share the group only, Δ is 1 within, as within random groups it is not."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(8), 25)
    X, Y = (6 * np.eye(8)[groups] + rng.standard_normal((200, 8)) for _ in range(2))
    found = strata_imbalance(X, Y, strata=groups, n_permutations=39, rng=0)
    assert found.within_shuffled is not None
    assert found.p_value is not None
    assert found.within == pytest.approx([1.0, 1.0], abs=0.1)
    assert found.within_shuffled.forward < 0.6
    assert found.p_value == BothDirections(1 / 40, 1 / 40)


def test_groups_that_mean_nothing_are_random_groups() -> None:
    """Random labels give what their shuffles give, and are not significant."""
    X, Y, _ = _data(5, n=200)
    groups = np.random.default_rng(3).integers(0, 10, 200)
    found = strata_imbalance(X, Y, strata=groups, n_permutations=99, rng=0)
    assert found.within_shuffled is not None
    assert found.p_value is not None
    assert found.within.forward == pytest.approx(found.within_shuffled.forward, abs=0.06)
    assert min(found.p_value) > 0.01
    assert found.same_group.forward == pytest.approx(found.same_group_expected, abs=0.06)


def test_constants_say_nothing_anywhere() -> None:
    """A constant side gives exactly 1 within and between, in both directions."""
    X, _, groups = _data(2)
    found = strata_imbalance(X, np.ones((60, 2)), strata=groups)
    assert (*found.within, *found.between, *found.whole) == pytest.approx([1.0] * 6, abs=1e-12)


@pytest.mark.parametrize(
    ("strata", "options", "message"),
    [
        (["a"] * 60, {}, "at least two groups"),
        (list(range(60)), {}, "of at most 1 items"),
        (["a", "b"], {}, "each of the 60 items"),
        (["a", "b"] * 30, {"min_size": 1}, "min_size"),
        (["a", "b"] * 30, {"n_permutations": -1}, "n_permutations"),
    ],
)
def test_groups_that_ask_nothing_are_refused(strata: Any, options: dict[str, int], message: str) -> None:
    """One group, groups of one, groups of other items, and numbers out of range are sentences."""
    X, Y, _ = _data(0)
    with pytest.raises(InputError, match=message):
        strata_imbalance(X, Y, strata=strata, **options)


@pytest.mark.parametrize("grid", [False, True])
def test_one_pass_gives_every_neighborhood_size(grid: bool) -> None:
    """The running mean over sorted neighbors is Δ with k neighbors, evaluated one by one, and the slow reference."""
    X, Y, _ = _data(4, grid=grid)
    found = scale_profile(X[None], Y[None]).isel(layer=0)
    assert found.sizes["n_neighbors"] == 15
    one_by_one = k_curve(X, Y, n_neighbors=range(1, 16), measures=["information_imbalance"])
    np.testing.assert_allclose(
        found.information_imbalance.transpose("n_neighbors", "direction"),
        one_by_one.information_imbalance,
        atol=1e-12,
    )
    slow = references.information_imbalance(X, Y, 7)
    assert found.information_imbalance.sel(n_neighbors=7).values.tolist() == pytest.approx(list(slow))


def test_groups_that_cost_nothing_have_a_p_of_one() -> None:
    """Equal sides are equal inside any groups of the same sizes, in whatever order that is summed."""
    for seed in range(5):
        X, _, _ = _data(seed, 40)
        found = strata_imbalance(
            X, X, strata="a" * 5 + "b" * 6 + "c" * 7 + "d" * 22, n_permutations=19, rng=seed
        )
        assert found.p_value == BothDirections(1.0, 1.0)


@pytest.mark.parametrize("scale", [1e-310, 1e-200, 1e-160, 1e150, 1e300])
def test_units_change_nothing(scale: float) -> None:
    """Rows of any size have the ranks of the same rows near 1: their squares neither vanish nor overflow."""
    X, Y, groups = _data(6)
    assert strata_imbalance(X * scale, Y, strata=groups) == strata_imbalance(X, Y, strata=groups)
    assert scale_profile(X[None] * scale, Y[None]).equals(scale_profile(X[None], Y[None]))


def test_rows_beside_a_far_one_keep_their_ranks() -> None:
    """Where one value is so large that squares of the others vanish beside it, Δ is still that of the measure."""
    X, Y, groups = _data(7)
    X[0] *= 1e290
    X[1:] *= 1e-20
    whole = information_imbalance(X, Y)
    assert strata_imbalance(X, Y, strata=groups).whole == pytest.approx(list(whole), abs=1e-12)


def test_excess_is_zero_for_equal_sides_and_one_by_chance() -> None:
    """At every k the same neighbors give 0, and unrelated sides about 1."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((2, 1, 400, 5))
    np.testing.assert_allclose(scale_profile(X, X).excess, 0, atol=1e-12)
    np.testing.assert_allclose(scale_profile(X, Y).excess.sel(n_neighbors=slice(20, None)), 1, atol=0.05)


def test_bad_scales_are_refused() -> None:
    """Other items, too many neighbors and non-finite rows are sentences."""
    X = np.random.default_rng(0).standard_normal((1, 40, 3))
    for too_many in (39, 40):  # with all others as neighbors, Δ is 1 and the excess 0/0
        with pytest.raises(InputError, match="n_largest"):
            scale_profile(X, X, n_largest=too_many)
    assert np.isfinite(scale_profile(X, X[:, ::-1], n_largest=38).excess).all()
    with pytest.raises(InputError, match="same items"):
        scale_profile(X, X[:, :30])
    broken = X.copy()
    broken[0, 7, 1] = np.nan
    with pytest.raises(InputError, match="row 7"):
        scale_profile(X, broken)
