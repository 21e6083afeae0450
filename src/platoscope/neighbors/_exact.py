"""Distances of chosen pairs of rows in float64: the judge where float32 leaves a tie undecided."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from platoscope.neighbors._metrics import reads_distances
from platoscope.neighbors._threads import over_rows

if TYPE_CHECKING:
    from platoscope.neighbors._metrics import OwnMetric
    from platoscope.neighbors._space import Space

__all__ = ["exact_scores"]


def exact_scores(
    space: Space,
    metric: str | OwnMetric,
    left: npt.NDArray[np.integer[Any]],
    right: npt.NDArray[np.integer[Any]],
    /,
) -> npt.NDArray[np.float64]:
    """Return the distance scores of distinct rows ``left[p]`` and ``right[p]``, shape (n_pairs,).

    Squared Euclidean distances are sums of squared differences of the rows as given, so that data
    on a grid (integers, halves) gives exact values and exact ties. Where distances are exact to
    begin with (Hamming, precomputed, a function's) they are looked up in the kept matrix.
    """
    if reads_distances(metric):
        assert space.gram is not None
        looked_up: npt.NDArray[np.float64] = space.gram[left, right].astype(np.float64)
        return looked_up
    from platoscope.neighbors._kernels import exact_cosine, exact_squared  # numba: 0.3 s to import

    a, b = space.first[left], space.first[right]
    out = np.zeros(len(a))
    if metric == "cosine":
        for part in space.parts:
            over_rows(partial(exact_cosine, part, a, b, space.norm[left], space.norm[right], out), len(a))
    else:
        for part in space.parts:
            over_rows(partial(exact_squared, part, a, b, out), len(a))
    return out * space.scale**2 if metric == "cosine" else out
