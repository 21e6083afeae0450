"""A result as a tidy table: each number that belongs to a value stands beside it."""

from __future__ import annotations

import numpy as np
import pytest

import platoscope
from platoscope.errors import InputError


@pytest.fixture(scope="module")
def result():
    A = np.random.default_rng(0).standard_normal((3, 60, 6))
    return platoscope.profile(
        A,
        A[:, :, :3],
        names=("whole", "part"),
        measures=["information_imbalance", "rsa"],
        n_resamples=4,
        n_permutations=9,
        rng=0,
    )


def test_a_row_has_the_numbers_of_its_layer(result):
    """Value, interval, null and p-value of a row are those of the result at its direction and layer."""
    frame = platoscope.to_frame(result)
    assert "comparison" not in frame
    rows = frame[frame.measure == "information_imbalance"]
    assert len(rows) == 2 * 3
    for row in rows.itertuples():
        at = {"direction": row.direction, "layer": row.layer}
        for column, variable in (
            ("value", ""),
            ("low", "_low"),
            ("null", "_null"),
            ("p", "_p"),
            ("p_adjusted", "_p_adjusted"),
        ):
            assert getattr(row, column) == float(result[f"information_imbalance{variable}"].sel(at))
    assert set(zip(frame.name_a, frame.name_b, strict=True)) == {("whole", "part")}


def test_only_measures_have_rows(result):
    """Subsamples, permutations and what describes a layer are no rows; a measure without direction has none."""
    frame = platoscope.to_frame(result)
    assert set(frame.measure) == {"information_imbalance", "asymmetry", "rsa"}
    assert frame[frame.measure == "rsa"].direction.isna().all()


def test_several_results_are_told_apart_by_name(result):
    """A dict puts its names in front; one cell is one row; nothing is an empty table."""
    frame = platoscope.to_frame({"one": result, "two": result.isel(layer=0, direction=0)[["rsa"]]})
    assert frame.columns[0] == "comparison"
    assert frame.comparison.value_counts().to_dict() == {"one": 2 * 3 + 3 + 3, "two": 1}
    assert len(platoscope.to_frame({})) == 0


@pytest.mark.parametrize("wrong", [None, [1], {"a": 1}])
def test_what_is_no_result_is_refused(wrong):
    """The message says what a table is made of."""
    with pytest.raises(InputError, match="to_frame takes a result of profile or compare"):
        platoscope.to_frame(wrong)
