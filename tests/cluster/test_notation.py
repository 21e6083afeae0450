"""What ``--cluster`` is given is read, or refused with a sentence that says what it may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platoscope.cluster import check_cluster, open_cluster
from platoscope.cluster._notation import JobWorkers, LocalWorkers, SchedulerAddress, parse_cluster
from platoscope.cluster._opening import make_jobs
from platoscope.errors import ClusterError, InputError, MissingExtraError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("local", LocalWorkers(None)),
        ("local:3", LocalWorkers(3)),
        ("tcp://10.0.0.1:8786", SchedulerAddress("tcp://10.0.0.1:8786")),
        ("tls://node:8786", SchedulerAddress("tls://node:8786")),
        ("tcp://[::1]:8786", SchedulerAddress("tcp://[::1]:8786")),
        ("wss://node:8787/ws", SchedulerAddress("wss://node:8787/ws")),
        ("scheduler.json", SchedulerAddress("scheduler.json")),
    ],
)
def test_places(text: str, place: object) -> None:
    """Each notation is one kind of place."""
    assert parse_cluster(text) == place


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "loca",
        "local:",
        "local:x",
        "local:0",
        "local:-1",
        "node:8786",
        "tcp://node",
        "tcp://node:x",
        "tcp://node:65536",
        "tcp://node:0",
        "local:٣",
        "a\0b",
        "c.yaml",
        None,
        3,
        [],
    ],
)
def test_what_is_none_is_refused(wrong: object) -> None:
    """Anything else is an error before any process starts."""
    with pytest.raises(InputError, match="local"), open_cluster(wrong):  # type: ignore[arg-type]
        pass


SLURM = """
kind = "slurm"
workers = 3

[options]
queue = "gpu"
cores = 8
memory = "32 GB"
walltime = "04:00:00"
worker_extra_args = ["--resources", "GPU=1"]
"""


def test_a_file_describes_jobs(tmp_path: Path) -> None:
    """Kind, number and the options of the class come from TOML."""
    (tmp_path / "c.toml").write_text(SLURM, encoding="utf-8")
    place = parse_cluster(tmp_path / "c.toml")
    assert place == JobWorkers(
        "slurm",
        3,
        {
            "queue": "gpu",
            "cores": 8,
            "memory": "32 GB",
            "walltime": "04:00:00",
            "worker_extra_args": ["--resources", "GPU=1"],
        },
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("kind = ", "cannot be read as TOML"),
        ('kind = "slurm"', "has no workers; say how many"),
        ('kind = "sge"\nworkers = 1', "kind .* must be one of slurm, pbs, lsf, kubernetes; got 'sge'"),
        ("kind = {}\nworkers = 1", "kind .* must be one of"),
        ('kind = "slurm"\nworkers = true', "workers .* whole number"),
        ('kind = "slurm"\nworkers = 1\noptions = 3', "options .* table"),
        (
            'kind = "slurm"\nworkers = 1\nworker = 2',
            "has worker; a cluster has kind, workers, options. Arguments .* \\[options\\]",
        ),
    ],
)
def test_a_file_that_describes_none_is_refused(content: str, said: str, tmp_path: Path) -> None:
    """What is wrong with it is named."""
    (tmp_path / "c.toml").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        check_cluster(tmp_path / "c.toml")
    with pytest.raises(NotFoundError, match="no file"):
        check_cluster(tmp_path / "d.toml")


@pytest.mark.parametrize(
    ("kind", "order"), [("slurm", "#SBATCH -p night"), ("pbs", "#PBS -q night"), ("lsf", "#BSUB -q night")]
)
@pytest.mark.filterwarnings("ignore")
def test_jobs_run_one_task_at_once_on_all_their_cores(kind: str, order: str) -> None:
    """The script of a job has the options of the file, and starts a worker that takes one task at a time."""
    pytest.importorskip("dask_jobqueue", reason="pip install dask-jobqueue")
    options = {"queue": "night", "cores": 8, "memory": "32 GB", "worker_extra_args": ["--resources", "GPU=1"]}
    with make_jobs(JobWorkers(kind, 0, options), refused=[]) as jobs:
        script = jobs.job_script()
    assert order in script
    assert "--resources GPU=1" in script
    assert script.rindex("--nthreads 1") > script.index("--nthreads 8")


@pytest.mark.filterwarnings("ignore")
def test_options_that_a_class_does_not_take_are_an_error() -> None:
    """What its class says of them is passed on, with the name of its package."""
    pytest.importorskip("dask_jobqueue", reason="pip install dask-jobqueue")
    with pytest.raises(InputError, match="SLURMCluster does not take these options: .*dask-jobqueue"):
        make_jobs(JobWorkers("slurm", 1, {"cores": 1}), refused=[])
    for words in (3, "--resources GPU=1", ["--nthreads", 1]):
        with pytest.raises(InputError, match="worker_extra_args of SLURMCluster must be a list of words"):
            make_jobs(JobWorkers("slurm", 1, {"cores": 1, "worker_extra_args": words}), refused=[])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("sbatch", "said"),
    [
        (None, "there is no command 'sbatch' on this machine"),
        ("echo 'sbatch: error: invalid partition: nihgt' >&2; exit 1", "invalid partition: nihgt"),
    ],
)
def test_jobs_that_are_not_submitted_are_an_error(
    sbatch: str | None,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Nobody waits for workers that never come: what the queue answered is said, once and without a traceback."""
    pytest.importorskip("dask_jobqueue", reason="pip install dask-jobqueue")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    if sbatch is not None:
        (tmp_path / "sbatch").write_text(f"#!/bin/sh\n{sbatch}\n", encoding="utf-8")
        (tmp_path / "sbatch").chmod(0o755)
    (tmp_path / "c.toml").write_text(SLURM, encoding="utf-8")
    with pytest.raises(ClusterError, match=f"none of the 3 jobs of kind slurm: .*{said}"):  # noqa: SIM117
        with open_cluster(tmp_path / "c.toml"):
            pass
    assert "Traceback" not in capfd.readouterr().err


