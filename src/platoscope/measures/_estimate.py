"""Information Imbalance of more items than can be squared: some items ask, some are counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.checks import whole_number
from platoscope.measures._crossed import CrossedSums
from platoscope.measures._inputs import check_same_items
from platoscope.measures._resampling import Z95
from platoscope.neighbors import (
    AgainstReferences,
    AskedNeighbors,
    against_references,
    asked_neighbors,
    open_stream,
)
from platoscope.seeds import seeded

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from platoscope.neighbors import Metric, Transform

__all__ = ["EstimatedImbalance", "EstimatedValue", "estimate_imbalance"]

_DEFAULT = 10_000
# Entries of the table of neighbors and references that are held at a time.
_TABLE = 8_000_000


@dataclass(frozen=True)
class EstimatedValue:
    """A value estimated from drawn items, and how far it may be from that of all."""

    value: float
    query_error: float
    """Standard error from which items were drawn as queries."""
    reference_error: float
    """Standard error from which items were drawn as references."""

    @property
    def standard_error(self) -> float:
        """That of both together; 0 where all items are queries and references."""
        return float(np.hypot(self.query_error, self.reference_error))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval for the value of all items."""
        half = Z95 * self.standard_error
        return self.value - half, self.value + half

    def __repr__(self) -> str:
        return f"{self.value:.6g} ± {self.standard_error:.2g}"


@dataclass(frozen=True)
class EstimatedImbalance:
    """Information Imbalance in both directions, estimated; made by `estimate_imbalance`."""

    forward: EstimatedValue
    """Δ(X→Y)."""
    backward: EstimatedValue
    """Δ(Y→X)."""
    asymmetry: EstimatedValue
    """δ = Δ(X→Y) − Δ(Y→X), whose error is that of the difference on the same items. Negative: X is the more informative."""
    n_samples: int
    """Number of items."""
    n_queries: int
    """Items whose nearest neighbors were searched for."""
    n_references: int
    """Items that were counted for the ranks."""
    seed: int | None
    """What to pass as `rng` for the same result; None where a generator was passed."""

    def __repr__(self) -> str:
        return (
            f"EstimatedImbalance(forward={self.forward!r}, backward={self.backward!r}, asymmetry={self.asymmetry!r}; "
            f"{self.n_queries:,} queries and {self.n_references:,} references of {self.n_samples:,} items)"
        )


def estimate_imbalance(
    X: Any,
    Y: Any,
    /,
    *,
    n_queries: int | None = None,
    n_references: int | None = None,
    n_neighbors: int = 1,
    metric: Metric = "euclidean",
    transform: Transform = "none",
    rng: int | np.random.Generator | None = None,
) -> EstimatedImbalance:
    """Estimate Information Imbalance where N² distances are too many, with a standard error.

    The nearest neighbors of `n_queries` random items are searched for among *all* items, exactly; their ranks on the other
    side are estimated by counting `n_references` random items. With all items as queries and as references it is
    `information_imbalance`, to the last bit but for draws among ties (below); otherwise it is unbiased for that.

        Δ̂(X→Y) = 2/(N n) · Σ over queries i of [ 1 + (N − 2) · mean over references l ≠ i, J_i of h_i(l) ]

    where J_i is the nearest neighbor of i in X, and h_i(l) is 1 where l is closer to i than J_i in Y, ½ where both are
    equally far, and 0 elsewhere.

    Parameters
    ----------
    X, Y : array of shape (n_samples, n_features), sequence of such arrays, or Space
        As in `information_imbalance`. Rows are read by blocks, so that an array may be mapped from a file
        (``numpy.load(path, mmap_mode="r")``), or be one of Zarr or HDF5; it is read up to four times, and never whole.
    n_queries, n_references : int, optional
        How many items are drawn at random for either, without replacement and independently; by default 10,000, or all
        where there are fewer.
    n_neighbors : int
        Average over this many nearest neighbors instead of the first.
    metric : {"euclidean", "cosine"}
        Of the distances.
    transform : str or sequence of str
        ``"none"``, ``"unit"``, ``"clip"``, or several; steps that learn from all rows are taken before, by
        `platoscope.neighbors.transform_rows`.
    rng : int, numpy.random.Generator or None
        Draws queries and references.

    Returns
    -------
    EstimatedImbalance
        ``.forward``, ``.backward`` and ``.asymmetry``, each with ``.value``, ``.standard_error``, ``.interval``; and
        ``.seed``, which gives the same result again as `rng`.

    Raises
    ------
    InputError
        What `information_imbalance` refuses; more queries or references than items; another metric or transform.

    Notes
    -----
    The error is that of drawing: how far the estimate may be from the value of *these* N items, by the choice of queries
    and by that of references, which all queries share. It says nothing of other items than these.

    Cost: n (N + M) D multiplications per side. Memory beyond X and Y: per side, the rows of n queries, of their neighbors
    and of M references, each as given and as float32; 190 bytes per item; and 0.5 GB at most. It does not grow with N D.

    Ties are those of `information_imbalance`, near-ties are decided in float64. Where more than 16 items tie for the last
    places of a query, 16 of them at random stand for all, and the error has what that adds.

    Examples
    --------
    >>> import numpy as np
    >>> whole = np.random.default_rng(0).standard_normal((5000, 8))
    >>> found = estimate_imbalance(whole, whole[:, :3], n_queries=1000, n_references=1000, rng=0)
    >>> [round(end, 2) for end in found.forward.interval]
    [0.06, 0.07]
    """
    chance, seed = seeded(rng)
    a, b = (open_stream(Z, name, metric, transform) for Z, name in ((X, "X"), (Y, "Y")))
    check_same_items(a.n_samples, b.n_samples)
    n = a.n_samples
    n_queries = _drawn("n_queries", n_queries, n, low=2)
    n_references = _drawn("n_references", n_references, n, low=3)
    whole_number("n_neighbors", n_neighbors, low=1, high=n - 1)
    if 1 in (a.n_distinct, b.n_distinct):  # it says nothing, and nothing predicts it
        sure = EstimatedValue(1.0, 0.0, 0.0)
        return EstimatedImbalance(sure, sure, EstimatedValue(0.0, 0.0, 0.0), n, n_queries, n_references, seed)
    queries, references = (
        np.sort(chance.choice(n, size, replace=False, shuffle=False)) for size in (n_queries, n_references)
    )
    near = [asked_neighbors(stream, queries, n_neighbors, chance) for stream in (a, b)]
    sides = [against_references(*side, references) for side in ((b, queries, near[0]), (a, queries, near[1]))]
    return _estimated(sides, n, seed)


