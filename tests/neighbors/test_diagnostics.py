"""What a space is like, against plain NumPy on the whole covariance matrix and the whole graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from platoscope.neighbors import prepare, space_diagnostics, transform_rows
from platoscope.neighbors._diagnostics import hubness, largest_feature, participation_ratio
from platoscope.testing.references import distances, neighbor_weights


def _rows(n_samples: int, n_features: int, *, copies: int = 0) -> np.ndarray:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features)) * np.geomspace(1, 9, n_features) + 50
    X[:copies] = X[copies : 2 * copies]
    return X.astype(np.float32)


def _reference(X: np.ndarray) -> tuple[float, int, float]:
    X = X.astype(np.float64)
    covariance = np.cov(X.T, bias=True)
    variances, values = np.diag(covariance), np.linalg.eigvalsh(covariance)
    share = variances.max() / variances.sum()
    return share, int(variances.argmax()), values.sum() ** 2 / (values**2).sum()


@pytest.mark.parametrize("block_size", [None, 17])
@pytest.mark.parametrize("copies", [0, 11])
@pytest.mark.parametrize(("n_samples", "n_features"), [(90, 30), (50, 120)])
@pytest.mark.parametrize("transform", ["none", "clip", ("zscore", "unit")])
def test_the_spectrum_is_that_of_the_prepared_rows(
    transform: Any, n_samples: int, n_features: int, copies: int, block_size: int | None
) -> None:
    """Share, feature and participation ratio are those of the covariance matrix, from either side, with copies."""
    X = _rows(n_samples, n_features, copies=copies)
    space = prepare(X, transform=transform, block_size=block_size)
    share, feature, ratio = _reference(np.asarray(transform_rows(X, transform)))
    assert largest_feature(space) == (pytest.approx(share, rel=1e-5), feature)
    assert participation_ratio(space) == pytest.approx(ratio, rel=1e-4)


@pytest.mark.parametrize("block_size", [None, 17])
def test_a_subset_is_described_by_its_own_items(block_size: int | None) -> None:
    """The space of some items has the spectrum of these, centered at their own mean."""
    X = _rows(90, 30, copies=10)
    X[:40] += 30
    items = np.arange(5, 60)
    space = prepare(X, block_size=block_size).subset(items)
    share, feature, ratio = _reference(X[items])
    assert largest_feature(space) == (pytest.approx(share, rel=1e-5), feature)
    assert participation_ratio(space) == pytest.approx(ratio, rel=1e-4)


def test_a_concatenation_is_described_as_its_whole_row() -> None:
    """Features are counted through the parts, and the covariance between parts counts."""
    X = _rows(80, 30)
    X[:, 20] *= 5
    whole, apart = prepare(X, block_size=16), prepare([X[:, :12], X[:, 12:]], block_size=16)
    assert largest_feature(apart)[1] == 20
    assert largest_feature(apart) == pytest.approx(largest_feature(whole))
    assert participation_ratio(apart) == pytest.approx(participation_ratio(whole), rel=1e-5)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "hamming"])
def test_hubness_is_the_skewness_of_the_in_degree(metric: str) -> None:
    """The in-degree is counted on the graph that the slow reference builds, ties with their expectation."""
    X = np.round(_rows(60, 6, copies=8) - 50, 1)
    weights = neighbor_weights(distances(X, metric), 5)
    degree = 5 * weights.sum(axis=0)
    expected = np.mean((degree - 5) ** 3) / np.mean((degree - 5) ** 2) ** 1.5
    assert hubness(prepare(X, metric=metric), 5, metric) == pytest.approx(expected)  # type: ignore[arg-type]


def test_a_hub_is_seen() -> None:
    """In many dimensions the item in the middle is everyone's neighbor; on a ring nobody stands out."""
    X = np.random.default_rng(0).standard_normal((200, 400))
    X[0] = 0.0
    assert space_diagnostics(X).hubness > 3
    angle = 2 * np.pi * np.arange(16) / 16
    assert space_diagnostics(np.stack([np.cos(angle), np.sin(angle)], axis=1), n_neighbors=2).hubness == 0


def test_what_does_not_vary_has_no_spectrum() -> None:
    """A constant has no variance to share and no hubs; distances have no features."""
    found = space_diagnostics(np.ones((20, 3)))
    assert np.isnan([found.feature_share, found.participation_ratio]).all()
    assert (found.largest_feature, found.hubness) == (-1, 0.0)
    D = np.abs(np.subtract.outer(np.arange(9.0), np.arange(9.0) ** 2))
    found = space_diagnostics(D + D.T, metric="precomputed", n_neighbors=3)
    assert np.isnan([found.feature_share, found.participation_ratio]).all()
    assert np.isfinite(found.hubness)


@pytest.mark.parametrize("exponent", [-60, 60])
def test_scale_changes_nothing(exponent: int) -> None:
    """None of the numbers depends on the unit of the features."""
    X = _rows(70, 20)
    assert space_diagnostics(np.ldexp(X, exponent)) == space_diagnostics(X)
