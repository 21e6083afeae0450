"""How a unit lies in its file: chunks, each with its checksum and the mark of its place, and behind them the index."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from crc32c import crc32c

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "CHECKSUM_BYTES",
    "MARK_BYTES",
    "Marks",
    "checksum_of",
    "index_bytes",
    "parse_index",
    "read_into",
    "write_index",
]

CHECKSUM_BYTES = 4
MARK_BYTES = 16  # 8 of a digest of the array, and unit and layer
_PLACE = struct.Struct("<II")
_INDEX_ENTRY = 16  # offset and length of one inner chunk, two little-endian uint64


def checksum_of(content: bytes | NDArray[np.uint8], /) -> bytes:
    """Checksum of Zarr's ``crc32c`` codec, as it stands on disk."""
    checksum = crc32c(content if isinstance(content, bytes) else content.data)
    return checksum.to_bytes(CHECKSUM_BYTES, "little")


@dataclass(frozen=True)
class Marks:
    """Marks of the chunks of an array: another array, one of other batches, another unit or layer has other ones.

    Parameters
    ----------
    n_bytes : int
        Of each; arrays of versions before have none.
    of_array : bytes
        What all begin with.
    """

    n_bytes: int
    of_array: bytes

    @classmethod
    def of(cls, array: str, plan: str, n_bytes: object, /) -> Marks:
        """Give those of an array and the digest of its batches.

        Raises
        ------
        ValueError
            If no version has written marks of so many bytes.
        """
        if type(n_bytes) is not int or n_bytes not in (0, MARK_BYTES):
            message = f"marks of {n_bytes!r} bytes"
            raise ValueError(message)
        digest = hashlib.sha256(f"{array}\n{plan}".encode()).digest()
        return cls(n_bytes, digest[: MARK_BYTES - _PLACE.size])

    def at(self, unit: int, position: int, /) -> bytes:
        """Give that of one chunk, which is read in some ten microseconds: nothing is hashed here."""
        return self.of_array + _PLACE.pack(unit, position) if self.n_bytes else b""


def index_bytes(n_chunks: int, /) -> int:
    """Bytes of an index, its checksum included."""
    return n_chunks * _INDEX_ENTRY + CHECKSUM_BYTES


def write_index(n_chunks: int, length: int, stride: int, /) -> list[bytes]:
    """Give the index of chunks of one length, so many bytes from one to the next, and its checksum."""
    places = [(position * stride, length) for position in range(n_chunks)]
    content = np.array(places, "<u8").tobytes()
    return [content, checksum_of(content)]


def parse_index(tail: bytes, n_chunks: int, /) -> NDArray[np.uint64]:
    """Read where each chunk begins and how long it is, shape (n_chunks, 2).

    Raises
    ------
    ValueError
        If these are not the bytes of an index.
    """
    content, checksum = tail[:-CHECKSUM_BYTES], tail[-CHECKSUM_BYTES:]
    if len(tail) != index_bytes(n_chunks) or checksum_of(content) != checksum:
        message = "its index is damaged"
        raise ValueError(message)
    return np.frombuffer(content, "<u8").reshape(n_chunks, 2)


def read_into(file: BinaryIO, content: memoryview, /) -> int:
    """Fill ``content`` and return how many bytes came: a raw read may return less than asked for."""
    filled = 0
    while filled < content.nbytes and (n := file.readinto(content[filled:])):  # type: ignore[attr-defined]
        filled += n
    return filled
