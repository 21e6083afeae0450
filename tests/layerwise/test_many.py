"""Every model with every other: both directions in one table, at the best layers and at equal depth."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

import platoscope
from platoscope.errors import InputError
from platoscope.layerwise import _stacks, compare_many
from platoscope.measures import ComparisonOptions
from platoscope.report import draw_comparison, plot_model_depths, plot_models

RNG = np.random.default_rng(0)
BASE = RNG.standard_normal((60, 6))
MODELS = {
    "one": [RNG.standard_normal((60, 4)), BASE, BASE[:, :2]],
    "two": [BASE[:, :3], RNG.standard_normal((60, 4))],
    "US$ and CA$": [BASE + RNG.standard_normal(BASE.shape)] * 5,
}


@pytest.mark.parametrize(("measure", "rounding"), [("information_imbalance", 0.0), ("rsa", 1e-7)])
def test_cells_are_those_of_the_grids(measure, rounding):
    """Best values, their layers and values at equal depth are read off the grid of each two models, in both directions."""
    found = compare_many(MODELS, measure=measure, depths=[0.0, 0.5, 1.0])
    for a, b in (("one", "two"), ("two", "one"), ("two", "US$ and CA$")):
        grid = platoscope.compare(MODELS[a], MODELS[b], measures=measure, n_resamples=0)[measure]
        table = grid.sel(direction="a_to_b") if "direction" in grid.dims else grid
        cell = found.sel(model_a=a, model_b=b)
        best = table.min() if measure == "information_imbalance" else table.max()
        assert float(cell.best) == pytest.approx(float(best), rel=0, abs=rounding)
        at = {"layer_a": int(cell.best_layer_a), "layer_b": int(cell.best_layer_b)}
        assert float(table.sel(at)) == float(best)
        ends = [float(table.isel(layer_a=i, layer_b=i)) for i in (0, -1)]
        np.testing.assert_allclose(cell.equal_depth.values[[0, 2]], ends, rtol=0, atol=rounding)
    assert np.isnan(np.diagonal(found.best)).all()


def test_each_model_is_prepared_once(monkeypatch):
    """Ten layers of three models are ten preparations; where they do not fit into memory, each comparison makes its own."""
    prepared = []
    prepare = _stacks.prepare
    monkeypatch.setattr(
        _stacks, "prepare", lambda *args, **kw: prepared.append(kw["name"]) or prepare(*args, **kw)
    )
    found = compare_many(MODELS)
    assert len(prepared) == len(set(prepared)) == 10
    monkeypatch.setattr(_stacks, "available_memory", lambda: 0)
    again = compare_many(MODELS)
    assert len(prepared) == 30
    np.testing.assert_array_equal(found.best, again.best)


def test_a_table_has_every_two_models():
    """A row per two models, at the best layers and at each depth; a model with itself is left out."""
    found = compare_many(MODELS, depths=[0.0, 1.0])
    frame = platoscope.to_frame(found)
    assert list(frame.columns) == ["measure", "model_a", "model_b", "at", "value", "layer_a", "layer_b"]
    assert frame["at"].value_counts().to_dict() == {"best": 6, "0": 6, "1": 6}
    row = frame[(frame.model_a == "two") & (frame.model_b == "one") & (frame["at"] == "best")].iloc[0]
    cell = found.sel(model_a="two", model_b="one")
    assert (row.value, row.layer_a, row.layer_b) == (
        float(cell.best),
        int(cell.best_layer_a),
        int(cell.best_layer_b),
    )


@pytest.mark.parametrize("measure", ["information_imbalance", "rsa"])
def test_one_model_beside_the_others(measure):
    """A color for each other model, a line style for each direction, and the values at equal depth."""
    found = compare_many(MODELS, measure=measure)
    ax = plot_model_depths(found, Figure().subplots(), beside="two")
    lines = {line.get_label(): line for line in ax.lines}
    directed = measure == "information_imbalance"
    label = next(name for name in lines if "one" in name)
    values = found.equal_depth.sel(model_a="two", model_b="one")
    np.testing.assert_array_equal(lines[label].get_ydata(), values)
    np.testing.assert_array_equal(lines[label].get_xdata(), found.relative_depth)
    assert sum(np.array_equal(line.get_xdata(), found.relative_depth) for line in ax.lines) == (
        4 if directed else 2
    )
    with pytest.raises(InputError, match="beside must be"):
        plot_model_depths(found, Figure().subplots(), beside="four")


def test_the_map_has_the_values():
    """One cell per two models with its number, names as they are written, at the best layers or at a depth."""
    found = compare_many(MODELS, depths=[0.0, 1.0])
    for at, values in (("best", found.best), (1.0, found.equal_depth.sel(relative_depth=1.0))):
        ax = plot_models(found, Figure().subplots(), at=at)
        (mesh,) = [item for item in ax.collections if isinstance(item, QuadMesh)]
        np.testing.assert_array_equal(np.ma.filled(mesh.get_array(), np.nan).reshape(3, 3), values)
        assert len(ax.texts) == 6
        assert ax.get_yticklabels()[2].get_text() == r"US\$ and CA\$"
    with pytest.raises(InputError, match=r"a relative depth of the result \(0, 1\); got 0.3"):
        plot_models(found, Figure().subplots(), at=0.3)
    with pytest.raises(InputError, match="what platoscope.layerwise.compare_many returns"):
        plot_models(found.isel(model_a=0), Figure().subplots())


@pytest.mark.parametrize(
    ("models", "change", "said"),
    [
        ([BASE], {}, "models must be a dict of at least two, by name"),
        ({"one": [BASE]}, {}, "models must be a dict"),
        ({1: [BASE], 2: [BASE]}, {}, "models must be a dict"),
        (
            MODELS,
            {"options": ComparisonOptions(transform={"a": "unit", "b": "none"})},
            "transform must be one for all",
        ),
        (MODELS, {"measure": ["rsa"]}, "measure must be one, by name or a Measure of your own"),
        (MODELS, {"depths": [2]}, "each of depths must be a finite number, at least 0, at most 1; got 2"),
    ],
)
def test_what_is_no_several_models_is_refused(models, change, said):
    """The message says what was expected."""
    with pytest.raises(InputError, match=said):
        compare_many(models, **change)


def test_one_picture_has_lines_and_the_map():
    """The first model beside each other one, and all with all."""
    figure = draw_comparison(compare_many(MODELS))
    lines, table = figure.axes[:2]
    assert "one" in lines.get_legend().get_texts()[-1].get_text()
    assert len(table.texts) == 6
