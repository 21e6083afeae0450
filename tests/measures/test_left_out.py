"""Leaving one item out of Information Imbalance is exact, and carries subsamples to the spread at N."""

from __future__ import annotations

import numpy as np
import pytest

from platoscope import information_imbalance, prepare, profile
from platoscope.measures import Z95, carry, jackknife_covariance, standard_errors
from platoscope.measures._left_out import imbalance_left_out
from platoscope.neighbors import take_sample


def _pair(rng, n=40, d=3):
    X = rng.standard_normal((n, d))
    return X, X + 0.7 * rng.standard_normal((n, d))


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_leaving_out_is_measuring_the_others(k, metric):
    """The value without an item is Information Imbalance of all others, in both directions."""
    X, Y = _pair(np.random.default_rng(0))
    found = imbalance_left_out(
        [prepare(X, metric=metric)],
        [prepare(Y, metric=metric)],
        np.zeros((1, 2), np.intp),
        n_neighbors=k,
        metric=metric,
    )
    for item in range(len(X)):
        others = np.delete(np.arange(len(X)), item)
        wanted = information_imbalance(X[others], Y[others], n_neighbors=k, metric=metric)
        assert found[:, 0, item] == pytest.approx(wanted, abs=1e-12)


def test_leaving_out_of_tied_targets():
    """Ranks of tied items are averages among the others, too; copies of an item are at distance 0."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((40, 3))
    levels = np.array([0.0, 1.0, 2.7, 5.9])  # no two at equal distances, which float32 might not see
    Y = levels[np.digitize(X[:, :1], [-0.8, 0.0, 0.8])]
    found = imbalance_left_out([prepare(X)], [prepare(Y)], np.zeros((1, 2), np.intp))
    for item in range(len(X)):
        others = np.delete(np.arange(len(X)), item)
        assert found[0, 0, item] == pytest.approx(
            information_imbalance(X[others], Y[others]).forward, abs=1e-12
        )


def test_leaving_out_of_blocks_samples_and_grids():
    """Blocks of a matrix, a sample cut from one, and pairs of several layers give what whole matrices of a pair do."""
    rng = np.random.default_rng(2)
    X, Y = _pair(rng, n=90)
    Z = X + rng.standard_normal(X.shape)
    one = np.zeros((1, 2), np.intp)
    whole = imbalance_left_out([prepare(X)], [prepare(Y)], one)
    blocked = imbalance_left_out([prepare(X, block_size=20)], [prepare(Y, block_size=33)], one)
    assert (blocked == whole).all()
    items = np.arange(0, 90, 2)
    samples = [take_sample(prepare(side), items) for side in (X, Y)]
    some = imbalance_left_out([prepare(X[items])], [prepare(Y[items])], one)
    assert (imbalance_left_out(samples[:1], samples[1:], one) == some).all()
    pairs = np.array([(1, 0), (0, 0), (1, 1), (0, 1)], np.intp)
    grid = imbalance_left_out([prepare(Z), prepare(X)], [prepare(Y), prepare(Z)], pairs)
    assert (grid[:, [0]] == whole).all()


def test_carried_values_have_the_level_and_the_jackknife_ratio():
    """Their mean is the value at N; their covariance is that of the subsamples times what the jackknives say."""
    rng = np.random.default_rng(3)
    resamples = rng.standard_normal((500, 2, 1)) @ np.ones((1, 1)) + 5.0
    at_size, at_n = np.array([[[4.0, 1.0], [1.0, 2.0]]]), np.array([[[0.5, 0.2], [0.2, 0.4]]])
    values = np.array([[0.3], [0.1]])
    mix = np.linalg.cholesky(at_size[0])
    resamples = np.einsum("de,rep->rdp", mix, resamples)
    carried = carry(resamples, values, at_size=at_size, at_n=at_n, n_samples=400, size=100)
    assert carried.mean(axis=0) == pytest.approx(values, abs=1e-12)
    white = np.cov(np.linalg.solve(mix, resamples[..., 0].T))
    assert np.abs(white - np.eye(2)).max() < 0.2  # 500 draws
    assert np.cov(carried[..., 0].T) == pytest.approx(4 * at_n[0], rel=0.2)


def test_what_does_not_vary_keeps_its_level():
    """A representation compared with itself has Δ = 2/N without error; nothing becomes NaN."""
    X = np.random.default_rng(4).standard_normal((120, 4))
    result = profile([X], [X], measures=["information_imbalance"], rng=0)
    assert result.information_imbalance.values == pytest.approx(2 / 120)
    assert result.information_imbalance_se.values == pytest.approx(0, abs=1e-12)
    assert result.information_imbalance_resamples.values == pytest.approx(2 / 120)
    constant = profile([X], [np.zeros((120, 2))], measures=["information_imbalance"], rng=0)
    assert constant.information_imbalance_high.values == pytest.approx(1.0)


def test_covariance_of_a_mean():
    """The delete-one jackknife of a mean is its variance over N."""
    x = np.random.default_rng(5).standard_normal((2, 1, 50))
    left_out = (x.sum(axis=-1, keepdims=True) - x) / 49
    assert jackknife_covariance(left_out)[0] == pytest.approx(np.cov(x[:, 0]) / 50)


@pytest.mark.parametrize("noise", [0.3, pytest.param(1.0, marks=pytest.mark.slow)])
def test_intervals_are_as_wide_as_the_spread(noise):
    """Carried intervals of Δ, of δ and of a difference of layers are as wide as fresh samples scatter.

    Those of subsamples as they are would be half as wide again at the smaller noise (docs/measures.md).
    """
    rng = np.random.default_rng(6)
    values, errors, plain = [], [], []
    options = {"measures": ["information_imbalance"], "n_resamples": 60, "rng": 0}
    for draw in range(120):
        X = rng.standard_normal((160, 6))
        Y, other = (X + noise * scale * rng.standard_normal(X.shape) for scale in (1.0, 1.3))
        a = profile([X, other], [Y, Y], interval_method="carried", **options)
        draws = a.information_imbalance_resamples.sel(direction="a_to_b")
        level = a.information_imbalance.sel(direction="a_to_b")
        values.append([*a.information_imbalance[:, 0], a.asymmetry[0], level[0] - level[1]])
        layers = standard_errors((draws[:, 0] - draws[:, 1]).values, n_samples=160, size=40)
        errors.append([*a.information_imbalance_se[:, 0], a.asymmetry_se[0], layers])
        if noise == 0.3 and draw < 30:
            b = profile([X], [Y], interval_method="delete_d", **options)
            plain.append(b.information_imbalance_se[0, 0])
    scatter = np.std(values, axis=0, ddof=1)
    ratio = np.mean(errors, axis=0) / scatter
    assert ((ratio > 0.8) & (ratio < 1.3)).all(), ratio  # 120 draws: 6 % per standard error
    away = np.abs(np.array(values) - np.mean(values, axis=0)) < Z95 * np.array(errors)
    assert (away.mean(axis=0) > 0.88).all()  # 95 % less 3.5 binomial errors
    if noise == 0.3:
        assert np.mean(plain) > 1.35 * scatter[0]
