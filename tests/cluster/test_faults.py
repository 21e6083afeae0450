"""Processes die while a run is spread: it comes to the same end, and what was finished is not done again."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from platoscope.cli.output import sentence
from platoscope.cluster import Task, open_cluster
from platoscope.errors import ClusterError, PlatoscopeWarning, StorageError
from platoscope.representations._objects import ObjectFolder
from platoscope.studies import execute, load_run, verify_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from platoscope.cluster import Cluster
    from platoscope.studies import Plan

pytestmark = pytest.mark.filterwarnings("ignore::platoscope.errors.PlatoscopeWarning")


class Allocation(Protocol):
    """The fixture of that name: a scheduler and two workers, as a batch job starts them."""

    file: Path

    def start_all(self, *of_workers: str) -> None:
        """Start them."""

    def end(self) -> None:
        """End them."""

    def kill_scheduler(self) -> None:
        """Kill the scheduler."""


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
    """Hold every unit that was noted to have been written then, and not again, and every comparison to be noted once."""
    for kind, path, when in noted:
        if kind == "unit":
            assert Path(path).stat().st_mtime_ns == int(when)
    compared = [name for kind, name, _ in noted if kind == "comparison"]
    assert len(set(compared)) == len(compared)


@contextlib.contextmanager
def _told_of_one_lost() -> Iterator[None]:
    """Hold what the user is told to one sentence about a worker."""
    with pytest.warns(PlatoscopeWarning, match=r"1 of 2 workers went away .* done again by another") as told:
        yield
    assert len([one for one in told if "went away" in str(one.message)]) == 1


@pytest.fixture
def watched(cluster: Cluster, on_workers: ModuleType) -> Iterator[None]:
    """Put workers right again after they were watched."""
    yield
    cluster.client.run(on_workers.unwatch)


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize(("read", "die_at"), [pytest.param(False, 1, marks=pytest.mark.slow), (True, 0)])
def test_a_worker_that_is_killed_costs_what_it_was_at(
    read: bool,
    die_at: int,
    plan: Plan,
    undisturbed: Path,
    cluster: Cluster,
    on_workers: ModuleType,
    tmp_path: Path,
) -> None:
    """Whether it reads or compares, another worker goes on, nothing finished is done twice, and a sentence says so."""
    log = tmp_path / "log"
    if read:
        shutil.copytree(undisturbed / "store", tmp_path / "store")
    addresses = sorted(cluster.client.scheduler_info()["workers"])
    before = set(cluster.client.run(os.getpid).values())
    cluster.client.run(on_workers.watch, str(log), workers=addresses[1:])
    cluster.client.run(on_workers.watch, str(log), die_at=die_at, workers=addresses[:1])
    with _told_of_one_lost():
        execute(plan, out=tmp_path / "run", store=tmp_path / "store", cluster=cluster)
    _require_same(tmp_path, undisturbed)
    _require_kept(_noted(log))
    cluster.client.wait_for_workers(2, timeout=300)
    assert len(before - set(cluster.client.run(os.getpid).values())) == 1


@pytest.mark.slow
def test_work_that_kills_every_worker_is_an_error(allocation: Allocation, on_workers: ModuleType) -> None:
    """It names the work and the usual cause, instead of going on for ever."""
    with open_cluster(allocation.file) as cluster:
        cluster.client.upload_file(str(Path(__file__).with_name("on_workers.py")))
        cluster.client.run_on_scheduler(on_workers.give_up_at_once)
        task = Task("a-deadly-task", "comparison 'x'", on_workers.die, ())
        with pytest.raises(ClusterError, match="comparison 'x' was given up: each worker .* died.*memory"):
            cluster.run([task])


@pytest.mark.slow
def test_a_worker_that_runs_out_of_memory(
    allocation: Allocation, plan: Plan, undisturbed: Path, on_workers: ModuleType, tmp_path: Path
) -> None:
    """Dask ends it and does its work again; where that ends it every time, the error says what it most often is."""
    allocation.end()
    allocation.start_all("--memory-limit", "1500MB")
    log = tmp_path / "log"
    with open_cluster(allocation.file) as cluster:
        cluster.client.wait_for_workers(2, timeout=300)
        cluster.client.upload_file(str(Path(__file__).with_name("on_workers.py")))
        fills, other = sorted(cluster.client.scheduler_info()["workers"])
        before = cluster.client.run(os.getpid)
        cluster.client.run(on_workers.watch, str(log), workers=[other])
        cluster.client.run(on_workers.watch, str(log), fill_at=1, workers=[fills])
        with _told_of_one_lost():
            execute(plan, out=tmp_path / "run", store=tmp_path / "store", cluster=cluster)
        _require_same(tmp_path, undisturbed)
        _require_kept(_noted(log))
        cluster.client.wait_for_workers(2, timeout=300)
        assert before[fills] not in cluster.client.run(os.getpid).values()
        cluster.client.run_on_scheduler(on_workers.give_up_at_once)
        with pytest.raises(ClusterError, match="comparison 'x' was given up: .* for want of memory"):
            cluster.run([Task("takes-much", "comparison 'x'", on_workers.fill_memory, ())])


@pytest.mark.slow
@pytest.mark.usefixtures("watched")
def test_a_disk_that_is_full_is_an_error_and_what_was_written_is_kept(
    plan: Plan, undisturbed: Path, cluster: Cluster, on_workers: ModuleType, tmp_path: Path
) -> None:
    """The sentence is that of one process; with room again, the same command goes on."""
    log = tmp_path / "log"
    cluster.client.run(on_workers.watch, str(log))
    cluster.client.run(on_workers.fill_disk, 3)
    asked = {"out": tmp_path / "run", "store": tmp_path / "store", "cluster": cluster}
    try:
        with pytest.raises(StorageError) as caught:
            execute(plan, **asked)
    finally:
        cluster.client.run(on_workers.free_disk)
    assert "the disk is full" in sentence(caught.value)
    noted = _noted(log)
    assert noted
    execute(plan, **asked)
    _require_same(tmp_path, undisturbed)
    _require_kept(noted)


@pytest.mark.slow
def test_a_damaged_unit_is_read_again_and_nothing_else(
    plan: Plan, undisturbed: Path, cluster: Cluster, tmp_path: Path
) -> None:
    """What lies in the store of another run was damaged meanwhile: workers make that unit anew."""
    shutil.copytree(undisturbed / "store", tmp_path / "store")
    units = sorted((tmp_path / "store").glob("*/*/c.0.*"))
    content = bytearray(units[0].read_bytes())
    content[len(content) // 2] ^= 1
    units[0].write_bytes(content)
    kept = {unit: unit.stat().st_mtime_ns for unit in units[1:]}
    asked = {"out": tmp_path / "run", "store": tmp_path / "store", "cluster": cluster}
    try:
        execute(plan, **asked)
    except StorageError:  # which says to run the same again
        execute(plan, **asked)
    _require_same(tmp_path, undisturbed)
    assert {unit: unit.stat().st_mtime_ns for unit in kept} == kept


def _start(
    allocation: Allocation, workplace: Path, folder: Path, store: str | None = None
) -> subprocess.Popen[bytes]:
    """Start the run by its command."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "platoscope", "run", str(workplace / "study.toml")),
            *(
                "--out",
                str(folder / "run"),
                "--store",
                store or str(folder / "store"),
                "--cluster",
                str(allocation.file),
            ),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _end(process: subprocess.Popen[bytes], code: int = 0) -> str:
    """Wait for its end, and give what it said."""
    _, said = process.communicate(timeout=1200)
    assert process.returncode == code, said.decode()
    return said.decode()


