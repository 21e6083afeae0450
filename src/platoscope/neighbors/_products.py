"""Products of rows with rows on the host, alike to the last bit on any number of cores, and what is summed of them."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
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
# The same where half is computed, of which each task has a tile and its mirror: what BLAS copies before it multiplies grows
# with rows plus columns.
_STRIP_ROWS = 600
_STRIP_COLUMNS = 1200


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
    """Fill what lies on and left of the diagonal tile by tile, the largest first, and mirror it."""
    tiles = _tiles_of_half(len(total))

    def fill(first: int, last: int) -> None:
        for rows, columns in tiles[first:last]:
            here = [Z[rows] for Z in centered]
            if rows == columns:
                _fill_tile(here, here, total[rows, rows])
            else:
                _fill_tile(here, [Z[columns] for Z in centered], total[rows, columns])
                total[columns, rows] = total[rows, columns].T

    over_tasks(fill, len(tiles))


def _tiles_of_half(n: int) -> list[tuple[slice, slice]]:
    """Return rows and columns of tiles that cover the diagonal and all that is left of it."""
    tiles = []
    for start in range(0, n, _STRIP_ROWS):
        rows = slice(start, min(start + _STRIP_ROWS, n))
        tiles.append((rows, rows))
        width = start // max(1, -(-start // _STRIP_COLUMNS))
        edges = [*range(0, start - width + 1, width), start] if start else []
        tiles += [(rows, slice(*both)) for both in pairwise(edges)]
    return sorted(tiles, key=lambda tile: (tile[0].stop - tile[0].start) * (tile[1].start - tile[1].stop))


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
