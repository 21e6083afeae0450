"""What it costs to begin: the import, and the first call with and without compiled kernels on disk."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import numpy as np

from measuring.table import Row, in_turn, verdict

if TYPE_CHECKING:
    from argparse import Namespace

    from measuring.table import Sizes

__all__ = ["import_"]

_FIRST_CALL = """
import numpy, time, platoscope
X, Y = numpy.random.default_rng(0).standard_normal((2, 200, 10))
start = time.perf_counter()
platoscope.information_imbalance(X, Y)
print(time.perf_counter() - start)
"""


def import_(sizes: Sizes, options: Namespace) -> list[Row]:
    """Time fresh interpreters."""
    sides = {
        name: lambda code=code: subprocess.run([sys.executable, "-c", code], check=True)
        for name, code in {"import": "import platoscope", "empty": "pass"}.items()
    }
    times = in_turn(sides, 7)
    seconds = float(np.median(times["import"]) - np.median(times["empty"]))
    with tempfile.TemporaryDirectory() as folder:
        first, second = (_first_call(folder) for _ in range(2))
    return [
        Row("import", "`import platoscope`", f"{seconds:.3f} s", "an empty interpreter, subtracted", "",
            verdict(seconds <= 0.3, "≤ 0.3 s")),
        Row("import", "first call in a process, kernels compiled before", f"{second:.2f} s",
            f"compiled on the first call ever: {first:.2f} s", "", verdict(second < first / 2, "cached on disk")),
    ]  # fmt: skip


def _first_call(folder: str) -> float:
    environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
    done = subprocess.run(
        [sys.executable, "-c", _FIRST_CALL], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout)
