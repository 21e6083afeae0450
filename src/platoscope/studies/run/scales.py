"""Layers compared inside groups of items, across them, and at every neighborhood size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from platoscope.errors import InputError
from platoscope.layerwise import count_items, profile
from platoscope.measures import group_numbers, item_squares, restricted, scale_curve, subsamples
from platoscope.neighbors import as_space

if TYPE_CHECKING:
    from collections.abc import Iterator

    import xarray as xr
    from numpy.typing import NDArray

    from platoscope.layerwise import LayerStack
    from platoscope.studies.run.computation import Computation

__all__ = ["MIN_SIZE", "scales"]

MIN_SIZE: Final = 5
"""Items of smaller groups have no Δ within their group."""
# Of the items in a subsample: of a quarter too few groups would be left that are large enough.
_FRACTION: Final = 0.5
# Random groups are averaged over so many shuffles, of a subsample over fewer.
_SHUFFLES, _SHUFFLES_OF_SUBSAMPLE = 20, 3
_NAMES: Final = (
    "information_imbalance",
    "within",
    "within_shuffled",
    "between",
    "excess_near",
    "excess_wide",
)


def scales(task: Computation, /) -> xr.Dataset:
    """Compute Δ among all items, inside groups, inside random groups of the same sizes, and across groups, by layer.

    Returns
    -------
    xarray.Dataset
        The profile, with ``within``, ``within_shuffled``, ``between`` over ``direction`` and ``layer``; ``excess`` also
        over ``n_neighbors`` (`platoscope.layerwise.scale_profile`), and its ends ``excess_near`` (one neighbor) and
        ``excess_wide`` (a quarter of the items).

    Raises
    ------
    InputError
        Data without groups.
    """
    label = task.comparison.label
    if task.strata is None:
        msg = f"comparison {label!r} of kind 'scales' needs data with groups (a column of strata), such as books or classes"
        raise InputError(msg)
    n, settings = count_items(task.a), task.settings
    group = group_numbers(task.strata, MIN_SIZE)
    base = profile(
        task.a,
        task.b,
        match=task.comparison.match,
        options=replace(
            task.options, n_resamples=0, n_permutations=0, items=False, resample_fraction=_FRACTION
        ),
        measures=("information_imbalance",),
        rng=settings.seed,
    )
    stream = np.random.default_rng([settings.seed, n])
    draws = (
        subsamples(n, n_resamples=settings.n_resamples, fraction=_FRACTION, rng=stream)
        if settings.n_resamples
        else np.empty((0, 0), np.intp)
    )
    values, resampled, curves = [], [], []
    for A, B in _matrices(task, base):
        # One stream for all layers: they see the same random groups.
        shuffled = np.random.default_rng([settings.seed, n, 1])
        curve = scale_curve(A, B, max(1, n // 4))
        curves.append(_excess(curve, n))
        values.append(_numbers(A, B, group, curve, _SHUFFLES, shuffled))
        resampled.append(
            [
                _numbers(*_part(A, B, rows), group[rows], None, _SHUFFLES_OF_SUBSAMPLE, shuffled)
                for rows in draws
            ]
        )
    return _labeled(base, np.stack(values, -1), np.array(resampled), np.stack(curves, 1), group)


def _matrices(task: Computation, base: xr.Dataset) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Give the squared distances of both sides of each row of the profile."""
    positions = [
        [list(stack.layers).index(int(layer)) for layer in base[name].values]
        for stack, name in ((task.a, "layer_a"), (task.b, "layer_b"))
    ]
    for a, b in zip(*positions, strict=True):
        yield _squares(task, task.a, a, "a"), _squares(task, task.b, b, "b")


def _squares(task: Computation, stack: LayerStack, position: int, side: Any) -> NDArray[Any]:
    layer: Any = stack.parts(position)
    transform = task.options.transform_of(side)
    return item_squares(as_space(layer, f"layer {stack.layers[position]} of {side}", "euclidean", transform))


def _part(A: NDArray[Any], B: NDArray[Any], rows: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[Any]]:
    return A[np.ix_(rows, rows)], B[np.ix_(rows, rows)]


def _excess(curve: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    floor = (np.arange(1, curve.shape[-1] + 1) + 1) / n
    return np.asarray((curve - floor) / (1 - floor))


def _numbers(
    A: NDArray[Any],
    B: NDArray[Any],
    group: NDArray[np.intp],
    curve: NDArray[np.float64] | None,
    n_shuffles: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return what `_NAMES` are, in both directions, shape (n_names, 2); NaN where no group is large enough."""
    n = len(group)
    same = group[:, None] == group
    large = np.bincount(group)[group] >= MIN_SIZE
    if curve is None:
        curve = scale_curve(A, B, max(1, n // 4))
    excess = _excess(curve, n)
    shuffled = []
    for _ in range(n_shuffles if large.any() else 0):
        order = rng.permutation(n)
        shuffled.append(restricted(A, B, same[np.ix_(order, order)])[:, large[order]].mean(axis=1))
    nothing = np.full(2, np.nan)
    return np.stack(
        [
            curve[:, 0],
            restricted(A, B, same)[:, large].mean(axis=1) if large.any() else nothing,
            np.mean(shuffled, axis=0) if shuffled else nothing,
            restricted(A, B, ~same).mean(axis=1),
            excess[:, 0],
            excess[:, -1],
        ]
    )


def _labeled(
    base: xr.Dataset,
    values: NDArray[np.float64],
    resampled: NDArray[np.float64],
    curves: NDArray[np.float64],
    group: NDArray[np.intp],
) -> xr.Dataset:
    variables: dict[str, Any] = {"excess": (("direction", "layer", "n_neighbors"), curves)}
    for i, name in enumerate(_NAMES):
        if i:
            variables[name] = (("direction", "layer"), values[i])
        if resampled.shape[1]:
            drawn = resampled[:, :, i].transpose(1, 2, 0)
            variables[f"{name}_resamples"] = (("resample", "direction", "layer"), drawn)
    sizes = np.bincount(group)
    return (
        base.assign(variables)
        .assign_coords(n_neighbors=np.arange(1, curves.shape[-1] + 1))
        .assign_attrs(
            resample_fraction=_FRACTION,
            n_groups=len(sizes),
            min_group_size=MIN_SIZE,
            n_within=int(sizes[sizes >= MIN_SIZE].sum()),
        )
    )
