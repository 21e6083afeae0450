"""What writing and reading the result of a comparison takes beside xarray's own way with h5netcdf, in processor time.

python benchmarks/results.py
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from platoscope import compare
from platoscope.studies.run.netcdf import read_netcdf, write_netcdf

if TYPE_CHECKING:
    from collections.abc import Callable

TURNS = 7


def main() -> None:
    """Print the medians of both, and of their ratios."""
    rng = np.random.default_rng(0)
    layers = [rng.standard_normal((200, 16)) for _ in range(12)]
    result = compare(layers, layers, n_resamples=10, n_permutations=10, rng=0)
    print(f"a grid of 12 x 12 layers, {len(result.variables)} variables, {result.nbytes / 1e6:.1f} MB")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.nc"
        in_turns(
            "writing",
            lambda: write_netcdf(result, path, encoding={}),
            lambda: result.to_netcdf(path, engine="h5netcdf"),
        )
        in_turns("reading", lambda: read_netcdf(path), lambda: xr.load_dataset(path, engine="h5netcdf"))


def in_turns(what: str, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    """Time both in turns, after one of each."""
    times = [(_seconds(ours), _seconds(theirs)) for _ in range(TURNS + 1)][1:]
    mine, other = (statistics.median(side) for side in zip(*times, strict=True))
    ratio = statistics.median(a / b for a, b in times)
    print(f"{what}: {1e3 * mine:.0f} ms, xarray with h5netcdf {1e3 * other:.0f} ms, {ratio:.2f} x")


def _seconds(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


if __name__ == "__main__":
    main()
