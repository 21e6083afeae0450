"""Information Imbalance on pairs of spaces: all items, samples of them, shuffled pairings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from platoscope.measures._nulls import Shuffles
from platoscope.measures._sparse import SparseRows, merge
from platoscope.neighbors import (
    Neighbors,
    OwnMetric,
    Sample,
    Space,
    add_sample_ranks,
    asked_alone,
    block_neighbors,
    map_spaces,
    map_two,
    nearest_neighbors,
    ranks,
    sample_neighbors,
    settled,
    sum_over_rank_rows,
    told_apart,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from platoscope.measures._items import ItemRanks

__all__ = [
    "directed_imbalance",
    "imbalance_null",
    "imbalance_of_ranks",
    "imbalance_sampled",
    "imbalance_scores",
]

# Ranked pairs held at a time; a layer whose rows all tie has N per item.
_QUERIES = 16_000_000


def imbalance_scores(
    A: Sequence[Space],
    B: Sequence[Space],
    pairs: npt.NDArray[np.intp],
    /,
    *,
    n_neighbors: int = 1,
    metric: str | OwnMetric = "euclidean",
    ties: str = "average",
    by_item: ItemRanks | None = None,
) -> npt.NDArray[np.float64]:
    """Return Δ for pairs (a, b) of spaces, shape (2, n_pairs): A→B, then B→A.

    `by_item` keeps what each item adds, of which Δ is the sum, and the nearest neighbors.
    """
    if len(pairs) == 1:
        a, b = told_apart(A[pairs[0, 0]], metric), told_apart(B[pairs[0, 1]], metric)
        if _walk_together(a, b):
            return _block_by_block(a, b, pairs[0], n_neighbors, metric, ties, by_item)[:, None]
    kept = (None, None) if by_item is None else by_item.ranks
    forward = _directed(A, B, pairs, n_neighbors, metric, ties, kept[0])
    backward = _directed(B, A, pairs[:, ::-1], n_neighbors, metric, ties, kept[1])
    if by_item is not None:
        for side, spaces in enumerate((A, B)):
            for position in np.unique(pairs[:, side]):
                by_item.keep(side, position, nearest_neighbors(spaces[position], 1, metric, ties=ties))
    return np.stack([forward, backward])


def directed_imbalance(source: Space, target: Space, /, *, n_neighbors: int) -> float:
    """Return Δ(source→target) alone, of Euclidean distances: half the work of both directions."""
    pair = np.zeros((1, 2), np.intp)
    return float(_directed([source], [target], pair, n_neighbors, "euclidean", "average", None)[0])


def _walk_together(a: Space, b: Space) -> bool:
    """Tell whether two matrices are computed in blocks of the same items."""
    blocked = not (a.keeps_matrix or b.keeps_matrix) and a.block_rows == b.block_rows
    return blocked and a.one_row_per_item and b.one_row_per_item


def _block_by_block(
    a: Space,
    b: Space,
    pair: npt.NDArray[np.intp],
    k: int,
    metric: str | OwnMetric,
    ties: str,
    by_item: ItemRanks | None,
) -> npt.NDArray[np.float64]:
    """Return Δ of one pair in both directions, from one product per space instead of two.

    The neighbors of an item in `a` and their ranks in `b` need the rows of that item only.
    """
    mean_ranks = np.zeros((2, a.n_samples))
    constant = np.array([ties == "average"] * 2)  # as `Neighbors.constant`, of all rows so far
    for blocks in zip(a.pieces(), b.pieces(), strict=True):
        for source, target in ((0, 1), (1, 0)):
            near = block_neighbors((a, b)[source], blocks[source], k, metric, ties=ties)
            rank = ranks((a, b)[target], near.indptr, near.items, metric, ties=ties, blocks=[blocks[target]])
            own = np.flatnonzero(np.diff(near.indptr))
            mean_ranks[source, own] = np.add.reduceat(near.weights * rank, near.indptr[own])
            everyone = near.items.size == own.size * (a.n_samples - 1)
            constant[source] &= everyone and np.ptp(near.weights) == 0
            if by_item is not None:
                if k > 1:
                    near = block_neighbors((a, b)[source], blocks[source], 1, metric, ties=ties)
                by_item.keep(source, pair[source], near)
    mean_ranks[constant] = a.n_samples / 2
    if by_item is not None:
        by_item.ranks[:, 0] = mean_ranks
    return imbalance_of_ranks(mean_ranks)


def imbalance_of_ranks(mean_ranks: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return Δ of the mean rank of the neighbors of every item; items are the last axis."""
    delta: npt.NDArray[np.float64] = 2.0 * mean_ranks.sum(axis=-1) / mean_ranks.shape[-1] ** 2
    return delta


