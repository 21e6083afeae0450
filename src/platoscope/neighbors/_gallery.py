"""Galleries inside each other: the nearest items of few that ask, and their ranks, in each of them in one pass.

An item may have several rows (five captions of an image); its distance from a row is that of its nearest row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.errors import InputError
from platoscope.neighbors._metrics import kind_of
from platoscope.neighbors._nearest import cut_to_room
from platoscope.neighbors._products import gram_product
from platoscope.neighbors._search import (
    AskedNeighbors,
    Contenders,
    entries_of,
    exact_between,
    filled_places,
    nearest_contenders,
    row_scores,
    rows_in_a_tile,
)
from platoscope.neighbors._threads import over_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from platoscope.neighbors._space import Space
    from platoscope.neighbors._streams import RowStream

__all__ = ["GallerySide", "ranks_in_galleries"]

# Items that tie as nearest of all that ask, in all galleries together: more than this is data that says next to nothing.
_MOST = 20_000_000
# Items that float32 cannot tell from thresholds that are looked at together, at most, or those of one asking row.
_UNSURE = 2_000_000


@dataclass(frozen=True, eq=False)
class GallerySide:
    """One representation of the items of galleries inside each other, of which some ask."""

    stream: RowStream
    starts: npt.NDArray[np.int64] = field(repr=False)
    """Where the rows of each item start, shape (n_items + 1,)."""
    asking: npt.NDArray[np.intp] = field(repr=False)
    """The items that ask, ascending."""
    levels: npt.NDArray[np.int64] = field(repr=False)
    """The smallest gallery that each item is in, from 0; -1 for items in none. Asking items are in all."""

    @property
    def n_galleries(self) -> int:
        """Number of galleries."""
        return int(self.levels.max()) + 1

    @property
    def owner(self) -> npt.NDArray[np.intp]:
        """Which of the asking items each asking row is one of."""
        return np.repeat(np.arange(len(self.asking)), np.diff(self.starts)[self.asking])

    @property
    def asking_rows(self) -> npt.NDArray[np.int64]:
        """The rows of the asking items, ascending."""
        return _expanded(self.starts, self.asking)[0]

    def neighbors(
        self, n_neighbors: Sequence[int], rng: np.random.Generator | None, /
    ) -> list[list[AskedNeighbors]]:
        """Return, for each number of neighbors and gallery, the nearest items of each asking row among the others.

        Ties as in `asked_neighbors`, and without `rng` all that tie share the last places; one search for all.
        """
        found = self._contenders(max(n_neighbors))
        owner, level = np.divmod(found.owner, self.n_galleries)
        inside = [level <= gallery for gallery in range(self.n_galleries)]
        reached = [Contenders(owner[here], found.column[here], found.score[here]) for here in inside]
        return [[self._places(some, k, rng) for some in reached] for k in n_neighbors]

    def _places(self, found: Contenders, n_neighbors: int, rng: np.random.Generator | None) -> AskedNeighbors:
        n_rows = len(self.owner)
        near = nearest_contenders([found], np.ones(len(self.levels), np.int64), np.full(n_rows, n_neighbors))
        bounds = np.searchsorted(near.owner, np.arange(n_rows + 1))
        if len(near.column) == n_rows * n_neighbors and (np.diff(bounds) == n_neighbors).all():
            return AskedNeighbors.without_ties(near.column.reshape(n_rows, n_neighbors))
        places = []
        for first, last in pairwise(bounds):
            edges = np.flatnonzero(np.diff(near.score[first:last])) + 1
            places.append(filled_places(np.split(near.column[first:last], edges), n_neighbors, rng))
        return AskedNeighbors.of(places)

    def _contenders(self, n_neighbors: int) -> Contenders:
        """Return the nearest items of each asking row on each level; owners are row × n_galleries + level."""
        asking = self.stream.take(self.asking_rows)
        shape = (len(self.asking_rows), self.n_galleries, n_neighbors)
        uppers = np.full(shape, np.inf, np.float32)
        needed = np.full(shape[0] * shape[1], n_neighbors)
        ones = np.ones(len(self.levels), np.int64)
        kept = Contenders.none()
        new: list[Contenders] = []
        for block in self._blocks(asking):
            new.append(self._in_block(asking, block, uppers))
            if sum(found.owner.size for found in new) > kept.owner.size:
                kept, new = nearest_contenders([kept, *new], ones, needed), []
            if kept.owner.size > _MOST:
                message = (
                    f"{self.stream.name} has {kept.owner.size:,} items that tie as neighbors of {len(self.asking):,} "
                    "queries: it says next to nothing of them. Drop equal items, or give fewer queries."
                )
                raise InputError(message)
        return nearest_contenders([kept, *new], ones, needed)

    def _blocks(self, asking: Space) -> Iterator[_Block]:
        """Yield the rows of runs of items, held against runs of asking rows."""
        n_asking, n_items = asking.n_samples, len(self.levels)
        step, first = rows_in_a_tile(n_asking), 0
        while first < n_items:
            last = int(np.searchsorted(self.starts, self.starts[first] + step, side="right")) - 1
            last = min(max(last, first + 1), n_items)
            if (self.levels[first:last] >= 0).any():
                rows = self.stream.rows(int(self.starts[first]), int(self.starts[last]))
                local = self.starts[first : last + 1] - self.starts[first]
                yield _Block(first, rows, local, self.levels[first:last])
            first = last

    def _in_block(self, asking: Space, block: _Block, uppers: Any) -> Contenders:
        from platoscope.neighbors._search_kernels import list_items, tighten_items  # numba: 0.3 s to import

        fixed = (*block.against(asking, self.asking[self.owner]), uppers)
        sizes = np.zeros(asking.n_samples, np.int64)
        over_rows(partial(tighten_items, *fixed, sizes), len(sizes), minimum=16)
        indptr = np.concatenate([[0], np.cumsum(sizes)])
        members = np.empty(int(indptr[-1]), np.int64)
        over_rows(partial(list_items, *fixed, indptr, members), len(sizes), minimum=16)
        owner = np.repeat(np.arange(asking.n_samples), sizes)
        score = block.exact(self.stream, asking, owner, members)
        return Contenders(owner * self.n_galleries + block.levels[members], block.first + members, score)

    def closer(
        self, bounds: npt.NDArray[np.int64], items: npt.NDArray[np.integer[Any]], /
    ) -> npt.NDArray[np.float64]:
        """Count who is closer to an asking row than chosen items are, shape (n_chosen, n_galleries), ties as halves.

        ``items[bounds[r]:bounds[r + 1]]`` are chosen for asking row r. Neither that row's item nor the chosen one counts.
        """
        if self._all_different:
            return self._closer(bounds, items)
        # Of items that are equal, and so equally far, one is asked for; what differs is who of them does not count.
        row = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        _, asked, place = np.unique(self._pairs(row, items), return_index=True, return_inverse=True)
        counted = self._closer(np.searchsorted(row[asked], np.arange(len(bounds))), items[asked])[place]
        level, counts_at = self.levels[items], self.levels[items[asked]][place]
        galleries = np.arange(self.n_galleries)
        counted += 0.5 * (counts_at[:, None] <= galleries) - 0.5 * (level[:, None] <= galleries)
        return counted

    @cached_property
    def _all_different(self) -> bool:
        """Whether no two items are known to be equal; of items with several rows it is not asked."""
        several = len(self.stream.inverse) > len(self.levels)
        return several or self.stream.n_distinct == len(self.levels)

    def _pairs(self, row: npt.NDArray[np.intp], items: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int64]:
        """Return a number for each asking row and item, the same for items that are equal; ascending as rows are."""
        found: npt.NDArray[np.int64] = row * np.int64(self.stream.n_distinct) + self.stream.inverse[items]
        return found

    def _closer(
        self, bounds: npt.NDArray[np.int64], items: npt.NDArray[np.integer[Any]]
    ) -> npt.NDArray[np.float64]:
        asking = self.stream.take(self.asking_rows)
        row = np.repeat(np.arange(asking.n_samples), np.diff(bounds))
        lows, highs, exact = self._thresholds(asking, row, items)
        sure = np.zeros((len(items), self.n_galleries), np.int64)
        halves = np.zeros((len(items), self.n_galleries))
        for block in self._blocks(asking):
            fixed = (*block.against(asking, self.asking[self.owner]), bounds, lows, highs)
            for threshold, members in _unsure(fixed, sure, bounds):
                other = block.first + members != items[threshold]
                threshold, members = threshold[other], members[other]
                score = self._exact(asking, block, row[threshold], members)
                share = (score < exact[threshold]) + 0.5 * (score == exact[threshold])
                np.add.at(halves, (threshold, block.levels[members]), share)
        counted: npt.NDArray[np.float64] = np.cumsum(sure + halves, axis=1)
        return counted

    def _exact(
        self, asking: Space, block: _Block, left: npt.NDArray[Any], members: npt.NDArray[Any]
    ) -> npt.NDArray[np.float64]:
        """Return the float64 scores of items of a block from asking rows; those of equal items are computed once."""
        if self._all_different:
            return block.exact(self.stream, asking, left, members)
        pairs = self._pairs(left, block.first + members)
        _, first, place = np.unique(pairs, return_index=True, return_inverse=True)
        return block.exact(self.stream, asking, left[first], members[first])[place]

    def _thresholds(
        self, asking: Space, row: npt.NDArray[np.intp], items: npt.NDArray[np.integer[Any]]
    ) -> tuple[Any, Any, Any]:
        """Return bounds on the scores of items as seen from asking rows, and these scores in float64."""
        involved = np.unique(items)
        rows, local = _expanded(self.starts, involved)
        block = _Block(0, self.stream.take(rows), local, np.zeros(involved.size, np.int64))
        return block.scores(self.stream, asking, row, np.searchsorted(involved, items))


@dataclass(frozen=True, eq=False)
class _Block:
    """Rows of a run of items."""

    first: int
    rows: Space
    starts: npt.NDArray[np.int64]
    levels: npt.NDArray[np.int64]

    def against(self, asking: Space, own: npt.NDArray[np.integer[Any]]) -> tuple[Any, ...]:
        """Return what the kernels take, `own` being the item of each asking row."""
        product = gram_product(asking.centered, self.rows.centered)
        return (
            kind_of(self.rows.metric), product, entries_of(asking), entries_of(self.rows), self.starts, self.levels,
            own - self.first,
        )  # fmt: skip

    def exact(
        self, stream: RowStream, asking: Space, left: npt.NDArray[Any], items: npt.NDArray[Any]
    ) -> npt.NDArray[np.float64]:
        """Return the float64 scores of items of the block from asking rows."""
        rows, bounds = _expanded(self.starts, items)
        if not rows.size:
            return np.zeros(0)
        score = exact_between(stream, asking, np.repeat(left, np.diff(bounds)), self.rows, rows)
        nearest: npt.NDArray[np.float64] = np.minimum.reduceat(score, bounds[:-1])
        return nearest

    def scores(
        self, stream: RowStream, asking: Space, left: npt.NDArray[Any], items: npt.NDArray[Any]
    ) -> tuple[Any, Any, Any]:
        """Return lower and upper bounds on the scores of items from asking rows, and these in float64."""
        rows, bounds = _expanded(self.starts, items)
        owner = np.repeat(left, np.diff(bounds))
        both = stream.space_of(
            tuple(np.concatenate(pair) for pair in zip(asking.parts, self.rows.parts, strict=True))
        )
        score = row_scores(both, owner, asking.n_samples + rows)
        err, err_here = self.rows.error_bound(stream.metric), asking.error_bound(stream.metric)[left]
        low = np.minimum.reduceat(score - err[rows], bounds[:-1]) - err_here
        high = np.minimum.reduceat(score + err[rows], bounds[:-1]) + err_here
        return low, high, self.exact(stream, asking, left, items)


def _expanded(
    starts: npt.NDArray[np.int64], items: npt.NDArray[np.integer[Any]]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the rows of items one after the other, and where those of each start."""
    lengths = np.diff(starts)[items]
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    return np.repeat(starts[items] - bounds[:-1], lengths) + np.arange(bounds[-1]), bounds


