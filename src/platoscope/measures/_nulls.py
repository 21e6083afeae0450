"""Permutation nulls: p-values, thresholds and calibrated scores (Gröger et al. 2026)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Calibration", "calibrate", "permutations"]


class Calibration(NamedTuple):
    """How observed similarities stand against their null."""

    p_value: npt.NDArray[np.float64]
    """(1 + number of null values at least as large) / (K + 1)."""
    threshold: npt.NDArray[np.float64]
    """τ, the ⌈(1 − α)(K + 1)⌉-th order statistic of observed and null similarities together."""
    score: npt.NDArray[np.float64]
    """(s − τ) / (s_max − τ), clipped to [0, 1]: 0 not distinguishable from chance, 1 perfect."""


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
    rng : numpy.random.Generator

    Raises
    ------
    InputError
        `strata` has another length, or every group has a single item (nothing can be exchanged).
    """
    if strata is None:
        return np.stack([rng.permutation(n_samples) for _ in range(n_permutations)])
    if len(strata) != n_samples:
        message = f"strata must name the group of each of the {n_samples} items; got {len(strata)} entries."
        raise InputError(message)
    _, group = np.unique(np.asarray([str(value) for value in strata]), return_inverse=True)
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
        Arrays of the shape of `observed`; NaN where `observed` is.

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
    if not 0 < alpha < 1:
        message = f"alpha must lie strictly between 0 and 1; got {alpha}."
        raise InputError(message)
    n_permutations = len(null)
    missing = np.isnan(observed)
    p_value = np.where(missing, np.nan, (1 + (null >= observed).sum(axis=0)) / (n_permutations + 1))
    together = np.sort(np.concatenate([null, observed[None]]), axis=0)
    place = int(np.ceil(round((1 - alpha) * (n_permutations + 1), 9)))
    threshold = together[min(place, n_permutations + 1) - 1]
    room = np.where(best > threshold, best - threshold, np.nan)
    score = np.where(missing, np.nan, np.clip(np.nan_to_num((observed - threshold) / room), 0.0, 1.0))
    return Calibration(p_value, np.where(missing, np.nan, threshold), score)
