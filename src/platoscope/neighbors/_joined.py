"""Two spaces of the same items as one, ``d² = d²_first + factor² d²_second``: sums of what is kept, no new products."""

from __future__ import annotations

from math import frexp, ldexp
from typing import TYPE_CHECKING

import numpy as np

from platoscope.checks import number
from platoscope.errors import InputError
from platoscope.neighbors._exact import exact_scores, exact_squares
from platoscope.neighbors._memory import require_memory
from platoscope.neighbors._metrics import reads_distances
from platoscope.neighbors._settled import is_coarse
from platoscope.neighbors._space import Joined, Space

if TYPE_CHECKING:
    import numpy.typing as npt

    from platoscope.neighbors._inputs import FloatArray

__all__ = ["exact_matrix", "join_spaces", "spread", "squared_matrix"]

# What the product with the factor and the sum may round, in units in the last place, beside what the products did.
_ROUNDING = 8.0
_PAIRS_AT_ONCE = 4_000_000
# Exponents of two: how far scales reach, and how far two spaces may be apart for both squares to be normal numbers.
_FARTHEST = 1020
_APART = 450


def join_spaces(first: Space, second: Space, factor: float, /) -> Space:
    """Return the space of ``[first, factor * second]``, whose squared distances are ``d²_first + factor² d²_second``.

    Nearest neighbors and ranks in it are those of the arrays put side by side. Near-ties are decided by the sum of both
    float64 distances, so that rows that are equal in both tie, and so do distances that are equal in both.

    Parameters
    ----------
    first, second : Space
        Of the same items, with Euclidean distances and kept matrices.
    factor : float
        At least 0; with 0 it is `first`.

    Raises
    ------
    InputError
        Other numbers of rows, a matrix that is not kept, distances instead of rows, or a factor that is negative or takes
        values out of reach.
    """
    number("factor", factor, low=0)
    _require_joinable(first, second)
    if factor == 0 or not second.sq.any():  # a constant adds nothing
        return first
    # The larger of both decides the scale, as it would if the rows stood side by side.
    mantissa, exponent = frexp(factor)
    of_first, of_second = (frexp(space.scale)[1] for space in (first, second))
    of_both = min(of_first, of_second - exponent)
    if of_both < -_FARTHEST or max(of_first, of_second - exponent) - of_both > _APART:
        message = (
            f"{factor:g} times {second.name} is out of reach of float64 beside {first.name}, with whose squared distances "
            "its own are to be added. Bring both into like units (scale='spread' does), or choose other factors."
        )
        raise InputError(message)
    scale = ldexp(0.5, of_both)
    shares = ldexp(1.0, of_both - of_first), ldexp(mantissa, exponent + of_both - of_second)
    keys = first.inverse.astype(np.int64) * second.n_distinct + second.inverse
    _, firsts, inverse = np.unique(keys, return_index=True, return_inverse=True)
    if len(firsts) == len(keys):  # in the order of the items, as `prepare` leaves them
        firsts = inverse = np.arange(len(keys))
    rows = first.inverse[firsts], second.inverse[firsts]
    grams = [_chosen(space, of) for space, of in zip((first, second), rows, strict=True)]
    gram = grams[0] * np.float32(shares[0] ** 2)
    gram += grams[1] * np.float32(shares[1] ** 2)
    sq = first.sq[rows[0]] * shares[0] ** 2 + second.sq[rows[1]] * shares[1] ** 2
    return Space(
        name=f"{first.name} and {factor:g} × {second.name}",
        n_samples=first.n_samples,
        n_features=first.n_features + second.n_features,
        metric="euclidean",
        inverse=inverse.astype(np.int32),
        first=firsts,
        weights=np.bincount(inverse, minlength=len(firsts)).astype(np.int32),
        sq=sq,
        level=float(sq.min()),
        along=np.zeros(len(firsts)),
        norm=np.ones(len(firsts)),
        kept=gram,
        scale=scale,
        rereads=first.rereads or second.rereads,
        joined=Joined(first, second, shares),
        _memo={"rounding": max(first.rounding, second.rounding) + _ROUNDING},
    )


def _require_joinable(first: Space, second: Space) -> None:
    for space in (first, second):
        _require_kept(space)
    if first.n_samples != second.n_samples:
        message = (
            f"{first.name} and {second.name} must describe the same items: got {first.n_samples} and {second.n_samples} "
            "rows. Align them by id first (platoscope.representations.align)."
        )
        raise InputError(message)


def _require_kept(space: Space) -> None:
    if reads_distances(space.metric):
        message = (
            f"{space.name} has distances of its own (precomputed, Hamming or a function's), whose squares do not add; "
            "prepare it from rows with metric='euclidean'."
        )
        raise InputError(message)
    if not space.keeps_matrix:
        message = (
            f"The distances of the {space.n_samples:,} items of {space.name} are not kept; take a sample of the items, "
            "or prepare it without block_size."
        )
        raise InputError(message)


def _chosen(space: Space, rows: npt.NDArray[np.int32]) -> FloatArray:
    assert space.gram is not None
    whole = rows.size == space.n_distinct and bool((rows == np.arange(rows.size)).all())
    return space.gram if whole else space.gram[np.ix_(rows, rows)]


def spread(space: Space, /) -> float:
    """Return the root mean squared distance of two items of a space, self included: twice the variance, summed, rooted."""
    total = float(space.weights @ space.sq) / space.n_samples
    return float(np.sqrt(2.0 * total)) / space.scale


def squared_matrix(space: Space, /) -> FloatArray:
    """Return the squared Euclidean distances of all distinct rows times ``scale**2``, shape (n_distinct, n_distinct).

    float32 off the kept matrix where its rounding does not show in the order of distances (`settled`), else float64, with
    the ties of data on a grid.
    """
    _require_kept(space)
    if not is_coarse(space, "euclidean"):
        assert space.gram is not None
        found: FloatArray = space.gram * np.float32(-2)
        squares = space.sq.astype(np.float32)
        found += squares
        found += squares[:, None]
        np.fill_diagonal(found, 0)
        np.maximum(found, 0, out=found)
        return found
    return exact_matrix(space)


def exact_matrix(space: Space, /, *, only_order: bool = False) -> npt.NDArray[np.float64]:
    """Return the squared Euclidean distances of distinct rows in float64, times ``scale**2``, with the ties of the data.

    `only_order`: what orders the distances of a row as they do, also where squares would vanish (`exact_scores`).
    """
    n = space.n_distinct
    require_memory(8 * n * n, f"The distances of {space.name} in float64", "Use fewer items.")
    exact: npt.NDArray[np.float64] = np.empty((n, n))
    columns = np.arange(n)
    step = max(1, _PAIRS_AT_ONCE // n)
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        pairs = np.repeat(rows, n), np.tile(columns, rows.size)
        found = exact_scores(space, "euclidean", *pairs) if only_order else exact_squares(space, *pairs)
        exact[rows] = found.reshape(-1, n)
    return exact
