"""What the spaces are like stands in every result, and a feature that decides the neighbors alone is a warning."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from platoscope import compare, prepare, profile
from platoscope.errors import PlatoscopeWarning
from platoscope.layerwise import DIAGNOSTICS, take_profile, to_frame
from platoscope.neighbors import space_diagnostics


def _stacks(n_layers: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    A = rng.standard_normal((n_layers, 80, 24))
    return A, A[:2] + rng.standard_normal((2, 80, 24))


def test_a_grid_describes_each_layer_of_both_sides() -> None:
    """Each number is that of the prepared layer, over the layers of its side, whatever the measures."""
    A, B = _stacks()
    grid = compare(A, B, measures=["cka_biased"], transform="clip", overlap_neighbors=5, n_resamples=0)
    for side, stack in (("a", A), ("b", B)):
        expected = [
            space_diagnostics(layer, transform="clip", metric="cosine", n_neighbors=5) for layer in stack
        ]
        for name in ("feature_share", "largest_feature", "participation_ratio", "hubness"):
            variable = grid[f"{name}_{side}"]
            assert variable.dims == (f"layer_{side}",)
            np.testing.assert_allclose(variable, [getattr(one, name) for one in expected])
    assert set(DIAGNOSTICS) <= set(grid.data_vars)
    assert set(to_frame({"x": grid}).measure) == {"cka_biased"}


def test_a_profile_has_those_of_its_layers() -> None:
    """A profile and a sweep say what the grid says about the layers that they compare, block by block as well."""
    A, B = _stacks()
    grid = compare(A, B, n_resamples=0)
    sweep = profile(A, B, layer_b=1, n_resamples=0, block_size=30)
    taken = take_profile(grid, layer_b=1)
    for name in DIAGNOSTICS:
        assert sweep[name].dims == ("layer",)
        np.testing.assert_allclose(sweep[name], taken[name], rtol=1e-5)


def test_rows_alone_are_described_where_nothing_asks_for_distances() -> None:
    """Retrieval compares rows with rows; no matrix of distances is computed for the sake of a description."""
    A, B = _stacks(2)
    found = profile(A, B, measures=["retrieval_at_1"], n_resamples=0)
    assert "feature_share_a" in found
    assert "hubness_a" not in found


def test_one_number_per_item_is_not_told_by_its_sign() -> None:
    """Lengths scaled to unit norm are all the same: a warning says how to leave that side as it is, and then it is gone."""
    layers = np.random.default_rng(0).standard_normal((2, 80, 24))
    lengths = [np.arange(1.0, 81)[:, None]]
    settings = {"layer_a": 0, "measures": "information_imbalance", "n_resamples": 0}
    with pytest.warns(PlatoscopeWarning, match=r"one feature.*transform=\{'a': 'none', 'b': 'clip'\}"):
        constant = profile(lengths, layers, transform="clip", **settings)
    np.testing.assert_array_equal(constant.information_imbalance, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told = profile(lengths, layers, transform={"a": "none", "b": "clip"}, **settings)
    assert not np.any(told.information_imbalance == 1)


def test_one_feature_is_one_warning() -> None:
    """The warning counts layers of both sides, names the worst feature, and says what to pass; then it is silent."""
    A, B = _stacks()
    A[1:, :, 5] *= 10
    A[2, :, 7] *= 50
    B[1, :, 3] *= 10
    expected = (
        r"more than 20 % of the variance in 2 of 3 layers of A \(at worst feature 7 of layer 2, with 9\d %\) and in "
        r"1 of 2 layers of B .*feature 3 of layer 1.*transform='clip' or \('zscore', 'unit'\)"
    )
    with pytest.warns(PlatoscopeWarning, match=expected) as caught:
        compare(A, B, n_resamples=0)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compare(A, B, transform=("zscore", "unit"), n_resamples=0)
        profile(A[:2], [prepare(layer, transform="zscore") for layer in B], transform="zscore", n_resamples=0)


def test_few_features_are_no_warning() -> None:
    """Of four features each holds a quarter: that is no feature that stands out."""
    A = np.random.default_rng(0).standard_normal((2, 60, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = profile(A, A, n_resamples=0)
    assert (found.feature_share_a > 0.2).all()


def test_zero_rows_have_no_cosine() -> None:
    """Where the graph behind neighborhood overlap is undefined its hubness is missing, and the rest is there."""
    A = np.random.default_rng(0).standard_normal((1, 60, 24))
    A[0, 3] = 0.0
    found = profile(A, A, measures=["information_imbalance"], n_resamples=0)
    assert np.isnan(found.hubness_a).all()
    assert np.isfinite(found.participation_ratio_a).all()
