"""A model that is loaded only when something has to be computed with it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platoscope.errors import StorageError
from platoscope.representations._folder import writing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from platoscope.models import Encoder, Pooling
    from platoscope.representations._folder import Folder

__all__ = ["Description", "ModelOnDemand", "describe"]


@dataclass(frozen=True)
class Description:
    """What a model says of itself: enough to find its representations in a store.

    Parameters
    ----------
    name, modality, n_layers, n_features, provenance
        As of `platoscope.models.Encoder`.
    """

    name: str
    modality: str
    n_layers: int
    n_features: int
    provenance: Mapping[str, Any]


@dataclass(frozen=True)
class ModelOnDemand:
    """An `Encoder` that loads its weights at the first question that needs them.

    A store remembers what each model said of itself. With a model on demand, `extract` finds representations
    that are complete without loading the weights; otherwise they are loaded once, however many sides are
    extracted.

    Parameters
    ----------
    name : str
        As for `platoscope.models.load_model`.
    options : mapping, optional
        Its keyword arguments, such as ``{"dtype": "float32", "drop_last": 0}``.

    Examples
    --------
    >>> model = ModelOnDemand("gemma-3-270m", {"dtype": "bfloat16"})  # nothing is loaded yet
    >>> model.name
    'gemma-3-270m'
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def loaded(self) -> Encoder:
        """The model; asking for it loads the weights."""
        from platoscope.models import load_model

        return load_model(self.name, **self.options)

    @property
    def modality(self) -> str:
        """What an item is."""
        return self.loaded.modality

    @property
    def n_layers(self) -> int:
        """Number of layers, the embedding output included."""
        return self.loaded.n_layers

    @property
    def n_features(self) -> int:
        """Width of a layer."""
        return self.loaded.n_features

    @property
    def max_tokens(self) -> int | None:
        """The longest item that is read whole."""
        return self.loaded.max_tokens

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What decides the numbers."""
        return self.loaded.provenance

    def lengths(self, items: Sequence[Any], /) -> NDArray[np.int64]:
        """Tokens per item."""
        return self.loaded.lengths(items)

    def encode(self, items: Sequence[Any], /, poolings: Sequence[Pooling]) -> dict[str, NDArray[np.float32]]:
        """Read one batch."""
        return self.loaded.encode(items, poolings)

    def batches(self, lengths: NDArray[np.int64], /) -> list[NDArray[np.int64]]:
        """Plan the batches."""
        return self.loaded.batches(lengths)


def describe(model: Encoder, folder: Folder, /) -> Description:
    """Describe a model, from what the store remembers where the weights are not loaded yet."""
    if not isinstance(model, ModelOnDemand) or "loaded" in vars(model):
        return _description(model)
    request = _request(model)
    if request is None:
        return _description(model.loaded)
    path = f"models/{request}.json"
    remembered = _recall(folder, path)
    if remembered is not None:
        return remembered
    description = _description(model.loaded)
    # A store that cannot be written may still hold everything; if not, extraction says why it cannot go on.
    with contextlib.suppress(StorageError), writing(folder, "the description of the model"):
        folder.write(path, [json.dumps(vars(description), default=str).encode()])
    return description


def _description(model: Encoder) -> Description:
    return Description(model.name, model.modality, model.n_layers, model.n_features, dict(model.provenance))


def _recall(folder: Folder, path: str) -> Description | None:
    try:
        return Description(**json.loads(folder.read_text(path)))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None  # absent or not readable: the model itself is the authority


def _request(model: ModelOnDemand) -> str | None:
    """Hash all that decides what would be loaded: files, options, and what "auto" means on this machine."""
    from platoscope.models.devices import choose_device, choose_dtype
    from platoscope.models.locations import locate_model

    revision = model.options.get("revision")
    source = locate_model(model.name, revision=revision)
    identity = source.identity or _cached_commit(source.place, revision)
    if not identity:
        return None
    device = choose_device(model.options.get("device", "auto"))
    request = {
        "name": model.name,
        "identity": identity,
        "options": dict(model.options),
        "device": device.type,
        "dtype": str(choose_dtype(model.options.get("dtype", "auto"), device)),
        "versions": [version(package) for package in ("platoscope", "torch", "transformers")],
    }
    return hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()


def _cached_commit(hub_id: str, revision: str | None) -> dict[str, str]:
    """Commit of the hub that lies in the local cache, which is the one that loading would take offline."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(hub_id, "config.json", revision=revision)
    return {"commit": Path(config).parent.name} if isinstance(config, str) else {}
