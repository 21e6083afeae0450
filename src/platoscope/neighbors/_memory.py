"""What fits in memory, asked before the work starts."""

from __future__ import annotations

import math
import os
from pathlib import Path

from platoscope.control_groups import OWN_GROUPS, Groups
from platoscope.errors import MemoryPlanError

__all__ = ["MATRICES_SHARE", "available_memory", "require_memory"]

MATRICES_SHARE = 0.5
"""Of the available memory, what the kept distance matrices of all layers may take; more are computed in blocks."""

# So many bytes are there wherever the program itself is: asking, which reads six files, would take longer than most of
# what fits in them.
_NEVER_SHORT = 16 << 20


def available_memory() -> int:
    """Return the bytes that this process can still take without swapping (0 where it cannot be told).

    That is what the machine has left, or less where a control group (a container, a job of a cluster) grants less.
    """
    left = min(_left_on_machine(), left_in_groups(OWN_GROUPS))
    return 0 if math.isinf(left) else max(1, int(left))


def left_in_groups(groups: Groups, /) -> float:
    """Return what control groups leave of their memory: the least of them; infinity without a limit, or without groups."""
    return min(map(_left_in, groups.folders("memory")), default=math.inf)


def _left_in(folder: Path) -> float:
    """Return what one group leaves; files that it has read and does not use make room, and count as free."""
    new = (folder / "memory.max").exists()
    limit, used, unused = (
        ("memory.max", "memory.current", "inactive_file")
        if new
        else ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    )
    try:
        granted, taken = (int((folder / name).read_text(encoding="utf-8")) for name in (limit, used))
    except (OSError, ValueError):  # no such group, or "max"
        return math.inf
    return max(0, granted - max(0, taken - _counter(folder / "memory.stat", unused)))


def _left_on_machine() -> float:
    free = _counter(Path("/proc/meminfo"), "MemAvailable:") * 1024
    if free:
        return free
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return math.inf


def _counter(file: Path, name: str) -> int:
    """Return the number that stands after a name in a file of the system; 0 where it has none."""
    try:
        rows = map(str.split, file.read_text(encoding="utf-8").splitlines())
        return next((int(row[1]) for row in rows if row[:1] == [name]), 0)
    except (OSError, ValueError, IndexError):
        return 0


def require_memory(n_bytes: int, purpose: str, way_out: str, /) -> None:
    """Raise a `MemoryPlanError` when `purpose` needs more than is left; what needs next to nothing is not asked for."""
    if n_bytes <= _NEVER_SHORT:
        return
    available = available_memory()
    if available and n_bytes > available:
        message = f"{purpose} needs {n_bytes / 1e9:.1f} GB of memory and {available / 1e9:.1f} GB are available. {way_out}"
        raise MemoryPlanError(message)
