"""What the spaces of a result are like, stated with it; a feature that decides the neighbors alone is a warning."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from platoscope.errors import PlatoscopeWarning
from platoscope.neighbors import (
    hubness,
    largest_feature,
    participation_ratio,
    reads_distances,
    same_space,
    transform_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import xarray as xr

    from platoscope.layerwise._stacks import Stack
    from platoscope.layerwise._told import AnyStack
    from platoscope.measures import ComparisonOptions, Measure
    from platoscope.neighbors import Space

__all__ = ["DIAGNOSTICS", "DOMINATED", "Diagnosed", "diagnose", "diagnose_layers"]

DIAGNOSTICS = tuple(
    f"{name}_{side}"
    for name in ("feature_share", "largest_feature", "participation_ratio", "hubness")
    for side in ("a", "b")
)
"""Variables of a result that describe the layers of one side, whatever the measures."""

_DOMINANT = 0.2
DOMINATED = f"One feature holds more than {100 * _DOMINANT:.0f} % of the variance"
"""How the warning begins."""
# A feature of few holds a large share in any case: what counts is how much more than an even one.
_UNEVEN = 10


Diagnosed: TypeAlias = "Mapping[int, dict[str, float | int]]"
"""What layers of a side are like, by their positions."""


def diagnose_layers(
    stack: Stack, layers: Iterable[int], measures: Sequence[Measure], options: ComparisonOptions, /
) -> Diagnosed:
    """Return what some layers of a side are like."""
    # Measures that compare rows with rows alone never ask for distances, which would cost more than they do.
    distances = any(measure.reads != "rows" for measure in measures)
    return {i: _describe(stack, i, options, distances) for i in sorted(set(layers))}


def diagnose(
    result: xr.Dataset,
    a: AnyStack,
    b: AnyStack,
    pairs: Any,
    options: ComparisonOptions,
    diagnosed: tuple[Diagnosed, Diagnosed],
    /,
) -> xr.Dataset:
    """Return the result with the diagnostics of both sides, over their layers or over those of a profile."""
    variables: dict[str, Any] = {}
    warned = []
    for side, stack, used, found in zip("ab", (a, b), pairs.T, diagnosed, strict=True):
        dims, order = (f"layer_{side}", sorted(found)) if f"layer_{side}" in result.dims else ("layer", used)
        for name in next(iter(found.values())):
            values = np.array([found[i][name] for i in order])
            variables[f"{name}_{side}"] = (dims, values)
        warned += _dominated(side.upper(), stack, found)
    if warned:
        _warn(warned, {*options.transform_of("a"), *options.transform_of("b")})
    _warn_of_signs({"a": a, "b": b})
    return result.assign(variables)


def _describe(
    stack: Stack, layer: int, options: ComparisonOptions, distances: bool
) -> dict[str, float | int]:
    # A layer is prepared once for each of several metrics; variances are those of rows, where one reads rows.
    spaces = [one[layer] for one in stack.prepared]
    rows = next((space for space in spaces if not reads_distances(space.metric)), spaces[0])
    share, feature = largest_feature(rows)
    found: dict[str, float | int] = {"feature_share": share, "largest_feature": feature}
    if distances:
        found["hubness"] = _hubness(spaces, options)
        found["participation_ratio"] = participation_ratio(rows)
    return found


def _hubness(spaces: Sequence[Space], options: ComparisonOptions) -> float:
    """Return that of the graph behind neighborhood overlap, which is at hand wherever that is measured."""
    metric = options.overlap_metric
    answers = [space for space in spaces if same_space(space.metric, metric)]
    space = answers[0] if answers else spaces[0]
    metric = metric if answers else space.metric
    if metric == "cosine" and not space.norm.all():
        return float("nan")
    return hubness(space, options.overlap_neighbors, metric)


def _dominated(side: str, stack: AnyStack, found: Diagnosed) -> list[str]:
    """Say in how many layers of a side one feature stands out, and which one at worst."""
    # Given distances have no features; their share is NaN, which is above nothing.
    shares = {
        i: found[i]["feature_share"]
        for i in found
        if found[i]["feature_share"] > max(_DOMINANT, _UNEVEN / max(1, stack.spaces[i].n_features))
    }
    if not shares:
        return []
    worst = max(shares, key=lambda i: shares[i])
    return [
        f"in {len(shares)} of {len(found)} layers of {side} (at worst feature {found[worst]['largest_feature']} of "
        f"layer {stack.layers[worst]}, with {100 * shares[worst]:.0f} %)"
    ]


def _warn_of_signs(sides: Mapping[str, AnyStack]) -> None:
    """Say which side has a layer of one feature, such as lengths, of which the transform leaves no more than signs."""
    signs = {side: [space for space in stack.spaces if space.only_signs] for side, stack in sides.items()}
    for side in (side for side in sides if signs[side]):
        how = transform_name(signs[side][0].transform)
        others = {other: "none" if signs[other] else how for other in sides}
        message = (
            f"{signs[side][0].name} has one feature, of which transform={how!r} leaves the sign alone: every row of "
            f"one number has norm 1. Leave it as it is, with transform={others}."
        )
        warnings.warn(message, PlatoscopeWarning, stacklevel=5)


def _warn(where: Sequence[str], transform: set[str]) -> None:
    ways = "('zscore', 'unit')" if "clip" in transform else "'clip' or ('zscore', 'unit')"
    message = (
        f"{DOMINATED} {' and '.join(where)}: neighbors there are largely "
        f"neighbors in that feature. Compare prepared rows as well, with transform={ways}."
    )
    warnings.warn(message, PlatoscopeWarning, stacklevel=5)
