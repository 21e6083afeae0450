"""What a result says of single items: the ranks of which Δ is the mean, nearest neighbors, ranks of partners."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import platoscope
from platoscope.errors import InputError, PlatoscopeWarning
from platoscope.layerwise import take_profile, with_ids
from platoscope.layerwise._layer_stack import as_stack
from platoscope.measures import MEASURES, ItemValues
from platoscope.testing import references

N = 60
RNG = np.random.default_rng(3)
PLAIN_A = RNG.standard_normal((3, N, 6))
PLAIN_B = PLAIN_A[..., :4] + RNG.standard_normal((3, N, 4))
# Few values in few dimensions: many distances tie, and many rows are equal.
TIED_A, TIED_B = np.round(PLAIN_A[..., :2]), np.round(PLAIN_B[..., :3])
DELTA = "information_imbalance"


def measured(A, B, **options):
    return platoscope.profile(
        A, B, **{"measures": [DELTA], "n_resamples": 0, "items": True, "rng": 0} | options
    )


def mean_ranks(X, Y, *, k=1, metric="euclidean"):
    ranks = references.average_ranks(references.distances(Y, metric))
    weights = references.neighbor_weights(references.distances(X, metric), k)
    return (weights * np.nan_to_num(ranks)).sum(axis=1)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "hamming"])
@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("transform", ["none", ("zscore", "unit")])
def test_the_imbalance_is_the_mean_of_the_ranks_to_the_last_bit(metric, k, dtype, transform):
    """2 · Σ / N² of the ranks is Δ exactly, and Δ is what it is without them, whatever ties."""
    A, B = (
        np.abs(side).astype(dtype) + 1 if metric == "cosine" else side.astype(dtype)
        for side in (TIED_A, TIED_B)
    )
    options = {"metric": metric, "n_neighbors": k, "transform": transform}
    found = measured(A, B, **options)
    np.testing.assert_array_equal(2 * found.neighbor_rank.sum("item") / N**2, found[DELTA])
    np.testing.assert_array_equal(found[DELTA], measured(A, B, **options, items=False)[DELTA])


@pytest.mark.parametrize(("A", "B"), [(PLAIN_A, PLAIN_B), (TIED_A, TIED_B)], ids=["plain", "tied"])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("block_size", [None, 7])
def test_every_rank_is_that_of_the_definition(A, B, k, block_size):
    """Each item has the expected rank of its neighbors on the other side; of blocks as of whole matrices."""
    for layers in (slice(None), slice(1, 2)):  # a single layer is walked block by block on both sides at once
        found = measured(A[layers], B[layers], n_neighbors=k, block_size=block_size)
        for layer, (X, Y) in enumerate(zip(A[layers], B[layers], strict=True)):
            at = found.neighbor_rank.isel(layer=layer)
            np.testing.assert_allclose(at.sel(direction="a_to_b"), mean_ranks(X, Y, k=k))
            np.testing.assert_allclose(at.sel(direction="b_to_a"), mean_ranks(Y, X, k=k))


@pytest.mark.parametrize(("A", "B"), [(PLAIN_A, PLAIN_B), (TIED_A, TIED_B)], ids=["plain", "tied"])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("block_size", [None, 7])
def test_the_nearest_neighbor_is_the_first_of_those_that_tie(A, B, k, block_size):
    """`nearest` is the first by position among the nearest, and `n_nearest` says how many there are."""
    for layers in (slice(None), slice(1, 2)):
        found = measured(A[layers], B[layers], n_neighbors=k, block_size=block_size)
        for side, stack in (("a", A[layers]), ("b", B[layers])):
            for layer, X in enumerate(stack):
                D = references.distances(X)
                np.fill_diagonal(D, np.inf)
                np.testing.assert_array_equal(found[f"nearest_{side}"][layer], D.argmin(axis=1))
                smallest = D.min(axis=1, keepdims=True)
                np.testing.assert_array_equal(found[f"n_nearest_{side}"][layer], (D == smallest).sum(axis=1))


def test_a_side_that_says_nothing_has_the_rank_of_chance():
    """From a constant layer all others are equally near: their mean rank is N / 2, and nobody is a hub."""
    with pytest.warns(PlatoscopeWarning, match="undefined"):
        found = measured(np.ones((1, N, 2)), PLAIN_B[:1], measures=[DELTA, "cka_biased"])
    assert (found.neighbor_rank.sel(direction="a_to_b") == N / 2).all()
    assert (found.n_nearest_a == N - 1).all()
    assert found.nearest_a.values[0].tolist() == [1] + [0] * (N - 1)
    table = platoscope.per_item(found)
    assert (table.k_occurrence_a == 0).all()
    assert table.k_occurrence_b.sum() == 2 * N


def test_ranks_of_partners():
    """A partner's rank is one plus how many candidates are closer, and half of those that are as close."""
    A, B = TIED_A[..., :2] + 0.25, TIED_B[..., :2] + 0.25
    found = measured(A, B, measures=["retrieval_at_5", "retrieval_at_1", DELTA])
    assert found.partner_rank.dims == ("direction", "layer", "item")
    for layer, (X, Y) in enumerate(zip(A, B, strict=True)):
        X, Y = (side - side.mean(axis=0) for side in (X, Y))
        X, Y = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (X, Y))
        for way, products in (("a_to_b", X @ Y.T), ("b_to_a", Y @ X.T)):
            products = np.round(products, 9)  # equal directions tie, as they do where rows are compared
            own = products.diagonal()[:, None]
            want = 1 + (products > own).sum(axis=1) + ((products == own).sum(axis=1) - 1) / 2
            np.testing.assert_array_equal(found.partner_rank.sel(direction=way)[layer], want)


