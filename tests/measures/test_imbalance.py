"""Information Imbalance: worked by hand, equal to the reference, and to the published figures."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import platoscope
from platoscope.errors import InputError
from platoscope.measures import information_imbalance
from platoscope.neighbors import prepare
from platoscope.neighbors._products import gram_product
from platoscope.testing import references, strategies


def test_four_points_on_a_line_by_hand():
    """X = 0, 1, 3, 7 and Y = 0, 7, 1, 3 give 2/4 times the mean ranks 7/4 and 9/4."""
    # Neighbors in X: 0→1, 1→0, 3→1, 7→3; their ranks in Y: 3, 3, 3, 1 (from 0, 7, 1, 3).
    # Neighbors in Y: 0→1, 7→3, 1→0, 3→1, i.e. items 0→2, 1→3, 2→0, 3→2; their ranks in X: 2, 3, 2, 1.
    X, Y = np.array([[0.0], [1], [3], [7]]), np.array([[0.0], [7], [1], [3]])
    result = information_imbalance(X, Y)
    assert result.forward == pytest.approx(2 / 4 * (3 + 3 + 3 + 1) / 4)
    assert result.backward == pytest.approx(2 / 4 * (2 + 3 + 2 + 1) / 4)
    assert result.asymmetry == result.forward - result.backward


def test_identity_is_two_over_n():
    """A representation determines itself: Δ = 2/N, and (k + 1)/N with k neighbors."""
    X = np.random.default_rng(0).standard_normal((50, 3))
    assert information_imbalance(X, X) == pytest.approx((2 / 50, 2 / 50))
    assert information_imbalance(X, X, n_neighbors=7) == pytest.approx((8 / 50, 8 / 50))


@pytest.mark.parametrize("constant_side", ["X", "Y", "both"])
@pytest.mark.parametrize("k", [1, 4])
def test_a_constant_array_scores_exactly_one(constant_side, k):
    """What does not vary neither predicts nor is predicted: exactly 1 in both directions."""
    data = np.random.default_rng(0).standard_normal((30, 3))
    flat = np.full((30, 2), 0.1)
    X = flat if constant_side in ("X", "both") else data
    Y = flat if constant_side in ("Y", "both") else data
    assert information_imbalance(X, Y, n_neighbors=k) == pytest.approx((1.0, 1.0), abs=1e-12)


def test_min_ties_score_a_constant_target_as_perfect():
    """The documented flaw of ``ties="min"``: a constant Y looks perfectly predicted."""
    X = np.random.default_rng(0).standard_normal((30, 3))
    assert information_imbalance(X, np.ones((30, 1)), ties="min").forward == pytest.approx(2 / 30)


@given(strategies.array_pairs(n_samples=st.integers(3, 18)), st.data())
def test_ties_and_near_duplicates_equal_the_reference(pair, data):
    """On arrays full of ties, equal and nearly equal rows, the value is that of the slow reference to 1e-12."""
    X, Y = pair
    metric = data.draw(st.sampled_from(["euclidean", "hamming"]))
    ties = data.draw(st.sampled_from(["average", "min"]))
    k = data.draw(st.integers(1, len(X) - 1))
    got = information_imbalance(X, Y, n_neighbors=k, metric=metric, ties=ties)
    np.testing.assert_allclose(got, references.information_imbalance(X, Y, k, metric, ties), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, bool])
def test_input_types_agree_with_float64(dtype):
    """Any real type gives the value of its float64 copy."""
    rng = np.random.default_rng(1)
    X, Y = ((rng.standard_normal((80, 5)) * 3).astype(dtype) for _ in range(2))
    want = references.information_imbalance(X.astype(float), Y.astype(float))
    np.testing.assert_allclose(information_imbalance(X, Y), want, atol=1e-9)


def test_huge_features_in_float32_match_float64():
    """Two constant offsets of 1000 in 1024 features leave Δ equal to the float64 brute force to 1e-5."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((250, 1024))
    Y = X + 2 * rng.standard_normal(X.shape)
    X[:, :2] += 1000
    Y[:, 5] -= 5000
    X, Y = X.astype(np.float32), Y.astype(np.float32)

    def brute(A, B):
        DA, DB = (((Z[:, None] - Z[None]) ** 2).sum(-1) for Z in (A.astype(float), B.astype(float)))
        np.fill_diagonal(DA, np.inf)
        ranks = np.argsort(np.argsort(DB, axis=1), axis=1)
        return 2 / len(A) * ranks[np.arange(len(A)), DA.argmin(axis=1)].mean()

    np.testing.assert_allclose(information_imbalance(X, Y), (brute(X, Y), brute(Y, X)), atol=1e-5)


