"""The estimate of Information Imbalance from drawn items: equal to its formula, and as far off as it says."""

from __future__ import annotations

import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platoscope import information_imbalance, prepare
from platoscope.errors import InputError
from platoscope.measures import _estimate, estimate_imbalance
from platoscope.measures._crossed import CrossedSums
from platoscope.neighbors import _search, _streams, transform_rows
from platoscope.testing import references, strategies


def shared(n_samples, seed=0, width=6):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, width))
    return X, X[:, : width // 2] + 0.4 * rng.standard_normal((n_samples, width // 2))


def values(found):
    return found.forward.value, found.backward.value


def drawn(n_samples, n_queries, n_references, seed):
    """Draw what the function draws with this seed."""
    rng = np.random.default_rng(seed)
    return [
        np.sort(rng.choice(n_samples, n, replace=False, shuffle=False)) for n in (n_queries, n_references)
    ]


def test_four_points_on_a_line_by_hand():
    """X = 0, 1, 3, 7 and Y = 0, 7, 1, 3 with queries 0 and 3 and references 0, 1 and 2."""
    # Of 0 the neighbor is 1, and reference 2 is closer in Y: rank 1 + 2 · 1/1. Of 3 it is 2, and neither 0 nor 1 is closer:
    # rank 1. Backward: of 0 it is 2, and 1 is closer in X: rank 3; of 3 it is 2, and neither 0 nor 1 is closer: 1.
    X, Y = np.array([[0.0], [1], [3], [7]]), np.array([[0.0], [7], [1], [3]])
    found = references.estimated_imbalance(X, Y, [0, 3], [0, 1, 2])
    assert found == pytest.approx((2 / 4 * (3 + 1) / 2, 2 / 4 * (3 + 1) / 2))


@settings(max_examples=25, deadline=None)
@given(strategies.array_pairs(n_samples=st.integers(4, 16)), st.data())
def test_ties_and_near_duplicates_equal_the_reference(pair, data):
    """On arrays full of ties, equal and nearly equal rows, the value is that of the slow loops to 1e-12."""
    X, Y = pair
    n = len(X)
    k = data.draw(st.integers(1, n - 1))
    n_queries, n_references = data.draw(st.integers(2, n)), data.draw(st.integers(3, n))
    found = estimate_imbalance(X, Y, n_neighbors=k, n_queries=n_queries, n_references=n_references, rng=7)
    if 1 not in (len(np.unique(X, axis=0)), len(np.unique(Y, axis=0))):
        expected = references.estimated_imbalance(X, Y, *drawn(n, n_queries, n_references, 7), k)
        assert values(found) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("transform", ["none", "clip"])
def test_with_all_items_it_is_information_imbalance(k, metric, transform):
    """All items as queries and as references give the exact value to the last bit, and no error."""
    X, Y = shared(230, width=24)
    X[100:110] = X[0]
    how = {"n_neighbors": k, "metric": metric, "transform": transform}
    found = estimate_imbalance(X.astype(np.float32), Y, n_queries=230, n_references=230, **how)
    assert values(found) == tuple(information_imbalance(X.astype(np.float32), Y, **how))
    assert found.forward.standard_error == found.asymmetry.standard_error == 0


def test_sign_vectors_tie_as_they_do_elsewhere():
    """Exact ties of whole numbers are exact in blocks as well."""
    X = np.sign(np.random.default_rng(0).standard_normal((300, 20)))
    for metric in ("euclidean", "cosine"):
        found = estimate_imbalance(X, X[:, :15], metric=metric)
        assert values(found) == tuple(information_imbalance(X, X[:, :15], metric=metric))


def test_values_do_not_depend_on_blocks(monkeypatch):
    """However many rows, products and queries are held at a time, the values have the same bits."""
    X, Y = shared(400)
    X[::7] = np.round(X[::7])
    how = {"n_queries": 90, "n_references": 120, "n_neighbors": 2, "rng": 3}
    whole = estimate_imbalance(X, Y, **how)
    monkeypatch.setattr(_search, "_ASKING", 17)
    monkeypatch.setattr(_search, "rows_in_a_tile", lambda _: 31)
    monkeypatch.setattr(_streams, "_rows_at_once", lambda _: 47)
    monkeypatch.setattr(_estimate, "_TABLE", 500)
    pieces = estimate_imbalance(X, Y, **how)
    assert values(pieces) == values(whole)
    for one, other in ((pieces.forward, whole.forward), (pieces.asymmetry, whole.asymmetry)):
        assert one.standard_error == pytest.approx(other.standard_error, rel=1e-6)


def test_many_ties_are_drawn_and_the_error_says_so():
    """Where many tie as nearest, some stand for all: the mean of many estimates is the value, their spread the error."""
    rng = np.random.default_rng(0)
    X, Y = rng.integers(0, 2, (300, 3)), rng.standard_normal((300, 3))
    Y[:, 0] += 2 * X[:, 0]
    exact = information_imbalance(X, Y).forward
    found = [
        estimate_imbalance(X, Y, n_queries=300, n_references=300, rng=seed).forward for seed in range(30)
    ]
    spread = np.std([one.value for one in found], ddof=1)
    assert spread > 0
    assert np.mean([one.value for one in found]) == pytest.approx(exact, abs=4 * spread / np.sqrt(30))
    assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.4)


