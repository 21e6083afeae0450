"""Nearest neighbors of some items among all, from rows that are read by blocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.neighbors._exact import exact_scores
from platoscope.neighbors._metrics import COSINE_SCORES, kind_of
from platoscope.neighbors._products import gram_product
from platoscope.neighbors._threads import over_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from platoscope.neighbors._space import Space
    from platoscope.neighbors._streams import RowStream

__all__ = [
    "AskedNeighbors",
    "Contenders",
    "asked_neighbors",
    "entries_of",
    "exact_between",
    "filled_places",
    "nearest_contenders",
    "row_scores",
    "rows_in_a_tile",
]

# Products held at a time, and how many rows ask together.
_TILE = 32_000_000
_ASKING = 16_384
# Of more items than this that tie for the last places of one item, so many at random stand for all.
_TIED = 16


@dataclass(frozen=True, eq=False)
class AskedNeighbors:
    """The nearest neighbors of the items that ask, in compressed rows."""

    indptr: npt.NDArray[np.int64]
    """Where those of each asking item start, shape (n_asking + 1,)."""
    items: npt.NDArray[np.int64]
    """Neighboring items, ascending within an asking item."""
    weights: npt.NDArray[np.float64]
    """Expected share under random tie-breaking; sums to 1 over the neighbors of an item."""
    drawn_of: npt.NDArray[np.int64]
    """For a neighbor that was drawn among tied ones: how many these are. 0 for others."""

    @classmethod
    def of(cls, places: Sequence[tuple[Any, Any, Any]], /) -> AskedNeighbors:
        """Put together what `filled_places` returns for each asking item."""
        sizes = [len(items) for items, _, _ in places]
        return cls(
            np.concatenate([[0], np.cumsum(sizes)]),
            *(np.concatenate(arrays) for arrays in zip(*places, strict=True)),
        )

    @classmethod
    def without_ties(cls, columns: npt.NDArray[np.int64], /) -> AskedNeighbors:
        """Give each asking item those that fill its places exactly, shape (n_asking, n_neighbors)."""
        n_asking, k = columns.shape
        items = np.sort(columns, axis=1).ravel()
        return cls(
            np.arange(n_asking + 1) * k, items, np.full(items.size, 1.0 / k), np.zeros(items.size, np.int64)
        )

    @property
    def owner(self) -> npt.NDArray[np.int64]:
        """Return which asking item each neighbor is one of."""
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))


def asked_neighbors(
    stream: RowStream, asking: npt.NDArray[np.intp], n_neighbors: int, rng: np.random.Generator, /
) -> AskedNeighbors:
    """Return the `n_neighbors` nearest neighbors of some items, ascending, among all items of the stream.

    Ties share their places as in `nearest_neighbors`, but where more than 16 items tie for the last ones: 16 of them at
    random then stand for all. Time: one product of the asking rows with all rows. Memory: the asking rows, a block, and
    128 MB of products.
    """
    rows, place = np.unique(stream.inverse[asking], return_inverse=True)
    needed = np.maximum(n_neighbors - (stream.weights[rows] - 1), 0)
    nearest = _nearest_rows(stream, rows, n_neighbors, needed)
    members = np.argsort(stream.inverse, kind="stable")
    starts = np.concatenate([[0], np.cumsum(stream.weights)])
    bounds = np.searchsorted(nearest.owner, np.arange(rows.size + 1))
    found = []
    for item, at in zip(asking, place, strict=True):
        blocks = [members[starts[rows[at]] : starts[rows[at] + 1]]]
        blocks[0] = blocks[0][blocks[0] != item]  # an item's own copies are at distance 0
        near = slice(bounds[at], bounds[at + 1])
        edges = np.flatnonzero(np.diff(nearest.score[near])) + 1
        for tied in np.split(nearest.column[near], edges):
            blocks.append(np.concatenate([members[starts[c] : starts[c + 1]] for c in tied] or [tied]))
        found.append(filled_places(blocks, n_neighbors, rng))
    return AskedNeighbors.of(found)


def filled_places(
    blocks: Sequence[npt.NDArray[np.integer[Any]]], n_neighbors: int, rng: np.random.Generator | None, /
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the items of blocks, each farther than the one before, that fill the places; weights; and `drawn_of`.

    Without `rng` none are drawn: all that tie share the last places.
    """
    places = float(n_neighbors)
    items: list[Any] = []
    weights: list[Any] = []
    drawn_of: list[Any] = []
    for block in blocks:
        if places == 0 or block.size == 0:
            continue
        taken = min(float(block.size), places)
        drawn = rng is not None and block.size > places and block.size > _TIED
        chosen = rng.choice(block, _TIED, replace=False) if rng is not None and drawn else block
        items.append(chosen)
        weights.append(np.full(chosen.size, taken / chosen.size))
        drawn_of.append(np.full(chosen.size, block.size if drawn else 0))
        places -= taken
    order = np.argsort(np.concatenate(items))
    shares = np.concatenate(weights)
    # One after the other, as where all items ask.
    return (
        np.concatenate(items)[order],
        (shares / np.cumsum(shares)[-1])[order],
        np.concatenate(drawn_of)[order],
    )


