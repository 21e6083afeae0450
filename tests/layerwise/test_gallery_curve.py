"""Queries in galleries of growing size: equal to the slow loops, items of several rows included."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platoscope import information_imbalance, neighborhood_overlap, prepare
from platoscope.errors import InputError
from platoscope.layerwise import gallery_curve, to_frame
from platoscope.neighbors import _gallery
from platoscope.report import plot_sample_size
from platoscope.testing import references, strategies


def shared(n_samples, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, 6))
    return X, X[:, :3] + 0.4 * rng.standard_normal((n_samples, 3))


def test_an_item_of_two_rows_by_hand():
    """X = 0, 1, 3; Y has rows 0 and 9 of item 0, 4 of item 1, 8 of item 2."""
    # Neighbors in X: 0→1, 1→0, 2→1. In Y item 1 is 4 from row 0 and 5 from row 9, item 2 is 8 and 1: seen from item 0
    # the ranks of item 1 are 1 and 2. From item 1 (4) items 0 and 2 are both at 4: rank 1.5. From item 2 (8) item 0 is at
    # 1, item 1 at 4: rank 2. Neighbors in Y: of row 0 item 1, of row 9 item 2; of item 1 both others, half each; of item 2
    # item 0. Ranks in X: 1 and 2; 1 and 2; 2.
    X, Y = np.array([[0.0], [1], [3]]), np.array([[0.0], [9], [4], [8]])
    expected = 2 / 3 * (1.5 + 1.5 + 2) / 3
    found = gallery_curve(X, Y, queries=3, sizes=[3], rows_per_item=(1, [2, 1, 1]), overlap_neighbors=1)
    assert found.information_imbalance.values.ravel() == pytest.approx([expected, expected])
    assert references.gallery_imbalance(X, Y, range(3), range(3), [0, 1, 2], [0, 0, 1, 2]) == pytest.approx(
        (expected, expected)
    )


@settings(max_examples=25, deadline=None)
@given(strategies.array_pairs(n_samples=st.integers(6, 14)), st.data())
def test_ties_and_several_rows_equal_the_reference(pair, data):
    """On arrays full of ties, with items of one to three rows on both sides, values are those of the slow loops."""
    n_items = data.draw(st.integers(4, 6))
    sides, items = [], []
    for Z in pair:
        counts = data.draw(st.lists(st.integers(1, 3), min_size=n_items, max_size=n_items))
        items.append(np.repeat(np.arange(n_items), counts))
        sides.append(Z[np.arange(sum(counts)) % len(Z)])
    if 1 in (len(np.unique(side, axis=0)) for side in sides):
        return
    queries = sorted(data.draw(st.sets(st.integers(0, n_items - 1), min_size=2, max_size=n_items)))
    found = gallery_curve(
        *sides, queries=queries, sizes=[n_items], overlap_neighbors=1,
        rows_per_item=tuple(np.bincount(side) for side in items), rng=0,
    )  # fmt: skip
    expected = references.gallery_imbalance(*sides, queries, range(n_items), *items)
    assert found.information_imbalance.values[0] == pytest.approx(expected, abs=1e-12)


def test_the_table_has_a_row_for_each_gallery_and_none_for_queries():
    """What each query adds is in the result, and not among the values."""
    X, Y = shared(40)
    found = gallery_curve(X, Y, queries=10, sizes=[20, 40], overlap_neighbors=3, rng=0)
    assert found.neighbor_rank.sizes["query"] == 10
    table = to_frame(found)
    assert sorted(table.measure) == 2 * ["asymmetry"] + 4 * ["information_imbalance"] + 2 * [
        "neighborhood_overlap"
    ]


def test_a_gallery_is_a_subset_of_the_next():
    """Each point is what the items of its gallery alone give, and all items as queries give the measures as they are."""
    X, Y = shared(120)
    curve = gallery_curve(X, Y, queries=range(20), sizes=[120, 50], overlap_neighbors=4, rng=0)
    assert curve.n_samples.values.tolist() == [50, 120]
    order = np.random.default_rng(0).permutation(100)
    gallery = [*range(20), *(20 + np.flatnonzero(order < 30))]
    for at, items in ((0, gallery), (1, range(120))):
        expected = references.gallery_imbalance(X, Y, range(20), items, range(120), range(120))
        assert curve.information_imbalance.values[at] == pytest.approx(expected, abs=1e-12)
    whole = gallery_curve(X, Y, queries=120, sizes=[120], n_neighbors=2, overlap_neighbors=4)
    assert whole.information_imbalance.values[0] == pytest.approx(information_imbalance(X, Y, n_neighbors=2))
    expected = neighborhood_overlap(X, Y, n_neighbors=4, metric="euclidean")
    assert float(whole.neighborhood_overlap[0]) == pytest.approx(expected)
    assert float(whole.neighborhood_overlap_chance[0]) == pytest.approx(4 / 119)


def test_equal_items_are_counted_in_the_gallery_of_each(monkeypatch):
    """Equal items are asked for once, and each is left out where it is the neighbor; in parts of any size."""
    rng = np.random.default_rng(0)
    X, Y = (rng.standard_normal((12, width))[rng.integers(0, 12, 60)] for width in (4, 2))
    order = np.random.default_rng(0).permutation(50)
    how = {"queries": range(10), "sizes": [25, 40, 60], "overlap_neighbors": 1, "rng": 0}
    curve = gallery_curve(X, Y, **how)
    for at, n_others in enumerate((15, 30, 50)):
        gallery = [*range(10), *(10 + np.flatnonzero(order < n_others))]
        expected = references.gallery_imbalance(X, Y, range(10), gallery, range(60), range(60))
        assert curve.information_imbalance.values[at] == pytest.approx(expected, abs=1e-12)
    monkeypatch.setattr(_gallery, "_UNSURE", 3)
    assert gallery_curve(X, Y, **how).identical(curve)


def test_shuffled_items_of_several_rows_score_one():
    """Over shuffles of whole items the mean of Δ is 1 in both directions, however many rows items have."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((40, 3))
    captions = rng.standard_normal((100, 3))
    counts = np.resize([1, 4], 40)
    blocks = np.split(captions, np.cumsum(counts)[:-1])
    found = []
    for _ in range(60):
        order = rng.permutation(40)
        Y = np.concatenate([blocks[i] for i in order])
        curve = gallery_curve(X, Y, queries=40, rows_per_item=(1, counts[order]), overlap_neighbors=3)
        found.append(curve.information_imbalance.values[0])
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - 1) < 3.5 * error).all(), np.mean(found, axis=0)


