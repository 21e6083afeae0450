"""Put names on the numbers: evaluations become one `xarray.Dataset`."""

from __future__ import annotations

import json
import warnings
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.arguments import labeled
from platoscope.checks import word
from platoscope.errors import PlatoscopeWarning
from platoscope.layerwise._matching import swept_side
from platoscope.measures import (
    Z95,
    adjusted_p_values,
    calibrate,
    find_measure,
    neighborhood_overlap_chance,
    standard_errors,
)
from platoscope.neighbors import metric_name, transform_name
from platoscope.representations import LAYER_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import xarray as xr

    from platoscope.layerwise._told import AnyStack
    from platoscope.measures import ComparisonOptions, Evaluation, Measure

__all__ = [
    "DIRECTIONS",
    "best_layer",
    "chance_along",
    "higher_is_similar",
    "label",
    "norm_side",
    "transforms_in_words",
    "versions_in_words",
    "warn_undefined_along",
]

DIRECTIONS = ("a_to_b", "b_to_a")


def label(
    evaluations: tuple[Evaluation, ...],
    a: AnyStack,
    b: AnyStack,
    pairs: Any,
    options: ComparisonOptions,
    seed: str,
    /,
    *,
    grid: bool,
    stratified: bool,
) -> xr.Dataset:
    """Return the labeled result; see `platoscope.compare` for its variables."""
    import xarray as xr  # 0.6 s to import

    shape = (len(a.spaces), len(b.spaces)) if grid else (len(pairs),)
    dims = ("layer_a", "layer_b") if grid else ("layer",)
    n_samples = a.spaces[0].n_samples
    size = round(options.resample_fraction * n_samples)
    variables: dict[str, Any] = {}

    def put(name: str, values: Any, leading: tuple[str, ...] = ()) -> None:
        """Add a variable whose last axis is the pairs; an axis of one direction is dropped."""
        values = np.asarray(values)
        if "direction" in leading and values.shape[leading.index("direction")] == 1:
            values = values.squeeze(leading.index("direction"))
            leading = tuple(dim for dim in leading if dim != "direction")
        variables[name] = ((*leading, *dims), values.reshape(*values.shape[:-1], *shape))

    def put_interval(name: str, values: Any, resamples: Any, leading: tuple[str, ...]) -> None:
        se = standard_errors(resamples, n_samples=n_samples, size=size)
        put(f"{name}_se", se, leading)
        put(f"{name}_low", values - Z95 * se, leading)
        put(f"{name}_high", values + Z95 * se, leading)
        put(f"{name}_resamples", resamples, ("resample", *leading))

    for done in evaluations:
        name = done.measure.name
        put(name, done.values, ("direction",))
        variables[name] = (*variables[name], _attributes_of(done.measure))
        if done.resamples is not None:
            put_interval(name, done.values, done.resamples, ("direction",))
        if done.null is not None:
            _put_null(variables, put, done, options, n_samples)
        _put_gap(put, put_interval, done)
    _warn_undefined(evaluations, a, b, pairs)
    return xr.Dataset(
        variables | _item_variables(evaluations, pairs, dims, shape),
        _coordinates(a, b, pairs, grid) | (_item_coordinates(a) if options.items else {}),
        _attributes(a, b, [done.measure for done in evaluations], options, seed, stratified),
    )


def _item_coordinates(a: AnyStack) -> dict[str, Any]:
    """Return the names of the items, and the positions by which `nearest_a` and `nearest_b` mean them."""
    names = list(a.items)
    return {"item": names, "item_position": ("item", np.arange(len(names), dtype=np.int32))}


