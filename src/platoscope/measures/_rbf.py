"""The RBF kernel for CKA."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from platoscope.errors import InputError
from platoscope.measures._gram_kernels import bulk_centered
from platoscope.neighbors import Space, require_memory

__all__ = ["rbf_matrix"]


def rbf_matrix(space: Space, bandwidth: float, /) -> npt.NDArray[np.float64]:
    """Return exp(−d² / (2 σ²)) by item, σ = `bandwidth` × the median distance of different items.

    Kornblith et al. (2019), Sec. 4, for the choice of σ. float64, shape (n_samples, n_samples).
    """
    n = space.n_samples
    require_memory(24 * n * n, f"The RBF kernel of {space.name}", "Use kernel='linear', or fewer items.")
    Z = bulk_centered(space.rows())
    sq = np.square(Z).sum(axis=1)
    squared = np.maximum(sq[:, None] + sq - 2 * (Z @ Z.T), 0)
    squared[space.inverse[:, None] == space.inverse] = 0
    median_sq = float(np.median(squared[np.triu_indices(n, 1)]))
    if median_sq == 0:
        message = f"The median distance in {space.name} is zero (most items are equal); the RBF kernel is undefined."
        raise InputError(message)
    matrix: npt.NDArray[np.float64] = np.exp(squared / (-2 * bandwidth**2 * median_sq))
    return matrix
