"""Everything that draws says with which seed, and comes out again with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import platoscope
from platoscope.layerwise import dimension_profile, gain_profile, n_curve, search_layers, weigh_layers
from platoscope.measures import estimate_imbalance, strata_imbalance

if TYPE_CHECKING:
    from collections.abc import Callable

_WHOLE = np.random.default_rng(0).standard_normal((60, 6))
_PART = _WHOLE[:, :2]
_GROUPS = np.repeat(["a", "b", "c"], 20)
DRAWS: dict[str, Callable[..., Any]] = {
    "interval": lambda **rng: platoscope.information_imbalance(_WHOLE, _PART, n_resamples=9, **rng),
    "halves": lambda **rng: platoscope.information_imbalance(_WHOLE, _PART, estimator="split", **rng),
    "estimate": lambda **rng: estimate_imbalance(_WHOLE, _PART, n_queries=20, n_references=20, **rng),
    "groups": lambda **rng: strata_imbalance(_WHOLE, _PART, strata=_GROUPS, n_permutations=9, **rng),
    "gain": lambda **rng: platoscope.imbalance_gain(
        _WHOLE, _PART, _WHOLE, n_permutations=9, n_resamples=5, **rng
    ),
    "search": lambda **rng: search_layers([_PART, _WHOLE], _WHOLE, n_folds=3, **rng),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_result_says_its_seed(name: str) -> None:
    """An unseeded one is had again with it; two of them differ; of a generator the seed is not known."""
    draw = DRAWS[name]
    first, second = draw(), draw()
    assert first.seed != second.seed
    assert _numbers(draw(rng=first.seed)) == _numbers(first)
    assert draw(rng=7).seed == 7
    assert draw(rng=np.random.default_rng(7)).seed is None
    assert _numbers(draw(rng=np.random.default_rng(7))) == _numbers(draw(rng=7))


def test_a_curve_says_its_seed_and_versions() -> None:
    """In its attributes, as all data sets do."""
    found = n_curve(_WHOLE, _PART, n_draws=2)
    again = n_curve(_WHOLE, _PART, n_draws=2, rng=int(found.attrs["seed"]))
    assert again.identical(found)
    assert "numba" in found.attrs["versions"]


@pytest.mark.parametrize("name", ["weigh_layers", "gain_profile", "dimension_profile"])
def test_data_sets_say_their_seed_and_versions(name: str) -> None:
    """Whatever they are of."""
    stack = [_PART, _WHOLE]
    found = {
        "weigh_layers": lambda: weigh_layers(stack, _WHOLE, n_folds=3, n_resamples=0),
        "gain_profile": lambda: gain_profile(stack, _PART, _WHOLE, n_permutations=9),
        "dimension_profile": lambda: dimension_profile(stack, n_neighbors=[2], n_resamples=5),
    }[name]()
    assert int(found.attrs["seed"]) >= 0
    assert json.loads(found.attrs["versions"]).keys() >= {"platoscope", "numpy", "numba"}


def test_what_draws_nothing_has_no_seed() -> None:
    """There is none to pass."""
    assert platoscope.information_imbalance(_WHOLE, _PART).seed is None
    assert platoscope.imbalance_gain(_WHOLE, _PART, _WHOLE, n_permutations=0).seed is None
    assert strata_imbalance(_WHOLE, _PART, strata=_GROUPS, n_permutations=0).seed is None


def _numbers(result: Any) -> str:
    """Give all that a result has but its seed."""
    fields = vars(result) if hasattr(result, "__dict__") else result._asdict()
    parts = [repr(tuple(result))] if isinstance(result, tuple) else []
    return "; ".join(parts + [f"{name}={value!r}" for name, value in fields.items() if name != "seed"])
