"""Where Numba keeps what it compiled of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.neighbors import compiled_beside

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["kernel_files"]


def kernel_files() -> list[Path]:
    """List what was compiled of the kernels of this package."""
    from platoscope.measures._kernels import upper_dot  # numba: 0.3 s to import

    return compiled_beside(upper_dot)
