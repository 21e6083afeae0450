"""Permutation nulls: p-values, thresholds and calibrated scores (Gröger et al. 2026)."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from math import isqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from platoscope.arguments import numbers
from platoscope.checks import share, whole_number
from platoscope.errors import InputError
from platoscope.measures._resampling import MOST, MOST_ITEMS, WHY_MOST
from platoscope.measures._simultaneous import same_cells
from platoscope.seeds import generator

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Calibration",
    "Shuffles",
    "calibrate",
    "draw_shuffles",
    "one_per_item",
    "permutations",
    "tied_null",
]

COMPOSED_FROM = 128
"""From so many permutations on, they are composed of few: what costs N² each is then done for the few."""
# Of the largest value, what counts as rounding: the nulls of some measures are summed in float32, and all are kept in it.
_ROUNDED = 2e-7


class Calibration(NamedTuple):
    """How observed similarities stand against their null."""

    p_value: npt.NDArray[np.float64]
    """(1 + number of null values at least as large) / (K + 1)."""
    threshold: npt.NDArray[np.float64]
    """τ, the ⌈(1 − α)(K + 1)⌉-th order statistic of observed and null similarities together."""
    score: npt.NDArray[np.float64]
    """(s − τ) / (s_max − τ), clipped to [0, 1]: 0 not distinguishable from chance, 1 perfect."""


@dataclass(frozen=True, eq=False)
class Shuffles:
    """Shuffled pairings: in the k-th, A in one order stands beside B in another.

    ``cells[k] = (a, b)`` pairs item ``left[a, u]`` of A with item ``right[b, u]`` of B, for every u.
    """

    left: npt.NDArray[np.intp]
    """Orders of the items of A, shape (n_left, n_samples)."""
    right: npt.NDArray[np.intp]
    """Orders of the items of B, shape (n_right, n_samples)."""
    cells: npt.NDArray[np.intp]
    """Which two make each pairing, shape (n_permutations, 2)."""

    @classmethod
    def of(cls, orders: npt.NDArray[np.intp], /) -> Shuffles:
        """Return the pairings of item i of A with item ``orders[k, i]`` of B."""
        cells = np.stack([np.zeros(len(orders), np.intp), np.arange(len(orders))], axis=1)
        return cls(np.arange(orders.shape[1])[None], orders, cells)

    @cached_property
    def orders(self) -> npt.NDArray[np.intp]:
        """The item of B beside item i of A in each pairing, shape (n_permutations, n_samples)."""
        back = np.argsort(self.left, axis=1)
        return np.take_along_axis(self.right[self.cells[:, 1]], back[self.cells[:, 0]], axis=1)


def draw_shuffles(
    n_samples: int, n_permutations: int, /, *, strata: Sequence[Any] | None, rng: np.random.Generator
) -> Shuffles:
    """Draw shuffled pairings of the items.

    Up to 127 of them are independent permutations. More are compositions: of a table of about √K orders of A
    times √K orders of B, each drawn independently but for the first, which is the order as given, the cells
    but the first, in which all items are paired as given, or as many of them as are asked for, drawn at random.
    Every one is a uniform permutation and any two of them are independent. Rows and columns of the table
    are exchangeable, so that without a relation of A and B the cell as given is no other than any: p-values are
    exact, as with independent permutations.

    Parameters and errors are those of `permutations`.
    """
    whole_number("n_permutations", n_permutations, low=1, high=MOST, why=WHY_MOST)
    rng = generator(rng)
    if n_permutations < COMPOSED_FROM:
        return Shuffles.of(permutations(n_samples, n_permutations, strata=strata, rng=rng))
    n_left = isqrt(n_permutations) + 1
    n_right = -(-(n_permutations + 1) // n_left)
    given = np.arange(n_samples)[None]
    left, right = (
        np.concatenate([given, permutations(n_samples, size - 1, strata=strata, rng=rng)])
        for size in (n_left, n_right)
    )
    chosen = 1 + np.sort(rng.permutation(n_left * n_right - 1)[:n_permutations])
    return Shuffles(left, right, np.stack(np.divmod(chosen, n_right), axis=1))


def permutations(
    n_samples: int, n_permutations: int, /, *, strata: Sequence[Any] | None, rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Draw permutations of the items, shape (n_permutations, n_samples).

    Parameters
    ----------
    n_samples, n_permutations : int
        Sizes.
    strata : sequence of length n_samples, optional
        Group of each item (its book, its class); items are exchanged within their group only.
    rng : numpy.random.Generator or int

    Raises
    ------
    InputError
        A number that is none, `strata` has another length, or every group has a single item (nothing can be exchanged).
    """
    whole_number("n_samples", n_samples, low=1, high=MOST_ITEMS, why=WHY_MOST)
    whole_number("n_permutations", n_permutations, low=1, high=MOST, why=WHY_MOST)
    rng = generator(rng)
    if strata is None:
        return np.stack([rng.permutation(n_samples) for _ in range(n_permutations)])
    names = [str(value) for value in one_per_item(strata, n_samples)]
    _, group = np.unique(np.asarray(names), return_inverse=True)
    order = np.argsort(group, kind="stable")
    if np.bincount(group).max() == 1:
        message = "Every stratum has a single item, so that no pairing can be exchanged. Use coarser strata."
        raise InputError(message)
    out = np.empty((n_permutations, n_samples), np.intp)
    for row in out:
        # Two sorts by group, one with the members of each group in random order.
        shuffled = np.lexsort((rng.random(n_samples), group))
        row[order] = shuffled
    return out


