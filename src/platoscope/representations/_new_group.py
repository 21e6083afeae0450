"""A new group of the store: metadata and vectors, written in one step."""

from __future__ import annotations

import json
import warnings
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from platoscope.errors import PlatoscopeWarning
from platoscope.representations._folder import METADATA, writing
from platoscope.representations._group import FORMAT, digest_of_lengths, find_group, incomplete_error
from platoscope.representations._metadata import metadata_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from platoscope.representations._batches import Batches
    from platoscope.representations._folder import Folder
    from platoscope.representations._group import StoredGroup

__all__ = ["create_group"]


def create_group(
    folder: Folder,
    key: str,
    /,
    *,
    batches: Batches,
    lengths: NDArray[np.int64],
    layers: Sequence[int],
    depth: int,
    n_features: int,
    layer_widths: Sequence[int] | None,
    ids: Sequence[str],
    data: Mapping[str, Any],
    model: Mapping[str, Any],
) -> StoredGroup:
    """Create a group in one step, or open the one of a process that was faster."""
    plain_ids = list(ids) == [str(i) for i in range(len(ids))]
    attributes = {
        "format": FORMAT,
        "data": dict(data),
        "model": dict(model),
        "layers": list(layers),
        "depth": depth,
        "n_features": n_features,
        "n_items": batches.n_items,
        "ids": None if plain_ids else list(ids),
        "plan": batches.digest,
        "lengths": digest_of_lengths(lengths),
        "versions": _versions(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **({} if layer_widths is None else {"layer_widths": list(layer_widths)}),
    }
    vectors = {"order": batches.order, "batch_sizes": batches.sizes, "lengths": lengths}
    with writing(folder, f"the group {key[:12]}"):
        root, files = _skeleton(vectors, {"platoscope": attributes})
        replaced = folder.create(key, files)
        folder.write_first(METADATA, root)
    if replaced:
        message = f"{folder.location}/{key[:12]} had no metadata, so nothing in it could be read; it is extracted anew."
        warnings.warn(message, PlatoscopeWarning, stacklevel=2)
    group = find_group(folder, key)
    if group is None:  # there was a folder of that name, and it is no group
        raise incomplete_error(folder, key)
    return group


def _skeleton(
    vectors: Mapping[str, NDArray[np.int64]], attributes: Mapping[str, Any]
) -> tuple[bytes, dict[str, bytes]]:
    """Let Zarr write, in memory, the metadata of the store and all that a group has before its arrays."""
    import zarr  # 0.2 s, and reading a layer needs no Zarr
    from zarr.codecs import Crc32cCodec
    from zarr.storage import MemoryStore

    made: dict[str, Any] = {}
    store = MemoryStore(made)
    for name, vector in vectors.items():
        array = zarr.create_array(
            store,
            name=f"group/{name}",
            shape=vector.shape,
            chunks=(max(1, vector.size),),
            dtype="int64",
            filters=None,
            compressors=[Crc32cCodec()],
            fill_value=-1,
            chunk_key_encoding={"name": "default", "separator": "."},
            dimension_names=("batch" if name == "batch_sizes" else "item",),
            config={"write_empty_chunks": True},
            overwrite=True,
        )
        array[:] = vector
    # Zarr has made the groups, too, as the parents of the arrays; its attributes make one of them one of ours.
    root = made.pop(METADATA).to_bytes()
    files = {name.removeprefix("group/"): content.to_bytes() for name, content in made.items()}
    for name in files:
        if name.endswith(METADATA):
            files[name] = metadata_file(json.loads(files[name]), attributes if name == METADATA else {})
    return root, files


def _versions() -> dict[str, str]:
    found = {}
    for package in ("platoscope", "numpy", "zarr", "torch", "transformers"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
