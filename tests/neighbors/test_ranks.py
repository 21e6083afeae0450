"""Neighbors and ranks equal the slow reference, with ties and duplicates, for every block size and dtype."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platoscope.errors import InputError
from platoscope.neighbors import nearest_neighbors, prepare, ranks, visit_rank_rows
from platoscope.neighbors._products import gram_product
from platoscope.testing import references, strategies


def dense_weights(space, k, metric, ties="average"):
    near = nearest_neighbors(space, k, metric, ties=ties)
    out = np.zeros((space.n_samples, space.n_samples))
    owner = np.repeat(np.arange(space.n_samples), np.diff(near.indptr))
    out[owner, near.items] = near.weights
    return out


def all_ranks(space, metric, ties="average"):
    n = space.n_samples
    items = np.array([j for i in range(n) for j in range(n) if j != i])
    got = ranks(space, np.arange(n + 1) * (n - 1), items, metric, ties=ties)
    out = np.full((n, n), np.nan)
    out[np.repeat(np.arange(n), n - 1), items] = got
    return out


@given(strategies.arrays(), st.data())
def test_ties_and_near_duplicates_match_the_reference(X, data):
    """Neighbor shares and average ranks are expectations under random tie-breaking, exactly."""
    metric = data.draw(st.sampled_from(["euclidean", "hamming"]))
    ties = data.draw(st.sampled_from(["average", "min"]))
    k = data.draw(st.integers(1, len(X) - 1))
    block_size = data.draw(st.sampled_from([None, 1, 3, 100]))
    space = prepare(X, metric=metric, block_size=block_size)
    D = references.distances(X, metric)
    np.testing.assert_allclose(
        dense_weights(space, k, metric, ties), references.neighbor_weights(D, k, ties), atol=1e-12
    )
    np.testing.assert_array_equal(all_ranks(space, metric, ties), references.average_ranks(D, ties))


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "hamming"])
@pytest.mark.parametrize("block_size", [None, 1, 7, 64])
def test_continuous_data_match_the_reference_for_every_block_size(metric, block_size):
    """Neighbors and ranks do not depend on how many rows of distances are held at a time."""
    X = np.random.default_rng(1).standard_normal((40, 6)) + 3
    space = prepare(X, metric=metric, block_size=block_size)
    D = references.distances(X, metric)
    np.testing.assert_allclose(dense_weights(space, 5, metric), references.neighbor_weights(D, 5), atol=1e-12)
    np.testing.assert_array_equal(all_ranks(space, metric), references.average_ranks(D))


@pytest.mark.parametrize("block_size", [None, 32])
@pytest.mark.parametrize("smallest", [1e-12, 1e-9])
def test_the_direction_of_a_tiny_row_takes_no_place_from_others(smallest, block_size):
    """Of a row that is tiny beside the others float32 knows no cosine: it is a neighbor only where float64 says so."""
    X = np.random.default_rng(3).standard_normal((90, 5))
    X[[7, 50]] *= [[smallest], [30 * smallest]]
    space = prepare(X, block_size=block_size)
    D = references.distances(X, "cosine")
    for k in (1, 4):
        found = dense_weights(space, k, "cosine")
        np.testing.assert_allclose(found, references.neighbor_weights(D, k), atol=1e-12)


def test_precomputed_distances_are_taken_as_they_are():
    """With precomputed distances neighbors and ranks follow the given float64 values to the last bit."""
    rng = np.random.default_rng(2)
    D = 1.0 + 1e-12 * rng.random((15, 15))
    space = prepare(D, metric="precomputed")
    np.testing.assert_array_equal(all_ranks(space, "precomputed"), references.average_ranks(D))


def float64_ranks(X):
    X = np.asarray(X, np.float64)
    return np.stack([np.argsort(np.argsort(((X - row) ** 2).sum(axis=1))) for row in X])  # self is rank 0


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_huge_features_do_not_change_a_single_rank(dtype):
    """With a constant 1000 on two of 1024 features, ranks equal those of float64, whatever the input type."""
    torch = pytest.importorskip("torch")
    X = torch.from_numpy(np.random.default_rng(3).standard_normal((300, 1024)))
    X[:, :2] += 1000
    X = X.to(getattr(torch, dtype))
    want = float64_ranks(X.to(torch.float64).numpy()).astype(float)
    got = np.nan_to_num(all_ranks(prepare(X), "euclidean"))
    if dtype == "float32":
        np.testing.assert_array_equal(got, want)
    else:
        # Coarse types put many points at equal distances, where a sort picks an arbitrary order.
        assert np.abs(got - want).max() <= 3
        assert np.abs(got - want).mean() < 0.01


def clusters_far_apart():
    X = np.random.default_rng(4).standard_normal((80, 5))
    return X + 1e6 * (np.arange(80) % 2)[:, None]


@pytest.mark.parametrize("block_size", [None, 1, 7, 64])
def test_clusters_far_apart_keep_their_inner_ranks(block_size):
    """Two clusters a million apart, where float32 products decide nothing, still rank as in float64."""
    X = clusters_far_apart()
    space = prepare(X, block_size=block_size)
    want = float64_ranks(X)
    np.testing.assert_array_equal(np.nan_to_num(all_ranks(space, "euclidean")), want)
    near = dense_weights(space, 3, "euclidean")
    np.testing.assert_array_equal(near > 0, (want > 0) & (want <= 3))


def test_a_block_of_distances_is_multiplied_once_for_neighbors_and_once_for_ranks(monkeypatch):
    """Near-ties are settled while their block is at hand, however many there are."""
    space = prepare(clusters_far_apart(), block_size=16)
    multiplied = []

    def count(left, right):
        multiplied.append(len(left[0]))
        return gram_product(left, right)

    monkeypatch.setattr("platoscope.neighbors._space.gram_product", count)
    near = nearest_neighbors(space, 1, "euclidean")
    assert multiplied == [16] * 5
    ranks(space, near.indptr, near.items, "euclidean")
    assert multiplied == [16] * 10


def test_concatenated_parts_rank_like_the_put_together_array():
    """Squared distances of parts add, so that a concatenation never has to exist."""
    rng = np.random.default_rng(5)
    parts = [
        rng.standard_normal((30, 3)),
        10 + rng.standard_normal((30, 5)),
        rng.integers(0, 2, (30, 1)).astype(float),
    ]
    together = np.concatenate(parts, axis=1)
    np.testing.assert_array_equal(
        all_ranks(prepare(parts), "euclidean"), all_ranks(prepare(together), "euclidean")
    )
    np.testing.assert_array_equal(all_ranks(prepare(parts), "cosine"), all_ranks(prepare(together), "cosine"))


@pytest.mark.parametrize("block_size", [None, 5])
def test_ranks_by_sorting_equal_ranks_by_counting(block_size):
    """The rows of ranks that nulls gather from are the ranks that `ranks` counts."""
    rng = np.random.default_rng(6)
    X = rng.standard_normal((50, 4))[rng.integers(0, 50, 50)]
    space = prepare(X, block_size=block_size)
    counted = all_ranks(space, "euclidean")
    table = np.full((space.n_distinct, space.n_distinct), np.nan)

    def keep(first: int, rows: np.ndarray) -> None:
        table[first : first + len(rows)] = rows

    visit_rank_rows(space, "euclidean", keep)
    by_item = table[np.ix_(space.inverse, space.inverse)]
    np.fill_diagonal(by_item, np.nan)
    np.testing.assert_array_equal(by_item, counted)


def test_too_many_neighbors_says_both_numbers():
    """Asking for as many neighbors as items is an error with both numbers."""
    with pytest.raises(InputError, match="between 1 and n_samples - 1 = 4; got 5"):
        nearest_neighbors(prepare(np.random.default_rng(0).random((5, 2))), 5, "euclidean")


def test_a_constant_array_has_all_others_as_neighbors():
    """Where nothing varies, every other item shares the first place equally."""
    near = nearest_neighbors(prepare(np.full((6, 3), 2.5)), 1, "euclidean")
    assert near.constant
    np.testing.assert_allclose(near.weights, 1 / 5)
