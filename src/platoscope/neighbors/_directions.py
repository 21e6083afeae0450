"""Rows of one direction under cosine: at distance 0 from each other, as equal rows are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from platoscope.neighbors._inputs import FloatArray
    from platoscope.neighbors._metrics import OwnMetric
    from platoscope.neighbors._space import Space

__all__ = ["told_apart"]


def told_apart(space: Space, metric: str | OwnMetric, /) -> Space:
    """Return the space with one distinct row for all rows that `metric` cannot tell apart, most often itself.

    Under cosine these are multiples of one row. Divided by their largest value they are equal bit for bit, because a
    quotient is rounded once.
    """
    if metric != "cosine":
        return space
    if "directions apart" not in space._memo:
        space._memo["directions apart"] = _merge(space)
    found: Space | None = space._memo["directions apart"]
    return space if found is None else found


def _merge(space: Space) -> Space | None:
    parts = space.parts
    peaks = np.max(
        [_peaks(part[space.first] if space.n_distinct < len(part) else part) for part in parts], axis=0
    )
    if not peaks.all():
        return None
    # One value of each row is enough to acquit nearly all; what it does not is compared whole.
    glance = np.concatenate([part[space.first, :1] for part in parts], axis=1)[:, 0] / peaks
    _, group, counts = np.unique(glance, return_inverse=True, return_counts=True)
    suspects = np.flatnonzero(counts[group] > 1)
    if suspects.size == 0:
        return None
    rows = np.concatenate([part[space.first[suspects]] for part in parts], axis=1).astype(np.float64)
    rows = np.ascontiguousarray(rows / peaks[suspects, None] + 0.0)
    keys = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    _, first_of_key, key = np.unique(keys, return_index=True, return_inverse=True)
    if first_of_key.size == suspects.size:
        return None
    label = np.arange(space.n_distinct)
    label[suspects] = suspects[first_of_key[key.ravel()]]
    kept, merged = np.unique(label, return_inverse=True)
    return _chosen(space, kept, merged[space.inverse].astype(np.int32))


def _peaks(part: FloatArray) -> npt.NDArray[np.float64]:
    peaks: npt.NDArray[np.float64] = np.maximum(part.max(axis=1), -part.min(axis=1)).astype(np.float64)
    return peaks


def _chosen(space: Space, rows: npt.NDArray[np.intp], inverse: npt.NDArray[np.int32]) -> Space:
    return replace(
        space,
        inverse=inverse,
        first=space.first[rows],
        weights=np.bincount(inverse, minlength=rows.size).astype(np.int32),
        gram=None if space.gram is None else space.gram[np.ix_(rows, rows)],
        centered=tuple(Z[rows] for Z in space.centered),
        sq=space.sq[rows],
        along=space.along[rows],
        norm=space.norm[rows],
        squares=None,
        block_rows=min(space.block_rows, rows.size),
        _memo={"rounding": space._rounding()},
    )
