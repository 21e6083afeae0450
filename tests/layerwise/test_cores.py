"""Results of layers are those of any number of cores, to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from platoscope.layerwise import compare, profile
from platoscope.measures import MEASURES
from platoscope.neighbors import _threads

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr

N, D = 330, 24


def _layers(far: float) -> tuple[np.ndarray, np.ndarray]:
    """Give layers of two sides; one item lies `far` from the others, which float32 products do not bear."""
    rng = np.random.default_rng(0)
    A = np.cumsum(rng.standard_normal((3, N, D)), axis=0).astype(np.float32)
    B = (A + 3 * rng.standard_normal(A.shape)).astype(np.float32)
    A[:, 7] *= far
    B[:, 7] *= far
    return A, B


def test_a_null_of_ties_does_not_depend_on_the_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where many tie, ranks are shared by thirds and sevenths, which round by the order in which they are added."""
    rng = np.random.default_rng(1)
    A, B = rng.integers(0, 3, (2, 2, 900, 8)).astype(np.float32)
    found = []
    for cores in (1, 2, 5, 5, 5):
        monkeypatch.setattr(_threads, "available_cores", lambda cores=cores: cores)
        done = profile(A, B, measures=["information_imbalance"], n_resamples=0, n_permutations=20, rng=0)
        found.append(done.information_imbalance_null_draws.values)
        twice = profile(A, B, measures=["information_imbalance"], n_resamples=0, n_permutations=20, rng=0)
        np.testing.assert_array_equal(
            twice.information_imbalance_null.values, done.information_imbalance_null.values
        )
    assert all((other == found[0]).all() for other in found)


@pytest.mark.filterwarnings("ignore::platoscope.errors.PlatoscopeWarning")
@pytest.mark.parametrize(
    ("of_layers", "transform", "far"), [(compare, None, 1e5), (compare, "zscore", 1.0), (profile, None, 1.0)]
)
def test_results_do_not_depend_on_the_number_of_cores(
    of_layers: Callable[..., xr.Dataset], transform: str | None, far: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every value, interval, null and diagnosis."""
    A, B = _layers(far)
    asked: dict[str, Any] = {"measures": list(MEASURES), "n_resamples": 2, "n_permutations": 3, "rng": 0}
    found = []
    for cores in (1, 5):
        monkeypatch.setattr(_threads, "available_cores", lambda cores=cores: cores)
        with threadpool_limits(min(cores, 2), user_api="blas"):
            found.append(of_layers(A, B, transform=transform, **asked))
    one, several = found
    assert [name for name in one if not one[name].identical(several[name])] == []