def _unsure(
    fixed: tuple[Any, ...], sure: npt.NDArray[np.int64], bounds: npt.NDArray[np.int64]
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Count who is surely closer, and yield thresholds and items that float32 cannot tell apart, some at a time."""
    from platoscope.neighbors._search_kernels import count_items, list_unsure_items  # numba: 0.3 s to import

    sizes = np.zeros(len(sure), np.int64)
    over_rows(partial(count_items, *fixed, sure, sizes), len(bounds) - 1, minimum=16)
    before = np.concatenate([[0], np.cumsum(sizes)])
    of_rows = before[bounds]
    for rows in cut_to_room(np.diff(of_rows), _UNSURE):
        here = slice(bounds[rows.start], bounds[rows.stop])
        members = np.empty(int(of_rows[rows.stop] - of_rows[rows.start]), np.int64)
        if members.size:
            inputs = (*fixed, before - of_rows[rows.start], members)
            listing = partial(_from_row, list_unsure_items, rows.start, inputs)
            over_rows(listing, rows.stop - rows.start, minimum=16)
            yield np.repeat(np.arange(here.start, here.stop), sizes[here]), members


def _from_row(kernel: Any, first: int, inputs: tuple[Any, ...], start: int, stop: int) -> None:
    kernel(*inputs, first + start, first + stop)


def ranks_in_galleries(
    side: GallerySide, near: Sequence[AskedNeighbors], owner: npt.NDArray[np.intp], /
) -> npt.NDArray[np.float64]:
    """Return the mean rank on one side of the neighbors on the other, shape (n_galleries, n_asking).

    Parameters
    ----------
    side : GallerySide
        Where the ranks are taken.
    near : sequence of AskedNeighbors
        For each gallery, the neighbors of the rows of the other side.
    owner : ndarray of int, shape (n_rows,)
        Which asking item each row of the other side is one of.
    """
    n_items, n_asking = len(side.levels), len(side.asking)
    keys = [owner[found.owner] * n_items + found.items for found in near]
    pairs = np.unique(np.concatenate(keys))
    query, items = np.divmod(pairs, n_items)
    first = np.searchsorted(query, np.arange(n_asking + 1))
    # Each row of a query sees all neighbors of the query.
    chosen, bounds = _expanded(first, side.owner)
    ranks = 1.0 + side.closer(bounds, items[chosen])
    n_rows = np.bincount(side.owner)
    mean = np.zeros((len(pairs), side.n_galleries))
    np.add.at(mean, chosen, ranks)
    mean /= n_rows[query][:, None]
    rows_there = np.bincount(owner)
    out = np.zeros((len(near), n_asking))
    for gallery, (found, key) in enumerate(zip(near, keys, strict=True)):
        asked = owner[found.owner]
        values = found.weights * mean[np.searchsorted(pairs, key), gallery] / rows_there[asked]
        out[gallery] = np.bincount(asked, values, n_asking)
    return out
