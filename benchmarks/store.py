"""Read layers from the store, with `numpy.load` and with Zarr's pipelines, and print how they compare.

Run ``python benchmarks/store.py`` (options: ``--items``, ``--features``, ``--layers``, ``--repeats``,
``--folder``). All read float32 layers of the same shape in one run, in turn; medians. First from files that
were just written (page cache), then from the disk: the system is asked to forget the files before each read.
CPU is the processor time of reading from the page cache; other programs change it less than the times. All but
`numpy.load` verify the checksums and bring the rows from the order of the batches into that of the items.

Measured are the pipelines that are installed: Zarr's default, its fused one (zarr >= 3.3, which needs Python
3.12), and that of ``pip install zarrs``.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import tempfile
import time
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import zarr

from measuring.states import Memory
from platoscope.representations import extract, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Read = Callable[[int], np.ndarray]


HEADER = (
    "items × features",
    "reader",
    "cached",
    "of numpy.load",
    "of the store",
    "CPU",
    "of the store",
    "disk",
    "of numpy.load",
    "of the store",
)
PIPELINES = {
    "Zarr, default": "zarr.core.codec_pipeline.BatchedCodecPipeline",
    "Zarr, fused": "zarr.core.codec_pipeline.FusedCodecPipeline",
    "zarrs": "zarrs.ZarrsCodecPipeline",
}


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
    rates = []
    for n_items, n_features in zip(options.items, options.features, strict=True):
        shape = options.layers, n_items, n_features
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            rates.append(_measure(Path(folder), shape, options.repeats))
    print("\n".join(["", f"Zarr {zarr.__version__}.", *rates]))


def _measure(folder: Path, shape: tuple[int, int, int], repeats: int) -> str:
    """Print the rows of one size, and return how fast its store was written and verified."""
    states = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    items = [str(i) for i in range(shape[1])]
    store = folder / "store"
    writing = _seconds(lambda: extract(Memory(states), items, pooling="last", store=store))
    verifying = _seconds(lambda: verify(store))
    readers = _readers(folder, states, items)
    for name, read in readers.items():
        assert np.array_equal(read(1), states[1]), name
    cached, processor, disk = defaultdict(list), defaultdict(list), defaultdict(list)
    for layer in list(range(shape[0])) * repeats:
        for name, read in readers.items():
            began = time.process_time()
            cached[name].append(_seconds(partial(read, layer)))
            processor[name].append(time.process_time() - began)
    for layer in range(shape[0]):
        for name, read in readers.items():
            _forget(folder)
            disk[name].append(_seconds(partial(read, layer)))
    size = f"{shape[1]} × {shape[2]}"
    for name in readers:
        on_cpu, _, cpu_of_store = _cells(processor, name)
        cells = [*_cells(cached, name), on_cpu, cpu_of_store, *_cells(disk, name)]
        print(f"| {' | '.join([size, name, *cells])} |")
    mega = states.nbytes / 1e6
    return f"{size}: written at {mega / writing:.0f} MB/s, verified at {mega / verifying:.0f} MB/s."


def _readers(folder: Path, states: np.ndarray, items: Sequence[str]) -> dict[str, Read]:
    for layer, content in enumerate(states):
        np.save(folder / f"{layer}.npy", content)
    memory = Memory(states)
    stored = extract(memory, items, pooling="last", store=folder / "store", check=False)
    row_of = np.argsort(np.concatenate(memory.batches(memory.lengths(items))))
    readers: dict[str, Read] = {
        "`numpy.load`": lambda layer: np.load(folder / f"{layer}.npy"),
        "the store": lambda layer: stored[layer],
    }
    for name, path in PIPELINES.items():
        module, _, pipeline = path.rpartition(".")
        try:
            getattr(importlib.import_module(module), pipeline)
        except (ImportError, AttributeError):
            continue
        with zarr.config.set({"codec_pipeline.path": path}):
            array = zarr.open_array(folder / "store" / stored.key / "last", mode="r")
        readers[name] = partial(_through_zarr, array, row_of)
    return readers


def _through_zarr(array: zarr.Array, row_of: np.ndarray, layer: int) -> np.ndarray:
    """Read as the store would if Zarr read the chunks."""
    # zarrs leaves an index that drops a dimension to Zarr's default.
    return array[layer : layer + 1][0][row_of]


def _cells(seconds: dict[str, list[float]], name: str) -> list[str]:
    median = {reader: statistics.median(times) for reader, times in seconds.items()}
    ratios = [f"{median[name] / median[other]:.2f} ×" for other in ("`numpy.load`", "the store")]
    return [f"{1e3 * median[name]:.2f} ms", *ratios]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


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
