"""Weights over layers: the peer's numbers, the formula, and judgment on items that chose nothing."""

from __future__ import annotations

import numpy as np
import pytest

from platoscope import information_imbalance
from platoscope.errors import InputError, PlatoscopeError
from platoscope.layerwise import WeightOptions, search_layers, weigh_layers, weight_path
from platoscope.layerwise._weighing import draw_folds
from platoscope.measures import descend, differentiable_imbalance, layer_distances
from platoscope.neighbors import prepare
from platoscope.testing import references

FEW = WeightOptions(n_steps=40)
START = 0.1 * np.sqrt(5)  # norm of DADApy's first weights, which it keeps; here it is 1


def gaussian():
    """Give the 5-D Gaussian of DADApy's greedy tests, each feature a layer, and its weighted target."""
    X = np.random.RandomState(0).normal(size=(500, 5))
    return [X[:, [i]] for i in range(5)], X * np.array([10, 3, 1, 30, 7.3])


def halves(n_samples=120, seed=0):
    target, noise = np.random.default_rng(seed).standard_normal((2, n_samples, 4))
    return [target[:, :2], noise, target[:, 2:]], target


def table_of(layers, target, *, scaled=False, most_bytes=1 << 30):
    spaces = [prepare(layer) for layer in layers]
    rng = np.random.default_rng(0)
    return layer_distances(spaces, prepare(target), scaled=scaled, rng=rng, most_bytes=most_bytes)


def test_folds_do_not_speak_of_layers_that_nobody_gave():
    """A feature that dominates a layer is no warning of each fold, about layers and candidates of the fold."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((2, 80, 60))
    A[1, :, 3] *= 100
    assert weigh_layers(A, A[0], n_folds=2, n_resamples=0, options=FEW, rng=0).sizes["layer"] == 2


def test_a_target_that_was_prepared_keeps_its_own_transform():
    """The transform that is asked for is for the layers alone where the target is a space."""
    layers, target = halves()
    settings = {"n_folds": 2, "n_resamples": 0, "options": FEW, "rng": 0}
    expected = weigh_layers(
        [prepare(layer, transform="unit") for layer in layers], prepare(target), **settings
    )
    found = weigh_layers(layers, prepare(target), transform="unit", **settings)
    np.testing.assert_array_equal(found.share, expected.share)


@pytest.mark.parametrize(
    ("options", "weights", "value"),
    [
        ({"num_epochs": 100, "learning_rate": 0.1, "k_init": 1, "k_final": 1},
         [0.06854, 0.02026, 0.00608, 0.20577, 0.05013], 0.004678),
        ({"num_epochs": 80, "learning_rate": 0.2, "k_init": 20, "k_final": 5},
         [0.06910, 0.02016, 0.00502, 0.20564, 0.05006], 0.005587),
        ({"num_epochs": 80, "learning_rate": 0.1, "k_init": 5, "k_final": 1, "l1_strength": 0.05},
         [0.04712, 0.01407, 0.0, 0.21514, 0.03598], 0.005575),
    ],
)  # fmt: skip
def test_descents_end_where_those_of_dadapy_end(options, weights, value):
    """Weights and value are those of DADApy 0.3.4 within ±.001: of descents that rounding does not turn elsewhere.

    With a rate of .5 a change of the data by 1e-7 moves the weights by .04, and another processor by .002.

    ``DiffImbalance(data_A=X, data_B=X * [10, 3, 1, 30, 7.3], learning_rate_decay="cos", **options)``, trained, then
    ``return_final_dii(compute_error=False, ratio_rows_columns=None)``, on the data of `gaussian`.
    """
    mine = WeightOptions(
        n_steps=options["num_epochs"],
        learning_rate=options["learning_rate"] / START**2,
        k_first=options["k_init"],
        k_last=options["k_final"],
        l1_strength=options.get("l1_strength", 0.0) * START,
    )
    found = descend(table_of(*gaussian()), mine)
    np.testing.assert_allclose(found.weights * START, weights, atol=1e-3)
    assert found.losses[-1] == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_the_exact_search_goes_dadapys_ways_on_its_data(direction):
    """Exact Δ with equal weights finds [3], [0, 3], [0, 3, 4], [0, 1, 3, 4] in both directions, as DADApy's search does."""
    layers, target = gaussian()
    found = search_layers(layers, target, direction=direction, scaled=False, n_folds=0)
    sets = sorted(found.sets, key=len)
    assert sets[:4] == [(3,), (0, 3), (0, 3, 4), (0, 1, 3, 4)]


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_the_differentiable_search_goes_dadapys_ways_on_its_data(direction):
    """So does the search by the differentiable imbalance, with weights found anew for every set as in DADApy's."""
    layers, target = gaussian()
    found = search_layers(
        layers, target, direction=direction, criterion="differentiable",
        options=WeightOptions(n_steps=20), scaled=False, n_folds=0,
    )  # fmt: skip
    assert sorted(found.sets, key=len)[:4] == [(3,), (0, 3), (0, 3, 4), (0, 1, 3, 4)]


