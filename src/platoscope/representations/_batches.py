"""The batches of an extraction: which items are run together, and in which order their rows are stored."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["Batches"]


@dataclass(frozen=True, eq=False)
class Batches:
    """Batches in the order in which they are run; row ``r`` of the store is item ``order[r]``.

    The numbers that a model gives for an item depend, in their last bits, on the batch in which it
    was run. So they are made once, stored with the first extraction, and every later one (after an
    interruption, for another pooling, for a damaged unit) runs the very same batches.

    Parameters
    ----------
    order : ndarray of int64, shape (n_items,)
        A permutation of the items.
    sizes : ndarray of int64, shape (n_batches,)
        How many consecutive rows each batch covers.
    """

    order: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def __post_init__(self) -> None:
        n_items = self.order.size
        if int(self.sizes.sum()) != n_items or not np.array_equal(np.sort(self.order), np.arange(n_items)):
            message = (
                f"Batches must hold each of the {n_items} items exactly once, but these {self.sizes.size} "
                f"hold {int(self.sizes.sum())} rows with {np.unique(self.order).size} "
                "different items."
            )
            raise InputError(message)

    @classmethod
    def from_items(cls, items: Sequence[NDArray[np.integer]], /) -> Batches:
        """Take what `Encoder.batches` returns: one array of item numbers per batch."""
        order = np.concatenate([np.asarray(batch, np.int64) for batch in items])
        return cls(order, np.array([len(batch) for batch in items], np.int64))

    @property
    def n_items(self) -> int:
        """Number of items, which is the number of rows."""
        return int(self.order.size)

    @property
    def digest(self) -> str:
        """SHA-256 of order and batches, in hexadecimal."""
        content = self.order.astype("<i8").tobytes() + b"|" + self.sizes.astype("<i8").tobytes()
        return hashlib.sha256(content).hexdigest()

    def __iter__(self) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Yield ``(first_row, items)`` of every batch."""
        first = 0
        for size in self.sizes.tolist():
            yield first, self.order[first : first + size]
            first += size
