"""Values on subsamples, carried to the number of items at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.measures import carry, jackknife_covariance
from platoscope.neighbors import over_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from platoscope.measures import ComparisonOptions, Measure
    from platoscope.neighbors import Space

__all__ = ["carry_to_n"]

# Covariances of so many subsamples are averaged; each costs (m/N)² of what that of all items does.
_SUBSAMPLES = 24


def carry_to_n(
    measure: Measure,
    A: Sequence[Space],
    B: Sequence[Space],
    pairs: npt.NDArray[np.intp],
    options: ComparisonOptions,
    sets: npt.NDArray[np.intp],
    values: npt.NDArray[np.float64],
    resamples: npt.NDArray[np.float64],
    /,
    *,
    cut: Callable[[Space, npt.NDArray[np.intp]], Any],
) -> npt.NDArray[np.float64]:
    """Return the values on subsamples carried to N (`platoscope.measures.carry`), measured on some of the subsamples.

    `cut` takes some of the items of a layer.
    """
    assert measure.left_out is not None
    left_out = measure.left_out
    some = sets[:_SUBSAMPLES]
    covariances: list[Any] = [None] * len(some)

    def work(start: int, stop: int) -> None:
        for draw in range(start, stop):
            a, b = ([cut(space, some[draw]) for space in side] for side in (A, B))
            covariances[draw] = jackknife_covariance(left_out(a, b, pairs, options))

    over_tasks(work, len(some))
    return carry(
        resamples,
        values,
        at_size=np.mean(covariances, axis=0),
        at_n=jackknife_covariance(left_out(A, B, pairs, options)),
        n_samples=A[0].n_samples,
        size=sets.shape[1],
    )
