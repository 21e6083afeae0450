"""The arrays in a file that others wrote: NumPy, safetensors, PyTorch and HDF5, each by its own library."""

from __future__ import annotations

import importlib.util
import json
import pickle
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.errors import InputError, MemoryPlanError, guarded, reason_of, require_package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "ARRAY_NAME",
    "METADATA_NAME",
    "SUFFIXES",
    "Dump",
    "read_file",
    "require",
    "require_file",
]

ARRAY_NAME = "representations"
METADATA_NAME = "platoscope"
_ARRAYS_ALONE = (
    "Write arrays of numbers alone: numpy.save(path, array), or numpy.savez(path, layer0=array, ...)."
)


@dataclass(frozen=True)
class Dump:
    """The arrays of a file by name, and what it says about itself (if `export` wrote it)."""

    arrays: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)


def require(module: str, feature: str, extra: str = "io") -> None:
    """Name the extra that has an optional package, if it is missing."""
    require_package(module, feature, f"pip install 'platoscope[{extra}]'")


def require_file(file: Path, expected: str, /) -> None:
    """Refuse a path at which there is no file; `expected` says in a sentence what should be there.

    Raises
    ------
    InputError
        If so.
    """
    if not file.is_file():
        came = f"{str(file)!r} is a folder" if file.is_dir() else f"There is no file {str(file)!r}"
        message = f"{came}. {expected}"
        raise InputError(message)


def read_file(file: Path, /) -> Dump:
    """Read all arrays of a file whose ending is one of `SUFFIXES`.

    Raises
    ------
    InputError
        If it is missing, or cannot be read, whatever its library says.
    MissingExtraError
        If the package that reads it is not installed.
    """
    reader = _READERS[file.suffix.lower()]
    require_file(file, f"Expected a {file.suffix} file.")
    with guarded(f"Cannot read {str(file)!r} as {file.suffix}", "Check that the file is whole."):
        try:
            dump = reader(file)
        except MemoryError as error:
            message = f"Cannot read {str(file)!r}: {reason_of(error)}. Write what is needed of it to a smaller file."
            raise MemoryPlanError(message) from error
        said = dump.metadata
        if not isinstance(said, dict):
            message = f"what it says about itself under {METADATA_NAME!r} is no object"
            raise TypeError(message)
        kinds = {"ids": list, "pooling": str, "layers": list, "depth": int, "provenance": dict}
        wrong = [name for name, kind in kinds.items() if name in said and not isinstance(said[name], kind)]
        if wrong:
            message = (
                f"what it says about itself under {METADATA_NAME!r} has {wrong[0]}={said[wrong[0]]!r:.40}"
            )
            raise TypeError(message)
    return dump


def _read_npy(file: Path) -> Dump:
    with file.open("rb") as opened:
        # What begins otherwise, NumPy takes for a pickle, or for an .npz file.
        if opened.read(len(np.lib.format.MAGIC_PREFIX)) != np.lib.format.MAGIC_PREFIX:
            message = (
                f"Cannot read {str(file)!r} as .npy: it does not begin as one. Check that the file is whole. "
                f"{_ARRAYS_ALONE}"
            )
            raise InputError(message)
    with _no_objects(repr(str(file))):
        return Dump({file.stem: np.load(file, mmap_mode="r", allow_pickle=False)})


@contextmanager
def _no_objects(where: str) -> Iterator[None]:
    """Say of an array of Python objects that it is one; NumPy has no error of its own for it."""
    try:
        yield
    except ValueError as error:
        if "bject" not in str(error):
            raise
        message = f"Cannot read {where}: it holds Python objects, which could run any code. {_ARRAYS_ALONE}"
        raise InputError(message) from error


def _read_npz(file: Path) -> Dump:
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as content:
        arrays = {}
        for name in content.files:
            if name != METADATA_NAME:
                with _no_objects(f"{name!r} of {str(file)!r}"):
                    arrays[name] = content[name]
        other = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
        if other:  # what does not begin as an array is handed out as bytes
            message = f"{other[0]!r} in it is no array"
            raise TypeError(message)
        said = json.loads(str(content[METADATA_NAME])) if METADATA_NAME in content.files else {}
    return Dump(arrays, said)


def _read_safetensors(file: Path) -> Dump:
    require("safetensors", "Reading safetensors files")
    from safetensors import safe_open  # of the extra io

    # NumPy has no bfloat16, in which most such files are written; torch reads it.
    framework = "pt" if importlib.util.find_spec("torch") else "numpy"
    with safe_open(file, framework=framework) as content:
        arrays = {name: _as_numpy(content.get_tensor(name)) for name in content.keys()}  # noqa: SIM118
        said = json.loads((content.metadata() or {}).get(METADATA_NAME, "{}"))
    return Dump(arrays, said)


def _read_torch(file: Path) -> Dump:
    require("torch", "Reading .pt files", "models")
    import torch  # 1.8 s, and of the extra models

    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        message = (
            f"Cannot read {str(file)!r} as {file.suffix}: it holds more than tensors and plain values, which could run "
            "any code, or is damaged. Check that the file is whole. Write a dict of tensors, one per layer, by torch.save."
        )
        raise InputError(message) from error
    if not isinstance(content, dict):
        content = {ARRAY_NAME: content}
    said = json.loads(content.get(METADATA_NAME, "{}"))
    arrays = {}
    for name, value in content.items():
        if isinstance(value, torch.Tensor):
            arrays[str(name)] = _as_numpy(value)
        elif isinstance(value, list | tuple) and value and all(isinstance(v, torch.Tensor) for v in value):
            layers = [_as_numpy(layer) for layer in value]
            if len({layer.shape for layer in layers}) == 1:
                arrays[str(name)] = np.stack(layers)
            else:  # widths may differ
                arrays |= {f"{name}.{i}": layer for i, layer in enumerate(layers)}
    return Dump(arrays, said)


def _read_hdf5(file: Path) -> Dump:
    require("h5py", "Reading HDF5 files")
    import h5py  # 0.03 s, for this format only

    arrays: dict[str, Any] = {}

    def collect(name: str | bytes, node: Any) -> None:
        if isinstance(name, bytes):  # what h5py makes of other names than UTF-8
            message = f"{str(file)!r} has an object whose name is no text ({name!r}). Write the file again."
            raise InputError(message)
        if isinstance(node, h5py.Dataset) and name != METADATA_NAME:
            if node.external or node.is_virtual:
                message = (
                    f"{name!r} of {str(file)!r} lies in other files, which are not read. "
                    "Copy it into the file (h5repack)."
                )
                raise InputError(message)
            arrays[name] = node[()]

    with h5py.File(file, "r") as content:
        content.visititems(collect)
        said = json.loads(content[METADATA_NAME][()]) if METADATA_NAME in content else {}
    return Dump(arrays, said)


_READERS: Mapping[str, Callable[[Path], Dump]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".safetensors": _read_safetensors,
    ".pt": _read_torch,
    ".pth": _read_torch,
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
}
SUFFIXES = tuple(_READERS)


def _as_numpy(tensor: Any) -> NDArray[Any]:
    if isinstance(tensor, np.ndarray):
        return tensor
    plain = tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor
    array: NDArray[Any] = plain.detach().numpy()
    return array
