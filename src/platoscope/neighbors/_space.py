"""`prepare`: everything about one representation that comparisons share, computed once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from platoscope.errors import InputError
from platoscope.neighbors._inputs import (
    ArrayLike,
    FloatArray,
    as_matrix,
    as_parts,
    check_finite,
    gram_on_device,
    lives_on_device,
)
from platoscope.neighbors._memory import require_memory
from platoscope.neighbors._threads import over_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Metric", "Space", "as_space", "prepare"]

Metric: TypeAlias = Literal["euclidean", "cosine", "hamming", "precomputed"]
METRICS: tuple[str, ...] = ("euclidean", "cosine", "hamming", "precomputed")

_UNIT = float(np.finfo(np.float32).eps) / 2
# Above this a Gram matrix is computed in blocks and never kept.
_GRAM_BYTES = 2 << 30
_BLOCK_BYTES = 256 << 20


@dataclass(frozen=True, eq=False)
class Space:
    """One representation of ``n_samples`` items, prepared for comparisons; made by `prepare`.

    Rows that are equal bit for bit share one *distinct* row, so that they tie exactly whatever the
    matrix product rounds. All arrays below with `n_distinct` entries are about distinct rows.
    """

    name: str
    """What messages call it."""
    n_samples: int
    """Number of items."""
    n_features: int
    """Number of features (summed over parts); 0 for precomputed distances."""
    metric: str
    """The metric it was prepared for; a Gram matrix serves Euclidean and cosine alike."""
    inverse: npt.NDArray[np.int32]
    """Distinct row of each item, shape (n_samples,)."""
    first: npt.NDArray[np.intp]
    """An item of each distinct row, shape (n_distinct,)."""
    weights: npt.NDArray[np.int32]
    """Number of items of each distinct row, shape (n_distinct,)."""
    sq: npt.NDArray[np.float32] = field(repr=False)
    """Squared norms of the centered rows."""
    along: npt.NDArray[np.float64] = field(repr=False)
    """``x @ c - c @ c / 2`` with c the center: what the cosine needs beside the Gram matrix."""
    norm: npt.NDArray[np.float64] = field(repr=False)
    """Norms of the uncentered rows."""
    load: Callable[[], tuple[FloatArray, ...]] = field(repr=False, default=tuple)
    """Returns the rows as given, by item; near-ties are decided on them in float64."""
    gram: FloatArray | None = field(repr=False, default=None)
    """Gram matrix of centered distinct rows (float32), or their distances; None: in blocks, on demand."""
    centered: tuple[npt.NDArray[np.float32], ...] = field(repr=False, default=())
    """Centered distinct rows, kept only while `gram` is None."""
    block_rows: int = 0
    """Rows per block where the Gram matrix is computed on demand; 0 where it is kept."""
    _memo: dict[Any, Any] = field(repr=False, default_factory=dict)

    @property
    def parts(self) -> tuple[FloatArray, ...]:
        """The rows as given, one array of shape (n_samples, n_features) per concatenated part."""
        return self.load()

    @property
    def inverse_norm(self) -> npt.NDArray[np.float64]:
        """One over the norm of the uncentered rows; 0 for a zero vector."""
        return np.divide(1.0, self.norm, out=np.zeros_like(self.norm), where=self.norm > 0)

    @property
    def n_distinct(self) -> int:
        """Number of distinct rows."""
        return len(self.first)

    @property
    def one_row_per_item(self) -> bool:
        """Whether item i is distinct row i, for all items."""
        return self.n_distinct == self.n_samples and bool((self.inverse[1:] > self.inverse[:-1]).all())

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps beside the arrays it was given."""
        kept = [self.gram, *self.centered, self.sq, self.along, self.norm, self.inverse, self.weights]
        return int(sum(array.nbytes for array in kept if array is not None))

    def blocks(self) -> Iterator[tuple[int, int, FloatArray]]:
        """Yield ``(start, stop, rows start:stop of the Gram or distance matrix)`` over all distinct rows."""
        if self.gram is not None:
            yield 0, self.n_distinct, self.gram
            return
        for start in range(0, self.n_distinct, self.block_rows):
            stop = min(start + self.block_rows, self.n_distinct)
            yield start, stop, _product([Z[start:stop] for Z in self.centered], self.centered)

    def gram_rows(self, start: int, stop: int, /) -> FloatArray:
        """Return rows start:stop of the centered Gram matrix by item, shape (stop - start, n_samples)."""
        rows = self.inverse[start:stop]
        if self.gram is None:
            block = _product([Z[rows] for Z in self.centered], self.centered)
            return block if self.one_row_per_item else block[:, self.inverse]
        return self.gram[start:stop] if self.one_row_per_item else self.gram[np.ix_(rows, self.inverse)]

    def subset(self, items: npt.NDArray[np.integer[Any]], /) -> Space:
        """Return the space of some items; no distance is computed again where the matrix is kept."""
        rows, inverse = np.unique(self.inverse[items], return_inverse=True)
        whole = rows.size == self.n_distinct
        gram, centered = self.gram, self.centered
        if gram is not None:
            gram = gram if whole else gram[np.ix_(rows, rows)]
        else:
            centered = tuple(Z[rows] for Z in centered)
            if rows.size**2 * 4 <= _GRAM_BYTES:
                gram, centered = _product(centered, centered), ()
        return replace(
            self,
            n_samples=len(items),
            inverse=inverse.astype(np.int32),
            first=self.first[rows],
            weights=np.bincount(inverse, minlength=rows.size).astype(np.int32),
            gram=gram,
            centered=centered,
            sq=self.sq[rows],
            along=self.along[rows],
            norm=self.norm[rows],
            _memo={},
        )

    def permuted(self, order: npt.NDArray[np.integer[Any]], /) -> Space:
        """Return the same space with item i described by the row of item ``order[i]``."""
        return replace(self, inverse=self.inverse[order], _memo={})

    def error_bound(self, metric: str, /) -> npt.NDArray[np.float32]:
        """Return `err`, such that a score of rows i and l is within ``err[i] + err[l]`` of the truth.

        The rounding of a float32 inner product of n terms stays below a small multiple of
        sqrt(n) units in the last place with high probability (Higham & Mary, 2019); the factor is
        checked in the tests against float64 on well- and ill-conditioned data.
        """
        if metric in ("hamming", "precomputed"):
            return np.zeros(self.n_distinct, np.float32 if self.gram is None else self.gram.dtype)
        factor = (16.0 + 1.5 * np.sqrt(self.n_features)) * _UNIT
        sq = self.sq.astype(np.float64)
        if metric == "cosine":
            sq = sq * self.inverse_norm**2
        bound: npt.NDArray[np.float32] = (factor * sq + np.finfo(np.float32).tiny).astype(np.float32)
        return bound


