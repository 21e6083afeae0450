"""What a space keeps where its tensors live, and what is searched and counted there: all that is of the size N².

Plain operations of torch, so that the same code runs on any device that has float64. Only arrays of a few numbers per
item or per query come to the host. Scores and bounds are those of `_kernels`, operation by operation.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from platoscope.neighbors._metrics import COSINE_SCORES, EUCLIDEAN
from platoscope.neighbors._precision import full_float32

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt
    from torch import Tensor

    from platoscope.neighbors._inputs import FloatArray
    from platoscope.neighbors._space import ScoreTerms

__all__ = ["DevicePiece", "DeviceRows", "product_there"]

# Entries of the matrix that are looked at together, and pairs that come to the host together: what bounds memory.
_ENTRIES = 1 << 25
_LISTED = 4_000_000
# Queries of each row that are counted together: a device waits for fewer orders then.
_TOGETHER = 16


@dataclass(frozen=True, eq=False)
class DeviceRows:
    """The tensors of one representation. Those with `n_distinct` entries are about distinct rows, as in `Space`."""

    parts: tuple[Tensor, ...]
    """The rows by item, float32 or float64, as they were given; none where a transform made them on the host."""
    gram: Tensor | None
    """Gram matrix of the centered rows, float32, shape (n_distinct, n_distinct); None: in blocks, on demand."""
    centered: tuple[Tensor, ...]
    """Centered rows, float32, while `gram` is None."""
    _memo: dict[str, Any] = field(repr=False, default_factory=dict)

    @property
    def where(self) -> str:
        """The device by name, as torch writes it."""
        return str(self._kept[0].device)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes on the device beside the rows as given, and on the host."""
        there = sum(tensor.nbytes for tensor in self._kept)
        return int(there + sum(array.nbytes for array in self._memo.values()))

    @property
    def _kept(self) -> tuple[Tensor, ...]:
        return self.centered if self.gram is None else (self.gram,)

    def to_device(self, array: npt.NDArray[Any], /) -> Tensor:
        """Return an array as a tensor on the device."""
        return torch.from_numpy(np.array(array)).to(self._kept[0].device)

    def on_host(self) -> FloatArray | None:
        """Return the kept matrix as an array; it is brought once. None where it is in blocks."""
        if self.gram is None:
            return None
        if "gram" not in self._memo:
            self._memo["gram"] = np.ascontiguousarray(self.gram.cpu().numpy())
        found: FloatArray = self._memo["gram"]
        return found

    def products(self, rows: slice | Tensor, /) -> Tensor:
        """Return distinct rows of the matrix, float32, shape (n_rows, n_distinct)."""
        if self.gram is not None:
            return self.gram[rows]
        return product_there([Z[rows] for Z in self.centered], self.centered)

    def products_on_host(self, rows: slice | npt.NDArray[np.integer[Any]], /) -> FloatArray:
        """Return distinct rows of the matrix as an array."""
        chosen = rows if isinstance(rows, slice) else self.to_device(rows.astype(np.int64))
        found: FloatArray = np.ascontiguousarray(self.products(chosen).cpu().numpy())
        return found

    def piece(self, start: int, stop: int, /) -> DevicePiece:
        """Return distinct rows ``start:stop`` of the matrix, to be searched."""
        return DevicePiece(start, stop, self.products(slice(start, stop)))

    def take(self, rows: npt.NDArray[np.integer[Any]], /, *, multiply: bool = False) -> DeviceRows:
        """Return what is known of some distinct rows; `multiply` says to keep their matrix where none is kept yet."""
        chosen = self.to_device(rows.astype(np.int64))
        if self.gram is not None:
            return replace(self, gram=self.gram[chosen][:, chosen], _memo={})
        centered = tuple(Z[chosen] for Z in self.centered)
        if multiply:
            return replace(self, gram=product_there(centered, centered), centered=(), _memo={})
        return replace(self, centered=centered, _memo={})

    def moments(
        self, weights: npt.NDArray[np.int32], /
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the weighted sum and the weighted sum of squares of each row of the matrix, in float64."""
        shares = self.to_device(weights).double()
        found = []
        for rows in _runs(len(weights), len(weights)):
            block = self.products(rows).double()
            found.append(torch.stack([block @ shares, block.square_() @ shares]))
        sums, squares = torch.cat(found, dim=1).cpu().numpy()
        return sums, squares


@dataclass(frozen=True, eq=False)
class DevicePiece:
    """Rows ``start:stop`` of the Gram matrix of a space; lists come and go as arrays of the host."""

    start: int
    stop: int
    matrix: Tensor

    def nearest(
        self, terms: ScoreTerms, n_kept: int, /
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Return columns and values of the `n_kept` smallest scores of each row, ascending; -1 where there are fewer."""
        scorer = _Scorer(self, terms)
        found = [
            torch.topk(scorer.scores(rows), n_kept, dim=1, largest=False)
            for rows in _runs(self.stop - self.start, scorer.n_columns)
        ]
        scores = torch.cat([one.values for one in found])
        indices = torch.cat([one.indices for one in found])
        indices = torch.where(torch.isinf(scores), -1, indices)
        return indices.cpu().numpy().astype(np.int32), scores.cpu().numpy()

    def count(
        self,
        terms: ScoreTerms,
        rows: npt.NDArray[Any],
        indptr: npt.NDArray[Any],
        columns: npt.NDArray[Any],
        /,
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Count for queries what the compiled `count_closer` does: items surely closer, and those possibly not farther."""
        scorer = _Scorer(self, terms)
        device = self.matrix.device
        starts, lengths = indptr[:-1].astype(np.int64), np.diff(indptr)
        owner, column = (torch.from_numpy(side.astype(np.int64)).to(device) for side in (rows, columns))
        below, within = torch.zeros((2, len(columns)), dtype=torch.int32, device=device)
        # Long lists with long ones: those of a run are gone through in step, so many places of each at a time.
        order = np.argsort(-lengths, kind="stable")
        order = order[: np.count_nonzero(lengths)]
        together = min(_TOGETHER, int(lengths.max(initial=1)))
        for run in _runs(len(order), together * scorer.n_columns):
            some = order[run]
            i = owner[torch.from_numpy(some).to(device)]
            scores = scorer.scores(i - self.start)
            upper, lower = scores + scorer.error, scores - scorer.error
            for place in range(0, int(lengths[some[0]]), together):
                live = int(np.count_nonzero(lengths[some] > place))
                # Where fewer are left, the last one is counted again.
                places = np.minimum(place + np.arange(together), lengths[some[:live], None] - 1)
                queries = torch.from_numpy(starts[some[:live], None] + places).to(device)
                low, high = scorer.bounds(scores[:live], i[:live, None], column[queries])
                below[queries] = scorer.weigh(upper[:live, None] < low[..., None])
                within[queries] = scorer.weigh(lower[:live, None] <= high[..., None])
        found = torch.stack([below, within]).cpu().numpy()
        # A list says nothing of the row that it belongs to.
        found[:, np.repeat(rows, lengths) == columns] = 0
        return found[0], found[1]

    def band(
        self, terms: ScoreTerms, rows: npt.NDArray[Any], columns: npt.NDArray[Any], everything: bool, /
    ) -> Iterator[tuple[slice, npt.NDArray[np.int64], npt.NDArray[np.int32]]]:
        """Yield ``(chunk, sizes, members)`` as `candidates` of `_nearest` does."""
        scorer = _Scorer(self, terms)
        owner, column = (
            torch.from_numpy(side.astype(np.int64)).to(self.matrix.device) for side in (rows, columns)
        )
        for chunk in _runs(len(rows), scorer.n_columns, _LISTED):
            i = owner[chunk]
            scores = scorer.scores(i - self.start)
            low, high = scorer.bounds(scores, i[:, None], column[chunk, None])
            inside = scores - scorer.error <= high
            if not everything:
                inside &= scores + scorer.error >= low
            sizes = inside.sum(dim=1).cpu().numpy()
            yield chunk, sizes, inside.nonzero()[:, 1].cpu().numpy().astype(np.int32)


class _Scorer:
    """Turns rows of a piece into scores, as `fill_row` of `_kernels` does."""

    def __init__(self, piece: DevicePiece, terms: ScoreTerms) -> None:
        device = piece.matrix.device
        self.piece = piece
        self.kind = terms.kind
        self.n_columns = len(terms.excess)
        self.excess, self.along, self.inverse, self.error = (
            torch.from_numpy(np.array(array)).to(device)
            for array in (terms.excess, terms.along, terms.inverse_norm, terms.error)
        )
        plain = bool((terms.weights == 1).all())
        self.weights = None if plain else torch.from_numpy(terms.weights.astype(np.int32)).to(device)

    def scores(self, rows: slice | Tensor) -> Tensor:
        """Return the scores of rows of the piece; that of a row with itself is infinite."""
        piece = self.piece
        products = piece.matrix[rows]
        if isinstance(rows, slice):
            i = torch.arange(rows.start, rows.stop, device=products.device) + piece.start
        else:
            i = rows + piece.start
        if self.kind == EUCLIDEAN:
            scores = (self.excess[i, None] + self.excess).sub_(products, alpha=2)
        else:
            dots = products.double().add_(self.along[i, None]).add_(self.along)
            cosines = dots.mul_(self.inverse[i, None]).mul_(self.inverse)
            scores = (1.0 - cosines).clamp_(*COSINE_SCORES).float()
        scores[torch.arange(len(i), device=i.device), i] = torch.inf
        return scores

    def bounds(self, scores: Tensor, i: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Return what a lower bound must exceed, and an upper bound stay below, to differ for sure from some columns.

        `columns` has a row for each row of `scores`, which is row `i` of all, shape (n_rows, 1).
        """
        value = scores.gather(1, columns)
        slack = self.error[columns] + self.error[i] + self.error[i]
        return value - slack, value + slack

    def weigh(self, chosen: Tensor) -> Tensor:
        """Return the number of items of the chosen columns, which are the last axis."""
        # In half of the bytes that a sum of truths takes by default.
        counted = chosen if self.weights is None else torch.where(chosen, self.weights, 0)
        return counted.sum(dim=-1, dtype=torch.int32)


def product_there(left: Sequence[Tensor], right: Sequence[Tensor], /) -> Tensor:
    """Return ``sum(a @ b.T)`` in full float32: TF32 and autocast are off inside."""
    with full_float32(left[0].device.type):
        total = left[0] @ right[0].T
        for a, b in zip(left[1:], right[1:], strict=True):
            total += a @ b.T
    return total


def _runs(n_rows: int, n_columns: int, entries: int = _ENTRIES) -> Iterator[slice]:
    """Cut rows into runs of no more than so many entries, or of one row."""
    step = max(1, entries // n_columns)
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))