def _directed(
    sources: Sequence[Space],
    targets: Sequence[Space],
    pairs: Any,
    k: int,
    metric: str | OwnMetric,
    ties: str,
    by_item: npt.NDArray[np.float64] | None,
) -> npt.NDArray[np.float64]:
    out = np.empty(len(pairs))
    used = np.unique(pairs[:, 0])
    found = map_spaces(
        lambda space: nearest_neighbors(space, k, metric, ties=ties),
        [sources[s] for s in used],
        alone=asked_alone,
    )
    near = dict(zip(used, found, strict=True))

    def rank(asked: _Question) -> None:
        ranked = ranks(asked.target, asked.merged.indptr, asked.merged.items, metric, ties=ties)
        mean_ranks = _by_source(asked.merged.values * ranked, asked.rows)
        out[asked.pairs] = imbalance_of_ranks(mean_ranks)
        if by_item is not None:
            by_item[asked.pairs] = mean_ranks

    map_two(rank, _questions(near, targets, pairs, ties), alone=lambda asked: asked_alone(asked.target))
    for pair, source in enumerate(pairs[:, 0]):
        if ties == "average" and near[source].constant:
            out[pair] = 1.0
            if by_item is not None:
                by_item[pair] = targets[0].n_samples / 2
    return out


class _Question(NamedTuple):
    """Neighbors in several sources, of which the ranks in a target are asked for."""

    target: Space
    pairs: npt.NDArray[np.intp]
    """Of which pairs these sources are, with this target."""
    rows: Sequence[SparseRows]
    merged: SparseRows
    """All `rows`, item by item."""


def _questions(
    near: Mapping[int, Neighbors], targets: Sequence[Space], pairs: Any, ties: str
) -> Iterator[_Question]:
    """Yield what is asked of each target, in groups of bounded size."""
    held, merged = b"", None
    for target in np.unique(pairs[:, 1]):
        mine = np.flatnonzero(pairs[:, 1] == target)
        for chosen, rows in _source_groups([near[s] for s in pairs[mine, 0]], ties):
            names = pairs[mine[chosen], 0].tobytes()
            if merged is None or names != held:  # in a grid every target has the same sources
                held, (merged, _) = names, merge(rows)
            yield _Question(targets[target], mine[chosen], rows, merged)


def _by_source(values: npt.NDArray[np.float64], rows: Sequence[SparseRows]) -> npt.NDArray[np.float64]:
    """Return the sums over the entries of each item, shape (n_sources, n_items), of entries merged from `rows`."""
    counts = np.stack([np.diff(row.indptr) for row in rows], axis=1)
    starts = np.cumsum(counts.ravel()) - counts.ravel()
    return np.ascontiguousarray(np.add.reduceat(values, starts).reshape(counts.shape).T)


def _source_groups(sources: Sequence[Neighbors], ties: str) -> Any:
    """Yield positions and neighbor rows of sources, in groups of bounded size.

    A constant source needs no ranks: all others share its neighbor weight, and the mean rank of
    all others is N/2 from everywhere.
    """
    group: list[int] = []
    rows: list[SparseRows] = []
    size = 0
    for position, near in enumerate(sources):
        if ties == "average" and near.constant:
            continue
        if rows and size + near.items.size > _QUERIES:
            yield np.array(group), rows
            group, rows, size = [], [], 0
        group.append(position)
        rows.append(SparseRows(near.indptr, near.items, near.weights))
        size += near.items.size
    if rows:
        yield np.array(group), rows