def test_recall_is_read_off_the_ranks_of_partners():
    """Without ties, recall@k is the share of partners of at most that rank; asking for ranks does not change it."""
    A, B = PLAIN_A[..., :4], PLAIN_B
    found = measured(A, B, measures=["retrieval_at_1", "retrieval_at_5"])
    for k in (1, 5):
        np.testing.assert_allclose((found.partner_rank <= k).mean("item"), found[f"retrieval_at_{k}"])
    assert "neighbor_rank" not in found
    constant = measured(np.ones((1, N, 4)), B[:1], measures=["retrieval_at_1"])
    assert (constant.partner_rank == (N + 1) / 2).all()


def test_subsamples_and_permutations_are_those_without_items():
    """Every other variable is the same with and without items."""
    options = {
        "measures": [DELTA, "retrieval_at_1", "neighborhood_overlap"],
        "n_resamples": 6,
        "n_permutations": 5,
    }
    A, B = PLAIN_A[..., :4], PLAIN_B
    with_items, without = (measured(A, B, **options, items=items) for items in (True, False))
    added = set(with_items.variables) - set(without.variables)
    assert added == {
        "item", "item_position", "neighbor_rank", "nearest_a", "nearest_b", "n_nearest_a", "n_nearest_b", "partner_rank",
    }  # fmt: skip
    assert with_items.drop_vars(added).identical(without)
    assert platoscope.to_frame(with_items).equals(platoscope.to_frame(without))


def test_a_profile_of_items_is_a_slice_of_their_grid():
    """A grid has the same ranks in the cells of the profile; what is about a side stands over its layers."""
    grid = platoscope.compare(PLAIN_A, PLAIN_B, measures=[DELTA], n_resamples=0, items=True, rng=0)
    assert grid.neighbor_rank.dims == ("direction", "layer_a", "layer_b", "item")
    assert grid.nearest_b.dims == ("layer_b", "item")
    direct = measured(PLAIN_A, PLAIN_B)
    taken = take_profile(grid)
    for name in ("neighbor_rank", "nearest_a", "n_nearest_b"):
        assert taken[name].dims == direct[name].dims
        np.testing.assert_array_equal(taken[name], direct[name])
    assert len(platoscope.per_item(grid)) == 2 * 9 * N


def test_items_have_the_names_of_the_stacks():
    """Names come from either side; of a subset without names, items have their rows in what was handed in."""
    names = [f"verse {i}" for i in range(N)]
    named = measured(PLAIN_A, with_ids(as_stack(PLAIN_B), names), n_samples=20)
    assert set(named.item.values) < set(names)
    rows = measured(PLAIN_A, PLAIN_B, n_samples=20).item.values
    assert [f"verse {row}" for row in rows] == named.item.values.tolist()
    at = measured(PLAIN_A[:, rows], PLAIN_B[:, rows])
    np.testing.assert_array_equal(named.neighbor_rank, at.neighbor_rank)


