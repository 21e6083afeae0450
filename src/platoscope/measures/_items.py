"""What single items have to do with a measure: the ranks of which it is the mean, and nearest neighbors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from platoscope.neighbors import Neighbors

__all__ = ["ItemRanks", "ItemValues"]


class ItemValues(NamedTuple):
    """Numbers about every item, of pairs of layers."""

    values: npt.NDArray[Any]
    """Shape (2, n_pairs, n_items)."""
    of: Literal["direction", "side"] = "direction"
    """What the first axis is: A→B and B→A, or the layer of A and that of B by itself."""


@dataclass(frozen=True, eq=False)
class ItemRanks:
    """What Information Imbalance is made of, filled in while it is computed.

    Parameters
    ----------
    ranks : ndarray of float64, shape (2, n_pairs, n_items)
        For A→B and B→A, the mean rank on the other side of the neighbors of each item.
    """

    ranks: npt.NDArray[np.float64]
    _nearest: tuple[dict[int, Any], dict[int, Any]] = field(default_factory=lambda: ({}, {}))

    @classmethod
    def of(cls, n_pairs: int, n_items: int, /) -> ItemRanks:
        """Return room for pairs of layers over so many items."""
        return cls(np.empty((2, n_pairs, n_items)))

    def keep(self, side: int, position: int, near: Neighbors, /) -> None:
        """Keep the first neighbor of those items that have some in `near`, and how many tie for it."""
        found = self._nearest[side].setdefault(position, np.zeros((2, self.ranks.shape[-1]), np.int32))
        counts = np.diff(near.indptr)
        items = np.flatnonzero(counts)
        found[0, items] = near.items[near.indptr[items]]
        found[1, items] = counts[items]

    def variables(self, pairs: npt.NDArray[np.intp], /) -> dict[str, ItemValues]:
        """Return the variables of a result, by name."""
        sides = [
            np.stack([self._nearest[side][position] for position in pairs[:, side]], axis=1)
            for side in (0, 1)
        ]
        nearest, n_nearest = np.stack(sides, axis=1)
        return {
            "neighbor_rank": ItemValues(self.ranks),
            "nearest": ItemValues(nearest, "side"),
            "n_nearest": ItemValues(n_nearest, "side"),
        }
