"""What the space does to Δ and to the asymmetry, drawn."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from platoscope import profile
from platoscope.errors import InputError
from platoscope.layerwise import compare_spaces
from platoscope.report import draw_spaces, plot_spaces


@pytest.fixture(scope="module")
def result():
    A = np.random.default_rng(0).standard_normal((3, 60, 20))
    found = compare_spaces(A, A[:, :, :10], spaces=["none", ("zscore", "unit")], n_resamples=4, rng=0)
    return found.assign_attrs(name_a="en", name_b="it")


def test_every_space_has_its_lines(result) -> None:
    """Δ has a line per space and direction, the asymmetry one per space, each at the values of the result."""
    left, right = draw_spaces(result).axes
    drawn = {line.get_label(): line.get_ydata() for line in left.lines}
    for name, space in (("rows as they are", "none"), ("z-score, unit length", "zscore + unit")):
        values = result.information_imbalance.sel(space=space, direction="b_to_a")
        np.testing.assert_array_equal(drawn[f"{name} · Δ(it → en)"], values)
        gaps = {line.get_label(): line.get_ydata() for line in right.lines}
        np.testing.assert_array_equal(gaps[name], result.asymmetry.sel(space=space))
    assert "en more informative" in [text.get_text() for text in right.texts]


def test_a_result_without_spaces_is_named() -> None:
    """A profile has one space; the message says what to call instead."""
    A = np.random.default_rng(0).standard_normal((2, 40, 8))
    with pytest.raises(InputError, match="compare_spaces"):
        plot_spaces(profile(A, A, n_resamples=0), Figure().subplots())
