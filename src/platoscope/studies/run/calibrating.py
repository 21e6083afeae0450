"""What the comparisons of plans take on this machine, found out by computing a few layers of each sort of them.

A plan's own estimate multiplies constants. Here every sort of comparison that plans ask for is computed as a run does it,
on made-up layers with as many items and features as the real ones, but few of them, and its time is taken times their
number. What a run does beside is not in it: reading layers from the store, and ranks of near-ties, of which real layers
have more.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.layerwise import as_stack
from platoscope.models import Pooling
from platoscope.studies.design.comparison import Source, Surface, Synthetic
from platoscope.studies.design.measured import computed_measures, measures_of
from platoscope.studies.plan.estimates import beside_comparing, n_layer_pairs, n_layers_of, size_of
from platoscope.studies.run.computation import Computation
from platoscope.studies.run.computing import compute
from platoscope.studies.run.matrix import Text
from platoscope.studies.run.stacks import synthetic_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from platoscope.layerwise import LayerStack
    from platoscope.studies.design.comparison import Comparison
    from platoscope.studies.design.settings import Settings
    from platoscope.studies.plan.planning import Plan

__all__ = ["comparing_seconds"]

_LAYERS = 2
"""Of each sort, that are computed; where cost is not in proportion to layers, twice as many as well."""
_WARM_UP = 200
"""Items of a first computation, at most: it compiles what no run before has, and loads it."""
_UNKNOWN_FEATURES = 1024


def comparing_seconds(plans: Sequence[Plan], /) -> float:
    """Find out what all comparisons of the plans take here, and price what is beside them: starting, and pictures.

    Each sort of comparison, by its kind, measures and sizes, is computed once on made-up layers: about a minute for all
    bundled studies with 1,000 items.
    """
    known: dict[Any, Callable[[Comparison], float]] = {}
    total = sum(map(beside_comparing, plans))
    for plan in plans:
        for comparison in plan.comparisons:
            measures = computed_measures(comparison, plan.comparisons, plan.settings)
            if not measures:
                continue
            alone = plan.settings if comparison.kind == "grid" else replace(plan.settings, measures=measures)
            sort = _sort_of(comparison, alone)
            if sort not in known:
                known[sort] = _priced(comparison, alone)
            total += known[sort](comparison)
    return total


def _sort_of(comparison: Comparison, settings: Settings) -> Any:
    """Return what comparisons that cost alike have in common, but for how many layers they have."""
    sides = comparison.a, comparison.b, comparison.given
    held = None if comparison.fixed is None else comparison.fixed.side
    return (
        comparison.kind, measures_of(comparison, settings), held, len(comparison.distances), comparison.shuffle is None,
        tuple(_n_features(side) for side in sides), repr(comparison.transform), repr(settings),
    )  # fmt: skip


def _priced(comparison: Comparison, settings: Settings) -> Callable[[Comparison], float]:
    """Compute a few layers, and return what a comparison of that sort costs."""
    _seconds(comparison, replace(settings, n=min(settings.n, _WARM_UP)), _LAYERS)
    few = _seconds(comparison, settings, _LAYERS)
    if comparison.kind not in ("grid", "matrix", "weights"):
        made_up = isinstance(comparison.a, Synthetic)
        layers = 1 if comparison.kind == "sample_size" else n_layers_of(comparison.a) if made_up else _LAYERS
        pairs = layers * max(1, len(comparison.distances))
        return lambda other: few / pairs * _n_pairs(other)
    many = _seconds(comparison, settings, 2 * _LAYERS)
    if comparison.kind == "weights":
        each = max(0.0, (many - few) / _LAYERS)
        return lambda other: few + each * (_n_pairs(other) - _LAYERS)
    # few = _LAYERS layer + _LAYERS² pair, and many the same of twice as many layers.
    pair = max(0.0, (many - 2 * few) / (2 * _LAYERS**2))
    layer = max(0.0, few / _LAYERS - _LAYERS * pair)
    return lambda other: layer * float(n_layer_pairs(other)) ** 0.5 + pair * n_layer_pairs(other)


def _n_pairs(comparison: Comparison) -> float:
    """Count the layers that a comparison runs through, with each of its distances."""
    if comparison.kind == "sample_size":
        return 1
    first, second = (n_layers_of(side) for side in comparison.sides)
    layers = max(first, second)
    if comparison.fixed is not None and comparison.kind != "weights":
        layers = second if comparison.fixed.side == "a" else first
    return layers * max(1, len(comparison.distances))


def _seconds(comparison: Comparison, settings: Settings, n_layers: int) -> float:
    """Compute a comparison of made-up layers, and return how long it took."""
    task = _made_up(comparison, settings, n_layers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numbers that nobody sees
        began = time.perf_counter()
        compute(task)
        return time.perf_counter() - began


def _made_up(comparison: Comparison, settings: Settings, n_layers: int) -> Computation:
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((settings.n, 32), dtype=np.float32)

    def stack(side: Source | Surface | Synthetic | None) -> LayerStack:
        if isinstance(side, Synthetic):
            return synthetic_stack(side, settings)
        layers = 1 if isinstance(side, Surface) else n_layers
        features = _n_features(side)
        mixed = [
            shared @ rng.standard_normal((32, features), dtype=np.float32)
            + rng.standard_normal((settings.n, features), dtype=np.float32)
            for _ in range(layers)
        ]
        return as_stack(mixed)

    a = stack(comparison.a)
    b = stack(comparison.b)
    groups = [str(item // 5) for item in range(settings.n)]
    texts = [Text(str(place), stack(comparison.a), 50.0, 200.0) for place in range(n_layers)]
    return Computation(
        comparison=comparison,
        a=a,
        b=b,
        settings=settings,
        strata=groups,
        alike=groups,
        position=None if comparison.fixed is None else 0,
        at_distance=lambda _: stack(comparison.b),
        texts=texts if comparison.kind == "matrix" else (),
        given=None if comparison.given is None else stack(comparison.given),
    )


def _n_features(side: Source | Surface | Synthetic | None) -> int:
    """Return the width of a layer of a side; of a model of unknown size a common one."""
    if side is None or isinstance(side, Synthetic):
        return 0
    if isinstance(side, Surface):
        return 2
    assert isinstance(side, Source)
    size = size_of(side)
    width = _UNKNOWN_FEATURES if size is None else size.n_features
    return width * Pooling.parse(side.pooling).n_vectors
