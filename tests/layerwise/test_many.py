"""Every model with every other: both directions in one table, at the best layers and at equal depth."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

import platoscope
from platoscope.errors import InputError
from platoscope.layerwise import compare_many
from platoscope.report import plot_models

RNG = np.random.default_rng(0)
BASE = RNG.standard_normal((60, 6))
MODELS = {
    "one": [RNG.standard_normal((60, 4)), BASE, BASE[:, :2]],
    "two": [BASE[:, :3], RNG.standard_normal((60, 4))],
    "US$ and CA$": [BASE + RNG.standard_normal(BASE.shape)] * 5,
}


@pytest.mark.parametrize("measure", ["information_imbalance", "rsa"])
def test_cells_are_those_of_the_grids(measure):
    """Best values, their layers and values at equal depth are read off the grid of each two models, in both directions."""
    found = compare_many(MODELS, measure=measure, depths=[0.0, 0.5, 1.0])
    for a, b in (("one", "two"), ("two", "one"), ("two", "US$ and CA$")):
        grid = platoscope.compare(MODELS[a], MODELS[b], measures=measure, n_resamples=0)[measure]
        table = grid.sel(direction="a_to_b") if "direction" in grid.dims else grid
        cell = found.sel(model_a=a, model_b=b)
        best = table.min() if measure == "information_imbalance" else table.max()
        assert float(cell.best) == float(best)
        at = {"layer_a": int(cell.best_layer_a), "layer_b": int(cell.best_layer_b)}
        assert float(table.sel(at)) == float(best)
        ends = [float(table.isel(layer_a=i, layer_b=i)) for i in (0, -1)]
        assert cell.equal_depth.values[[0, 2]].tolist() == ends
    assert np.isnan(np.diagonal(found.best)).all()


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
        (MODELS, {"depths": [2]}, "each of depths must be a finite number, at least 0, at most 1; got 2"),
    ],
)
def test_what_is_no_several_models_is_refused(models, change, said):
    """The message says what was expected."""
    with pytest.raises(InputError, match=said):
        compare_many(models, **change)
