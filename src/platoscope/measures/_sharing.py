"""A share of the draws of a comparison: of its subsamples and permutations, for work in parts that are joined again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from platoscope.measures._dense import AT_ONCE, is_grid
from platoscope.measures._nulls import COMPOSED_FROM, Shuffles

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from platoscope.measures._measure import Measure
    from platoscope.measures._options import ComparisonOptions

__all__ = ["ALL_DRAWS", "Share", "by_draws", "most_shares", "some_sets", "some_shuffles"]


class Share(NamedTuple):
    """One of several runs of draws, of about equal length."""

    place: int
    """Which one, from 0."""
    of: int
    """How many there are."""

    def cut(self, n: int, /) -> slice:
        """Return the run of this share among `n`; empty for some where there are fewer than shares."""
        return slice(n * self.place // self.of, n * (self.place + 1) // self.of)


ALL_DRAWS = Share(0, 1)


def by_draws(measures: Sequence[Measure], /) -> tuple[tuple[Measure, ...], tuple[Measure, ...]]:
    """Return the measures whose pairs of layers can be computed apart, and those of which only draws can.

    Sums over whole matrices of several layers are one matrix product, which rounds by how many layers there are: to have
    the same bits, all layers must stay together.
    """
    together = tuple(measure for measure in measures if measure.permutes_matrices)
    return tuple(measure for measure in measures if measure not in together), together


def most_shares(n_layers: tuple[int, int], n_pairs: int, options: ComparisonOptions, /) -> int:
    """Return how many shares there can be that have draws, and the bits that these have together with all others."""
    n_permutations = options.n_permutations
    if n_permutations >= COMPOSED_FROM and not is_grid(*n_layers, n_pairs):
        return 1  # all compositions of a pair are one matrix product
    n_right = n_permutations
    if n_permutations >= COMPOSED_FROM:
        n_right = int(np.sqrt(n_permutations))
    return max(1, -(-n_right // AT_ONCE), options.n_resamples)


def some_sets(sets: npt.NDArray[np.intp] | None, share: Share, /) -> npt.NDArray[np.intp] | None:
    """Return the subsamples of a share; None where it has none."""
    found = None if sets is None else sets[share.cut(len(sets))]
    return found if found is not None and len(found) else None


def some_shuffles(shuffles: Shuffles | None, share: Share, /) -> tuple[Shuffles | None, npt.NDArray[np.intp]]:
    """Return the shuffled pairings of a share, None where it has none, and which of all they are.

    Orders that are multiplied in one product stay together.
    """
    if shuffles is None:
        return None, np.empty(0, np.intp)
    batches = share.cut(-(-len(shuffles.right) // AT_ONCE))
    first, last = batches.start * AT_ONCE, batches.stop * AT_ONCE
    right = shuffles.cells[:, 1]
    rows = np.flatnonzero((right >= first) & (right < last))
    if not rows.size:
        return None, rows
    return Shuffles(shuffles.left, shuffles.right[first:last], shuffles.cells[rows] - [0, first]), rows
