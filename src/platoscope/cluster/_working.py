"""What a worker does with one task: check that it is of the same version, keep to its cores, and tell of warnings."""

from __future__ import annotations

import os
import pickle
import platform
import sys
import threading
import warnings
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from threadpoolctl import threadpool_limits

from platoscope.cores import available_cores
from platoscope.errors import ClusterError

__all__ = ["Outcome", "own_version", "packed", "unpacked", "unseen_error", "work"]

# Compiled loops, BLAS and torch use all cores of a worker; two tasks beside each other would share them and the model.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Outcome:
    """What a task gave, and of what it warned."""

    value: Any
    warned: tuple[tuple[type[Warning], str], ...]


def packed(content: Any, /) -> bytes:
    """Pack what is sent, for `unpacked`.

    Dask unpacks what it is given while it listens, in a thread of its own: imports that this starts beside those of a task
    meet modules that are half imported, and the worker is lost. Bytes are left to whoever uses them.
    """
    from distributed.protocol.pickle import dumps

    found: bytes = dumps(content)
    return found


def unpacked(content: bytes, /) -> Any:
    """Give what was packed."""
    return pickle.loads(content)


def own_version() -> str:
    """Give the version of Platoscope in this process."""
    return version("platoscope")


def work(called: bytes, wanted: str, shared: bytes | None = None, /) -> bytes:
    """Do a task in a worker, and give its packed `Outcome`.

    Parameters
    ----------
    called : bytes
        A function and its arguments, packed.
    wanted : str
        The version of Platoscope that asks.
    shared : bytes, optional
        The `Outcome` of a task that gave what the function takes before its arguments, packed.

    Raises
    ------
    ClusterError
        If the worker has another version, so that its numbers may be others.
    """
    if own_version() != wanted:
        message = (
            f"the worker on {platform.node()} has Platoscope {own_version()}, and this process has {wanted}. "
            "Install one version on both."
        )
        raise ClusterError(message)
    with _ONE_AT_A_TIME, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        _use_cores()
        with threadpool_limits(available_cores(), user_api="blas"):
            function, arguments = unpacked(called)
            first = () if shared is None else unpacked(shared).value
            value = function(*first, *arguments)
    return packed(Outcome(value, tuple((each.category, str(each.message)) for each in caught)))


def unseen_error(location: str, /) -> ClusterError:
    """Build the error of a worker that does not see a place where the others read and write."""
    return ClusterError(
        f"the worker on {platform.node()} does not see {location}. Give a store that all workers see (--store, "
        "PLATOSCOPE_STORE)."
    )


@lru_cache(maxsize=1)
def _use_cores() -> None:
    """Let libraries use the cores of this worker: Dask holds them to one, for workers that run a task on each core."""
    cores = available_cores()
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(cores)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(cores)
