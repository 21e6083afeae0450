"""One stored array: written unit by unit, each whole or absent, and read layer by layer.

A unit is a Zarr shard: one file that holds some consecutive rows (items in the order of the batches) of
every layer, as one inner chunk per layer, each with its own CRC-32C. It appears under its name in one
step, when it is complete; so its presence is the record that its items are done. Behind each chunk stands a
mark of its place (array, unit, layer): a unit in the place of another is none of its own. Zarr reads over it.
"""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from crc32c import crc32c

from platoscope.errors import StorageError
from platoscope.representations._folder import METADATA, writing
from platoscope.representations._metadata import (
    change_attributes,
    expecting,
    find_metadata,
    metadata_file,
    read_metadata,
    verifying,
)
from platoscope.representations._unit_bytes import (
    CHECKSUM_BYTES,
    MARK_BYTES,
    Marks,
    checksum_of,
    index_bytes,
    parse_index,
    read_into,
    write_index,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from platoscope.representations._folder import Folder

    _Take = Callable[[int, NDArray[np.float32]], None]

__all__ = ["StoredArray", "find_array", "lay_out", "open_array", "stored_bytes"]

_ROWS_PER_UNIT = 128  # an interruption loses at most this many items of work
_BYTES_PER_PIECE = 2**19
_UNITS_AHEAD = 4  # that the disk is told of, so that it does not wait for the reader
_BYTES_PER_UNIT = 64 * 2**20  # and extraction holds at most about this much of each array


@dataclass(frozen=True, eq=False)
class StoredArray:
    """Shape ``(layer, row, token, feature)``, with one token where the pooling leaves one vector."""

    folder: Folder
    path: str
    pooling: str
    plan: str  # the digest of the batches that make its rows
    n_layers: int
    n_items: int
    n_tokens: int
    n_features: int
    rows_per_unit: int
    has_token_axis: bool
    attributes: Mapping[str, Any]
    marks: Marks  # behind the chunks

    @property
    def n_units(self) -> int:
        """Number of units that make the array whole."""
        return -(-self.n_items // self.rows_per_unit)

    def rows(self, unit: int, /) -> range:
        """Rows of one unit."""
        return range(unit * self.rows_per_unit, min(self.n_items, (unit + 1) * self.rows_per_unit))

    def units(self, first: int, stop: int, /) -> range:
        """Units that rows ``first`` to ``stop - 1`` touch."""
        return range(first // self.rows_per_unit, -(-stop // self.rows_per_unit))

    def file_name(self, unit: int, /) -> str:
        """Name of the unit inside the array's folder."""
        return f"c.0.{unit}.0.0" if self.has_token_axis else f"c.0.{unit}.0"

    def missing(self) -> list[int]:
        """Units that are not there yet."""
        names = self.folder.names(self.path)
        return [unit for unit in range(self.n_units) if self.file_name(unit) not in names]

    @cached_property
    def _chunk_bytes(self) -> int:
        return self.rows_per_unit * self.n_tokens * self.n_features * 4

    @cached_property
    def _stride(self) -> int:
        """From one chunk of a unit to the next, in bytes."""
        return self._chunk_bytes + CHECKSUM_BYTES + self.marks.n_bytes

    def _index(self, unit: int) -> NDArray[np.uint64]:
        """Read where each chunk begins and how long it is, and see that this is sound."""
        name = f"{self.path}/{self.file_name(unit)}"
        return parse_index(self.folder.read_tail(name, index_bytes(self.n_layers)), self.n_layers)

    def _offset(self, index: NDArray[np.uint64], position: int) -> int:
        offset, length = index[position].tolist()
        if length != self._chunk_bytes + CHECKSUM_BYTES or offset > self.n_layers * self._stride:
            message = f"its index gives {length} bytes at {offset} where {self._chunk_bytes + CHECKSUM_BYTES} are due"
            raise ValueError(message)
        return int(offset)

    def _read_chunk(self, unit: int, position: int, piece: NDArray[np.float32], take: _Take) -> None:
        """Read one chunk through ``piece``; what ``take`` got is worthless if this raises."""
        # `write_unit` puts the layers in their order. Only a file that another program has written anew may
        # have them elsewhere, and then the checksum sends us to its index.
        mark = self._stream(unit, position * self._stride, piece, take)
        if mark is None:
            mark = self._stream(unit, self._offset(self._index(unit), position), piece, take)
        if mark is None:
            message = "its checksum does not match"
            raise ValueError(message)
        if mark != self.marks.at(unit, position):
            message = "the checksum of its place does not match: another unit's, layer's or array's, or not written here"
            raise ValueError(message)

    def _stream(self, unit: int, offset: int, piece: NDArray[np.float32], take: _Take) -> bytes | None:
        """Read rows and hand them on while they are in the cache; return the mark behind, or None if their sum is wrong."""
        name = f"{self.path}/{self.file_name(unit)}"
        checksum = 0
        with self.folder.open_range(name, offset, self._stride) as file:
            for first in range(0, self.rows_per_unit, len(piece)):
                rows = piece[: self.rows_per_unit - first]
                content = rows.reshape(-1).view(np.uint8).data
                if read_into(file, content) != content.nbytes:
                    return None
                checksum = crc32c(content, checksum)
                take(first, rows)
            end = file.read(CHECKSUM_BYTES + self.marks.n_bytes)
        return (
            end[CHECKSUM_BYTES:]
            if end[:CHECKSUM_BYTES] == checksum.to_bytes(CHECKSUM_BYTES, "little")
            else None
        )

    def _piece(self) -> NDArray[np.float32]:
        """Make a buffer for as many rows as stay in a core's cache."""
        n_rows = max(1, _BYTES_PER_PIECE // (self.n_tokens * self.n_features * 4))
        return np.empty((min(n_rows, self.rows_per_unit), self.n_tokens, self.n_features), "<f4")

    def problem(self, unit: int, /) -> str | None:
        """Say what is wrong with a unit, or None if every chunk of it passes its checksum."""
        piece = self._piece()
        position = 0
        try:
            index = self._index(unit)
            for position in range(self.n_layers):
                self._offset(index, position)
                self._read_chunk(unit, position, piece, lambda *_: None)
        except FileNotFoundError:
            return "it is missing"
        except ValueError as error:
            return f"{error} (layer at position {position})"
        return None

    def problems(self) -> dict[int, str]:
        """Say of every unit that is there or should be what is wrong with it, if anything is."""
        n_readers = min(self.folder.n_readers(self.n_layers * self._chunk_bytes), self.n_units)
        with ThreadPoolExecutor(max(1, n_readers)) as pool:
            found = zip(range(self.n_units), pool.map(self.problem, range(self.n_units)), strict=True)
            return {unit: reason for unit, reason in found if reason is not None}

    def damaged_error(self, unit: int, position: int | None, reason: object) -> StorageError:
        """Build the error that names the chunk, its items, and the way out."""
        rows = self.rows(unit)
        chunk = f"Unit {unit}" if position is None else f"Unit {unit}, layer position {position},"
        return StorageError(
            f"{chunk} of array {self.path!r} in {self.folder.location} cannot be used: {reason} (file "
            f"{self.file_name(unit)}, {len(rows)} items, rows {rows.start} to {rows.stop - 1} in stored "
            "order). Run the same extraction again: it computes only these items anew; "
            f"{verifying(self.folder, self.path)} names them."
        )

    def read_layer(
        self, position: int, destination: NDArray[np.int64], n_out: int, tokens: slice, /
    ) -> NDArray[np.float32]:
        """Read one layer, with rows brought where they are wanted.

        Parameters
        ----------
        position : int
            Position of the layer in this array.
        destination : ndarray of int64, shape (n_items,)
            For each stored row the row of the result, or -1 to leave it out.
        n_out : int
            Rows of the result.
        tokens : slice
            Which tokens are wanted.

        Returns
        -------
        ndarray of float32, shape (n_tokens_wanted, n_out, n_features)
        """
        first_token, stop_token, _ = tokens.indices(self.n_tokens)
        out = np.empty((stop_token - first_token, n_out, self.n_features), np.float32)
        all_wanted = bool((destination >= 0).all())
        targets_of = [
            destination[unit * self.rows_per_unit : (unit + 1) * self.rows_per_unit]
            for unit in range(self.n_units)
        ]
        wanted = [unit for unit, targets in enumerate(targets_of) if all_wanted or (targets >= 0).any()]
        n_readers = max(1, min(self.folder.n_readers(out.nbytes), len(wanted)))

        def put(targets: NDArray[np.int64], first: int, rows: NDArray[np.float32]) -> None:
            target = targets[first : first + len(rows)]
            rows = rows[: target.size]  # the last unit is filled up
            if not all_wanted:
                rows, target = rows[target >= 0], target[target >= 0]
            # One plain indexed assignment per token: several times as fast as one for all of them.
            for token, place in enumerate(out, start=first_token):
                place[target] = rows[:, token]

        def read_every_nth(first: int) -> None:
            piece = self._piece()
            for n in range(first, len(wanted), n_readers):
                self._expect(wanted[n + _UNITS_AHEAD : n + _UNITS_AHEAD + 1], position)
                self._read_named(wanted[n], position, piece, partial(put, targets_of[wanted[n]]))

        self._expect(wanted[:_UNITS_AHEAD], position)
        if n_readers == 1:
            read_every_nth(0)
        else:
            with ThreadPoolExecutor(n_readers) as pool:
                list(pool.map(read_every_nth, range(n_readers)))
        return out

    def _expect(self, units: Sequence[int], position: int) -> None:
        """Tell the disk of the chunks of one layer, where `write_unit` puts them."""
        for unit in units:
            name = f"{self.path}/{self.file_name(unit)}"
            self.folder.expect_range(name, position * self._stride, self._stride)

    def _read_named(self, unit: int, position: int, piece: NDArray[np.float32], take: _Take) -> None:
        """Read a chunk, or raise the error that names it."""
        try:
            self._read_chunk(unit, position, piece, take)
        except FileNotFoundError as error:
            raise self.damaged_error(unit, position, "it is missing") from error
        except ValueError as error:
            raise self.damaged_error(unit, position, error) from error

    def create(self) -> None:
        """Write the metadata of the array, if no other process did so before."""
        import zarr  # 0.2 s, and reading a layer needs no Zarr
        from zarr.codecs import Crc32cCodec
        from zarr.storage import MemoryStore

        inner = (self.n_tokens, self.n_features) if self.has_token_axis else (self.n_features,)
        token = ("token",) if self.has_token_axis else ()
        # In memory: on disk Zarr would also make the group anew, where another process has removed it.
        made: dict[str, Any] = {}
        zarr.create_array(
            MemoryStore(made),
            shape=(self.n_layers, self.n_items, *inner),
            dtype="float32",
            chunks=(1, self.rows_per_unit, *inner),
            shards=(self.n_layers, self.rows_per_unit, *inner),
            filters=None,
            # Not compressed: the low bits of hidden states are noise.
            compressors=[Crc32cCodec()],
            fill_value=math.nan,  # an absent unit must never read as zeros
            chunk_key_encoding={"name": "default", "separator": "."},
            dimension_names=("layer", "item", *token, "feature"),
            attributes=dict(self.attributes),
        )
        metadata = metadata_file(json.loads(made[METADATA].to_bytes()), {})
        with writing(self.folder, f"the array {self.path}"):
            self.folder.write_first(f"{self.path}/{METADATA}", metadata)

    def write_unit(self, unit: int, block: NDArray[np.float32], /) -> None:
        """Write one unit in one step: ``block`` has shape ``(n_layers, n_rows, n_tokens, n_features)``.

        The bytes are those of a Zarr shard. Zarr's own writer would first read the unit that is there, which
        fails when it is damaged, the very case in which it is to be replaced.
        """
        pieces: list[bytes | memoryview] = []
        for position, layer in enumerate(block):
            chunk = np.full((self.rows_per_unit, *layer.shape[1:]), np.nan, "<f4")
            chunk[: len(layer)] = layer
            content = chunk.reshape(-1).view(np.uint8)
            pieces += [content.data, checksum_of(content), self.marks.at(unit, position)]
        pieces += write_index(self.n_layers, self._chunk_bytes + CHECKSUM_BYTES, self._stride)
        name = f"{self.path}/{self.file_name(unit)}"
        with writing(self.folder, f"unit {unit} of {self.path}"):
            self._require_same()
            self.folder.write(name, pieces)
            try:
                self._require_same()
            except FileNotFoundError:  # while it was written; what lies there now is of a removed array
                self.folder.remove(name)
                raise

    def _require_same(self) -> None:
        """Refuse to write into an array that another process has removed, or made anew of other batches, meanwhile."""
        found = find_array(self.folder, self.path)
        if found is None or found.plan != self.plan:
            raise FileNotFoundError(self.path)

    def record(self, **completed: Any) -> None:
        """Add to the array's attributes, once it is whole, what making it took."""
        with writing(self.folder, f"the record of {self.path}"):
            change_attributes(self.folder, self.path, {"completed": completed})


def lay_out(
    folder: Folder,
    path: str,
    /,
    *,
    pooling: str,
    plan: str,
    shape: tuple[int, int, int, int],
    has_token_axis: bool,
) -> StoredArray:
    """Decide the units of a new array; nothing is written before `StoredArray.create`.

    Parameters
    ----------
    shape : (n_layers, n_items, n_tokens, n_features)
    """
    n_layers, n_items, n_tokens, n_features = shape
    return StoredArray(
        folder=folder,
        path=path,
        pooling=pooling,
        plan=plan,
        n_layers=n_layers,
        n_items=n_items,
        n_tokens=n_tokens,
        n_features=n_features,
        rows_per_unit=_rows_per_unit(shape),
        has_token_axis=has_token_axis,
        attributes={"pooling": pooling, "plan": plan, "mark_bytes": MARK_BYTES},
        marks=Marks.of(path, plan, MARK_BYTES),
    )


def _rows_per_unit(shape: tuple[int, int, int, int]) -> int:
    n_layers, n_items, n_tokens, n_features = shape
    return min(_ROWS_PER_UNIT, max(1, _BYTES_PER_UNIT // (n_layers * n_tokens * n_features * 4)), n_items)


def stored_bytes(shape: tuple[int, int, int, int], /) -> int:
    """Return what a new array of this shape takes on the disk: whole units, of which the last one is filled up.

    Parameters
    ----------
    shape : (n_layers, n_items, n_tokens, n_features)
    """
    n_layers, n_items, n_tokens, n_features = shape
    rows = _rows_per_unit(shape)
    return 4 * n_layers * -(-n_items // rows) * rows * n_tokens * n_features


def open_array(folder: Folder, path: str, /) -> StoredArray:
    """Open the array of one pooling by its metadata."""
    return _array_of(folder, path, read_metadata(folder, path))


def find_array(folder: Folder, path: str, /) -> StoredArray | None:
    """Do as `open_array`, and give None where there is none."""
    metadata = find_metadata(folder, path)
    return None if metadata is None else _array_of(folder, path, metadata)


def _array_of(folder: Folder, path: str, metadata: Mapping[str, Any]) -> StoredArray:
    with expecting(folder, path):
        n_layers, n_items, *tokens, n_features = metadata["shape"]
        attributes = metadata["attributes"]
        return StoredArray(
            folder=folder,
            path=path,
            pooling=attributes["pooling"],
            plan=attributes["plan"],
            n_layers=n_layers,
            n_items=n_items,
            n_tokens=tokens[0] if tokens else 1,
            n_features=n_features,
            rows_per_unit=metadata["chunk_grid"]["configuration"]["chunk_shape"][1],
            has_token_axis=bool(tokens),
            attributes=attributes,
            marks=Marks.of(path, attributes["plan"], attributes.get("mark_bytes", 0)),
        )
