"""The cores that this process may use: fewer than the machine has, on a cluster or in a container."""

from __future__ import annotations

import math
import os
from functools import lru_cache
from typing import TYPE_CHECKING

from platoscope.control_groups import OWN_GROUPS, Groups
from platoscope.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MOST_CORES", "available_cores"]

MOST_CORES = "PLATOSCOPE_CORES"
"""The variable with the most cores that this process may keep busy."""


def available_cores() -> int:
    """Return how many cores this process may keep busy: those it may run on, or fewer that its control groups grant.

    Of a quota of two and a half cores, two are used: a third thread would be stopped half of the time, and the others
    would wait for it. `$PLATOSCOPE_CORES` says fewer still: where several processes share a machine, each has its part.

    Raises
    ------
    InputError
        If the variable is no whole number of cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    granted = min(_own_grant(), _asked_for())
    return max(1, cores if granted >= cores else int(granted))


def _asked_for() -> float:
    given = os.environ.get(MOST_CORES)
    if not given:
        return math.inf
    if not given.isdecimal() or int(given) == 0:
        message = f"{MOST_CORES} must be a whole number of cores, 1 or more; got {given!r}."
        raise InputError(message)
    return int(given)


@lru_cache(maxsize=1)
def _own_grant() -> float:
    return granted_cores(OWN_GROUPS)


def granted_cores(groups: Groups, /) -> float:
    """Return how many cores control groups grant: the least of them; infinity without a limit, or without groups."""
    return min(map(_grant_of, groups.folders("cpu")), default=math.inf)


def _grant_of(folder: Path) -> float:
    """Return the quota of one group in cores; every group above it has its own."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        else:
            quota, period = (
                (folder / f"cpu.cfs_{what}_us").read_text(encoding="utf-8") for what in ("quota", "period")
            )
        return int(quota) / int(period) if int(quota) > 0 else math.inf
    except (OSError, ValueError):  # no such group, or "max"
        return math.inf
