"""Writing representations for others: NumPy, safetensors, PyTorch, HDF5 files, and `datasets`."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import uuid
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from platoscope.arguments import a_path, instance
from platoscope.errors import InputError, StorageError, system_errors
from platoscope.kept import require_room
from platoscope.representations._backing import has_parts
from platoscope.representations._files import ARRAY_NAME, METADATA_NAME, require
from platoscope.representations.representations import Representations

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    import datasets

__all__ = ["ExportFormat", "export", "to_dataset"]

ExportFormat = Literal["npy", "npz", "safetensors", "pt", "hdf5", "datasets"]
_MARGIN = 1 << 16  # bytes, for what a format says of itself
_BY_SUFFIX: dict[str, ExportFormat] = {
    ".npy": "npy",
    ".npz": "npz",
    ".safetensors": "safetensors",
    ".pt": "pt",
    ".pth": "pt",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
}


def export(
    representations: Representations, path: str | os.PathLike[str], /, *, format: ExportFormat | None = None
) -> Path:
    """Write the layers, under the pooling that is shown, to one file (or one folder of `datasets`).

    Parameters
    ----------
    representations : Representations
        What to write.
    path : path
        Where to; a file that is there is replaced once the new one is whole.
    format : {"npy", "npz", "safetensors", "pt", "hdf5", "datasets"}, optional
        By default what the ending of `path` says.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    InputError
        If the format is unknown or the layers differ in width (except for "datasets").
    StorageError
        If it cannot be written.
    MissingExtraError
        If the package that writes it is not installed.

    Notes
    -----
    One float32 array "representations" of shape ``(n_layers, n_items, n_features)``, with k tokens before the
    features for ``concat(k)`` and ``tokens(k)``; ``.pt`` files follow platonic-rep: a dictionary whose
    ``feats`` has shape ``(n_items, n_layers, n_features)``. Ids, pooling, layers and provenance stand beside
    it as JSON under "platoscope" (an ``.npy`` file holds the numbers only), so that `import_representations`
    gives back what was exported. ``.npy`` and HDF5 are written layer by layer, the others take memory for all
    layers.
    """
    instance("representations", representations, Representations, made_by="extract")
    target = a_path("path", path)
    chosen = _BY_SUFFIX.get(target.suffix.lower()) if format is None else format
    if not isinstance(chosen, str) or chosen not in get_args(ExportFormat):
        message = (
            f"Cannot tell the format of {str(target)!r} (format={format!r}): end it in "
            f"{', '.join(_BY_SUFFIX)}, or give format= one of {', '.join(get_args(ExportFormat))}."
        )
        raise InputError(message)
    partial = target.with_name(f".{target.stem}.{uuid.uuid4().hex}.partial{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with system_errors():
            _WRITERS[chosen](representations, partial)
        _put(partial, target)
    except OSError as error:
        message = f"Cannot write {str(target)!r}: {error.strerror or error}. Nothing was left there."
        raise StorageError(message) from error
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(partial) if partial.is_dir() else partial.unlink()
    return target


def _put(written: Path, target: Path) -> None:
    """Put a file or the files of a folder in their place."""
    if written.is_dir() and target.is_dir():
        for file in written.iterdir():
            file.replace(target / file.name)
    else:
        written.replace(target)


def to_dataset(representations: Representations, /) -> datasets.Dataset:
    """Give a data set of the `datasets` library: one row per item, one column of floats per layer.

    Returns
    -------
    datasets.Dataset
        Columns ``id`` and ``layer_0``, ``layer_1``, … (numbers of the model's layers), float32.

    Raises
    ------
    MissingExtraError
        If datasets is not installed.
    """
    instance("representations", representations, Representations, made_by="extract")
    require("datasets", "Exporting to a data set", "models")
    # 1.2 s, and of the extra models.
    from datasets import Dataset, Features, Sequence, Value

    names = [f"layer_{layer}" for layer in representations.layers]
    columns: dict[str, Any] = {"id": list(representations.ids)}
    columns |= dict(zip(names, representations, strict=True))
    features = Features({"id": Value("string")} | {name: Sequence(Value("float32")) for name in names})
    made = Dataset.from_dict(columns, features=features)
    made.info.description = json.dumps(_metadata(representations))
    return made


def _metadata(representations: Representations) -> dict[str, Any]:
    return {
        "pooling": representations.pooling,
        "layers": list(representations.layers),
        "depth": representations.depth,
        "ids": list(representations.ids),
        "provenance": json.loads(json.dumps(dict(representations.provenance), default=str)),
    }


def _layer(representations: Representations, index: int) -> NDArray[np.float32]:
    """Read one layer, with its tokens or frequencies apart where the pooling keeps them."""
    if has_parts(representations.pooling):
        return np.stack(representations.parts(index), 1)
    return representations[index]


def _stack_shape(representations: Representations) -> tuple[int, ...]:
    widths = sorted(set(representations.widths))
    if len(widths) != 1:
        message = f"Layers of different widths {widths} do not fit one array; use format='datasets'."
        raise InputError(message)
    return (len(representations), *_layer(representations, 0).shape)


def _fill(representations: Representations, out: Any) -> Any:
    for index in range(len(representations)):
        out[index] = _layer(representations, index)
    return out


def _stacked(representations: Representations) -> NDArray[np.float32]:
    stack: NDArray[np.float32] = _fill(representations, np.empty(_stack_shape(representations), np.float32))
    return stack


def _write_npy(representations: Representations, file: Path) -> None:
    shape = _stack_shape(representations)
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)),
        "fortran_order": False,
        "shape": shape,
    }
    with file.open("wb") as out:  # written, not mapped: a full disk under a map ends the process
        np.lib.format.write_array_header_1_0(out, header)
        for index in range(len(representations)):
            out.write(np.ascontiguousarray(_layer(representations, index)).data)


def _write_npz(representations: Representations, file: Path) -> None:
    arrays: dict[str, Any] = {
        ARRAY_NAME: _stacked(representations),
        METADATA_NAME: np.array(json.dumps(_metadata(representations))),
    }
    np.savez(file, **arrays)


def _write_safetensors(representations: Representations, file: Path) -> None:
    require("safetensors", "Writing safetensors files")
    from safetensors.numpy import save_file  # of the extra io

    said = {METADATA_NAME: json.dumps(_metadata(representations))}
    save_file({ARRAY_NAME: _stacked(representations)}, file, metadata=said)


def _write_torch(representations: Representations, file: Path) -> None:
    require("torch", "Writing .pt files", "models")
    import torch  # 1.8 s, and of the extra models

    feats = np.ascontiguousarray(np.swapaxes(_stacked(representations), 0, 1))
    said = json.dumps(_metadata(representations))
    require_room(file, feats.nbytes + len(said) + _MARGIN)
    torch.save({"feats": torch.from_numpy(feats), METADATA_NAME: said}, file)


def _write_hdf5(representations: Representations, file: Path) -> None:
    require("h5py", "Writing HDF5 files")
    import h5py  # 0.03 s, for this format only

    shape, said = _stack_shape(representations), json.dumps(_metadata(representations))
    require_room(file, 4 * math.prod(shape) + len(said) + _MARGIN)
    with h5py.File(file, "w") as content:
        _fill(representations, content.create_dataset(ARRAY_NAME, shape, "float32"))
        # As a dataset: attributes are limited to 64 KiB, which the ids alone may exceed.
        content.create_dataset(METADATA_NAME, data=said)


def _write_dataset(representations: Representations, folder: Path) -> None:
    to_dataset(representations).save_to_disk(str(folder))


_WRITERS: dict[ExportFormat, Callable[[Representations, Path], None]] = {
    "npy": _write_npy,
    "npz": _write_npz,
    "safetensors": _write_safetensors,
    "pt": _write_torch,
    "hdf5": _write_hdf5,
    "datasets": _write_dataset,
}