def _product(left: Any, right: Any) -> FloatArray:
    """Return ``sum(a @ b.T)``; NumPy computes a product with its own transpose only once per pair."""
    total: FloatArray | None = None
    for a, b in zip(left, right, strict=True):
        product = a @ b.T
        total = product if total is None else np.add(total, product, out=total)
    assert total is not None
    return total


def prepare(
    X: ArrayLike | Callable[[], ArrayLike],
    /,
    *,
    metric: Metric = "euclidean",
    block_size: int | None = None,
    name: str = "X",
) -> Space:
    """Prepare one representation so that comparing it many times costs little.

    Parameters
    ----------
    X : array of shape (n_samples, n_features), sequence of such arrays, or Space
        NumPy, torch (CPU or GPU), CuPy or JAX; any real dtype, bfloat16 included. A sequence is a
        concatenation: the squared distances of its arrays add, and it is never put together.
        With ``metric="precomputed"``, square distances of shape (n_samples, n_samples). A `Space`
        is returned as it is. A function that returns any of these is called once now, and again
        when a near-tie must be decided, so that rows on disk need not stay in memory.
    metric : {"euclidean", "cosine", "hamming", "precomputed"}
        Euclidean and cosine share one preparation. Hamming counts differing sign bits (x < 0).
    block_size : int, optional
        Rows of the distance matrix held at a time. By default the whole matrix is kept when it
        takes at most 2 GiB (N = 23,000), and blocks of 256 MiB are computed on demand beyond.
        Results do not depend on it.
    name : str
        What messages call this representation.

    Returns
    -------
    Space
        Accepted wherever a measure takes an array.

    Raises
    ------
    InputError
        Non-finite values (the first row is named), wrong shape or dtype, fewer than three items.
    MemoryPlanError
        The copy of the rows or the kept matrix does not fit.

    Notes
    -----
    Memory: 4 N² bytes where the matrix is kept, 4 N D bytes (a centered float32 copy) where it is
    not, and the input, which is referenced and never changed. Time: one matrix product.

    The mean is subtracted in float64 before rounding to float32, because language models have a few
    huge features: with a constant 1000 added to 2 of 1024 features, distances from a float32 Gram
    matrix of uncentered rows change most ranks. What float32 still leaves undecided is decided in
    float64 (see `platoscope.neighbors.ranks`).

    Examples
    --------
    >>> import numpy as np
    >>> space = prepare(np.random.default_rng(0).standard_normal((100, 8)))
    >>> space.n_samples, space.n_features, space.n_distinct
    (100, 8, 100)
    """
    if isinstance(X, Space):
        return X
    load = None
    if callable(X) and not hasattr(X, "shape"):
        source: Callable[[], ArrayLike] = X
        X, load = source(), lambda: as_parts(source(), name)
    if metric not in METRICS:
        message = f"metric must be one of {', '.join(METRICS)}; got {metric!r}."
        raise InputError(message)
    if block_size is not None and block_size < 1:
        message = f"block_size must be a positive number of rows; got {block_size}."
        raise InputError(message)
    if metric == "precomputed":
        return _prepare_distances(as_matrix(X, name), name)
    parts = as_parts(X, name)
    if len(parts[0]) < 3:
        message = f"{name} has {len(parts[0])} rows; ranks need at least 3 items."
        raise InputError(message)
    if metric == "hamming":
        return _prepare_signs(parts, name)
    return _prepare_vectors(X, parts, metric, block_size, name, load or (lambda: parts))


