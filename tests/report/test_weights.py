"""The picture of weights: how much each layer counts, and what layers together give on held-out items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

from platoscope.errors import InputError
from platoscope.layerwise import WeightOptions, weigh_layers
from platoscope.report import plot_weights

if TYPE_CHECKING:
    from types import ModuleType


def test_points_are_mean_shares_and_thin_lines_the_folds(madeup: ModuleType) -> None:
    """A point per layer at its depth, the mean of the folds; the lines go from the smallest to the largest."""
    result = madeup.weights()
    ax = plot_weights(result)
    (points,) = ax.get_lines()
    np.testing.assert_allclose(points.get_ydata(), result.share.mean("fold"))
    np.testing.assert_allclose(points.get_xdata(), result.relative_depth)
    ranges = ax.collections[1].get_segments()
    np.testing.assert_allclose([line[:, 1] for line in ranges], np.sort(result.share.values.T, axis=1))


def test_held_out_values_stand_in_one_order_for_all_results(madeup: ModuleType) -> None:
    """The best alone, greedy sets by size, all alike, weighted; a result that was not searched has no sets."""
    found = madeup.weights()
    plain = madeup.weights(seed=1).drop_dims("size")
    ax = plot_weights({"searched": found, "not": plain}, show="held_out")
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "2", "3", "all", "weighted"]
    every = [
        dict(zip(np.round(line.get_xdata()), line.get_ydata(), strict=True)) for line, *_ in ax.containers
    ]
    assert every == [{0: 0.4, 1: 0.34, 2: 0.33, 3: 0.45, 4: 0.3}, {0: 0.4, 3: 0.45, 4: 0.3}]


def test_what_weigh_layers_returns_is_drawn() -> None:
    """Also of one layer, and without intervals."""
    layer = np.random.default_rng(0).standard_normal((1, 40, 3))
    options = WeightOptions(n_steps=2)
    found = weigh_layers(layer, layer[0], options=options, n_folds=2, n_greedy=3, n_resamples=0, rng=0)
    assert plot_weights(found).get_lines()[0].get_ydata() == [1.0]
    assert len(plot_weights(found, show="held_out").containers) == 1


def test_a_result_without_weights_is_named(madeup: ModuleType) -> None:
    """A profile has none, and there are two pictures."""
    with pytest.raises(InputError, match="no weights of layers"):
        plot_weights(xr.Dataset({"cka": ("layer", [1.0])}))
    with pytest.raises(InputError, match="held_out"):
        plot_weights(madeup.weights(), show="gain")


def test_a_path_of_weights_is_drawn_strength_by_strength(madeup: ModuleType) -> None:
    """What `weight_path` returns has a dimension more, and the message says how to take one of it."""
    path = xr.concat([madeup.weights()] * 2, xr.Variable("l1_strength", [0.0, 0.1]))
    with pytest.raises(
        InputError, match=r"over l1_strength as well\. Take one .* result\.sel\(l1_strength=0\.0\)"
    ):
        plot_weights(path)
    assert plot_weights(path.sel(l1_strength=0.1)).get_lines()
