"""Rows of a layer about the mean of all items or of some, and their products: what retrieval reads of a space."""

from __future__ import annotations

import weakref
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from platoscope.errors import InputError
from platoscope.neighbors import powers_of_two

if TYPE_CHECKING:
    from platoscope.neighbors import FloatArray, Space

__all__ = ["Directions", "Given", "centered_rows", "in_sets", "products_of_rows", "put_away"]

# Larger products of one pair of layers are computed again for values, nulls and subsamples.
_KEPT = 32 << 20


class CenteredRows(NamedTuple):
    """The distinct rows of a space minus the mean of all items, and their lengths."""

    centered: npt.NDArray[np.float32]
    norm: npt.NDArray[np.float32]
    mean: npt.NDArray[np.float64]
    """Taken off the rows times `scale`."""
    scale: float


def centered_rows(space: Space) -> CenteredRows:
    kept: CenteredRows | None = space.memo.get("retrieval rows")
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
        space.memo["retrieval rows"] = kept = CenteredRows(centered, norm, mean, scale)
    return kept


def put_away(*spaces: Space) -> None:
    """Forget rows that are wider than the distance matrix: those of all layers would take more than all else together."""
    for space in spaces:
        if space.n_features > space.n_distinct:
            space.memo.pop("retrieval rows", None)


class Directions:
    """Rows of length 1 in float64 about the mean of some items; 0 for a row that is that mean."""

    def __init__(self, given: Given, items: npt.NDArray[np.intp] | None = None) -> None:
        self._given = given
        self._inverse = given.space.inverse if items is None else given.space.inverse[items]
        self._of_all = items is None

    def __getitem__(self, places: npt.NDArray[np.integer[Any]] | slice) -> npt.NDArray[np.float64]:
        """Return those of the items at some places."""
        distinct, back = np.unique(self._inverse[places], return_inverse=True)
        rows = self._given.rows(distinct)
        away = rows - self._mean
        sizes, lengths = (np.sqrt(np.square(Z).sum(axis=1, keepdims=True)) for Z in (rows, away))
        # A mean of equal rows is theirs but for the last bits.
        some = lengths > 4 * np.finfo(np.float64).eps * sizes
        found: npt.NDArray[np.float64] = np.divide(away, lengths, out=np.zeros_like(away), where=some)[back]
        return found

    @cached_property
    def _mean(self) -> npt.NDArray[np.float64]:
        if self._of_all:
            return centered_rows(self._given.space).mean
        distinct, counts = np.unique(self._inverse, return_counts=True)
        mean: npt.NDArray[np.float64] = np.average(self._given.rows(distinct), axis=0, weights=counts)
        return mean


class Given:
    """The rows of a space as they were given, in float64: read once, and only where float32 leaves something open."""

    def __init__(self, space: Space) -> None:
        self.space = space

    def rows(self, distinct: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
        """Return distinct rows, on the scale of `centered_rows`."""
        items = self.space.first[distinct]
        rows = np.concatenate([part[items] for part in self._parts], axis=1).astype(np.float64)
        return rows * centered_rows(self.space).scale

    @cached_property
    def _parts(self) -> tuple[FloatArray, ...]:
        return self.space.parts


def products_of_rows(a: Space, b: Space) -> npt.NDArray[np.float32]:
    """Return the products of every distinct row of `a` with every distinct row of `b`.

    `a` remembers the last of them: values, nulls and subsamples of a pair ask one after the other.
    """
    partner, kept = a.memo.get("retrieval products", (lambda: None, None))
    if kept is not None and partner() is b:
        remembered: npt.NDArray[np.float32] = kept
        return remembered
    product: npt.NDArray[np.float32] = centered_rows(a).centered @ centered_rows(b).centered.T
    if product.nbytes <= _KEPT:
        a.memo["retrieval products"] = (weakref.ref(b), product)
    return product


class InSets(NamedTuple):
    """What the rows of a space are in subsets of the items."""

    sets: npt.NDArray[np.intp]
    means: npt.NDArray[np.float64]
    """Of the centered rows of each set, shape (n_sets, n_features)."""
    sizes: npt.NDArray[np.float64]
    """The lengths of these means."""
    lengths: npt.NDArray[np.float32]
    """How long every distinct row minus every mean is, shape (n_distinct, n_sets)."""


def in_sets(space: Space, sets: npt.NDArray[np.intp]) -> InSets:
    """Return what all pairs of a layer share, which the space remembers."""
    kept: InSets | None = space.memo.get("retrieval sets")
    if kept is None or kept.sets is not sets:
        rows = centered_rows(space).centered.astype(np.float64)
        counts = np.stack([np.bincount(space.inverse[items], minlength=space.n_distinct) for items in sets])
        means = counts @ rows / sets.shape[1]
        squares = np.einsum("sd,sd->s", means, means)
        apart = np.einsum("nd,nd->n", rows, rows)[:, None] - 2 * rows @ means.T + squares
        lengths = np.sqrt(np.maximum(apart, np.finfo(np.float32).tiny)).astype(np.float32)
        space.memo["retrieval sets"] = kept = InSets(sets, means, np.sqrt(squares), lengths)
    return kept
