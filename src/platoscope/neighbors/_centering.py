"""Rows around their mean, on a scale on which float32 holds their squares: what a matrix product is taken of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from platoscope.neighbors._inputs import check_finite
from platoscope.neighbors._scaling import powers_of_two
from platoscope.neighbors._threads import map_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from platoscope.neighbors._inputs import FloatArray
    from platoscope.neighbors._transforms import PreparedRows

__all__ = ["Centered", "center_prepared", "centered_at", "column_means", "row_norms"]

# Sums of squares below this, of rows on a scale of 1, have lost digits.
_VANISHING = 1e-270
_SHRINK = 2.0**-64


class Centered(NamedTuple):
    """Rows minus their mean, on a scale on which float32 holds their squares, and what was seen on the way."""

    centered: tuple[npt.NDArray[np.float32], ...]
    sq: npt.NDArray[np.float64]
    """|z|² of each row."""
    along: npt.NDArray[np.float64]
    """x @ c of each row, c the center."""
    raw: npt.NDArray[np.float64]
    """|x|² of each row."""
    squares: npt.NDArray[np.float64]
    """Sum of squares of each centered feature."""
    center_sq: float
    scale: float


def center_prepared(rows: PreparedRows) -> Centered:
    """Write the prepared rows and center them; in place where nobody else has them."""
    moments = column_means(rows)
    largest = max(peak for _, peak in moments)
    # A power of two changes no digit, and keeps the squares of huge values inside float32.
    scale = float(powers_of_two(largest))
    return centered_at(rows.parts, [center * scale for center, _ in moments], scale, in_place=rows.fresh)


def centered_at(
    parts: tuple[FloatArray, ...],
    centers: Sequence[npt.NDArray[np.float64]],
    scale: float,
    /,
    *,
    in_place: bool = False,
) -> Centered:
    """Return rows times `scale` minus the center of each part, which is on that scale; float32 rows may be written over."""
    from platoscope.neighbors._kernels import center_rows, column_squares  # numba: 0.3 s to import

    centered = tuple(
        part if in_place and part.dtype == np.float32 else np.empty(part.shape, np.float32) for part in parts
    )
    sq, along, raw = (np.zeros(len(parts[0])) for _ in range(3))

    def of_rows(squares: list[npt.NDArray[np.float64]], start: int, stop: int) -> None:
        for part, center, Z, of_part in zip(parts, centers, centered, squares, strict=True):
            here = slice(start, stop)
            # Not from rows to themselves: loops whose input may be their output do not vectorize.
            some = part[here].copy() if Z is part else part[here]
            center_rows(some, center, scale, Z[here], sq[here], along[here], raw[here], 0, stop - start)
            column_squares(Z, of_part, start, stop)

    found = map_blocks(of_rows, parts, lambda _: [np.zeros(part.shape[1]) for part in parts])
    squares = np.sum([np.concatenate(of_range) for of_range in found], axis=0)
    center_sq = sum(float(center @ center) for center in centers)
    return Centered(centered, sq, along, raw, squares, center_sq, scale)


def row_norms(
    rows_of: Callable[[npt.NDArray[np.intp]], tuple[FloatArray, ...]],
    raw: npt.NDArray[np.float64],
    scale: float,
) -> npt.NDArray[np.float64]:
    """Return the norms of rows times `scale`, given their squares: those of rows whose squares vanish by themselves."""
    norms = np.sqrt(raw)
    small = np.flatnonzero(raw < _VANISHING)
    if small.size:
        some = np.concatenate(rows_of(small), axis=1).astype(np.float64)
        near_one = powers_of_two(np.abs(some).max(axis=1))
        scaled = np.sqrt(np.square(some * near_one[:, None]).sum(axis=1)) / near_one * scale
        # Not so small that there is nothing to divide by.
        norms[small] = np.where(some.any(axis=1), np.maximum(scaled, 1e-300), 0.0)
    return norms


def column_means(rows: PreparedRows) -> list[tuple[npt.NDArray[np.float64], float]]:
    """Write the prepared rows; return the column means and the largest absolute value of each part."""
    moments = _shrunk_means(rows.parts, 1.0, rows.write)
    rows.require_sound()
    if all(np.isfinite(mean).all() for mean, _ in moments):
        return moments
    for part in rows.parts:
        check_finite(part, rows.name)
    # Values near the limit of float64: their sums overflow, sums of smaller ones do not.
    return [
        found if np.isfinite(found[0]).all() else _shrunk_means((part,), _SHRINK)[0]
        for found, part in zip(moments, rows.parts, strict=True)
    ]


def _shrunk_means(
    parts: tuple[FloatArray, ...], shrink: float, before: Callable[[int, int], object] | None = None
) -> list[tuple[npt.NDArray[np.float64], float]]:
    """Return the column means and the largest absolute value of each part, of rows on which `before` was called."""
    from platoscope.neighbors._kernels import column_sums  # numba: 0.3 s to import

    def of_rows(found: tuple[list[npt.NDArray[np.float64]], list[float]], start: int, stop: int) -> None:
        if before is not None:
            before(start, stop)
        totals, peaks = found
        for place, part in enumerate(parts):
            peaks[place] = max(peaks[place], column_sums(part, shrink, totals[place], start, stop))

    found = map_blocks(
        of_rows, parts, lambda _: ([np.zeros(part.shape[1]) for part in parts], [0.0] * len(parts))
    )
    with np.errstate(over="ignore", invalid="ignore"):
        totals = [np.sum([totals[place] for totals, _ in found], axis=0) for place in range(len(parts))]
        means = [total / len(parts[0]) / shrink for total in totals]
    return [(mean, max(peaks[place] for _, peaks in found)) for place, mean in enumerate(means)]