def test_bfloat16_and_torch_agree_with_numpy():
    """A bfloat16 tensor gives the value of the same numbers in float64."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    X, Y = (torch.from_numpy(rng.standard_normal((60, 8))).to(torch.bfloat16) for _ in range(2))
    want = references.information_imbalance(X.double().numpy(), Y.double().numpy())
    np.testing.assert_allclose(information_imbalance(X, Y), want, atol=1e-12)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("ties", ["average", "min"])
@pytest.mark.parametrize("k", [1, 3])
def test_a_pair_in_blocks_multiplies_each_side_once_and_equals_the_reference(monkeypatch, metric, ties, k):
    """Both directions come from one walk over the blocks, on integers, where near-ties must be settled."""
    rng = np.random.default_rng(5)
    X = np.unique(rng.integers(-3, 4, (60, 4)).astype(np.float32) + np.float32(0.25), axis=0)[:50]
    Y = np.unique(rng.integers(-2, 3, (70, 3)).astype(np.float32) + np.float32(0.25), axis=0)[:50]
    X, Y = rng.permutation(X), rng.permutation(Y)
    if metric == "cosine":  # of integers ties by the formula but not in the reference's own rounding
        X, Y = X + rng.standard_normal(X.shape), Y + rng.standard_normal(Y.shape)
    A, B = (prepare(Z, metric=metric, block_size=7) for Z in (X, Y))
    products = []

    def count(left, right):
        products.append(len(left[0]))
        return gram_product(left, right)

    monkeypatch.setattr("platoscope.neighbors._space.gram_product", count)
    got = information_imbalance(A, B, n_neighbors=k, metric=metric, ties=ties)
    assert sum(products) == 100
    want = references.information_imbalance(X, Y, k, metric, ties)
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_equal_last_tokens_tie():
    """Rows equal bit for bit tie: permuting what they are paired with does not matter."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((3, 256)).astype(np.float32)[rng.integers(0, 3, 90)]
    Y = rng.standard_normal((90, 256)).astype(np.float32)
    want = references.information_imbalance(X, Y)
    np.testing.assert_allclose(information_imbalance(X, Y), want, atol=1e-12)
    np.testing.assert_allclose(
        information_imbalance(X, Y, n_neighbors=3), references.information_imbalance(X, Y, 3)
    )


def test_concatenation_is_the_put_together_array():
    """A list of arrays scores like their concatenation."""
    rng = np.random.default_rng(5)
    parts = [rng.standard_normal((70, 4)), rng.standard_normal((70, 2))]
    Y = rng.standard_normal((70, 3))
    assert information_imbalance(parts, Y) == information_imbalance(np.concatenate(parts, axis=1), Y)


def test_precomputed_distances_give_the_same_value():
    """Handing in distances gives what handing in vectors gives."""
    rng = np.random.default_rng(6)
    X, Y = rng.standard_normal((40, 3)), rng.standard_normal((40, 3))
    DX, DY = references.distances(X), references.distances(Y)
    assert information_imbalance(DX, DY, metric="precomputed") == pytest.approx(information_imbalance(X, Y))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("n", "d", "alpha", "forward", "backward"),
    [
        (1500, 50, 0.1, 0.638, 0.530),
        (1500, 50, 0.3, 0.261, 0.203),
        (1500, 50, 0.5, 0.107, 0.078),
        (1500, 50, 0.9, 0.0064, 0.0040),
        (1000, 1000, 0.25, 0.239, 0.261),
    ],
)
def test_split_estimator_gives_the_published_figures(n, d, alpha, forward, backward, seed):
    """The authors' construction gives their figures; one draw moves them by about 0.02."""
    rng = np.random.default_rng(seed)
    Y = rng.standard_normal((n, d))
    got = information_imbalance(Y[:, : round(alpha * d)], Y, estimator="split", rng=rng)
    np.testing.assert_allclose(got, (forward, backward), atol=0.045 if alpha < 0.5 else 0.02)


def test_split_estimator_equals_its_loop():
    """The split estimator is its formula, for the random halves that its generator draws."""
    X, Y = (np.random.default_rng(seed).standard_normal((31, 4)) for seed in (0, 1))
    order = np.random.default_rng(7).permutation(31)
    rows, columns = order[:15], order[15:]
    for k in (1, 3):
        got = information_imbalance(X, Y, n_neighbors=k, estimator="split", rng=7)
        want = (
            references.split_imbalance(X, Y, rows, columns, k),
            references.split_imbalance(Y, X, rows, columns, k),
        )
        np.testing.assert_allclose(got, want, atol=1e-12)


