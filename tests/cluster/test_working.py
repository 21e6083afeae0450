"""Work on a cluster gives what work in one process gives, to the last bit."""

from __future__ import annotations

import gc
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dask
import numpy as np
import pytest
from distributed import Client
from distributed.comm import CommClosedError

from platoscope.cluster import Cluster, Task, open_cluster
from platoscope.cluster._cluster import _value_of
from platoscope.cluster._working import packed, work
from platoscope.datasets import load_pairs
from platoscope.errors import ClusterError, InputError, MissingExtraError, PlatoscopeWarning, StorageError
from platoscope.models import ModelOnDemand, load_model
from platoscope.representations import extract
from platoscope.studies import execute, get_study, load_run, make_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import ModuleType

    OneCore = Callable[[], AbstractContextManager[None]]

pytestmark = pytest.mark.filterwarnings("ignore::platoscope.errors.PlatoscopeWarning")
POOLINGS = ("mean(2)", "tokens(2)")


@pytest.fixture
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Units of 8 rows, so that few texts make several; workers find them in the array that is there."""
    monkeypatch.setattr("platoscope.representations._units._ROWS_PER_UNIT", 8)


def _units(store: Path) -> dict[str, bytes]:
    """Every file that holds states, byte by byte."""
    return {str(f.relative_to(store)): f.read_bytes() for f in store.glob("*/*/c.0.*")}


def _model(workplace: Path) -> ModelOnDemand:
    # Small batches, so that there is something to share.
    return ModelOnDemand(str(workplace / "tiny"), {"dtype": "float32", "batch_tokens": 64})


@pytest.mark.usefixtures("small_units")
def test_extraction_is_the_same_to_the_last_bit(cluster: Cluster, workplace: Path, tmp_path: Path) -> None:
    """Workers write the very units that one process writes, and progress runs from none to all."""
    pairs = load_pairs(str(workplace / "pairs.jsonl"))
    told: list[tuple[int, int]] = []
    here = extract(_model(workplace), pairs, side="en", pooling=POOLINGS, store=tmp_path / "here")
    there = extract(
        _model(workplace),
        pairs,
        side="en",
        pooling=POOLINGS,
        store=tmp_path / "there",
        cluster=cluster,
        progress=lambda done, total, _speed: told.append((done, total)),
    )
    assert here.key == there.key
    units = _units(tmp_path / "here")
    assert len(units) == 2 * 12
    assert _units(tmp_path / "there") == units
    assert told[0] == (0, 90)
    assert told[-1] == (90, 90)
    assert 90 <= there.provenance["extraction"]["mean(2)"]["items"] < 90 + 90 // 2  # borders are read twice


@pytest.mark.usefixtures("small_units")
def test_what_is_there_is_not_read_again(cluster: Cluster, workplace: Path, tmp_path: Path) -> None:
    """Only units that are missing are read and written."""
    pairs = load_pairs(str(workplace / "pairs.jsonl"))
    asked: dict[str, Any] = {"side": "en", "pooling": POOLINGS, "store": tmp_path, "cluster": cluster}
    extract(_model(workplace), pairs, **asked)
    units = _units(tmp_path)
    gone = sorted(tmp_path.glob("*/mean_2/c.0.*"))[3]
    gone.unlink()
    before = {f: f.stat().st_mtime_ns for f in tmp_path.glob("*/*/c.0.*")}
    again = extract(_model(workplace), pairs, **asked)
    assert _units(tmp_path) == units
    assert {f: f.stat().st_mtime_ns for f in before} == before
    assert again.provenance["extraction"]["mean(2)"]["items"] <= 24  # of units of 8 rows in batches of a few


def test_a_worker_loads_a_model_once(
    cluster: Cluster, on_workers: ModuleType, workplace: Path, tmp_path: Path
) -> None:
    """Both sides are read by the model that a worker has in memory, and by no other connection's."""
    pairs = load_pairs(str(workplace / "pairs.jsonl"))
    another = replace(cluster)
    assert another.session != cluster.session
    cluster.client.run(on_workers.count_loads)
    for side in ("en", "it"):
        extract(_model(workplace), pairs, side=side, pooling="last", store=tmp_path, cluster=another)
    found = sorted(cluster.client.run(on_workers.loads).values())
    assert found in ([0, 1], [1, 1])  # a worker may be too late for any of it