def as_space(X: ArrayLike, name: str, metric: str, /) -> Space:
    """Return `X` as a `Space` that can answer in `metric`, or say why it cannot."""
    if not isinstance(X, Space):
        return prepare(X, metric=metric, name=name)  # type: ignore[arg-type]
    vectors = ("euclidean", "cosine")
    if X.metric != metric and not (X.metric in vectors and metric in vectors):
        message = (
            f"{name} was prepared with metric={X.metric!r} and is asked for metric={metric!r}. "
            f"Pass metric={X.metric!r}, or prepare it again."
        )
        raise InputError(message)
    return X


def _prepare_vectors(
    X: ArrayLike, parts: tuple[FloatArray, ...], metric: str, block: int | None, name: str, load: Any
) -> Space:
    n_samples = len(parts[0])
    n_features = sum(part.shape[1] for part in parts)
    require_memory(
        4 * n_samples * n_features,
        f"Preparing {name}",
        "Give fewer items, or float32 data instead of float64.",
    )
    centered, sq, along, raw, center_sq = _center(parts, name)
    inverse, first = _group_equal_rows(parts, raw)
    if first.size < n_samples:
        centered = tuple(Z[first] for Z in centered)
        sq, along, raw = sq[first], along[first], raw[first]
    space = Space(
        name=name,
        n_samples=n_samples,
        n_features=n_features,
        metric=metric,
        inverse=inverse,
        first=first,
        weights=np.bincount(inverse, minlength=first.size).astype(np.int32),
        load=load,
        centered=centered,
        sq=sq.astype(np.float32),
        along=along - center_sq / 2,
        norm=np.sqrt(raw),
    )
    if metric == "cosine":
        require_nonzero(space)
    n_distinct = space.n_distinct
    if block is not None or n_distinct**2 * 4 > _GRAM_BYTES:
        rows = block if block is not None else max(64, _BLOCK_BYTES // (4 * n_distinct))
        return replace(space, block_rows=min(rows, n_distinct))
    require_memory(
        4 * n_distinct**2, f"The distances of {name}", "Pass block_size to compute them in blocks."
    )
    like = X[0] if isinstance(X, (list, tuple)) else X
    gram = gram_on_device(like, centered) if lives_on_device(like) else _product(centered, centered)
    return replace(space, gram=gram, centered=())


def require_nonzero(space: Space, /) -> None:
    """Raise an `InputError` when a row is the zero vector, which has no direction."""
    zero = np.flatnonzero(space.norm[space.inverse] == 0)
    if zero.size:
        message = (
            f"{space.name} has {zero.size} zero vectors, whose cosine is undefined; the first is row {zero[0]}. "
            'Drop those items on both sides, or use metric="euclidean".'
        )
        raise InputError(message)


def _center(
    parts: tuple[FloatArray, ...], name: str
) -> tuple[
    tuple[npt.NDArray[np.float32], ...],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    float,
]:
    """Return centered float32 rows, |z|², x @ c, |x|² of each row, and c @ c, all on one scale."""
    from platoscope.neighbors._kernels import center_rows

    n_samples = len(parts[0])
    moments = [_column_means(part, name) for part in parts]
    largest = max(peak for _, peak in moments)
    # A power of two changes no digit, and keeps the squares of huge values inside float32.
    scale = float(2.0 ** -np.frexp(largest)[1]) if largest > 0 else 1.0
    sq, along, raw = (np.zeros(n_samples) for _ in range(3))
    centered = []
    for part, (center, _) in zip(parts, moments, strict=True):
        Z = np.empty(part.shape, np.float32)
        over_rows(partial(center_rows, part, center, scale, Z, sq, along, raw), n_samples)
        centered.append(Z)
    center_sq = scale**2 * sum(float(center @ center) for center, _ in moments)
    return tuple(centered), sq, along, raw, center_sq


def _column_means(X: FloatArray, name: str) -> tuple[npt.NDArray[np.float64], float]:
    """Return the column means and the largest absolute value; non-finite rows are an error."""
    from platoscope.neighbors._kernels import column_sums

    sums: list[npt.NDArray[np.float64]] = []
    peaks: list[float] = []

    def add(start: int, stop: int) -> None:
        total = np.zeros(X.shape[1])
        peaks.append(column_sums(X, total, start, stop))
        sums.append(total)

    over_rows(add, len(X))
    mean = np.sum(sums, axis=0) / len(X)
    if not np.isfinite(mean).all():
        check_finite(X, name)
        message = f"{name} has values near the limit of {X.dtype}; divide it by a constant first."
        raise InputError(message)
    return mean, max(peaks)


def _group_equal_rows(
    parts: tuple[FloatArray, ...], raw: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
    """Return the distinct row of each item, and the first item of each distinct row.

    Equal rows have equal norms, which are at hand; only items that share theirs are compared.
    """
    n_samples = len(raw)
    _, norm_group, counts = np.unique(raw, return_inverse=True, return_counts=True)
    suspects = np.flatnonzero(counts[norm_group] > 1)
    label = np.arange(n_samples)
    if suspects.size:
        keys = np.zeros(suspects.size, np.intp)
        for part in parts:
            # + 0 turns -0.0 into 0.0, which is at distance 0 from it
            rows = np.ascontiguousarray(part[suspects] + part.dtype.type(0))
            as_bytes = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
            _, ids = np.unique(as_bytes, return_inverse=True)
            _, keys = np.unique(keys * (int(ids.max()) + 1) + ids, return_inverse=True)
        _, first_of_key = np.unique(keys, return_index=True)
        label[suspects] = suspects[first_of_key][keys]
    first, inverse = np.unique(label, return_inverse=True)
    return inverse.astype(np.int32), first


def _prepare_signs(parts: tuple[FloatArray, ...], name: str) -> Space:
    for part in parts:
        check_finite(part, name)
    n_samples = len(parts[0])
    n_features = sum(part.shape[1] for part in parts)
    if n_features >= 1 << 24:
        message = f"metric='hamming' is exact up to 2**24 features; {name} has {n_features}."
        raise InputError(message)
    require_memory(4 * n_samples * (n_samples + n_features), f"Preparing {name}", "Give fewer items.")
    signs = tuple(np.where(part < 0, np.float32(-1), np.float32(1)) for part in parts)
    packed = np.concatenate([np.packbits(part < 0, axis=1) for part in parts], axis=1)
    _, first, inverse = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    distinct = tuple(part[first] for part in signs)
    distances = (n_features - _product(distinct, distinct)) / 2
    return _direct(name, "hamming", n_samples, n_features, inverse.ravel(), first, distances)


def _prepare_distances(D: FloatArray, name: str) -> Space:
    if D.shape[0] != D.shape[1]:
        message = f"Precomputed distances must be square; {name} has shape {D.shape}."
        raise InputError(message)
    if len(D) < 3:
        message = f"{name} has {len(D)} rows; ranks need at least 3 items."
        raise InputError(message)
    check_finite(D, name)
    # No item is merged here: two items at distance 0 may still differ in their distances to others.
    items = np.arange(len(D))
    return _direct(name, "precomputed", len(D), 0, items, items, D)


def _direct(
    name: str, metric: str, n_samples: int, n_features: int, inverse: Any, first: Any, distances: FloatArray
) -> Space:
    n_distinct = len(first)
    return Space(
        name=name,
        n_samples=n_samples,
        n_features=n_features,
        metric=metric,
        inverse=inverse.astype(np.int32),
        first=first,
        weights=np.bincount(inverse, minlength=n_distinct).astype(np.int32),
        gram=distances,
        sq=np.zeros(n_distinct, np.float32),
        along=np.zeros(n_distinct),
        norm=np.ones(n_distinct),
    )
