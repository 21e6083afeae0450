"""`prepare`: center, group equal rows, multiply; what the metric needs and no more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.errors import InputError
from platoscope.neighbors._centering import center, column_squares_of, group_equal_rows, norms_of
from platoscope.neighbors._inputs import (
    as_matrix,
    as_parts,
    check_finite,
    gram_on_device,
    lives_on_device,
    stays_on_device,
    tensors_of,
)
from platoscope.neighbors._memory import require_memory
from platoscope.neighbors._metrics import check_metric, distances_of, entry_bytes, require_answer
from platoscope.neighbors._space import GRAM_BYTES, Space, gram_product, require_nonzero
from platoscope.neighbors._transforms import parse_transform, transform_name, transform_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from platoscope.neighbors._inputs import ArrayLike, FloatArray
    from platoscope.neighbors._metrics import Metric, OwnMetric
    from platoscope.neighbors._transforms import Transform

__all__ = ["as_space", "prepare", "prepare_together"]

_BLOCK_BYTES = 256 << 20
_ON_DEVICE = ("euclidean", "cosine")


def prepare(
    X: ArrayLike | Callable[[], ArrayLike],
    /,
    *,
    metric: Metric = "euclidean",
    transform: Transform = "none",
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
    metric : {"euclidean", "cosine", "hamming", "precomputed"} or callable
        Euclidean and cosine share one preparation. Hamming counts differing sign bits (x < 0). A function
        ``metric(P, Q)`` takes rows of shapes (m, n_features) and (n, n_features), float32 or float64, and returns
        real distances of shape (m, n); the smaller, the nearer. It is called for pieces of the matrix, so a
        distance must not depend on what other rows come with it.
    transform : str or sequence of str
        Preparation of the rows before their distances: ``"none"``, ``"unit"``, ``"clip"``, ``"clamp"``,
        ``"zscore"``, ``"whiten"``, or several in order; see `platoscope.neighbors.transform_rows`.
    block_size : int, optional
        Rows of the distance matrix held at a time. By default the whole matrix is kept when it
        takes at most 2 GiB (N = 23,000; 16,000 for a function), and blocks of 256 MiB are computed on demand beyond.
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

    A torch tensor on a CUDA device stays there, and so does what is made of it: Euclidean and cosine neighbors, ranks
    and CKA are computed on the device, near-ties in float64 among them, with TF32 off for the time of a
    product. By default the matrix is kept where it takes at most half of what is free there. Rows are prepared
    by `transform` on the host. Of devices without float64 (Apple's MPS) and of other libraries the matrix product alone
    is used.

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
    _check_block(block_size)
    steps = parse_transform(transform)
    if metric in _ON_DEVICE and stays_on_device(X):
        return prepare_together([(X, steps, name)], metric=metric, block_size=block_size)[0]
    return _on_host(X, steps, name, metric, block_size)


def _on_host(
    X: Any, steps: tuple[str, ...], name: str, metric: str | OwnMetric, block_size: int | None
) -> Space:
    load = None
    if callable(X) and not hasattr(X, "shape"):
        source = X
        X, load = source(), lambda: transform_parts(as_parts(source(), name), steps, name)
    check_metric("metric", metric)
    if metric == "precomputed":
        if steps:
            message = f"{name} holds distances (metric='precomputed'), and transform={transform_name(steps)!r} is for rows."
            raise InputError(message)
        return _prepare_distances(as_matrix(X, name), name)
    parts = as_parts(X, name)
    _check_number(len(parts[0]), name)
    parts = transform_parts(parts, steps, name)
    if metric == "hamming":
        return replace(_prepare_signs(parts, name), transform=steps)
    if callable(metric):
        return replace(
            _prepare_own(parts, metric, block_size, name, load or (lambda: parts)), transform=steps
        )
    space = _prepare_vectors(X, parts, metric, block_size, name, load or (lambda: parts))
    return replace(space, transform=steps)


def prepare_together(
    layers: Sequence[tuple[ArrayLike, tuple[str, ...], str]],
    /,
    *,
    metric: str | OwnMetric,
    block_size: int | None,
) -> list[Space]:
    """Prepare layers ``(X, steps of the transform, name)`` of the same items; on a device, with all of them in flight.

    Of a single layer it is `prepare`. What is asked of a device is asked for all layers together, and small matrices are
    multiplied in one call. Layers that a device declines (`_device_prepare`) are prepared on the host.
    """
    devices = {str(getattr(_first(X), "device", "")) for X, _, _ in layers}
    together = metric in _ON_DEVICE and all(stays_on_device(X) for X, _, _ in layers)
    if not together or len(devices) > 1 or len({len(_first(X)) for X, _, _ in layers}) > 1:
        return [
            prepare(X, metric=metric, transform=steps, block_size=block_size, name=name)  # type: ignore[arg-type]
            for X, steps, name in layers
        ]
    from platoscope.neighbors._device_prepare import prepare_on_device  # torch: where there are tensors

    tensors = []
    for X, steps, name in layers:
        parts = tensors_of(X, name)
        _check_number(len(parts[0]), name)
        if steps:
            parts = _transformed(parts, steps, name)
        tensors.append(parts)
    spaces = prepare_on_device(tensors, [name for _, _, name in layers], str(metric), block_size)
    return [
        _on_host(*layer, metric, block_size) if space is None else replace(space, transform=layer[1])
        for space, layer in zip(spaces, layers, strict=True)
    ]


def _first(X: ArrayLike) -> Any:
    return X[0] if isinstance(X, (list, tuple)) else X


def _transformed(parts: tuple[Any, ...], steps: tuple[str, ...], name: str) -> tuple[Any, ...]:
    """Prepare rows on the host, and bring them back: they are few beside the distances."""
    prepared = transform_parts(as_parts(list(parts), name), steps, name)
    # On the CPU the array may be that of the tensor, which a transform may not write into.
    return tuple(
        tensor.new_tensor(part) for tensor, part in zip(parts[:1] * len(prepared), prepared, strict=True)
    )


def _check_block(block_size: int | None) -> None:
    if block_size is not None and block_size < 1:
        message = f"block_size must be a positive number of rows; got {block_size}."
        raise InputError(message)


def _check_number(n_samples: int, name: str) -> None:
    if n_samples < 3:
        message = f"{name} has {n_samples} rows; ranks need at least 3 items."
        raise InputError(message)


def as_space(X: ArrayLike, name: str, metric: str | OwnMetric, transform: Transform = "none", /) -> Space:
    """Return `X` as a `Space` that can answer in `metric`, or say why it cannot.

    A `Space` keeps the transform that it was prepared with; to ask for another one is an error.
    """
    if not isinstance(X, Space):
        return prepare(X, metric=metric, transform=transform, name=name)  # type: ignore[arg-type]
    steps = parse_transform(transform)
    if steps not in ((), X.transform):
        message = (
            f"{name} was prepared with transform={transform_name(X.transform)!r} and is asked for "
            f"{transform_name(steps)!r}. Prepare it again from its rows."
        )
        raise InputError(message)
    require_answer(X.metric, metric, name)
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
    centered, sq, along, raw, center_sq, scale = center(parts, name)
    squares = np.concatenate([column_squares_of(Z) for Z in centered])
    inverse, first = group_equal_rows(parts, raw)
    norms = norms_of(parts, raw, scale)
    if first.size < n_samples:
        centered = tuple(Z[first] for Z in centered)
        sq, along, norms = sq[first], along[first], norms[first]
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
        norm=norms,
        squares=squares,
        scale=scale,
    )
    if metric == "cosine":
        require_nonzero(space)
    rows = _rows_at_once(space, block)
    if rows:
        return replace(space, block_rows=rows)
    like = X[0] if isinstance(X, (list, tuple)) else X
    gram = gram_on_device(like, centered) if lives_on_device(like) else gram_product(centered, centered)
    return replace(space, gram=gram, centered=())


def _rows_at_once(space: Space, block: int | None) -> int:
    """Return how many rows of the matrix are computed on demand; 0 where it is kept, for which there is room then."""
    n_distinct, entry = space.n_distinct, entry_bytes(space.metric)
    if block is None and n_distinct**2 * entry <= GRAM_BYTES:
        require_memory(
            entry * n_distinct**2,
            f"The distances of {space.name}",
            "Pass block_size to compute them in blocks.",
        )
        return 0
    return min(max(64, _BLOCK_BYTES // (entry * n_distinct)) if block is None else block, n_distinct)


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
    distances = (n_features - gram_product(distinct, distinct)) / 2
    return _direct(name, "hamming", n_samples, n_features, inverse.ravel(), first, distances)


def _prepare_distances(D: FloatArray, name: str) -> Space:
    if D.shape[0] != D.shape[1]:
        message = f"Precomputed distances must be square; {name} has shape {D.shape}."
        raise InputError(message)
    _check_number(len(D), name)
    check_finite(D, name)
    # No item is merged here: two items at distance 0 may still differ in their distances to others.
    items = np.arange(len(D))
    return _direct(name, "precomputed", len(D), 0, items, items, D)


def _prepare_own(
    parts: tuple[FloatArray, ...], metric: OwnMetric, block: int | None, name: str, load: Any
) -> Space:
    for part in parts:
        check_finite(part, name)
    # No item is merged here either: what a user's distance of equal rows is, only the user knows.
    items = np.arange(len(parts[0]))
    n_features = sum(part.shape[1] for part in parts)
    space = replace(
        _direct(name, metric, items.size, n_features, items, items, None), load=load, centered=parts
    )
    rows = _rows_at_once(space, block)
    if rows:
        return replace(space, block_rows=rows)
    return replace(space, gram=distances_of(metric, parts, parts, name), centered=())


def _direct(
    name: str,
    metric: str | OwnMetric,
    n_samples: int,
    n_features: int,
    inverse: Any,
    first: Any,
    distances: FloatArray | None,
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
