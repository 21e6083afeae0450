"""The difference of two profiles: a slow reference, what must not matter, and what cannot be paired."""

from __future__ import annotations

import math

import numpy as np
import pytest

import platoscope
from platoscope import difference, profile
from platoscope.errors import InputError
from platoscope.layerwise import (
    as_stack,
    share_depths,
    simultaneous_bands,
    step_difference,
    trajectory,
    with_ids,
)
from platoscope.measures import ComparisonOptions

N = 80
SETTINGS = {"measures": ("information_imbalance", "cka_debiased"), "n_resamples": 30, "items": True, "rng": 4}


def sides(n_layers: int, noise: float, seed: int = 0, n: int = N) -> list[np.ndarray]:
    """Return two stacks whose layers share a signal, best in the middle, over the same items whatever the rest."""
    signal = np.random.default_rng(99).standard_normal((n, 5))
    rng = np.random.default_rng(seed)
    level = noise * (1 + np.abs(np.linspace(-1, 1, n_layers)))
    return [signal + level[:, None, None] * rng.standard_normal((n_layers, n, 5)) for _ in range(2)]


@pytest.fixture(scope="module")
def pair():
    """Return profiles of four and of seven layers, which have depths 0, 1/2 · … and 1 in common."""
    return profile(*sides(4, 0.4, seed=1), **SETTINGS), profile(*sides(7, 0.8, seed=2), **SETTINGS)


def slow(first, second, direction, best=min):
    """Return by loops what `difference` finds in one direction: rows by depth, then those of the best layer."""

    def read(result, values):
        at = dict(zip(result.relative_depth_a.values.round(9).tolist(), values, strict=True))
        found = {}
        for depth in depths:
            if depth in at:
                found[depth] = at[depth]
                continue
            below, above = max(d for d in at if d < depth), min(d for d in at if d > depth)
            found[depth] = at[below] + (depth - below) / (above - below) * (at[above] - at[below])
        return [found[depth] for depth in depths]

    def rows(result):
        delta, draws = result.information_imbalance, result.information_imbalance_resamples
        if direction == "mean":
            delta, draws = delta.mean("direction"), draws.mean("direction")
        else:
            delta, draws = delta.sel(direction=direction), draws.sel(direction=direction)
        draws = draws.transpose("resample", "layer").values
        return read(result, delta.values.tolist()), [read(result, draw.tolist()) for draw in draws]

    depths = sorted({*first.relative_depth_a.values.round(9), *second.relative_depth_a.values.round(9)})
    (one, one_draws), (other, other_draws) = rows(first), rows(second)
    m, n = round(first.attrs["resample_fraction"] * first.attrs["n_samples"]), first.attrs["n_samples"]

    def tested(value, drawn):
        mean = sum(drawn) / len(drawn)
        se = math.sqrt(sum((d - mean) ** 2 for d in drawn) / (len(drawn) - 1) * m / (n - m))
        p = 2 * (1 - 0.5 * (1 + math.erf(abs(value) / se / math.sqrt(2))))
        return value, se, value - 1.959963984540054 * se, value + 1.959963984540054 * se, p

    by_depth = [
        tested(one[i] - other[i], [a[i] - b[i] for a, b in zip(one_draws, other_draws, strict=True)])
        for i in range(len(depths))
    ]
    return (
        depths,
        by_depth,
        tested(
            best(one) - best(other),
            [best(a) - best(b) for a, b in zip(one_draws, other_draws, strict=True)],
        ),
    )


@pytest.mark.parametrize("direction", ["a_to_b", "b_to_a", "mean"])
def test_it_is_what_loops_over_depths_and_subsamples_find(pair, direction):
    """Curves by straight lines between layers, errors from differences of draws, the best layer chosen in each."""
    found = difference(*pair).sel(direction=direction)
    depths, by_depth, best = slow(*pair, direction)
    np.testing.assert_allclose(found.relative_depth, depths)
    for i, name in enumerate(("", "_se", "_low", "_high", "_p")):
        np.testing.assert_allclose(
            found[f"difference{name}"], [row[i] for row in by_depth], rtol=0, atol=1e-12
        )
        np.testing.assert_allclose(found[f"best_difference{name}"], best[i], rtol=0, atol=1e-12)


def test_layers_at_one_depth_are_not_interpolated(pair):
    """At a depth at which both have a layer, the difference is that of the two values to the last bit."""
    first, second = pair
    found = difference(first, second)
    neither = ~(found.interpolated_first | found.interpolated_second)
    assert found.relative_depth[neither].values.round(3).tolist() == [0.0, 0.333, 0.667, 1.0]
    for direction in ("a_to_b", "b_to_a"):
        one, other = (p.information_imbalance.sel(direction=direction).values for p in pair)
        np.testing.assert_array_equal(
            found.difference.sel(direction=direction)[neither], one - other[[0, 2, 4, 6]]
        )


