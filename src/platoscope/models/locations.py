"""From the name of a model to the place of its weights, without loading any."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platoscope.contents import file_digests
from platoscope.errors import InputError, NotFoundError, require_package
from platoscope.filenames import is_there, path_of
from platoscope.hashing import digest
from platoscope.models.bundled import (
    BUNDLED,
    bundled_folder,
    convert_bundled,
    is_converted,
    own_gguf_folder,
    require_whole,
    write_converted,
)
from platoscope.models.catalog import pinned_revision
from platoscope.models.untrained import split_untrained, untrained_name
from platoscope.progress import SILENT

if TYPE_CHECKING:
    from platoscope.progress import Progress

__all__ = ["ModelLocation", "beside", "fingerprint_folder", "locate_model", "ready_model"]

# What no library reads states from: descriptions, and what training leaves beside the weights. Every other file is
# part of the model: one that is unknown here must rather make another model than let two models be one.
_NO_PART = (
    ".*",
    "*.md",
    "LICENSE*",
    "*.log",
    "optimizer.*",
    "scheduler.*",
    "rng_state*",
    "trainer_state.json",
    "training_args.bin",
    "events.out.*",
)


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
    untrained : int or None
        Seed of the random weights that are asked for in the place of the trained ones. The rest is of the trained model.
    """

    name: str
    place: str
    gguf_file: str | None = None
    revision: str | None = None
    identity: dict[str, Any] = field(default_factory=dict)
    converted: bool = False
    untrained: int | None = None

    @property
    def published_as(self) -> str | None:
        """The name that others know it by; None for the user's own files, which are known by their content."""
        return self.name if self.on_hub or self.converted else None

    @property
    def on_hub(self) -> bool:
        """Whether it is a hub id, whose content is known by its commit only."""
        return not self.identity


def locate_model(name: str, /, *, revision: str | None = None, progress: Progress = SILENT) -> ModelLocation:
    """Find a model; a bundled one is converted on first use.

    Parameters
    ----------
    name : str
        Bundled name, local folder, ``.gguf`` file or hub id, tried in this order; or ``untrained(SEED):`` and one of them.
    revision : str or None
        Only for a hub id; None takes the commit that the catalogue pins, if any.
    progress : Progress
        Told of the hashing of a local model, which reads gigabytes once.

    Returns
    -------
    ModelLocation
        Its place and identity.

    Raises
    ------
    NotFoundError
        If `name` is a path that is not there, or cannot be a hub id.
    InputError
        If a revision is given for a local model, or the name of an untrained one is none.
    """
    trained, seed = split_untrained(name)
    return replace(_locate_trained(trained, revision, progress), untrained=seed)


def _locate_trained(name: str, revision: str | None, progress: Progress) -> ModelLocation:
    for model in BUNDLED:
        if model.name == name:
            _refuse_revision(name, revision)
            folder, manifest = bundled_folder(model)
            return ModelLocation(name, str(folder), identity=manifest, converted=True)
    path = path_of(name)
    if is_there(path) and path.is_dir():
        _refuse_revision(name, revision)
        return ModelLocation(
            name, str(path), identity={"fingerprint": fingerprint_folder(path, progress=progress)}
        )
    if path.suffix == ".gguf" and is_there(path) and path.is_file():
        _refuse_revision(name, revision)
        return _own_gguf(name, path, progress)
    if _must_be_path(name) or (is_there(path) and path.is_file()):
        msg = f"There is no model at {name!r}. Expected a folder in the hub's format or a .gguf file."
        raise NotFoundError(msg)
    return ModelLocation(name, name, revision=revision or pinned_revision(name))


def _must_be_path(name: str) -> bool:
    """Tell whether a name can be no id of the hub."""
    path = Path(name)
    return path.suffix == ".gguf" or path.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1


