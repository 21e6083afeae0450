"""Small things of every kind that is kept, each made by a function of a folder."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from platoscope.datasets import Pairs, Side, prepare_data, write_pairs
from platoscope.kept import CHECKSUMS
from platoscope.layerwise import as_stack, imbalance_in_blocks, split_comparison
from platoscope.measures import ComparisonOptions
from platoscope.models.bundled import BundledModel, bundled_folder, convert_bundled, require_whole
from platoscope.representations import extract
from platoscope.studies import execute, get_study, make_plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from platoscope.layerwise import FoundPart

__all__ = [
    "bytes_of",
    "compare_in_blocks",
    "convert",
    "hash_of",
    "packages",
    "parts",
    "prepare",
    "read",
    "run",
    "sentences",
    "write",
]


class Counting:
    """An encoder of NumPy alone: a process that is forked may use it."""

    name = "counting"
    modality = "text"
    max_tokens = None
    n_layers = 6
    n_features = 64
    provenance: Mapping[str, Any] = {"id": "counting", "dtype": "float32", "device": "cpu"}

    def lengths(self, items: Sequence[str], /) -> np.ndarray:
        """Count words."""
        return np.array([len(item.split()) for item in items], np.int64)

    def batches(self, lengths: np.ndarray, /) -> list[np.ndarray]:
        """Take sixteen together."""
        return [np.arange(lengths.size)[i : i + 16] for i in range(0, lengths.size, 16)]

    def encode(self, items: Sequence[str], /, poolings: Sequence[Any]) -> dict[str, np.ndarray]:
        """Draw states that depend on the item."""
        seeds = [int.from_bytes(hashlib.sha256(item.encode()).digest()[:8], "little") for item in items]
        states = [
            np.random.default_rng(seed).random((self.n_layers, self.n_features), np.float32) for seed in seeds
        ]
        return {str(pooling): np.stack(states, 1) for pooling in poolings}


def sentences(n: int, /) -> list[str]:
    """Write different sentences."""
    return [f"sentence {i} of {n} about rain {i * i}" for i in range(n)]


def read(folder: Path, /) -> None:
    """Extract into a store."""
    extract(Counting(), sentences(600), pooling=("last", "mean(3)"), store=folder)


def run(folder: Path, /) -> None:
    """Run a study that needs no model."""
    plan = make_plan(get_study("rank-synthetic"), n=48, n_resamples=2, n_permutations=2, seed=0)
    execute(plan, out=folder / "run")


def compare_in_blocks(folder: Path, /) -> tuple[float, float]:
    """Compare items a few at a time, and keep what is finished."""
    X = np.random.default_rng(0).random((600, 8))
    forward, backward = imbalance_in_blocks(X, X[:, :3], items_per_block=40, keep_in=folder / "kept")
    return forward, backward


def parts() -> list[FoundPart]:
    """Compute both parts of a small comparison."""
    rng = np.random.default_rng(0)
    A, B = ([rng.random((30, 4)) for _ in range(2)] for _ in range(2))
    options = ComparisonOptions(
        measures=("information_imbalance",), n_resamples=2, n_permutations=2, items=True
    )
    split = split_comparison(as_stack(A), as_stack(B), 2, options=options, strata=None, seed=0)
    return [split.compute(place) for place in range(2)]


def _stand_in(size: int) -> BundledModel:
    """Make a bundled model of noise."""

    def write_model(folder: Path) -> str:
        for i, name in enumerate(("config.json", "tokenizer.json", "one.safetensors", "two.safetensors")):
            (folder / name).write_bytes(np.random.default_rng(i).bytes(size))
        return "digest"

    return BundledModel("stand-in", "numpy", "pip install numpy", None, None, write_model)


def convert(size: int, /) -> Path:
    """Convert a model into the cache, and hold it against its checksums, as loading does."""
    model = _stand_in(size)
    place, _ = bundled_folder(model)
    require_whole(place, lambda: convert_bundled(model, place), weights=True)
    return place


def picture(seed: int, kind: str = "PNG", /) -> bytes:
    """Draw noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()


def packages(folder: Path, n: int = 60, /) -> list[Path]:
    """Pack emoji as their vendors do."""
    codes = [f"{0x1F600 + i:x}" for i in range(n)]
    about = [
        {"image": f"{code}.png", "short_name": code, "category": f"c{i % 3}", "sort_order": i}
        for i, code in enumerate(codes)
    ]
    google = {"package.json": _described("emoji-datasource-google"), "emoji.json": json.dumps(about).encode()}
    fluent = {"package.json": _described("@lobehub/fluent-emoji-3d")}
    for i, code in enumerate(codes):
        google[f"img/google/64/{code}.png"] = picture(i)
        fluent[f"assets/{code}.webp"] = picture(i + n, "WEBP")
    return [_pack(folder / "google.tgz", google), _pack(folder / "fluent.tgz", fluent)]


def _described(name: str) -> bytes:
    return json.dumps({"name": name, "version": "1.0.0"}).encode()


def _pack(path: Path, files: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def prepare(folder: Path, packages: Sequence[Path], /) -> None:
    """Prepare a data set from its packages."""
    out = folder / "emoji"
    if not out.exists():
        prepare_data("emoji", packages, out=out)


def write(folder: Path, /) -> Path:
    """Write pairs of pictures and texts."""
    images = Side("image", "image", [picture(i) for i in range(12)])
    return write_pairs(Pairs("toy", images, Side("en", "text", sentences(12))), folder)


def hash_of(array: np.ndarray, /) -> str:
    """Give a digest of numbers."""
    return hashlib.sha256(array.tobytes()).hexdigest()[:16]


def bytes_of(folder: Path, /) -> str:
    """Give a digest of all files and their names but the checksums; when they were made is left out."""
    total = hashlib.sha256()
    for file in sorted(file for file in folder.rglob("*") if file.is_file() and file.name != CHECKSUMS):
        total.update(f"{file.relative_to(folder)}\n".encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()
