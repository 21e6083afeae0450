"""Weighted layers: the rules on made-up layers on both sides of each claim, and a run against the function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from platoscope.errors import InputError
from platoscope.layerwise import WeightOptions, as_stack, weigh_layers
from platoscope.neighbors import transform_rows
from platoscope.studies import Comparison, Fixed, Items, Settings, Source, get_study, make_plan
from platoscope.studies.beyond.weighted_layers import better_together, second_layer_adds, weights_matter
from platoscope.studies.run.computation import Computation
from platoscope.studies.run.weights import weights

if TYPE_CHECKING:
    import xarray as xr

SIDES = {"a": Source(model="gemma-3-270m"), "b": Source(model="gemma-3-270m", side="b")}
ITEMS = Items(data="bible:en-it")
HELD = Fixed(side="b", layer=0)


def _found(kind: str, n_resamples: int = 40) -> xr.Dataset:
    rng = np.random.default_rng(0)
    target, *noise = rng.standard_normal((4, 240, 4))
    layers = {
        # Half of the target each, beside noise.
        "halves": [target[:, :2], target[:, 2:], *noise],
        # All that there is in one layer: others can only harm.
        "one": [target, *(5 * each for each in noise)],
        # A layer as good as any: weights find nothing that equal ones do not have.
        "alike": [target + 0.4 * each for each in noise],
    }[kind]
    # One step of another size leaves the weights near equal, and one of another length spoils them.
    rate = WeightOptions(n_steps=40) if kind == "halves" else WeightOptions(n_steps=0)
    return weigh_layers(layers, target, options=rate, n_folds=2, n_greedy=5, n_resamples=n_resamples, rng=1)


@pytest.mark.parametrize(
    ("make", "kind", "answer"),
    [
        (better_together, "halves", "held"),
        (better_together, "one", "did not hold"),
        (weights_matter, "halves", "held"),
        (weights_matter, "alike", "not decided"),
        (second_layer_adds, "halves", "held"),
        (second_layer_adds, "one", "did not hold"),
    ],
)
def test_claims_are_told_from_their_contrary(make: Any, kind: str, answer: str) -> None:
    """Halves need each other; where one layer has all, others harm; where weights are equal nothing is told."""
    assert make("x").judge({"x": _found(kind)}).answer == answer


def test_without_subsamples_nothing_is_decided() -> None:
    """A difference without an error is no evidence; what was found is told nevertheless."""
    verdict = better_together("x").judge({"x": _found("halves", n_resamples=0)})
    assert verdict.answer == "not decided"
    assert "Largest shares: layers" in verdict.evidence


def _computed(n: int, strata: list[str] | None = None, **settings: Any) -> tuple[xr.Dataset, Any, Any]:
    rng = np.random.default_rng(3)
    layers, target = rng.standard_normal((3, n, 4)), rng.standard_normal((2, n, 4))
    comparison = Comparison(label="x", **SIDES, items=ITEMS, kind="weights", fixed=HELD)
    settings = {"n": n, "n_resamples": 4, **settings}
    task = Computation(
        comparison=comparison, a=as_stack(layers), b=as_stack(target), position=1, strata=strata,
        settings=Settings(**settings),
    )  # fmt: skip
    return weights(task), layers, target


def test_a_comparison_is_the_function_in_the_space_of_the_study() -> None:
    """All layers and the held layer of the other side have the study's transform; books stay whole."""
    strata = [f"book {i % 20}" for i in range(160)]
    found, layers, target = _computed(160, strata)
    rows = [transform_rows(layer, "unit") for layer in (*layers, target[1])]
    same = weigh_layers(rows[:3], rows[3], n_folds=4, n_greedy=5, n_resamples=4, strata=strata, rng=0)
    for name in ("share", "information_imbalance", "greedy"):
        np.testing.assert_allclose(found[name], same[name], atol=1e-6)
    assert found.attrs["target_layer"] == 1
    assert found.relative_depth_a.values.tolist() == [0, 0.5, 1]


@pytest.mark.parametrize(
    ("strata", "n_folds", "stratified"),
    [(None, 3, 0), (["a"] * 48, 3, 0), (["a", "b"] * 24, 2, 1)],
)
def test_folds_are_as_many_as_items_and_groups_allow(
    strata: list[str] | None, n_folds: int, stratified: int
) -> None:
    """Few items or groups make fewer folds; one group alone tells no items apart."""
    found = _computed(48, strata)[0]
    assert (found.n_folds, found.stratified) == (n_folds, stratified)


def test_what_cannot_be_weighed_is_refused() -> None:
    """A comparison needs the layer of B that is predicted."""
    with pytest.raises(InputError, match="needs `fixed`"):
        Comparison(label="x", **SIDES, items=ITEMS, kind="weights")
    with pytest.raises(InputError, match="must hold one of `b`"):
        Comparison(label="x", **SIDES, items=ITEMS, kind="weights", fixed=Fixed(side="a", layer=0))


def test_both_directions_hold_the_layer_of_one_profile() -> None:
    """The predicted layer is the other side's, where the profile of both has its minimum; files are read once."""
    plan = make_plan(get_study("weighted-layers"))
    profile, *weighed = plan.comparisons
    assert [item.kind for item in weighed] == ["weights"] * 2
    assert {item.fixed.minimum_of for item in weighed if item.fixed} == {profile.label}
    assert [(item.a, item.b) for item in weighed] == [(profile.a, profile.b), (profile.b, profile.a)]
    assert plan.n_passes == 2
