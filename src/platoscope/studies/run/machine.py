"""On what a run was computed: the machine, the time, and the most memory it took."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from platoscope.cores import available_cores

__all__ = ["describe_machine"]


def describe_machine() -> dict[str, Any]:
    """Give machine, time and peak memory of this process as plain values.

    Returns
    -------
    dict
        ``finished`` (UTC, ISO 8601), ``system``, ``python``, ``cores`` (those that this process may use), and
        ``peak_memory_bytes``: the largest resident size of the process so far, None where the system does not
        tell. In a run of several studies it is the peak of all up to this one.
    """
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": available_cores(),
        "peak_memory_bytes": _peak_memory(),
    }


def _peak_memory() -> int | None:
    """Return the largest resident size of this process in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not `getrusage`: a process that was started by a larger one begins with the peak of that one.
        line = next(
            (line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:")),
            None,
        )
        if line is not None:
            return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # there is none on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024  # bytes there, kilobytes elsewhere
