"""Representations of more items than can be squared: rows are read by blocks, and never all together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.errors import InputError, guarded
from platoscope.neighbors._centering import centered_at, column_means, row_norms
from platoscope.neighbors._exact import (
    lattice_of,
    lattice_units,
    reaches_far_down,
    rows_at_a_glance,
    smallest_size,
)
from platoscope.neighbors._inputs import as_matrix, require_same_rows, split_parts
from platoscope.neighbors._metrics import check_metric, metric_name
from platoscope.neighbors._prepare import as_space
from platoscope.neighbors._scaling import powers_of_two
from platoscope.neighbors._space import Space, largest_rounding
from platoscope.neighbors._transforms import parse_transform, prepare_rows, transform_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from platoscope.neighbors._inputs import ArrayLike, FloatArray
    from platoscope.neighbors._metrics import Metric
    from platoscope.neighbors._transforms import Transform

__all__ = ["STREAMED_METRICS", "STREAMED_TRANSFORMS", "RowStream", "open_stream"]

STREAMED_METRICS = ("euclidean", "cosine")
"""Distances whose float32 products are taken by blocks."""
STREAMED_TRANSFORMS = ("none", "unit", "clip")
"""Preparations that change a row by itself, whatever the others are."""

_BLOCK_BYTES = 32 << 20


@dataclass(frozen=True, eq=False)
class RowStream:
    """One representation whose rows are read by blocks; made by `open_stream`.

    What all rows tell together (mean, scale, which are equal) was learned in one pass over them, so that the rows of any
    block are seen as those of a `Space` are.
    """

    name: str
    """What messages call it."""
    sources: tuple[Any, ...] = field(repr=False)
    """The arrays that rows are read of; their squared distances add."""
    n_samples: int
    """Number of items."""
    metric: str
    transform: tuple[str, ...]
    """How rows are prepared, in order."""
    steps: tuple[str, ...]
    """What of it is done as they are read: nothing, where a `Space` has prepared rows."""
    center: tuple[npt.NDArray[np.float64], ...] = field(repr=False)
    """The mean row times `scale`, one per source."""
    scale: float
    """As in `Space`."""
    unit: float | None
    """The number of which all values are small whole multiples, if there is one."""
    wide: bool
    """Whether squares of differences may vanish in float64."""
    inverse: npt.NDArray[np.int32] = field(repr=False)
    """As in `Space`: the distinct row of each item. Under cosine, rows of one direction are one."""
    first: npt.NDArray[np.intp] = field(repr=False)
    """As in `Space`: the first item of each distinct row, ascending."""
    weights: npt.NDArray[np.int32] = field(repr=False)
    """As in `Space`."""
    content: str = field(repr=False)
    """The SHA-256 of all rows as they are prepared, in their order and precision."""

    @property
    def n_features(self) -> int:
        """Number of features, summed over sources."""
        return sum(len(center) for center in self.center)

    @property
    def n_distinct(self) -> int:
        """Number of distinct rows."""
        return len(self.first)

    def distinct_blocks(self, n_rows: int, /) -> Iterator[tuple[int, Space]]:
        """Yield the first distinct row of a block of at most `n_rows` items, and all of them as a space."""
        for start in range(0, self.n_samples, n_rows):
            stop = min(start + n_rows, self.n_samples)
            low, high = np.searchsorted(self.first, [start, stop])
            if high > low:
                parts = _read_rows(self.sources, self.steps, self.name, start, stop)
                if high - low < stop - start:
                    parts = tuple(part[self.first[low:high] - start] for part in parts)
                yield int(low), self.space_of(parts)

    def rows(self, start: int, stop: int, /) -> Space:
        """Return the rows of the items start:stop as a space."""
        return self.space_of(_read_rows(self.sources, self.steps, self.name, start, stop))

    def take(self, items: npt.NDArray[np.integer[Any]], /) -> Space:
        """Return the rows of some items, ascending and each once, as a space."""
        if all(isinstance(source, np.ndarray) for source in self.sources):
            chosen = tuple(as_matrix(source[items], self.name) for source in self.sources)
            return self.space_of(prepare_rows(chosen, self.steps, self.name).written())
        found = []
        step = _rows_at_once(self.n_features)
        for start in range(0, self.n_samples, step):
            low, high = np.searchsorted(items, [start, start + step])
            if high > low:
                stop = min(start + step, self.n_samples)
                parts = _read_rows(self.sources, self.steps, self.name, start, stop)
                found.append([part[items[low:high] - start] for part in parts])
        return self.space_of(tuple(np.concatenate(blocks) for blocks in zip(*found, strict=True)))

    def space_of(self, parts: tuple[FloatArray, ...], /) -> Space:
        """Return rows as a space without a matrix, on the scale and around the center of all; each is distinct in it."""
        n_rows = len(parts[0])
        of_rows = centered_at(parts, self.center, self.scale)
        everyone = np.arange(n_rows)
        return Space(
            name=self.name,
            n_samples=n_rows,
            n_features=self.n_features,
            metric=self.metric,
            inverse=everyone.astype(np.int32),
            first=everyone,
            weights=np.ones(n_rows, np.int32),
            sq=of_rows.sq,
            along=of_rows.along - of_rows.center_sq / 2,
            norm=row_norms(lambda items: tuple(part[items] for part in parts), of_rows.raw, self.scale),
            center_sq=of_rows.center_sq,
            load=lambda items: parts if items is None else tuple(part[items] for part in parts),
            centered=of_rows.centered,
            scale=self.scale,
            # What is true of all rows, whatever these few look like by themselves.
            _memo={
                "rounding": largest_rounding(self.n_features),
                "lattice": None if self.unit is None else lattice_of(parts, self.unit),
                "wide": self.wide,
            },
        )


def open_stream(X: ArrayLike, name: str, metric: Metric, transform: Transform, /) -> RowStream:
    """Read all rows of a representation once, block by block, and return what later passes need to know of them.

    Parameters
    ----------
    X : array of shape (n_samples, n_features), sequence of such arrays, or Space
        Anything with a shape whose rows can be cut out by ``X[start:stop]``: NumPy (mapped from a file as well), Zarr,
        HDF5, torch, CuPy, JAX. A sequence is a concatenation.
    name : str
        What messages call it.
    metric : {"euclidean", "cosine"}
        Of the distances.
    transform : str or sequence of str
        Steps of `STREAMED_TRANSFORMS`.

    Returns
    -------
    RowStream
        Memory: a block of rows, and 170 bytes per item while equal rows are found, of which 16 stay.

    Raises
    ------
    InputError
        What `prepare` refuses; another metric, or a step that learns from all rows; rows that cannot be read.
    """
    check_metric("metric", metric)
    if not isinstance(metric, str) or metric not in STREAMED_METRICS:
        message = (
            f"Rows are read by blocks for metric={' or '.join(map(repr, STREAMED_METRICS))}; got "
            f"{metric_name(metric)!r}. Of signs, give rows of 1 and -1: their squared distance is 4 times that of Hamming."
        )
        raise InputError(message)
    sources, steps = _sources(X, name, metric, transform)
    n_samples = int(sources[0].shape[0])
    if n_samples < 3:
        message = f"{name} has {n_samples} rows; ranks need at least 3 items."
        raise InputError(message)
    survey = _Survey(name, metric, n_samples, bool(steps))
    step = _rows_at_once(sum(source.shape[1] for source in sources))
    for start in range(0, n_samples, step):
        stop = min(start + step, n_samples)
        survey.add(_read_rows(sources, steps, name, start, stop), start, stop)
    inverse, first = survey.distinct_rows()
    scale = float(powers_of_two(survey.peak))
    return RowStream(
        name=name,
        sources=sources,
        n_samples=n_samples,
        metric=metric,
        transform=X.transform if isinstance(X, Space) else steps,
        steps=steps,
        center=tuple(mean * scale for mean in survey.means),
        scale=scale,
        unit=survey.units[0] if survey.units else None,
        wide=reaches_far_down(survey.smallest, scale),
        inverse=inverse,
        first=first,
        weights=np.bincount(inverse, minlength=first.size).astype(np.int32),
        content=survey.content(),
    )


def _sources(
    X: ArrayLike, name: str, metric: str, transform: Transform
) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """Return the arrays to read rows of, and the steps that are left to take."""
    if isinstance(X, Space):
        return as_space(X, name, metric, transform).parts, ()
    steps = parse_transform(transform)
    if not set(steps) <= set(STREAMED_TRANSFORMS):
        message = (
            f"Rows are read by blocks, so transform must be of {', '.join(STREAMED_TRANSFORMS)}, which change a row by "
            f"itself; got {transform_name(steps)!r}. Prepare {name} first with platoscope.neighbors.transform_rows."
        )
        raise InputError(message)
    sources = tuple(_row_source(part, of_part) for part, of_part in split_parts(X, name))
    require_same_rows(sources, name)
    return sources, steps


def _row_source(X: ArrayLike, name: str) -> Any:
    """Return what rows can be cut out of: the array as it is, wherever it lives, or a copy of what only looks like one."""
    shape = getattr(X, "shape", None)
    by_rows = isinstance(shape, tuple) and len(shape) == 2 and hasattr(X, "__getitem__")
    return X if by_rows else as_matrix(X, name)


def _rows_at_once(n_features: int) -> int:
    """Return how many rows are read together where nothing else bounds them."""
    return max(64, _BLOCK_BYTES // (8 * max(1, n_features)))


def _read_rows(
    sources: tuple[Any, ...], steps: tuple[str, ...], name: str, start: int, stop: int
) -> tuple[FloatArray, ...]:
    """Return the prepared rows start:stop."""
    where = f"{name}[{start}:{stop}]"
    with guarded(f"{where} cannot be read", "Check the file or store that it is in."):
        raw = [source[start:stop] for source in sources]
    parts = tuple(as_matrix(part, where) for part in raw)
    if any(len(part) != stop - start for part in parts):
        message = (
            f"{where} gave {', '.join(str(len(part)) for part in parts)} rows instead of {stop - start}."
        )
        raise InputError(message)
    return prepare_rows(parts, steps, where).written()


class _Survey:
    """What is learned of all rows in one pass."""

    def __init__(self, name: str, metric: str, n_samples: int, transformed: bool) -> None:
        self.means: list[npt.NDArray[np.float64]] = []
        self.peak = 0.0
        self.smallest = np.inf
        self.units: tuple[float, ...] | None = None
        self._name, self._metric, self._transformed = name, metric, transformed
        self._n_samples = n_samples
        self._digests: list[npt.NDArray[np.void]] = []
        self._contents: list[Any] = []
        self._zero: list[npt.NDArray[np.intp]] = []

    def add(self, parts: tuple[FloatArray, ...], start: int, stop: int) -> None:
        """Look at the rows start:stop."""
        self._contents = self._contents or [
            hashlib.sha256(f"{part.dtype.str} {part.shape[1]}".encode()) for part in parts
        ]
        for content, part in zip(self._contents, parts, strict=True):
            content.update(np.ascontiguousarray(part))
        moments = column_means(prepare_rows(parts, (), f"{self._name}[{start}:{stop}]"))
        # Shares of the mean, not sums: those of values near the limit of float64 are beyond it.
        shares = [mean * ((stop - start) / self._n_samples) for mean, _ in moments]
        self.means = [a + b for a, b in zip(self.means, shares, strict=True)] if self.means else shares
        self.peak = max(self.peak, *(peak for _, peak in moments))
        wide = [smallest_size(part) for part in parts if part.dtype == np.float64]
        self.smallest = min(self.smallest, *wide, np.inf)
        if self.units is None:
            first = tuple(part[: rows_at_a_glance(sum(part.shape[1] for part in parts))] for part in parts)
            self.units = lattice_units(first)
        self.units = tuple(unit for unit in self.units if lattice_of(parts, unit) is not None)
        if self._metric == "cosine" or self._transformed:
            nothing = ~np.logical_or.reduce([part.any(axis=1) for part in parts])
            self._zero.append(np.flatnonzero(nothing) + start)
        self._digests.append(_digests(parts, self._metric))

    def content(self) -> str:
        """Return the SHA-256 of all rows that were looked at."""
        return hashlib.sha256(b"".join(content.digest() for content in self._contents)).hexdigest()

    def distinct_rows(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
        """Return the distinct row of each item and the first item of each, and refuse rows without a direction."""
        _, first_of, group = np.unique(np.concatenate(self._digests), return_index=True, return_inverse=True)
        first, inverse = np.unique(first_of[group.ravel()], return_inverse=True)
        zero = np.concatenate(self._zero) if self._zero else np.zeros(0, np.intp)
        if zero.size and first.size > 1:
            message = (
                f"{self._name} has {zero.size} rows that are zero, and so have no direction; the first is row {zero[0]}. "
                "Drop those items on both sides, or use metric='euclidean' and transform='none'."
            )
            raise InputError(message)
        return inverse.astype(np.int32), first


def _digests(parts: tuple[FloatArray, ...], metric: str) -> npt.NDArray[np.void]:
    """Return 16 bytes for each row, equal for equal rows; under cosine, for rows of one direction.

    A row divided by its largest value is the same for multiples of it, because a quotient is rounded once.
    """
    rows = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    if metric == "cosine":
        peaks = np.abs(rows).max(axis=1).astype(np.float64)
        rows = rows.astype(np.float64) / np.where(peaks > 0, peaks, 1.0)[:, None]
    rows = np.ascontiguousarray(rows + rows.dtype.type(0))  # -0.0 is at distance 0 from 0.0
    return np.frombuffer(b"".join(hashlib.blake2b(row, digest_size=16).digest() for row in rows), "V16")