def imbalance_sampled(
    A: Sequence[Sample],
    B: Sequence[Sample],
    pairs: npt.NDArray[np.intp],
    /,
    *,
    n_neighbors: int = 1,
    metric: str | OwnMetric = "euclidean",
) -> npt.NDArray[np.float64]:
    """Return Δ for pairs (a, b) of samples of the items, shape (2, n_pairs)."""
    near = [[_sample_rows(sample, n_neighbors, metric) for sample in side] for side in (A, B)]
    forward = _directed_in_sample(near[0], B, pairs, metric)
    backward = _directed_in_sample(near[1], A, pairs[:, ::-1], metric)
    return np.stack([forward, backward])


def _sample_rows(sample: Sample, k: int, metric: str | OwnMetric) -> SparseRows:
    near = sample_neighbors(sample, k, metric)
    return SparseRows(near.indptr, near.items, near.weights)


def _directed_in_sample(
    near: Sequence[SparseRows], targets: Sequence[Sample], pairs: Any, metric: str | OwnMetric
) -> npt.NDArray[np.float64]:
    out = np.empty(len(pairs))
    merged: dict[bytes, Any] = {}  # in a grid every target has the same sources
    for target in np.unique(pairs[:, 1]):
        mine = np.flatnonzero(pairs[:, 1] == target)
        sources = pairs[mine, 0]
        if sources.tobytes() not in merged:
            merged = {sources.tobytes(): merge([near[s] for s in sources])}
        rows, labels = merged[sources.tobytes()]
        sums = np.zeros(len(sources))
        add_sample_ranks(targets[target], metric, (rows.indptr, rows.items, rows.values, labels), sums)
        out[mine] = 2.0 * sums / targets[target].n_samples ** 2
    return out


def imbalance_null(
    A: Sequence[Space],
    B: Sequence[Space],
    pairs: npt.NDArray[np.intp],
    shuffles: Shuffles,
    /,
    *,
    n_neighbors: int = 1,
    metric: str | OwnMetric = "euclidean",
) -> npt.NDArray[np.float64]:
    """Return Δ of shuffled pairings of the items of A and B, shape (n_permutations, 2, n_pairs).

    A gather of ranks: each row of the target is ranked once for all permutations and sources.
    """
    swapped = Shuffles(shuffles.right, shuffles.left, shuffles.cells[:, ::-1])
    forward = _directed_null(A, B, pairs, shuffles, n_neighbors, metric)
    backward = _directed_null(B, A, pairs[:, ::-1], swapped, n_neighbors, metric)
    return np.stack([forward, backward], axis=1)


def _directed_null(
    sources: Sequence[Space],
    targets: Sequence[Space],
    pairs: Any,
    shuffles: Shuffles,
    k: int,
    metric: str | OwnMetric,
) -> npt.NDArray[np.float64]:
    from platoscope.measures._kernels import permuted_rank_sums  # numba: 0.3 s to import

    left, right = shuffles.left.astype(np.int32), shuffles.right.astype(np.int32)
    left_back, right_back = (np.argsort(orders, axis=1).astype(np.int32) for orders in (left, right))
    orders = (np.ascontiguousarray(left.T), left_back, right, right_back)
    a, b = shuffles.cells.T
    out = np.ones((len(shuffles.cells), len(pairs)))
    for target in np.unique(pairs[:, 1]):
        space = settled(targets[target], metric)
        mine = np.flatnonzero(pairs[:, 1] == target)
        members = np.argsort(space.inverse, kind="stable")
        starts = np.concatenate([[0], np.cumsum(space.weights)])
        near = [nearest_neighbors(sources[s], k, metric) for s in pairs[mine, 0]]
        for chosen, rows in _source_groups(near, "average"):
            merged, labels = merge(rows)
            shape = len(right), len(left), len(rows)

            def added(
                first: int, table: Any, space: Any = space, members: Any = members, starts: Any = starts,
                merged: Any = merged, labels: Any = labels, shape: Any = shape,
            ) -> npt.NDArray[np.float64]:  # fmt: skip
                sums = np.zeros(shape)
                permuted_rank_sums(
                    table, first, members, starts, space.inverse, *orders,
                    merged.indptr, merged.items, merged.values, labels, sums,
                )  # fmt: skip
                return sums

            total = sum_over_rank_rows(space, metric, added)
            out[:, mine[chosen]] = 2.0 * total[b, a] / space.n_samples**2
    return out
