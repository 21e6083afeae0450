"""What the spaces of a result are like, stated with it; a feature that decides the neighbors alone is a warning."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.errors import PlatoscopeWarning
from platoscope.measures import get_measure
from platoscope.neighbors import hubness, largest_feature, participation_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from platoscope.layerwise._stacks import Stack
    from platoscope.measures import ComparisonOptions
    from platoscope.neighbors import Space

__all__ = ["DIAGNOSTICS", "diagnose"]

DIAGNOSTICS = tuple(
    f"{name}_{side}"
    for name in ("feature_share", "largest_feature", "participation_ratio", "hubness")
    for side in ("a", "b")
)
"""Variables of a result that describe the layers of one side, whatever the measures."""

_DOMINANT = 0.2
# A feature of few holds a large share in any case: what counts is how much more than an even one.
_UNEVEN = 3


def diagnose(result: xr.Dataset, a: Stack, b: Stack, pairs: Any, options: ComparisonOptions, /) -> xr.Dataset:
    """Return the result with the diagnostics of both sides, over their layers or over those of a profile."""
    variables: dict[str, Any] = {}
    warned = []
    for side, stack, used in (("a", a, pairs[:, 0]), ("b", b, pairs[:, 1])):
        found = {i: _describe(stack.spaces[i], options) for i in sorted(set(used.tolist()))}
        dims, order = (f"layer_{side}", sorted(found)) if f"layer_{side}" in result.dims else ("layer", used)
        for name in next(iter(found.values())):
            values = np.array([found[i][name] for i in order])
            variables[f"{name}_{side}"] = (dims, values)
        warned += _dominated(side.upper(), stack, found)
    if warned:
        _warn(warned, options.transform)
    return result.assign(variables)


def _describe(space: Space, options: ComparisonOptions) -> dict[str, float | int]:
    share, feature = largest_feature(space)
    found: dict[str, float | int] = {"feature_share": share, "largest_feature": feature}
    # Measures that compare rows with rows alone never ask for distances, which would cost more than they do.
    if any(get_measure(name).resamples is None for name in options.measures):
        found["hubness"] = _hubness(space, options)
        found["participation_ratio"] = participation_ratio(space)
    return found


def _hubness(space: Space, options: ComparisonOptions) -> float:
    """Return that of the graph behind neighborhood overlap, which is at hand wherever that is measured."""
    metric = options.overlap_metric if space.metric in ("euclidean", "cosine") else space.metric
    if metric not in ("euclidean", "cosine", space.metric) or (metric == "cosine" and not space.norm.all()):
        return float("nan")
    return hubness(space, options.overlap_neighbors, metric)


def _dominated(side: str, stack: Stack, found: dict[int, dict[str, float | int]]) -> list[str]:
    """Say in how many layers of a side one feature stands out, and which one at worst."""
    shares = {
        i: found[i]["feature_share"]
        for i in found
        if found[i]["feature_share"] > max(_DOMINANT, _UNEVEN / stack.spaces[i].n_features)
    }
    if not shares:
        return []
    worst = max(shares, key=lambda i: shares[i])
    return [
        f"in {len(shares)} of {len(found)} layers of {side} (at worst feature {found[worst]['largest_feature']} of "
        f"layer {stack.layers[worst]}, with {100 * shares[worst]:.0f} %)"
    ]


def _warn(where: Sequence[str], transform: Sequence[str]) -> None:
    ways = "('zscore', 'unit')" if "clip" in transform else "'clip' or ('zscore', 'unit')"
    message = (
        f"One feature holds more than {100 * _DOMINANT:.0f} % of the variance {' and '.join(where)}: neighbors there are "
        f"largely neighbors in that feature. Compare prepared rows as well, with transform={ways}."
    )
    warnings.warn(message, PlatoscopeWarning, stacklevel=4)
