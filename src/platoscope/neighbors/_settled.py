"""Matrices that order rows as float64 does, for what reads a matrix as it is: samples, deletions and nulls."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.neighbors._directions import told_apart
from platoscope.neighbors._exact import exact_scores, is_on_a_grid
from platoscope.neighbors._memory import require_memory
from platoscope.neighbors._metrics import kind_of, reads_distances

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from platoscope.neighbors._inputs import FloatArray
    from platoscope.neighbors._metrics import OwnMetric
    from platoscope.neighbors._space import Space

__all__ = ["is_coarse", "kind_in", "settled", "settled_blocks", "settled_rows"]

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
    instead, equal for ties, by the float64 distances of `exact_scores`; `kind_in` says which of both it is. Where no
    matrix is kept, `settled_blocks` and `settled_rows` do the same with the rows that they give.
    """
    key = ("settled", metric)
    if key not in space._memo:
        apart = told_apart(space, metric)
        coarse = is_coarse(space, metric)
        apart._memo.setdefault(("coarse", metric), coarse)
        placed = coarse and apart.keeps_matrix
        # None where it is the space itself, which would otherwise hold itself in memory.
        space._memo[key] = _in_places(apart, metric) if placed else None if apart is space else apart
    found: Space | None = space._memo[key]
    return space if found is None else found


def kind_in(space: Space, metric: str | OwnMetric, /) -> int:
    """Return how the kernels turn an entry of the matrix of a settled space into a score."""
    return kind_of(space.metric if reads_distances(space.metric) else metric)


def settled_blocks(space: Space, metric: str | OwnMetric, /) -> Iterator[tuple[int, int, FloatArray, int]]:
    """Yield what `Space.blocks` does of a settled space, each with what `kind_in` says of it.

    Where the matrix is not kept and is coarse, it is places by block: N² float64 distances, each time.
    """
    if space.keeps_matrix or not is_coarse(space, metric):
        kind = kind_in(space, metric)
        for start, stop, block in space.blocks():
            yield start, stop, block, kind
        return
    for start in range(0, space.n_distinct, space.block_rows):
        stop = min(start + space.block_rows, space.n_distinct)
        yield start, stop, _places(space, metric, np.arange(start, stop)), kind_of("precomputed")


def settled_rows(space: Space, metric: str | OwnMetric, start: int, stop: int, /) -> tuple[FloatArray, int]:
    """Return what `Space.gram_rows` does of a settled space, and what `kind_in` says of it."""
    if space.keeps_matrix or not is_coarse(space, metric):
        return space.gram_rows(start, stop), kind_in(space, metric)
    places = _places(space, metric, space.inverse[start:stop])
    return places if space.one_row_per_item else places[:, space.inverse], kind_of("precomputed")


def is_coarse(space: Space, metric: str | OwnMetric, /) -> bool:
    """Tell whether the rounding of float32 shows in the order of the distances, read off some rows.

    Where it shows among all items, it is taken to show among some of them (`Space.subset`).
    """
    if reads_distances(metric):
        return False
    key = ("coarse", metric)
    if key not in space._memo:
        space._memo[key] = _rounding_shows(told_apart(space, metric), metric)
    coarse: bool = space._memo[key]
    return coarse


def _rounding_shows(space: Space, metric: str | OwnMetric) -> bool:
    from platoscope.neighbors._kernels import fill_row  # numba: 0.3 s to import

    n = space.n_distinct
    if n < 3:
        return False
    probed = np.unique(np.linspace(0, n - 1, _PROBED).astype(int))
    gram = space.gram
    block = space._matrix(probed) if gram is None else gram[probed]
    err = space.error_bound(metric).astype(np.float64)
    row = np.empty(n, block.dtype)
    nearest: list[int] = []
    middle: list[int] = []
    for r, i in enumerate(probed):
        fill_row(kind_of(metric), block, r, i, space.excess, space.along, space.inverse_norm, row)
        order = np.argsort(row)
        for place, counts in ((0, nearest), ((n - 1) // 2, middle)):
            other = order[place]
            reach = 2 * err[i] + err + err[other]
            within = np.abs(row.astype(np.float64) - row[other]) <= reach
            counts.append(int(np.count_nonzero(within)) - 1)
    if np.mean(nearest) > _AT_THE_NEAREST or np.mean(middle) > _IN_THE_MIDDLE * n:
        return True
    # What is near to a tie is one, most likely, between rows of whole numbers.
    return any(nearest + middle) and space.joined is None and is_on_a_grid(space)


def _in_places(space: Space, metric: str | OwnMetric) -> Space:
    """Return the space with the places of float64 distances in each row as its matrix."""
    n = space.n_distinct
    require_memory(4 * n * n, f"The order of the distances of {space.name}", "Use fewer items.")
    places = _places(space, metric, np.arange(n))
    return replace(space, metric="precomputed", kept=places, device=None, centered=(), _memo={})


def _places(
    space: Space, metric: str | OwnMetric, rows: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.float32]:
    """Return the places of float64 distances from distinct rows, equal for ties, shape (n_rows, n_distinct)."""
    n = space.n_distinct
    places: npt.NDArray[np.float32] = np.empty((len(rows), n), np.float32)
    columns = np.arange(n)
    step = max(1, _PAIRS_AT_ONCE // n)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        scores = exact_scores(space, metric, np.repeat(some, n), np.tile(columns, some.size))
        for r, row in enumerate(scores.reshape(some.size, n), start):
            places[r] = np.unique(row, return_inverse=True)[1]
    return places