def _results(folder: Path) -> dict[str, Any]:
    return {label: result.drop_attrs() for label, result in load_run(folder).results.items()}


def _same_run(one: Path, other: Path) -> bool:
    first, second = _results(one), _results(other)
    return (
        first.keys() == second.keys()
        and all(first[label].identical(second[label]) for label in first)
        and all(
            (one / name).read_bytes() == (other / name).read_bytes()
            for name in ("results.csv", "verdicts.json", "summary.json")
        )
    )


@pytest.mark.parametrize("name", ["translations", "rank-synthetic"])
def test_a_study_is_the_same_to_the_last_bit(
    name: str, cluster: Cluster, one_core: OneCore, workplace: Path, tmp_path: Path
) -> None:
    """Results, table, verdicts and summary of a run do not depend on who computed them."""
    chosen: dict[str, Any] = {"n": 48, "n_resamples": 4, "n_permutations": 4}
    if name != "rank-synthetic":
        chosen |= {"model": str(workplace / "tiny"), "pairs": str(workplace / "pairs.jsonl")}
    plan = make_plan(get_study(name), **chosen)
    with one_core():
        execute(plan, out=tmp_path / "here", store=tmp_path / "a")
    execute(plan, out=tmp_path / "there", store=tmp_path / "b", cluster=cluster)
    assert _units(tmp_path / "a") == _units(tmp_path / "b")
    assert _same_run(tmp_path / "here", tmp_path / "there")


def _run(cluster: Cluster, function: Callable[..., Any], *arguments: Any) -> Any:
    found = []
    cluster.run(
        [Task(f"test-{time.monotonic_ns()}", "a try", function, arguments)],
        on_done=lambda _task, value: found.append(value) or (),  # type: ignore[func-returns-value]
    )
    return found[0]


def test_what_came_back_is_wanted_no_more(cluster: Cluster) -> None:
    """Else Dask does it again when the worker dies that had done it: of an earlier run as well."""
    tasks = [Task(f"awake {i}", "sleeping", time.sleep, (wait,)) for i, wait in enumerate((0.8, 0.1, 1.4))]
    gc.disable()  # the loop that waits leaves circles behind, which hold what it waited for
    try:
        cluster.run(tasks)
        until = time.monotonic() + 20
        while (left := cluster.client.run_on_scheduler(_keys, "awake")) and time.monotonic() < until:
            time.sleep(0.1)
    finally:
        gc.enable()
    assert left == []


def _keys(beginning: str, dask_scheduler: Any) -> list[str]:
    return [key for key in dask_scheduler.tasks if str(key).startswith(beginning)]


def test_what_a_worker_warns_of_is_told_here(cluster: Cluster, on_workers: ModuleType) -> None:
    """A warning reaches who asked, as one of this process does."""
    with pytest.warns(PlatoscopeWarning, match="one of 7 layers is constant"):
        assert _run(cluster, on_workers.warn) == "done"


@pytest.mark.parametrize(
    "error",
    [InputError("no"), StorageError("no"), MissingExtraError("it", "p", "pip install p"), KeyError("k")],
)
def test_an_error_of_a_task_is_raised_here(
    cluster: Cluster, on_workers: ModuleType, error: Exception
) -> None:
    """It is of the class that it had in the worker, and says the same."""
    with pytest.raises(type(error)) as raised:
        _run(cluster, on_workers.fail, error)
    assert str(raised.value) == str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_work_that_no_worker_is_left_for_is_given_up() -> None:
    """Where nobody else will start workers, an error says that there are none, instead of going on for ever."""
    with open_cluster("local:1") as lonely:
        lonely.client.retire_workers()
        with pytest.raises(ClusterError, match=r"no worker is left at tcp://.*, and none came back in 1 s"):
            _run(replace(lonely, patience=1.0), os.getpid)


