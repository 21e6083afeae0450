"""Readers of models, studies and clusters, held against what stands in their files."""

from __future__ import annotations

import json
import tomllib
from functools import partial
from typing import TYPE_CHECKING, Any

import gguf
import numpy as np

from attacking.edits import edited_header, edited_json, edited_toml
from attacking.readers import ANYTHING, Reader, reader_of
from platoscope.cluster._notation import parse_cluster
from platoscope.models import load_model, parse_poolings
from platoscope.studies import make_plan
from platoscope.studies.paper.toml import read_study
from platoscope.testing.models import save_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MODELS", "SETTINGS", "readers_of_models", "readers_of_settings"]

SETTINGS = ("study (TOML)", "cluster (TOML)")
_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")
MODELS = (*(f"model folder ({name})" for name in _FILES), "model (.gguf)")
_STUDY = """
name = "mine"
question = "Do they agree?"
[settings]
n = 100
seed = 3
measures = ["information_imbalance"]
[[comparison]]
label = "pairs"
a = { model = "gemma-3-270m", side = "a", pooling = "mean(5)", clip = 0.05 }
b = { model = "gemma-3-270m", side = "b", layers = [0, 1] }
items = { data = "bible:en-it", minimum = 1, maximum = 40 }
[[comparison]]
label = "made up"
a = { type = "synthetic", construction = "low_rank", role = "x", n_features = 20, values = [1, 5] }
b = { type = "synthetic", construction = "low_rank", role = "y", n_features = 20, values = [1, 5] }
[[panel]]
kind = "profile"
labels = ["pairs"]
title = "By layer"
[[statement]]
claim = "minimum-in-the-middle"
labels = ["pairs"]
text = "They agree."
"""
_CLUSTER = """
kind = "slurm"
workers = 4
[options]
queue = "gpu"
cores = 16
memory = "64 GB"
"""


def readers_of_settings(scratch: Path, /) -> list[Reader]:
    """Write a study and a description of a cluster, and say how they are read."""
    study, cluster = scratch / "study.toml", scratch / "cluster.toml"
    study.write_text(_STUDY, encoding="utf-8")
    cluster.write_text(_CLUSTER, encoding="utf-8")

    def planned() -> Any:
        found = read_study(study)
        make_plan(found, skip_missing=True)
        return found.name, found.question

    def parsed() -> Any:
        found: Any = parse_cluster(cluster)
        return found.kind, found.workers, repr(found.options)

    def of_study(content: bytes) -> Any:
        found = tomllib.loads(content.decode())
        return found["name"], found["question"]

    def of_cluster(content: bytes) -> Any:
        found = tomllib.loads(content.decode())
        return found["kind"], found.get("workers", 1), repr(found.get("options", {}))

    return [
        reader_of(SETTINGS[0], study, planned, of_study, "tomllib: name and question", edits=[edited_toml]),
        reader_of(SETTINGS[1], cluster, parsed, of_cluster, "tomllib", edits=[edited_toml]),
    ]


def readers_of_models(scratch: Path, /) -> list[Reader]:
    """Save a tiny model per file that is edited, and say how it is read."""
    found = []
    for number, name in enumerate(_FILES):
        folder = save_tiny_model("llama", scratch / f"model {number}")
        edits = [edited_header] if name.endswith(".safetensors") else [edited_json]
        found.append(
            reader_of(
                f"model folder ({name})",
                folder / name,
                partial(_read, folder),
                partial(_size_of, folder, name),
                "its config.json: layers, features",
                edits=edits,
            )
        )
    return [*found, _gguf(scratch)]


def _read(folder: Path) -> Any:
    model = load_model(str(folder), device="cpu", dtype="float32")
    states = model.encode(["one text", "and another one"], parse_poolings("last"))["last"]
    return len(states), states.shape[2], bool(np.isfinite(states).all())


def _size_of(folder: Path, name: str, content: bytes) -> Any:
    said = json.loads(content if name == "config.json" else (folder / "config.json").read_bytes())
    return said["num_hidden_layers"] + 1, said["hidden_size"], True


def _gguf(scratch: Path) -> Reader:
    file = scratch / "made.gguf"
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_block_count(2)
    writer.add_tensor("token_embd.weight", np.zeros((8, 4), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return reader_of(
        "model (.gguf)",
        file,
        lambda: bool(load_model(str(file))),
        lambda _: ANYTHING,
        "nothing: it has no tokenizer",
    )
