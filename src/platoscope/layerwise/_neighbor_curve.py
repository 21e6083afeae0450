"""How measures depend on the number of neighbors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.checks import whole_numbers
from platoscope.layerwise._labels import DIRECTIONS, chance_along, transforms_in_words, warn_undefined_along
from platoscope.layerwise._stacks import both_sides
from platoscope.measures import ComparisonOptions, changed, choose_measures, evaluate_layer
from platoscope.neighbors import metric_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from platoscope.measures import Measure
    from platoscope.neighbors import OwnMetric, Transform

__all__ = ["k_curve"]


def k_curve(
    X: Any,
    Y: Any,
    /,
    *,
    n_neighbors: Sequence[int] = (1, 2, 5, 10, 20),
    options: ComparisonOptions | None = None,
    measures: Sequence[str | Measure] = ("information_imbalance", "neighborhood_overlap"),
    transform: Transform | None = None,
    metric: str | OwnMetric | None = None,
    overlap_metric: str | OwnMetric | None = None,
) -> xr.Dataset:
    """Measure with several numbers of neighbors, to see whether a value depends on k.

    Parameters
    ----------
    X, Y : array of shape (n_samples, n_features), sequence of such arrays, or Space
        Two representations of the same items, prepared once for all of the curve.
    n_neighbors : sequence of int
        The numbers k, each for Δ and for the overlap alike.
    options, measures, transform, metric, overlap_metric
        As in `compare`; the numbers of neighbors of `options` are not read.

    Returns
    -------
    xarray.Dataset
        Each measure over ``n_neighbors`` and, where it is directed, ``direction``; ``<measure>_chance`` over
        ``n_neighbors`` where that depends on k.

    Raises
    ------
    InputError
        No k, or one outside what the items allow.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((300, 6))
    >>> curve = k_curve(X, X[:, :3], n_neighbors=[1, 20])
    >>> curve.information_imbalance.sel(direction="b_to_a").round(2).values.tolist()
    [0.41, 0.44]
    """
    base = changed(ComparisonOptions() if options is None else options, {
        "measures": measures, "transform": transform, "metric": metric, "overlap_metric": overlap_metric,
    })  # fmt: skip
    table = choose_measures(base.measures)
    sides = both_sides(X, Y, table, base)
    n_samples = sides[0][0].n_samples
    counts = whole_numbers("n_neighbors", n_neighbors, low=1, high=n_samples - 1)
    steps = [changed(base, {"n_neighbors": k, "overlap_neighbors": k}) for k in counts]
    values: dict[str, list[Any]] = {measure.name: [] for measure in table}
    for step in steps:
        for name, found in evaluate_layer(sides, table, step).items():
            values[name].append(found)
    warn_undefined_along("n_neighbors", table, counts, values)
    return _labeled(values, table, steps, n_samples)


def _labeled(
    values: dict[str, list[Any]],
    table: Sequence[Measure],
    steps: Sequence[ComparisonOptions],
    n_samples: int,
) -> xr.Dataset:
    import xarray as xr  # 0.6 s to import

    variables: dict[str, Any] = {}
    for measure in table:
        found = np.array(values[measure.name])
        variables[measure.name] = (
            (("n_neighbors", "direction"), found) if measure.directed else (("n_neighbors",), found[:, 0])
        )
    variables |= chance_along("n_neighbors", table, [(n_samples, step) for step in steps])
    attributes = {
        "n_samples": n_samples,
        "metric": metric_name(steps[0].metric),
        "overlap_metric": metric_name(steps[0].overlap_metric),
        "transform": transforms_in_words([steps[0].transform_of("a")], [steps[0].transform_of("b")]),
    }
    coordinates = {"n_neighbors": [step.n_neighbors for step in steps], "direction": list(DIRECTIONS)}
    return xr.Dataset(variables, coordinates, attributes)