def test_a_worker_of_another_version_is_refused() -> None:
    """It might compute something else."""
    with pytest.raises(ClusterError, match=r"has Platoscope .*, and this process has 0\.0\.0"):
        work(packed((os.getpid, ())), "0.0.0")


def test_what_is_sent_is_unpacked_by_the_thread_that_uses_it(
    cluster: Cluster, on_workers: ModuleType
) -> None:
    """Not by the one that listens: what it imports while a task imports is half there, and the worker was lost."""
    names = on_workers.NamesThread()
    of_worker, here = _run(cluster, on_workers.beside_another, names)
    assert "Dask-Default-Threads" in of_worker
    assert here == threading.current_thread().name


def test_a_model_in_memory_cannot_be_sent(cluster: Cluster, workplace: Path, tmp_path: Path) -> None:
    """Workers load models by name; what is on disk already needs none."""
    model = load_model(str(workplace / "tiny"))
    with pytest.raises(InputError, match="by its name, but .* in memory"):
        extract(model, ["one text"], pooling="last", store=tmp_path, cluster=cluster)
    extract(model, ["one text"], pooling="last", store=tmp_path)
    extract(model, ["one text"], pooling="last", store=tmp_path, cluster=cluster)


def test_a_store_that_workers_do_not_see_is_named(cluster: Cluster, workplace: Path) -> None:
    """A store in the memory of this process is nowhere else."""
    with pytest.raises(ClusterError, match="does not see memory://s.*--store"):
        extract(_model(workplace), ["one text"], pooling="last", store="memory://s", cluster=cluster)


def test_another_model_of_the_same_name_is_refused(
    cluster: Cluster, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose files differ writes nothing under the name of these."""
    monkeypatch.setattr("platoscope.representations._spreading._identity", lambda _model: "another")
    with pytest.raises(ClusterError, match="another one than here: it says"):
        extract(_model(workplace), ["one text"], pooling="last", store=tmp_path, cluster=cluster)


def test_workers_share_the_cores_of_the_machine(cluster: Cluster, on_workers: ModuleType) -> None:
    """Of two cores two workers use one each, torch included."""
    assert _run(cluster, on_workers.cores) == (1, 1)


def test_workers_keep_freed_memory_as_this_process_does(cluster: Cluster) -> None:
    """Dask would have them hand it back at once, and get it anew for every array."""
    found = cluster.client.run(os.environ.get, "MALLOC_TRIM_THRESHOLD_")
    assert set(found.values()) == {os.environ.get("MALLOC_TRIM_THRESHOLD_")}


def test_workers_of_this_machine_are_watched_less(cluster: Cluster) -> None:
    """Dask would look at what each does a hundred times a second, which takes from their cores."""
    for setting, value in {"worker.profile.enabled": False, "admin.tick.interval": "1 s"}.items():
        assert set(cluster.client.run(dask.config.get, f"distributed.{setting}").values()) == {value}


def test_only_a_worker_with_a_gpu_reads_where_there_is_one(cluster: Cluster, on_workers: ModuleType) -> None:
    """A worker that declares the resource gets the tasks that read; the others get the rest."""
    address = sorted(cluster.client.scheduler_info()["workers"])[0]

    def declare(amount: int) -> None:
        cluster.client.run(on_workers.declare_gpus, amount, workers=[address])

    declare(1)
    try:
        found = []
        cluster.run(
            [
                Task(f"gpu-{i}-{time.monotonic_ns()}", "a try", os.getpid, (), reads_model=True)
                for i in range(6)
            ],
            on_done=lambda _task, value: found.append(value) or (),  # type: ignore[func-returns-value]
        )
        (pid,) = cluster.client.run(os.getpid, workers=[address]).values()
        assert np.unique(found).tolist() == [pid]
    finally:
        declare(0)


@pytest.mark.parametrize("between_looks", [0.5, 60], ids=["seen-away", "back-before-a-look"])
def test_a_worker_that_is_long_away_is_started_again(
    on_workers: ModuleType, monkeypatch: pytest.MonkeyPatch, between_looks: float
) -> None:
    """Dask's own patience, which a busy machine exceeds, does not decide whether it comes back; it is told either way."""
    pytest.importorskip("distributed", reason="pip install 'platoscope[cluster]'")
    import dask

    monkeypatch.setattr("platoscope.cluster._cluster._TICK", between_looks)
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "10ms"}),
        open_cluster("local:1") as cluster,
    ):
        cluster.client.upload_file(str(Path(__file__).with_name("on_workers.py")))
        before = cluster.client.run(os.getpid)
        found: list[int] = []
        first = Task("dies-once", "a try", on_workers.die_in, (next(iter(before.values())),))
        with pytest.warns(PlatoscopeWarning, match="1 of 1 workers went away"):
            cluster.run([first], on_done=lambda _task, pid: found.append(pid) or ())  # type: ignore[func-returns-value]
        assert found
        assert found[0] not in before.values()


