"""Hostile inputs of every reader: whole files of each format, edited as disks, programs and people edit them."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import gguf
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import safetensors.numpy
import torch

from attacking import things
from attacking.rows import Row
from platoscope.datasets import load_pairs, open_image
from platoscope.errors import PlatoscopeError
from platoscope.models import load_model
from platoscope.representations import import_representations
from platoscope.studies.paper.toml import read_study
from platoscope.testing.models import save_tiny_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["attack_readers"]

_TIMES = 60
_MODELS = 20  # these take a second each
_INSERTS = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", b"\r", b"\n", b"\xe2\x80\xa8", b'"', b"<", b"&nope;", b"[" * 3000,
    b"{}", b"NaN", b"1e999", b"-1", b"9" * 400, b"\\ud800", b",", b"\t", b"\xff" * 64, b"null", b"%s{}$",
)  # fmt: skip
_STUDY = """
name = "mine"
question = "Do they agree?"
[settings]
n = 100
[[comparison]]
label = "pairs"
a = { model = "tiny", side = "a" }
b = { model = "tiny", side = "b" }
items = { data = "pairs.jsonl" }
[[panel]]
kind = "profile"
labels = ["pairs"]
title = "By layer"
"""


@dataclass(frozen=True)
class _Reader:
    """A format: a file of it, what reads it here, and what the library or the language reads in the same file.

    The second is None where there is nothing simple to hold the reader against: then only sentences are looked at. A
    file that is not `whole` could not be read as it was, either.
    """

    name: str
    file: Path
    read: Callable[[], Any]
    plainly: Callable[[bytes], Any] | None = None
    times: int = _TIMES
    whole: bool = True


def attack_readers(scratch: Path, share: float, /) -> list[Row]:
    """Give every reader files that are nearly right."""
    os.environ["PLATOSCOPE_CACHE"] = str(scratch / "cache")
    rng = np.random.default_rng(0)
    return [_attack(reader, max(1, round(reader.times * share)), rng) for reader in _readers(scratch)]


def _attack(reader: _Reader, times: int, rng: np.random.Generator) -> Row:
    row = Row("hostile input", reader.name)
    content = reader.file.read_bytes()
    if reader.whole:
        found = reader.read()
        assert reader.plainly is None or found == reader.plainly(content), reader.name
    for number in range(times):
        done, hostile = _mutated(content, rng)
        reader.file.write_bytes(hostile)
        outcome, detail = "unharmed", f"edit {number}: {done}"
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                found = reader.read()
            if reader.plainly is not None and found != reader.plainly(hostile):
                outcome = "silent"
        except PlatoscopeError:
            outcome = "noticed"
        except Exception as error:  # that is what is looked for
            outcome, detail = "traceback", f"{detail}: {error!r}"
        row.add(outcome, detail)
    reader.file.write_bytes(content)
    return row


def _mutated(content: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """Edit a file at one to three places; what was done, and the file."""
    done = []
    for _ in range(int(rng.integers(1, 4))):
        start, stop = sorted(int(place) for place in rng.integers(0, len(content) + 1, 2))
        stop = min(stop, start + int(rng.choice([1, 8, 200])))
        piece = content[start:stop]
        kind = str(rng.choice(["cut off", "drop", "repeat", "insert", "replace", "flip"]))
        if kind == "insert" or kind == "replace":
            inserted = _INSERTS[int(rng.integers(len(_INSERTS)))]
            piece = inserted if kind == "replace" else inserted + piece
        elif kind == "flip":
            piece = bytes(byte ^ 1 << int(rng.integers(8)) for byte in piece)
        elif kind == "drop":
            piece = b""
        elif kind == "repeat":
            piece *= 3
        content = content[:start] if kind == "cut off" else content[:start] + piece + content[stop:]
        done.append(f"{kind} at {start}")
    return ", ".join(done), content


def _readers(scratch: Path) -> list[_Reader]:
    scratch.mkdir(exist_ok=True)
    return [*_of_pairs(scratch), *_of_arrays(scratch), *_of_studies(scratch), *_of_models(scratch)]


def _pairs_of(file: Path) -> Callable[[], Any]:
    def read() -> Any:
        found = load_pairs(f"{file}:en,it", keep_duplicates=True)
        return [list(found.a.items), list(found.b.items)]

    return read


def _columns(rows: Sequence[Any]) -> Any:
    """Take both sides out of rows; what a table of texts cannot be is no answer, and nothing is held against it."""
    return [[row[name] for row in rows] for name in ("en", "it")]


def _of_pairs(scratch: Path) -> list[_Reader]:
    texts = things.sentences(24)
    rows = [{"id": str(i), "en": texts[i], "it": texts[i + 12]} for i in range(12)]
    table = io.StringIO()
    writer = csv.DictWriter(table, ["id", "en", "it"])
    writer.writeheader()
    writer.writerows(rows)
    units = "".join(
        f'<tu><tuv xml:lang="en"><seg>{row["en"]}</seg></tuv><tuv xml:lang="it"><seg>{row["it"]}</seg></tuv></tu>'
        for row in rows
    )
    written = {
        "jsonl": "\n".join(map(json.dumps, rows)),
        "json": json.dumps(rows),
        "csv": table.getvalue(),
        "tsv": table.getvalue().replace(",", "\t"),
        "tmx": f'<?xml version="1.0" encoding="utf-8"?><tmx version="1.4"><header/><body>{units}</body></tmx>',
    }
    found = []
    for ending, text in written.items():
        file = scratch / f"pairs.{ending}"
        file.write_text(text, encoding="utf-8")
        found.append(_Reader(ending.upper(), file, _pairs_of(file)))
    file = scratch / "pairs.parquet"
    parquet.write_table(pa.Table.from_pylist(rows), file)
    found.append(
        _Reader(
            "Parquet",
            file,
            _pairs_of(file),
            lambda hostile: _columns(parquet.read_table(io.BytesIO(hostile)).to_pylist()),
        )
    )
    left, right = scratch / "text.en", scratch / "text.it"
    for side, name in ((left, "en"), (right, "it")):
        side.write_text("".join(f"{row[name]}\n" for row in rows), encoding="utf-8")
    found.append(_Reader("aligned text", right, lambda: load_pairs(f"{left},{right}").fingerprint()))
    for kind in ("PNG", "JPEG", "WEBP", "TIFF"):
        image = scratch / f"picture.{kind.lower()}"
        image.write_bytes(things.picture(0, kind))
        found.append(_Reader(f"image ({kind})", image, lambda image=image: open_image(image).size))
    return found


def _of_arrays(scratch: Path) -> list[_Reader]:
    stack = np.random.default_rng(0).standard_normal((3, 8, 4)).astype(np.float32)
    files = {name: scratch / f"stack.{name}" for name in ("npy", "npz", "safetensors", "pt", "h5")}
    np.save(files["npy"], stack)
    np.savez(files["npz"], representations=stack)
    safetensors.numpy.save_file({"representations": stack}, files["safetensors"])
    torch.save(torch.from_numpy(stack), files["pt"])
    with h5py.File(files["h5"], "w") as file:
        file["representations"] = stack

    def read(file: Path) -> bytes:
        found = import_representations(file)
        return np.stack([np.asarray(layer) for layer in found]).tobytes()

    plainly = {
        "npy": lambda hostile: np.load(io.BytesIO(hostile)).tobytes(),
        "npz": lambda hostile: next(iter(np.load(io.BytesIO(hostile)).values())).tobytes(),
        "safetensors": lambda hostile: next(iter(safetensors.numpy.load(hostile).values())).tobytes(),
    }
    return [
        _Reader(f"states (.{name})", file, lambda file=file: read(file), plainly.get(name))
        for name, file in files.items()
    ]


def _of_studies(scratch: Path) -> list[_Reader]:
    file = scratch / "study.toml"
    file.write_text(_STUDY, encoding="utf-8")

    def name_of(hostile: bytes) -> Any:
        return tomllib.loads(hostile.decode())["name"]

    return [_Reader("study (TOML)", file, lambda: read_study(file).name, name_of)]


def _of_models(scratch: Path) -> list[_Reader]:
    file = scratch / "made.gguf"
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_block_count(2)
    writer.add_tensor("token_embd.weight", np.zeros((8, 4), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    gguf_file = _Reader(
        "model (.gguf)", file, lambda: bool(load_model(str(file))), times=_MODELS, whole=False
    )
    found = [gguf_file]
    whole = save_tiny_model("llama", scratch / "whole")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"):
        folder = scratch / f"model with another {name}"
        shutil.copytree(whole, folder)
        use = partial(_load, folder)
        found.append(_Reader(f"model folder ({name})", folder / name, use, times=_MODELS))
    return found


def _load(folder: Path) -> bool:
    return bool(load_model(str(folder)).provenance)
