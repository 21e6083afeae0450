"""What ``--cluster`` is given: workers on this machine, the address of a scheduler, or a file that describes jobs."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from platoscope.checks import in_short, whole_number
from platoscope.errors import InputError, NotFoundError, guarded
from platoscope.filenames import is_there
from platoscope.wording import listed

__all__ = [
    "KINDS",
    "ClusterPlace",
    "JobWorkers",
    "LocalWorkers",
    "SchedulerAddress",
    "address_of",
    "parse_cluster",
]

KINDS = {
    "slurm": ("dask_jobqueue", "SLURMCluster", "dask-jobqueue"),
    "pbs": ("dask_jobqueue", "PBSCluster", "dask-jobqueue"),
    "lsf": ("dask_jobqueue", "LSFCluster", "dask-jobqueue"),
    "kubernetes": ("dask_kubernetes.operator", "KubeCluster", "dask-kubernetes"),
}
"""By the kind of a file: the module and the class that starts the workers, and the package that has them."""

# What Dask listens to: a port at the end, but of a scheduler in this process.
_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx|ucxx)://\S+:(?P<port>[0-9]{1,5})(/\S*)?|inproc://\S+")
_LAST_PORT = 65_535
_MOST_WORKERS = 100_000
_KEYS = ("kind", "workers", "options")


@dataclass(frozen=True)
class LocalWorkers:
    """Processes on this machine; None for one on each core."""

    n: int | None


@dataclass(frozen=True)
class SchedulerAddress:
    """A scheduler that runs already, by its address or by the file (``.json``) in which it wrote that."""

    address: str


@dataclass(frozen=True)
class JobWorkers:
    """Workers that a queue of jobs or Kubernetes starts.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    workers : int
        How many.
    options : dict
        Keyword arguments of the class.
    """

    kind: str
    workers: int
    options: dict[str, Any]


ClusterPlace: TypeAlias = LocalWorkers | SchedulerAddress | JobWorkers


def parse_cluster(where: str | os.PathLike[str], /) -> ClusterPlace:
    """Read what a user says of a cluster.

    Raises
    ------
    InputError
        If it is nothing of that kind, or the file cannot be read.
    NotFoundError
        If there is no such file.

    Examples
    --------
    >>> parse_cluster("local:4"), parse_cluster("tcp://node7:8786")
    (LocalWorkers(n=4), SchedulerAddress(address='tcp://node7:8786'))
    """
    text = os.fspath(where) if isinstance(where, str | os.PathLike) else where
    if not isinstance(text, str) or not text.isprintable():
        raise _unknown(where)
    if text == "local":
        return LocalWorkers(None)
    if text.startswith("local:"):
        count = text.removeprefix("local:")
        if not (count.isascii() and count.isdecimal()):
            raise _unknown(where)
        return LocalWorkers(
            whole_number("the number of local workers", int(count), low=1, high=_MOST_WORKERS)
        )
    if _is_address(text) or text.endswith(".json"):
        return SchedulerAddress(text)
    if text.endswith(".toml"):
        return _read(Path(text))
    raise _unknown(where)


def address_of(text: object, /) -> str:
    """Return the address of a scheduler as it is.

    Raises
    ------
    ValueError
        If it is none that Dask listens to.
    """
    if not isinstance(text, str) or not text.isprintable() or not _is_address(text):
        message = f"{in_short(text)} is no address, such as tcp://HOST:8786"
        raise ValueError(message)
    return text


def _is_address(text: str) -> bool:
    found = _ADDRESS.fullmatch(text)
    return found is not None and int(found["port"] or 1) in range(1, _LAST_PORT + 1)


def _unknown(where: object) -> InputError:
    message = (
        "cluster must be local or local:N (processes on this machine), the address of a scheduler (tcp://HOST:8786) or the "
        f".json file in which it wrote that, or a TOML file; got {in_short(where)}."
    )
    return InputError(message)


def _read(file: Path) -> JobWorkers:
    if not is_there(file) or not file.is_file():
        message = f"there is no file {str(file)!r}; a TOML file describes the jobs of a cluster."
        raise NotFoundError(message)
    with guarded(f"{str(file)!r} cannot be read as TOML", "Mend it and run again."):
        content = tomllib.loads(file.read_bytes().decode("utf-8"))
    unknown = sorted(content.keys() - set(_KEYS))
    if unknown:
        message = (
            f"{str(file)!r} has {listed(unknown)}; a cluster has {listed(_KEYS)}. Arguments of the class stand below a "
            "line [options]."
        )
        raise InputError(message)
    kind = content.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        message = f"kind of {str(file)!r} must be one of {listed(KINDS)}; got {in_short(kind)}."
        raise InputError(message)
    options = content.get("options", {})
    if not isinstance(options, dict):
        message = f"options of {str(file)!r} must be a table, of arguments of {KINDS[kind][1]}; got {in_short(options)}."
        raise InputError(message)
    if "workers" not in content:
        message = f"{str(file)!r} has no workers; say how many jobs are to be submitted, as workers = 4."
        raise InputError(message)
    workers = whole_number(f"workers of {str(file)!r}", content.get("workers"), low=1, high=_MOST_WORKERS)
    return JobWorkers(kind, workers, options)
