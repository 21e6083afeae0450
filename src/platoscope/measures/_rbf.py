"""The RBF kernel for CKA."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from platoscope.errors import InputError
from platoscope.neighbors import Space, require_memory

__all__ = ["rbf_matrix"]


def rbf_matrix(space: Space, bandwidth: float, /) -> npt.NDArray[Any]:
    """Return exp(−d² / (2 σ²)) by item, σ = `bandwidth` × the median distance of different items.

    Kornblith et al. (2019), Sec. 4, for the choice of σ. float32, shape (n_samples, n_samples).
    """
    n = space.n_samples
    require_memory(12 * n * n, f"The RBF kernel of {space.name}", "Use kernel='linear', or fewer items.")
    gram = space.gram_rows(0, n)
    sq = space.sq[space.inverse]
    squared = np.maximum(sq[:, None] + sq[None, :] - 2 * gram, 0)
    same = space.inverse[:, None] == space.inverse[None, :]
    squared[same] = 0
    median_sq = float(np.median(squared[np.triu_indices(n, 1)]))
    if median_sq == 0:
        message = f"The median distance in {space.name} is zero (most items are equal); the RBF kernel is undefined."
        raise InputError(message)
    matrix: npt.NDArray[Any] = np.exp(squared / np.float32(-2 * bandwidth**2 * median_sq))
    return matrix
