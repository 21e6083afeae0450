"""The plan of an extraction: which items are run together, and in which order their rows are stored."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["Plan"]


@dataclass(frozen=True, eq=False)
class Plan:
    """Batches in the order in which they are run; row ``r`` of the store is item ``order[r]``.

    The numbers that a model gives for an item depend, in their last bits, on the batch in which it
    was run. So the plan is made once, stored with the first extraction, and every later one (after an
    interruption, for another pooling, for a damaged unit) runs the very same batches.

    Parameters
    ----------
    order : ndarray of int64, shape (n_items,)
        A permutation of the items.
    batch_sizes : ndarray of int64, shape (n_batches,)
        How many consecutive rows each batch covers.
    """

    order: NDArray[np.int64]
    batch_sizes: NDArray[np.int64]

    def __post_init__(self) -> None:
        n_items = self.order.size
        if int(self.batch_sizes.sum()) != n_items or not np.array_equal(
            np.sort(self.order), np.arange(n_items)
        ):
            message = (
                f"A plan must hold each of the {n_items} items exactly once, but its {self.batch_sizes.size} "
                f"batches hold {int(self.batch_sizes.sum())} rows with {np.unique(self.order).size} "
                "different items."
            )
            raise InputError(message)

    @classmethod
    def from_batches(cls, batches: Sequence[NDArray[np.integer]], /) -> Plan:
        """Make a plan of what `Encoder.batches` returns: one array of item numbers per batch."""
        order = np.concatenate([np.asarray(batch, np.int64) for batch in batches])
        return cls(order, np.array([len(batch) for batch in batches], np.int64))

    @property
    def n_items(self) -> int:
        """Number of items, which is the number of rows."""
        return int(self.order.size)

    @property
    def digest(self) -> str:
        """SHA-256 of order and batches, in hexadecimal."""
        content = self.order.astype("<i8").tobytes() + b"|" + self.batch_sizes.astype("<i8").tobytes()
        return hashlib.sha256(content).hexdigest()

    def batches(self) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Yield ``(first_row, items)`` of every batch."""
        first = 0
        for size in self.batch_sizes.tolist():
            yield first, self.order[first : first + size]
            first += size
