"""Opening a cluster: starting workers, or finding those that are there."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import signal
import time
import warnings
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platoscope.cluster._cluster import Cluster
from platoscope.cluster._notation import (
    KINDS,
    JobWorkers,
    LocalWorkers,
    SchedulerAddress,
    address_of,
    parse_cluster,
)
from platoscope.cores import MOST_CORES, available_cores
from platoscope.errors import ClusterError, InputError, PlatoscopeWarning, guarded, reason_of, require_package
from platoscope.progress import SILENT, check_stages

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from platoscope.progress import Progress

__all__ = ["check_cluster", "make_jobs", "open_cluster", "using_cluster"]

_PATIENCE = 20  # seconds that a scheduler may take to answer
_RESTART = 120.0  # seconds that this machine may take to start workers again that died
# Dask gives up for good a worker that is away longer than this, and a busy machine needs longer to start one again.
_STAYS_WANTED = {"distributed.deploy.lost-worker-timeout": "1 day"}
# Dask's workers hand freed memory back at once, and get it anew for every array: a sixth of the time of comparisons.
_KEEPS_FREED = {"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}
# For pages of its dashboard Dask looks at each worker a hundred times a second, and at each event loop fifty times: a share
# of every core that comparisons need (`python benchmarks/cluster.py watching`).
_WATCHED_LESS = {"distributed.worker.profile.enabled": False, "distributed.admin.tick.interval": "1 s"}
# A model is memory that Dask does not manage: a worker that paused for it would never go on.
_MODELS_STAY = {f"distributed.worker.memory.{what}": False for what in ("target", "spill", "pause")}


@contextmanager
def open_cluster(where: str | os.PathLike[str], /, *, progress: Progress = SILENT) -> Iterator[Cluster]:
    """Start workers, or connect to those of a scheduler, for as long as the block lasts.

    Parameters
    ----------
    where : str or path
        ``"local:4"``, four processes on this machine that share its cores (``"local"``: one on each core); the address of
        a running scheduler, as ``"tcp://HOST:8786"``, or the ``.json`` file in which it wrote that; or a TOML file with
        ``kind`` (slurm, pbs, lsf, kubernetes), ``workers``, and a table ``options`` of arguments of the class of
        dask-jobqueue or dask-kubernetes.
    progress : Progress
        Told of the waiting.

    Yields
    ------
    Cluster
        With at least one worker. Workers that were started end with the block; a scheduler that ran before runs on.

    Raises
    ------
    InputError, NotFoundError
        If it is nothing of that kind, or its file cannot be used.
    MissingExtraError
        If Dask, or the package that starts jobs, is not installed.
    ClusterError
        If no scheduler answers, or no job can be submitted.
    """
    place = parse_cluster(where)
    check_stages(progress)
    require_package("distributed", "a cluster", "pip install 'platoscope[cluster]'")
    with contextlib.ExitStack() as stack:
        stack.enter_context(_our_words_only())
        progress.stage("Starting workers")
        refused: list[Exception] = []
        if isinstance(place, SchedulerAddress):
            made: Any = place.address
        else:
            made = stack.enter_context(_started(place, refused))
        patience = _RESTART if isinstance(place, LocalWorkers) else None
        cluster = Cluster(stack.enter_context(_connect(made)), patience)
        if not cluster.n_workers:
            progress.stage("Waiting for a worker")
            _wait_for_worker(cluster, place, refused)
        progress.finish()
        yield cluster


def check_cluster(cluster: Cluster | str | os.PathLike[str] | None, /) -> None:
    """Refuse what is no cluster, also where nothing is left for one to do.

    Raises
    ------
    InputError, NotFoundError
        If so.
    """
    if cluster is not None and not isinstance(cluster, Cluster):
        parse_cluster(cluster)


@contextmanager
def using_cluster(
    cluster: Cluster | str | os.PathLike[str] | None, /, *, progress: Progress = SILENT
) -> Iterator[Cluster | None]:
    """Give a cluster that is open as it is, open what is a notation, and give None for None."""
    if cluster is None or isinstance(cluster, Cluster):
        yield cluster
        return
    with open_cluster(cluster, progress=progress) as opened:
        yield opened


@contextmanager
def _started(place: LocalWorkers | JobWorkers, refused: list[Exception]) -> Iterator[Any]:
    """Start workers for as long as the block lasts; `refused` gets an error for each job that is not submitted."""
    import dask  # of the extra cluster

    with (
        dask.config.set(_STAYS_WANTED | _KEEPS_FREED | _WATCHED_LESS),
        _local(place) if isinstance(place, LocalWorkers) else make_jobs(place, refused=refused) as started,
    ):
        yield started


def _local(place: LocalWorkers) -> Any:
    """Start processes that share the cores and the memory of this machine."""
    from distributed import LocalCluster
    from distributed.system import MEMORY_LIMIT

    cores = available_cores()
    n = cores if place.n is None else place.n
    if n > cores:
        message = (
            f"local:{n} starts {n} processes, each with its own model and layers, on {cores} cores: no work is done sooner "
            f"than by local:{cores}."
        )
        warnings.warn(message, PlatoscopeWarning, stacklevel=2)
    try:
        with _interrupts_held_back():
            return LocalCluster(
                n_workers=n,
                threads_per_worker=1,  # tasks at once; each uses the cores of its worker
                memory_limit=MEMORY_LIMIT // n,
                config=_MODELS_STAY,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,  # what ends the work is an error here
                env={MOST_CORES: str(max(1, cores // n))},
            )
    except RuntimeError as error:
        message = (
            f"workers cannot start on this machine: {reason_of(error)}. In a script, open them below "
            '`if __name__ == "__main__":`, because each worker reads the script again.'
        )
        raise ClusterError(message) from error


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Hold the terminal's Ctrl-C back while workers start, and from them for good: it is for this process, which ends them.

    The threads and processes that are started meanwhile, and all that these start, inherit which signals are held back.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # or the first thread that starts a process would, and let signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def make_jobs(place: JobWorkers, /, *, refused: list[Exception]) -> Any:
    """Start jobs by the class that knows the queue.

    Parameters
    ----------
    place : JobWorkers
        What a file says of them.
    refused : list of Exception
        Gets an error for each job that cannot be submitted, while the cluster is open.

    Raises
    ------
    MissingExtraError
        If its package is not installed.
    InputError
        If it does not take the options.
    """
    module, name, package = KINDS[place.kind]
    require_package(module, f"a cluster of kind {place.kind}", f"pip install {package}")
    kind = getattr(importlib.import_module(module), name)
    options = dict(place.options)
    if module == "dask_jobqueue":
        # One worker in a job, and one task at once on all its cores. Of an option that comes twice the last holds.
        options.setdefault("processes", 1)
        given = options.get("worker_extra_args", [])
        if not isinstance(given, list) or not all(isinstance(word, str) for word in given):
            message = f"worker_extra_args of {name} must be a list of words (--resources and GPU=1 are two); got {given!r}."
            raise InputError(message)
        options["worker_extra_args"] = [*given, "--nthreads", "1"]
        options["job_cls"] = _telling(kind.job_cls, refused)
    with guarded(f"{name} does not take these options", f"They are those of {package}, by the same names."):
        return kind(n_workers=place.workers, **options)


def _telling(job: Any, refused: list[Exception]) -> type:
    """Make a class of jobs that tells of failed submissions: dask-jobqueue submits where nobody looks, and then waits."""
    from distributed.deploy.spec import ProcessInterface

    async def start(self: Any) -> None:
        try:
            await job.start(self)
        except Exception as error:  # of the queue's own command, in its words
            refused.append(error)
            await ProcessInterface.start(self)  # a job without a number, which closes without a command

    async def close(self: Any) -> None:
        await job.close(self)
        await ProcessInterface.close(self)  # or Dask wonders at one that an error still refers to

    return type(job.__name__, (job,), {"start": start, "close": close})


def _words_of(error: Exception) -> str:
    """Say why a job was not submitted: dask-jobqueue quotes the command and what it wrote, part by part."""
    if isinstance(error, FileNotFoundError):
        return f"there is no command {str(error.filename)!r} on this machine"
    return reason_of(
        RuntimeError(str(error).partition("stderr:\n")[2].strip() or " ".join(str(error).split()))
    )


def _wait_for_worker(cluster: Cluster, place: object, refused: list[Exception]) -> None:
    """Wait for the first worker, for as long as a job may still start one."""
    while not cluster.n_workers:
        if isinstance(place, JobWorkers) and len(refused) >= place.workers:
            error, reason = refused[0], _words_of(refused[0])
            message = (
                f"the queue takes none of the {place.workers} jobs of kind {place.kind}: {reason}. Mend the options, or "
                "go to a machine from which jobs are submitted; inside an allocation start dask scheduler and dask worker, "
                "and give the scheduler's file."
            )
            raise ClusterError(message) from error
        with contextlib.suppress(TimeoutError):
            cluster.client.wait_for_workers(1, timeout=1)
    if isinstance(place, JobWorkers) and refused:
        reason = _words_of(refused[0])
        message = f"the queue did not take {len(refused)} of {place.workers} jobs: {reason}. The others do the work."
        warnings.warn(message, PlatoscopeWarning, stacklevel=2)


@contextmanager
def _our_words_only() -> Iterator[None]:
    """Keep what Dask logs of connections that end to itself: what ends the work is an error here, the rest is none."""
    import distributed  # noqa: F401  # it gives each of its loggers a level when it is imported

    loggers = [
        logger
        for name, logger in logging.root.manager.loggerDict.items()
        if name.partition(".")[0] in ("distributed", "tornado") and isinstance(logger, logging.Logger)
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _address_in(file: Path) -> str:
    """Read the address that a scheduler, perhaps just started, writes into a file; Dask itself would wait for ever."""
    last = time.monotonic() + _PATIENCE
    while True:
        try:
            return address_of(json.loads(file.read_text(encoding="utf-8"))["address"])
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            if time.monotonic() > last:
                message = (
                    f"no scheduler of Dask has written its address to {str(file)!r}: {reason_of(error)}. Start one: "
                    f"dask scheduler --scheduler-file {file}"
                )
                raise ClusterError(message) from error
        time.sleep(0.1)


def _connect(scheduler: Any) -> Any:
    from distributed import Client

    if isinstance(scheduler, str) and scheduler.endswith(".json"):
        scheduler = _address_in(Path(scheduler))
    if isinstance(scheduler, str) and scheduler.startswith(("tls:", "wss:")):
        _require_certificates(scheduler)
    try:
        return Client(scheduler, timeout=_PATIENCE, set_as_default=False)
    except Exception as error:
        message = (
            f"no scheduler of Dask answers at {scheduler}: {reason_of(error)}. Start one (dask scheduler), with workers "
            "(dask worker ADDRESS), and give its address."
        )
        raise ClusterError(message) from error


def _require_certificates(address: str) -> None:
    """Refuse an encrypted connection without what it is encrypted with, for which Dask's client would wait when it goes."""
    from distributed.security import Security

    wrong = "Dask has no certificates here"
    try:
        context = Security().get_connection_args("client").get("ssl_context")
    except Exception as error:  # a file that is missing, or is none
        context, wrong = None, f"the certificates in Dask's configuration cannot be used ({reason_of(error)})"
    if context is None:
        message = (
            f"{address} is encrypted, and {wrong}. Name them in its configuration (distributed.comm.tls.ca-file and "
            "distributed.comm.tls.client), or as DASK_DISTRIBUTED__COMM__TLS__CA_FILE, …"
        )
        raise ClusterError(message)
