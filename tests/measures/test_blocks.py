"""Nulls, subsamples and intervals of Δ are the same by blocks as of a kept matrix: ties are ties in both."""

from __future__ import annotations

import numpy as np
import pytest

from platoscope.layerwise import profile
from platoscope.measures import draw_shuffles, information_imbalance
from platoscope.measures._imbalance import imbalance_null
from platoscope.measures._left_out import imbalance_left_out
from platoscope.neighbors import is_coarse, prepare

DRAWN = ("information_imbalance_null_draws", "information_imbalance_resamples")


def _tied(kind: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    n, d = 34, 28
    rows = rng.standard_normal((n, d))
    if kind == "far":
        rows[0] *= 3e4
    if kind in ("int", "few"):  # of which hardly two distances tie, and many do
        rows = rng.integers(-3, 4, (n, d if kind == "int" else 3)) + 0.0
    if kind == "offset":
        rows = rng.integers(-3, 4, (n, d)) + 1000.0
    if kind == "conic":
        rows = np.abs(rows[:, :1]) @ np.abs(rows[:1]) * (1 + 1e-5 * rng.standard_normal((n, d)))
    return rows.astype(np.float32)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("kind", ["int", "few", "offset", "far", "conic"])
@pytest.mark.parametrize("seed", [0, 1])
def test_draws_do_not_depend_on_blocks(kind, metric, seed):
    """Every shuffle and every subsample has one Δ, whether the matrix is kept or read in blocks of ten rows."""
    A, B = _tied(kind, seed), np.random.default_rng(9).standard_normal((34, 5))
    if metric == "cosine":
        A[~A.any(axis=1)] = 1
    settings = {
        "measures": ["information_imbalance"], "n_neighbors": 3, "metric": metric, "n_permutations": 9, "n_resamples": 8,
        "resample_fraction": 0.4, "transform": "none", "rng": 1,
    }  # fmt: skip
    kept = profile([A], [B], **settings)
    blocks = profile([A], [B], block_size=10, **settings)
    for name in DRAWN:
        assert kept[name].size >= 16
        np.testing.assert_allclose(blocks[name], kept[name], rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("block_size", [None, 10])
def test_a_null_is_delta_of_the_shuffled_rows_where_whole_numbers_tie(metric, block_size):
    """A shuffled pairing has the Δ that its rows have by themselves: float32 would tear ties apart."""
    X, Y = _tied("int", 0), _tied("few", 1)
    Y[~Y.any(axis=1)] = 1
    shuffles = draw_shuffles(len(X), 5, strata=None, rng=np.random.default_rng(0))
    a, b = (prepare(Z, metric=metric, block_size=block_size) for Z in (X, Y))
    found = imbalance_null([a], [b], np.zeros((1, 2), np.intp), shuffles, n_neighbors=3, metric=metric)
    for delta, order in zip(found[..., 0], shuffles.orders, strict=True):
        wanted = information_imbalance(X, Y[order], n_neighbors=3, metric=metric)
        assert delta == pytest.approx(tuple(wanted), abs=1e-12)


def test_leaving_one_out_of_ties_by_blocks():
    """Without an item the others tie as they did, by blocks as well: neighbors are the first, ranks are averages."""
    X, Y = _tied("int", 0), _tied("few", 1)
    one = np.zeros((1, 2), np.intp)
    kept = imbalance_left_out([prepare(X)], [prepare(Y)], one, n_neighbors=3)
    blocks = imbalance_left_out([prepare(X, block_size=10)], [prepare(Y, block_size=7)], one, n_neighbors=3)
    np.testing.assert_array_equal(blocks, kept)


def test_some_items_are_settled_as_all_of_them_are():
    """A few rows may look as if rounding did not show among them; where it shows among all, it does."""
    X = _tied("int", 0)
    whole = prepare(X, block_size=10)
    whole.memo[5] = "what a measure of one's own remembers, under any key"
    assert is_coarse(whole, "euclidean")
    assert is_coarse(whole.subset(np.array([3, 8, 20])), "euclidean")
    assert not is_coarse(
        prepare(np.random.default_rng(0).standard_normal((34, 5)), block_size=10), "euclidean"
    )
