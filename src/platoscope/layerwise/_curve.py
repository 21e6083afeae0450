"""How a measure depends on the number of items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.checks import whole_number, whole_numbers
from platoscope.layerwise._labels import (
    DIRECTIONS,
    chance_along,
    transforms_in_words,
    versions_in_words,
    warn_undefined_along,
)
from platoscope.layerwise._stacks import both_sides
from platoscope.measures import choose_measures, evaluate_layer, with_keywords
from platoscope.neighbors import metric_name
from platoscope.seeds import seed_in_words, seeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from platoscope.measures import ComparisonOptions, Measure
    from platoscope.neighbors import OwnMetric, Transform

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
    chosen = with_keywords(options, locals())
    whole_number("n_draws", n_draws, low=1, high=1_000_000, why="each draws the items again")
    table = choose_measures(chosen.measures)
    sides = both_sides(X, Y, table, chosen)
    n_samples = sides[0][0].n_samples
    smallest = max(chosen.n_neighbors, chosen.overlap_neighbors) + 2
    counts = whole_numbers(
        "sizes",
        _sizes(n_samples, chosen.overlap_neighbors) if sizes is None else sizes,
        low=smallest,
        high=n_samples,
    )
    chance, seed = seeded(rng)
    out = {m.name: np.empty((n_draws, len(counts), 2 if m.directed else 1)) for m in table}
    for draw in range(n_draws):
        order = chance.permutation(n_samples)
        for s, size in enumerate(counts):
            if draw > 0 and size == n_samples:
                for values in out.values():
                    values[draw, s] = values[0, s]
                continue
            items = np.sort(order[:size])
            cut = [(a.subset(items), b.subset(items)) for a, b in sides]
            for name, values in evaluate_layer(cut, table, chosen).items():
                out[name][draw, s] = values
    by_size = {name: np.moveaxis(values, 1, 0) for name, values in out.items()}
    warn_undefined_along("n_samples", table, counts, by_size)
    return _labeled(out, table, counts, chosen, seed)


def _labeled(
    out: dict[str, Any],
    table: Sequence[Measure],
    sizes: Sequence[int],
    options: ComparisonOptions,
    seed: int | None,
) -> xr.Dataset:
    import xarray as xr  # 0.6 s to import

    dims = ("draw", "n_samples", "direction")
    variables: dict[str, Any] = {
        m.name: (dims, out[m.name]) if m.directed else (dims[:2], out[m.name][..., 0]) for m in table
    }
    variables |= chance_along("n_samples", table, [(n, options) for n in sizes])
    attributes = {
        "n_neighbors": options.n_neighbors,
        "metric": metric_name(options.metric),
        "transform": transforms_in_words([options.transform_of("a")], [options.transform_of("b")]),
        "overlap_neighbors": options.overlap_neighbors,
        "n_draws": len(next(iter(out.values()))),
        "seed": seed_in_words(seed),
        "versions": versions_in_words(),
    }
    return xr.Dataset(variables, {"n_samples": list(sizes), "direction": list(DIRECTIONS)}, attributes)


def _sizes(n_samples: int, overlap_neighbors: int) -> list[int]:
    smallest = max(16, overlap_neighbors + 2, n_samples // 16)
    return sorted({int(n) for n in np.geomspace(min(smallest, n_samples), n_samples, 7).round()})
