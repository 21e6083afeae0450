"""Who of a sample of items is closer than a neighbor: what a rank among all items is estimated from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from platoscope.neighbors._exact import exact_scores
from platoscope.neighbors._metrics import kind_of
from platoscope.neighbors._products import gram_product
from platoscope.neighbors._search import entries_of, row_scores
from platoscope.neighbors._threads import over_rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from platoscope.neighbors._search import AskedNeighbors
    from platoscope.neighbors._space import Space
    from platoscope.neighbors._streams import RowStream

__all__ = ["AgainstReferences", "against_references"]

# Near-ties that are decided together.
_PAIRS_AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False)
class AgainstReferences:
    """Neighbors of the items that ask, held against a sample of references; made by `against_references`."""

    near: AskedNeighbors
    """Neighbors, most often by another representation."""
    space: Space = field(repr=False)
    """The rows of all items involved."""
    asking: npt.NDArray[np.intp] = field(repr=False)
    """The place of each asking item in `space`; ascending."""
    neighbors: npt.NDArray[np.intp] = field(repr=False)
    """That of each neighbor."""
    references: npt.NDArray[np.intp] = field(repr=False)
    """That of each reference; ascending."""

    def closer(
        self, start: int, stop: int, /
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Tell which references are closer than the neighbors of the asking items start:stop.

        Returns
        -------
        closer : ndarray of float32, shape (n_neighbors_of_these, n_references)
            1 for a reference that is closer to the asking item than this neighbor is, ½ for one that ties; for the asking
            item and the neighbor themselves, the mean over all others.
        sums : ndarray of float64, shape (n_neighbors_of_these,)
            Sums over the others.
        n_others : ndarray of int64, shape (n_neighbors_of_these,)
            How many these are.
        """
        first, last = self.near.indptr[[start, stop]]
        owner = self.near.owner[first:last] - start
        closer = self._counted(self.asking[start:stop], owner, self.neighbors[first:last])
        rows = np.arange(last - first)
        themselves = [
            self._among_references(places, rows)
            for places in (self.asking[start:stop][owner], self.neighbors[first:last])
        ]
        n_others = np.full(rows.size, len(self.references))
        for row, column in themselves:
            closer[row, column] = 0
            n_others[row] -= 1
        sums = closer.sum(axis=1, dtype=np.float64)
        for row, column in themselves:
            closer[row, column] = sums[row] / n_others[row]
        return closer, sums, n_others

    def _among_references(
        self, places: npt.NDArray[np.intp], rows: npt.NDArray[np.intp]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Return the rows whose item is a reference, and which one."""
        column = np.minimum(np.searchsorted(self.references, places), len(self.references) - 1)
        found = self.references[column] == places
        return rows[found], column[found]

    def _counted(
        self, asking: npt.NDArray[np.intp], owner: npt.NDArray[np.intp], neighbors: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.float32]:
        """Return 1, ½ or 0 for each neighbor and reference; ``asking[owner]`` have the neighbors."""
        from platoscope.neighbors._search_kernels import score_rectangle  # numba: 0.3 s to import

        space = self.space
        scores = gram_product(
            [Z[asking] for Z in space.centered], [Z[self.references] for Z in space.centered]
        )
        entries = entries_of(space, asking), entries_of(space, self.references)
        over_rows(partial(score_rectangle, kind_of(space.metric), scores, *entries), len(scores), minimum=16)
        if owner.size > len(scores):
            scores = scores[owner]
        scores -= row_scores(space, asking[owner], neighbors)[:, None]
        err = space.error_bound(space.metric)
        slack = (2 * err[asking[owner]] + err[neighbors])[:, None] + err[self.references]
        closer = (scores < -slack).astype(np.float32)
        unsure = np.nonzero(np.abs(scores) <= slack)
        for at in range(0, len(unsure[0]), _PAIRS_AT_ONCE):
            row, column = (places[at : at + _PAIRS_AT_ONCE] for places in unsure)
            asked, inverse = np.unique(row, return_inverse=True)
            here = asking[owner]
            bound = exact_scores(space, space.metric, here[asked], neighbors[asked])[inverse]
            score = exact_scores(space, space.metric, here[row], self.references[column])
            closer[row, column] = (score < bound) + 0.5 * (score == bound)
        return closer


def against_references(
    stream: RowStream, asking: npt.NDArray[np.intp], near: AskedNeighbors, references: npt.NDArray[np.intp], /
) -> AgainstReferences:
    """Read the rows of items that ask, of their neighbors and of references; items are ascending.

    Memory: each of these rows twice, as it is given and as float32.
    """
    items, place = np.unique(np.concatenate([asking, near.items, references]), return_inverse=True)
    ends = len(asking), len(asking) + len(near.items)
    return AgainstReferences(near, stream.take(items), *np.split(place, ends))
