"""Information Imbalance without each item in turn: how its spread changes with the number of items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platoscope.neighbors import first_neighbors, rank_sums_left_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from platoscope.neighbors import OwnMetric, Sample, Space

__all__ = ["imbalance_left_out"]


def imbalance_left_out(
    A: Sequence[Space] | Sequence[Sample],
    B: Sequence[Space] | Sequence[Sample],
    pairs: npt.NDArray[np.intp],
    /,
    *,
    n_neighbors: int = 1,
    metric: str | OwnMetric = "euclidean",
) -> npt.NDArray[np.float64]:
    """Return Δ of all items but one, for pairs (a, b) and every item, shape (2, n_pairs, n_samples).

    Of items at equal distances in the source the first by index are its neighbors; ties in the target have their
    average rank. What it serves is a ratio of two spreads (`platoscope.measures.carry`).
    """
    forward = _directed(A, B, pairs, n_neighbors, metric)
    backward = _directed(B, A, pairs[:, ::-1], n_neighbors, metric)
    return np.stack([forward, backward])


def _directed(
    sources: Sequence[Space] | Sequence[Sample],
    targets: Sequence[Space] | Sequence[Sample],
    pairs: npt.NDArray[np.intp],
    k: int,
    metric: str | OwnMetric,
) -> npt.NDArray[np.float64]:
    n_samples = sources[0].n_samples
    near = {s: first_neighbors(sources[s], k + 1, metric) for s in np.unique(pairs[:, 0])}
    out = np.empty((len(pairs), n_samples))
    for target in np.unique(pairs[:, 1]):
        mine = np.flatnonzero(pairs[:, 1] == target)
        sums = rank_sums_left_out(targets[target], np.stack([near[s] for s in pairs[mine, 0]]), metric)
        out[mine] = 2.0 * sums / (n_samples - 1) ** 2
    return out
