"""Mutual proximity against the slow ranks, and what it is for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from platoscope.measures import information_imbalance
from platoscope.neighbors import mutual_proximity, prepare, space_diagnostics
from platoscope.testing.references import average_ranks, distances


@pytest.mark.parametrize("block_size", [None, 13])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_it_is_the_product_of_the_shares_that_are_farther(metric: Any, block_size: int | None) -> None:
    """Each entry is the formula on the ranks of the slow reference, with copies and ties on a grid."""
    X = np.random.default_rng(0).standard_normal((50, 3))
    if metric == "euclidean":  # sums of squares on a grid are exact in the reference as well, cosines are not
        X = np.round(X * 2) + 0.25
    X[40:] = X[:10]
    ranks = np.nan_to_num(average_ranks(distances(X, metric)))
    closer = 1 - (ranks - 0.5) / (len(X) - 1)
    expected = 1 - closer * closer.T
    np.fill_diagonal(expected, 0)
    found = mutual_proximity(prepare(X, metric=metric, block_size=block_size), metric=metric)
    np.testing.assert_allclose(found, expected, atol=1e-14)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(found[40, :40], np.where(np.arange(40) == 0, found[40, 0], found[0, :40]))


def test_hubs_are_gone_and_a_copy_is_still_the_same() -> None:
    """In many dimensions the skewness falls; a representation still predicts itself, and noise predicts nothing."""
    rng = np.random.default_rng(0)
    X, noise = rng.standard_normal((2, 200, 300))
    D = mutual_proximity(X)
    before, after = space_diagnostics(X).hubness, space_diagnostics(D, metric="precomputed").hubness
    assert after < before / 3
    same = information_imbalance(D, D, metric="precomputed")
    assert same.forward == pytest.approx(2 / 200)
    assert information_imbalance(D, mutual_proximity(noise), metric="precomputed").forward > 0.8


def test_scale_and_rotation_change_nothing() -> None:
    """It reads ranks alone."""
    X = np.random.default_rng(0).standard_normal((60, 5))
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((5, 5)))[0]
    np.testing.assert_array_equal(mutual_proximity(X), mutual_proximity(3 * X @ turn))