def test_values_do_not_depend_on_blocks(monkeypatch):
    """However many rows are held at a time, values have the same bits."""
    X, Y = shared(150)
    X[::5] = np.round(X[::5])
    how = {"queries": 30, "sizes": [60, 150], "overlap_neighbors": 3, "rng": 0}
    whole = gallery_curve(X, Y, **how)
    monkeypatch.setattr(_gallery, "rows_in_a_tile", lambda _: 7)
    assert gallery_curve(X, Y, **how).identical(whole)


def test_cosine_is_the_euclidean_distance_of_unit_rows():
    """Both metrics are searched and counted, and agree where they must."""
    X, Y = shared(90)
    how = {"queries": 30, "sizes": [90], "rng": 0}
    one = gallery_curve(X, Y, metric="cosine", **how)
    assert (one.attrs["metric"], one.attrs["transform"]) == ("cosine", "none")
    other = gallery_curve(X, Y, transform="unit", **how)
    np.testing.assert_allclose(one.neighbor_rank, other.neighbor_rank)
    prepared = gallery_curve(prepare(X, transform="unit"), prepare(Y, transform="unit"), **how)
    assert prepared.identical(other)
    assert other.attrs["transform"] == "unit"


def test_the_curve_is_drawn():
    """The plot of measures over N takes it: a line per direction, the overlap and its chance."""
    curve = gallery_curve(*shared(300), queries=30, rng=0)
    assert curve.n_samples.values.tolist() == [300]
    curve = gallery_curve(*shared(300), queries=30, sizes=[75, 150, 300], rng=0)
    ax = plot_sample_size(curve)
    drawn = [line.get_ydata().tolist() for line in ax.lines]
    assert curve.information_imbalance.sel(direction="b_to_a").values.tolist() in drawn
    assert curve.neighborhood_overlap_chance.values.tolist() in drawn
    assert ax.get_xlabel() == "items of the gallery"


