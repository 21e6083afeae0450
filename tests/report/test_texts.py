"""Every two of several texts, drawn: values where they belong, names of any script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from platoscope.errors import InputError
from platoscope.report import plot_matrix, plot_tokens

if TYPE_CHECKING:
    from types import ModuleType

NAMES = ["en", "it", "русский"]


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


def test_names_of_near_points_cover_neither_each_other_nor_a_point() -> None:
    """Each name finds a place of its own, and a line leads to its point where that is far."""
    names = [f"text {i}" for i in range(9)]
    near = xr.Dataset(
        {"information_imbalance": (("direction", "text_a", "text_b"), np.full((2, 9, 9), 0.3))},
        {
            "direction": ["a_to_b", "b_to_a"],
            "text_a": names,
            "text_b": names,
            "tokens": ("text_a", [1.0] * 7 + [1.1, 2]),
        },
    )
    figure = Figure(figsize=(3.3, 2.5), layout="constrained")
    ax = plot_tokens(near, figure.subplots())
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text()]
    assert len(boxes) == 8
    assert not [(i, j) for i in range(8) for j in range(i) if Bbox.intersection(boxes[i], boxes[j])]
    points = ax.transData.transform(ax.lines[0].get_xydata())
    assert not [(box, point) for box in boxes for point in points if box.contains(*point)]
    assert any(text.arrow_patch for text in ax.texts)


def test_what_is_no_matrix_is_refused(result: xr.Dataset) -> None:
    """The message says what the figure needs; texts that nobody counted have no place on the axis."""
    with pytest.raises(InputError, match="text_a and text_b, as a comparison of kind 'matrix'"):
        plot_matrix(result, Figure().subplots(), measure="cka_debiased")
    with pytest.raises(InputError, match="no tokenizer counted"):
        plot_tokens(result.assign_coords(tokens=("text_a", [np.nan] * 3)), Figure().subplots())
