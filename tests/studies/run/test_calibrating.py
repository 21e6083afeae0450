"""What a plan's comparisons take is found out by computing a few layers of each sort of them."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import pytest

from platoscope.studies import get_study, list_studies, make_plan
from platoscope.studies.design.measured import grids_of
from platoscope.studies.run import calibrating
from platoscope.studies.run.calibrating import comparing_seconds

if TYPE_CHECKING:
    import xarray as xr

    from platoscope.studies.plan.planning import Plan
    from platoscope.studies.run.computation import Computation

CHEAP = {"n": 60, "n_resamples": 4, "n_permutations": 3}


def _plans() -> list[Plan]:
    return [make_plan(study, skip_missing=True, **CHEAP) for study in list_studies()]


def test_every_sort_of_comparison_can_be_priced() -> None:
    """All studies of the bundled preset: each kind is computed on layers that were made up for it."""
    seconds = comparing_seconds(_plans())
    assert math.isfinite(seconds)
    assert seconds > 0


def test_a_sort_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparisons that cost alike are computed once for all plans, and slices of a grid not at all."""
    computed: list[Computation] = []

    def counted(task: Computation) -> xr.Dataset | None:
        if task.settings.n != calibrating._WARM_UP:
            computed.append(task)
        return None

    monkeypatch.setattr(calibrating, "compute", counted)
    monkeypatch.setattr(calibrating, "_WARM_UP", 50)
    plan = make_plan(get_study("translations"), skip_missing=True, **CHEAP)
    comparing_seconds([plan])
    once = len(computed)
    comparing_seconds([plan, plan])
    assert len(computed) == 2 * once
    assert once < len(plan.comparisons) + 3
    sliced = [item for item in plan.comparisons if grids_of(item, plan.comparisons)]
    assert sliced
    of_slices = [task for task in computed if task.comparison in sliced]
    assert all(not set(task.settings.measures) & set(plan.settings.grid_measures) for task in of_slices)


@pytest.mark.parametrize(("study", "layers"), [("languages", 19), ("rank-synthetic", 8)])
def test_time_is_taken_times_layers(study: str, layers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each layer takes a second, a comparison takes one for each of its layers."""
    clock = [0.0]

    def takes(task: Computation) -> None:
        clock[0] += len(task.a.layers)

    monkeypatch.setattr(calibrating, "compute", takes)
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    plan = make_plan(get_study(study), skip_missing=True, **CHEAP)
    profiles = [item for item in plan.comparisons if item.kind == "profile"]
    assert len(profiles) == len(plan.comparisons)
    beside = calibrating.beside_comparing(plan)
    assert comparing_seconds([plan]) == pytest.approx(beside + layers * len(profiles))


@pytest.mark.parametrize("n", [60, 300])
def test_a_first_computation_is_not_timed(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It compiles what no run before has, which takes a minute, once: as long as many comparisons."""
    clock = [0.0]
    compiled: set[str] = set()

    def compiles(task: Computation) -> None:
        clock[0] += 1.0 if task.comparison.kind in compiled else 60.0
        compiled.add(task.comparison.kind)

    monkeypatch.setattr(calibrating, "compute", compiles)
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    plan = make_plan(get_study("rank-synthetic"), n=n, n_resamples=0, n_permutations=0)
    assert comparing_seconds([plan]) - calibrating.beside_comparing(plan) < 60
