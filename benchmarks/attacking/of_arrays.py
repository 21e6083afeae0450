"""Readers of arrays that others dumped, held against the libraries of the formats."""

from __future__ import annotations

import io
import json
import tempfile
from functools import partial
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import safetensors.numpy
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as drawn

from attacking.edits import edited_header, edited_json, edited_zip
from attacking.readers import ANYTHING, Reader, reader_of
from platoscope import information_imbalance
from platoscope.layerwise import imbalance_in_blocks
from platoscope.representations import (
    Representations,
    export,
    import_representations,
    import_sglang,
    import_vllm,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["ARRAYS", "readers_of_arrays"]

ARRAYS = (
    "states (.npy)", "states (.npz)", "states (.safetensors)", "states (.pt)", "states (.h5)", "export (.safetensors)",
    "rows in blocks (.npy)", "file of vLLM", "response of SGLang",
)  # fmt: skip
_NAME = "representations"
_LAST = 3


def readers_of_arrays(scratch: Path, /) -> list[Reader]:
    """Write a file of each format, and say how it is read."""
    stack = np.random.default_rng(0).standard_normal((3, 8, 4)).astype(np.float32)
    formats: dict[str, tuple[Callable[[Any], bytes], Callable[[bytes], Any], str, Any]] = {
        "npy": (_npy, _of_npy, "numpy.load", []),
        "npz": (_npz, _of_npz, "numpy.load, one array", [edited_zip]),
        "safetensors": (_tensors, _of_tensors, "safetensors.numpy, one array", [edited_header]),
        "pt": (_torch, _of_torch, "torch.load, one tensor", [edited_zip]),
        "h5": (_hdf5, _of_hdf5, "h5py, one data set", []),
    }
    found = []
    for ending, (write, judge, judge_name, edits) in formats.items():
        file = scratch / f"stack.{ending}"
        file.write_bytes(write(stack))
        kinds = _KINDS if ending in ("npy", "npz", "h5") else _KINDS[:4]
        made = _stacks(kinds).map(write)
        found.append(
            reader_of(
                f"states (.{ending})",
                file,
                partial(_stack_in, file),
                judge,
                judge_name,
                edits=edits,
                made=made,
            )
        )
    return [
        *found,
        _export(scratch, stack),
        _rows(scratch, stack[0]),
        _vllm(scratch, stack),
        _sglang(scratch, stack),
    ]


_KINDS = ("<f4", "<f8", "<f2", "<i8", ">f4", ">f8", "<i2", "<u1", "|b1", "<c8")


def _stacks(kinds: Iterable[str]) -> st.SearchStrategy[NDArray[Any]]:
    shapes = drawn.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
    return st.sampled_from(list(kinds)).flatmap(lambda kind: drawn.arrays(np.dtype(kind), shapes))


def _stack_in(file: Path) -> Any:
    return _comparable(np.asarray(layer) for layer in import_representations(file))


def _comparable(layers: Iterable[NDArray[Any]]) -> Any:
    with np.errstate(over="ignore"):
        return [(layer.shape, np.ascontiguousarray(layer, np.float32).tobytes()) for layer in layers]


def _layers_of(array: NDArray[Any]) -> Any:
    """Give the layers of an array, whose axes are layer, item and feature, or item and feature."""
    if array.dtype.kind not in "fiub":
        message = f"{array.dtype} is no real number"
        raise TypeError(message)
    return _comparable([array]) if array.ndim == 2 else _comparable(array) if array.ndim == 3 else ANYTHING


def _only(found: Mapping[str, NDArray[Any]]) -> Any:
    """Take the one array of a file, if it says nothing of its meaning."""
    return _layers_of(next(iter(found.values()))) if len(found) == 1 else ANYTHING


def _npy(array: NDArray[Any]) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def _of_npy(content: bytes) -> Any:
    return _layers_of(np.load(io.BytesIO(content)))


def _rows(scratch: Path, rows: NDArray[Any]) -> Reader:
    """Items that are compared in blocks: those of a file with those of an array."""
    file = scratch / "rows.npy"
    file.write_bytes(_npy(rows))
    other = np.random.default_rng(1).standard_normal((len(rows), 3))

    def read() -> Any:
        # Ties share a place; their sum may be rounded otherwise.
        return np.float32(imbalance_in_blocks(file, other, items_per_block=3)).tolist()

    def judge(content: bytes) -> Any:
        found = np.load(io.BytesIO(content))
        if found.ndim != 2 or found.dtype.kind not in "fiub":
            message = f"{found.shape} of {found.dtype} are no rows"
            raise TypeError(message)
        return np.float32(information_imbalance(found, other)).tolist()

    shapes = drawn.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=8) | st.just((len(rows), 2))
    made = st.sampled_from(_KINDS).flatmap(lambda kind: drawn.arrays(np.dtype(kind), shapes)).map(_npy)
    return reader_of("rows in blocks (.npy)", file, read, judge, "numpy.load and Δ of all at once", made=made)


def _npz(array: NDArray[Any]) -> bytes:
    out = io.BytesIO()
    np.savez(out, **{_NAME: array})
    return out.getvalue()


def _of_npz(content: bytes) -> Any:
    with np.load(io.BytesIO(content)) as found:
        return _only({name: found[name] for name in found.files})


def _tensors(array: NDArray[Any]) -> bytes:
    return safetensors.numpy.save({_NAME: np.ascontiguousarray(array)})


