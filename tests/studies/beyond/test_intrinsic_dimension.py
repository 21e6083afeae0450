"""Intrinsic dimension beside Δ: its rules on made-up curves, and a comparison against the function of layers."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from platoscope.layerwise import as_stack, dimension_profile, profile
from platoscope.studies import Comparison, Items, Source
from platoscope.studies.beyond.intrinsic_dimension import (
    estimators_agree,
    lowest_at_the_peak,
    peak_in_the_middle,
)
from platoscope.studies.design.settings import Settings
from platoscope.studies.judge import rules
from platoscope.studies.judge.evidence import Curve
from platoscope.studies.judge.judging import decide
from platoscope.studies.run.computation import Computation
from platoscope.studies.run.computing import compute

N_LAYERS = 21
DEPTH = np.linspace(0, 1, N_LAYERS)


def hill(at, height=10.0):
    """Give a curve with its peak at a depth."""
    return 5 + height * np.exp(-(((DEPTH - at) / 0.15) ** 2))


def result(made_up, *, delta=0.4, gride=0.4, twonn=None, noise=0.1, comparable=True):
    """Give Δ that is lowest at one depth, and dimensions that are highest at others, alike on both sides."""
    rng = np.random.default_rng(0)
    found = made_up(list(0.9 - hill(delta) / 30), se=noise / 100)
    line, scales = hill(gride if twonn is None else twonn), np.stack([hill(gride) - k for k in range(3)])
    data = {}
    for name, dims, values in (
        ("gride", ("side", "n_neighbors", "layer"), np.stack([scales, scales * 0.9])),
        ("twonn", ("side", "layer"), np.stack([line, line * 0.9])),
    ):
        drawn = values + noise * rng.standard_normal((found.sizes["resample"], *values.shape))
        data |= {name: (dims, values), f"{name}_resamples": (("resample", *dims), drawn)}
    data["comparable"] = (("side", "layer"), np.full((2, N_LAYERS), comparable))
    found = found.assign(data).assign_coords(side=["a", "b"], n_neighbors=[1, 4, 16])
    return {"x": found.assign_attrs(main_n_neighbors=4)}


@pytest.mark.parametrize(
    ("statement", "yes", "no"),
    [
        (lowest_at_the_peak("x"), {"delta": 0.45}, {"delta": 0.8}),
        (peak_in_the_middle("x"), {}, {"gride": 0.95}),
        (estimators_agree("x"), {"twonn": 0.35}, {"twonn": 0.8}),
    ],
)
def test_statements_answer_all_three_ways(made_up, statement, yes, no):
    """Peaks in one place hold, peaks elsewhere do not, and noise decides nothing."""
    assert statement.judge(result(made_up, **yes)).answer == "held"
    assert statement.judge(result(made_up, **no)).answer == "did not hold"
    assert statement.judge(result(made_up, **yes, noise=40.0)).answer == "not decided"


def test_layers_of_few_distinct_items_are_left_out(made_up):
    """A layer with equal items, however high its dimension, is no peak; without others nothing is decided."""
    results = result(made_up)
    for name in ("gride", "gride_resamples"):
        results["x"][name][{"layer": 20}] = 99.0
    assert lowest_at_the_peak("x").judge(results).answer == "did not hold"
    results["x"]["comparable"][{"layer": 20}] = False
    assert lowest_at_the_peak("x").judge(results).answer == "held"
    verdict = lowest_at_the_peak("x").judge(result(made_up, comparable=False))
    assert verdict.answer == "not decided"
    assert "distinct" in verdict.evidence


def test_what_is_lowest_around_a_layer_is_held_against_the_rest():
    """The number of each curve is its lowest beyond reach of a layer minus its lowest within."""
    flat = np.zeros((40, N_LAYERS))
    curves = {
        name: Curve(-hill(at), flat - hill(at), DEPTH, np.arange(N_LAYERS), 1000, 250)
        for name, at in (("f", 0.4), ("g", 0.45))
    }
    table = rules.same_place(curves, within=0.1)
    assert [len(column) for column in table] == [2] * N_LAYERS
    part = table[8][1]
    assert "g: lowest more than 0.1 of the depth away from layer 8" in part.words
    near = np.abs(DEPTH - 0.4) <= 0.1 + 1e-9
    assert part.quantity.value == pytest.approx(hill(0.45)[near].max() - hill(0.45)[~near].max())


def test_where_every_layer_is_near_nothing_is_said():
    """Of two layers within reach of each other there is no other place."""
    near = Curve(np.zeros(2), np.zeros((12, 2)), np.array([0.0, 0.05]), np.arange(2), 100, 25)
    ((one,), _) = rules.same_place({"f": near}, within=0.1)
    assert np.isnan(one.quantity.value)
    assert decide(rules.same_place({"f": near}, within=0.1)).answer == "not decided"


def noisy(truth, se, rng):
    """Give a curve with noise of its own, and subsamples with that of theirs."""
    wide = se * np.sqrt(3)
    drawn = truth + wide * rng.standard_normal((40, N_LAYERS))
    return Curve(truth + se * rng.standard_normal(N_LAYERS), drawn, DEPTH, np.arange(N_LAYERS), 1000, 250)


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        (np.full(N_LAYERS, 8.0), ("not decided",)),
        (np.maximum(hill(0.4), hill(0.8)), ("not decided",)),
        (hill(0.8), ("did not hold", "not decided")),
    ],
)
def test_the_rule_errs_rarely(line, allowed):
    """Of 60 draws at most four say something of a flat dimension or of two equal peaks, or find a peak elsewhere here."""
    rng = np.random.default_rng(0)
    answers = [
        decide(
            rules.same_place(
                {"Δ": noisy(0.9 - hill(0.4) / 30, 0.02, rng), "d": noisy(-line, 0.7, rng)}, within=0.1
            )
        ).answer
        for _ in range(60)
    ]
    assert sum(answer not in allowed for answer in answers) <= 4


def _task(A, B, *, match="index", **settings):
    side = Source(model="gemma-3-270m")
    comparison = Comparison(
        label="x", a=side, b=side, items=Items(data="bible:en-it"), kind="dimension", match=match
    )
    stacks = (as_stack(A, "A"), as_stack(B, "B"))
    return Computation(
        comparison=comparison, a=stacks[0], b=stacks[1], settings=Settings(n=len(A[0]), **settings)
    )


@pytest.fixture(scope="module")
def sides():
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((200, 8))
    A = [Z[:, :3], Z, Z[:, :5]]
    return A, [layer + 0.1 * rng.standard_normal(layer.shape) for layer in A]


def test_a_comparison_is_the_profile_and_the_dimensions_of_both_sides(sides):
    """Δ, dimensions and subsamples are those of the functions, in the space of the study."""
    found = compute(_task(*sides, n_resamples=12, seed=5))
    how = {"transform": "unit", "n_resamples": 12, "rng": 5}
    delta = profile(*sides, measures=["information_imbalance"], n_permutations=0, **how)
    xr.testing.assert_equal(found.information_imbalance_resamples, delta.information_imbalance_resamples)
    for side, layers in zip("ab", sides, strict=True):
        gride = dimension_profile(layers, n_neighbors=(1, 4, 16), **how)
        np.testing.assert_array_equal(found.gride.sel(side=side), gride.dimension)
        np.testing.assert_array_equal(
            found.gride_resamples.sel(side=side).transpose("resample", ...), gride.dimension_resamples
        )
        line = dimension_profile(layers, method="twonn", n_neighbors=(1,), **how)
        np.testing.assert_array_equal(found.twonn_se.sel(side=side), line.dimension_se[0])
    assert found.comparable.values.all()
    assert found.attrs["main_n_neighbors"] == 4


def test_rows_of_the_profile_say_which_layers_of_b_are_meant(sides):
    """Matched by depth, a side with more layers has the dimension of those that are compared."""
    A, B = sides
    longer = [B[0], B[2], B[1], B[2], B[2]]
    found = compute(_task(A, longer, match="relative_depth", n_resamples=0))
    assert found.layer_b.values.tolist() == [0, 2, 4]
    every = dimension_profile(longer, method="twonn", n_neighbors=(1,), transform="unit", n_resamples=0)
    np.testing.assert_array_equal(found.twonn.sel(side="b"), every.dimension[0, [0, 2, 4]])
    assert "gride_resamples" not in found


@pytest.mark.filterwarnings("ignore::platoscope.errors.PlatoscopeWarning")
def test_equal_items_and_few_items_are_said(sides):
    """A layer of which a tenth or more is equal is not comparable; few items reach fewer scales."""
    A, B = sides
    doubled = A[1].copy()
    doubled[:60] = doubled[60:120]
    found = compute(_task([A[0], doubled, A[2]], B, n_resamples=0))
    assert found.n_distinct.values.tolist() == [[200, 140, 200], [200, 200, 200]]
    assert found.comparable.values.tolist() == [[True, False, True], [True, True, True]]
    few = [layer[:60] for layer in A], [layer[:60] for layer in B]
    assert compute(_task(*few, n_resamples=12)).n_neighbors.values.tolist() == [1, 4]
