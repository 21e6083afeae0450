"""From the name of a model to the place of its weights, without loading any."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from platoscope.errors import InputError, NotFoundError
from platoscope.models.bundled import BUNDLED, bundled_folder, own_gguf_folder, write_converted
from platoscope.models.catalog import pinned_revision

__all__ = ["ModelLocation", "convert_own", "fingerprint_folder", "locate_model"]

_EDGE_BYTES = 1 << 20
_MODEL_FILES = ("*.json", "*.txt", "*.model", "*.safetensors", "*.bin")


@dataclass(frozen=True)
class ModelLocation:
    """Where the weights of a model are.

    Attributes
    ----------
    name : str
        What the user asked for.
    place : str
        Hub id or local folder.
    gguf_file : str or None
        Name of the GGUF file inside `place`, if it is one that was not converted yet.
    revision : str or None
        Of the hub; None for a local model.
    identity : dict
        What is known of the weights before loading, for the provenance.
    converted : bool
        Whether this is a folder that `platoscope.models.bundled` wrote.
    """

    name: str
    place: str
    gguf_file: str | None = None
    revision: str | None = None
    identity: dict[str, Any] = field(default_factory=dict)
    converted: bool = False

    @property
    def on_hub(self) -> bool:
        """Whether it is a hub id, whose content is known by its commit only."""
        return not self.identity


def locate_model(name: str, /, *, revision: str | None = None) -> ModelLocation:
    """Find a model; a bundled one is converted on first use.

    Parameters
    ----------
    name : str
        Bundled name, local folder, ``.gguf`` file or hub id, tried in this order.
    revision : str or None
        Only for a hub id; None takes the commit that the catalogue pins, if any.

    Returns
    -------
    ModelLocation
        Its place and identity.

    Raises
    ------
    NotFoundError
        If `name` is a path that is not there, or cannot be a hub id.
    InputError
        If a revision is given for a local model.
    """
    for model in BUNDLED:
        if model.name == name:
            _refuse_revision(name, revision)
            folder, manifest = bundled_folder(model)
            return ModelLocation(name, str(folder), identity=manifest, converted=True)
    path = Path(name).expanduser()
    if path.is_dir():
        _refuse_revision(name, revision)
        return ModelLocation(name, str(path), identity={"fingerprint": fingerprint_folder(path)})
    if path.suffix == ".gguf" and path.is_file():
        _refuse_revision(name, revision)
        return _own_gguf(name, path)
    if path.suffix == ".gguf" or path.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        msg = f"There is no model at {name!r}. Expected a folder in the hub's format or a .gguf file."
        raise NotFoundError(msg)
    return ModelLocation(name, name, revision=revision or pinned_revision(name))


def _own_gguf(name: str, path: Path) -> ModelLocation:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    identity = {"sha256": digest, "quantization": "GGUF"}
    folder = own_gguf_folder(digest)
    if folder.exists():
        return ModelLocation(name, str(folder), identity=identity)
    return ModelLocation(name, str(path.parent), gguf_file=path.name, identity=identity)


def convert_own(location: ModelLocation, /) -> None:
    """De-quantize a user's GGUF file into the cache, under the hash of its content.

    Parameters
    ----------
    location : ModelLocation
        With a `gguf_file`; `locate_model` finds the converted folder afterwards.

    Raises
    ------
    StorageError
        If the cache cannot be written.
    """
    assert location.gguf_file is not None
    gguf = Path(location.place) / location.gguf_file
    write_converted(own_gguf_folder(location.identity["sha256"]), gguf, location.identity)


def _refuse_revision(name: str, revision: str | None) -> None:
    if revision is not None:
        msg = f"revision={revision!r} is for models on the hub, but {name!r} is local. Leave it out."
        raise InputError(msg)


def fingerprint_folder(folder: Path, /) -> str:
    """Identify the content of a model folder without reading all of it.

    Parameters
    ----------
    folder : Path
        In the hub's format.

    Returns
    -------
    str
        SHA-256 over the name, size, first and last MiB of every configuration, tokenizer and weight file:
        copies of a folder agree, and training any layer changes it with near certainty.

    Raises
    ------
    NotFoundError
        If there is no ``config.json``.
    """
    if not (folder / "config.json").exists():
        msg = f"The folder {str(folder)!r} holds no config.json. Expected a model in the hub's format."
        raise NotFoundError(msg)
    return _fingerprint(sorted({file for pattern in _MODEL_FILES for file in folder.glob(pattern)}))


def _fingerprint(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.name}\0{size}\0".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(_EDGE_BYTES))
            stream.seek(max(_EDGE_BYTES, size - _EDGE_BYTES))
            digest.update(stream.read())
    return digest.hexdigest()
