"""Where Numba keeps what it compiled of this package: beside the source, or where its settings send it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["compiled_beside", "kernel_files"]


def compiled_beside(kernel: Any, /) -> list[Path]:
    """List the compiled kernels in the folder that holds those of `kernel`; empty where Numba can keep none."""
    place = kernel.stats.cache_path
    return [] if place is None else sorted(Path(place).glob("_*kernels.*.nb[ci]"))


def kernel_files() -> list[Path]:
    """List what was compiled of the kernels of this package."""
    from platoscope.neighbors._kernels import fill_row  # numba: 0.3 s to import

    return compiled_beside(fill_row)
