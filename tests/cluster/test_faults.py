"""Processes die while a run is spread: it comes to the same end, and what was finished is not done again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from platoscope.studies import execute, get_study, load_run, make_plan, verify_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import ModuleType

    from platoscope.cluster import Cluster
    from platoscope.studies import Plan

pytestmark = pytest.mark.filterwarnings("ignore::platoscope.errors.PlatoscopeWarning")


@pytest.fixture(scope="module")
def plan(workplace: Path) -> Plan:
    """Give a study of one model that reads four units of each side, and of four comparisons."""
    return make_plan(get_study(str(workplace / "study.toml")))


@pytest.fixture(scope="module")
def undisturbed(
    plan: Plan,
    one_core: Callable[[], AbstractContextManager[None]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Run it in this process, where nothing happens to it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with one_core():
        execute(plan, out=folder / "run", store=folder / "store")
    return folder


def _units(store: Path) -> dict[str, bytes]:
    return {
        str(f.relative_to(store)): f.read_bytes() for f in store.glob("*/*/c.0.*") if f.suffix != ".partial"
    }


def _require_same(folder: Path, undisturbed: Path) -> None:
    """Hold a run and its store against those that nothing happened to."""
    assert verify_run(folder / "run") == ()
    assert _units(folder / "store") == _units(undisturbed / "store")
    found, right = (load_run(where / "run").results for where in (folder, undisturbed))
    assert found.keys() == right.keys()
    for label in right:
        assert found[label].drop_attrs().identical(right[label].drop_attrs())
    for name in ("results.csv", "summary.json", "verdicts.json"):
        assert (folder / "run" / name).read_bytes() == (undisturbed / "run" / name).read_bytes()


def _noted(log: Path) -> list[list[str]]:
    """Give the lines of a log that are whole: of what, its name, and when."""
    if not log.exists():
        return []
    lines = log.read_text(encoding="utf-8").split("\n")[:-1]
    return [line.split("\t") for line in lines]


def _require_kept(noted: list[list[str]]) -> None:
    """Hold every unit that was noted to have been written then, and not again."""
    for kind, path, when in noted:
        if kind == "unit":
            assert Path(path).stat().st_mtime_ns == int(when)


@pytest.fixture
def watched(cluster: Cluster, on_workers: ModuleType) -> Iterator[None]:
    """Put workers right again after they were watched."""
    yield
    cluster.client.run(on_workers.unwatch)


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize(("read", "die_at"), [(False, 1), (True, 0)])
def test_a_worker_that_is_killed_costs_what_it_was_at(
    read: bool,
    die_at: int,
    plan: Plan,
    undisturbed: Path,
    cluster: Cluster,
    on_workers: ModuleType,
    tmp_path: Path,
) -> None:
    """Whether it reads or compares, another worker goes on, and no unit is written twice."""
    log = tmp_path / "log"
    if read:
        shutil.copytree(undisturbed / "store", tmp_path / "store")
    addresses = sorted(cluster.client.scheduler_info()["workers"])
    before = set(cluster.client.run(os.getpid).values())
    cluster.client.run(on_workers.watch, str(log), workers=addresses[1:])
    cluster.client.run(on_workers.watch, str(log), die_at=die_at, workers=addresses[:1])
    execute(plan, out=tmp_path / "run", store=tmp_path / "store", cluster=cluster)
    _require_same(tmp_path, undisturbed)
    _require_kept(_noted(log))
    cluster.client.wait_for_workers(2)
    assert len(before - set(cluster.client.run(os.getpid).values())) == 1