def test_the_other_order_has_the_other_sign(pair):
    """Swapping the profiles negates the difference, turns the interval, and leaves every p-value."""
    one, other = difference(*pair), difference(*reversed(pair))
    for name in ("difference", "best_difference"):
        np.testing.assert_array_equal(one[name], -other[name])
        np.testing.assert_allclose(one[f"{name}_low"], -other[f"{name}_high"], rtol=0, atol=1e-15)
        np.testing.assert_array_equal(one[f"{name}_p"], other[f"{name}_p"])
    np.testing.assert_array_equal(one.difference_p_adjusted, other.difference_p_adjusted)
    np.testing.assert_array_equal(one.best_depth_first, other.best_depth_second)


def test_a_profile_does_not_differ_from_itself(pair):
    """All differences are 0, and all p-values 1."""
    found = difference(pair[0], pair[0])
    assert not found.difference.any()
    assert not found.difference_high.any()
    for name in ("difference_p", "difference_p_adjusted", "best_difference_p"):
        assert (found[name] == 1).all()


def test_a_difference_is_found_where_it_is_and_nowhere_else():
    """Of three layers the last has less noise in one model: its adjusted p alone is small, and so is the best layer's."""
    a, b = sides(3, 0.8, seed=1, n=200)
    signal = np.random.default_rng(99).standard_normal((200, 5))
    better = [side.copy() for side in (a, b)]
    for side, noise in zip(better, np.random.default_rng(8).standard_normal((2, 3, 200, 5)), strict=True):
        side[:2] += 0.02 * noise[:2]
        side[2] = signal + 0.2 * noise[2]
    found = difference(profile(*better, **SETTINGS), profile(a, b, **SETTINGS)).sel(direction="mean")
    assert (found.difference_p_adjusted.values < 0.05).tolist() == [False, False, True]
    assert found.difference[2] < 0
    assert found.best_difference_p < 0.001
    assert (float(found.best_depth_first), float(found.best_depth_second)) == (1.0, 0.5)


def test_adjusted_p_values_are_those_of_all_depths_together(pair):
    """They are never below the plain ones, and below 0.05 exactly where the simultaneous band leaves 0 out."""
    found = difference(*pair)
    assert (found.difference_p_adjusted >= found.difference_p).all()
    banded = simultaneous_bands(found, quantity="difference")
    outside = (banded.difference_band_low > 0) | (banded.difference_band_high < 0)
    np.testing.assert_array_equal(outside, found.difference_p_adjusted < 0.05)


def test_the_order_of_the_items_does_not_matter(pair):
    """With all rows in another order the difference stays; two orders are refused."""
    order = np.random.default_rng(3).permutation(N)
    names = np.array([f"item {i}" for i in range(N)])

    def computed(n_layers, noise, seed, rows):
        stacks = [
            with_ids(as_stack(side[:, rows], "A"), names[rows].tolist())
            for side in sides(n_layers, noise, seed)
        ]
        return profile(*stacks, **SETTINGS)

    shuffled = [computed(4, 0.4, 1, order), computed(7, 0.8, 2, order)]
    np.testing.assert_allclose(difference(*shuffled).difference, difference(*pair).difference, atol=1e-12)
    with pytest.raises(InputError, match="another order"):
        difference(shuffled[0], computed(7, 0.8, 2, np.arange(N)))


def test_measures_without_direction_and_the_asymmetry(pair):
    """CKA has no direction, and its best layer is the highest; of the asymmetry no layer is the best."""
    found = difference(*pair, quantity="cka_debiased")
    assert "direction" not in found.dims
    assert found.best_difference == found["first"].max() - found["second"].max()
    assert "best_difference" not in difference(*pair, quantity="asymmetry")


def test_a_layer_without_a_value_is_left_out():
    """CKA of a constant layer is undefined: so are its difference and what is interpolated from it, and nothing else."""
    stacks = [sides(3, noise, seed) for noise, seed in ((0.4, 1), (0.8, 2))]
    stacks[0][0][0] = 1.0
    with pytest.warns(platoscope.errors.PlatoscopeWarning, match="undefined"):
        profiles = [
            profile(*stack, **{**SETTINGS, "measures": "cka_debiased", "items": False}) for stack in stacks
        ]
    found = difference(*profiles, quantity="cka_debiased", same_items=True)
    for name in ("difference", "difference_p", "difference_p_adjusted"):
        assert np.isnan(found[name].values).tolist() == [True, False, False]
    assert found.best_difference == found["first"][1:].max() - found["second"][1:].max()


