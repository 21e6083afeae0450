"""Which of two candidates is more similar to a query: by float32 where that can tell, and by float64 from the rows else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from platoscope.measures._centered import Directions

__all__ = ["Exact", "partner_ranks", "slack_of"]

# Similarities that are compared with the partner's at a time.
_COMPARED = 1 << 20


def slack_of(lengths: npt.NDArray[Any], n_features: int) -> npt.NDArray[np.float32]:
    """Return how far the float32 similarities of queries of some length may be off, twice."""
    slack: npt.NDArray[np.float32] = lengths * (2.0**-23 * (24.0 + 1.5 * n_features**0.5))
    return slack.astype(np.float32)


class Exact(NamedTuple):
    """Decides in float64, from the rows, what float32 leaves open."""

    queries: Directions
    candidates: Directions

    def turned(self) -> Exact:
        """Return what decides for the candidates as queries."""
        return Exact(self.candidates, self.queries)

    def place(self, row: npt.NDArray[Any], slack: np.float32, query: int, partner: int) -> tuple[int, int]:
        """Return how many candidates are closer to a query than the partner, and how many are as close, with it."""
        near = np.flatnonzero(np.abs(row - row[partner]) <= slack)
        offered, asking = self.candidates[near], self.queries[query : query + 1]
        apart = np.square(offered - asking).sum(axis=1)
        # What has no direction is as far from all others as from what stands upright on them.
        apart[~offered.any(axis=1) | ~asking.any()] = 2.0
        target = apart[near == partner]
        closer = (row > row[partner] + slack).sum() + (apart < target).sum()
        return int(closer), int((apart == target).sum())


def partner_ranks(
    similarity: npt.NDArray[np.float32],
    slack: npt.NDArray[np.float32],
    exact: Exact,
    copies: npt.NDArray[np.integer[Any]],
) -> npt.NDArray[np.float64]:
    """Return the rank of the partner of each query among all candidates, the average of those that tie.

    `copies` says how many items have the row of each candidate.
    """
    n_samples = len(similarity)
    own = similarity.diagonal()
    closer, tied = np.empty(n_samples), np.empty(n_samples)
    step = max(1, _COMPARED // n_samples)
    for start in range(0, n_samples, step):
        these = slice(start, start + step)
        rows = similarity[these]
        closer[these] = (rows > (own + slack)[these, None]).sum(axis=1)
        tied[these] = (rows >= (own - slack)[these, None]).sum(axis=1) - closer[these]
    for i in np.flatnonzero(tied != copies):
        closer[i], tied[i] = exact.place(similarity[i], slack[i], int(i), int(i))
    return 1.0 + closer + 0.5 * (tied - 1.0)
