"""One group of the store: one side of a data set in one model, with one array per pooling."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.errors import InputError, StorageError
from platoscope.hashing import digest
from platoscope.models.pooling import Pooling
from platoscope.representations._batches import Batches
from platoscope.representations._folder import METADATA
from platoscope.representations._metadata import (
    damaged_error,
    expecting,
    find_metadata,
    read_metadata,
    removing,
)
from platoscope.representations._unit_bytes import checksum_of, read_into
from platoscope.representations._units import find_array, lay_out, open_array

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from platoscope.representations._folder import Folder
    from platoscope.representations._units import StoredArray

__all__ = [
    "FORMAT",
    "LAYER_NAMES",
    "StoredGroup",
    "array_name",
    "digest_of_lengths",
    "find_group",
    "group_key",
    "identity_of",
    "incomplete_error",
    "stored_as",
]

LAYER_NAMES = "layer_names"
"""Under which a provenance has what a model, or somebody else, calls the layers."""

FORMAT = 1
_ATTRIBUTES = (
    "format",
    "data",
    "model",
    "layers",
    "depth",
    "n_features",
    "n_items",
    "ids",
    "plan",
    "versions",
    "created",
)
# What a model says of itself that does not decide what it computes (the batches are kept beside the key).
# Everything else is part of the key: a setting unknown here must rather split a group than let two
# settings share one.
_NOT_IDENTITY = frozenset({"batch_tokens", "device", "device_map", "versions"})


def stored_as(pooling: Pooling, /) -> Pooling:
    """Give the pooling whose array holds it: ``concat(k)`` and ``tokens(k)`` are the same numbers, a band is of ``dct(m)``.

    Examples
    --------
    >>> str(stored_as(Pooling.parse("concat(20)"))), str(stored_as(Pooling.parse("last")))
    ('tokens(20)', 'last')
    >>> str(stored_as(Pooling.parse("dct(2-3)")))
    'dct(4)'
    """
    return (
        Pooling("dct" if pooling.kind == "dct" else "tokens", pooling.n) if pooling.keeps_tokens else pooling
    )


def array_name(pooling: Pooling, /) -> str:
    """Name of an array on disk, without characters that shells and object stores mind.

    Examples
    --------
    >>> array_name(Pooling.parse("mean(20)")), array_name(Pooling.parse("concat(3)"))
    ('mean_20', 'tokens_3')
    """
    kept = stored_as(pooling)
    return kept.kind if kept.n is None else f"{kept.kind}_{kept.n}"


def group_key(data: str, model: Mapping[str, Any], layers: Sequence[int] | None, /) -> str:
    """SHA-256, in hexadecimal, of all that decides the numbers of a group.

    Parameters
    ----------
    data : str
        Fingerprint of the items.
    model : mapping
        `Encoder.provenance`; where it ran and with which library versions is left out.
    layers : sequence of int or None
        The layers that are kept; None for all.
    """
    content = {
        "format": FORMAT,
        "data": data,
        "model": identity_of(model),
        "layers": None if layers is None else list(layers),
    }
    return digest(content)


def identity_of(model: Mapping[str, Any], /) -> dict[str, Any]:
    """Give what decides a model's numbers, of all that it says of itself."""
    return {name: value for name, value in model.items() if name not in _NOT_IDENTITY}