def test_a_curve_says_how_to_get_it_again():
    """Also where no seed was given: one is drawn, and written down."""
    X, Y = shared(60)
    curve = gallery_curve(X, Y, queries=20, sizes=[30, 60])
    again = gallery_curve(X, Y, queries=20, sizes=[30, 60], rng=int(curve.attrs["seed"]))
    assert again.identical(curve)
    assert json.loads(curve.attrs["versions"]).keys() == {"platoscope", "numpy", "scipy", "numba"}
    passed = gallery_curve(X, Y, queries=20, sizes=[60], rng=np.random.default_rng(0))
    assert passed.attrs["seed"] == "a generator passed by the caller"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"queries": 1}, "queries must be a whole number, from 2 to 40"),
        ({"queries": [3]}, "queries must be at least 2 items"),
        ({"sizes": [20]}, "each of sizes must be a whole number, from 30 to 40"),
        ({"rows_per_item": (1, 3)}, "rows_per_item of Y add up to 42 rows, and Y has 40"),
        ({"rows_per_item": (1, 2)}, "the same items: got 40 and 20"),
        ({"rows_per_item": 2}, "rows_per_item must be a sequence of two numbers"),
        ({"metric": "hamming"}, "got 'hamming'"),
    ],
)
def test_what_is_no_gallery_is_refused(change, said):
    """The message says what was expected."""
    with pytest.raises(InputError, match=said):
        gallery_curve(*shared(40), **({"queries": 30} | change))


def test_equal_rows_are_refused():
    """Where every item is as near as any other there is nothing to search for."""
    X, Y = shared(40)
    with pytest.raises(InputError, match="All rows of Y are equal"):
        gallery_curve(X, np.ones_like(Y), queries=10)


def test_more_ties_than_there_is_room_for_are_refused(monkeypatch):
    """Items that tie with one another by the thousand fill any memory, and say nothing."""
    monkeypatch.setattr(_gallery, "_MOST", 100)
    X, Y = shared(60)
    with pytest.raises(
        InputError, match="Y has .* items that tie as neighbors of 20 queries.*Drop equal items"
    ):
        gallery_curve(X, np.round(np.abs(Y) > 1), queries=20, overlap_neighbors=1)


def test_a_curve_says_how_it_was_computed() -> None:
    """Items, rows of each, and where the queries come from."""
    X = np.random.default_rng(0).standard_normal((60, 4))
    Y = np.repeat(X, 2, axis=0) + np.random.default_rng(1).standard_normal((120, 4))
    drawn = gallery_curve(X, Y, queries=20, rows_per_item=(1, 2), overlap_neighbors=5, rng=0).attrs
    assert (drawn["n_items"], drawn["rows_per_item"], drawn["queries"]) == (60, "[[1], [2]]", "drawn")
    chosen = gallery_curve(X, X, queries=range(0, 60, 3), overlap_neighbors=5, rng=0).attrs
    assert (chosen["n_queries"], chosen["rows_per_item"], chosen["queries"]) == (20, "[[1], [1]]", "chosen")
    with pytest.raises(InputError, match="got 60 and 120. Where an item has several rows, say how many"):
        gallery_curve(X, Y, queries=20, rng=0)


@pytest.mark.parametrize("queries", [[1, 1, 2], [1, 59, -1], [5]])
def test_queries_come_once(queries: list[int]) -> None:
    """Of two that are one the curve would be of fewer than it was asked for."""
    X = np.random.default_rng(0).standard_normal((60, 4))
    with pytest.raises(InputError, match="queries must be at least 2 items, each once"):
        gallery_curve(X, X, queries=queries, rng=0)
