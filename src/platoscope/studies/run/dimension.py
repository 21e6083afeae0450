"""A comparison of kind ``dimension``: Δ by layer, and the intrinsic dimension of the layers of both sides."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from platoscope.layerwise import count_items, dimension_profile, profile

if TYPE_CHECKING:
    import xarray as xr

    from platoscope.layerwise import LayerStack
    from platoscope.measures import SideName
    from platoscope.studies.run.computation import Computation

__all__ = ["dimension"]

_SCALES: Final = (1, 4, 16)
_MAIN: Final = 4
_ENOUGH_DISTINCT: Final = 0.9
_SIDES: Final[tuple[SideName, ...]] = ("a", "b")


def dimension(task: Computation, /) -> xr.Dataset:
    """Compute Δ of matched layers, and the intrinsic dimension of each of them by TwoNN and by GRIDE at several scales.

    Returns
    -------
    xarray.Dataset
        The profile of Δ, with ``twonn`` over ``side`` and ``layer`` and ``gride`` also over ``n_neighbors`` (those of 1, 4
        and 16 that the subsamples reach), both with ``_se``, ``_low``, ``_high`` and ``_resamples`` from the subsamples of
        Δ; ``gride_scale``, the mean distance at which a value is seen; ``n_distinct``, and ``comparable``: whether nine
        of ten items of a layer are distinct, so that its dimension is one of about the same items as others'. The
        attribute ``main_n_neighbors`` is the scale that statements read.

    Raises
    ------
    InputError
        Too few items for two neighbors in each subsample.
    """
    import xarray as xr  # 0.6 s to import

    settings = task.settings
    base = profile(
        task.a,
        task.b,
        match=task.comparison.match,
        options=replace(task.options, n_permutations=0, items=False),
        measures=("information_imbalance",),
        rng=settings.seed,
    )
    scales = _reached(task)
    sides = [
        _of_side(task, stack, side, scales, base[f"layer_{side}"].values)
        for stack, side in zip((task.a, task.b), _SIDES, strict=True)
    ]
    found = xr.concat(
        [side.assign_coords(layer=base.layer.values) for side in sides],
        xr.Variable("side", list(_SIDES)),
        data_vars="all",
        coords="minimal",
        compat="override",
        join="exact",
        combine_attrs="drop",
    )
    distinct = _ENOUGH_DISTINCT * int(base.attrs["n_samples"])
    found["comparable"] = found["n_distinct"] >= distinct
    main = max((k for k in scales if k <= _MAIN), default=scales[0])
    return base.assign(found.variables).assign_coords(found.coords).assign_attrs(main_n_neighbors=main)


def _reached(task: Computation) -> tuple[int, ...]:
    """Return the scales whose neighbors every subsample has."""
    settings, n = task.settings, count_items(task.a)
    size = max(2, round(settings.resample_fraction * n)) if settings.n_resamples else n
    return tuple(k for k in _SCALES if 2 * k < size) or _SCALES[:1]


def _of_side(
    task: Computation, stack: LayerStack, side: SideName, scales: tuple[int, ...], layers: Any
) -> xr.Dataset:
    """Return what is said of the layers of one side, in the order of the profile."""
    settings = task.settings

    def measured(method: str, n_neighbors: tuple[int, ...]) -> xr.Dataset:
        result = dimension_profile(
            stack,
            method=method,
            n_neighbors=n_neighbors,
            metric=settings.metric,
            transform=task.options.transform_of(side),
            n_resamples=settings.n_resamples,
            resample_fraction=settings.resample_fraction,
            rng=settings.seed,
        )
        names = {name: str(name).replace("dimension", method, 1) for name in result.data_vars}
        return result.rename(names).drop_vars("relative_depth").sel(layer=layers)

    line = measured("twonn", (1,)).squeeze("n_neighbors", drop=True)
    return measured("gride", scales).assign(line.drop_vars(["twonn_scale", "n_distinct"]).variables)