def _item_variables(
    evaluations: Sequence[Evaluation], pairs: Any, dims: tuple[str, ...], shape: tuple[int, ...]
) -> dict[str, tuple[tuple[str, ...], Any]]:
    """Return what is said of items as variables: of each pair of layers, or of the layers of either side."""
    found: dict[str, tuple[tuple[str, ...], Any]] = {}
    by_item = {name: values for done in evaluations for name, values in done.by_item.items()}
    for name, (values, of) in by_item.items():
        n_items = values.shape[-1]
        if of == "direction":
            found[name] = (("direction", *dims, "item"), values.reshape(2, *shape, n_items))
            continue
        for side, side_name in enumerate(("a", "b")):
            rows, over = values[side], dims[-1]
            if len(dims) == 2:  # a grid has each layer in many pairs
                rows, over = rows[np.unique(pairs[:, side], return_index=True)[1]], dims[side]
            found[f"{name}_{side_name}"] = ((over, "item"), rows)
    return found


def _attributes_of(measure: Measure) -> dict[str, Any]:
    """Return what the variable of a measure says of it, so that a result can be read without its record."""
    return {"long_name": measure.label, "higher_is_similar": int(measure.higher_is_similar)}


def higher_is_similar(result: xr.Dataset, name: str, /) -> bool | None:
    """Say whether higher values of a measure in a result mean more similar.

    Parameters
    ----------
    result : xarray.Dataset
        Which says so of its variable; a result from before it did has measures of the table only.
    name : str
        The measure's.

    Returns
    -------
    bool or None
        None where neither the result nor the table knows.
    """
    labeled("result", result)
    word("name of a measure", name)
    stated = result[name].attrs.get("higher_is_similar") if name in result else None
    if stated is not None:
        return bool(stated)
    measure = find_measure(name)
    return None if measure is None else measure.higher_is_similar


def _put_gap(put: Any, put_interval: Any, done: Evaluation) -> None:
    gap = done.measure.gap
    if gap is None:
        return
    difference = done.values[0] - done.values[1]
    put(gap, difference)
    if done.resamples is not None:
        put_interval(gap, difference, done.resamples[:, 0] - done.resamples[:, 1], ())


def _put_null(variables: Any, put: Any, done: Evaluation, options: ComparisonOptions, n_samples: int) -> None:
    measure, name = done.measure, done.measure.name
    assert done.null is not None
    similarity, null = measure.similarity(done.values), measure.similarity(done.null)
    best = _best_similarity(measure, options, n_samples)
    calibration = calibrate(similarity, null, best=best, alpha=options.alpha)
    leading = ("direction",)
    put(f"{name}_null", done.null.mean(axis=0), leading)
    put(
        f"{name}_null_sd",
        done.null.std(axis=0, ddof=1) if len(done.null) > 1 else np.zeros_like(done.values),
        leading,
    )
    # On the scale of the measure itself, so that it can be drawn beside it.
    put(f"{name}_threshold", measure.similarity(calibration.threshold), leading)
    put(f"{name}_p", calibration.p_value, leading)
    put(f"{name}_p_adjusted", adjusted_p_values(similarity, null), leading)
    if not np.isnan(best):
        put(f"{name}_calibrated", calibration.score, leading)
    variables.update(best_layer(name, similarity, null, best=best, alpha=options.alpha))
    put(f"{name}_null_draws", done.null.astype(np.float32), ("permutation", *leading))


def _best_similarity(measure: Measure, options: ComparisonOptions, n_samples: int) -> float:
    identity = np.array(measure.identity(n_samples, options))
    return float(measure.similarity(identity))


def best_layer(
    name: str, similarity: Any, null: Any, /, *, best: float, alpha: float
) -> dict[str, tuple[tuple[str, ...], Any]]:
    """Return p-value and calibrated score of the claim about the best pair of layers, per direction.

    The statistic is the maximum over layers, and so is that of the null (Gröger et al. 2026, Alg. 2);
    `similarity` has shape (n_directions, n_pairs), `null` one axis more in front. Without a value for the `best`
    that there can be, there is no score.
    """
    defined = ~(np.isnan(similarity).any(axis=0) | np.isnan(null).any(axis=(0, 1)))
    if not defined.any():
        return {}
    top = calibrate(
        similarity[:, defined].max(axis=1), null[:, :, defined].max(axis=2), best=best, alpha=alpha
    )
    dims = ("direction",) if len(similarity) == 2 else ()
    return {
        f"{name}_best_{suffix}": (dims, values if dims else values[0])
        for suffix, values in (("p", top.p_value), ("calibrated", top.score))
        if suffix == "p" or not np.isnan(best)
    }


