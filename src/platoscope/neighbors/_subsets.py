"""Neighbors and ranks within subsets of the items, from matrices that are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platoscope.neighbors._nearest import KINDS, Neighbors

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from platoscope.neighbors._space import Space

__all__ = ["add_rank_sums_within", "neighbors_within"]


def neighbors_within(
    space: Space, items: npt.NDArray[np.integer[Any]], n_neighbors: int, metric: str, /
) -> Neighbors:
    """Return the nearest neighbors of the chosen items among themselves, as positions in `items`.

    The matrix of `space` must be kept. Ties share the last place; near-ties are decided in float32,
    which is enough for the spread over subsamples that this serves.
    """
    from platoscope.neighbors._subset_kernels import subset_neighbors

    return Neighbors(*subset_neighbors(*_fixed(space, metric), space.inverse[items], n_neighbors))


def add_rank_sums_within(
    space: Space,
    items: npt.NDArray[np.integer[Any]],
    metric: str,
    queries: tuple[Any, Any, Any, Any],
    sums: npt.NDArray[np.float64],
    /,
) -> None:
    """Add to ``sums[label]`` the weighted average ranks of queries (indptr, positions, weights, labels)."""
    from platoscope.neighbors._subset_kernels import subset_rank_sums

    subset_rank_sums(*_fixed(space, metric), space.inverse[items], *queries, sums)


def _fixed(space: Space, metric: str) -> tuple[Any, ...]:
    return KINDS[metric], space.gram, space.sq, space.along, space.inverse_norm
