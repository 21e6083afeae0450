"""Nearest neighbors and ranks where tensors live, near-ties decided there in float64.

What `_nearest` and `_ranks` do on the host, by item instead of by distinct row. Pieces of many layers are taken
together, because the device stands still whenever the host asks for a number: it is asked once for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from platoscope.neighbors._device_scores import band_members, count_closer, exact_scores, smallest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from platoscope.neighbors._device_rows import DeviceRows, Piece

__all__ = ["DeviceNeighbors", "nearest", "nearest_of", "ranks", "ranks_of", "ranks_of_a_pair"]

# Members of near-tie bands that are listed at a time.
_LISTED = 1 << 25


@dataclass(frozen=True, eq=False)
class DeviceNeighbors:
    """The nearest neighbors of the items of a piece, as `Neighbors` has them, but in no order within an item."""

    indptr: Tensor
    items: Tensor
    weights: Tensor | None
    """None: each item has equally many neighbors of equal weight."""

    @property
    def per_item(self) -> int:
        """Number of neighbors of an item, where all have equally many."""
        return len(self.items) // (len(self.indptr) - 1)

    @property
    def constant(self) -> bool:
        """As of `Neighbors`."""
        n_rows = len(self.indptr) - 1
        everyone = len(self.items) == n_rows * (n_rows - 1)
        return everyone and bool(self.shares().amin() == self.shares().amax())

    def shares(self) -> Tensor:
        """Return the weight of each neighbor."""
        if self.weights is not None:
            return self.weights
        return torch.full(
            (len(self.items),), 1.0 / self.per_item, dtype=torch.float64, device=self.items.device
        )

    def on_host(self) -> tuple[Any, Any, Any]:
        """Return indptr, items (ascending within an item) and weights as `Neighbors` has them."""
        owner = torch.arange(len(self.indptr) - 1, device=self.items.device).repeat_interleave(
            self.indptr.diff(), output_size=len(self.items)
        )
        order = (owner * len(self.indptr) + self.items).argsort()
        return (
            self.indptr.cpu().numpy(), self.items[order].int().cpu().numpy(), self.shares()[order].cpu().numpy(),
        )  # fmt: skip


def nearest_of(devices: Sequence[DeviceRows], k: int, metric: Any, ties: str, /) -> list[DeviceNeighbors]:
    """Return the k nearest neighbors of all items of each space; spaces have the same items."""
    kept = [device for device in devices if device.gram is not None]
    pieces = [next(device.pieces()) for device in kept]
    of_kept = iter(nearest(pieces, k, metric, ties=ties) if pieces else [])
    return [
        next(of_kept) if device.gram is not None
        else _joined([nearest([piece], k, metric, ties=ties)[0] for piece in device.pieces()])
        for device in devices
    ]  # fmt: skip


def _joined(found: Sequence[DeviceNeighbors]) -> DeviceNeighbors:
    """Put the neighbors of rows that follow each other together."""
    if len(found) == 1:
        return found[0]
    counts = torch.cat([one.indptr.diff() for one in found])
    regular = all(one.weights is None for one in found)
    weights = None if regular else torch.cat([one.shares() for one in found])
    return DeviceNeighbors(starts_of(counts), torch.cat([one.items for one in found]), weights)


def starts_of(counts: Tensor, /) -> Tensor:
    """Return where lists of so many entries begin, and where the last one ends."""
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def nearest(
    pieces: Sequence[Piece], k: int, metric: Any, /, *, ties: str = "average"
) -> list[DeviceNeighbors]:
    """Return the k nearest neighbors of the items of each piece; pieces are of equal shape."""
    n_samples = pieces[0].gram.shape[1]
    kept = min(k + 1, n_samples - 1)
    found = [smallest(piece, piece.device.view(metric), kept) for piece in pieces]
    columns = torch.stack([indices for indices, _ in found])
    if kept == k:  # all others, whatever their distance
        return [_equal_shares(indices) for indices in columns]
    scores = torch.stack([values for _, values in found])
    errors = torch.stack([piece.device.view(metric).err for piece in pieces])
    which, rows = _last_place_open(pieces, metric, columns, scores, errors, k).nonzero().unbind(1)
    if len(rows) == 0:
        return [_equal_shares(indices[:, :k]) for indices in columns]
    # No neighbor is farther than the one that may be farthest of the k; see `_nearest`.
    nearest_k = columns[which, rows, :k]
    farthest = (scores[which, rows, :k].double() + errors[which[:, None], nearest_k]).argmax(
        dim=1, keepdim=True
    )
    cut = nearest_k.gather(1, farthest)[:, 0]
    open_ = _candidates(pieces, metric, _Queries.of(which, rows, cut, len(pieces)), k)
    regular = _settle(columns, open_, k)
    return [
        _equal_shares(columns[at, :, :k]) if regular[at] else _shared(columns[at, :, :k], open_, at, k, ties)
        for at in range(len(pieces))
    ]


def _equal_shares(columns: Tensor) -> DeviceNeighbors:
    n_rows, k = columns.shape
    indptr = torch.arange(n_rows + 1, device=columns.device) * k
    # A slice of more columns would be a view with gaps, which a kernel does not see.
    return DeviceNeighbors(indptr, columns.contiguous().reshape(-1), None)


def _last_place_open(
    pieces: Sequence[Piece], metric: Any, columns: Tensor, scores: Tensor, errors: Tensor, k: int
) -> Tensor:
    """Return the rows, shape (n_pieces, n_rows), whose last neighbor float32 cannot tell from the next one."""
    start, stop = pieces[0].start, pieces[0].stop
    own = errors[:, start:stop]
    # A point with a larger error than these two is longer than both, and too far away to matter.
    reach = torch.maximum(own, errors.gather(1, columns[..., k - 1]))
    if metric == "cosine":
        reach = errors.amax(dim=1, keepdim=True).expand_as(own)
    return ~(scores[..., k] - scores[..., k - 1] > 2 * own + 8 * reach)


class _Queries(NamedTuple):
    """Pairs (row of a piece, column), those of each piece together."""

    which: Tensor
    """The piece of each."""
    rows: Tensor
    columns: Tensor
    by_piece: list[slice]

    @classmethod
    def of(cls, which: Tensor, rows: Tensor, columns: Tensor, n_pieces: int) -> _Queries:
        return cls(which, rows, columns, _slices(torch.bincount(which, minlength=n_pieces)))


def _slices(numbers: Tensor) -> list[slice]:
    """Return the stretches of so many entries each; asks the device."""
    ends = numbers.cumsum(0).tolist()
    return [slice(first, last) for first, last in zip([0, *ends[:-1]], ends, strict=True)]


class _Members(NamedTuple):
    """The points that float32 cannot tell from the column of each query, with their exact distances."""

    query: Tensor
    items: Tensor
    scores: Tensor


def _members(
    pieces: Sequence[Piece], metric: Any, asked: _Queries, sizes: Tensor, *, everything: bool
) -> _Members:
    total_of = torch.zeros(len(pieces), dtype=torch.int64, device=sizes.device).index_add_(
        0, asked.which, sizes
    )
    stretches = _slices(total_of)
    total = stretches[-1].stop
    query = torch.arange(len(sizes), device=sizes.device).repeat_interleave(sizes, output_size=total)
    items = torch.empty(total, dtype=torch.int64, device=sizes.device)
    scores = torch.empty(total, dtype=torch.float64, device=sizes.device)
    rows = asked.rows[query] + pieces[0].start
    for piece, mine, stretch in zip(pieces, asked.by_piece, stretches, strict=True):
        if mine.start == mine.stop:
            continue
        items[stretch] = band_members(
            piece, piece.device.view(metric), asked.rows[mine], asked.columns[mine], sizes[mine],
            stretch.stop - stretch.start, everything=everything,
        )[1]  # fmt: skip
        scores[stretch] = exact_scores(piece.device, metric, rows[stretch], items[stretch])
    return _Members(query, items, scores)


class _Candidates(NamedTuple):
    """Who may be a neighbor of each of the open rows, by exact distance."""

    asked: _Queries
    members: _Members
    """In the order of the queries, and of the exact distances within each."""
    last: Tensor
    """Exact distance of the k-th neighbor of each open row."""
    first: Tensor
    """Where the candidates of each open row begin."""

    @property
    def chosen(self) -> Tensor:
        """Whether each candidate is as near as the k-th neighbor."""
        return self.members.scores <= self.last[self.members.query]


def _candidates(pieces: Sequence[Piece], metric: Any, asked: _Queries, k: int) -> _Candidates:
    sizes = torch.cat(
        [
            band_members(
                piece, piece.device.view(metric), asked.rows[mine], asked.columns[mine], None, 0, everything=True
            )[0]
            for piece, mine in zip(pieces, asked.by_piece, strict=True)
            if mine.start < mine.stop
        ]
    )  # fmt: skip
    query, items, scores = _members(pieces, metric, asked, sizes, everything=True)
    order = scores.argsort(stable=True)
    order = order[query[order].argsort(stable=True)]
    members = _Members(query, items[order], scores[order])
    first = sizes.cumsum(0) - sizes
    return _Candidates(asked, members, members.scores[first + k - 1], first)


def _settle(columns: Tensor, found: _Candidates, k: int) -> list[bool]:
    """Write the neighbors of open rows into `columns`; tell for which pieces that leaves k to each row."""
    asked = found.asked
    number = torch.zeros(len(asked.rows), dtype=torch.int64, device=columns.device)
    number.index_add_(0, found.members.query, found.chosen.long())
    more = torch.zeros(len(columns), dtype=torch.int64, device=columns.device)
    more.index_add_(0, asked.which, (number != k).long())
    places = torch.arange(k, device=columns.device)
    columns[asked.which[:, None], asked.rows[:, None], places] = found.members.items[
        found.first[:, None] + places
    ]
    return (more == 0).tolist()


def _shared(columns: Tensor, found: _Candidates, at: int, k: int, ties: str) -> DeviceNeighbors:
    """Share the last place among those who tie for it, in the open rows of a piece; all others have k neighbors."""
    n_rows, mine = len(columns), found.asked.by_piece[at]
    open_rows = found.asked.rows[mine]
    settled = torch.ones(n_rows, dtype=torch.bool, device=columns.device)
    settled[open_rows] = False
    inside = found.chosen & (found.members.query >= mine.start) & (found.members.query < mine.stop)
    query, items = found.members.query[inside], found.members.items[inside]
    closer = found.members.scores[inside] < found.last[query]
    query = query - mine.start
    counts = torch.zeros((2, len(open_rows)), dtype=torch.float64, device=columns.device)
    counts[0].index_add_(0, query, closer.double())
    counts[1].index_add_(0, query, (~closer).double())
    if ties == "min":
        weights = (1.0 / counts.sum(dim=0))[query]
    else:
        weights = torch.where(closer, 1.0, ((k - counts[0]) / counts[1])[query]) / k
    rows = settled.nonzero()[:, 0]
    owner = torch.cat([rows.repeat_interleave(k), open_rows[query]])
    order = owner.argsort(stable=True)
    equal = torch.full((len(rows) * k,), 1.0 / k, dtype=torch.float64, device=columns.device)
    return DeviceNeighbors(
        starts_of(torch.bincount(owner, minlength=n_rows)),
        torch.cat([columns[rows].reshape(-1), items])[order],
        torch.cat([equal, weights])[order],
    )


def ranks(
    pieces: Sequence[Piece],
    queries: Sequence[tuple[Tensor, Tensor]],
    metric: Any,
    /,
    *,
    ties: str = "average",
) -> list[Tensor]:
    """Return the ranks of items as seen from the items of each piece, float64; see `_ranks`.

    ``queries[p] = (indptr, items)`` asks, for the r-th row of piece p, for ``items[indptr[r]:indptr[r + 1]]``.
    """
    counts = []
    for piece, (indptr, items) in zip(pieces, queries, strict=True):
        per_row = len(items) // max(1, len(indptr) - 1)
        counts.append(count_closer(piece, piece.device.view(metric), indptr, items, per_row))
    lengths = [len(items) for _, items in queries]
    strictly = torch.cat([below for below, _ in counts])
    tied = torch.cat([within for _, within in counts]) - strictly - 1
    unsure = torch.cat(
        [
            _unsure(piece, *query, others)
            for piece, query, others in zip(pieces, queries, tied.split(lengths), strict=True)
        ]
    )
    asked = unsure.nonzero()[:, 0]
    strictly, tied = strictly.double(), tied.double()
    if len(asked):
        _decide(pieces, queries, metric, asked, strictly, tied)
    found = 1.0 + strictly + (0.5 * tied if ties == "average" else 0.0)
    return list(found.split(lengths))


def _decide(
    pieces: Sequence[Piece], queries: Sequence[tuple[Tensor, Tensor]], metric: Any, places: Tensor,
    strictly: Tensor, tied: Tensor,
) -> None:  # fmt: skip
    """Settle the queries at some places in float64: add to `strictly`, and replace `tied`."""
    ends = torch.tensor([len(items) for _, items in queries], device=places.device).cumsum(0)
    which = torch.searchsorted(ends, places, right=True)
    split = _slices(torch.bincount(which, minlength=len(pieces)))
    starts = [0, *ends[:-1].tolist()]
    rows, columns = [], []
    for (indptr, items), first, mine in zip(queries, starts, split, strict=True):
        local = places[mine] - first
        rows.append(torch.searchsorted(indptr, local, right=True) - 1)
        columns.append(items[local])
    asked = _Queries(which, torch.cat(rows), torch.cat(columns), split)
    sizes = (tied[places] + 1).long()
    n_parts = max(1, int(sizes.sum()) // _LISTED)
    for some in _parts(asked, n_parts):
        part = (
            _Queries.of(which[some], asked.rows[some], asked.columns[some], len(pieces))
            if n_parts > 1
            else asked
        )
        query, items, exact = _members(pieces, metric, part, sizes[some], everything=False)
        itself = items == part.columns[query]
        zero = torch.zeros(len(part.rows), dtype=torch.float64, device=places.device)
        threshold = zero.index_add(0, query, torch.where(itself, exact, 0.0))[query]
        strictly[places[some]] += zero.index_add(0, query, (exact < threshold).double())
        tied[places[some]] = zero.index_add(0, query, ((exact == threshold) & ~itself).double())


def _parts(asked: _Queries, n_parts: int) -> list[slice]:
    """Return stretches of the queries, so many that what each of them lists fits."""
    step = -(-len(asked.rows) // n_parts)
    return [slice(first, first + step) for first in range(0, len(asked.rows), step)]


def ranks_of(
    devices: Sequence[DeviceRows], queries: Sequence[tuple[Tensor, Tensor]], metric: Any, ties: str, /
) -> list[Tensor]:
    """Return the ranks asked for of each space; of the same items, and with a query list for each of these."""
    if all(device.gram is not None for device in devices):
        return ranks([next(device.pieces()) for device in devices], queries, metric, ties=ties)
    found = []
    for device, (indptr, items) in zip(devices, queries, strict=True):
        by_piece = []
        for piece in device.pieces():
            starts = indptr[piece.start : piece.stop + 1]
            first, last = int(starts[0]), int(starts[-1])
            by_piece += ranks([piece], [(starts - first, items[first:last])], metric, ties=ties)
        found.append(torch.cat(by_piece))
    return found


def ranks_of_a_pair(
    a: DeviceRows, b: DeviceRows, k: int, metric: Any, ties: str, /
) -> Iterator[list[tuple[DeviceNeighbors, Tensor]]]:
    """Yield the neighbors of some items in either space with their ranks in the other one, until all had their turn.

    They need the rows of these items only, so that each row of a matrix that is not kept is computed once.
    """
    for pieces in zip(a.pieces(), b.pieces(), strict=True):
        near = nearest(pieces, k, metric, ties=ties)
        yield list(
            zip(
                near,
                ranks(pieces[::-1], [(one.indptr, one.items) for one in near], metric, ties=ties),
                strict=True,
            )
        )


def _unsure(piece: Piece, indptr: Tensor, items: Tensor, others: Tensor) -> Tensor:
    """Return which queries have points that float32 cannot tell from the queried one; copies of the item itself tie."""
    alike = piece.device.alike
    if alike is None:
        return others > 0
    rows = torch.arange(piece.start, piece.stop, device=items.device)
    owner = rows.repeat_interleave(indptr.diff(), output_size=len(items))
    return (others > 0) & (alike[owner] != alike[items])
