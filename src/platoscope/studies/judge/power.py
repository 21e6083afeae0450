"""What a number of items can decide: before a run from a reference, after it from the run's own subsamples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from platoscope.studies.judge.evidence import Z, curve, mean_of_directions
from platoscope.studies.judge.judging import POWER

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["REFERENCE_DELTA", "WITHIN_REACH", "decidable", "power_seen", "power_sentence"]

REFERENCE_DELTA = 0.4
"""The value of Δ around which the reference holds; errors are smaller below it and little larger above."""

WITHIN_REACH = (Z + POWER) ** 2
"""How many times the items, 7.8, would decide what was seen one standard error from its threshold.

Where it takes more, the value is nearer to the threshold than its own error: the truth may lie on either side or on it,
and the N that would decide it is no plan. Where it takes fewer, items are what is missing.
"""

# Standard deviations at N, times √N, on stacks of shared latents: `python benchmarks/verdicts.py --power`.
_NEIGHBORS = 0.37
_ASYMMETRY = 0.57


def decidable(n_samples: int, /) -> tuple[float, float]:
    """Give the smallest difference of Δ between neighboring layers, and asymmetry δ, that N items decide.

    Decided means: the 95 % interval lies on one side of zero in four of five runs. Differences of layers are
    those of the mean of both directions.

    >>> tuple(round(value, 3) for value in decidable(1000))
    (0.033, 0.05)
    """
    factor = (Z + POWER) / math.sqrt(n_samples)
    return factor * _NEIGHBORS, factor * _ASYMMETRY


def power_sentence(n_samples: int, /) -> str:
    """Say what N items can decide, for a plan."""
    layers, asymmetry = decidable(n_samples)
    return (
        f"{n_samples:,} items decide, in four of five runs, a difference of Δ of {layers:.3f} between neighboring "
        f"layers and an asymmetry of {asymmetry:.3f} (where Δ is about {REFERENCE_DELTA:g}; as 1/√N)"
    )


def power_seen(results: Mapping[str, xr.Dataset], /) -> str:
    """Say what the subsamples of a run could decide: the middle one of its layers and profiles.

    Empty where there is no profile with subsamples.
    """
    layers, gaps, sizes = [], [], []
    for result in results.values():
        if "asymmetry_resamples" not in result or set(result["asymmetry"].dims) != {"layer"}:
            continue
        delta, gap = mean_of_directions(result), curve(result, "asymmetry")
        lowest = delta.argmin()
        layers += [(delta.at(i) - delta.at(lowest)).se for i in range(len(delta)) if i != lowest]
        gaps += [gap.at(i).se for i in range(len(gap))]
        sizes.append(delta.n_samples)
    if not layers:
        return ""
    apart, asymmetry = ((Z + POWER) * float(np.nanmedian(errors)) for errors in (layers, gaps))
    n = f"{min(sizes):,}" if len(set(sizes)) == 1 else f"{min(sizes):,} to {max(sizes):,}"
    return (
        f"With N = {n}, a difference of Δ of {apart:.3f} between a layer and the lowest, or an asymmetry of "
        f"{asymmetry:.3f} at a layer, is decided in four of five runs (the median over layers and profiles)."
    )
