"""Reading what others dumped: NumPy, safetensors, PyTorch, HDF5 files, and vLLM's hidden states."""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.errors import InputError, MissingExtraError
from platoscope.models.pooling import Pooling, check_clip, parse_poolings
from platoscope.models.tokens import TokenLayout, text_readings
from platoscope.representations.representations import Representations

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from platoscope.models.tokens import Reading

__all__ = ["ARRAY_NAME", "METADATA_NAME", "import_representations", "import_vllm", "require"]

ARRAY_NAME = "representations"
METADATA_NAME = "platoscope"
_WELL_KNOWN = (ARRAY_NAME, "feats", "hidden_states")
_TRAILING_NUMBER = re.compile(r"(\d+)\D*$")


@dataclass(frozen=True)
class _Dump:
    """The arrays of a file by name, and what it says about itself (if `export` wrote it)."""

    arrays: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)


def import_representations(
    path: str | os.PathLike[str],
    /,
    *,
    axes: Sequence[str] | None = None,
    name: str | None = None,
    ids: Sequence[str] | None = None,
    pooling: str | None = None,
    layers: Sequence[int] | None = None,
    depth: int | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Representations:
    """Read representations from a file that something else wrote, or `export`.

    Parameters
    ----------
    path : path
        ``.npy`` (memory-mapped), ``.npz``, ``.safetensors``, ``.pt`` or ``.pth`` (tensors only, no pickled
        code is run), ``.h5`` or ``.hdf5``.
    axes : sequence of str, optional
        What each axis of the array is, of "layer", "item", "token" and "feature", in its order. By default
        "item", "layer", "feature" for ``.pt`` files (as platonic-rep writes its ``feats``) and "layer",
        "item", "feature" for others, with "token" before "feature" in a fourth axis and no "layer" where
        there are two axes only.
    name : str, optional
        Which array of the file. By default the only one, or one called "representations", "feats" or
        "hidden_states", or else all as one layer each if their names end in numbers ("layer_0", "layer_1",
        …).
    ids, pooling, layers, depth, provenance
        As for `Representations.from_arrays`; by default what a file written by `export` says. A pooling that
        nobody names is "unknown", or "tokens(k)" if there is an axis of tokens.

    Returns
    -------
    Representations
        In memory, or memory-mapped for ``.npy``.

    Raises
    ------
    InputError
        If the file is missing, unreadable or of another kind, or the array is not what `axes` says.
    MissingExtraError
        If the package that reads it is not installed.
    """
    file = Path(path).expanduser()
    reader = _READERS.get(file.suffix.lower())
    if reader is None or not file.is_file():
        problem = "there is no such file" if not file.is_file() else f"its ending {file.suffix!r} is unknown"
        message = f"Cannot import {str(file)!r}: {problem}. Expected a file ending in {', '.join(_READERS)}."
        raise InputError(message)
    dump = _read(reader, file)
    chosen = _choose_array(dump, name, file)
    if isinstance(chosen, list):
        stack = [_arrange(layer, _axes_of(layer, axes, file, per_layer=True), file)[0] for layer in chosen]
    else:
        stack = list(_arrange(chosen, _axes_of(chosen, axes, file), file))
    said = dump.metadata
    unnamed = "unknown" if stack[0].ndim == 2 else f"tokens({stack[0].shape[1]})"
    return Representations.from_arrays(
        stack,
        ids=said.get("ids") if ids is None else ids,
        pooling=pooling or said.get("pooling") or unnamed,
        layers=said.get("layers") if layers is None else layers,
        depth=said.get("depth") if depth is None else depth,
        provenance={**said.get("provenance", {}), "imported_from": file.name, **(provenance or {})},
    )


def import_vllm(
    folder: str | os.PathLike[str],
    /,
    *,
    layers: Sequence[int],
    pooling: str | Pooling | Sequence[str | Pooling] = "mean(20)",
    drop_last: int = 2,
    keep_first: bool = False,
    clip: float | None = None,
    n_special: int = 0,
    depth: int | None = None,
    files: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
) -> Representations:
    """Pool the hidden states that vLLM saved, one safetensors file per prompt.

    vLLM's hidden-state connector writes for every request a file with ``hidden_states`` of shape ``(n_tokens,
    n_layers, n_features)`` and ``token_ids``. Its layer id l is the state after block l, before any final
    norm, and 0 the embeddings: the numbering of Platoscope.

    Parameters
    ----------
    folder : path
        Where the files lie.
    layers : sequence of int
        The layer ids that vLLM was asked for, in its order; the files do not say.
    pooling : str, Pooling or sequence of them
        As for `extract`, without ``cls`` and ``eos``.
    drop_last, keep_first, clip
        As for `platoscope.models.load_model`.
    n_special : int, default 0
        How many special tokens (BOS) the tokenizer put before each prompt; they never enter.
    depth : int, optional
        Number of blocks of the model; the largest of `layers` by default.
    files : sequence of str, optional
        Names of the files, in the order of the items; by default all of the folder, by the numbers in their
        names.
    ids : sequence of str, optional
        Ids of the items; by default the names of the files without their endings.

    Returns
    -------
    Representations
        In memory, float32; one file is read at a time.

    Raises
    ------
    InputError
        If there are no such files, their layers differ from `layers`, a prompt is too short, or `clip` is no share.
    MissingExtraError
        If safetensors is not installed.
    """
    root = Path(folder).expanduser()
    found = sorted(root.glob("*.safetensors"), key=_natural) if files is None else [root / f for f in files]
    if not found:
        message = (
            f"There is no .safetensors file in {str(root)!r}; expected one per prompt, as vLLM writes them."
        )
        raise InputError(message)
    poolings = parse_poolings(pooling if isinstance(pooling, str | Pooling) else tuple(pooling))
    check_clip(clip)
    pooled: dict[str, list[NDArray[np.float32]]] = {str(p): [] for p in poolings}
    for file in found:
        by_layer = _read_vllm(file, layers)
        layout = _layout(by_layer.shape[1], drop_last=drop_last, n_special=n_special)
        readings = text_readings(layout, [file.stem], poolings, keep_first=keep_first)
        if clip is not None:
            by_layer = _clipped(by_layer, clip, own=slice(n_special, None))
        for key, reading in readings.items():
            pooled[key].append(_pool(by_layer, reading))
    return Representations.from_arrays(
        {key: list(np.stack(rows, 1)) for key, rows in pooled.items()},
        ids=[file.stem for file in found] if ids is None else ids,
        layers=layers,
        depth=depth,
        provenance={
            "imported_from": "vLLM hidden states",
            "final_norm": False,
            "drop_last": drop_last,
            "keep_first": keep_first,
            "n_special": n_special,
            **({} if clip is None else {"clip": clip}),
        },
    )


def _read_vllm(file: Path, layers: Sequence[int]) -> NDArray[np.float32]:
    """Read the states of one prompt: float32, shape ``(n_layers, n_tokens, n_features)``."""
    states = _read(_read_safetensors, file).arrays.get("hidden_states")
    if states is None or states.ndim != 3 or states.shape[1] != len(layers):
        shape = None if states is None else states.shape
        message = (
            f"{str(file)!r} should hold hidden_states of shape (n_tokens, {len(layers)}, n_features), "
            f"one for each of layers={list(layers)}, but has {shape}."
        )
        raise InputError(message)
    return np.moveaxis(np.asarray(states, np.float32), 1, 0)


def require(module: str, feature: str, extra: str = "io") -> None:
    """Name the command that installs an optional package, if it is missing."""
    if importlib.util.find_spec(module) is None:
        raise MissingExtraError(feature, module, f"pip install 'platoscope[{extra}]'")


def _layout(n_tokens: int, *, drop_last: int, n_special: int) -> TokenLayout:
    """Describe one prompt without padding to the rules by which models pool their tokens."""
    remaining = np.arange(n_special, max(n_special, n_tokens - drop_last))
    return TokenLayout(
        start=np.zeros(1, np.int64),
        remaining=(remaining,),
        own=np.arange(n_tokens)[None] >= n_special,
        cls=None,
        eos=None,
        drop_last=drop_last,
    )


def _clipped(states: NDArray[np.float32], q: float, /, *, own: slice) -> NDArray[np.float32]:
    """Clip one prompt's states, layer by layer, at the q and 1 − q quantiles of its own tokens."""
    low, high = np.quantile(states[:, own], (q, 1 - q), axis=(1, 2)).astype(np.float32)
    return np.clip(states, low[:, None, None], high[:, None, None])


def _pool(states: NDArray[np.float32], reading: Reading) -> NDArray[np.float32]:
    if reading.mask is not None:
        mean: NDArray[np.float32] = states[:, reading.mask[0]].mean(1)
        return mean
    assert reading.index is not None, "a reading has an index or a mask"
    gathered = states[:, reading.index[0]]
    return gathered.mean(1) if reading.average else gathered


def _natural(file: Path) -> tuple[tuple[int, str], ...]:
    """Sort "10" after "9"."""
    parts = [part for part in re.split(r"(\d+)", file.stem) if part]
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)


