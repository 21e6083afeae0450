"""Samples of the items: what resampling repeats many times, cut from matrices that are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.neighbors._nearest import Neighbors
from platoscope.neighbors._settled import kind_in, settled

if TYPE_CHECKING:
    import numpy.typing as npt

    from platoscope.neighbors._inputs import FloatArray
    from platoscope.neighbors._metrics import OwnMetric
    from platoscope.neighbors._space import Space

__all__ = ["Sample", "add_sample_ranks", "sample_neighbors", "settled_sample", "take_sample"]


@dataclass(frozen=True, eq=False)
class Sample:
    """Some items of a `Space`, each with its row and column of the Gram matrix.

    Scores are compared as they are: enough for the spread over subsamples that this serves, because the matrix is
    that of a `settled` space.
    """

    source: Space = field(repr=False)
    """The space that it was taken from."""
    block: FloatArray = field(repr=False)
    """Gram or distance matrix of the items, shape (n_samples, n_samples)."""
    inverse: npt.NDArray[np.int32] = field(repr=False)
    """Distinct row of each item in `source`."""
    copies: bool
    """Whether two items share a distinct row."""
    excess: npt.NDArray[np.float32] = field(repr=False)
    """As in `Space`, by item."""
    along: npt.NDArray[np.float64] = field(repr=False)
    inverse_norm: npt.NDArray[np.float64] = field(repr=False)
    _memo: dict[Any, Any] = field(repr=False, default_factory=dict)

    @property
    def memo(self) -> dict[Any, Any]:
        """As in `Space`."""
        return self._memo

    @property
    def n_samples(self) -> int:
        """Number of items."""
        return len(self.inverse)

    def rows(self) -> FloatArray:
        """Return the rows that distances are taken of, by item, as `Space.rows` does."""
        return self.source.rows(self.inverse)

    def gram_rows(self, start: int, stop: int, /) -> FloatArray:
        """Return rows start:stop of the Gram matrix by item, as `Space.gram_rows` does."""
        return self.block[start:stop]


def take_sample(space: Space, items: npt.NDArray[np.integer[Any]], /) -> Sample:
    """Return the sample of the chosen items; the matrix of `space` must be kept."""
    return _cut(space, space.inverse[items])


def settled_sample(sample: Sample, metric: str | OwnMetric, /) -> Sample:
    """Return the same sample of what its source is where that is `settled`, most often itself."""
    source = settled(sample.source, metric)
    if source is sample.source:
        return sample
    key = ("settled", metric)
    if key not in sample.memo:
        row_there = np.empty(sample.source.n_distinct, np.int32)
        row_there[sample.source.inverse] = source.inverse
        sample.memo[key] = _cut(source, row_there[sample.inverse])
    found: Sample = sample.memo[key]
    return found


def _cut(space: Space, rows: npt.NDArray[np.int32]) -> Sample:
    """Return the sample of the items of these distinct rows."""
    from platoscope.neighbors._sample_kernels import gather_square  # numba: 0.3 s to import

    assert space.gram is not None, "samples are cut from a kept matrix"
    block = np.empty((rows.size, rows.size), space.gram.dtype)
    gather_square(space.gram, rows, block)
    copies = not space.one_row_per_item and np.unique(rows).size < rows.size
    return Sample(space, block, rows, copies, space.excess[rows], space.along[rows], space.inverse_norm[rows])


def sample_neighbors(sample: Sample, n_neighbors: int, metric: str | OwnMetric, /) -> Neighbors:
    """Return the nearest neighbors of the items among themselves, ties sharing the last place."""
    from platoscope.neighbors._sample_kernels import nearest_in_sample  # numba: 0.3 s to import

    n_samples = sample.n_samples
    indptr = np.zeros(n_samples + 1, np.int64)
    capacity = n_samples * (n_neighbors + 2)
    while True:
        items, shares = np.empty(capacity, np.int32), np.empty(capacity)
        filled = nearest_in_sample(*_fixed(sample, metric), n_neighbors, indptr, items, shares)
        if filled <= capacity:
            return Neighbors(indptr, items[:filled], shares[:filled])
        capacity = filled  # more ties than there was room for


def add_sample_ranks(
    sample: Sample,
    metric: str | OwnMetric,
    queries: tuple[Any, Any, Any, Any],
    sums: npt.NDArray[np.float64],
    /,
) -> None:
    """Add to ``sums[label]`` the weighted average ranks of queries (indptr, positions, weights, labels)."""
    from platoscope.neighbors._sample_kernels import rank_sums_in_sample  # numba: 0.3 s to import

    rank_sums_in_sample(*_fixed(sample, metric), *queries, sums)


def _fixed(sample: Sample, metric: str | OwnMetric) -> tuple[Any, ...]:
    sample = settled_sample(sample, metric)
    return (
        kind_in(sample.source, metric), sample.block, sample.excess, sample.along, sample.inverse_norm,
        sample.inverse, sample.copies,
    )  # fmt: skip