@pytest.mark.parametrize("k", [1, 4])
def test_the_value_is_the_formula_and_the_gradient_its_slope(k):
    """Loops over items give the same value, and central differences the same gradient."""
    layers, target = halves(60)
    table, w = table_of(layers, target), np.array([0.7, 0.3, 0.6])
    value, gradient = differentiable_imbalance(table, w, k=k)
    assert value == pytest.approx(references.differentiable_imbalance(layers, target, w, k=k), abs=1e-6)
    step = 1e-5
    for i, moved in enumerate(step * np.eye(3)):
        ends = [differentiable_imbalance(table, w + sign * moved, k=k)[0] for sign in (1, -1)]
        assert gradient[i] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-5)


def test_the_imbalance_of_a_table_is_that_of_the_arrays_side_by_side():
    """Summed distances, ties shared, are Δ of weighted rows side by side."""
    rng = np.random.default_rng(0)
    layers = [rng.integers(0, 3, (80, 2)).astype(float) for _ in range(3)]
    target = rng.integers(0, 3, (80, 3)).astype(float)
    w = np.array([1.0, 2.0, 0.5])
    whole = np.concatenate([a * x for a, x in zip(w, layers, strict=True)], axis=1)
    assert table_of(layers, target).imbalance(w**2) == pytest.approx(
        information_imbalance(whole, target).forward, abs=1e-12
    )


def test_a_sample_of_rows_chooses_about_the_same_weights():
    """With room for a third of the rows, memory is bounded and weights move little."""
    layers, target = gaussian()
    few = table_of(layers, target, most_bytes=4 * 500 * 6 * 170)
    assert few.distances.nbytes + few.ranks.nbytes <= 4 * 500 * 6 * 170
    np.testing.assert_array_equal(few.ranks, table_of(layers, target).ranks[few.rows])
    whole = descend(table_of(layers, target), FEW).weights
    np.testing.assert_allclose(descend(few, FEW).weights, whole, atol=0.05)


def test_held_out_values_are_those_of_the_items_of_each_fold():
    """The candidates' Δ are exact, among items of a fold alone, with weights that the others chose; seeds repeat it."""
    layers, target = halves()
    found = weigh_layers(layers, target, options=FEW, n_folds=2, n_resamples=0, rng=3)
    folds = draw_folds(120, 2, None, np.random.default_rng(3))
    values = []
    for fold, held in enumerate(folds):
        others = np.setdiff1d(np.arange(120), held)
        scale = table_of([layer[others] for layer in layers], target[others], scaled=True).scales
        weights = found.weight.values[fold] / np.sqrt(scale)
        whole = np.concatenate([w * x[held] for w, x in zip(weights, layers, strict=True)], axis=1)
        values.append(information_imbalance(whole, target[held]).forward)
    assert float(found.information_imbalance.sel(candidate="weighted")) == pytest.approx(
        np.mean(values), abs=1e-12
    )
    assert found.equals(weigh_layers(layers, target, options=FEW, n_folds=2, n_resamples=0, rng=3))


def test_layers_that_each_have_a_half_gain_and_copies_of_one_do_not():
    """Two halves together are certainly better than the best half; five copies of one layer, noise in each, are not."""
    layers, target = halves(200)
    assert float(weigh_layers(layers, target, options=FEW, n_folds=2, rng=0).gain_low) > 0.1
    one = np.random.default_rng(1).standard_normal((200, 6))
    found = weigh_layers([one] * 4, one[:, :4], options=FEW, n_folds=2, rng=0)
    assert float(found.gain) == pytest.approx(0.0, abs=1e-12)


def test_greedy_sets_are_those_of_the_search_outside_of_each_fold():
    """Δ by size is what the search gives on the same folds; a set of one is the best single layer, in its draws too."""
    layers, target = halves()
    how = {"n_folds": 2, "rng": 3}
    found = weigh_layers(layers, target, options=FEW, n_greedy=9, n_resamples=10, **how)
    np.testing.assert_allclose(found.greedy, search_layers(layers, target, **how).held_out, atol=1e-12)
    single = found.information_imbalance_resamples.sel(candidate="best_single")
    np.testing.assert_array_equal(found.greedy_resamples.sel(size=1), single)
    assert (np.sort(found.greedy_layer, axis=1) == [0, 1, 2]).all()
    assert (found.greedy_layer.sel(size=3) == 1).all()
    assert "greedy" not in weigh_layers(layers, target, options=FEW, n_resamples=0, **how)


def test_small_folds_have_intervals_of_larger_subsamples():
    """Folds of 15 items are drawn by 8, and the attributes say so; larger ones by the quarter that was asked for."""
    found = [
        weigh_layers(*halves(n), options=FEW, n_folds=2, n_resamples=4, rng=0).attrs["resample_fraction"]
        for n in (30, 64)
    ]
    assert found == [8 / 15, 0.25]


