"""Rows that share no feature stand at right angles: their cosine is 0 as given, and all of them tie."""

from __future__ import annotations

import numpy as np
import pytest

from platoscope import compare, information_imbalance, neighborhood_overlap
from platoscope.neighbors import exact_scores, nearest_neighbors, prepare, ranks
from platoscope.testing import references


def _apart(n: int, dtype: type) -> np.ndarray:
    """Return rows of three features each that no other row has, of numbers that are on no grid."""
    rows = np.zeros((n, 3 * n), dtype)
    rng = np.random.default_rng(0)
    for i in range(n):
        rows[i, 3 * i : 3 * i + 3] = rng.random(3) + 0.1
    return rows


def _sparse(n: int, dtype: type) -> np.ndarray:
    """Return rows of few features, of which many pairs share none, and others some."""
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((n, 14)) * (rng.random((n, 14)) < 0.25) * 10.0 ** rng.integers(-4, 5, (n, 1))
    rows[~rows.any(axis=1), 0] = 0.7
    return rows.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("block_size", [None, 7])
def test_rows_that_share_no_feature_are_at_one_distance(dtype, block_size):
    """A constant distance says nothing, and nothing says it: Δ is 1 exactly, and the overlap is that of chance."""
    n = 24
    X, Y = _apart(n, dtype), np.random.default_rng(2).standard_normal((n, 5)).astype(dtype)
    a, b = (prepare(Z, metric="cosine", block_size=block_size) for Z in (X, Y))
    assert tuple(information_imbalance(a, b, metric="cosine")) == (1.0, 1.0)
    assert neighborhood_overlap(a, b, n_neighbors=5) == pytest.approx(5 / (n - 1), abs=1e-12)
    others = np.arange(1, n)
    assert (exact_scores(a, "cosine", np.zeros(n - 1, int), others) == 1.0).all()


def test_shuffles_and_subsamples_of_right_angles_are_1():
    """What reads the order of all distances ties them as well."""
    X, Y = _apart(24, np.float32), np.random.default_rng(2).standard_normal((24, 5))
    for block_size in (None, 7):
        result = compare(
            [X], [Y], measures=["information_imbalance"], metric="cosine", n_permutations=5, n_resamples=4,
            resample_fraction=0.5, block_size=block_size, transform="none", rng=0,
        )  # fmt: skip
        for name in ("information_imbalance_null_draws", "information_imbalance_resamples"):
            np.testing.assert_allclose(result[name], 1.0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("block_size", [None, 7])
def test_right_angles_among_other_rows_tie_as_the_inner_product_says(dtype, block_size):
    """Neighbors and ranks are those of the cosine by inner products, in extended precision, of the rows as given."""
    X = _sparse(40, dtype)
    long = X.astype(np.longdouble)
    sizes = np.sqrt((long * long).sum(axis=1))
    D = np.array(
        [
            [1 - (x * y).sum() / (s * t) for y, t in zip(long, sizes, strict=True)]
            for x, s in zip(long, sizes, strict=True)
        ]
    )
    space = prepare(X, metric="cosine", block_size=block_size)
    assert (D == 1).sum() > 400
    D = D.astype(np.float64).round(13)  # what is left of rounding in multiples of one row
    n = len(X)
    near = nearest_neighbors(space, 3, "cosine")
    shares = np.zeros((n, n))
    shares[np.repeat(np.arange(n), np.diff(near.indptr)), near.items] = near.weights
    np.testing.assert_allclose(shares, references.neighbor_weights(D, 3), atol=1e-12)
    items = np.array([j for i in range(n) for j in range(n) if j != i])
    found = ranks(space, np.arange(n + 1) * (n - 1), items, "cosine")
    wanted = references.average_ranks(D)
    np.testing.assert_array_equal(found, wanted[~np.eye(n, dtype=bool)])


def test_right_angles_on_a_device_are_those_of_the_host(monkeypatch):
    """Tensors tie where arrays do; the CPU is taken for a device."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr("platoscope.neighbors._inputs._WITH_FLOAT64", ("cuda", "cpu"))
    X, Y = _apart(24, np.float32), np.random.default_rng(2).standard_normal((24, 5)).astype(np.float32)
    found = information_imbalance(torch.from_numpy(X), torch.from_numpy(Y), metric="cosine")
    assert tuple(found) == (1.0, 1.0)