def test_a_missing_package_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Dask, or the package of a kind, the error says how to get it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with (
        pytest.raises(MissingExtraError, match=r"pip install 'platoscope\[cluster\]'"),
        open_cluster("local:1"),
    ):
        pass
    with pytest.raises(
        MissingExtraError, match="the package 'dask_kubernetes', .*pip install dask-kubernetes"
    ):
        make_jobs(JobWorkers("kubernetes", 1, {}), refused=[])


def test_a_scheduler_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says at which address, and what to start."""
    pytest.importorskip("distributed", reason="pip install 'platoscope[cluster]'")
    monkeypatch.setattr("platoscope.cluster._opening._PATIENCE", 0.5)
    with pytest.raises(ClusterError, match="no scheduler of Dask answers at tcp://127.0.0.1:9"):  # noqa: SIM117
        with open_cluster("tcp://127.0.0.1:9"):
            pass


@pytest.mark.parametrize(
    "text",
    [None, "", "{", "[]", '{"id": 1}', '{"address": "a\\u0000b"}', '{"address": 5}', "[" * 100_000],
)
def test_a_file_without_an_address_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    """A scheduler that was started a moment ago may still write it; after that the error says how one is started."""
    pytest.importorskip("distributed", reason="pip install 'platoscope[cluster]'")
    monkeypatch.setattr("platoscope.cluster._opening._PATIENCE", 0.2)
    file = tmp_path / "scheduler.json"
    if text is not None:
        file.write_text(text)
    with (
        pytest.raises(ClusterError, match=r"has written its address to .*dask scheduler --scheduler-file"),
        open_cluster(str(file)),
    ):
        pass
    file.write_text('{"address": "tcp://127.0.0.1:9"}')
    with pytest.raises(ClusterError, match="answers at tcp://127.0.0.1:9"), open_cluster(file):
        pass


def test_what_no_scheduler_listens_to_is_refused_before_anything_connects() -> None:
    """The page of a dashboard is no scheduler."""
    with pytest.raises(InputError, match=r"tcp://HOST:8786.*got 'http://127.0.0.1:8787'"):
        parse_cluster("http://127.0.0.1:8787")


@pytest.mark.parametrize("address", ["tls://127.0.0.1:9", "wss://127.0.0.1:9"])
def test_an_encrypted_address_without_certificates_says_what_is_missing(address: str) -> None:
    """At once: Dask's client would wait for 40 seconds when it goes, and end in a traceback."""
    pytest.importorskip("distributed", reason="pip install 'platoscope[cluster]'")
    with pytest.raises(ClusterError, match="is encrypted, and Dask has no certificates here. Name them"):  # noqa: SIM117
        with open_cluster(address):
            pass


def test_certificates_that_cannot_be_used_are_a_sentence() -> None:
    """With Dask's reason."""
    dask = pytest.importorskip("dask", reason="pip install 'platoscope[cluster]'")
    names = ("ca-file", "client.key", "client.cert")
    tls = {f"distributed.comm.tls.{name}": "none.pem" for name in names}
    with (
        dask.config.set(tls),
        pytest.raises(
            ClusterError, match=r"certificates in Dask's configuration cannot be used \(No such file"
        ),
        open_cluster("tls://127.0.0.1:9"),
    ):
        pass
