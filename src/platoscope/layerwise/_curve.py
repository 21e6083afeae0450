"""How a measure depends on the number of items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.errors import InputError
from platoscope.layerwise._labels import DIRECTIONS
from platoscope.measures import Options, get_measure
from platoscope.measures._inputs import two_spaces

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

__all__ = ["n_curve"]


def n_curve(
    X: Any,
    Y: Any,
    /,
    *,
    sizes: Sequence[int] | None = None,
    measures: Sequence[str] = ("information_imbalance", "neighborhood_overlap", "cka_debiased", "cka_biased"),
    n_draws: int = 10,
    n_neighbors: int = 1,
    metric: str = "euclidean",
    overlap_neighbors: int = 10,
    overlap_metric: str = "cosine",
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
    measures, n_neighbors, metric, overlap_neighbors, overlap_metric, rng
        As in `compare`.

    Returns
    -------
    xarray.Dataset
        Each measure over ``draw``, ``n_samples`` and, where it is directed, ``direction``;
        ``neighborhood_overlap_chance`` over ``n_samples``.

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
    import xarray as xr

    A, B = two_spaces(X, Y, metric)
    table = [get_measure(name) for name in measures]
    sizes = _sizes(A.n_samples, overlap_neighbors) if sizes is None else list(sizes)
    smallest = max(n_neighbors, overlap_neighbors) + 2
    if min(sizes) < smallest or max(sizes) > A.n_samples or n_draws < 1:
        message = (
            f"sizes must lie between {smallest} and {A.n_samples}, with n_draws >= 1; got {sizes}, {n_draws}."
        )
        raise InputError(message)
    generator = np.random.default_rng(rng)
    pair = np.zeros((1, 2), np.intp)
    out = {m.name: np.empty((n_draws, len(sizes), 2 if m.directed else 1)) for m in table}
    for draw in range(n_draws):
        order = generator.permutation(A.n_samples)
        for s, size in enumerate(sizes):
            if draw > 0 and size == A.n_samples:
                for values in out.values():
                    values[draw, s] = values[0, s]
                continue
            items = np.sort(order[:size])
            options = Options(n_neighbors, metric, overlap_neighbors, overlap_metric)
            some = [A.subset(items)], [B.subset(items)]
            for measure in table:
                out[measure.name][draw, s] = measure.scores(*some, pair, options)[:, 0]
    dims = ("draw", "n_samples", "direction")
    variables = {
        m.name: (dims, out[m.name]) if m.directed else (dims[:2], out[m.name][..., 0]) for m in table
    }
    chance = [
        get_measure("neighborhood_overlap").chance(n, Options(overlap_neighbors=overlap_neighbors))
        for n in sizes
    ]
    return xr.Dataset(
        variables | {"neighborhood_overlap_chance": (("n_samples",), chance)},
        {"n_samples": list(sizes), "direction": list(DIRECTIONS)},
        {
            "n_neighbors": n_neighbors,
            "metric": metric,
            "overlap_neighbors": overlap_neighbors,
            "n_draws": n_draws,
        },
    )


def _sizes(n_samples: int, overlap_neighbors: int) -> list[int]:
    smallest = max(16, overlap_neighbors + 2, n_samples // 16)
    return sorted({int(n) for n in np.geomspace(min(smallest, n_samples), n_samples, 7).round()})