def beside(name: str, folder: Path, /) -> str:
    """Return the name of a model, where it is a relative path that of a folder: what a file in it means.

    Raises
    ------
    InputError
        If it is a folder here, and not there: then nothing says which model is meant.

    Examples
    --------
    >>> [beside(name, Path("studies")) for name in ("gemma-3-270m", "owner/name", "./tiny", "models/a.gguf")]
    ['gemma-3-270m', 'owner/name', 'studies/./tiny', 'studies/models/a.gguf']
    """
    trained, seed = split_untrained(name)
    if seed is not None:
        return untrained_name(beside(trained, folder), seed)
    own = path_of(name)
    if folder == Path() or own.is_absolute() or any(model.name == name for model in BUNDLED):
        return name
    joined = os.path.join(folder, name)  # noqa: PTH118 (keeps "./")
    if _must_be_path(name) or is_there(Path(joined)):
        return joined
    if is_there(own):
        msg = f"{name!r} is a folder here, but not in {folder}, where the file is that names it. Write its path from there."
        raise InputError(msg)
    return name


def _own_gguf(name: str, path: Path, progress: Progress) -> ModelLocation:
    (content,) = file_digests([path], what=f"the model {name}", progress=progress)
    identity = {"sha256": content, "quantization": "GGUF"}
    folder = own_gguf_folder(content)
    if is_converted(folder):
        return ModelLocation(name, str(folder), identity=identity)
    return ModelLocation(name, str(path.parent), gguf_file=path.name, identity=identity)


def ready_model(location: ModelLocation, /, *, weights: bool) -> ModelLocation:
    """Make sure that what lies at a location can be loaded: converted, and whole.

    A user's own GGUF file is de-quantized into the cache, under the hash of its content. Files that conversion wrote
    are held against their checksums, and written again where they do not match.

    Parameters
    ----------
    location : ModelLocation
        From `locate_model`.
    weights : bool
        Whether the weights will be read.

    Returns
    -------
    ModelLocation
        The folder to load.

    Raises
    ------
    StorageError
        If a conversion cannot be written to the cache.
    """
    if "sha256" not in location.identity:
        return location  # not converted: the user's own folder, or of the hub
    own = own_gguf_folder(location.identity["sha256"])
    folder = Path(location.place) if location.gguf_file is None else own

    def convert() -> None:
        bundled = [model for model in BUNDLED if location.converted and model.name == location.name]
        if bundled:
            convert_bundled(bundled[0], folder)
        else:
            write_converted(folder, Path(location.name).expanduser(), location.identity)

    if location.gguf_file is not None:
        convert()
    require_whole(folder, convert, weights=weights)
    return replace(location, place=str(folder), gguf_file=None)


def _refuse_revision(name: str, revision: str | None) -> None:
    if revision is not None:
        msg = f"revision={revision!r} is for models on the hub, but {name!r} is local. Leave it out."
        raise InputError(msg)


def _require_model(folder: Path) -> None:
    adapted = (folder / "adapter_config.json").exists()
    if (folder / "config.json").exists():
        if adapted:
            require_package("peft", f"the adapter in {str(folder)!r}", "pip install peft")
        return
    if adapted:
        msg = (
            f"The folder {str(folder)!r} holds an adapter of PEFT without its model. Load both and give the model: "
            f"load_model(peft.AutoPeftModel.from_pretrained({str(folder)!r}), TOKENIZER)."
        )
    else:
        msg = f"The folder {str(folder)!r} holds no config.json. Expected a model in the hub's format."
    raise NotFoundError(msg)


def fingerprint_folder(folder: Path, /, *, progress: Progress = SILENT) -> str:
    """Identify the content of a model folder: all of it.

    Parameters
    ----------
    folder : Path
        In the hub's format.
    progress : Progress
        Told of the hashing.

    Returns
    -------
    str
        SHA-256 over the name and the SHA-256 of every file that may be part of the model: copies of a folder agree,
        and no other model does. The digests of files are remembered (`platoscope.contents`).

    Raises
    ------
    NotFoundError
        If there is no ``config.json``, as where there are adapters alone.
    MissingExtraError
        If there are adapters beside the model, and PEFT is not installed: the library would leave them out.
    """
    _require_model(folder)
    files = sorted(
        file
        for file in folder.iterdir()
        if file.is_file() and not any(fnmatchcase(file.name, pattern) for pattern in _NO_PART)
    )
    digests = file_digests(files, what=f"the model {folder}", progress=progress)
    return digest([[file.name, content] for file, content in zip(files, digests, strict=True)])
