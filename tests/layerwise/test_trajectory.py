"""Δ over training: every step is a profile, and a difference of steps is paired."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

import platoscope
from platoscope.errors import InputError, NotFoundError
from platoscope.layerwise import simultaneous_bands, step_difference, trajectory
from platoscope.measures import Z95
from platoscope.report import draw_comparison, plot_trajectory

RNG = np.random.default_rng(0)
END = RNG.standard_normal((3, 80, 5))
STEPS = {1000: END + 0.3 * RNG.standard_normal(END.shape), 0: RNG.standard_normal(END.shape), 2000: END}


@pytest.fixture(scope="module")
def result():
    return trajectory(STEPS, n_resamples=12, rng=3)


def test_every_step_is_a_profile_beside_the_reference(result):
    """Steps are in order, and each is the profile with the last one, of the same seed."""
    assert result.step.values.tolist() == [0, 1000, 2000]
    alone = platoscope.profile(STEPS[1000], END, measures="information_imbalance", n_resamples=12, rng=3)
    for name in ("information_imbalance", "asymmetry_low", "information_imbalance_resamples"):
        np.testing.assert_array_equal(result[name].sel(step=1000).transpose(*alone[name].dims), alone[name])
    assert (result.attrs["name_a"], result.attrs["name_b"]) == ("checkpoint", "last checkpoint")


def test_a_reference_for_each_step():
    """A mapping pairs each checkpoint with its own partner; a single stack serves all."""
    own = trajectory(STEPS, {step: stack[:, :, :2] for step, stack in STEPS.items()}, n_resamples=0)
    one = trajectory(STEPS, END[:2], n_resamples=0, names=("model", "teacher"))
    assert one.attrs["name_b"] == "teacher"
    by_hand = platoscope.profile(STEPS[0], STEPS[0][:, :, :2], n_resamples=0)
    np.testing.assert_array_equal(own.information_imbalance.sel(step=0), by_hand.information_imbalance)


def test_the_difference_of_steps_is_paired(result):
    """Its error is that of differences on single subsamples, and its p-value follows from both."""
    found = step_difference(result, 0, 1000)
    draws = result.information_imbalance_resamples
    differences = (draws.sel(step=1000) - draws.sel(step=0)).transpose("resample", "direction", "layer")
    errors = differences.std("resample", ddof=1) * np.sqrt(0.25 / 0.75)
    np.testing.assert_allclose(found.difference_se, errors)
    np.testing.assert_allclose(found.difference_high - found.difference, Z95 * errors)
    certain = np.abs(found.difference / errors) > Z95
    np.testing.assert_array_equal(found.difference_p < 0.05, certain)
    assert certain.all()
    banded = simultaneous_bands(found, quantity="difference")
    assert bool((banded.difference_band_low < found.difference_low).all())
    same = step_difference(result, 1000, 1000)
    assert same.difference_p.values.tolist() == [[1.0] * 3] * 2


@pytest.mark.parametrize(
    ("steps", "reference", "said"),
    [
        ([END, END], None, "checkpoints must be a dict of at least two, by step"),
        ({0: END}, None, "got 1 of them"),
        ({"a": END, "b": END}, None, "each step must be a finite number"),
        (STEPS, {0: END}, r"must have the steps \[0, 1000, 2000\]; got \[0\]"),
        ({0: END, 1: END[:2]}, None, "the same layers; step 0 has 3, and step 1 has 2"),
    ],
)
def test_what_is_no_training_is_refused(steps, reference, said):
    """The message says what was expected."""
    with pytest.raises(InputError, match=said):
        trajectory(steps, reference, n_resamples=0)


def test_steps_that_are_not_there_are_named(result):
    """A wrong step and a result without resamples are errors."""
    with pytest.raises(NotFoundError, match="there is no step 5; there are 0, 1000, 2000"):
        step_difference(result, 0, 5)
    with pytest.raises(InputError, match="needs rsa_resamples over the dimension step"):
        step_difference(result, 0, 1000, quantity="rsa")


def test_warnings_of_all_steps_are_one():
    """A feature that decides the neighbors at every step is warned of once."""
    steps = {step: stack * np.array([100.0, 1, 1, 1, 1]) for step, stack in STEPS.items()}
    steps = {step: np.concatenate([stack, stack[:, ::-1, 1:]], axis=2) for step, stack in steps.items()}
    steps = {step: np.tile(stack, 3) * np.where(np.arange(27) == 0, 1e3, 1) for step, stack in steps.items()}
    with pytest.warns(platoscope.errors.PlatoscopeWarning, match="And alike in 2 other steps") as warned:
        trajectory(steps, n_resamples=0)
    assert len(warned) == 1


def test_the_map_and_the_lines_have_the_values(result):
    """The map has a cell per step and layer; lines have the interval of their layer; names are those of the sides."""
    ax = Figure().subplots()
    plot_trajectory(result, ax, direction="b_to_a")
    (mesh,) = [item for item in ax.collections if isinstance(item, QuadMesh)]
    values = result.information_imbalance.sel(direction="b_to_a").transpose("layer", "step")
    np.testing.assert_array_equal(np.asarray(mesh.get_array()).reshape(values.shape), values)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "1,000", "2,000"]
    assert ax.get_title() == "Δ(last checkpoint → checkpoint)"
    lines = plot_trajectory(result, Figure().subplots(), layers=[0, 2])
    assert [line.get_label() for line in lines.lines] == ["layer 0", "layer 2"]
    np.testing.assert_array_equal(
        lines.lines[1].get_ydata(), result.information_imbalance.sel(direction="a_to_b", layer=2)
    )
    with pytest.raises(InputError, match="there is no layer 7; there are 0, 1, 2"):
        plot_trajectory(result, Figure().subplots(), layers=[7])
    with pytest.raises(InputError, match="trajectory returns; got"):
        plot_trajectory(result.isel(step=0), Figure().subplots())


def test_names_of_layers_are_shown():
    """Layers that have names have them in the map and in the legend; the picture of a training has both directions."""
    steps = {step: dict(zip(("stem", "body", "head"), stack, strict=True)) for step, stack in STEPS.items()}
    named = trajectory(steps, n_resamples=0)
    ax = plot_trajectory(named, Figure().subplots())
    assert [text.get_text() for text in ax.get_yticklabels()] == ["stem", "body", "head"]
    lines = plot_trajectory(named, Figure().subplots(), layers=[1])
    assert lines.lines[0].get_label() == "layer body"
    both = draw_comparison(named).axes
    titles = [ax.get_title("left") for ax in both[:2]]
    assert titles == ["Δ(checkpoint → last checkpoint)", "Δ(last checkpoint → checkpoint)"]
    # One scale of color for both maps, from the smallest to the largest value of either.
    assert len(both) == 3
    values = named.information_imbalance
    scales = {ax.collections[0].get_clim() for ax in both[:2]}
    assert scales == {(float(values.min()), float(values.max()))}


def test_few_subsamples_say_nothing_of_a_difference():
    """A standard error of two is no basis of a p-value; `platoscope.difference` asks for as many."""
    few = trajectory(STEPS, n_resamples=9, rng=3)
    with pytest.raises(InputError, match="at least 10 subsamples; the result has 9"):
        step_difference(few, 0, 1000)
