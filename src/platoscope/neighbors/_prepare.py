"""`prepare`: center, group equal rows, multiply; what the metric needs and no more."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.checks import whole_number
from platoscope.errors import InputError
from platoscope.neighbors._centering import center_prepared, row_norms
from platoscope.neighbors._directions import require_nonzero
from platoscope.neighbors._inputs import (
    as_matrix,
    as_parts,
    check_finite,
    gram_on_device,
    lives_on_device,
    require_same_rows,
    stays_on_device,
)
from platoscope.neighbors._memory import require_memory
from platoscope.neighbors._metrics import check_metric, distances_of, entry_bytes, require_answer
from platoscope.neighbors._products import gram_product
from platoscope.neighbors._space import GRAM_BYTES, Space
from platoscope.neighbors._transforms import parse_transform, prepare_rows, transform_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from platoscope.neighbors._inputs import ArrayLike, FloatArray
    from platoscope.neighbors._metrics import Metric, OwnMetric
    from platoscope.neighbors._transforms import PreparedRows, Transform

__all__ = ["as_space", "prepare"]

_BLOCK_BYTES = 256 << 20


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
        when a near-tie must be decided, so that rows on disk need not stay in memory; tensors on a GPU stay there.
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
    DeviceMemoryError
        They do not fit where torch tensors live.

    Notes
    -----
    Torch tensors of floats on a device with float64 (CUDA, ROCm) stay there: centering, the product, neighbors, counts,
    near-ties in float64 and CKA are operations on them there, with TF32 and autocast switched off for the time of a
    product. Rows that a `transform` prepares are prepared on the host, and their matrix is on the device again. What has
    no way of its own there (subsamples, nulls, corrections for hubness, RSA, CKNNA, the exact kernel of CKA where a few
    items carry the variance, distances of values so far apart that squares vanish) brings the matrix to the host, once
    for all that follows, or the rows.
    Of other devices (Apple's MPS), of CuPy and of JAX, the product alone runs where the array lives.

    Memory: 4 N² bytes where the matrix is kept, 4 N D bytes (a centered float32 copy) where it is
    not, and the input, which is referenced and never changed; rows that a transform made are made again where near-ties
    ask for them (those of ``"whiten"``, which are narrower, are kept). Time: one matrix product.

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
    steps = parse_transform(transform)
    read: Callable[[], tuple[FloatArray, ...]] | None = None
    if callable(X) and not hasattr(X, "shape"):
        source: Callable[[], ArrayLike] = X
        X, read = source(), lambda: as_parts(source(), name)
    check_metric("metric", metric)
    if block_size is not None:
        whole_number("block_size", block_size, low=1)
    if metric == "precomputed":
        if steps:
            message = (
                f"{name} holds distances (metric='precomputed'), and transform={transform!r} is for rows."
            )
            raise InputError(message)
        return _prepare_distances(as_matrix(X, name), name)
    if metric in ("euclidean", "cosine") and not steps and stays_on_device(X):
        space = _prepare_there(X, metric, block_size, name)
        if space is not None:
            return space
    parts = as_parts(X, name)
    _require_three(parts, name)
    rows = prepare_rows(parts, steps, name, read)
    if metric == "hamming":
        space = _prepare_signs(rows.written(), name)
    elif callable(metric):
        space = _prepare_own(rows, metric, block_size)
    else:
        space = _prepare_vectors(X, rows, metric, block_size)
    return replace(space, transform=steps, rereads=read is not None)


def _require_three(parts: Sequence[Any], name: str) -> None:
    if len(parts[0]) < 3:
        message = f"{name} has {len(parts[0])} rows; ranks need at least 3 items."
        raise InputError(message)


def as_space(
    X: ArrayLike,
    name: str,
    metric: str | OwnMetric,
    transform: Transform = "none",
    /,
    *,
    keeps_own: bool = False,
) -> Space:
    """Return `X` as a `Space` that can answer in `metric`, or say why it cannot.

    A `Space` keeps the transform that it was prepared with; to ask for another one is an error, but with `keeps_own`,
    where `transform` is for what is no `Space` yet.
    """
    if not isinstance(X, Space):
        return prepare(X, metric=metric, transform=transform, name=name)  # type: ignore[arg-type]
    steps = parse_transform(transform)
    if not keeps_own and steps not in ((), X.transform):
        message = (
            f"{name} was prepared with transform={transform_name(X.transform)!r} and is asked for "
            f"{transform_name(steps)!r}. Prepare it again from its rows."
        )
        raise InputError(message)
    require_answer(X.metric, metric, name)
    return X


def _prepare_vectors(X: ArrayLike, rows: PreparedRows, metric: str, block: int | None) -> Space:
    n_samples = len(rows.parts[0])
    n_features = sum(part.shape[1] for part in rows.parts)
    require_memory(
        4 * n_samples * n_features,
        f"Preparing {rows.name}",
        "Give fewer items, or float32 data instead of float64.",
    )
    of_rows = center_prepared(rows)
    inverse, first = _group_equal_rows(rows.again, of_rows.raw)
    norms = row_norms(rows.again, of_rows.raw, of_rows.scale)
    centered, sq, along = of_rows.centered, of_rows.sq, of_rows.along
    if first.size < n_samples:
        centered = tuple(Z[first] for Z in centered)
        sq, along, norms = sq[first], along[first], norms[first]
    space = Space(
        name=rows.name,
        n_samples=n_samples,
        n_features=n_features,
        metric=metric,
        inverse=inverse,
        first=first,
        weights=np.bincount(inverse, minlength=first.size).astype(np.int32),
        load=rows.load,
        centered=centered,
        sq=sq,
        level=float(sq.min()),
        along=along - of_rows.center_sq / 2,
        center_sq=of_rows.center_sq,
        norm=norms,
        squares=of_rows.squares,
        scale=of_rows.scale,
    )
    if metric == "cosine":
        require_nonzero(space)
    at_once = _rows_at_once(space, block)
    if stays_on_device(X):
        return _move_there(replace(space, block_rows=at_once), X)
    if at_once:
        return replace(space, block_rows=at_once)
    like = X[0] if isinstance(X, (list, tuple)) else X
    gram = gram_on_device(like, centered) if lives_on_device(like) else gram_product(centered, centered)
    return replace(space, kept=gram, centered=())


def _move_there(space: Space, X: ArrayLike) -> Space:
    """Return a space of rows that were prepared on the host with its matrix, or what it is made of, where `X` lives."""
    import torch

    from platoscope.neighbors._device_rows import DeviceRows, product_there  # torch

    where = (X[0] if isinstance(X, (list, tuple)) else X).device
    centered = tuple(torch.from_numpy(np.array(Z)).to(where) for Z in space.centered)
    kept = not space.block_rows
    gram = product_there(centered, centered) if kept else None
    return replace(space, device=DeviceRows((), gram, () if kept else centered), centered=())


def _prepare_there(X: ArrayLike, metric: Any, block: int | None, name: str) -> Space | None:
    """Prepare torch tensors where they live; None where the host must do it."""
    # Imported late, since it imports torch, which whoever has a tensor has imported.
    from platoscope.neighbors._device_prepare import center_there, room_there, rows_there
    from platoscope.neighbors._device_rows import DeviceRows, product_there

    given = tuple(X) if isinstance(X, (list, tuple)) else (X,)
    require_same_rows(given, name)
    _require_three(given, name)
    with room_there(name):
        found = center_there(given, name)
    if found is None:
        return None
    load = partial(rows_there, found.parts, name)
    inverse, first = _group_equal_rows(load, found.codes)
    space = Space(
        name=name,
        n_samples=len(inverse),
        n_features=sum(part.shape[1] for part in given),
        metric=metric,
        inverse=inverse,
        first=first,
        weights=np.bincount(inverse, minlength=first.size).astype(np.int32),
        load=load,
        sq=found.sq[first],
        level=float(found.sq[first].min()),
        along=found.along[first] - found.center_sq / 2,
        center_sq=found.center_sq,
        norm=found.norms[first],
        squares=found.squares,
        scale=found.scale,
    )
    if metric == "cosine":
        require_nonzero(space)
    device = DeviceRows(found.parts, None, found.centered)
    if first.size < len(inverse):
        device = device.take(first)
    at_once = _rows_at_once(space, block)
    if not at_once:
        with room_there(name):
            gram = product_there(device.centered, device.centered)
        device = replace(device, gram=gram, centered=())
    return replace(space, device=device, block_rows=at_once)


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


def _group_equal_rows(
    again: Callable[[npt.NDArray[np.intp]], Sequence[FloatArray]], raw: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
    """Return the distinct row of each item, and the first item of each distinct row.

    Equal rows have equal norms, or codes, which are at hand; only items that share theirs are compared.
    """
    n_samples = len(raw)
    _, norm_group, counts = np.unique(raw, return_inverse=True, return_counts=True)
    suspects = np.flatnonzero(counts[norm_group] > 1)
    label = np.arange(n_samples)
    if suspects.size:
        keys = np.zeros(suspects.size, np.intp)
        for part in again(suspects):
            # + 0 turns -0.0 into 0.0, which is at distance 0 from it
            some = np.ascontiguousarray(part + part.dtype.type(0))
            as_bytes = some.view(np.dtype((np.void, some.dtype.itemsize * some.shape[1]))).ravel()
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
    distances = (n_features - gram_product(distinct, distinct)) / 2
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


def _prepare_own(rows: PreparedRows, metric: OwnMetric, block: int | None) -> Space:
    parts, name = rows.written(), rows.name
    for part in parts:
        check_finite(part, name)
    # No item is merged here either: what a user's distance of equal rows is, only the user knows.
    items = np.arange(len(parts[0]))
    n_features = sum(part.shape[1] for part in parts)
    space = replace(
        _direct(name, metric, items.size, n_features, items, items, None), load=rows.load, centered=parts
    )
    at_once = _rows_at_once(space, block)
    if at_once:
        return replace(space, block_rows=at_once)
    return replace(space, kept=distances_of(metric, parts, parts, name), centered=())


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
        kept=distances,
        sq=np.zeros(n_distinct, np.float32),
        along=np.zeros(n_distinct),
        norm=np.ones(n_distinct),
    )