def _read(reader: Callable[[Path], _Dump], file: Path) -> _Dump:
    try:
        return reader(file)
    except (InputError, MissingExtraError):
        raise
    except Exception as error:  # every library has errors of its own for files that it cannot read
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        message = f"Cannot read {str(file)!r} as {file.suffix}: {reason}. Check that the file is whole."
        raise InputError(message) from error


def _read_npy(file: Path) -> _Dump:
    return _Dump({file.stem: np.load(file, mmap_mode="r", allow_pickle=False)})


def _read_npz(file: Path) -> _Dump:
    with np.load(file, allow_pickle=False) as content:
        arrays = {name: content[name] for name in content.files if name != METADATA_NAME}
        said = json.loads(str(content[METADATA_NAME])) if METADATA_NAME in content.files else {}
    return _Dump(arrays, said)


def _read_safetensors(file: Path) -> _Dump:
    require("safetensors", "Reading safetensors files")
    from safetensors import safe_open  # of the extra io

    # NumPy has no bfloat16, in which most such files are written; torch reads it.
    framework = "pt" if importlib.util.find_spec("torch") else "numpy"
    with safe_open(file, framework=framework) as content:
        arrays = {name: _as_numpy(content.get_tensor(name)) for name in content.keys()}  # noqa: SIM118
        said = json.loads((content.metadata() or {}).get(METADATA_NAME, "{}"))
    return _Dump(arrays, said)


