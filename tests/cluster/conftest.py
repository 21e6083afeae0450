"""Clusters of real processes: workers of this machine, and a scheduler with workers that somebody else started."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from platoscope.cluster import Cluster
    from platoscope.studies import Plan

N = 90
WORDS = ("stone", "river", "night", "house", "child", "bread", "light", "water", "voice", "field", "king")


STUDY = """
name = "poolings"
question = "Do poolings agree?"

[settings]
n = 400
n_resamples = 4
n_permutations = 4
dtype = "float32"
batch_tokens = 256
"""
COMPARISON = """
[[comparison]]
label = "{label}"
kind = "{kind}"
a = {{ model = "tiny", side = "a", pooling = "{pooling}" }}
b = {{ model = "tiny", side = "b", pooling = "{pooling}" }}
items = {{ data = "many.jsonl", minimum = 1, maximum = 500 }}
"""
COMPARISONS = [
    ("grid", "grid", "last"),
    *((f"of {name}", "profile", name) for name in ("last", "mean(2)", "mean(3)")),
]


def write_pairs(file: Path, n: int) -> None:
    """Write made-up sentences and what stands for their translations."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "id": str(i),
            "en": " ".join(rng.choice(WORDS, rng.integers(6, 12))),
            "it": " ".join(f"{word}o" for word in rng.choice(WORDS, rng.integers(6, 12))),
            "stratum": f"book {i % 3}",
        }
        for i in range(n)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a folder with a tiny model, pairs of texts and a study, and the cache of this process and of all workers."""
    pytest.importorskip("torch")
    pytest.importorskip("distributed", reason="pip install 'platoscope[cluster]'")
    from platoscope.testing.models import save_tiny_model

    root = tmp_path_factory.mktemp("cluster")
    save_tiny_model("llama", root / "tiny")
    write_pairs(root / "pairs.jsonl", N)
    write_pairs(root / "many.jsonl", 400)
    comparisons = [
        COMPARISON.format(label=label, kind=kind, pooling=pooling) for label, kind, pooling in COMPARISONS
    ]
    (root / "study.toml").write_text("".join([STUDY, *comparisons]), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLATOSCOPE_CACHE", str(root / "cache"))
        yield root


@pytest.fixture(scope="session")
def one_core() -> Callable[[], contextlib.AbstractContextManager[None]]:
    """Give what lets this process use one core, as each worker of the tests does: matrix products round alike then."""

    @contextlib.contextmanager
    def limited() -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch, threadpool_limits(1):
            patch.setenv("PLATOSCOPE_CORES", "1")
            yield

    return limited


ON_WORKERS = Path(__file__).with_name("on_workers.py")


@pytest.fixture(scope="session")
def on_workers(load_file: Callable[[Path], ModuleType]) -> ModuleType:
    """Load the module of what tests do on workers, under the name that it has there."""
    return load_file(ON_WORKERS)


# Of a module: the scheduler lives in this process, and would disturb tests elsewhere that measure memory.
@pytest.fixture(scope="module")
def cluster(workplace: Path, on_workers: ModuleType) -> Iterator[Cluster]:
    """Give two workers of this machine."""
    from platoscope.cluster import open_cluster

    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PLATOSCOPE_CORES", "2")  # on whatever machine; one each
            opened = stack.enter_context(open_cluster("local:2"))
        opened.client.upload_file(str(ON_WORKERS))
        yield opened


class Allocation:
    """A scheduler and workers as a batch job starts them: processes of their own, which find each other by a file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._log = (folder / "log of dask").open("wb")

    def start_all(self, *of_workers: str) -> None:
        """Start a scheduler and two workers, these with some options."""
        self.file.unlink(missing_ok=True)
        self._start("scheduler", "--port", "0")
        until = time.monotonic() + 120
        while not self.file.exists() and time.monotonic() < until:
            time.sleep(0.05)
        for _ in range(2):
            self._start("worker", "--nthreads", "1", *of_workers)

    def kill_scheduler(self) -> None:
        """Kill the scheduler, and with it what its workers were for."""
        self._processes[0].kill()
        self.end()

    def end(self) -> None:
        """End all that was started."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()
        self._processes.clear()

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    def _start(self, *arguments: str) -> None:
        command = [*arguments, "--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(self.file)]
        self._processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "dask", *command],
                stdout=self._log,
                stderr=self._log,
                env={**os.environ, "PLATOSCOPE_CORES": "1"},
            )
        )


@pytest.fixture
def allocation(workplace: Path, tmp_path: Path) -> Iterator[Allocation]:
    """Start a scheduler and two workers."""
    started = Allocation(tmp_path)
    try:
        started.start_all()
        yield started
    finally:
        started.end()
        started.close()


@pytest.fixture(scope="module")
def plan(workplace: Path) -> Plan:
    """Give a study of one model that reads four units of each side, and of four comparisons."""
    from platoscope.studies import get_study, make_plan

    return make_plan(get_study(str(workplace / "study.toml")))


@pytest.fixture(scope="module")
def undisturbed(
    plan: Plan,
    one_core: Callable[[], contextlib.AbstractContextManager[None]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Run it in this process, where nothing happens to it."""
    from platoscope.studies import execute

    folder = tmp_path_factory.mktemp("undisturbed")
    with one_core():
        execute(plan, out=folder / "run", store=folder / "store")
    return folder


@pytest.fixture
def bucket(
    load_file: Callable[[Path], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Any]]:
    """Give the URL of an empty store in an object store, and the relay through which all processes reach it."""
    for package in ("obstore", "moto.server", "flask_cors"):
        pytest.importorskip(package, reason="pip install 'platoscope[object-store]' 'moto[server]'")
    tools = load_file(Path(__file__).parents[1] / "representations" / "object_server.py")
    with tools.start_server() as port, tools.Relay(port) as relay:
        threading.Thread(target=relay.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", tools.KEY_ID)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", tools.SECRET)
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{relay.server_port}")
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        with urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{port}/a-bucket", method="PUT")
        ):
            yield "s3://a-bucket/a folder", relay
        relay.shutdown()
