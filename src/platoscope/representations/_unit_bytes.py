"""How a unit lies in its file: chunks, each with its checksum and the mark of its place, and behind them the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from crc32c import crc32c

from platoscope.hashing import digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "CHECKSUM_BYTES",
    "MARK_BYTES",
    "checksum_of",
    "index_bytes",
    "mark_of",
    "parse_index",
    "read_into",
    "write_index",
]

CHECKSUM_BYTES = 4
MARK_BYTES = 16
_INDEX_ENTRY = 16  # offset and length of one inner chunk, two little-endian uint64


def checksum_of(content: bytes | NDArray[np.uint8], /) -> bytes:
    """Checksum of Zarr's ``crc32c`` codec, as it stands on disk."""
    checksum = crc32c(content if isinstance(content, bytes) else content.data)
    return checksum.to_bytes(CHECKSUM_BYTES, "little")


def mark_of(array: str, plan: str, unit: int, position: int, /) -> bytes:
    """Say where a chunk belongs: another array, of other batches, another unit or layer has another mark."""
    return bytes.fromhex(digest([array, plan, unit, position]))[:MARK_BYTES]


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