def test_two_checkpoints_of_a_trajectory():
    """One step is a profile; the difference is that of `step_difference`, with the best layers beside it."""
    a, b = sides(3, 0.3)
    noise = np.random.default_rng(7).standard_normal(a.shape)
    options = ComparisonOptions(measures="information_imbalance", n_resamples=30, items=True)
    followed = trajectory({0: a + 2 * noise, 500: a}, b, options=options, rng=0)
    steps = step_difference(followed, 0, 500)
    found = difference(followed.sel(step=500), followed.sel(step=0))
    for name in ("difference", "difference_se", "difference_p"):
        np.testing.assert_allclose(
            found[name].sel(direction=["a_to_b", "b_to_a"]),
            steps[name].transpose("direction", "layer"),
            atol=1e-12,
        )
    assert (found.best_difference < 0).all()
    assert (found.best_difference_p < 0.01).all()
    with pytest.raises(InputError, match=r"sel\(step="):
        difference(followed, followed)


def changed(result, **attributes):
    """Return a profile that says something else of itself."""
    return result.assign_attrs(attributes)


def deeper(result):
    """Return a profile of layers that stand below all others."""
    return result.assign_coords(relative_depth_a=result.relative_depth_a + 2)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (lambda p: changed(p, seed="5"), "same seed, got 4 and 5"),
        (lambda p: changed(p, n_samples=81), "same n_samples"),
        (lambda p: changed(p, n_neighbors=2), "same n_neighbors"),
        (lambda p: changed(p, interval_method="delete_d"), "same interval_method"),
        (lambda p: p.assign_coords(item=[f"other {i}" for i in range(N)]), "different items, from row 0 on"),
        (lambda p: p.assign_coords(item=[*range(N - 1), N]), f"different items, from row {N - 1} on"),
        (lambda p: p.drop_dims("item"), "second profile does not say which items"),
        (
            lambda p: p.drop_dims("resample"),
            "second must be a profile with information_imbalance and its resamples",
        ),
        (lambda p: p.isel(resample=slice(5)), "at least 10 subsamples; second has 5"),
        (lambda p: p.sel(direction=["a_to_b"]), "both directions"),
        (lambda p: p.isel(layer=0), "second must be a profile of both directions over layer"),
        (lambda p: p.isel(layer=slice(0)), "second must be a profile"),
        (deeper, "no relative depth in common: the first has 0 to 1, the second 2 to 3"),
        (lambda p: p.drop_vars(["relative_depth_a", "relative_depth_b"]), "no relative depths of their own"),
        (lambda p: None, "second must be a labeled result"),
    ],
)
def test_what_cannot_be_paired_is_refused(pair, second, message):
    """Every error says what the second profile lacks, or in what both differ."""
    with pytest.raises(InputError, match=message):
        difference(pair[0], second(pair[1]))


def test_a_grid_and_a_generator_are_refused(pair):
    """A grid has no curve, and subsamples of a generator are not known to be the same."""
    a, b = sides(3, 0.4)
    whole = platoscope.compare(a, b, **SETTINGS)
    with pytest.raises(InputError, match="take_profile"):
        difference(whole, whole)
    drawn = profile(a, b, **{**SETTINGS, "rng": np.random.default_rng(0)})
    with pytest.raises(InputError, match="the same number as rng"):
        difference(drawn, drawn)


def test_that_items_are_the_same_may_be_stated():
    """Profiles without items are paired by their rows where that is stated."""
    without = {**SETTINGS, "items": False}
    profiles = [profile(*sides(3, noise, seed), **without) for noise, seed in ((0.4, 1), (0.8, 2))]
    with pytest.raises(InputError, match="same_items=True"):
        difference(*profiles)
    assert (difference(*profiles, same_items=True).difference < 0).all()


def test_one_layer_and_a_side_that_is_held():
    """A single layer of each is a curve of one point; a sweep is placed by the side that is moved through."""
    one = [profile(*sides(1, noise, seed), **SETTINGS) for noise, seed in ((0.4, 1), (0.8, 2))]
    found = difference(*one)
    assert found.sizes["relative_depth"] == 1
    np.testing.assert_array_equal(found.difference[:, 0], found.best_difference)
    swept = [profile(*sides(4, noise, seed), layer_a=1, **SETTINGS) for noise, seed in ((0.4, 1), (0.8, 2))]
    assert difference(*swept).sizes["relative_depth"] == 4


def test_depths_in_common_can_be_asked_for(pair):
    """Before a difference is taken; layers beside each other have none where no range overlaps."""
    assert share_depths(*pair)
    assert share_depths(pair[0].isel(layer=[0]), pair[1])
    assert not share_depths(pair[0].isel(layer=[1]), pair[1].isel(layer=[1]))
    assert not share_depths(pair[0].isel(layer=slice(0)), pair[1])
