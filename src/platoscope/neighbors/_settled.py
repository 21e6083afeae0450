"""Matrices that order rows as float64 does, for what reads a matrix as it is: samples, deletions and nulls."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from platoscope.neighbors._directions import told_apart
from platoscope.neighbors._exact import exact_scores
from platoscope.neighbors._memory import require_memory
from platoscope.neighbors._metrics import kind_of, reads_distances

if TYPE_CHECKING:
    import numpy.typing as npt

    from platoscope.neighbors._metrics import OwnMetric
    from platoscope.neighbors._space import Space

__all__ = ["is_coarse", "kind_in", "settled"]

# Rows that say whether rounding shows.
_PROBED = 64
# It does where that many others cannot be told from the nearest one, on average, or that share of all from the one
# in the middle: bounds are several times what is really rounded, and errors of ranks go both ways.
_AT_THE_NEAREST = 0.25
_IN_THE_MIDDLE = 1e-3
_PAIRS_AT_ONCE = 4_000_000


def settled(space: Space, metric: str | OwnMetric, /) -> Space:
    """Return a space whose matrix may be read as it is, most often itself.

    Under cosine, rows of one direction are one (`told_apart`). Where float32 products leave too much undecided (one
    far row that carries the variance, a grid full of ties), the matrix has the place of every distance in its row
    instead, equal for ties, by the float64 distances of `exact_scores`; `kind_in` says which of both it is. Only where
    the matrix is kept.
    """
    key = ("settled", metric)
    if key not in space._memo:
        apart = told_apart(space, metric)
        coarse = apart.keeps_matrix and is_coarse(apart, metric)
        # None where it is the space itself, which would otherwise hold itself in memory.
        space._memo[key] = _in_places(apart, metric) if coarse else None if apart is space else apart
    found: Space | None = space._memo[key]
    return space if found is None else found


def kind_in(space: Space, metric: str | OwnMetric, /) -> int:
    """Return how the kernels turn an entry of the matrix of a settled space into a score."""
    return kind_of(space.metric if reads_distances(space.metric) else metric)


def is_coarse(space: Space, metric: str | OwnMetric) -> bool:
    """Tell whether the rounding of float32 shows in the order of the distances, read off some rows."""
    from platoscope.neighbors._kernels import fill_row  # numba: 0.3 s to import

    n = space.n_distinct
    if reads_distances(metric) or n < 3:
        return False
    assert space.gram is not None
    err = space.error_bound(metric).astype(np.float64)
    row = np.empty(n, space.gram.dtype)
    nearest: list[int] = []
    middle: list[int] = []
    for i in np.unique(np.linspace(0, n - 1, _PROBED).astype(int)):
        fill_row(kind_of(metric), space.gram, i, i, space.excess, space.along, space.inverse_norm, row)
        order = np.argsort(row)
        for place, counts in ((0, nearest), ((n - 1) // 2, middle)):
            other = order[place]
            reach = 2 * err[i] + err + err[other]
            within = np.abs(row.astype(np.float64) - row[other]) <= reach
            counts.append(int(np.count_nonzero(within)) - 1)
    return bool(np.mean(nearest) > _AT_THE_NEAREST or np.mean(middle) > _IN_THE_MIDDLE * n)


def _in_places(space: Space, metric: str | OwnMetric) -> Space:
    """Return the space with the places of float64 distances in each row as its matrix."""
    n = space.n_distinct
    require_memory(4 * n * n, f"The order of the distances of {space.name}", "Use fewer items.")
    places: npt.NDArray[np.float32] = np.empty((n, n), np.float32)
    columns = np.arange(n)
    step = max(1, _PAIRS_AT_ONCE // n)
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        scores = exact_scores(space, metric, np.repeat(rows, n), np.tile(columns, rows.size))
        for r, row in zip(rows, scores.reshape(rows.size, n), strict=True):
            places[r] = np.unique(row, return_inverse=True)[1]
    return replace(space, metric="precomputed", kept=places, device=None, centered=(), _memo={})