def test_the_table_says_who_is_near_whom():
    """A row has the item's rank, its share of Δ, its neighbor by name, hubs of both sides, and texts."""
    names = [f"verse {i}" for i in range(N)]
    found = measured(with_ids(as_stack(PLAIN_A), names), PLAIN_B)
    texts = ([f"a{i}" for i in range(N)], [f"b{i}" for i in range(N)])
    table = platoscope.per_item(found.isel(item=RNG.permutation(N)), texts=texts)
    assert list(table.columns) == [
        "direction", "layer", "layer_a", "layer_b", "relative_depth_a", "relative_depth_b", "item", "rank", "imbalance",
        "nearest", "n_nearest", "k_occurrence_a", "k_occurrence_b", "a", "b",
    ]  # fmt: skip
    assert len(table) == 2 * 3 * N
    means = table.groupby(["direction", "layer"]).imbalance.mean().values.reshape(2, 3)
    np.testing.assert_allclose(means, found[DELTA])
    near = {"a_to_b": found.nearest_a.values, "b_to_a": found.nearest_b.values}
    hubs = {side: [np.bincount(row, minlength=N) for row in found[f"nearest_{side}"].values] for side in "ab"}
    for row in table.itertuples():
        item = names.index(row.item)
        assert row.rank == float(found.neighbor_rank.sel(direction=row.direction, layer=row.layer)[item])
        assert row.nearest == names[near[row.direction][row.layer][item]]
        assert (row.k_occurrence_a, row.k_occurrence_b) == (
            hubs["a"][row.layer][item],
            hubs["b"][row.layer][item],
        )
        assert (row.a, row.b) == (f"a{item}", f"b{item}")


def test_texts_stand_beside_their_items_even_where_names_repeat():
    """Texts go by the position of an item, since names of one's own stack may come twice."""
    found = measured(with_ids(as_stack(PLAIN_A), ["same"] * N), PLAIN_B)
    table = platoscope.per_item(found, texts=(range(N), range(N)))
    assert table[(table.direction == "a_to_b") & (table.layer == 1)].a.tolist() == list(range(N))


@pytest.mark.parametrize(
    ("part", "match"),
    [
        (lambda r: r.isel(item=slice(5)), "got 5 of 60 items"),
        (lambda r: r.sel(direction="a_to_b"), "direction a_to_b"),
        (lambda r: r.drop_vars("neighbor_rank"), "items=True"),
        (lambda r: {"a": r}, "items=True"),
    ],
)
def test_no_table_of_a_part(part, match):
    """Neighbors of some items only, or of one side, would be wrong ones."""
    with pytest.raises(InputError, match=match):
        platoscope.per_item(part(measured(PLAIN_A, PLAIN_B)))


@pytest.mark.parametrize(
    ("texts", "match"),
    [((["a"] * 3, ["b"] * N), r"lengths \[3, 60\]"), (5, "got 5"), ((1, 2), r"got \(1, 2\)")],
)
def test_texts_of_other_items_are_refused(texts, match):
    """Texts must be as many as the items, on both sides."""
    with pytest.raises(InputError, match=match):
        platoscope.per_item(measured(PLAIN_A, PLAIN_B), texts=texts)


def test_texts_of_a_table_count_by_their_order():
    """A column of a sorted table keeps its old index, which says nothing of the items."""
    column = pd.Series([f"t{i}" for i in range(N)], index=range(N)[::-1])
    table = platoscope.per_item(measured(PLAIN_A, PLAIN_B), texts=(column, column))
    assert table.a.tolist()[:N] == [f"t{i}" for i in range(N)]


def test_items_need_a_measure_that_says_something_of_them():
    """Where no measure does, asking is a mistake."""
    with pytest.raises(InputError, match="information_imbalance, retrieval_at_1, retrieval_at_5"):
        measured(PLAIN_A, PLAIN_B, measures=["cka_biased"])
    with pytest.raises(InputError, match="items must be one of"):
        measured(PLAIN_A, PLAIN_B, items="yes")


def test_an_own_measure_may_speak_of_items():
    """What `by_item` of a measure returns stands in the result under the names that it gives."""
    own = replace(
        MEASURES["rsa"],
        name="mine",
        by_item=lambda pairs, scratch: {"mine_of": ItemValues(np.ones((2, len(pairs), N)))},
    )
    assert measured(PLAIN_A, PLAIN_B, measures=[own]).mine_of.shape == (2, 3, N)
    wrong = replace(own, by_item=lambda pairs, scratch: {"mine_of": ItemValues(np.ones((2, N)))})
    with pytest.raises(InputError, match="by_item of measure 'mine'"):
        measured(PLAIN_A, PLAIN_B, measures=[wrong])
