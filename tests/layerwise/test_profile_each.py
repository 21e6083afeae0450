"""One stack against several: what they share is computed once, and every number is what it is alone."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from platoscope import profile
from platoscope.errors import InputError
from platoscope.layerwise import SPACES, _stacks, compare_spaces, compare_spaces_of_each, profile_each
from platoscope.measures import DEFAULT_MEASURES, ComparisonOptions

ITEMS = 90


def _stack(seed: int, layers: int, features: int) -> np.ndarray:
    """Return layers over the same items, some of which are equal and some on a grid, so that there are ties."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((layers, ITEMS, features)).astype(np.float32)
    rows[:, 7] = rows[:, 3]
    rows[0] = np.round(rows[0])
    return rows


A = _stack(0, 3, 6)
OTHERS = [_stack(1, 3, 6) + A, _stack(2, 3, 4), 2 * A]


@pytest.mark.parametrize("kept", [True, False], ids=["together", "one by one"])
def test_each_is_what_it_is_alone(kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values, intervals, draws, items and attributes are those of `profile`, whether matrices fit together or not."""
    options = ComparisonOptions(
        measures=(*DEFAULT_MEASURES, "ridge_r2"), n_permutations=19, items=True, n_resamples=12,
        resample_fraction=0.5, overlap_neighbors=5, transform="unit", n_neighbors=2,
    )  # fmt: skip
    alone = [profile(A, other, options=options, rng=3) for other in OTHERS]
    if not kept:
        monkeypatch.setattr(_stacks, "MATRICES_SHARE", 0.0)
    found = profile_each(A, OTHERS, options=options, rng=3)
    assert len(found) == len(alone)
    for one, other in zip(found, alone, strict=True):
        if kept:
            rounded = [name for name in one.data_vars if str(name).startswith("cka")]
            xr.testing.assert_identical(one.drop_vars(rounded), other.drop_vars(rounded))
            # CKA of float32 matrices: what shuffled pairings leave of it is next to nothing, and rounds as the rest does.
            xr.testing.assert_allclose(one, other, rtol=0, atol=1e-6)
        else:  # matrices in blocks: subsamples are cut from rows
            xr.testing.assert_allclose(one.information_imbalance, other.information_imbalance)


def test_layers_are_matched_by_depth_and_held() -> None:
    """Stacks of other lengths, and a held layer."""
    options = ComparisonOptions(measures=("information_imbalance",), n_resamples=0)
    for asked in ({"match": "relative_depth"}, {"layer_a": 1}):
        others = [OTHERS[0], OTHERS[1][:2]]
        alone = [profile(A, other, options=options, rng=0, **asked) for other in others]
        for one, other in zip(profile_each(A, others, options=options, rng=0, **asked), alone, strict=True):
            xr.testing.assert_identical(one, other)


def test_spaces_of_each() -> None:
    """So are those under several preparations."""
    options = ComparisonOptions(measures=("information_imbalance",), n_resamples=8, resample_fraction=0.5)
    found = compare_spaces_of_each(A, OTHERS, options=options, rng=1)
    for one, other in zip(found, OTHERS, strict=True):
        alone = compare_spaces(A, other, spaces=SPACES, options=options, rng=1)
        xr.testing.assert_identical(one, alone)


def test_refused() -> None:
    """Nothing to compare with, and other items in one of several."""
    options = ComparisonOptions(n_resamples=0)
    with pytest.raises(InputError, match="others"):
        profile_each(A, [], options=options, rng=0)
    with pytest.raises(InputError, match="90 and 89 rows"):
        profile_each(A, [OTHERS[0], OTHERS[1][:, 1:]], options=options, rng=0)
