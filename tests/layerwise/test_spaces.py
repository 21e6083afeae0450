"""Several preparations of the same rows, compared side by side."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from platoscope import profile
from platoscope.errors import InputError, NotFoundError
from platoscope.layerwise import DIAGNOSTICS, compare_spaces, to_frame
from platoscope.measures import ComparisonOptions


def _stacks() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    A = rng.standard_normal((3, 80, 60))
    B = A + rng.standard_normal((3, 80, 60))
    A[1, :, 7] *= 100
    return A, B


def test_each_space_is_the_profile_under_its_transform() -> None:
    """Values, asymmetries, intervals and diagnostics are those of one profile per space, on the same subsamples."""
    A, B = _stacks()
    found = compare_spaces(A, B, n_resamples=5, rng=3)
    assert found.space.values.tolist() == ["none", "unit", "clip", "zscore + unit"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for space in found.space.values:
            one = profile(
                A, B, measures=["information_imbalance"], transform=space, n_resamples=5, rng=3, match="index"
            )
            for name in ("information_imbalance", "asymmetry", "asymmetry_low", *DIAGNOSTICS):
                np.testing.assert_array_equal(found[name].sel(space=space), one[name])
    assert found.feature_share_a.sel(space="none", layer=1) > 0.9
    assert found.feature_share_a.sel(space="zscore + unit", layer=1) < 0.1


def test_spaces_of_ones_own() -> None:
    """Any preparations can stand side by side, in the order given; an unseeded result pairs its spaces as well."""
    A, _ = _stacks()
    found = compare_spaces(A, A, spaces=["clamp", ("unit", "zscore")], n_resamples=3)
    assert found.space.values.tolist() == ["clamp", "unit + zscore"]
    assert found.attrs["transform"] == "clamp, unit + zscore"
    assert int(found.attrs["seed"]) >= 0
    table = to_frame({"x": found})
    assert set(table["space"]) == {"clamp", "unit + zscore"}
    assert set(table["measure"]) == {"information_imbalance", "asymmetry"}


def test_a_space_stands_once() -> None:
    """One space twice is an error."""
    A, _ = _stacks()
    with pytest.raises(InputError, match="spaces must name each preparation once"):
        compare_spaces(A, A, spaces=["unit", "unit"])


@pytest.mark.parametrize("spaces", [None, 3, "unit", [], np.array(3), True])
def test_spaces_must_be_a_list(spaces: Any) -> None:
    """One preparation, or none at all, is no list of them."""
    with pytest.raises(InputError, match="spaces must be a list of at least one of the preparations"):
        compare_spaces(np.eye(8)[None], np.eye(8)[None], spaces=spaces)


@pytest.mark.parametrize("options", ["unit", 3, [], {"n_neighbors": 2}])
def test_options_must_be_a_record_of_them(options: Any) -> None:
    """Neither a name nor a dict are options; an empty list was read as the defaults."""
    for compared in (profile, compare_spaces):
        with pytest.raises(InputError, match="options must be ComparisonOptions"):
            compared(np.eye(8)[None], np.eye(8)[None], options=options)


def test_options_name_a_measure_that_there_is_not() -> None:
    """A record that exists is one that can be used."""
    with pytest.raises(NotFoundError, match="Unknown measure 'imbalance'"):
        ComparisonOptions(measures=("imbalance",))
