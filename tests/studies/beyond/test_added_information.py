"""The study of what a layer adds: its rules on made-up gains on both sides, and a run's gain against the function."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from platoscope.errors import InputError
from platoscope.layerwise import gain_profile
from platoscope.studies import Comparison, Items, Source, Surface
from platoscope.studies.beyond.added_information import adds, adds_more
from platoscope.studies.design.serial import comparison_from, comparison_to

SIDE = Source(model="gemma-3-270m")


def found(strength, seed=0, n_permutations=99):
    """Give the gain of three layers, of which the second knows something of the target in the measure of `strength`."""
    rng = np.random.default_rng(seed)
    target = rng.standard_normal((160, 6))
    given = target[:, :3] + 0.3 * rng.standard_normal((160, 3))
    noise = rng.standard_normal((3, 160, 3))
    layers = [noise[0], noise[1] + strength * target[:, 3:], noise[2]]
    result = gain_profile(
        layers, given, target, weights=[0, 0.5, 1], n_permutations=n_permutations, n_resamples=40, rng=1
    )
    return result.assign_coords(layer_a=("layer", [0, 1, 2]), relative_depth_a=result.relative_depth)


def test_what_adds_is_found_and_noise_is_not():
    """A layer that knows what is missing holds; of ten draws of noise at most two do, and none is held for certain."""
    verdict = adds("x", text="?").judge({"x": found(3.0)})
    assert verdict.answer == "held"
    assert "at layer 1" in verdict.evidence
    answers = [adds("x", text="?").judge({"x": found(0.0, seed)}).answer for seed in range(10)]
    assert answers.count("held") <= 2
    assert answers.count("did not hold") >= 2


def test_without_permutations_nothing_is_decided():
    """A gain above 0 alone says nothing, because it is never below."""
    verdict = adds("x", text="?").judge({"x": found(3.0, n_permutations=0)})
    assert verdict.answer == "not decided"


def test_the_larger_gain_is_told_from_the_smaller():
    """Paired subsamples tell which of two adds more, in its direction alone."""
    results = {"much": found(3.0), "little": found(0.6)}
    assert adds_more("much", "little", text="?").judge(results).answer == "held"
    assert adds_more("little", "much", text="?").judge(results).answer == "did not hold"


def test_a_gain_needs_a_given_side_and_nothing_else_takes_one():
    """A comparison says what is wrong where it is made."""
    items = Items(data="bible:en-it")
    with pytest.raises(InputError, match="given"):
        Comparison(label="x", a=SIDE, b=SIDE, items=items, kind="gain")
    with pytest.raises(InputError, match="given"):
        Comparison(label="x", a=SIDE, b=SIDE, items=items, given=SIDE)
    with pytest.raises(InputError, match="shuffled"):
        Comparison(label="x", a=SIDE, b=SIDE, items=items, kind="gain", given=SIDE, shuffle="free")


@pytest.mark.parametrize("given", [SIDE, Surface(model="gemma-3-270m", side="b")])
def test_a_third_side_is_written_down_and_read_back(given):
    """Plain values have the given side, and others have no word of it, so that results kept earlier are still found."""
    items = Items(data="bible:en-it")
    gain = Comparison(label="x", a=SIDE, b=SIDE, items=items, kind="gain", given=given)
    assert comparison_from(comparison_to(gain), where="x") == gain
    assert "given" not in comparison_to(Comparison(label="x", a=SIDE, b=SIDE, items=items))


def test_the_picture_has_gain_interval_and_chance():
    """The line is the gain, the dotted one the 95 % point of the null, and points are the sure layers."""
    from platoscope.report import plot_gain

    result = found(3.0)
    ax = plot_gain({"one": result})
    lines = {line.get_label(): line for line in ax.get_lines()}
    np.testing.assert_array_equal(lines["one"].get_ydata(), result.gain)
    np.testing.assert_array_equal(lines["_chance"].get_ydata(), result.gain_threshold)
    np.testing.assert_array_equal(lines["_sure"].get_xdata(), [0.5])
    alone, untested = plot_gain(result), plot_gain({"one": result.drop_vars("gain_threshold")})
    written = [[text.get_text() for text in each.get_legend().get_texts()] for each in (ax, alone, untested)]
    explained = ["95 % of shuffled", "adjusted p ≤ 0.05"]
    assert written == [["one", *explained], explained, ["one"]]
    with pytest.raises(InputError, match="no gain"):
        plot_gain(xr.Dataset({"cka": ("layer", [1.0])}))
