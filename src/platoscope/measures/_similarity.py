"""Similarities of rows of one side with rows of the other, in float32, and in float64 where its error could decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from platoscope.errors import InputError
from platoscope.neighbors import powers_of_two

if TYPE_CHECKING:
    from platoscope.neighbors import FloatArray, Space

__all__ = ["Exact", "centered_rows", "partner_ranks", "slack_of"]

# Similarities that are compared with the partner's at a time.
_COMPARED = 1 << 20


class _Rows(NamedTuple):
    """The distinct rows of a space minus the mean of all items, and their lengths."""

    centered: npt.NDArray[np.float32]
    norm: npt.NDArray[np.float32]
    mean: npt.NDArray[np.float64]
    """Taken off the rows times `scale`."""
    scale: float


def centered_rows(space: Space, /) -> _Rows:
    """Return the centered rows of a space, which remembers them."""
    kept: _Rows | None = space.memo.get("retrieval rows")
    if kept is None:
        rows = np.concatenate([part[space.first] for part in space.parts], axis=1)
        scale = float(powers_of_two(max(float(rows.max()), -float(rows.min()))))
        # The scale of subnormal rows is beyond float32.
        rows = rows * (
            rows.dtype.type(scale) if scale <= float(np.finfo(rows.dtype).max) else np.float64(scale)
        )
        mean = np.average(rows, axis=0, weights=space.weights)
        centered = (rows - mean).astype(np.float32)
        norm = np.linalg.norm(centered, axis=1)
        if not norm.all():
            bad = np.flatnonzero(norm == 0)
            message = (
                f"{space.name} has {bad.size} distinct rows equal to its mean, whose direction is undefined; the "
                f"first is row {space.first[bad[0]]}. Drop those items on both sides, or choose `measures` without "
                "retrieval."
            )
            raise InputError(message)
        space.memo["retrieval rows"] = kept = _Rows(centered, norm, mean, scale)
    return kept


class _Directions:
    """Centered rows of length 1 in float64, of those distinct rows that are asked for."""

    def __init__(self, space: Space) -> None:
        self._space, self._rows = space, centered_rows(space)
        self._parts: tuple[FloatArray, ...] | None = None

    def __getitem__(self, distinct: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
        if self._parts is None:
            self._parts = self._space.parts  # read once, and only where float32 leaves something open
        items = self._space.first[distinct]
        rows = np.concatenate([part[items] for part in self._parts], axis=1).astype(np.float64)
        rows = rows * self._rows.scale - self._rows.mean
        lengths = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
        found: npt.NDArray[np.float64] = rows / lengths
        return found


def slack_of(queries: Space) -> npt.NDArray[np.float32]:
    """Return how far the float32 similarities of each query may be off, twice."""
    rows = centered_rows(queries)
    unit = 2.0**-24 * (16.0 + 1.5 * np.sqrt(rows.centered.shape[1]))
    slack: npt.NDArray[np.float32] = (2 * unit * rows.norm[queries.inverse]).astype(np.float32)
    return slack


class Exact:
    """Decides in float64, from the rows, what float32 leaves open."""

    def __init__(self, queries: Space, candidates: Space) -> None:
        self._asking, self._offered = _Directions(queries), _Directions(candidates)
        self._query_rows, self._candidate_rows = queries.inverse, candidates.inverse

    def place(self, row: npt.NDArray[Any], slack: np.float32, query: int, partner: int) -> tuple[int, int]:
        """Return how many candidates are closer to a query than the partner, and how many are as close, with it."""
        near = np.flatnonzero(np.abs(row - row[partner]) <= slack)
        rows_of_near, back = np.unique(self._candidate_rows[near], return_inverse=True)
        here = self._asking[self._query_rows[query : query + 1]]
        apart = np.square(self._offered[rows_of_near] - here).sum(axis=1)[back]
        target = apart[near == partner]
        closer = (row > row[partner] + slack).sum() + (apart < target).sum()
        return int(closer), int((apart == target).sum())


def partner_ranks(
    similarity: npt.NDArray[np.float32], queries: Space, candidates: Space
) -> npt.NDArray[np.float64]:
    """Return the rank of the partner of each query among all candidates, the average of those that tie."""
    n_samples = len(similarity)
    slack, own = slack_of(queries), similarity.diagonal()
    copies = candidates.weights[candidates.inverse]
    exact = Exact(queries, candidates)
    closer, tied = np.empty(n_samples), np.empty(n_samples)
    step = max(1, _COMPARED // n_samples)
    for start in range(0, n_samples, step):
        these = slice(start, start + step)
        rows = similarity[these]
        closer[these] = (rows > (own + slack)[these, None]).sum(axis=1)
        tied[these] = (rows >= (own - slack)[these, None]).sum(axis=1) - closer[these]
    for i in np.flatnonzero(tied != copies):
        closer[i], tied[i] = exact.place(similarity[i], slack[i], int(i), int(i))
    return 1.0 + closer + 0.5 * (tied - 1.0)
