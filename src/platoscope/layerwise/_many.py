"""Several models, every one with every other."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.checks import in_short, listing, number
from platoscope.cluster import Task, check_cluster, using_cluster
from platoscope.errors import InputError
from platoscope.layerwise._compare import compare, of_one_measure
from platoscope.layerwise._labels import higher_is_similar
from platoscope.layerwise._stacks import prepared_once
from platoscope.measures import choose_measures
from platoscope.progress import telling
from platoscope.representations import Representations

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    import xarray as xr

    from platoscope.cluster import Cluster
    from platoscope.measures import ComparisonOptions, Measure
    from platoscope.progress import Tell

__all__ = ["compare_many", "most_similar"]

_DEPTHS = tuple(round(0.1 * tenth, 1) for tenth in range(11))


def compare_many(
    models: Mapping[str, Any],
    /,
    *,
    measure: str | Measure = "information_imbalance",
    depths: Sequence[float] = _DEPTHS,
    options: ComparisonOptions | None = None,
    progress: Tell | bool | None = None,
    cluster: Cluster | str | os.PathLike[str] | None = None,
) -> xr.Dataset:
    """Compare every model with every other: at the best pair of layers, and at equal relative depths.

    Parameters
    ----------
    models : mapping of name to stack of layers
        At least two, over the same items: what `platoscope.extract` returns of each model, or arrays.
    measure : str or Measure
        Of two directions or one.
    depths : sequence of float
        Relative depths, from 0 (embeddings) to 1 (last block), at which each model is taken at its nearest layer.
    options : ComparisonOptions, optional
        Transform (one for all models), metric and neighbors; no intervals and nulls are computed.
    progress : bool or callable, optional
        As in `platoscope.compare`.
    cluster : Cluster, str or path, optional
        Whose workers compare every two models, as `platoscope.cluster.open_cluster` takes or gives it; the numbers are the
        same. Models must be stored then, as `platoscope.extract` returns them.

    Returns
    -------
    xarray.Dataset
        Over ``model_a`` and ``model_b``: ``best``, the measure from A to B at the pair of layers where it says most
        similar, with these layers ``best_layer_a`` and ``best_layer_b``; ``equal_depth``, over ``relative_depth`` as well.
        Row A, column B is Δ(A→B), so that both directions are in one table; a model with itself is missing. The best
        of many pairs of layers is better than one by chance, the more so the more layers there are.

    Raises
    ------
    InputError
        Fewer than two models, a depth outside 0 to 1, more than one measure, a transform for each side, models in memory
        that workers would read; otherwise as `platoscope.compare`.
    ClusterError
        If workers are lost, or do not see the store.

    Notes
    -----
    One grid for every two models: n (n − 1) / 2 of them. The layers of all models are prepared once and stay in memory,
    4 bytes for every two items and 4 for every item and feature of each layer, where that is less than half of what is
    available; otherwise, and by workers, those of two models at a time, and each model is prepared anew for every other.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> whole = rng.standard_normal((2, 100, 8))
    >>> found = compare_many({"whole": whole, "part": whole[:, :, :3], "noise": rng.standard_normal((2, 100, 8))})
    >>> float(found.best.sel(model_a="whole", model_b="part")) < float(found.best.sel(model_a="part", model_b="whole"))
    True
    >>> found.equal_depth.sel(model_a="whole", model_b="noise", relative_depth=1.0).round().item()
    1.0
    """
    import xarray as xr  # 0.6 s to import

    _check_models(models)
    at = [
        number("each of depths", depth, low=0.0, high=1.0) for depth in listing("depths", depths, of="depths")
    ]
    chosen = of_one_measure(measure, options)
    if isinstance(chosen.transform, Mapping):
        message = f"every model is compared in one space: transform must be one for all; got {dict(chosen.transform)}."
        raise InputError(message)
    (asked,) = choose_measures(chosen.measures)
    name = asked.name
    names = list(models)
    n = len(names)
    best = np.full((n, n), np.nan)
    layers = np.full((2, n, n), -1)
    equal = np.full((n, n, len(at)), np.nan)
    attributes: dict[str, Any] = {}
    said: dict[str, Any] = {}
    with telling(progress) as tell:
        for (a, b), grid in _grids(models, asked, chosen, tell, cluster):
            i, j = names.index(a), names.index(b)
            attributes, said = _settings(grid), dict(grid[name].attrs) | {"directed": int(asked.directed)}
            for (row, column), table in zip(((i, j), (j, i)), _both_ways(grid, name), strict=True):
                place = most_similar(table, higher_is_similar(grid, name) is not False)
                best[row, column] = table[place]
                here, there = (grid[f"layer_{side}"].values[k] for side, k in zip("ab", place, strict=True))
                layers[:, row, column] = (here, there) if row == i else (there, here)
                equal[row, column] = [table[_nearest(grid, depth)] for depth in at]
    over = ("model_a", "model_b")
    return xr.Dataset(
        {
            "best": (over, best, said),
            "best_layer_a": (over, layers[0]),
            "best_layer_b": (over, layers[1]),
            "equal_depth": ((*over, "relative_depth"), equal, said),
        },
        {"model_a": names, "model_b": names, "relative_depth": at},
        attributes | {"measure": name},
    )


def _grids(
    models: Mapping[str, Any],
    measure: Measure,
    options: ComparisonOptions,
    tell: Tell | None,
    cluster: Cluster | str | os.PathLike[str] | None,
    /,
) -> Iterator[tuple[tuple[str, str], xr.Dataset]]:
    """Yield every two models and their grid, computed here or by workers."""
    every_two = list(combinations(models, 2))
    if cluster is None:
        stacks = prepared_once(models, (measure,), options, tell)
        for a, b in every_two:
            yield (a, b), compare(stacks[a], stacks[b], options=options, progress=tell)
        return
    check_cluster(cluster)
    for name, stack in models.items():
        if not isinstance(stack, Representations) or stack.location == "memory":
            message = (
                f"workers read layers from the store, and those of {name!r} are in memory. Give what platoscope.extract "
                "returns, or compare without a cluster."
            )
            raise InputError(message)
    call = uuid.uuid4().hex
    tasks = {f"platoscope-two-models-{call}-{place}": (a, b) for place, (a, b) in enumerate(every_two)}
    found: dict[tuple[str, str], xr.Dataset] = {}

    def keep(task: Task, grid: xr.Dataset) -> tuple[()]:
        found[tasks[task.key]] = grid
        if tell is not None:
            tell("comparing models", len(found), len(tasks))
        return ()

    with using_cluster(cluster) as workers:
        assert workers is not None
        workers.run(
            [
                Task(key, f"comparing {a!r} with {b!r}", _compare_stored, (a, b))
                for key, (a, b) in tasks.items()
            ],
            shared=(dict(models), options),
            on_done=keep,
        )
    yield from ((two, found[two]) for two in every_two)


def _compare_stored(
    models: Mapping[str, Representations], options: ComparisonOptions, a: str, b: str, /
) -> xr.Dataset:
    """Compare two of the models, in a worker."""
    for name in (a, b):
        models[name].require_there()
    return compare(models[a], models[b], options=options)


def _check_models(models: object, /) -> None:
    if (
        not isinstance(models, Mapping)
        or len(models) < 2
        or not all(isinstance(name, str) for name in models)
    ):
        message = f"models must be a dict of at least two, by name; got {in_short(models)}."
        raise InputError(message)


def _both_ways(grid: xr.Dataset, name: str, /) -> list[np.ndarray[Any, Any]]:
    """Return the measure over layers of A and of B, from A to B and from B to A."""
    values = grid[name]
    if "direction" not in values.dims:
        values = values.expand_dims(direction=["a_to_b", "b_to_a"])
    return [values.sel(direction=way).transpose("layer_a", "layer_b").values for way in ("a_to_b", "b_to_a")]


def most_similar(values: np.ndarray[Any, Any], higher: bool, /) -> tuple[int, ...]:
    """Return where an array says most similar; `higher` says which end of the scale that is."""
    flat = np.where(np.isnan(values), -np.inf, values if higher else -values).argmax()
    return tuple(map(int, np.unravel_index(flat, values.shape)))


def _nearest(grid: xr.Dataset, depth: float, /) -> tuple[int, int]:
    """Return the layer of A and that of B nearest to a depth."""
    a, b = (int(np.abs(grid[f"relative_depth_{side}"].values - depth).argmin()) for side in "ab")
    return a, b


def _settings(grid: xr.Dataset, /) -> dict[str, Any]:
    return {
        name: grid.attrs[name] for name in ("n_samples", "n_neighbors", "metric", "transform", "versions")
    }
