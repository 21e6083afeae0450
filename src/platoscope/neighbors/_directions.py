"""Rows of one direction under cosine, at distance 0 from each other as equal rows are; and rows of none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from platoscope.errors import InputError
from platoscope.neighbors._exact import row_peaks

if TYPE_CHECKING:
    import numpy.typing as npt

    from platoscope.neighbors._metrics import OwnMetric
    from platoscope.neighbors._space import Space

__all__ = ["require_nonzero", "told_apart"]

_UNIT = float(np.finfo(np.float64).eps)
# What a sum of products in float64 may round by, in shares of the lengths of both factors; far above what it does.
_SUMS = 1e-9


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
    if not space.norm.all():
        return None
    suspects = _alike(space)
    if suspects.size == 0:
        return None
    parts, (places,) = space.parts_of(suspects)
    peaks = row_peaks(parts, places)
    # One value of each row acquits most of those that are left; what it does not is compared whole.
    glance = parts[0][places, 0] / peaks
    _, group, counts = np.unique(glance, return_inverse=True, return_counts=True)
    chosen = counts[group] > 1
    suspects, places, peaks = suspects[chosen], places[chosen], peaks[chosen]
    if suspects.size == 0:
        return None
    rows = np.concatenate([part[places] for part in parts], axis=1).astype(np.float64)
    rows = np.ascontiguousarray(rows / peaks[:, None] + 0.0)
    keys = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    _, first_of_key, key = np.unique(keys, return_index=True, return_inverse=True)
    if first_of_key.size == suspects.size:
        return None
    label = np.arange(space.n_distinct)
    label[suspects] = suspects[first_of_key[key.ravel()]]
    kept, merged = np.unique(label, return_inverse=True)
    return _chosen(space, kept, merged[space.inverse].astype(np.int32))


def _alike(space: Space) -> npt.NDArray[np.intp]:
    """Return the distinct rows that may share a direction with another one: as far along the center, for their length."""
    reach = (space.along + space.center_sq / 2) * space.inverse_norm
    # `along` was summed up in float64, and half of `center_sq` taken off.
    rounding = _SUMS * np.sqrt(space.center_sq) + 2 * _UNIT * space.center_sq * space.inverse_norm
    order = np.argsort(reach)
    near = np.diff(reach[order]) <= 2 * rounding.max()
    alike = np.zeros(space.n_distinct, np.bool_)
    alike[order[1:][near]] = alike[order[:-1][near]] = True
    return np.flatnonzero(alike)


def _chosen(space: Space, rows: npt.NDArray[np.intp], inverse: npt.NDArray[np.int32]) -> Space:
    return replace(
        space,
        inverse=inverse,
        first=space.first[rows],
        weights=np.bincount(inverse, minlength=rows.size).astype(np.int32),
        kept=None if space.kept is None else space.kept[np.ix_(rows, rows)],
        device=None if space.device is None else space.device.take(rows),
        centered=tuple(Z[rows] for Z in space.centered),
        sq=space.sq[rows],
        along=space.along[rows],
        norm=space.norm[rows],
        squares=None,
        block_rows=min(space.block_rows, rows.size),
        _memo=space._inherited(),
    )


def require_nonzero(space: Space, /) -> None:
    """Raise an `InputError` when a row is the zero vector, which has no direction, unless all are: a constant ties."""
    zero = np.flatnonzero(space.norm[space.inverse] == 0)
    if zero.size and space.n_distinct > 1:
        message = (
            f"{space.name} has {zero.size} zero vectors, whose cosine is undefined; the first is row {zero[0]}. "
            "Drop those items on both sides, or use metric='euclidean' (of the neighborhood overlap: "
            "overlap_metric='euclidean')."
        )
        raise InputError(message)
