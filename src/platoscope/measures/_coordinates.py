"""Principal coordinates of a layer: what linear maps and rotations read of it, in float64 and once for all that ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from platoscope.neighbors import over_tasks, powers_of_two, require_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from platoscope.neighbors import Space

__all__ = ["Coordinates", "as_given", "coordinates", "on_pairings"]

_EPSILON = float(np.finfo(np.float64).eps)
# Coordinates of all layers that are kept together; beyond, those of a layer are computed for each pair of layers.
_KEPT = 2 << 30


class Coordinates(NamedTuple):
    """Centered rows up to a rotation and a scale: `axes` times `lengths` have the inner products of the rows.

    A layer that does not vary over the items has none.
    """

    axes: npt.NDArray[np.float64]
    """Orthonormal columns, each of sum 0, shape (n_samples, rank)."""
    lengths: npt.NDArray[np.float64]
    """The largest first; their squares add up to 1. Shape (rank,)."""

    @property
    def points(self) -> npt.NDArray[np.float64]:
        """The coordinates of the items, shape (n_samples, rank)."""
        return self.axes * self.lengths

    def taken(self, items: npt.NDArray[np.intp], /) -> Coordinates:
        """Return the coordinates of items in another order."""
        return Coordinates(self.axes[items], self.lengths)


def coordinates(space: Space, /) -> Coordinates:
    """Return the coordinates of a layer: those that it remembers, or new ones."""
    kept: Coordinates | None = space.memo.get("coordinates")
    return _decompose(space) if kept is None else kept


def as_given(n_samples: int, /) -> npt.NDArray[np.intp]:
    """Return the one pairing that shuffles nothing, as `on_pairings` takes it."""
    return np.arange(n_samples)[None]


def on_pairings(
    function: Callable[[Coordinates, Coordinates], tuple[float, ...]],
    n_directions: int,
    A: Sequence[Space],
    B: Sequence[Space],
    pairs: npt.NDArray[np.intp],
    orders: npt.NDArray[np.intp],
    /,
) -> npt.NDArray[np.float64]:
    """Return a function of the coordinates of pairs (a, b), with item ``orders[k, i]`` of B beside item i of A.

    Shape (n_orders, n_directions, n_pairs).
    """
    _keep([*(A[a] for a in pairs[:, 0]), *(B[b] for b in pairs[:, 1])])
    out = np.empty((len(orders), n_directions, len(pairs)))

    def work(start: int, stop: int) -> None:
        held: tuple[int, Coordinates, Coordinates] | None = None
        for task in range(start, stop):
            pair, shuffle = divmod(task, len(orders))
            if held is None or held[0] != pair:
                held = pair, coordinates(A[pairs[pair, 0]]), coordinates(B[pairs[pair, 1]])
            out[shuffle, :, pair] = function(held[1], held[2].taken(orders[shuffle]))

    over_tasks(work, len(pairs) * len(orders))
    return out


def _keep(spaces: Sequence[Space]) -> None:
    """Have layers remember their coordinates, where those of all take little; several are computed at a time."""
    chosen = list({id(space): space for space in spaces}.values())
    if sum(map(_nbytes, chosen)) > _KEPT:
        return
    new = [space for space in chosen if "coordinates" not in space.memo]

    def work(start: int, stop: int) -> None:
        for space in new[start:stop]:
            space.memo["coordinates"] = _decompose(space)

    over_tasks(work, len(new))


def _nbytes(space: Space) -> int:
    return 8 * space.n_samples * min(space.n_samples, space.n_features)


def _decompose(space: Space) -> Coordinates:
    n = space.n_samples
    if space.n_distinct == 1:
        return Coordinates(np.empty((n, 0)), np.empty(0))
    require_memory(
        8 * n * space.n_features + 4 * _nbytes(space),
        f"Principal coordinates of {space.name}",
        "Give fewer items, or leave ridge R² and Procrustes out.",
    )
    Z = _centered(space.rows())
    if space.n_features < n:
        axes, lengths, _ = np.linalg.svd(Z, full_matrices=False)
        rank = int(np.count_nonzero(lengths > n * _EPSILON * lengths[0]))
    else:
        squares, axes = np.linalg.eigh(Z @ Z.T)
        axes, lengths = axes[:, ::-1], np.sqrt(np.maximum(squares[::-1], 0))
        rank = int(np.count_nonzero(lengths**2 > n * _EPSILON * lengths[0] ** 2))
    # Centered rows have at most n − 1 directions; what rounding leaves beyond is none.
    rank = min(rank, n - 1)
    lengths = lengths[:rank]
    return Coordinates(np.ascontiguousarray(axes[:, :rank]), lengths / np.sqrt(np.square(lengths).sum()))


def _centered(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the rows minus their mean in float64, the largest value near 1."""
    Z = rows.astype(np.float64)
    Z *= powers_of_two(max(float(Z.max()), -float(Z.min())))
    Z -= Z.mean(axis=0)
    Z -= Z.mean(axis=0)  # what the first mean rounded, where rows differ in their last digits only
    Z *= powers_of_two(float(np.abs(Z).max()))
    return Z
