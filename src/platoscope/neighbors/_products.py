"""Products of rows with rows on the host, alike to the last bit on any number of cores, and what is summed of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from platoscope.neighbors._threads import over_rows, over_tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from platoscope.neighbors._inputs import FloatArray

__all__ = ["gram_product", "row_moments"]

# Rows and columns of a product that one thread computes at a time: enough that BLAS is as fast as it gets.
_TILE_ROWS = 256
_TILE_COLUMNS = 4096


def gram_product(left: Sequence[FloatArray], right: Sequence[FloatArray]) -> FloatArray:
    """Return ``sum(a @ b.T)``, alike to the last bit on any number of cores; of rows with themselves half is computed.

    A BLAS may round a product in another way when more threads share it, so that each tile is one thread's, and tiles do
    not depend on how many there are.
    """
    total = np.empty((len(left[0]), len(right[0])), left[0].dtype)
    if all(a is b for a, b in zip(left, right, strict=True)):
        _fill_symmetric(left, total)
        return total
    tiles = [
        (slice(row, row + _TILE_ROWS), slice(column, column + _TILE_COLUMNS))
        for row in range(0, len(total), _TILE_ROWS)
        for column in range(0, total.shape[1], _TILE_COLUMNS)
    ]

    def fill(first: int, last: int) -> None:
        for rows, columns in tiles[first:last]:
            _fill_tile([Z[rows] for Z in left], [Z[columns] for Z in right], total[rows, columns])

    over_tasks(fill, len(tiles))
    return total


def _fill_symmetric(centered: Sequence[FloatArray], total: FloatArray) -> None:
    """Fill what lies left of the diagonal in some rows, and mirror it."""
    n_strips = -(-len(total) // _TILE_ROWS)

    def fill(first: int, last: int) -> None:
        # A short strip goes with a long one, so that all tasks are alike.
        for strip in {place for task in range(first, last) for place in (task, n_strips - 1 - task)}:
            rows, before = slice(strip * _TILE_ROWS, (strip + 1) * _TILE_ROWS), slice(0, strip * _TILE_ROWS)
            here = [Z[rows] for Z in centered]
            _fill_tile(here, here, total[rows, rows])
            if strip:
                _fill_tile(here, [Z[before] for Z in centered], total[rows, before])
                total[before, rows] = total[rows, before].T

    over_tasks(fill, (n_strips + 1) // 2)


def _fill_tile(left: Sequence[FloatArray], right: Sequence[FloatArray], tile: FloatArray) -> None:
    for place, (a, b) in enumerate(zip(left, right, strict=True)):
        if place:
            tile += a @ b.T
        else:
            np.matmul(a, b.T, out=tile)


def row_moments(
    block: FloatArray, weights: npt.NDArray[np.int32], /
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the weighted sum and the weighted sum of squares of each row, in float64."""
    from platoscope.neighbors._kernels import row_moments as fill  # numba: 0.3 s to import

    sums, squares = np.empty((2, len(block)))
    over_rows(partial(fill, block, weights.astype(np.float64), sums, squares), len(block))
    return sums, squares