@dataclass(frozen=True, eq=False)
class Contenders:
    """What may be among the nearest of asking rows (their owners), with float64 scores."""

    owner: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    score: npt.NDArray[np.float64]

    @classmethod
    def none(cls) -> Contenders:
        """Return no contenders."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def _nearest_rows(
    stream: RowStream, rows: npt.NDArray[np.integer[Any]], n_neighbors: int, needed: npt.NDArray[Any]
) -> Contenders:
    """Return the nearest distinct rows of some that fill so many places, last ties included."""
    asking = stream.take(stream.first[rows])
    uppers = np.full((rows.size, n_neighbors), np.inf, np.float32)
    uppers[needed == 0] = -np.inf
    kept = Contenders.none()
    new: list[Contenders] = []
    for first, block in stream.distinct_blocks(rows_in_a_tile(min(rows.size, _ASKING))):
        for start in range(0, rows.size, _ASKING):
            asked = slice(start, min(start + _ASKING, rows.size))
            new.append(_in_block(stream, asking, asked, block, rows, uppers, first))
        if sum(found.owner.size for found in new) > kept.owner.size:
            kept, new = nearest_contenders([kept, *new], stream.weights, needed), []
    return nearest_contenders([kept, *new], stream.weights, needed)


def rows_in_a_tile(n_asking: int, /) -> int:
    """Return how many rows are held against so many together."""
    return max(256, _TILE // max(1, n_asking))


def entries_of(space: Space, rows: Any = slice(None), /) -> tuple[Any, Any, Any, Any]:
    """Return what the kernels need of some rows: excesses, `along`, one over norms, and the bounds on errors."""
    bounds = space.error_bound(space.metric)
    return space.excess[rows], space.along[rows], space.inverse_norm[rows], bounds[rows]


def _in_block(
    stream: RowStream, asking: Space, asked: slice, block: Space, rows: Any, uppers: Any, first: int
) -> Contenders:
    """Return the rows of a block that may be among the nearest of the asking ones; lowers `uppers`."""
    from platoscope.neighbors._search_kernels import list_candidates, tighten  # numba: 0.3 s to import

    product = gram_product([Z[asked] for Z in asking.centered], block.centered)
    own = rows[asked] - first
    own = np.where((own >= 0) & (own < block.n_samples), own, -1)
    fixed = (
        kind_of(stream.metric),
        product,
        own,
        entries_of(asking, asked),
        entries_of(block),
        uppers[asked],
    )
    sizes = np.zeros(len(product), np.int64)
    over_rows(partial(tighten, *fixed, sizes), len(product))
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    members = np.empty(int(indptr[-1]), np.int64)
    over_rows(partial(list_candidates, *fixed, indptr, members), len(product))
    owner = np.repeat(np.arange(asked.start, asked.stop), sizes)
    return Contenders(owner, first + members, exact_between(stream, asking, owner, block, members))


def exact_between(
    stream: RowStream, asking: Space, left: npt.NDArray[Any], block: Space, right: npt.NDArray[Any], /
) -> npt.NDArray[np.float64]:
    """Return the float64 scores of rows of two spaces of the stream."""
    here, there = np.unique(left), np.unique(right)
    together = tuple(
        np.concatenate([a[here], b[there]]) for a, b in zip(asking.parts, block.parts, strict=True)
    )
    places = np.searchsorted(here, left), here.size + np.searchsorted(there, right)
    return exact_scores(stream.space_of(together), stream.metric, *places)


def row_scores(
    space: Space, left: npt.NDArray[np.integer[Any]], right: npt.NDArray[np.integer[Any]], /
) -> npt.NDArray[np.float32]:
    """Return the scores of pairs of rows, as exact as float32 rows are and within their `error_bound`."""
    if space.metric == "euclidean":
        found = sum(np.square(Z[left] - Z[right], dtype=np.float64).sum(axis=1) for Z in space.centered)
    else:
        products = sum(np.einsum("ij,ij->i", Z[left], Z[right], dtype=np.float64) for Z in space.centered)
        cosines = (products + space.along[left] + space.along[right]) * space.inverse_norm[left]
        found = np.clip(1.0 - cosines * space.inverse_norm[right], *COSINE_SCORES)
    scores: npt.NDArray[np.float32] = np.asarray(found, np.float32)
    return scores


def nearest_contenders(
    found: Sequence[Contenders], weights: npt.NDArray[np.integer[Any]], needed: npt.NDArray[Any], /
) -> Contenders:
    """Return those contenders that fill the places of their owners, and what ties with the last of them, in order.

    ``weights[column]`` is how many places a contender fills, and ``needed[owner]`` how many there are.
    """
    owner = np.concatenate([some.owner for some in found])
    column = np.concatenate([some.column for some in found])
    score = np.concatenate([some.score for some in found])
    order = np.lexsort((column, score, owner))
    owner, column, score = owner[order], column[order], score[order]
    filled = np.cumsum(weights[column])
    before = filled - weights[column]
    starts = np.searchsorted(owner, np.arange(len(needed)))
    inside = before - before[starts[owner]] < needed[owner] if owner.size else np.zeros(0, np.bool_)
    last = np.full(len(needed), -np.inf)
    np.maximum.at(last, owner[inside], score[inside])
    kept = score <= last[owner]
    return Contenders(owner[kept], column[kept], score[kept])
