"""What a worker does with one task: check that it is of the same version, keep to its cores, and tell of warnings."""

from __future__ import annotations

import os
import platform
import sys
import threading
import warnings
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from platoscope.cores import available_cores
from platoscope.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Outcome", "own_version", "unseen_error", "work"]

# Compiled loops, BLAS and torch use all cores of a worker; two tasks beside each other would share them and the model.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Outcome:
    """What a task gave, and of what it warned."""

    value: Any
    warned: tuple[tuple[type[Warning], str], ...]


def own_version() -> str:
    """Give the version of Platoscope in this process."""
    return version("platoscope")


def work(function: Callable[..., Any], arguments: tuple[Any, ...], wanted: str, /) -> Outcome:
    """Do a task in a worker.

    Parameters
    ----------
    function, arguments
        What is called.
    wanted : str
        The version of Platoscope that asks.

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
            value = function(*arguments)
    return Outcome(value, tuple((each.category, str(each.message)) for each in caught))


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
