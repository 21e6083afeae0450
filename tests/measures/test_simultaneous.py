"""Adjusted p-values and bands hold for a family of layers, not for each of them alone."""

from __future__ import annotations

import numpy as np
import pytest

import platoscope
from platoscope.errors import InputError
from platoscope.layerwise import simultaneous_bands, take_profile
from platoscope.measures import (
    Z95,
    adjusted_p_values,
    simultaneous_multiplier,
    standard_errors,
    subsamples,
)


def _families(rng, n_families, effect=0.0, n_permutations=99, n_layers=8):
    """Yield statistics of correlated layers of unequal scale and skewed nulls, with an effect in the first."""
    scale = np.logspace(0, 2, n_layers)
    for _ in range(n_families):
        shared = rng.exponential(size=(n_permutations + 1, 1))
        draws = (shared + rng.exponential(size=(n_permutations + 1, n_layers))) * scale
        draws[0, 0] += effect
        yield draws[0], draws[1:]


def test_family_wise_error_is_kept_where_plain_p_values_do_not():
    """Without a relation, some adjusted p ≤ 0.05 in 5 % of families, some plain one in many more."""
    rng = np.random.default_rng(0)
    adjusted, plain = [], []
    for observed, null in _families(rng, 1500):
        adjusted.append(adjusted_p_values(observed, null).min() <= 0.05)
        plain.append(((1 + (null >= observed).sum(axis=0)) / 100).min() <= 0.05)
    assert abs(np.mean(adjusted) - 0.05) < 3.5 * np.sqrt(0.05 * 0.95 / 1500)
    assert np.mean(plain) > 0.15


def test_one_true_layer_is_found_and_the_others_keep_their_error():
    """A strong effect in the layer of the smallest scale gets the smallest p; the others are rejected in ≤ 5 %."""
    rng = np.random.default_rng(1)
    p_values = np.array([adjusted_p_values(*family) for family in _families(rng, 800, effect=40.0)])
    assert (p_values[:, 0] == 0.01).all()
    assert (p_values[:, 1:].min(axis=1) <= 0.05).mean() < 0.05 + 3.5 * np.sqrt(0.05 * 0.95 / 800)


def test_adjusted_by_hand():
    """Two cells, three permutations: a cell's p counts permutations whose largest standardized value reaches it."""
    observed = np.array([3.0, 0.0, np.nan])
    null = np.array([[0.0, 3.0, 1.0], [0.0, 1.0, 1.0], [0.0, 2.0, 1.0]])
    # Standardized: (1.73, -0.58, -0.58, -0.58) in the first cell, (-1.34, 1.34, -0.45, 0.45) in the second.
    found = adjusted_p_values(observed, null)
    assert found[:2].tolist() == [1 / 4, 4 / 4]
    assert np.isnan(found[2])


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_bands_contain_all_layers_at_once(correlation):
    """Around means of eight features, 95 % of bands contain every mean; the plain intervals do in far fewer."""
    rng = np.random.default_rng(2)
    band, plain = [], []
    for _ in range(150):
        shared = rng.standard_normal((200, 1))
        data = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * rng.standard_normal((200, 8))
        sets = subsamples(200, n_resamples=100, fraction=0.25, rng=rng)
        draws = data[sets].mean(axis=1)
        z = np.abs(data.mean(axis=0)) / standard_errors(draws, n_samples=200, size=50)
        band.append(z.max() <= simultaneous_multiplier(draws))
        plain.append(z.max() <= Z95)
    assert abs(np.mean(band) - 0.95) < 0.07  # 3.5 binomial errors are 0.062, and se have an error of 7 %
    assert np.mean(plain) < np.mean(band) - 0.05


def test_results_carry_both():
    """Adjusted p-values stand beside plain ones, and are never smaller; bands are asked for and contain the intervals."""
    rng = np.random.default_rng(3)
    A = rng.standard_normal((4, 80, 5))
    B = np.concatenate([A[:1] + 0.2 * rng.standard_normal((1, 80, 5)), rng.standard_normal((3, 80, 5))])
    options = {"n_resamples": 40, "n_permutations": 60, "rng": 0}
    grid = platoscope.compare(A, B, **options)
    assert (
        grid.cka_debiased_p_adjusted >= grid.cka_debiased_p
    ).mean() > 0.9  # standardized, so not in every cell
    profile = platoscope.profile(A, B, **options)
    delta = profile.information_imbalance_p_adjusted
    assert (delta.isel(layer=0) == 1 / 61).all()
    assert (delta.isel(layer=slice(1, None)) > 0.05).all()
    taken = take_profile(grid)
    for name in ("information_imbalance", "neighborhood_overlap", "cka_biased"):
        np.testing.assert_allclose(taken[f"{name}_p_adjusted"], profile[f"{name}_p_adjusted"])
    for quantity in ("information_imbalance", "asymmetry", "cka_debiased"):
        banded = simultaneous_bands(profile, quantity=quantity)
        assert (banded[f"{quantity}_band_low"] < profile[f"{quantity}_low"]).all()
        assert (banded[f"{quantity}_band_high"] > profile[f"{quantity}_high"]).all()
        (*_, multiplier) = banded[f"{quantity}_band_low"].attrs["multiplier"]
        assert 2.1 < multiplier < 2.6  # four layers: 1.96 if they moved as one, 2.49 if they were independent
    wide = simultaneous_bands(grid).information_imbalance_band_high
    assert wide.dims == grid.information_imbalance.dims


def test_bands_need_resamples():
    """Without subsamples, without the quantity or with an impossible level there is no band, and the error says why."""
    A = np.random.default_rng(4).standard_normal((2, 60, 3))
    bare = platoscope.profile(A, A[:, :, :2], measures=["information_imbalance"], n_resamples=0)
    with pytest.raises(InputError, match="n_resamples > 0"):
        simultaneous_bands(bare)
    with pytest.raises(InputError, match="level must lie strictly between 0 and 1; got 95"):
        simultaneous_bands(bare, level=95)
    few = platoscope.profile(A, A[:, :, :2], measures=["information_imbalance"], n_resamples=9, rng=0)
    with pytest.raises(InputError, match="at least 10 subsamples, .* the result has 9"):
        simultaneous_bands(few)
