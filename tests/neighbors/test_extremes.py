"""Ranks do not depend on the size of the numbers, from subnormal ones to the limit of float64, and directions tie."""

from __future__ import annotations

import numpy as np
import pytest

from platoscope.measures import cka, cknna, information_imbalance, neighborhood_overlap, retrieval, rsa
from platoscope.testing import references

METRICS = ["euclidean", "cosine"]


def related(seed=0, n_samples=40, n_features=6):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features))
    return X, X + rng.standard_normal(X.shape)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("exponent", [500, 511, 520, 700, 1000, 1020, -400, -511, -520, -531, -700, -1000])
def test_a_power_of_two_changes_no_rank_of_float64(exponent, metric):
    """Squares that overflow or vanish are never taken."""
    X, Y = related()
    got = information_imbalance(np.ldexp(X, exponent), Y, metric=metric)
    assert got == information_imbalance(X, Y, metric=metric)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("exponent", [60, 64, 100, 120, -60, -64, -70, -100, -110])
def test_a_power_of_two_changes_no_rank_of_float32(exponent, metric):
    """Nor in float32, whose range is smaller."""
    X, Y = (Z.astype(np.float32) for Z in related())
    got = information_imbalance(np.ldexp(X, exponent), Y, metric=metric)
    assert got == information_imbalance(X, Y, metric=metric)


@pytest.mark.parametrize("metric", METRICS)
def test_subnormal_numbers_are_numbers(metric):
    """Subnormal float64 values have few digits, and these count."""
    X, Y = related()
    X = np.ldexp(np.round(X * 64), -1074)
    wide = np.longdouble(X) * np.longdouble(2) ** 1074
    got = information_imbalance(X, Y, metric=metric)
    assert got == pytest.approx(references.information_imbalance(wide, Y, metric=metric), abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e12, 1e200, 1e300, 1.7e308])
def test_one_row_of_another_size_leaves_the_others_their_ranks(size, metric):
    """What is near the limit of float64 beside ordinary rows takes no digit from them, and a tiny row has a direction."""
    X, Y = related()
    X[3] *= size / np.abs(X[3]).max()
    got = information_imbalance(X, Y, metric=metric)
    want = references.information_imbalance(np.longdouble(X), Y, metric=metric)
    assert got == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e150, 1e160, 1e300])
def test_every_measure_is_the_same_at_any_scale(scale):
    """Declared invariances hold to the ends of float64."""
    X, Y = related()
    for measure in (neighborhood_overlap, cka, cknna, rsa, lambda X, Y: retrieval(X, Y, k=(1,)).forward[1]):
        assert measure(X * scale, Y) == pytest.approx(measure(X, Y), abs=1e-6)


@pytest.mark.parametrize("transform", ["none", "unit"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_multiples_of_a_row_have_one_direction(dtype, transform):
    """Parallel rows of whole numbers tie, whatever their lengths: as their directions in lowest terms do."""
    rng = np.random.default_rng(0)
    lowest = np.array([(1, 0), (0, -1), (1, 2), (-2, 1), (3, -1), (1, 1), (2, 3), (-3, -2)])
    short = lowest[rng.integers(0, len(lowest), 90)]
    X = (short * rng.integers(1, 12, (90, 1))).astype(dtype)
    Y = rng.standard_normal((90, 3))
    how = {"metric": "cosine"} if transform == "none" else {"transform": "unit"}
    got = information_imbalance(X, Y if transform == "none" else Y.copy(), **how)
    assert got == information_imbalance(short.astype(dtype), Y, **how)


@pytest.mark.parametrize("scale", [1.0, 0.1])
@pytest.mark.parametrize("transform", ["none", "unit"])
def test_sign_vectors_tie_as_their_differing_signs_do(transform, scale):
    """Distances of vectors of signs, of any length and divided by it, tie where the numbers of differing signs do."""
    rng = np.random.default_rng(1)
    X = np.where(rng.standard_normal((80, 37)) < 0, -1.0, 1.0).astype(np.float32)
    Y = np.where(rng.standard_normal((80, 37)) < 0, -1.0, 1.0)
    want = information_imbalance(X, Y, metric="hamming")
    X *= np.float32(scale)
    assert information_imbalance(X, Y, metric="cosine", transform=transform) == want
    assert information_imbalance(X, Y, transform=transform) == want


def test_equal_cosines_of_different_lengths_tie():
    """Directions are compared by exact quotients of whole numbers."""
    rng = np.random.default_rng(2)
    X, Y = rng.integers(-3, 4, (2, 60, 2)).astype(float)
    X[(X == 0).all(1)], Y[(Y == 0).all(1)] = 1, 1

    def shares(Z):
        dots = Z @ Z.T
        return -np.sign(dots) * dots**2 / np.outer(np.diag(dots), np.diag(dots))

    want = information_imbalance(shares(X), shares(Y), metric="precomputed")
    assert information_imbalance(X, Y, metric="cosine") == want
