"""What fits in memory, asked before the work starts."""

from __future__ import annotations

import os
from pathlib import Path

from platoscope.errors import MemoryPlanError

__all__ = ["available_memory", "require_memory"]


def available_memory() -> int:
    """Return the bytes that this process can still take without swapping (0 where it cannot be told)."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0


def require_memory(n_bytes: int, purpose: str, way_out: str, /) -> None:
    """Raise a `MemoryPlanError` when `purpose` needs more than the machine has left."""
    available = available_memory()
    if available and n_bytes > available:
        message = f"{purpose} needs {n_bytes / 1e9:.1f} GB of memory and {available / 1e9:.1f} GB are available. {way_out}"
        raise MemoryPlanError(message)
