"""The picture of intrinsic dimensions: one line per estimator and side, its peak, and the lowest Δ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.figure import Figure

from platoscope.errors import InputError
from platoscope.layerwise import dimension_profile
from platoscope.report import plot_dimension
from platoscope.report.panels import draw_panel, panel_size
from platoscope.report.style import DOUBLE_COLUMN, PANEL_HEIGHT
from platoscope.studies import Panel

if TYPE_CHECKING:
    from types import ModuleType

PANEL = Panel(kind="dimension", labels=("one",), title="Dimension")


def test_there_is_a_line_for_each_estimator_and_side(madeup: ModuleType) -> None:
    """Values are those of the result, solid for A and dashed for B; peaks and the lowest Δ stand where they are."""
    result = madeup.dimensions()
    ax = plot_dimension(result)
    solid, dashed = (line for line in ax.get_lines() if line.get_label() == "GRIDE, n₁ = 4")
    for line, side in ((solid, "a"), (dashed, "b")):
        np.testing.assert_array_equal(line.get_ydata(), result.gride.sel(side=side, n_neighbors=4))
    assert solid.get_linestyle() != dashed.get_linestyle()
    x = result.relative_depth_a.values
    peaks = [line for line in ax.get_lines() if line.get_label() == "_peak"]
    assert len(peaks) == 8
    assert peaks[0].get_xdata() == [x[int(result.gride.sel(side="a", n_neighbors=1).values.argmax())]]
    (lowest,) = (line for line in ax.get_lines() if line.get_label() == "_lowest")
    assert lowest.get_xdata()[0] == x[int(result.information_imbalance.mean("direction").values.argmin())]
    explained = {entry.get_label(): entry for entry in ax.get_legend().legend_handles}
    assert explained["peak"].get_marker() == peaks[0].get_marker() == "o"


def test_a_layer_of_few_distinct_items_is_hollow_and_no_peak(madeup: ModuleType) -> None:
    """The largest value of such a layer is not taken for the peak."""
    result = madeup.dimensions()
    result["gride"][{"side": 1, "layer": 0}] = 99.0
    ax = plot_dimension(result)
    hollow = [line for line in ax.get_lines() if line.get_label() == "_few"]
    assert {tuple(line.get_xdata()) for line in hollow} == {(0.0,)}
    assert max(line.get_ydata()[0] for line in ax.get_lines() if line.get_label() == "_peak") < 99


def test_a_profile_of_one_side_is_drawn() -> None:
    """What `dimension_profile` returns has one line per scale; it has no Δ to draw."""
    layers = np.random.default_rng(0).standard_normal((3, 120, 5))
    result = dimension_profile(layers, n_neighbors=(1, 4), n_resamples=0)
    lines = {line.get_label(): line.get_ydata() for line in plot_dimension(result).get_lines()}
    np.testing.assert_array_equal(lines["GRIDE, n₁ = 4"], result.dimension.sel(n_neighbors=4))
    with pytest.raises(InputError, match="comparison of kind 'dimension'; the result holds dimension"):
        plot_dimension(result, variable="information_imbalance")


def test_dimension_stands_above_delta_on_one_axis_of_depth(madeup: ModuleType) -> None:
    """A panel has two rows that share their horizontal axis, and several results stand beside one another."""
    results = {"one": madeup.dimensions()}
    above, below = draw_panel(Figure(), PANEL, results)
    assert above.get_ylabel() == "intrinsic dimension"
    assert above.get_shared_x_axes().joined(above, below)
    marked = {line.get_label() for line in below.get_lines()}
    assert {"_lowest", "_peak"} <= marked
    two = Panel(kind="dimension", labels=("one", "two"), title="Dimension")
    assert len(draw_panel(Figure(), two, results | {"two": madeup.dimensions()})) == 4
    assert panel_size(two, results | {"two": results["one"]}) == (DOUBLE_COLUMN, 2 * PANEL_HEIGHT)
    alone = Panel(kind="dimension", labels=("one",), title="Δ", options={"variable": "information_imbalance"})
    assert len(draw_panel(Figure(), alone, results)) == 1


def test_what_is_no_dimension_is_refused(madeup: ModuleType) -> None:
    """A result without dimensions, an unknown variable and an unknown axis are sentences."""
    with pytest.raises(InputError, match="needs gride and twonn, or dimension"):
        plot_dimension(madeup.profile())
    with pytest.raises(InputError, match="variable"):
        plot_dimension(madeup.dimensions(), variable="cka")
    with pytest.raises(InputError, match="x must be"):
        plot_dimension(madeup.dimensions(), x="depth")
