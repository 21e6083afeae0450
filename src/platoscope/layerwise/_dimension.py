"""The intrinsic dimension of every layer, at several scales, with intervals."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.checks import one_of, whole_number, whole_numbers
from platoscope.errors import InputError, PlatoscopeWarning
from platoscope.layerwise._labels import versions_in_words
from platoscope.layerwise._layer_stack import as_stack, check_stack, n_rows, read_layer
from platoscope.measures import DIMENSION_METHODS, Z95, layer_dimensions, standard_errors, subsamples
from platoscope.neighbors import (
    Space,
    as_space,
    check_metric,
    metric_name,
    over_tasks,
    parse_transform,
    transform_name,
)
from platoscope.progress import telling
from platoscope.seeds import seed_in_words, seeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import xarray as xr

    from platoscope.layerwise._layer_stack import LayerStack
    from platoscope.neighbors import OwnMetric, Transform
    from platoscope.progress import Tell

__all__ = ["dimension_profile"]


def dimension_profile(
    A: Any,
    /,
    *,
    method: str = "gride",
    n_neighbors: Sequence[int] = (1, 4, 16),
    metric: str | OwnMetric = "euclidean",
    transform: Transform = "none",
    n_resamples: int = 40,
    resample_fraction: float = 0.25,
    rng: int | np.random.Generator | None = None,
    progress: Tell | bool | None = None,
) -> xr.Dataset:
    """Estimate the intrinsic dimension of every layer, as `platoscope.measures.intrinsic_dimension` does of one.

    Parameters
    ----------
    A : stack of layers
        As in `platoscope.compare`: an array of shape (n_layers, n_samples, n_features), Representations, a list of layers.
    method : {"gride", "twonn", "twonn_ml"}
        The last two for ``n_neighbors=(1,)`` alone.
    n_neighbors : sequence of int
        The scales of GRIDE, n₁.
    metric, transform
        As in `platoscope.measures.intrinsic_dimension`.
    n_resamples, resample_fraction : int, float
        Subsamples without replacement behind the 95 % intervals; 0 for none. With the seed of a profile they are the
        same items as its subsamples, so that the dimension can be compared with Δ draw by draw.
    rng : int, numpy.random.Generator or None
        Draws the subsamples.
    progress : bool or callable, optional
        As in `platoscope.compare`.

    Returns
    -------
    xarray.Dataset
        Over ``n_neighbors`` and ``layer``: ``dimension`` with ``_se``, ``_low``, ``_high`` and ``_resamples``, and
        ``dimension_scale``, the mean distance at which it is seen. ``n_distinct`` over ``layer``: items that are equal to
        an earlier one are left out of a layer's estimate, and this counts those that stay.

    Raises
    ------
    InputError
        Too few items or subsamples too small for the neighbors; a metric that counts; otherwise as `platoscope.compare`.

    Warns
    -----
    PlatoscopeWarning
        Layers with equal items, and layers without a dimension (too few distinct items), which are left missing.

    Notes
    -----
    Subsamples are smaller, and see each layer at a larger scale: what is taken from them is their spread, which is that of
    a mean over items at equal n₁, and not their level. It counts what neighborhoods share.

    Examples
    --------
    >>> import numpy as np
    >>> Z = np.random.default_rng(0).standard_normal((400, 6))
    >>> layers = [Z[:, :2], np.hstack([Z, Z @ np.ones((6, 3))])]
    >>> found = dimension_profile(layers, n_neighbors=[2], rng=0)
    >>> found.dimension.sel(n_neighbors=2).round().values.tolist()
    [2.0, 6.0]
    """
    scales = _checked(method, n_neighbors, metric)
    steps = parse_transform(transform)
    stack = as_stack(A, "A")
    check_stack(stack, "A")
    drawn, seed = seeded(rng)
    n_items = n_rows(read_layer(stack, 0, "A"))
    sets = _sets(n_items, scales, n_resamples, resample_fraction, drawn)
    found, distinct = [], []
    with telling(progress) as tell:
        for index in range(len(stack.layers)):
            space = _prepared(stack, index, n_items, metric, steps)
            found.append(_of_layer(space, scales, method, metric, sets))
            distinct.append(space.n_distinct)
            if tell is not None:
                tell("measuring dimensions", index + 1, len(stack.layers))
    attributes = {
        "n_samples": n_items, "method": method, "metric": metric_name(metric), "transform": transform_name(steps),
        "n_resamples": len(sets), "resample_fraction": resample_fraction,
        "seed": seed_in_words(seed),
        "versions": versions_in_words(),
        "provenance": json.dumps({"a": dict(stack.provenance)}, default=str),
    }  # fmt: skip
    _warn(stack, np.stack([each[0][0] for each in found]), distinct, n_items)
    return _labeled(found, distinct, stack, scales, attributes, sets)


def _checked(method: object, n_neighbors: Any, metric: Any) -> tuple[int, ...]:
    """Return the scales, or say what of these does not go together."""
    one_of("method", method, DIMENSION_METHODS)
    check_metric("metric", metric)
    if metric == "hamming":
        message = (
            "metric='hamming' counts, and ratios of counts say no dimension; use 'euclidean' or 'cosine'."
        )
        raise InputError(message)
    scales = tuple(whole_numbers("n_neighbors", n_neighbors, low=1))
    if method != "gride" and scales != (1,):
        message = f"{method} looks at the first two neighbors: give n_neighbors=(1,) with it, not {scales}."
        raise InputError(message)
    if len(set(scales)) < len(scales):
        message = f"n_neighbors must name each scale once; got {scales}."
        raise InputError(message)
    return scales


def _sets(
    n_items: int, scales: tuple[int, ...], n_resamples: int, fraction: float, rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Return the items of every subsample: those that `platoscope.profile` draws with the same seed."""
    none = np.empty((0, 0), np.intp)
    resampling, _ = rng.spawn(2)  # one for subsamples and one for permutations, as there
    wanted = whole_number("n_resamples", n_resamples, low=0)
    sets = subsamples(n_items, n_resamples=wanted, fraction=fraction, rng=resampling) if wanted else none
    size = sets.shape[1] if wanted else n_items
    if 2 * max(scales) > size - 1:
        what = f"subsamples of {size} items" if wanted else f"{size} items"
        message = (
            f"n_neighbors={max(scales)} needs the {2 * max(scales)} nearest neighbors of every item, and there are "
            f"{what}. Use fewer neighbors, more items, a larger resample_fraction, or n_resamples=0."
        )
        raise InputError(message)
    return sets


