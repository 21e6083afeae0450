"""Where Numba keeps what it compiled of this package: beside the source, or where its settings send it."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from platoscope.cache import cache_folder

__all__ = ["compiled_beside", "kernel_files"]


def _provide_place() -> None:
    """Name a folder to Numba where it has none of its own, which would end the import of compiled loops.

    It can write neither beside the source nor in the user's cache where the installation is read-only and there is no home,
    as in many containers. Then it is the cache of Platoscope, or for this process alone a temporary folder.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        return
    own = (Path(__file__).with_name("__pycache__"), Path("~/.cache/numba").expanduser())
    if any(map(_can_write, own)):
        return
    cache = cache_folder() / "numba"
    place = str(cache)
    if not _can_write(cache):
        place = tempfile.mkdtemp(prefix="platoscope-")
        atexit.register(shutil.rmtree, place, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = place  # read when it is imported
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = place


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def compiled_beside(kernel: Any, /) -> list[Path]:
    """List the compiled kernels in the folder that holds those of `kernel`; empty where Numba can keep none."""
    place = kernel.stats.cache_path
    return [] if place is None else sorted(Path(place).glob("_*kernels.*.nb[ci]"))


def kernel_files() -> list[Path]:
    """List what was compiled of the kernels of this package."""
    from platoscope.neighbors._kernels import fill_row  # numba: 0.3 s to import

    return compiled_beside(fill_row)


_provide_place()  # before any file of compiled loops is imported: Numba asks for its folder then
