"""Read layers from the store and with `numpy.load`, and print how they compare.

Run ``python benchmarks/store.py`` (options: ``--items``, ``--features``, ``--layers``, ``--repeats``,
``--folder``). Both sides read float32 layers of the same shape in one run, alternately; medians. First from files
that were just written (page cache), then from the disk: the system is asked to forget the files before each read.
The store also brings the rows from the order of the batches into that of the items, and verifies the checksum.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from platoscope.representations import extract, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


HEADER = (
    "items × features",
    "numpy.load, cached",
    "store, cached",
    "share of the rate",
    "numpy.load, disk",
    "store, disk",
    "share of the rate",
    "zarr's own reading",
    "writing",
    "verifying",
)


class Memory:
    """An encoder that hands out states that are in memory: what is left is the cost of the store."""

    name = "memory"
    modality = "text"
    max_tokens = None

    def __init__(self, states: np.ndarray) -> None:
        self.states = states
        self.n_layers, _, self.n_features = states.shape
        self.provenance = {"id": "memory", "shape": list(states.shape)}

    def lengths(self, items: Sequence[str], /) -> np.ndarray:
        """Draw lengths at random, so that the order of the batches is not that of the items."""
        return np.random.default_rng(0).integers(40, 80, len(items))

    def batches(self, lengths: np.ndarray, /) -> list[np.ndarray]:
        """Put 32 items of similar length together."""
        order = np.argsort(lengths, kind="stable")
        return [order[i : i + 32] for i in range(0, order.size, 32)]

    def encode(self, items: Sequence[str], /, poolings: Sequence[Any]) -> dict[str, np.ndarray]:
        """Look the states up."""
        rows = [int(item) for item in items]
        return {str(pooling): self.states[:, rows] for pooling in poolings}


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, nargs="+", default=[1000, 3000, 3000])
    parser.add_argument("--features", type=int, nargs="+", default=[640, 2048, 4096])
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--folder", type=Path, default=None, help="on the disk to measure; default: temporary"
    )
    options = parser.parse_args()
    print(f"| {' | '.join(HEADER)} |")
    print(f"| {' | '.join(['---'] * len(HEADER))} |")
    for n_items, n_features in zip(options.items, options.features, strict=True):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            print(_row(Path(folder), n_items, n_features, options.layers, options.repeats))


def _row(folder: Path, n_items: int, n_features: int, n_layers: int, repeats: int) -> str:
    states = np.random.default_rng(0).standard_normal((n_layers, n_items, n_features), dtype=np.float32)
    for layer in range(n_layers):
        np.save(folder / f"{layer}.npy", states[layer])
    items = [str(i) for i in range(n_items)]
    store = folder / "store"
    writing = _seconds(lambda: extract(Memory(states), items, pooling="last", store=store))
    stored = extract(Memory(states), items, pooling="last", store=store, check=False)
    assert np.array_equal(stored[1], states[1])
    array = zarr.open_array(store / stored.key / "last", mode="r")
    plain, ours, zarrs = [], [], []
    for _ in range(repeats):
        for layer in range(n_layers):
            plain.append(_seconds(lambda layer=layer: np.load(folder / f"{layer}.npy")))
            ours.append(_seconds(lambda layer=layer: stored[layer]))
    plain_disk, ours_disk = [], []
    for layer in range(n_layers):
        _forget(folder)
        plain_disk.append(_seconds(lambda layer=layer: np.load(folder / f"{layer}.npy")))
        _forget(folder)
        ours_disk.append(_seconds(lambda layer=layer: stored[layer]))
    for layer in range(n_layers):
        zarrs.append(_seconds(lambda layer=layer: array[layer]))
    verifying = _seconds(lambda: verify(store))
    numpy_s, store_s, zarr_s = (statistics.median(times) for times in (plain, ours, zarrs))
    numpy_disk, store_disk = statistics.median(plain_disk), statistics.median(ours_disk)
    mega = states.nbytes / 1e6
    cells = [
        f"{n_items} × {n_features}",
        f"{1e3 * numpy_s:.2f} ms",
        f"{1e3 * store_s:.2f} ms",
        f"{numpy_s / store_s:.2f}",
        f"{1e3 * numpy_disk:.2f} ms",
        f"{1e3 * store_disk:.2f} ms",
        f"{numpy_disk / store_disk:.2f}",
        f"{1e3 * zarr_s:.2f} ms",
        f"{mega / writing:.0f} MB/s",
        f"{mega / verifying:.0f} MB/s",
    ]
    return f"| {' | '.join(cells)} |"


def _forget(folder: Path) -> None:
    """Ask the system to drop all files below a folder from its page cache (Linux)."""
    for path in folder.rglob("*"):
        if path.is_file():
            file = os.open(path, os.O_RDONLY)
            os.fsync(file)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)


if __name__ == "__main__":
    main()