def _warn_undefined(evaluations: Sequence[Evaluation], a: AnyStack, b: AnyStack, pairs: Any) -> None:
    """Warn of missing values: once for all measures that lack the same cells, most often those of a constant layer."""
    lacking: dict[bytes, list[Evaluation]] = {}
    for done in evaluations:
        missing = np.isnan(done.values).any(axis=0)
        if missing.any():
            lacking.setdefault(missing.tobytes(), []).append(done)
        _warn_undefined_draws(done, a, b, pairs[~missing], ~missing)
    compared = [stack.spaces[i] for stack, used in zip((a, b), pairs.T, strict=True) for i in np.unique(used)]
    constant = [space.name for space in compared if space.n_distinct == 1]
    reason = "it does not vary over the items" if constant else "too little varies over the items"
    for alike in lacking.values():
        missing = np.isnan(alike[0].values).any(axis=0)
        names = constant or [f"{a.spaces[i].name} with {b.spaces[j].name}" for i, j in pairs[missing][:5]]
        titles = " and ".join(done.measure.title for done in alike)
        message = (
            f"{titles} {'is' if len(alike) == 1 else 'are'} undefined in {int(missing.sum())} of {len(pairs)} cells, "
            f"left missing: {', '.join(names)} ({reason})."
        )
        warnings.warn(message, PlatoscopeWarning, stacklevel=5)


def _warn_undefined_draws(done: Evaluation, a: AnyStack, b: AnyStack, pairs: Any, defined: Any) -> None:
    """Warn where a measure is defined on all items and not under every permutation, or on every subsample."""
    for draws, what, lost in (
        (done.null, "shuffled pairings", "p-values"),
        (done.resamples, "subsamples", "intervals"),
    ):
        missing = np.isnan(draws[..., defined]).any(axis=(0, 1)) if draws is not None else np.zeros(0, bool)
        if missing.any():
            i, j = pairs[missing][0]
            message = (
                f"{done.measure.title} is undefined on some {what} in {int(missing.sum())} cells, whose {lost} are left "
                f"missing; the first is {a.spaces[i].name} with {b.spaces[j].name}."
            )
            warnings.warn(message, PlatoscopeWarning, stacklevel=6)


def _coordinates(a: AnyStack, b: AnyStack, pairs: Any, grid: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"direction": list(DIRECTIONS)}
    for side, stack, rows in (("a", a, pairs[:, 0]), ("b", b, pairs[:, 1])):
        names = stack.provenance.get(LAYER_NAMES)
        if names is not None and len(names) == len(stack.layers):
            shown = names if grid else [names[row] for row in rows]
            found[f"layer_name_{side}"] = (f"layer_{side}" if grid else "layer", list(map(str, shown)))
    if grid:
        return found | {
            "layer_a": list(a.layers),
            "layer_b": list(b.layers),
            "relative_depth_a": ("layer_a", a.relative_depth),
            "relative_depth_b": ("layer_b", b.relative_depth),
        }
    of_a, of_b = pairs[:, 0], pairs[:, 1]
    swept = swept_side(pairs)
    return found | {
        "layer": [(a, b)[swept].layers[i] for i in pairs[:, swept]],
        "layer_a": ("layer", [a.layers[i] for i in of_a]),
        "layer_b": ("layer", [b.layers[i] for i in of_b]),
        "relative_depth_a": ("layer", a.relative_depth[of_a]),
        "relative_depth_b": ("layer", b.relative_depth[of_b]),
    }


