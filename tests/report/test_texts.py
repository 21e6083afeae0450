"""Every two of several texts, drawn: values where they belong, names of any script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from platoscope.errors import InputError
from platoscope.report import plot_matrix, plot_tokens

if TYPE_CHECKING:
    from types import ModuleType

    import xarray as xr

NAMES = ["en", "it", "日本語"]


@pytest.fixture
def result(madeup: ModuleType) -> xr.Dataset:
    """Give a matrix of three texts."""
    made: xr.Dataset = madeup.matrix(tuple(NAMES))
    return made


def test_a_row_predicts_a_column(result: xr.Dataset) -> None:
    """Cell (row, column) is Δ(row → column), and a text beside itself has no color."""
    ax = plot_matrix(result, Figure().subplots())
    (mesh,) = [item for item in ax.collections if isinstance(item, QuadMesh)]
    table = np.ma.filled(mesh.get_array(), np.nan)
    assert np.isnan(np.diag(table)).all()
    assert table[0, 2] == 0.3
    assert table[2, 0] == 0.7
    assert [tick.get_text() for tick in ax.get_yticklabels()] == NAMES


def test_the_asymmetry_has_zero_in_the_middle_of_its_scale(result: xr.Dataset) -> None:
    """Red and blue are the two signs."""
    ax = plot_matrix(result, Figure().subplots(), measure="asymmetry")
    (mesh,) = [item for item in ax.collections if isinstance(item, QuadMesh)]
    low, high = mesh.get_clim()
    assert low == -high == pytest.approx(-0.4)


def test_points_stand_at_their_tokens_relative_to_the_first(result: xr.Dataset) -> None:
    """Each text but the first is a named point, with its interval where there is one."""
    ax = plot_tokens(result, Figure().subplots())
    np.testing.assert_allclose(ax.lines[0].get_xydata(), [[2.0, 0.2], [1.5, 0.3]])
    assert [text.get_text() for text in ax.texts] == NAMES[1:]
    gaps = plot_tokens(result, Figure().subplots(), variable="asymmetry")
    np.testing.assert_allclose(gaps.lines[0].get_ydata(), [-0.2, -0.4])
    np.testing.assert_allclose(
        [segment[:, 1] for segment in gaps.collections[0].get_segments()], [[-0.25, -0.15], [-0.45, -0.35]]
    )


def test_what_is_no_matrix_is_refused(result: xr.Dataset) -> None:
    """The message says what the figure needs; texts that nobody counted have no place on the axis."""
    with pytest.raises(InputError, match="text_a and text_b, as a comparison of kind 'matrix'"):
        plot_matrix(result, Figure().subplots(), measure="cka_debiased")
    with pytest.raises(InputError, match="no tokenizer counted"):
        plot_tokens(result.assign_coords(tokens=("text_a", [np.nan] * 3)), Figure().subplots())
