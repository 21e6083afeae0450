"""What a run hands from step to step: finished comparisons and readings, found by what they belong to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import xarray as xr

from platoscope.errors import NotFoundError
from platoscope.studies import Choices, Comparison, Design, Fixed, Items, Plan, Settings, Source, Study
from platoscope.studies.plan.extraction import extraction_of, extractions_of
from platoscope.studies.run.results import Results
from platoscope.studies.run.stacks import Readings

ONE = Comparison(
    label="profile", a=Source(model="m"), b=Source(model="m", side="b"), items=Items(data="x", minimum=1)
)
GRID = replace(ONE, label="grid", kind="grid")
SWEEP = replace(ONE, label="sweep", kind="sweep", fixed=Fixed(side="a", minimum_of="profile"))
OTHER = replace(ONE, label="other", items=Items(data="y"))


def _plan(*comparisons: Comparison) -> Plan:
    return Plan(
        study=Study(name="s", question="?", design=lambda _: Design(comparisons=comparisons)),
        choices=Choices(),
        settings=Settings(),
        comparisons=comparisons,
        panels=(),
        statements=(),
        extractions=extractions_of(comparisons),
    )


def _result(value: float = 0.0) -> xr.Dataset:
    return xr.Dataset({"cka": value})


def test_grids_come_before_their_profiles_and_borrowed_layers_last() -> None:
    """What is pending is in an order in which everything finds what it needs."""
    results = Results(_plan(SWEEP, ONE, GRID))
    assert [item.label for item in results.pending()] == ["grid", "profile", "sweep"]
    results.add("profile", _result())
    assert [item.label for item in results.pending()] == ["grid", "sweep"]


def test_all_results_come_in_the_order_of_the_plan() -> None:
    """However they were computed, results are given as the plan names them, and only when all are there."""
    results = Results(_plan(ONE, GRID))
    results.add("grid", _result(1.0))
    with pytest.raises(NotFoundError, match="'profile' has no result yet; computed so far: 'grid'"):
        results.by_label()
    results.add("profile", _result(2.0))
    assert {label: float(found["cka"]) for label, found in results.by_label().items()} == {
        "profile": 2.0,
        "grid": 1.0,
    }
    assert list(results.by_label()) == ["profile", "grid"]


def test_a_label_of_no_comparison_is_an_error_that_lists_them() -> None:
    """Neither asking nor adding takes a label that the plan does not have."""
    results = Results(_plan(ONE))
    for ask in (lambda: results.of("nothing"), lambda: results.add("nothing", _result())):
        with pytest.raises(
            NotFoundError, match="no comparison 'nothing' in the plan of 's'; it has 'profile'"
        ):
            ask()


@pytest.mark.parametrize(
    "change",
    [
        {"items": Items(data="y")},
        {"shuffle": "free"},
        {"a": Source(model="m", pooling="last")},
        {"null_within_strata": True},
        {"null_matched": "tokens"},
        {"transform": "none"},
    ],
)
def test_a_profile_is_cut_from_the_grid_of_its_own_stacks_only(change: dict[str, Any]) -> None:
    """A grid of other items, poolings or pairings is not its grid, nor is one that is not computed yet."""
    other = replace(GRID, label="foreign", **change)
    results = Results(_plan(ONE, GRID, other, SWEEP))
    results.add("foreign", _result())
    assert results.grid_of(ONE) is None
    own = _result(1.0)
    results.add("grid", own)
    assert results.grid_of(ONE) is own
    assert results.grid_of(SWEEP) is own
    assert results.grid_of(GRID) is None


class _Stack:
    """Stands for representations: remembers the pooling that was asked for."""

    def with_pooling(self, pooling: str) -> tuple[_Stack, str]:
        return self, pooling


def test_a_side_is_found_by_what_was_read_under_its_own_pooling() -> None:
    """One reading serves every pooling; what was not read is an error that names both."""
    assert isinstance(ONE.a, Source)
    stack: Any = _Stack()
    readings = Readings({extraction_of(ONE, ONE.a).identity: stack})
    assert readings.of(ONE, ONE.a) == (stack, "mean(20)")
    assert readings.of(ONE, replace(ONE.a, pooling="last")) == (stack, "last")
    assert isinstance(ONE.b, Source)
    with pytest.raises(
        NotFoundError, match=r"'profile' needs side b of x by m, .*read were: side a of x by m"
    ):
        readings.of(ONE, ONE.b)
    with pytest.raises(NotFoundError, match="side a of x by m \\(text tower\\)"):
        readings.of(ONE, replace(ONE.a, tower="text"))
    with pytest.raises(NotFoundError, match="'other' needs side a of y by m"):
        readings.of(OTHER, ONE.a)


def test_a_result_that_is_added_again_takes_the_place_of_the_first() -> None:
    """There is one result for a label, the last."""
    results = Results(_plan(ONE))
    results.add("profile", _result(1.0))
    results.add("profile", _result(2.0))
    assert float(results.of("profile")["cka"]) == 2.0