def chance_along(
    dim: str, measures: Sequence[Measure], points: Sequence[tuple[int, ComparisonOptions]], /
) -> dict[str, Any]:
    """Return the level of chance of those measures that have another one at each of the points (N, options) of a curve."""
    levels = {
        f"{m.name}_chance": [m.chance(*point) for point in points]
        for m in measures
        if m.uses_overlap_neighbors
    }
    return {name: ((dim,), found) for name, found in levels.items() if np.isfinite(found).all()}


def warn_undefined_along(
    dim: str, measures: Sequence[Measure], points: Sequence[int], values: Mapping[str, Any], /
) -> None:
    """Warn once of the measures that are undefined at some points of a curve; `values` have the points first."""
    where = []
    for measure in measures:
        missing = np.isnan(values[measure.name]).reshape(len(points), -1).any(axis=1)
        if missing.any():
            at = ", ".join(str(point) for point, bad in zip(points, missing, strict=True) if bad)
            where.append(f"{measure.title} at {dim} = {at}")
    if where:
        message = f"Undefined, and left missing: {'; '.join(where)} (a side does not vary over the items, or too little)."
        warnings.warn(message, PlatoscopeWarning, stacklevel=3)


def transforms_in_words(a: Iterable[tuple[str, ...]], b: Iterable[tuple[str, ...]], /) -> str:
    """Say how the rows of both sides were prepared; a `Space` that was handed in keeps its own way."""
    ways = [sorted({transform_name(steps) for steps in side}) for side in (a, b)]
    first, second = (" or ".join(way) for way in ways)
    return first if first == second else f"A: {first}; B: {second}"


def _attributes(
    a: AnyStack,
    b: AnyStack,
    measures: Sequence[Measure],
    options: ComparisonOptions,
    seed: str,
    stratified: bool,
) -> dict[str, Any]:
    n_samples = a.spaces[0].n_samples
    best = {f"{m.name}_best": _best_similarity(m, options, n_samples) for m in measures}
    return {
        "n_samples": n_samples,
        "measures": json.dumps([measure.name for measure in measures]),
        "n_neighbors": options.n_neighbors,
        "metric": metric_name(options.metric),
        "transform": transforms_in_words(*((space.transform for space in side.spaces) for side in (a, b))),
        "overlap_neighbors": options.overlap_neighbors,
        "overlap_metric": metric_name(options.overlap_metric),
        "estimator": "full",
        "ties": "average",
        "neighborhood_overlap_chance": neighborhood_overlap_chance(n_samples, options.overlap_neighbors),
        "n_resamples": options.n_resamples,
        "resample_fraction": options.resample_fraction,
        "interval_method": options.interval_method,
        "n_permutations": options.n_permutations,
        "stratified": int(stratified),
        "alpha": options.alpha,
        "seed": seed,
        "versions": versions_in_words(),
        "last_layer": norm_side({"a": a.provenance, "b": b.provenance}),
        "provenance": json.dumps({"a": dict(a.provenance), "b": dict(b.provenance)}, default=str),
    } | best


@cache  # finding and parsing what a package says of itself took longer than comparing a few layers
def versions_in_words() -> str:
    """Return the versions of what decides numbers, as JSON."""
    return json.dumps({name: version(name) for name in ("platoscope", "numpy", "scipy", "numba")})


def norm_side(provenance: Mapping[str, Mapping[str, Any]], /) -> str:
    """Say on which side of the model's final norm the last layer of each side stands; empty where none is known.

    Parameters
    ----------
    provenance : mapping
        Of ``"a"`` and ``"b"``, as representations hold it.
    """
    sides = []
    for side in ("a", "b"):
        model = provenance.get(side, {}).get("model")
        known = model.get("final_norm") if isinstance(model, dict) else None
        sides.append("" if known is None else "after" if known else "before")
    a, b = sides
    return a if a == b else f"A: {a or '–'}; B: {b or '–'}"
