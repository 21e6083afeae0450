"""How a measure depends on the number of items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.errors import InputError
from platoscope.layerwise._evaluate import check_values
from platoscope.layerwise._labels import DIRECTIONS, transforms_in_words
from platoscope.layerwise._stacks import both_sides
from platoscope.measures import ComparisonOptions, changed, choose_measures, whole_number
from platoscope.neighbors import metric_name, same_space

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from platoscope.measures import Measure
    from platoscope.neighbors import OwnMetric, Space, Transform

__all__ = ["n_curve"]


def n_curve(
    X: Any,
    Y: Any,
    /,
    *,
    sizes: Sequence[int] | None = None,
    n_draws: int = 10,
    options: ComparisonOptions | None = None,
    measures: Sequence[str | Measure] | None = None,
    transform: Transform | None = None,
    n_neighbors: int | None = None,
    metric: str | OwnMetric | None = None,
    overlap_neighbors: int | None = None,
    overlap_metric: str | OwnMetric | None = None,
    rng: int | np.random.Generator | None = None,
) -> xr.Dataset:
    """Measure random subsets of growing size, to see whether a value depends on N and has settled.

    Parameters
    ----------
    X, Y : array of shape (n_samples, n_features), sequence of such arrays, or Space
        Two representations of the same items.
    sizes : sequence of int, optional
        Numbers of items; by default 7 sizes from N/16 (at least 16) to N, evenly in the logarithm.
    n_draws : int
        Random subsets per size (the full set is drawn once and repeated).
    options, measures, transform, n_neighbors, metric, overlap_neighbors, overlap_metric, rng
        As in `compare`.

    Returns
    -------
    xarray.Dataset
        Each measure over ``draw``, ``n_samples`` and, where it is directed, ``direction``;
        ``<measure>_chance`` over ``n_samples`` where it depends on N, as that of neighborhood overlap does.

    Raises
    ------
    InputError
        A size outside what the items and neighbors allow.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((400, 6))
    >>> curve = n_curve(X, X[:, :3], sizes=[50, 400], measures=["neighborhood_overlap"], rng=0)
    >>> curve.neighborhood_overlap.mean("draw").round(1).values.tolist()
    [0.6, 0.2]
    """
    chosen = changed(options or ComparisonOptions(), {
        "measures": measures, "transform": transform, "n_neighbors": n_neighbors, "metric": metric,
        "overlap_neighbors": overlap_neighbors, "overlap_metric": overlap_metric,
    })  # fmt: skip
    whole_number("n_draws", n_draws, low=1)
    table = choose_measures(chosen.measures)
    sides = both_sides(X, Y, table, chosen)
    n_samples = sides[0][0].n_samples
    counts = _sizes(n_samples, chosen.overlap_neighbors) if sizes is None else list(sizes)
    smallest = max(chosen.n_neighbors, chosen.overlap_neighbors) + 2
    if not counts:
        message = "sizes must name at least one number of items; leave it out for seven of them up to N."
        raise InputError(message)
    for size in counts:
        whole_number("each of sizes", size, low=smallest, high=n_samples)
    generator = np.random.default_rng(rng)
    out = {m.name: np.empty((n_draws, len(counts), 2 if m.directed else 1)) for m in table}
    for draw in range(n_draws):
        order = generator.permutation(n_samples)
        for s, size in enumerate(counts):
            if draw > 0 and size == n_samples:
                for values in out.values():
                    values[draw, s] = values[0, s]
                continue
            for name, values in _scores(sides, table, chosen, np.sort(order[:size])).items():
                out[name][draw, s] = values
    return _labeled(out, table, counts, chosen)


def _scores(
    sides: Sequence[tuple[Space, Space]], table: Sequence[Measure], options: ComparisonOptions, items: Any
) -> dict[str, Any]:
    """Return every measure on a subset of the items, in each direction."""
    cut = [([a.subset(items)], [b.subset(items)]) for a, b in sides]
    scratch: dict[str, Any] = {}
    found = {}
    for measure in table:
        A, B = next(side for side in cut if same_space(side[0][0].metric, measure.metric(options)))
        values = measure.scores(A, B, np.zeros((1, 2), np.intp), options, scratch)
        found[measure.name] = check_values(measure, "scores", values, (), 1)[:, 0]
    return found


def _labeled(
    out: dict[str, Any], table: Sequence[Measure], sizes: Sequence[int], options: ComparisonOptions
) -> xr.Dataset:
    import xarray as xr  # 0.6 s to import

    dims = ("draw", "n_samples", "direction")
    variables: dict[str, Any] = {
        m.name: (dims, out[m.name]) if m.directed else (dims[:2], out[m.name][..., 0]) for m in table
    }
    for measure in table:
        chance = [measure.chance(n, options) for n in sizes]
        if measure.uses_overlap_neighbors and np.isfinite(chance).all():
            variables[f"{measure.name}_chance"] = (("n_samples",), chance)
    attributes = {
        "n_neighbors": options.n_neighbors,
        "metric": metric_name(options.metric),
        "transform": transforms_in_words([options.transform_of("a")], [options.transform_of("b")]),
        "overlap_neighbors": options.overlap_neighbors,
        "n_draws": len(next(iter(out.values()))),
    }
    return xr.Dataset(variables, {"n_samples": list(sizes), "direction": list(DIRECTIONS)}, attributes)


def _sizes(n_samples: int, overlap_neighbors: int) -> list[int]:
    smallest = max(16, overlap_neighbors + 2, n_samples // 16)
    return sorted({int(n) for n in np.geomspace(min(smallest, n_samples), n_samples, 7).round()})