def test_what_tasks_share_is_sent_once(
    cluster: Cluster, on_workers: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is large, of which Dask would warn; the functions get it before their own arguments."""
    sent: list[int] = []
    submit = cluster.client.submit

    def counted(function: Any, *arguments: Any, **how: Any) -> Any:
        sent.append(sum(len(each) for each in arguments if isinstance(each, bytes)))
        return submit(function, *arguments, **how)

    monkeypatch.setattr(cluster.client, "submit", counted)
    large = os.urandom(12 << 20)
    found: list[tuple[int, int]] = []
    cluster.run(
        [Task(f"sum {i} {time.monotonic_ns()}", "adding", on_workers.length_and, (i,)) for i in range(6)],
        shared=(large,),
        on_done=lambda _task, value: found.append(value) or (),  # type: ignore[func-returns-value]
    )
    assert sorted(found) == [(12 << 20, i) for i in range(6)]
    assert len(sent) == 7
    assert sum(sent) < (12 << 20) + 7 * 2000
    until = time.monotonic() + 20
    while (left := _left_of_shared(cluster)) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []


@pytest.mark.parametrize("shared", [(), (1,)])
def test_workers_of_another_version_are_named(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, shared: tuple[int, ...]
) -> None:
    """Also where the first thing that they are asked is to hold what tasks share."""
    monkeypatch.setattr("platoscope.cluster._cluster.own_version", lambda: "0.0.0")
    with pytest.raises(ClusterError, match=r"has Platoscope .*, and this process has 0\.0\.0"):
        cluster.run([Task(f"other {time.monotonic_ns()}", "a try", max, (1, 2))], shared=shared)


def test_what_tasks_share_is_held_no_longer_than_they_run(cluster: Cluster, on_workers: ModuleType) -> None:
    """Also where one fails, and Python collects no circles meanwhile; nothing is sent for no task."""
    task = Task(f"fails {time.monotonic_ns()}", "failing", on_workers.fail_beside, (InputError("a fault"),))
    gc.disable()
    try:
        with pytest.raises(InputError, match="a fault"):
            cluster.run([task], shared=(b"shared",))
        cluster.run([], shared=(threading.Lock(),))  # it could not be sent
        until = time.monotonic() + 20
        while (left := _left_of_shared(cluster)) and time.monotonic() < until:
            time.sleep(0.1)
    finally:
        gc.enable()
    assert left == []


def _left_of_shared(cluster: Cluster) -> list[str]:
    found: list[str] = cluster.client.run_on_scheduler(_keys, "platoscope-shared")
    return found


def test_what_tasks_share_outlives_the_worker_that_holds_it(on_workers: ModuleType) -> None:
    """The one that it is sent to may die: another holds it then."""
    pytest.importorskip("distributed", reason="pip install 'platoscope[cluster]'")
    with open_cluster("local:1") as cluster:
        cluster.client.upload_file(str(Path(__file__).with_name("on_workers.py")))
        (process,) = cluster.client.run(os.getpid).values()
        found: list[int] = []
        with pytest.warns(PlatoscopeWarning, match="1 of 1 workers went away"):
            cluster.run(
                [Task("dies-holding", "a try", on_workers.die_in, ())],
                shared=(process,),
                on_done=lambda _task, pid: found.append(pid) or (),  # type: ignore[func-returns-value]
            )
        assert found
        assert found[0] != process


def test_a_connection_that_is_lost_on_the_way_is_the_scheduler_s(
    cluster: Cluster, on_workers: ModuleType
) -> None:
    """What a finished task gave is fetched over it; an error of reading or writing in the task itself stays that."""
    task = Task("reads", "reading", on_workers.fail, (OSError("no such disk"),))
    with pytest.raises(OSError, match="no such disk"):
        cluster.run([task])
    done = SimpleNamespace(status="finished", result=_cut_off)
    with pytest.raises(ClusterError, match="the scheduler was lost while it was at reading"):
        _value_of(done, task)


@pytest.mark.parametrize("gave_up", [True, False], ids=["gave-up", "closed"])
def test_a_client_without_its_scheduler_is_a_sentence(
    cluster: Cluster, on_workers: ModuleType, gave_up: bool
) -> None:
    """Dask's client closes itself where it finds no scheduler any more; at any moment, and errors are its own."""
    told: list[str] = []
    other = Cluster(Client(cluster.address, set_as_default=False))

    def close() -> None:
        other.client.sync(other.client._close) if gave_up else other.client.close()

    def done(_task: Task, found: str) -> list[Task]:
        told.append(found)
        close()
        return [Task("after-it", "more of it", on_workers.thread_name, ())]

    with pytest.raises(ClusterError, match="the scheduler was lost while it was at more of it"):
        other.run([Task("before-it", "some of it", on_workers.thread_name, ())], on_done=done)
    assert len(told) == 1
    lost = f"the scheduler was lost at {re.escape(cluster.address)}. Start it again"
    with pytest.raises(ClusterError, match=lost):
        other.run([])
    with pytest.raises(ClusterError, match=lost):
        _ = other.n_workers
    assert repr(other) == f"<Cluster at {cluster.address}, which is lost>"
    other.client.close()


def test_a_client_that_is_closed_while_it_waits_is_a_sentence(
    cluster: Cluster, on_workers: ModuleType
) -> None:
    """From another thread, or because it found no scheduler any more."""
    other = Cluster(Client(cluster.address, set_as_default=False))
    with pytest.raises(ClusterError, match="the scheduler was lost"):
        other.run(
            [Task("waits-long", "waiting", time.sleep, (3,)), Task("waits", "waiting", time.sleep, (1,))],
            on_tick=lambda: other.client.sync(other.client._close),
        )
    other.client.close()


def _cut_off() -> None:
    message = "in <TCP (closed)>: ConnectionResetError: [Errno 104] Connection reset by peer"
    raise CommClosedError(message)


INTERRUPTED = """
import os, time
from platoscope.cluster import open_cluster

def main():
    try:
        with open_cluster("local:2") as cluster:
            before = cluster.client.run(os.getpid)
            os.kill(min(before.values()), 9)
            now = before
            while len(now) < 2 or now == before:
                try:
                    now = cluster.client.run(os.getpid)
                except OSError:  # it is dying
                    time.sleep(0.1)
            print("ready", *now.values(), flush=True)
            time.sleep(120)
    except KeyboardInterrupt:
        print("interrupted", flush=True)

if __name__ == "__main__":
    main()
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="POSIX only")
def test_an_interrupt_is_for_the_process_that_started_the_workers(tmp_path: Path) -> None:
    """Workers, also one that was started again, say nothing of a Ctrl-C that reaches all of them, and end."""
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED)
    started = subprocess.Popen(
        [sys.executable, str(script)], env={**os.environ, "PLATOSCOPE_CORES": "1"}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert started.stdout is not None
    ready, *workers = started.stdout.readline().split()
    assert ready == "ready"
    assert len(workers) == 2
    os.killpg(started.pid, signal.SIGINT)
    said, warned = started.communicate(timeout=120)
    assert said == "interrupted\n"
    assert "Traceback" not in warned
    assert "no work is done sooner than by local:1" in warned
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(int(worker), 0)
