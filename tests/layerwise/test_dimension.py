"""The dimension of every layer is that of the layer alone, on the subsamples of a profile with the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from platoscope.errors import InputError, PlatoscopeWarning
from platoscope.layerwise import dimension_profile, profile
from platoscope.measures import Measure, intrinsic_dimension, layer_dimensions


@pytest.fixture(scope="module")
def layers():
    Z = np.random.default_rng(0).standard_normal((160, 8))
    return [Z[:, :2], Z[:, :4], Z]


def test_values_are_those_of_single_layers(layers):
    """Each layer and scale has the value and scale that `intrinsic_dimension` gives of it."""
    found = dimension_profile(layers, n_neighbors=(1, 3), n_resamples=0)
    for index, layer in enumerate(layers):
        for k in (1, 3):
            want = intrinsic_dimension(layer, n_neighbors=k)
            cell = found.sel(layer=index, n_neighbors=k)
            assert float(cell.dimension) == pytest.approx(want.value, rel=1e-12)
            assert float(cell.dimension_scale) == pytest.approx(want.scale, rel=1e-12)
    assert "dimension_se" not in found


def test_subsamples_are_those_of_a_profile_with_the_same_seed(layers):
    """Draw by draw the items are those behind Δ, so that both can be compared inside each subsample."""

    def scores(A, B, pairs, options, scratch):
        return np.array([[layer_dimensions(A[i], (2,), "gride", "euclidean")[0, 0] for i, _ in pairs]])

    measure = Measure(name="own", directed=False, higher_is_similar=True, scores=scores)
    beside = profile(layers, layers, measures=[measure], n_resamples=6, rng=3)
    found = dimension_profile(layers, n_neighbors=(2,), n_resamples=6, rng=3)
    np.testing.assert_allclose(
        found.dimension_resamples.sel(n_neighbors=2).values, beside.own_resamples.values
    )


def test_intervals_cover_the_mean_over_data_sets():
    """Of 60 data sets 52 or more have the mean of all of them in their 95 % interval."""
    values = []
    for seed in range(60):
        Z = np.random.default_rng(seed).standard_normal((1, 200, 3))
        found = dimension_profile(Z, n_neighbors=(4,), rng=seed)
        values.append([found[f"dimension{part}"].item() for part in ("", "_low", "_high")])
    value, low, high = np.array(values).T
    assert np.count_nonzero((low < value.mean()) & (value.mean() < high)) >= 52


def test_layers_with_equal_items_are_counted_and_those_with_too_few_are_missing(layers):
    """What is left out of a layer is a warning with its count; a constant layer is missing."""
    doubled = layers[2].copy()
    doubled[:10] = doubled[10:20]
    with pytest.warns(
        PlatoscopeWarning, match="In 1 of 2 layers items equal an earlier one, at most 10 of 160"
    ):
        found = dimension_profile([layers[1], doubled], n_resamples=0)
    assert found.n_distinct.values.tolist() == [160, 150]
    with pytest.warns(PlatoscopeWarning, match="undefined, and left missing, in 1 of 2 layers: 0"):
        found = dimension_profile([np.ones((160, 2)), layers[1]], n_resamples=0)
    assert np.isnan(found.dimension.sel(layer=0)).all()
    assert np.isfinite(found.dimension.sel(layer=1)).all()


def test_subsamples_too_small_for_the_neighbors_are_refused(layers):
    """A quarter of 160 items are 40, which have no 40th neighbor."""
    with pytest.raises(
        InputError, match="needs the 40 nearest neighbors of every item, and there are subsamples of 40"
    ):
        dimension_profile(layers, n_neighbors=(20,))