def test_tied_neighbors_of_one_share_have_no_variance():
    """Rounding leaves less than nothing of it, and no error is NaN."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((400, 5)), rng.standard_normal((400, 3))
    X[:200], Y[:200] = X[0], Y[0]
    found = estimate_imbalance(X, Y, rng=0)
    for value in (found.forward, found.backward, found.asymmetry):
        assert value.standard_error == pytest.approx(0, abs=1e-6)
        assert value.interval == pytest.approx((value.value, value.value), abs=1e-5)


def test_the_variance_of_a_crossed_sample_is_unbiased():
    """Over all choices of 3 of 5 rows and 2 of 5 columns, the mean of the estimated variances is the true one."""
    rng = np.random.default_rng(0)
    table = (
        3 * rng.standard_normal((5, 1)) + 3 * rng.standard_normal((1, 5)) + 0.2 * rng.standard_normal((5, 5))
    )
    means, variances = [], []
    for rows in combinations(range(5), 3):
        for columns in combinations(range(5), 2):
            piece = table[np.ix_(rows, columns)]
            sums = CrossedSums.empty(5, 3, 2)
            sums.add(0, piece[:1])
            sums.add(1, piece[1:])
            means.append(piece.mean())
            variances.append(sum(sums.error()))
    assert np.mean(means) == pytest.approx(table.mean())
    assert np.mean(variances) == pytest.approx(np.var(means), rel=1e-9)


def test_intervals_contain_the_value_of_all_items():
    """Of 40 draws nearly all 95 % intervals contain the exact value, in both directions and of the asymmetry."""
    X, Y = shared(800)
    exact = information_imbalance(X, Y)
    inside = np.zeros(3)
    for seed in range(40):
        found = estimate_imbalance(X, Y, n_queries=120, n_references=90, rng=seed)
        for place, (one, value) in enumerate(
            (
                (found.forward, exact.forward),
                (found.backward, exact.backward),
                (found.asymmetry, exact.asymmetry),
            )
        ):
            inside[place] += one.interval[0] <= value <= one.interval[1]
    assert (inside >= 33).all(), inside  # 38 expected; fewer than 33 of 40 has a chance below 1 %


@pytest.mark.parametrize("constant_side", [0, 1])
def test_a_constant_array_scores_exactly_one(constant_side):
    """What does not vary neither predicts nor is predicted, and nothing about that is uncertain."""
    data = [np.random.default_rng(0).standard_normal((60, 3))] * 2
    data[constant_side] = np.full((60, 2), 0.1)
    found = estimate_imbalance(*data, n_queries=10, n_references=10)
    assert values(found) == (1.0, 1.0)
    assert found.forward.standard_error == 0


def test_what_comes_in_many_forms_is_one_representation(tmp_path):
    """Mapped from a file, in a Zarr array, as a tensor, in parts, or prepared: the same rows give the same value."""
    zarr, torch = pytest.importorskip("zarr"), pytest.importorskip("torch")
    X, Y = (Z.astype(np.float32) for Z in shared(200))
    np.save(tmp_path / "X.npy", X)
    stored = zarr.create_array(store={}, shape=X.shape, chunks=(33, 4), dtype=X.dtype)
    stored[:] = X
    how = {"n_queries": 50, "n_references": 60, "rng": 0}
    expected = estimate_imbalance(X, Y, **how)
    forms = [
        np.load(tmp_path / "X.npy", mmap_mode="r"), stored, torch.from_numpy(X), [X[:, :2], X[:, 2:]], X.tolist(),
        X.astype(np.float64), prepare(X),
    ]  # fmt: skip
    for form in forms:
        found = estimate_imbalance(form, Y, **how)
        assert values(found) == values(expected)
    half = X.astype(np.float16)
    brain = torch.from_numpy(X).to(torch.bfloat16)
    for low, same in ((half, half.astype(np.float32)), (brain, brain.float())):
        assert values(estimate_imbalance(low, Y, **how)) == values(estimate_imbalance(same, Y, **how))


def test_a_transform_is_taken_by_blocks():
    """Rows are prepared as they are read, like all of them together."""
    X, Y = shared(150, width=24)
    how = {"n_queries": 50, "n_references": 60, "rng": 0}
    found = estimate_imbalance(X, Y, transform="clip", **how)
    assert values(found) == values(
        estimate_imbalance(transform_rows(X, "clip"), transform_rows(Y, "clip"), **how)
    )


def test_memory_does_not_grow_with_the_rows(tmp_path, monkeypatch):
    """Of two arrays on disk only blocks come into memory."""
    n_samples, width = 40_000, 128
    rng = np.random.default_rng(0)
    for name in "XY":
        made = np.lib.format.open_memmap(
            tmp_path / f"{name}.npy", mode="w+", dtype=np.float32, shape=(n_samples, width)
        )
        made[:] = rng.standard_normal(made.shape, dtype=np.float32)
    X, Y = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "XY")
    how = {"n_queries": 20, "n_references": 20, "rng": 0}
    estimate_imbalance(X[:100], Y[:100], **how)  # compiled before
    monkeypatch.setattr(_search, "_TILE", 20_000)
    monkeypatch.setattr(_streams, "_BLOCK_BYTES", 1 << 20)
    tracemalloc.start()
    estimate_imbalance(X, Y, **how)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    per_item = 160 * n_samples  # digests of one side while they are sorted, and which rows are distinct
    assert peak < per_item + (4 << 20) < X.nbytes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n_queries": 1}, "n_queries must be a whole number, from 2 to 40"),
        ({"n_references": 41}, "n_references must be a whole number, from 3 to 40"),
        ({"n_neighbors": 40}, "n_neighbors must be a whole number, from 1 to 39"),
        ({"metric": "hamming"}, "Rows are read by blocks for metric='euclidean' or 'cosine'; got 'hamming'"),
        ({"transform": "zscore"}, "which change a row by itself; got 'zscore'"),
    ],
)
def test_what_cannot_be_estimated_is_refused(change, said):
    """The message says what there is instead."""
    X, Y = shared(40)
    with pytest.raises(InputError, match=said):
        estimate_imbalance(X, Y, **change)


def test_rows_that_are_no_rows_are_refused():
    """What is wrong in any block is named with its place."""
    X, Y = shared(40)
    with pytest.raises(InputError, match="got 40 and 39 rows"):
        estimate_imbalance(X, Y[1:])
    X[17, 2] = np.nan
    with pytest.raises(
        InputError, match=r"X\[0:40\] has non-finite values in 1 of 40 rows; the first is row 17"
    ):
        estimate_imbalance(X, Y)
    X[17] = 0
    with pytest.raises(InputError, match="X has 1 rows that are zero.*row 17"):
        estimate_imbalance(X, Y, metric="cosine")

    class Broken:
        shape = (40, 3)

        def __getitem__(self, rows):
            raise KeyError(rows)

    with pytest.raises(InputError, match=r"Y\[0:40\] cannot be read: KeyError"):
        estimate_imbalance(Y, Broken())