def test_split_identity_is_zero_and_independence_near_one():
    """Identity scores 0 under the split estimator, independence about (M − 1)/(M − 2)."""
    X = np.random.default_rng(0).standard_normal((400, 10))
    assert information_imbalance(X, X, estimator="split", rng=0) == (0.0, 0.0)
    assert information_imbalance(prepare(X), X[::-1], estimator="split", rng=0).forward == pytest.approx(
        1, abs=0.15
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n_neighbors": 10}, "between 1 and n_samples - 1 = 9; got 10"),
        ({"ties": "random"}, "ties must be one of average, min; got 'random'"),
        ({"estimator": "half"}, "estimator must be one of full, split; got 'half'"),
        ({"estimator": "split", "metric": "hamming"}, "leave metric and ties at their defaults"),
        ({"estimator": "split", "n_neighbors": 8}, "n_neighbors .got 8. below their number"),
    ],
)
def test_bad_options_say_what_was_expected(options, said):
    """A wrong option is an error with the value that came and what to do."""
    X = np.random.default_rng(0).standard_normal((10, 2))
    with pytest.raises(InputError, match=said):
        information_imbalance(X, X, **options)


def test_different_items_are_refused():
    """Different numbers of rows are an error with both numbers and the way to align them."""
    with pytest.raises(InputError, match="got 10 and 9 rows. Align them by id"):
        information_imbalance(np.ones((10, 2)), np.ones((9, 2)))


def test_a_space_refuses_a_metric_it_was_not_prepared_for():
    """A space of sign bits is not asked for Euclidean distances silently."""
    X = np.random.default_rng(0).standard_normal((10, 4))
    with pytest.raises(
        InputError, match="prepared with metric='hamming' and is asked for metric='euclidean'"
    ):
        information_imbalance(prepare(X, metric="hamming"), X)


def test_noise_is_predicted_by_less_noise():
    """The side that knows more has the smaller Δ towards the other: negative asymmetry."""
    rng = np.random.default_rng(8)
    X = rng.standard_normal((800, 6))
    low_rank = X @ np.diag([1, 1, 0, 0, 0, 0]) + 0.05 * rng.standard_normal(X.shape)
    assert information_imbalance(X, low_rank).asymmetry < -0.2


def test_uncertainty_is_that_of_a_profile():
    """P-values and intervals of two arrays are those of a profile of one layer with the same seed, strata included."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 5))
    Y = X[:, :3] + rng.standard_normal((80, 3))
    groups = np.arange(80) % 4
    chosen = {"n_permutations": 9, "n_resamples": 5, "strata": groups, "rng": 3, "n_neighbors": 2}
    found = information_imbalance(X, Y, **chosen)
    layer = platoscope.profile([X], [Y], measures="information_imbalance", **chosen).isel(layer=0)
    plain = information_imbalance(X, Y, n_neighbors=2)
    assert found == plain
    assert plain.p_value is plain.interval is plain.asymmetry_interval is None
    for name, direction in (("forward", "a_to_b"), ("backward", "b_to_a")):
        there = layer.sel(direction=direction)
        assert getattr(found.p_value, name) == float(there.information_imbalance_p)
        np.testing.assert_allclose(
            getattr(found.interval, name), [there.information_imbalance_low, there.information_imbalance_high]
        )
    np.testing.assert_allclose(found.asymmetry_interval, [layer.asymmetry_low, layer.asymmetry_high])


def test_a_result_with_uncertainty_is_still_two_numbers():
    """It unpacks, is kept by a copy, and its repr says all that is known, and no more."""
    X = np.random.default_rng(0).standard_normal((60, 4))
    found = information_imbalance(X, X[:, :2], n_permutations=4, rng=0)
    forward, backward = found
    assert repr(found) == f"Imbalance(forward={forward!r}, backward={backward!r}, p_value=(0.2, 0.2))"
    again = copy.copy(found)
    assert (again, again.p_value) == (found, found.p_value)
    assert repr(information_imbalance(X, np.zeros((60, 1)))) == "Imbalance(forward=1.0, backward=1.0)"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"estimator": "split", "rng": 0}, "for estimator='full' and ties='average'; got estimator='split'"),
        ({"ties": "min"}, "and ties='min'"),
        ({"n_permutations": -1}, "n_permutations must be a whole number"),
        ({"strata": [0] * 5}, "group of each of the 60 items; got 5"),
        ({"n_resamples": 1}, "0 .no interval. or at least 2; got 1"),
    ],
)
def test_uncertainty_that_cannot_be_had_is_refused(change, said):
    """The message names what does not go together."""
    X = np.random.default_rng(0).standard_normal((60, 4))
    with pytest.raises(InputError, match=said):
        information_imbalance(X, X, **{"n_permutations": 9, **change})
