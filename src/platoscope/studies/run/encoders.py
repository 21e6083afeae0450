"""Models that are loaded only when something has to be computed.

A run whose representations are on disk needs a model only for what it is (to find them) and how it counts
tokens (to choose the items). Both are remembered beside the representations, under a key of the weights'
identity, the options and the library versions, so that such a run starts in a second instead of loading
weights.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from platoscope.errors import StorageError
from platoscope.models import load_model
from platoscope.models.bundled import cache_folder
from platoscope.models.sources import find_source
from platoscope.studies.design.serial import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from platoscope.models import Encoder, Pooling
    from platoscope.studies.design.comparison import Tower

__all__ = ["ModelRequest", "RememberedEncoder", "Shelf"]

_FORMAT = 2


@dataclass(frozen=True)
class ModelRequest:
    """A model and the options that it is loaded with.

    Parameters
    ----------
    model : str
        Name.
    tower, revision, drop_last, clip
        As in `platoscope.studies.Source`.
    dtype, device, device_map, batch_tokens
        As in `platoscope.studies.Settings`.
    """

    model: str
    tower: Tower | None = None
    revision: str | None = None
    drop_last: int = 2
    clip: float | None = None
    dtype: str = "auto"
    device: str = "auto"
    device_map: Literal["auto"] | None = None
    batch_tokens: int | None = None


@dataclass
class Shelf:
    """One loaded model at a time: asking for another one puts the first back.

    Parameters
    ----------
    on_load : callable
        Told the name of a model before it is loaded.
    seconds : float
        Time spent loading so far, conversions of bundled models included.
    """

    on_load: Callable[[str], None]
    seconds: float = field(default=0.0, init=False)
    _request: ModelRequest | None = field(default=None, init=False)
    _encoder: Encoder | None = field(default=None, init=False)

    def take(self, request: ModelRequest, /) -> Encoder:
        """Give a loaded model."""
        if self._encoder is None or self._request != request:
            self._encoder = None  # frees the weights before the next ones are read
            self.on_load(request.model)
            start = time.perf_counter()
            self._encoder = load_model(
                request.model,
                tower=request.tower,
                revision=request.revision,
                drop_last=request.drop_last,
                clip=request.clip,
                dtype=request.dtype,
                device=request.device,
                device_map=request.device_map,
                batch_tokens=request.batch_tokens,
            )
            self._request = request
            self.seconds += time.perf_counter() - start
        return self._encoder

    def remember(self, request: ModelRequest, /) -> RememberedEncoder:
        """Give an encoder that loads its model when it is first needed."""
        return RememberedEncoder(self, request)


@dataclass
class RememberedEncoder:
    """An `Encoder` that answers from memory what it can, and loads its model for the rest.

    Parameters
    ----------
    shelf : Shelf
        Where the loaded model comes from.
    request : ModelRequest
        Which model.
    """

    shelf: Shelf
    request: ModelRequest
    _card: dict[str, Any] | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """The name the model was asked for by."""
        return self.request.model

    @property
    def modality(self) -> str:
        """``"text"`` or ``"image"``."""
        return str(self.card["modality"])

    @property
    def n_layers(self) -> int:
        """Number of layers, the embedding output included."""
        return int(self.card["n_layers"])

    @property
    def n_features(self) -> int:
        """Width of a layer."""
        return int(self.card["n_features"])

    @property
    def max_tokens(self) -> int | None:
        """The longest item that is read whole."""
        limit = self.card["max_tokens"]
        return None if limit is None else int(limit)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What decides the numbers."""
        return dict(self.card["provenance"])

    @property
    def card(self) -> dict[str, Any]:
        """What is remembered of the model; loads it the first time."""
        if self._card is None:
            path = _memory() / f"{self._key()}.json"
            known = _read_json(path)
            if known is None:
                encoder = self.shelf.take(self.request)
                known = {
                    "modality": encoder.modality,
                    "n_layers": encoder.n_layers,
                    "n_features": encoder.n_features,
                    "max_tokens": encoder.max_tokens,
                    "provenance": dict(encoder.provenance),
                }
                # The first use converts a bundled model and so changes what is known of its source.
                _write(_memory() / f"{self._key()}.json", json.dumps(known, default=str).encode())
                known = json.loads(json.dumps(known, default=str))
            self._card = known
        return self._card

    def lengths(self, items: Sequence[Any], /) -> NDArray[np.int64]:
        """Tokens per item; remembered for the content of `items`."""
        if self.modality != "text":
            return np.asarray(self.shelf.take(self.request).lengths(items), dtype=np.int64)
        content = hashlib.sha256(self._key().encode())
        for item in items:
            content.update(hashlib.sha256(str(item).encode("utf-8", "surrogatepass")).digest())
        path = _memory() / f"{content.hexdigest()}.npy"
        try:
            known: NDArray[np.int64] = np.load(path, allow_pickle=False)
            if known.shape == (len(items),):
                return known
        except (OSError, ValueError):
            pass  # not remembered, or not readable: counting again is cheap
        counted = np.asarray(self.shelf.take(self.request).lengths(items), dtype=np.int64)
        with tempfile.SpooledTemporaryFile() as buffer:
            np.save(buffer, counted)
            buffer.seek(0)
            _write(path, buffer.read())
        return counted

    def encode(self, items: Sequence[Any], /, poolings: Sequence[Pooling]) -> dict[str, NDArray[np.float32]]:
        """Read one batch in one forward pass; see `platoscope.models.Encoder`."""
        return self.shelf.take(self.request).encode(items, poolings)

    def batches(self, lengths: NDArray[np.int64], /) -> list[NDArray[np.int64]]:
        """Plan the batches; see `platoscope.models.Encoder`."""
        return self.shelf.take(self.request).batches(lengths)

    def _key(self) -> str:
        source = find_source(self.request.model, revision=self.request.revision)
        return digest(
            {
                "format": _FORMAT,
                "source": [source.name, source.location, source.gguf_file, source.revision, source.identity],
                "request": asdict(self.request),
                "versions": {name: _version(name) for name in ("platoscope", "torch", "transformers")},
                "devices": os.environ.get("CUDA_VISIBLE_DEVICES"),
            }
        )


def _memory() -> Path:
    return cache_folder() / "encoders"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return None  # not remembered, or cut short by a full disk: loading the model restores it
    return known if isinstance(known, dict) else None


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as draft:
            draft.write(content)
        Path(draft.name).replace(path)
    except OSError as error:
        msg = (
            f"cannot write to {path.parent}: {error}. Free some space, or choose another folder with the "
            "environment variable PLATOSCOPE_CACHE."
        )
        raise StorageError(msg) from error
