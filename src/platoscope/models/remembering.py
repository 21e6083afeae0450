"""What models say of themselves and how they count tokens, remembered in the user's cache.

A run whose representations are on disk asks a model only what it is and how long texts are. To answer from memory
takes no time; without it torch, transformers and a tokenizer have to be loaded. Memory is no authority: what
cannot be read is asked for again, and where nothing can be written nothing is remembered.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.cache import cache_folder
from platoscope.hashing import digest
from platoscope.kept import recall, remember
from platoscope.models.devices import cpu_multiplies_bfloat16

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from platoscope.models.encoder import Encoder
    from platoscope.models.locations import ModelLocation
    from platoscope.models.options import LoadingOptions

__all__ = ["Facts", "facts_key", "keep_facts", "recall_facts", "remembered_lengths"]

_FORMAT = 6
# What a provenance says of reading states; two models that differ in nothing else count alike.
_NOT_OF_TOKENS = frozenset(
    {
        "dtype",
        "device",
        "batch_tokens",
        "final_norm",
        "drop_last",
        "keep_first",
        "clip",
        "padding",
        "entering",
        "positions_first",
        "untrained",
    }
)
_COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class Facts:
    """What a model says of itself.

    Attributes
    ----------
    modality, n_layers, n_features, max_tokens, provenance
        As of `platoscope.models.Encoder`; `provenance` as it reads back from JSON.
    """

    modality: str
    n_layers: int
    n_features: int
    max_tokens: int | None
    provenance: dict[str, Any]

    @classmethod
    def of(cls, encoder: Encoder, /) -> Facts:
        """Ask a model."""
        provenance: dict[str, Any] = json.loads(json.dumps(dict(encoder.provenance), default=str))
        return cls(encoder.modality, encoder.n_layers, encoder.n_features, encoder.max_tokens, provenance)


def facts_key(location: ModelLocation, options: LoadingOptions, /) -> str | None:
    """Hash all that decides what a model says of itself.

    That is the content of its files, the options, the libraries, and what "auto" means on this machine, as far as
    that shows without loading torch.

    Returns
    -------
    str or None
        None for a model on the hub without a pinned commit, whose content is not known before it is asked for.
    """
    if location.on_hub and not _COMMIT.fullmatch(location.revision or ""):
        return None
    return digest(
        {
            "format": _FORMAT,
            "model": [location.published_as, location.revision, location.identity],
            **({} if location.untrained is None else {"untrained": location.untrained}),
            "options": asdict(options),
            "versions": {name: _version(name) for name in ("platoscope", "torch", "transformers")},
            "machine": _machine(),
        }
    )


def recall_facts(key: str, /) -> Facts | None:
    """Give what is remembered under a key, None where nothing readable is."""
    content = recall(_path(f"{key}.json"), what="what a model said of itself, which is asked again")
    return None if content is None else Facts(**json.loads(content))


def keep_facts(key: str, facts: Facts, /) -> None:
    """Remember what a model said of itself."""
    remember(_path(f"{key}.json"), json.dumps(asdict(facts)).encode())


def remembered_lengths(
    facts: Facts, items: Sequence[Any], count: Callable[[Sequence[Any]], NDArray[np.int64]], /
) -> NDArray[np.int64]:
    """Give the tokens of each text, counting where they are not remembered.

    Parameters
    ----------
    facts : Facts
        Of the model; its provenance holds the identity of the tokenizer.
    items : sequence of str
        Texts.
    count : callable
        ``count(items)`` counts.

    Returns
    -------
    ndarray of int64, shape (n_items,)
    """
    tokenizer = {name: value for name, value in facts.provenance.items() if name not in _NOT_OF_TOKENS}
    content = hashlib.sha256(digest([_FORMAT, tokenizer]).encode())
    for item in items:
        content.update(hashlib.sha256(str(item).encode("utf-8", "surrogatepass")).digest())
    path = _path(f"{content.hexdigest()}.lengths")
    known = recall(path, what="how many tokens texts have, which is counted again")
    if known is not None:
        return np.frombuffer(known, "<i8").astype(np.int64)
    counted = np.asarray(count(items), dtype=np.int64)
    remember(path, counted.astype("<i8").tobytes())
    return counted


def _machine() -> dict[str, Any]:
    """Say what the choice of device and precision depends on."""
    devices = [path.name for pattern in ("nvidia[0-9]*", "kfd") for path in Path("/dev").glob(pattern)]
    return {
        "name": platform.node(),
        "system": platform.system(),
        "bfloat16": cpu_multiplies_bfloat16(),
        "devices": sorted(devices),
        "visible": [os.environ.get(name) for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")],
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _path(name: str) -> Path:
    return cache_folder("encoders") / name
