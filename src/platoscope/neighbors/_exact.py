"""Distances of chosen pairs of rows in float64: the judge where float32 leaves a tie undecided."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from platoscope.neighbors._metrics import reads_distances
from platoscope.neighbors._scaling import powers_of_two
from platoscope.neighbors._threads import over_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.neighbors._inputs import FloatArray
    from platoscope.neighbors._metrics import OwnMetric
    from platoscope.neighbors._space import Space

__all__ = [
    "exact_scores",
    "exact_squares",
    "is_on_a_grid",
    "lattice_of",
    "lattice_units",
    "reaches_far_down",
    "row_peaks",
    "rows_at_a_glance",
    "smallest_size",
    "squared_distances",
]

# Rows of whole numbers with squared norms up to this have inner products whose squares are exact in float64.
_WHOLE = 2.0**26
# Where values reach further down than this from the largest, squares of differences may vanish.
_SMALLEST = 2.0**-400
# So near to 1 are one minus the cosines that are taken from inner products; both ways err by far less.
_UPRIGHT = 2.0**-20
_ROWS = 256
# Values that are enough to tell which number they may be multiples of, and rows that are enough to tell that they are not.
_VALUES = 1 << 17
_GLANCE = 4


def exact_scores(
    space: Space,
    metric: str | OwnMetric,
    left: npt.NDArray[np.integer[Any]],
    right: npt.NDArray[np.integer[Any]],
    /,
) -> npt.NDArray[np.float64]:
    """Return scores of distinct rows ``left[p]`` and ``right[p]`` that order them as distances do, shape (n_pairs,).

    Squared Euclidean distances are sums of squared differences of the rows as given (times ``space.scale``), so that
    data on a grid (integers, halves) gives exact values and exact ties; distances where squares would vanish. One
    minus the cosine is half the squared distance of unit vectors, the same for multiples of a row, and exactly 1 for rows
    that share no feature. Rows that are
    whole multiples of one number (integers, sign vectors, also divided by their norm) have exact ties in both. Where
    distances are exact to begin with (Hamming, precomputed, a function's) they are looked up in the kept matrix.
    """
    if reads_distances(metric):
        assert space.gram is not None
        looked_up: npt.NDArray[np.float64] = space.gram[left, right].astype(np.float64)
        return looked_up
    if space.joined is not None:
        return exact_squares(space, left, right)
    lattice = _lattice(space)
    if lattice is not None and metric == "cosine":
        return _lattice_cosine(lattice, left, right)
    if lattice is not None:
        return _lattice_squares(lattice, space, left, right)
    parts, rows = _rows_where_they_are(space, left, right)
    if metric == "cosine":
        return _cosine(parts, *rows)
    if any(part.itemsize == 8 for part in parts) and _is_wide(space):
        # As given, but where differences could overflow: what is scaled down may vanish. On the host in any case.
        quarter = 0.25 if space.scale < 2.0**-1018 else 1.0
        parts, rows = space.parts_of(left, right)
        return _sums("add_distance", parts, *rows, quarter)
    return _sums("add_squared", parts, *rows, space.scale)


def exact_squares(
    space: Space, left: npt.NDArray[np.integer[Any]], right: npt.NDArray[np.integer[Any]], /
) -> npt.NDArray[np.float64]:
    """Return squared Euclidean distances times ``space.scale`` squared, exact for data on a grid; of a joined space, sums.

    They may be added to those of another space, which scores that only order distances may not.
    """
    if space.joined is not None:
        total = np.zeros(len(left))
        for each, share in zip(space.joined[:2], space.joined.shares, strict=True):
            rows = (each.inverse[space.first[side]] for side in (left, right))
            total += share**2 * exact_squares(each, *rows)
        return total
    lattice = _lattice(space)
    if lattice is not None:
        return _lattice_squares(lattice, space, left, right)
    return squared_distances(space, left, right)


def _lattice_squares(lattice: _Lattice, space: Space, left: Any, right: Any) -> npt.NDArray[np.float64]:
    return _sums("add_squared", (lattice.rows,), left, right, 1.0) * (lattice.unit * space.scale) ** 2


def squared_distances(
    space: Space, left: npt.NDArray[np.integer[Any]], right: npt.NDArray[np.integer[Any]], /
) -> npt.NDArray[np.float64]:
    """Return the squared Euclidean distances of distinct rows, times ``space.scale`` squared, in float64."""
    parts, rows = _rows_where_they_are(space, left, right)
    return _sums("add_squared", parts, *rows, space.scale)


def _rows_where_they_are(space: Space, *distinct: Any) -> tuple[tuple[Any, ...], Any]:
    """Return what `Space.parts_of` does, as tensors if the rows are on a device."""
    if space.device is None or not space.device.parts:
        return space.parts_of(*distinct)
    return space.device.parts, [space.first[rows] for rows in distinct]


def _sums(kernel: str, parts: tuple[Any, ...], *fixed: Any) -> npt.NDArray[np.float64]:
    """Return what a compiled loop adds up over the parts, for pairs of rows; or tensors where they are."""
    from platoscope.neighbors import _exact_kernels  # numba: 0.3 s to import

    out = np.zeros(len(fixed[0]))
    if not isinstance(parts[0], np.ndarray):
        from platoscope.neighbors import _device_sums  # torch, which whoever has a tensor has imported

        for part in parts:
            getattr(_device_sums, kernel)(part, *fixed, out)
        return out
    for part in parts:
        over_rows(partial(getattr(_exact_kernels, kernel), part, *fixed, out), out.size)
    return out


class _Lattice(NamedTuple):
    """Distinct rows as whole multiples of one number."""

    rows: Any
    """float32; a tensor where the rows given are tensors."""
    unit: float
    squares: npt.NDArray[np.float64]
    """Sum of squares of each row."""


def _lattice(space: Space) -> _Lattice | None:
    """Return the distinct rows as whole numbers, if they are small multiples of one number."""
    if "lattice" not in space._memo:
        space._memo["lattice"] = _find_lattice(space)
    found: _Lattice | None = space._memo["lattice"]
    return found


def is_on_a_grid(space: Space, /) -> bool:
    """Tell whether the rows are small whole multiples of one number, so that distances tie as numbers do."""
    return _lattice(space) is not None


def _find_lattice(space: Space) -> _Lattice | None:
    parts, (first,) = space.parts_of(np.arange(min(rows_at_a_glance(space.n_features), space.n_distinct)))
    for unit in lattice_units(tuple(part[first] for part in parts)):
        found = lattice_of(tuple(part[space.first] for part in space.parts), unit)
        if found is not None:
            return found if space.device is None else found._replace(rows=space.device.to_device(found.rows))
    return None


def rows_at_a_glance(n_features: int, /) -> int:
    """Return how many rows are enough to tell of which numbers all may be multiples."""
    return min(_ROWS, max(_GLANCE, _VALUES // n_features))


def lattice_units(parts: Sequence[FloatArray], /) -> tuple[float, ...]:
    """Return the numbers of which these first rows of a representation are small whole multiples."""
    some = np.concatenate(parts, axis=1).astype(np.float64)
    sizes = np.abs(some)
    if not sizes.any():
        return ()
    # The smallest value itself, or the finest power of two of which the longest row has no more than it may.
    near_one = float(powers_of_two(sizes.max()))
    longest = float(np.square(some * near_one).sum(axis=1).max())
    finest = 2.0 ** np.ceil(0.5 * np.log2(longest / _WHOLE)) / near_one
    smallest = float(np.min(sizes, where=sizes > 0, initial=np.inf))
    # Rows that are not seen may be longer. A few rows tell of nearly all data that they are nothing of the kind.
    return tuple(
        unit
        for unit in (smallest, finest, 4 * finest)
        if unit > 0 and _whole(some[:_GLANCE], unit) is not None and _whole(some, unit) is not None
    )


def lattice_of(parts: Sequence[FloatArray], unit: float, /) -> _Lattice | None:
    """Return rows as whole multiples of `unit`, if they are small ones."""
    rows = _whole(np.concatenate(parts, axis=1), unit)
    return None if rows is None else _Lattice(rows, unit, np.einsum("ij,ij->i", rows, rows, dtype=np.float64))


def _whole(values: FloatArray, unit: float) -> npt.NDArray[np.float32] | None:
    """Return rows divided by `unit` if that makes them small whole numbers."""
    out = np.empty(values.shape, np.float32)
    for start in range(0, len(values), _ROWS):
        block = values[start : start + _ROWS].astype(np.float64)
        with np.errstate(over="ignore"):
            counts = np.rint(block / unit)
        if not (np.abs(counts).max() <= np.sqrt(_WHOLE) and (counts * unit == block).all()):
            return None
        if np.square(counts).sum(axis=1).max() > _WHOLE:
            return None
        out[start : start + _ROWS] = counts
    return out


def _lattice_cosine(lattice: _Lattice, left: Any, right: Any) -> npt.NDArray[np.float64]:
    """Return one minus the cosine; a quotient of exact whole numbers, so that equal cosines are equal."""
    dots = _sums("add_dot", (lattice.rows,), left, right)
    squared = dots * np.abs(dots) / (lattice.squares[left] * lattice.squares[right])
    scores: npt.NDArray[np.float64] = 1.0 - np.sign(squared) * np.sqrt(np.abs(squared))
    return scores


def _cosine(parts: tuple[Any, ...], left: Any, right: Any) -> npt.NDArray[np.float64]:
    rows, place = np.unique(np.concatenate([left, right]), return_inverse=True)
    peaks = row_peaks(parts, rows)
    peaks[peaks == 0] = 1.0
    squares = _sums("add_squares_of_rows", parts, rows, peaks)
    inverse = 1 / np.sqrt(np.where(squares > 0, squares, 1.0))
    here, there = place[: len(left)], place[len(left) :]
    sizes = peaks[here], peaks[there], inverse[here], inverse[there]
    scores = _sums("add_cosine", parts, left, right, *sizes)
    # Near a right angle the inner product says more: that of rows that share no feature is 0, and all such rows tie.
    upright = np.flatnonzero(np.abs(scores - 1.0) <= _UPRIGHT)
    if upright.size:
        some = (left[upright], right[upright], *(size[upright] for size in sizes))
        scores[upright] = 1.0 - _sums("add_unit_dot", parts, *some)
    return scores


def row_peaks(parts: tuple[Any, ...], rows: npt.NDArray[np.integer[Any]], /) -> npt.NDArray[np.float64]:
    """Return the largest absolute value of chosen rows, over all parts; of tensors as well."""
    from platoscope.neighbors._row_kernels import raise_peaks  # numba: 0.3 s to import

    peaks = np.zeros(len(rows))
    if not isinstance(parts[0], np.ndarray):
        from platoscope.neighbors._device_sums import raise_peaks as raise_there  # torch, as above

        for part in parts:
            raise_there(part, rows, peaks)
        return peaks
    for part in parts:
        over_rows(partial(raise_peaks, part, rows, peaks), len(rows))
    return peaks


def _is_wide(space: Space) -> bool:
    """Tell whether values differ so much in size that squares of small differences vanish beside the largest."""
    if "wide" not in space._memo:
        space._memo["wide"] = any(reaches_far_down(size, space.scale) for size in _smallest_sizes(space))
    wide: bool = space._memo["wide"]
    return wide


def _smallest_sizes(space: Space) -> list[float]:
    """Return the smallest size of the values of each part that is float64."""
    if space.device is None or not space.device.parts:
        return [smallest_size(part) for part in space.parts if part.dtype == np.float64]
    from platoscope.neighbors._device_sums import smallest_size_there  # torch, as above

    return [smallest_size_there(part) for part in space.device.parts if part.itemsize == 8]


def reaches_far_down(smallest: float, scale: float, /) -> bool:
    """Tell whether squares of small differences may vanish beside values of 1 / scale."""
    return smallest * scale < _SMALLEST


def smallest_size(part: FloatArray, /) -> float:
    """Return the smallest size of the values that are not zero."""
    blocks = (np.abs(part[start : start + _ROWS]) for start in range(0, len(part), _ROWS))
    return float(min(np.min(block, where=block > 0, initial=np.inf) for block in blocks))
