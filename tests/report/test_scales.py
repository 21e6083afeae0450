"""The picture of scales: inside groups and across them, and over neighborhood sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from platoscope.errors import InputError
from platoscope.layerwise import scale_profile
from platoscope.report import plot_scales

if TYPE_CHECKING:
    import xarray as xr


def _result() -> xr.Dataset:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3, 80, 4))
    names = ("information_imbalance", "between", "within", "within_shuffled")
    values = {name: (("direction", "layer"), rng.random((2, 3))) for name in names}
    return scale_profile(X, X[:, :, :2]).drop_vars("information_imbalance").assign(values)


def test_lines_are_the_means_of_both_directions() -> None:
    """Over layers there is one line per set of candidates, over sizes one per layer."""
    result = _result()
    lines = {line.get_label(): line.get_ydata() for line in plot_scales(result).get_lines()}
    np.testing.assert_array_equal(lines["inside groups"], result["within"].mean("direction"))
    np.testing.assert_array_equal(lines["among all"], result["information_imbalance"].mean("direction"))
    ax = plot_scales(result, over="n_neighbors")
    lines = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
    np.testing.assert_array_equal(lines["layer 1"], result["excess"].sel(layer=1).mean("direction"))
    assert ax.get_xscale() == "log"
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "2", "5", "10", "20"]


def test_what_is_missing_is_named() -> None:
    """A profile of scales has no groups to draw over layers, and the message says what it can be drawn over."""
    with pytest.raises(InputError, match="needs between, within.*over='n_neighbors'"):
        plot_scales(_result().drop_vars(["between", "within"]))
