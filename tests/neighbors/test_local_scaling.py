"""Local scaling against the slow reference: ties, copies, and what it is for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from platoscope.errors import InputError
from platoscope.measures import information_imbalance
from platoscope.neighbors import local_scaling, prepare, space_diagnostics
from platoscope.testing.references import distances
from platoscope.testing.references import local_scaling as reference


@pytest.mark.parametrize("block_size", [None, 13])
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "hamming"])
@pytest.mark.parametrize("n_neighbors", [2, 7])
def test_it_is_the_formula(metric: Any, block_size: int | None, n_neighbors: int) -> None:
    """Each entry is d² over the distances of both k-th neighbors, copies included."""
    X = np.random.default_rng(0).standard_normal((50, 9))
    X[40:] = X[:10]
    D = distances(X, metric)
    expected = reference(D if metric == "hamming" else np.sqrt(D), n_neighbors)
    found = local_scaling(
        prepare(X, metric=metric, block_size=block_size), metric=metric, n_neighbors=n_neighbors
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(found[:10], found[40:])


def test_what_ties_by_the_formula_ties_in_the_result() -> None:
    """On whole numbers fractions that are equal are equal numbers, whatever the scales of the two items."""
    X = np.random.default_rng(1).integers(-3, 4, (60, 2)).astype(np.float32)
    X = np.unique(X, axis=0)
    squared = distances(X).astype(int)
    n = len(X)
    nearest = [sorted(squared[i, j] for j in range(n) if j != i)[2] for i in range(n)]
    found = local_scaling(X, n_neighbors=3)
    for i in range(n):
        # a/b = c/d without a division.
        for j in range(n):
            for m in range(j):
                left = squared[i, j] ** 2 * nearest[m]
                right = squared[i, m] ** 2 * nearest[j]
                assert (found[i, j] == found[i, m]) == (left == right)


@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_scale_and_shift_change_nothing(scale: float) -> None:
    """It has no unit, at any size of the numbers."""
    X = np.random.default_rng(0).standard_normal((60, 5))
    np.testing.assert_allclose(local_scaling(X * scale), local_scaling(X), rtol=1e-9)
    np.testing.assert_allclose(local_scaling(X + 8), local_scaling(X), rtol=1e-9)


def test_hubs_lose_their_lead() -> None:
    """In many dimensions the skewness falls, and a representation still predicts itself."""
    X = np.random.default_rng(0).standard_normal((200, 300))
    D = local_scaling(X)
    before, after = space_diagnostics(X).hubness, space_diagnostics(D, metric="precomputed").hubness
    assert after < 0.75 * before
    assert information_imbalance(D, D, metric="precomputed").forward == pytest.approx(2 / 200)


def test_an_item_among_its_copies_has_no_scale() -> None:
    """It is named, with what to do; one copy less is enough."""
    X = np.random.default_rng(0).standard_normal((20, 3))
    X[5:8] = X[2]
    assert np.isfinite(local_scaling(X, n_neighbors=4)).all()
    with pytest.raises(
        InputError, match=r"4 items of X have 3 or more copies.*first is item 2.*Drop duplicates"
    ):
        local_scaling(X, n_neighbors=3)


@pytest.mark.parametrize("n_neighbors", [0, 20])
def test_neighbors_must_exist(n_neighbors: int) -> None:
    """The message says how many there are."""
    with pytest.raises(InputError, match="between 1 and the other items of X, 19"):
        local_scaling(np.eye(20), n_neighbors=n_neighbors)
    with pytest.raises(InputError, match="n_neighbors must be a whole number"):
        local_scaling(np.eye(20), n_neighbors=n_neighbors + 0.5)