def one_per_item(strata: Sequence[Any], n_samples: int, /, *, name: str = "strata") -> list[Any]:
    """Return the group of each item in the order of the items, whatever index or coordinates they came with.

    `name` is what the caller calls the groups.

    Raises
    ------
    InputError
        `strata` is no sequence, or has another length.
    """
    whole_number("n_samples", n_samples, low=1)
    if isinstance(strata, Mapping | Set) or not hasattr(strata, "__len__"):
        message = f"{name} must be a sequence with the group of each item; got {type(strata).__name__}."
        raise InputError(message)
    plain = np.asarray(strata).tolist() if hasattr(strata, "__array__") else list(strata)
    if not isinstance(plain, list) or len(plain) != n_samples:
        got = len(plain) if isinstance(plain, list) else "no"
        message = f"{name} must name the group of each of the {n_samples} items; got {got} entries."
        raise InputError(message)
    return plain


def tied_null(
    observed: npt.NDArray[np.float64], null: npt.NDArray[np.float64], /, *, best: Any = np.nan
) -> npt.NDArray[np.float64]:
    """Return the null with values that equal the observed one, but for rounding, equal to it.

    A shuffle may change nothing (equal rows, strata of two items). Its value is then summed in another order, and half of
    such values would count as smaller, some of them in every permutation: p-values would be too small.

    Parameters
    ----------
    observed : ndarray of shape (...)
    null : ndarray of shape (n_permutations, ...)
    best : float or array
        The value of identical representations, if it is known: rounding is judged by the largest of all.
    """
    with np.errstate(invalid="ignore"):  # what is missing or infinite stays so
        largest = np.maximum(np.abs(observed), np.abs(null).max(axis=0))
        reach = _ROUNDED * np.fmax(largest, np.abs(best))
        found: npt.NDArray[np.float64] = np.where(np.abs(null - observed) <= reach, observed, null)
    return found


def calibrate(
    observed: npt.NDArray[np.float64],
    null: npt.NDArray[np.float64],
    /,
    *,
    best: Any = 1.0,
    alpha: float = 0.05,
) -> Calibration:
    """Compare similarities with their null; higher means more similar on both sides.

    Parameters
    ----------
    observed : ndarray of shape (...)
        Similarities s (1 − Δ, an overlap, a CKA).
    null : ndarray of shape (n_permutations, ...)
        The same under permuted pairing.
    best : float or array
        s_max, the value of identical representations.
    alpha : float
        Level of the threshold.

    Returns
    -------
    Calibration
        Arrays of the shape of `observed`; NaN where `observed` or one of its null values is: what is not a number
        is not smaller than what was observed.

    Raises
    ------
    InputError
        Arrays that do not fit together, or an `alpha` outside (0, 1).

    References
    ----------
    .. [1] Gröger et al., "Revisiting the Platonic Representation Hypothesis: An Aristotelian View",
       arXiv 2602.14486, Alg. 1; with maxima over layers on both sides, Alg. 2.

    Examples
    --------
    >>> import numpy as np
    >>> calibrate(np.array(0.5), np.linspace(0, 0.2, 99))
    Calibration(p_value=array(0.01), threshold=array(0.19183673), score=array(0.38131313))
    """
    share("alpha", alpha)
    observed, null = same_cells(observed, null)
    best = numbers("best", best, shape="(), or that of observed")
    if best.shape not in ((), observed.shape):
        message = (
            f"best must be one number, or one for each of observed, {observed.shape}; got shape {best.shape}."
        )
        raise InputError(message)
    n_permutations = len(null)
    missing = np.isnan(observed) | np.isnan(null).any(axis=0)
    p_value = np.where(missing, np.nan, (1 + (null >= observed).sum(axis=0)) / (n_permutations + 1))
    together = np.sort(np.concatenate([null, observed[None]]), axis=0)
    place = int(np.ceil(round((1 - alpha) * (n_permutations + 1), 9)))
    threshold = together[min(place, n_permutations + 1) - 1]
    room = np.where(best > threshold, best - threshold, np.nan)
    score = np.where(missing, np.nan, np.clip(np.nan_to_num((observed - threshold) / room), 0.0, 1.0))
    return Calibration(p_value, np.where(missing, np.nan, threshold), score)