def _of_tensors(content: bytes) -> Any:
    return _only(safetensors.numpy.load(content))


def _torch(array: NDArray[Any]) -> bytes:
    out = io.BytesIO()
    torch.save(torch.from_numpy(np.array(array)), out)
    return out.getvalue()


def _of_torch(content: bytes) -> Any:
    found = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    if not isinstance(found, torch.Tensor):
        return ANYTHING
    return _layers_of((found.float() if found.dtype is torch.bfloat16 else found).detach().numpy())


def _hdf5(array: NDArray[Any]) -> bytes:
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        file[_NAME] = array
    return out.getvalue()


def _of_hdf5(content: bytes) -> Any:
    # Of a file on disk, since what HDF5 takes of its header depends on where it lies.
    with tempfile.NamedTemporaryFile(suffix=".h5") as place:
        place.write(content)
        place.flush()
        return _of_hdf5_file(place.name)


def _of_hdf5_file(path: str) -> Any:
    with h5py.File(path, "r") as file:
        return _layers_of(file[_NAME][()]) if list(file) == [_NAME] else ANYTHING


def _export(scratch: Path, stack: NDArray[Any]) -> Reader:
    file = scratch / "export.safetensors"
    export(Representations.from_arrays(stack, ids=list("abcdefgh"), layers=[0, 2, 4], pooling="mean"), file)

    def read() -> Any:
        found = import_representations(file)
        return list(found.ids), list(found.layers), _comparable(np.asarray(layer) for layer in found)

    def judge(content: bytes) -> Any:
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
        said = json.loads(metadata.get("platoscope", "{}"))
        arrays = safetensors.numpy.load(content)
        if len(arrays) != 1 or not {"ids", "layers"} <= said.keys():
            return ANYTHING
        ids = [str(name) if type(name) is int else name for name in said["ids"]]
        return ids, said["layers"], _layers_of(next(iter(arrays.values())))

    @st.composite
    def edited_metadata(draw: st.DrawFn, content: bytes) -> bytes:
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        said = draw(edited_json(header["__metadata__"]["platoscope"].encode()))
        header["__metadata__"]["platoscope"] = said.decode("utf-8", "surrogatepass")
        written = json.dumps(header).encode()
        return len(written).to_bytes(8, "little") + written + content[8 + length :]

    edits = [edited_metadata, edited_header]
    return reader_of("export (.safetensors)", file, read, judge, "safetensors.numpy and json", edits=edits)


def _vllm(scratch: Path, stack: NDArray[Any]) -> Reader:
    folder = scratch / "vllm"
    folder.mkdir(exist_ok=True)
    states = np.ascontiguousarray(stack.transpose(1, 0, 2))

    def write(states: NDArray[Any], tokens: NDArray[Any]) -> bytes:
        return safetensors.numpy.save({"hidden_states": states, "token_ids": tokens})

    def read() -> Any:
        found = import_vllm(folder, layers=[0, 4, 8], pooling=f"mean({_LAST})", drop_last=0)
        return _comparable(np.asarray(layer) for layer in found)

    def judge(content: bytes) -> Any:
        found = safetensors.numpy.load(content)
        states = found["hidden_states"].astype(np.float32)
        if (
            len(found["token_ids"]) != len(states)
            or not np.isfinite(states).all()
            or not states.any((1, 2)).all()
        ):
            message = "these are no states of whole prompts"
            raise ValueError(message)
        return _comparable(states[-_LAST:].mean(0)[:, None])

    tokens = np.arange(len(states))
    (folder / "0.safetensors").write_bytes(write(states, tokens))
    numbers = drawn.arrays(np.float32, st.tuples(st.integers(0, 9), st.just(3), st.integers(0, 4)))
    made = st.tuples(numbers, st.integers(0, 9)).map(lambda pair: write(pair[0], np.arange(pair[1])))
    return reader_of(
        "file of vLLM",
        folder / "0.safetensors",
        read,
        judge,
        "safetensors.numpy and a mean",
        edits=[edited_header],
        made=made,
    )


def _sglang(scratch: Path, stack: NDArray[Any]) -> Reader:
    file = scratch / "responses.json"
    answers = [
        {
            "text": "",
            "meta_info": {
                "id": str(i), "prompt_tokens": 8, "cached_tokens": 0, "hidden_states": [rows.tolist(), rows[0].tolist()],
            },
        }
        for i, rows in enumerate(stack)
    ]  # fmt: skip
    file.write_text(json.dumps(answers), encoding="utf-8")

    def read() -> Any:
        found = import_sglang(file, depth=2, pooling=f"mean({_LAST})", drop_last=0)
        return list(found.ids), _comparable(np.asarray(layer) for layer in found)

    def judge(content: bytes) -> Any:
        found = json.loads(content.decode())
        about = [answer["meta_info"] for answer in (found if isinstance(found, list) else [found])]
        rows = [np.array(one["hidden_states"][0], np.float32) for one in about]
        whole = all(len(row) == one["prompt_tokens"] for row, one in zip(rows, about, strict=True))
        if not whole or any(one.get("cached_tokens") for one in about):
            message = "these are no states of whole prompts"
            raise ValueError(message)
        return [one["id"] for one in about], _comparable([np.stack([row[-_LAST:].mean(0) for row in rows])])

    return reader_of("response of SGLang", file, read, judge, "json, NumPy and a mean", edits=[edited_json])