def _drawn(name: str, value: int | None, n_samples: int, *, low: int) -> int:
    if value is None:
        return min(n_samples, _DEFAULT)
    return whole_number(name, value, low=low, high=n_samples)


def _estimated(sides: list[AgainstReferences], n_samples: int, seed: int | None) -> EstimatedImbalance:
    """Return the estimate of ranks of neighbors against references, forward and backward."""
    n_queries, n_references = len(sides[0].asking), len(sides[0].references)
    sums = [CrossedSums.empty(n_samples, n_queries, n_references) for _ in range(3)]
    mean_ranks = np.empty((2, n_queries))
    drawing = np.zeros(2)
    for start, stop in _pieces(sides, n_references):
        tables = []
        for direction, side in enumerate(sides):
            table, ranks, noise = _piece(side, start, stop, n_samples)
            mean_ranks[direction, start:stop] = ranks
            drawing[direction] += noise
            tables.append(table)
        for total, table in zip(sums, [*tables, tables[0] - tables[1]], strict=True):
            total.add(start, table)
    values = 2.0 * mean_ranks.sum(axis=1) / (n_queries * n_samples)
    noises = [*(drawing / (n_queries * n_samples)), drawing.sum() / (n_queries * n_samples)]
    # From the mean share of references that are closer to Δ.
    scale = 2 * (n_samples - 2) / n_samples
    forward, backward, asymmetry = (
        _with_error(float(value), total, noise, scale)
        for value, total, noise in zip([*values, values[0] - values[1]], sums, noises, strict=True)
    )
    return EstimatedImbalance(forward, backward, asymmetry, n_samples, n_queries, n_references, seed)


def _with_error(value: float, sums: CrossedSums, noise: float, scale: float) -> EstimatedValue:
    of_queries, of_references = sums.error()
    return EstimatedValue(
        value, scale * float(np.sqrt(of_queries + noise)), scale * float(np.sqrt(of_references))
    )


def _pieces(sides: list[AgainstReferences], n_references: int) -> Iterator[tuple[int, int]]:
    """Cut the queries into runs whose neighbors make a table of bounded size, or of one query."""
    counts = np.maximum(*(np.diff(side.near.indptr) for side in sides))
    ends = np.cumsum(counts) * n_references
    start = 0
    while start < len(ends):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _TABLE, side="right")))
        yield start, stop
        start = stop


def _piece(
    side: AgainstReferences, start: int, stop: int, n_samples: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], float]:
    """Return the table of queries and references, mean ranks, and what drawing among ties adds to the errors.

    The table has the share of a query's neighbors that a reference is closer than. Drawn neighbors give that share a
    variance of its own; where N queries are drawn it does not vanish, as that of the queries does.
    """
    near, indptr = side.near, side.near.indptr[start : stop + 1]
    closer, sums, n_others = side.closer(start, stop)
    here = slice(indptr[0], indptr[-1])
    starts = indptr[:-1] - indptr[0]
    weights = near.weights[here]
    ranks = 1.0 + sums * ((n_samples - 2) / n_others)
    mean_ranks = np.add.reduceat(weights * ranks, starts)
    if here.stop - here.start > stop - start:
        closer = np.add.reduceat(weights[:, None].astype(np.float32) * closer, starts, axis=0)
    return closer, mean_ranks, _noise_of_ties(near, here, starts, sums / n_others)


def _noise_of_ties(
    near: AskedNeighbors, here: slice, starts: npt.NDArray[np.int64], shares: npt.NDArray[np.float64]
) -> float:
    """Return the sum over queries of the variance that a share has because tied neighbors were drawn."""
    drawn_of = near.drawn_of[here]
    if not drawn_of.any():
        return 0.0
    weights = np.where(drawn_of > 0, near.weights[here], 0.0)
    count = np.add.reduceat((drawn_of > 0).astype(float), starts)
    total = np.add.reduceat(weights, starts)
    some = np.where(count > 1, count, np.nan)
    mean = np.add.reduceat(np.where(drawn_of > 0, shares, 0.0), starts) / some
    square = np.add.reduceat(np.where(drawn_of > 0, shares**2, 0.0), starts)
    # Of equal shares rounding leaves less than nothing.
    variance = np.maximum(square - some * mean**2, 0.0) / (some - 1)
    tied = np.maximum.reduceat(drawn_of, starts)
    return float(np.nansum(total**2 * variance * (1 / some - 1 / np.maximum(tied, 1))))