def _read_torch(file: Path) -> _Dump:
    require("torch", "Reading .pt files", "models")
    import torch  # 1.8 s, and of the extra models

    content = torch.load(file, map_location="cpu", weights_only=True)
    if not isinstance(content, dict):
        content = {ARRAY_NAME: content}
    said = json.loads(content.get(METADATA_NAME, "{}"))
    arrays = {}
    for name, value in content.items():
        if isinstance(value, torch.Tensor):
            arrays[str(name)] = _as_numpy(value)
        elif isinstance(value, list | tuple) and value and all(isinstance(v, torch.Tensor) for v in value):
            arrays[str(name)] = np.stack([_as_numpy(layer) for layer in value])
    return _Dump(arrays, said)


def _read_hdf5(file: Path) -> _Dump:
    require("h5py", "Reading HDF5 files")
    import h5py  # 0.03 s, for this format only

    arrays: dict[str, Any] = {}

    def collect(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and name != METADATA_NAME:
            arrays[name] = node[()]

    with h5py.File(file, "r") as content:
        content.visititems(collect)
        said = json.loads(content[METADATA_NAME][()]) if METADATA_NAME in content else {}
    return _Dump(arrays, said)


_READERS: Mapping[str, Callable[[Path], _Dump]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".safetensors": _read_safetensors,
    ".pt": _read_torch,
    ".pth": _read_torch,
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
}


def _as_numpy(tensor: Any) -> NDArray[Any]:
    if isinstance(tensor, np.ndarray):
        return tensor
    array: NDArray[Any] = (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()
    return array


def _choose_array(dump: _Dump, name: str | None, file: Path) -> Any:
    """Give one array with all layers, or a list with one array per layer."""
    states = {key: array for key, array in dump.arrays.items() if array.ndim >= 2}
    if name is not None and name in states:
        return states[name]
    if name is None:
        if len(states) == 1:
            return next(iter(states.values()))
        for known in _WELL_KNOWN:
            if known in states:
                return states[known]
        numbers = {key: int(found[1]) for key in states if (found := _TRAILING_NUMBER.search(key))}
        if states and len(numbers) == len(states):
            return [states[key] for key in sorted(states, key=lambda key: numbers[key])]
    shapes = ", ".join(f"{key} {array.shape}" for key, array in dump.arrays.items()) or "none"
    message = (
        f"Cannot tell which array of {str(file)!r} holds the representations (asked for: {name!r}; arrays: "
        f"{shapes}). Choose one with name=..."
    )
    raise InputError(message)


def _axes_of(
    array: Any, axes: Sequence[str] | None, file: Path, *, per_layer: bool = False
) -> tuple[str, ...]:
    if axes is not None:
        return tuple(axes)
    if array.ndim == 2:
        return ("item", "feature")
    if per_layer:
        return ("item", "token", "feature")
    front = ("item", "layer") if file.suffix in (".pt", ".pth") else ("layer", "item")
    return (*front, "feature") if array.ndim == 3 else (*front, "token", "feature")


def _arrange(array: Any, axes: tuple[str, ...], file: Path) -> NDArray[Any]:
    """Bring an array to (layer, item, feature) or (layer, item, token, feature), without copying."""
    wanted = [axis for axis in ("layer", "item", "token", "feature") if axis in axes]
    complete = sorted(wanted) == sorted(axes) and {"item", "feature"} <= set(axes)
    if not complete or len(axes) != array.ndim:
        message = (
            f"axes must name each of the {array.ndim} axes of the array in {str(file)!r} once, with 'item' "
            f"and 'feature' among them (and 'layer', 'token' where there are such), got {axes} for shape "
            f"{array.shape}."
        )
        raise InputError(message)
    arranged: NDArray[Any] = np.transpose(array, [axes.index(axis) for axis in wanted])
    return arranged if "layer" in axes else arranged[None]
