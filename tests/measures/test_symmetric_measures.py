"""CKA, neighborhood overlap, CKNNA, RSA and retrieval equal their references and refuse the undefined."""

from __future__ import annotations

import numpy as np
import pytest

from platoscope.errors import InputError
from platoscope.measures import cka, cknna, neighborhood_overlap, neighborhood_overlap_chance, retrieval, rsa
from platoscope.neighbors import prepare
from platoscope.testing import references


def related(seed, n=40, kind="continuous"):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 6))
    Y = X + 0.5 * rng.standard_normal((n, 6))
    if kind == "duplicates":
        X = X[rng.integers(0, n, n)]
    if kind == "ties":
        X, Y = np.round(X), np.round(Y) + 1000
    return X, Y


KINDS = ["continuous", "duplicates", "ties"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_measures_equal_their_references(kind, seed):
    """Each measure equals its slow loop to 1e-6, on continuous, duplicated and tied data."""
    X, Y = related(seed, kind=kind)
    for k in (1, 4, 10):
        got = neighborhood_overlap(X, Y, n_neighbors=k, metric="euclidean")
        assert got == pytest.approx(references.neighborhood_overlap(X, Y, k, "euclidean"), abs=1e-12)
        assert cknna(X, Y, n_neighbors=k) == pytest.approx(references.cknna(X, Y, k), abs=1e-6)
    for estimator in ("biased", "debiased"):
        got = cka(X, Y, estimator=estimator)
        assert got == pytest.approx(references.cka(X, Y, estimator), abs=1e-12)
        assert cka(prepare(X), prepare(Y), estimator=estimator) == pytest.approx(got, abs=1e-12)
    assert rsa(X, Y) == pytest.approx(references.rsa(X, Y), abs=1e-6)
    found = retrieval(X, Y, k=(1, 3))
    centered = X - X.mean(0), Y - Y.mean(0)
    for k in (1, 3):
        assert found.forward[k] == pytest.approx(references.retrieval(*centered, k), abs=1e-12)
        assert found.backward[k] == pytest.approx(references.retrieval(*centered[::-1], k), abs=1e-12)


def test_overlap_of_independent_data_is_near_its_chance_level():
    """k/(N − 1) is what independent representations share."""
    rng = np.random.default_rng(0)
    values = [
        neighborhood_overlap(rng.standard_normal((200, 5)), rng.standard_normal((200, 5))) for _ in range(10)
    ]
    assert np.mean(values) == pytest.approx(neighborhood_overlap_chance(200), abs=0.01)


def test_overlap_of_a_constant_array_is_chance():
    """A constant array shares neighbors with anything exactly at chance."""
    X = np.random.default_rng(0).standard_normal((50, 4))
    assert neighborhood_overlap(X, np.ones((50, 3))) == pytest.approx(neighborhood_overlap_chance(50))


@pytest.mark.parametrize(("n_features", "biased"), [(100, 0.33), (1000, 0.43), (10_000, 0.74)])
def test_bias_of_cka_grows_with_the_dimension(n_features, biased):
    """A tenth of the features at N = 1000: the biased value saturates, the debiased stays at 0.31–0.32."""
    X = np.random.default_rng(0).standard_normal((1000, n_features), dtype=np.float32)
    part = X[:, : n_features // 10]
    assert cka(X, part, estimator="biased") == pytest.approx(biased, abs=0.01)
    assert cka(X, part) == pytest.approx(0.315, abs=0.015)


def test_cka_is_the_same_from_features_and_from_gram_matrices():
    """Wide and tall data go through different products and give one value."""
    rng = np.random.default_rng(1)
    tall = rng.standard_normal((60, 5))
    wide = np.hstack([tall, np.zeros((60, 200))])
    Y = rng.standard_normal((60, 7))
    assert cka(wide, Y) == pytest.approx(cka(tall, Y), abs=1e-12)


def test_rbf_cka_is_the_formula():
    """The RBF kernel uses the median distance of each side as its width."""
    X, Y = related(2)

    def kernel(Z):
        D = references.distances(Z)
        return np.exp(-D / (2 * np.median(D[np.triu_indices(len(Z), 1)])))

    H = np.eye(40) - 1 / 40
    K, L = H @ kernel(X) @ H, H @ kernel(Y) @ H
    want = (K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum())
    assert cka(X, Y, kernel="rbf", estimator="biased") == pytest.approx(want, abs=1e-5)


@pytest.mark.parametrize("measure", [cka, cknna, rsa])
def test_undefined_values_are_errors(measure):
    """Where a side does not vary there is no NaN and no epsilon, but an error that says so."""
    X = np.random.default_rng(0).standard_normal((20, 3))
    with pytest.raises(InputError, match="undefined"):
        measure(X, np.full((20, 3), 0.3))


def test_negative_self_hsic_is_an_error():
    """Too few items can make the debiased self-HSIC negative; the error explains itself."""
    X = np.eye(4)
    with pytest.raises(InputError, match="self-HSIC of .* is zero or negative"):
        cka(X, X)


def test_retrieval_needs_one_feature_space():
    """Different widths are refused with both widths and the measure to use instead."""
    X = np.random.default_rng(0).standard_normal((20, 3))
    with pytest.raises(InputError, match="got 3 and 2 features. Use information_imbalance"):
        retrieval(X, X[:, :2])


def test_retrieval_of_a_row_without_direction_is_refused():
    """A row equal to the mean of its side has no cosine, and is named."""
    X = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1], [0, 0]])
    with pytest.raises(InputError, match="1 distinct rows equal to its mean.*row 4.*without retrieval"):
        retrieval(X, X)


def test_retrieval_of_a_constant_is_that_of_chance():
    """All of its rows are their mean, so every candidate ties, in both directions."""
    X = np.random.default_rng(0).standard_normal((20, 3))
    found = retrieval(np.full((20, 3), 0.1), X, k=(1, 5))
    assert found.forward == found.backward == {1: 1 / 20, 5: 5 / 20}


@pytest.mark.parametrize("k", [0, 21])
def test_retrieval_depth_is_checked(k):
    """recall@k needs a k between 1 and N."""
    X = np.random.default_rng(0).standard_normal((20, 3))
    with pytest.raises(InputError, match=f"between 1 and the number of items, 20; got {k}"):
        retrieval(X, X, k=(k,))


def test_cka_refuses_distances():
    """CKA needs vectors: a space of precomputed distances is refused."""
    D = references.distances(np.random.default_rng(0).standard_normal((10, 3)))
    with pytest.raises(InputError, match="CKA needs vectors"):
        cka(prepare(D, metric="precomputed"), D)