def _prepared(
    stack: LayerStack, index: int, n_items: int, metric: str | OwnMetric, steps: tuple[str, ...]
) -> Space:
    layer = read_layer(stack, index, "A", n_items=n_items)
    rows: Any = layer if isinstance(layer, Space) or len(layer) > 1 else layer[0]
    return as_space(rows, f"layer {stack.layers[index]} of A", metric, steps)


def _of_layer(
    space: Space, scales: tuple[int, ...], method: str, metric: str | OwnMetric, sets: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return dimension and distance at every scale, shape (2, n_scales), and the dimension on every subsample."""
    drawn = np.full((len(sets), len(scales)), np.nan)

    def work(start: int, stop: int) -> None:
        for draw in range(start, stop):
            drawn[draw] = layer_dimensions(space.subset(sets[draw]), scales, method, metric)[0]

    whole = layer_dimensions(space, scales, method, metric)
    if len(sets):
        over_tasks(work, len(sets))
    return whole, drawn


def _warn(stack: LayerStack, values: npt.NDArray[np.float64], distinct: list[int], n_items: int) -> None:
    missing = [str(label) for label, row in zip(stack.layers, values, strict=True) if np.isnan(row).any()]
    repeated = [n_items - n for n in distinct if n < n_items]
    if missing:
        message = (
            f"The intrinsic dimension is undefined, and left missing, in {len(missing)} of {len(distinct)} layers: "
            f"{', '.join(missing[:5])} (too few distinct items for so many neighbors, or equal distances)."
        )
        warnings.warn(message, PlatoscopeWarning, stacklevel=3)
    elif repeated:
        message = (
            f"In {len(repeated)} of {len(distinct)} layers items equal an earlier one, at most {max(repeated)} of "
            f"{n_items}; they are left out of the dimension there (n_distinct has the counts)."
        )
        warnings.warn(message, PlatoscopeWarning, stacklevel=3)


def _labeled(
    found: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]],
    distinct: list[int],
    stack: LayerStack,
    scales: tuple[int, ...],
    attributes: dict[str, Any],
    sets: npt.NDArray[np.intp],
) -> xr.Dataset:
    import xarray as xr  # 0.6 s to import

    over = ("n_neighbors", "layer")
    values, distances = np.stack([whole for whole, _ in found], axis=-1)
    variables: dict[str, Any] = {
        "dimension": (over, values, {"long_name": "intrinsic dimension"}),
        "dimension_scale": (over, distances, {"long_name": "mean distance of the two neighbors"}),
        "n_distinct": (("layer",), distinct),
    }
    if len(sets):
        drawn = np.stack([each for _, each in found], axis=-1)
        se = standard_errors(drawn, n_samples=int(attributes["n_samples"]), size=sets.shape[1])
        variables |= {
            "dimension_se": (over, se),
            "dimension_low": (over, values - Z95 * se),
            "dimension_high": (over, values + Z95 * se),
            "dimension_resamples": (("resample", *over), drawn),
        }
    coordinates = {
        "layer": list(stack.layers),
        "n_neighbors": list(scales),
        "relative_depth": ("layer", np.asarray(stack.relative_depth, np.float64)),
    }
    return xr.Dataset(variables, coordinates, attributes)
