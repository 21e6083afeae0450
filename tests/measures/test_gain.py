"""What one space adds to another about a third: equal to its formula, to a peer, and honest about chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from platoscope import imbalance_gain, information_imbalance, prepare
from platoscope.errors import InputError
from platoscope.layerwise import gain_profile
from platoscope.neighbors import join_spaces
from platoscope.testing import references

WEIGHTS = [0.0, 0.25, 0.5, 1.0, 2.0]


def three(n_samples=60, seed=0):
    rng = np.random.default_rng(seed)
    target = rng.standard_normal((n_samples, 6))
    return target[:, 4:].copy(), target[:, :4].copy(), target


def tied(n_samples=40, seed=0):
    """Rows on a grid, most of them more than once."""
    rng = np.random.default_rng(seed)
    return tuple(rng.integers(0, 3, (n_samples, width)).astype(float) for width in (2, 2, 3))


def repeated(n_samples=60, seed=0):
    """Continuous rows, each of which several items have."""
    rng = np.random.default_rng(seed)
    return tuple(X[rng.integers(0, n_samples // 3, n_samples)] for X in three(n_samples, seed))


@pytest.mark.parametrize("make", [three, tied, repeated])
@pytest.mark.parametrize("k", [1, 3])
def test_the_curve_and_the_gain_are_the_formula(make, k):
    """Loops over items, with every tie shared, give the same numbers."""
    new, given, target = make()
    found = imbalance_gain(new, given, target, weights=WEIGHTS, n_neighbors=k, n_permutations=0)
    gain, curve = references.imbalance_gain(new, given, target, np.array(WEIGHTS), n_neighbors=k)
    np.testing.assert_allclose(found.curve.imbalance, curve, rtol=1e-12)
    assert found.gain == pytest.approx(gain, abs=1e-12)
    assert found.weight == WEIGHTS[int(np.argmin(np.round(curve, 12)))]


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_every_weight_is_the_imbalance_of_the_arrays_side_by_side(offset):
    """Nothing is lost by adding matrices instead of multiplying rows again, not even on rows with a huge constant."""
    rng = np.random.default_rng(1)
    new, given, target = rng.standard_normal((3, 300, 128)).astype(np.float32)
    target = target + given + new
    new[:, 0] += offset
    given[:, 3] *= 1 + offset
    found = imbalance_gain(new, given, target, weights=WEIGHTS, n_permutations=0)
    for weight, delta in zip(*found.curve, strict=True):
        joined = (given, weight * new.astype(np.float64))
        assert delta == information_imbalance(joined, target).forward


@pytest.mark.parametrize("make", [three, tied, repeated])
@pytest.mark.parametrize("k", [1, 3])
def test_the_null_is_the_gain_of_shuffled_rows(make, k):
    """Each value of the null is what the function gives for the new space in that order, its weight chosen again."""
    new, given, target = make()
    found = imbalance_gain(new, given, target, weights=WEIGHTS, n_neighbors=k, n_permutations=6, rng=3)
    rng = np.random.default_rng(3)
    for value in found.null:
        order = rng.permutation(len(new))
        again = imbalance_gain(new[order], given, target, weights=WEIGHTS, n_neighbors=k, n_permutations=0)
        assert value == pytest.approx(again.gain, abs=1e-9)
    assert found.p == (1 + np.sum(found.null >= found.gain)) / 7


def test_strata_keep_rows_in_their_group():
    """With one item to a pair of equal rows per group, a shuffle within groups changes nothing at all."""
    new, given, target = three(40)
    groups = np.arange(40) // 2
    new = new[2 * groups]
    found = imbalance_gain(new, given, target, strata=groups.tolist(), n_permutations=9, rng=0)
    np.testing.assert_allclose(found.null, found.gain, atol=1e-9)
    assert found.p == 1.0


@pytest.mark.parametrize("k", [1, 3, 7])
@pytest.mark.parametrize("grid", [False, True])
def test_shuffles_that_change_nothing_never_count_as_smaller(k, grid):
    """However the sums of a shuffled space round, p is 1 where every shuffle gives the same rows."""
    for n in (23, 38, 50, 53):
        new, given, target = (np.round(X) if grid else X for X in three(n, seed=n))
        groups = np.arange(n) // 2
        new = new[2 * groups % n]
        found = imbalance_gain(
            new, given, target, n_neighbors=k, strata=groups.tolist(), n_permutations=9, rng=0
        )
        assert found.p == 1.0
        assert (found.null == found.gain).all()


def test_the_weight_is_the_first_of_equal_ones():
    """A new space that orders items as the given one does helps at no weight, whatever the last digit of Δ is."""
    for n in range(20, 60, 3):
        given = np.random.default_rng(n).integers(0, 4, (n, 1)).astype(float)
        target = np.random.default_rng(n + 1).integers(0, 4, (n, 2)).astype(float)
        found = imbalance_gain(given, given, target, n_neighbors=3, n_permutations=0)
        assert (found.gain, found.weight) == (0.0, 0.0)


def test_as_dadapy_has_it(load_file):
    """DADApy 0.3.4 gives these for coupled Rössler systems, to the last of the digits it prints.

    X drives Y: knowing X tells more of Y in 5 steps than Y itself does, and not the other way round. From
    ``MetricComparisons(maxk=394).return_inf_imb_causality(X[:-5], Y[:-5], Y[5:], [0, .1, .25, .5, 1], k=5)``, and with X
    and Y exchanged, on ``tests/measures/rossler.py``.
    """
    X, Y = load_file(Path(__file__).with_name("rossler.py")).coupled_rossler(400)
    expected = {
        "forward": [
            0.03644287774395129, 0.036024995994231694, 0.03530203493029963, 0.03434321422848902, 0.03524563371254607,
        ],
        "backward": [
            0.04905624098702131, 0.04925108155744271, 0.04987918602788015, 0.05097900977407467, 0.05269411953212626,
        ],
    }  # fmt: skip
    gains = []
    for (cause, effect), curve in zip(((X, Y), (Y, X)), expected.values(), strict=True):
        found = imbalance_gain(
            cause[:-5],
            effect[:-5],
            effect[5:],
            weights=[0, 0.1, 0.25, 0.5, 1],
            n_neighbors=5,
            n_permutations=0,
        )
        np.testing.assert_allclose(found.curve.imbalance, curve, rtol=1e-12)
        gains.append(found.gain)
    assert gains == [pytest.approx(0.05761519521632077), 0.0]


def test_a_constant_adds_nothing_and_may_be_given():
    """A constant new space has no gain and p = 1; beside a constant given one the gain is 1 − Δ of the new space."""
    new, given, target = three()
    constant = np.ones((60, 2))
    nothing = imbalance_gain(constant, given, target, n_permutations=9, rng=0)
    assert (nothing.gain, nothing.weight, nothing.p) == (0.0, 0.0, 1.0)
    alone = imbalance_gain(new, constant, target, n_permutations=0)
    assert alone.gain == pytest.approx(1 - information_imbalance(new, target).forward)


def test_under_independence_p_is_small_in_as_many_cases_as_it_says():
    """Of 200 draws with nothing to add, p ≤ 0.1 in about a tenth: within three standard errors."""
    rng = np.random.default_rng(5)
    small = 0
    for _ in range(200):
        new, given, noise = rng.standard_normal((3, 40, 2))
        p = imbalance_gain(new, given, given + 0.5 * noise, weights=[0, 0.5, 1], n_permutations=19, rng=rng).p
        small += p <= 0.1
    assert abs(small / 200 - 0.1) < 3 * np.sqrt(0.1 * 0.9 / 200)


def test_equal_spread_takes_units_away():
    """With scale="spread" a new space a thousand times as large gains as much at the same weight."""
    new, given, target = three()
    one, other = (
        imbalance_gain(factor * new, given, target, scale="spread", n_permutations=0)
        for factor in (1.0, 1024.0)
    )
    assert (one.gain, one.weight) == (other.gain, other.weight)
    assert imbalance_gain(1024.0 * new, given, target, n_permutations=0).weight != one.weight


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e150, 1e300])
def test_units_change_nothing(size):
    """Rows of any size: as they are if all have one unit, and under scale="spread" if the new space alone has it."""
    new, given, target = three()
    options = {"n_permutations": 5, "n_resamples": 4, "rng": 0}
    for scale, sizes in (
        ("rows", (size, size, 1.0)),
        ("rows", (1.0, 1.0, size)),
        ("spread", (size, 1.0, 1.0)),
    ):
        plain = imbalance_gain(new, given, target, scale=scale, **options)
        found = imbalance_gain(
            *(X * factor for X, factor in zip((new, given, target), sizes, strict=True)),
            scale=scale,
            **options,
        )
        np.testing.assert_allclose(found.curve.imbalance, plain.curve.imbalance, rtol=1e-12)
        np.testing.assert_allclose(found.null, plain.null, atol=1e-12)
        np.testing.assert_allclose(found.resamples, plain.resamples, atol=1e-12)


def test_spaces_too_far_apart_in_size_are_refused():
    """Where float64 cannot add both squared distances, a message says so, however it comes about."""
    new, given, target = three()
    for sides, weights in (
        ((new, given * 1e-200), [1.0]),
        ((new * 1e-200, given), [1.0]),
        ((new, given), [1e-310]),
    ):
        with pytest.raises(InputError, match="out of reach"):
            imbalance_gain(*sides, target, weights=weights, n_permutations=0)
    with pytest.raises(InputError, match="other units"):
        imbalance_gain(new * 1e-310, given, target, scale="spread", n_permutations=0)


@pytest.mark.parametrize("factor", [-1.0, float("nan"), float("inf"), "1"])
def test_a_factor_that_is_none_is_refused(factor):
    """Spaces are joined with a number from 0 on, and of the same items."""
    new, given, _ = (prepare(X) for X in three())
    with pytest.raises(InputError, match="factor"):
        join_spaces(given, new, factor)
    with pytest.raises(InputError, match="60 and 40 rows"):
        join_spaces(given, new.subset(np.arange(40)), 1.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": [0.0]}, "above 0"),
        ({"weights": [-1.0, 1.0]}, "at least 0"),
        ({"weights": "1"}, "weights"),
        ({"n_neighbors": 60}, "n_neighbors"),
        ({"n_neighbors": 20, "n_resamples": 5}, "subsamples of 15"),
        ({"scale": "none"}, "scale"),
    ],
)
def test_bad_arguments_are_sentences(change, words):
    """What is refused is named."""
    with pytest.raises(InputError, match=words):
        imbalance_gain(*three(), **change)


def test_bad_rows_are_sentences():
    """Other numbers of rows, a row that is not finite, distances and unkept matrices are each refused by name."""
    new, given, target = three()
    with pytest.raises(InputError, match="60, 59 and 60 rows"):
        imbalance_gain(new, given[:-1], target)
    broken = new.copy()
    broken[7, 1] = np.nan
    with pytest.raises(InputError, match=r"new .*row 7|row 7"):
        imbalance_gain(broken, given, target)
    with pytest.raises(InputError, match="euclidean"):
        imbalance_gain(prepare(np.ones((60, 60)), metric="precomputed"), given, target)
    with pytest.raises(InputError, match="not kept"):
        imbalance_gain(prepare(new, block_size=16), given, target)


def test_a_space_keeps_its_own_transform():
    """One side that was prepared apart stands beside others that the call prepares."""
    new, given, target = three()
    expected = imbalance_gain(
        *(prepare(X, transform="unit") for X in (new, target)), prepare(given), n_permutations=0
    )
    found = imbalance_gain(new, target, prepare(given), transform="unit", n_permutations=0)
    assert found.gain == expected.gain
    layers = gain_profile([new], target, prepare(given), transform="unit", scale="rows", n_permutations=0)
    assert float(layers.gain[0]) == expected.gain


@pytest.mark.parametrize("transform", ["unit", "clip", "clamp", "zscore + unit"])
def test_lengths_are_not_told_by_their_sign(transform):
    """Of one number per item unit norm leaves the sign, so that a length would seem to say nothing: it is refused."""
    new, _, target = three()
    lengths = np.arange(40.0, 100)[:, None]
    for ask in (imbalance_gain, gain_profile):
        with pytest.raises(InputError, match=r"given has one feature.*platoscope\.prepare\(given\)"):
            ask(new if ask is imbalance_gain else [new], lengths, target, transform=transform)
    assert imbalance_gain(new, prepare(lengths), target, transform=transform, n_permutations=0).gain >= 0


def test_a_profile_is_the_gain_of_each_layer():
    """One seed draws the same permutations and subsamples for every layer; one given array stands for all."""
    new, given, target = three()
    layers = [new, given[:, :2], new + given[:, :2]]
    found = gain_profile(layers, given, [target] * 3, scale="rows", n_permutations=9, n_resamples=10, rng=1)
    for at, layer in enumerate(layers):
        alone = imbalance_gain(layer, given, target, n_permutations=9, n_resamples=10, rng=1)
        assert float(found.gain[at]) == alone.gain
        assert float(found.gain_p[at]) == alone.p
        assert (float(found.gain_low[at]), float(found.gain_high[at])) == alone.interval
        np.testing.assert_array_equal(found.curve[at], alone.curve.imbalance)
    assert (found.gain_p_adjusted >= found.gain_p - 1e-12).all()
    assert float(found.gain_best_p) == 0.1


def test_a_profile_refuses_other_items():
    """Stacks that name other items, or have other numbers of layers, are refused."""
    new, given, target = three()
    with pytest.raises(InputError, match="same length"):
        gain_profile([new] * 3, [given] * 2, target)
    found = gain_profile([new] * 3, [given] * 2, target, match="relative_depth", n_permutations=0)
    assert found.sizes["layer"] == 3
    with pytest.raises(InputError, match="60, 60 and 59 rows"):
        gain_profile([new], given, target[:-1])