def test_groups_stay_whole():
    """No stratum is in two folds, every item is in one, and too few strata are refused."""
    strata = np.repeat(np.arange(10), 12)
    folds = draw_folds(120, 3, strata.tolist(), np.random.default_rng(0))
    assert sorted(np.concatenate(folds).tolist()) == list(range(120))
    assert not set(strata[folds[0]]) & set(strata[folds[1]])
    with pytest.raises(InputError, match="1 strata make folds"):
        draw_folds(120, 2, ["a"] * 120, np.random.default_rng(0))


def test_stronger_l1_leaves_fewer_layers():
    """The number of layers with weight falls along the path, the noise first."""
    layers, target = halves(120)
    path = weight_path(layers, target, strengths=[0.0, 0.05], options=FEW, n_resamples=0, rng=0)
    assert path.n_layers.max("fold").values.tolist() == [3, 2]
    assert (path.weight.isel(l1_strength=1).sel(layer=1) == 0).all()


@pytest.mark.parametrize("cast", [np.int64, np.float16, np.float32])
def test_other_dtypes_are_taken(cast):
    """Integers and half precision have the weights of the same numbers in double precision."""
    layers, target = halves(60)
    rounded = [np.round(layer * 8).astype(cast) for layer in (*layers, target)]
    found = [weigh_layers(r[:3], r[3], options=FEW, n_folds=2, n_resamples=0, rng=0).weight.values
             for r in (rounded, [x.astype(float) for x in rounded])]  # fmt: skip
    np.testing.assert_allclose(*found, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda A, B: (A, B[:50]), "60"),
        (lambda A, B: ([A[0], np.where(np.arange(60)[:, None] == 7, np.nan, A[1])], B), "row 7"),
        (lambda A, B: ([a[:20] for a in A], B[:20]), "at least 12 items"),
        (lambda A, B: ([np.ones((60, 2))] * 2, B), "constant"),
    ],
)
def test_wrong_items_are_refused_in_a_sentence(change, words):
    """Unequal items, a row that is not finite, folds too small and layers that are all constant are named."""
    with pytest.raises(PlatoscopeError, match=words):
        weigh_layers(*change(*halves(60)), options=FEW, n_folds=2, n_resamples=0, rng=0)


@pytest.mark.parametrize("far", [1e3, 1e8, 1e12])
def test_an_item_far_away_leaves_the_distances_of_the_others_as_they_are(far):
    """Where a product cancels, differences are taken: distances among the others are those to float32."""
    layers, target = halves(n_samples=40)
    for layer in layers:
        layer[7] *= far
    table = table_of(layers, target, scaled=True)
    others = np.delete(np.arange(40), 7)
    for position, layer in enumerate(layers):
        squares = np.square(layer[:, None] - layer).sum(axis=2)
        expected = squares / (squares.sum() / (40 * 39))
        here = np.ix_(others, others)
        np.testing.assert_allclose(table.distances[:, position][here], expected[here], rtol=1e-6)


@pytest.mark.parametrize(("factor", "scaled"), [(1e-200, True), (1e200, True), (1e-30, False), (1e30, False)])
def test_sizes_that_squares_cannot_hold_are_refused(factor, scaled):
    """Rather than layers without distances, or with infinite ones."""
    layers, target = halves()
    with pytest.raises(InputError, match=r"does not hold well\. Multiply all layers by one number"):
        table_of([factor * layer for layer in layers], target, scaled=scaled)


@pytest.mark.parametrize("scaled", [True, False])
def test_an_item_beyond_all_measure_is_refused(scaled):
    """Beside it the others would all tie at distance 0, and every layer would be as good as any other."""
    layers, target = halves(n_samples=40)
    layers[2][7] *= 1e25 if scaled else 1e-25
    layers[2][8] *= 1.0 if scaled else 1e-25
    with pytest.raises(
        InputError, match=r"times the smallest, more than float32 holds\. Leave out the items"
    ):
        table_of(layers, target, scaled=scaled)


def test_a_path_refuses_a_generator():
    """It would draw other folds at every strength, and differences along the path would not be paired."""
    layers, target = halves()
    with pytest.raises(InputError, match="rng must be a whole number"):
        weight_path(layers, target, rng=np.random.default_rng(0))


@pytest.mark.parametrize("name", ["learning_rate", "l1_strength"])
def test_a_rate_beyond_all_measure_is_refused_by_its_name(name):
    """Weights have squares that add up to 1."""
    with pytest.raises(InputError, match=rf"{name} must be"):
        WeightOptions(**{name: 1e300})


@pytest.mark.parametrize("criterion", ["imbalance", "differentiable"])
def test_a_search_among_constant_layers_takes_them_last(criterion):
    """Alone they tell nothing; beside others they change nothing."""
    layers, target = halves(n_samples=60)
    constant = np.ones((60, 2))
    found = search_layers([constant, *layers], target, criterion=criterion, options=FEW, n_folds=2, rng=0)
    assert found.sets[0] in {(1,), (3,)}
    backward = search_layers(
        [constant, layers[0]], target, criterion=criterion, options=FEW, direction="backward", n_folds=0
    )
    assert backward.sets[-1] == (1,)