def _wait_for(what: str, n: int, log: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until so many units, or comparisons, are done."""
    until = time.monotonic() + 1200  # a busy machine is slow, not wrong
    while sum(kind == what for kind, *_ in _noted(log)) < n:
        assert process.poll() is None, _end(process)
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def log(allocation: Allocation, on_workers: ModuleType, tmp_path: Path) -> Path:
    """Give the file in which the workers of an allocation, which take their time, note what they did."""
    with open_cluster(allocation.file) as cluster:
        cluster.client.wait_for_workers(2, timeout=300)
        cluster.client.upload_file(str(Path(__file__).with_name("on_workers.py")))
        cluster.client.run(on_workers.watch, str(tmp_path / "log"), wait=0.3)
    return tmp_path / "log"


@pytest.mark.slow
@pytest.mark.parametrize(("what", "n"), [("unit", 2), ("comparison", 2)])
def test_a_client_that_is_killed_goes_on_when_it_is_started_again(
    what: str,
    n: int,
    allocation: Allocation,
    log: Path,
    workplace: Path,
    undisturbed: Path,
    tmp_path: Path,
) -> None:
    """Units in the store and results in the folder of the run are kept."""
    process = _start(allocation, workplace, tmp_path)
    _wait_for(what, n, log, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "run" / "results").glob("*.nc")}
    noted = _noted(log)
    _end(_start(allocation, workplace, tmp_path))
    _require_same(tmp_path, undisturbed)
    _require_kept(noted)
    assert {file: file.stat().st_mtime_ns for file in kept} == kept


@pytest.mark.slow
def test_two_clients_with_one_run_end_with_the_same(
    allocation: Allocation, log: Path, workplace: Path, plan: Plan, undisturbed: Path, tmp_path: Path
) -> None:
    """They share the work, of which hardly anything is done twice, and both are told that it is done."""
    processes = [_start(allocation, workplace, tmp_path) for _ in range(2)]
    for process in processes:
        assert "Traceback" not in _end(process)
    _require_same(tmp_path, undisturbed)
    # A client that looks just before the other one is done with something does that again: never with all of it.
    for what, n in (("unit", len(_units(tmp_path / "store"))), ("comparison", len(plan.comparisons))):
        assert n <= sum(kind == what for kind, *_ in _noted(log)) < 2 * n


@pytest.mark.slow
def test_a_scheduler_that_is_lost_is_an_error_and_the_next_one_goes_on(
    allocation: Allocation, log: Path, workplace: Path, undisturbed: Path, tmp_path: Path
) -> None:
    """What workers had written is not read again under another scheduler."""
    process = _start(allocation, workplace, tmp_path)
    _wait_for("unit", 2, log, process)
    allocation.kill_scheduler()
    said = _end(process, code=2)
    assert "the scheduler was lost" in said, said
    assert "Traceback" not in said
    noted = _noted(log)
    allocation.start_all()
    _end(_start(allocation, workplace, tmp_path))
    _require_same(tmp_path, undisturbed)
    _require_kept(noted)


def _objects(store: str) -> dict[str, bytes]:
    """Give the units of a store in an object store."""
    folder = ObjectFolder(store)
    return {path: folder._read(path) for path, _ in folder._below("") if "/c.0." in path}


def _require_same_there(store: str, folder: Path, undisturbed: Path) -> None:
    assert _objects(store) == _units(undisturbed / "store")
    found, right = (load_run(where / "run").results for where in (folder, undisturbed))
    for label in right:
        assert found[label].drop_attrs().identical(right[label].drop_attrs())


@pytest.mark.slow
def test_a_scheduler_that_is_lost_while_the_store_is_an_object_store(
    bucket: tuple[str, Any],
    request: pytest.FixtureRequest,
    workplace: Path,
    undisturbed: Path,
    tmp_path: Path,
) -> None:
    """Units that were in the bucket are not written again under another scheduler."""
    store, relay = bucket
    allocation, log = (request.getfixturevalue(name) for name in ("allocation", "log"))  # in that environment
    process = _start(allocation, workplace, tmp_path, store)
    _wait_for("unit", 2, log, process)
    allocation.kill_scheduler()
    said = _end(process, code=2)
    assert "the scheduler was lost" in said, said
    assert "Traceback" not in said
    kept, written = _objects(store), []

    def note(_n: int, method: str, path: str) -> str:
        written.extend([urllib.parse.unquote(path)] if method == "PUT" else [])
        return ""

    relay.fault = note
    assert len(kept) >= 2
    allocation.start_all()
    _end(_start(allocation, workplace, tmp_path, store))
    assert not [name for name in kept if any(path.endswith(name) for path in written)]
    assert len([path for path in written if "/c.0." in path]) == len(_objects(store)) - len(kept)
    _require_same_there(store, tmp_path, undisturbed)


@pytest.mark.slow
def test_one_in_twenty_requests_of_workers_fails(
    bucket: tuple[str, Any],
    request: pytest.FixtureRequest,
    workplace: Path,
    undisturbed: Path,
    tmp_path: Path,
) -> None:
    """They are repeated, or end the command with a sentence; the next one goes on, and writes no unit that is there."""
    store, relay = bucket
    allocation = request.getfixturevalue("allocation")
    chance, kinds = random.Random(0), ("reset", "503", "lost", "cut")
    there: set[str] = set()
    written: list[str] = []

    def fault(_n: int, method: str, path: str) -> str:
        if chance.random() < 0.05:
            return kinds[len(relay.faulty) % 4]
        written.extend([urllib.parse.unquote(path)] if method == "PUT" and "/c.0." in path else [])
        return ""

    for _ in range(10):
        written.clear()
        relay.fault = fault
        process = _start(allocation, workplace, tmp_path, store)
        said = process.communicate(timeout=1200)[1].decode()
        relay.fault = lambda *_: ""
        assert len(set(written)) == len(written)
        assert not [path for path in written if any(path.endswith(name) for name in there)]
        there = set(_objects(store))
        assert "Traceback" not in said
        if not process.returncode:
            break
        assert "run again to go on" in said, said
    assert process.returncode == 0
    assert {fault.split()[0] for fault in relay.faulty} == set(kinds)
    _require_same_there(store, tmp_path, undisturbed)
