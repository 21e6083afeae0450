"""Measures over several numbers of neighbors are the measures, one number at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from platoscope import information_imbalance, neighborhood_overlap
from platoscope.errors import InputError, PlatoscopeWarning
from platoscope.layerwise import k_curve, n_curve


def test_each_k_is_the_measure_with_that_k() -> None:
    """Δ in both directions and the overlap are those of the functions, and chance grows with k."""
    X = np.round(np.random.default_rng(0).standard_normal((80, 6)), 1)
    Y = X[:, :3]
    curve = k_curve(X, Y, n_neighbors=[1, 4, 30], transform="zscore", overlap_metric="euclidean")
    for k in (1, 4, 30):
        here = curve.sel(n_neighbors=k)
        both = information_imbalance(X, Y, n_neighbors=k, transform="zscore")
        assert here.information_imbalance.values.tolist() == [both.forward, both.backward]
        overlap = neighborhood_overlap(X, Y, n_neighbors=k, metric="euclidean", transform="zscore")
        assert float(here.neighborhood_overlap) == overlap
        assert float(here.neighborhood_overlap_chance) == pytest.approx(k / 79)
    assert curve.attrs["transform"] == "zscore"


@pytest.mark.parametrize("wrong", [[], [0], [80], [1.5], 5, None])
def test_a_k_outside_what_the_items_allow_is_refused(wrong: Any) -> None:
    """No k, or one that is none of 1 to N − 1, is an error that names the argument."""
    X = np.random.default_rng(0).standard_normal((80, 6))
    with pytest.raises(InputError, match="n_neighbors"):
        k_curve(X, X, n_neighbors=wrong)


@pytest.mark.parametrize(
    ("curve", "points"), [(n_curve, {"sizes": [20, 40], "rng": 0}), (k_curve, {"n_neighbors": [1, 2]})]
)
def test_a_curve_of_a_constant_side_warns_of_what_is_undefined(curve, points) -> None:
    """CKA and RSA of a side that does not vary are missing, and a warning says where, as that of a profile does."""
    Y = np.random.default_rng(0).standard_normal((60, 4))
    with pytest.warns(PlatoscopeWarning, match=r"CKA \(debiased\).* at n_.* = .*RSA") as caught:
        found = curve(np.ones((60, 4)), Y, measures=["cka_debiased", "rsa"], **points)
    assert len(caught) == 1
    assert np.isnan(found.cka_debiased).all()