@dataclass(frozen=True, eq=False)
class StoredGroup:
    """A group that exists in the store; its arrays may be whole or still being made.

    Parameters
    ----------
    folder : Folder
        The root of the store.
    key : str
        Name of the group below it.
    attributes : mapping
        What the group's ``zarr.json`` says: data, model, layers, ids, digest of the batches (named
        ``plan``), versions, creation time.
    """

    folder: Folder
    key: str
    attributes: Mapping[str, Any] = field(repr=False)

    @property
    def layers(self) -> tuple[int, ...]:
        """Numbers of the layers that are kept."""
        return tuple(self.attributes["layers"])

    @property
    def depth(self) -> int:
        """Number of blocks of the model: the number of its last layer."""
        return int(self.attributes["depth"])

    @property
    def n_items(self) -> int:
        """Number of items."""
        return int(self.attributes["n_items"])

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids that the items had in the extraction that made the group."""
        ids = self.attributes["ids"]
        return tuple(str(i) for i in range(self.n_items)) if ids is None else tuple(ids)

    @cached_property
    def batches(self) -> Batches:
        """The batches that made the arrays, and the order of their rows."""
        message = (
            f"The batches of {self.key[:12]} in {self.folder.location} are not those that it was made "
            f"with. Remove the group ({removing(self.folder, self.key)}) and extract again."
        )
        try:
            batches = Batches(self._vector("order"), self._vector("batch_sizes"))
        except InputError as error:
            raise StorageError(message) from error
        if batches.digest != self.attributes["plan"]:
            raise StorageError(message)
        return batches

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of every item, in item order."""
        lengths = self._vector("lengths")
        noted = self.attributes.get("lengths")  # not in groups of versions before
        if noted is not None and noted != digest_of_lengths(lengths):
            error = self._unusable("lengths", "is not that of this group")
            raise error
        return lengths

    @property
    def layer_names(self) -> tuple[str, ...] | None:
        """What the model calls the layers that are kept; None where they have numbers only."""
        names = self.attributes["model"].get(LAYER_NAMES)
        return None if names is None else tuple(str(names[layer]) for layer in self.layers)

    @property
    def layer_widths(self) -> tuple[int, ...]:
        """Features of each layer that is kept; behind those of a narrower one, arrays hold zeros."""
        n_features = int(self.attributes["n_features"])
        widths = self.attributes.get("layer_widths")
        return (n_features,) * len(self.layers) if widths is None else tuple(widths)

    def _vector(self, name: str) -> NDArray[np.int64]:
        path = f"{self.key}/{name}"
        with expecting(self.folder, path):
            (n,) = read_metadata(self.folder, path)["shape"]
            content = np.empty(n * 8 + 4, np.uint8)
        try:
            with self.folder.open_range(f"{path}/c.0", 0, content.size) as file:
                filled = read_into(file, content.data)
        except FileNotFoundError:
            filled = 0
        if filled != content.size or checksum_of(content[:-4]) != content[-4:].tobytes():
            raise self._unusable(name, "is damaged or missing")
        return content[:-4].view("<i8").astype(np.int64)

    def _unusable(self, name: str, reason: str) -> StorageError:
        return StorageError(
            f"Array {f'{self.key}/{name}'!r} in {self.folder.location} {reason}, and nothing of the group can be read "
            f"without it. Remove the group ({removing(self.folder, self.key)}) and extract again."
        )

    def arrays(self) -> Iterator[StoredArray]:
        """All arrays of poolings, whole or not, by name."""
        for name, content in self._array_folders():
            if METADATA in content:
                yield self._own(open_array(self.folder, f"{self.key}/{name}"), name)

    def headless(self) -> list[str]:
        """Names of arrays that have units and no metadata; their extraction begins anew."""
        return [name for name, content in self._array_folders() if content and METADATA not in content]

    def _array_folders(self) -> Iterator[tuple[str, frozenset[str]]]:
        names = self.folder.names(self.key) - {"order", "batch_sizes", "lengths", METADATA}
        for name in sorted(names):
            yield name, self.folder.names(f"{self.key}/{name}")

    def array(self, pooling: Pooling, /) -> StoredArray | None:
        """Give the array that holds a pooling, or None where there is none."""
        name = array_name(pooling)
        array = find_array(self.folder, f"{self.key}/{name}")
        return None if array is None else self._own(array, name)

    def _own(self, array: StoredArray, name: str) -> StoredArray:
        """Refuse an array that is not of this group, or not what it is called."""
        wrong = ""
        if array.plan != self.attributes["plan"]:
            wrong = "was written with other batches than the group's (two processes began at once, or it is another's)"
        elif array_name(Pooling.parse(array.pooling)) != name:
            wrong = f"holds {array.pooling}, and not what it is called after"
        if wrong:
            message = (
                f"Array {array.path!r} in {self.folder.location} {wrong}. Remove the group "
                f"({removing(self.folder, self.key)}) and extract again."
            )
            raise StorageError(message)
        return array

    def new_array(self, pooling: Pooling, /) -> StoredArray:
        """Lay out the array of a pooling, without touching the store."""
        return lay_out(
            self.folder,
            f"{self.key}/{array_name(pooling)}",
            pooling=str(stored_as(pooling)),
            plan=self.attributes["plan"],
            shape=(len(self.layers), self.n_items, pooling.n_vectors, int(self.attributes["n_features"])),
            has_token_axis=pooling.keeps_tokens,
        )


def find_group(folder: Folder, key: str, /) -> StoredGroup | None:
    """Open a group by its full key, or give None where there is none."""
    metadata = find_metadata(folder, key)
    attributes = None if metadata is None else metadata["attributes"].get("platoscope")
    if attributes is None:
        return None
    with expecting(folder, key):
        for name in _ATTRIBUTES:
            attributes[name]
    if attributes["format"] != FORMAT:
        message = (
            f"{folder.location}/{key[:12]} was written in format {attributes['format']}, and this version "
            f"reads format {FORMAT}. Use the version that wrote it, or another store (store=PATH)."
        )
        raise StorageError(message)
    with expecting(folder, key):
        whole = attributes["ids"] is None or len(attributes["ids"]) == int(attributes["n_items"])
        own = key in _possible_keys(attributes)
    if not whole:
        raise damaged_error(folder, key, "they have another number of ids than of items")
    if not own:
        raise damaged_error(folder, key, "they are of another group than its name says")
    return StoredGroup(folder, key, attributes)


def _possible_keys(attributes: Mapping[str, Any]) -> Iterator[str]:
    """Give the keys of groups that attributes may be of: they do not say whether all layers were asked for."""
    model = attributes["model"]
    unnamed = {name: value for name, value in model.items() if name != "name"}
    for what in (unnamed, model):
        for layers in (None, attributes["layers"]):
            yield group_key(attributes["data"]["fingerprint"], what, layers)


def incomplete_error(folder: Folder, key: str, /) -> StorageError:
    """Build the error for a folder with the name of a group and without its metadata."""
    return StorageError(
        f"{folder.location}/{key[:12]} has no metadata: they are damaged, or another process is about to "
        f"write them. If none is, remove the group ({removing(folder, key)}) and extract again."
    )


def digest_of_lengths(lengths: NDArray[np.int64], /) -> str:
    """Give the SHA-256 of the tokens of every item, in hexadecimal."""
    return hashlib.sha256(lengths.astype("<i8").tobytes()).hexdigest()
