"""A profile is a slice of a grid (docs/measures.md, "Layers"): taken from it, nothing is computed again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from platoscope.errors import InputError
from platoscope.layerwise._labels import best_layer
from platoscope.measures import get_measure

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["match_layers", "take_profile"]


def match_layers(depth_a: Any, depth_b: Any, match: str = "index", /) -> np.ndarray[Any, Any]:
    """Return pairs of positions: layer l with layer l, or with the layer nearest in relative depth.

    Raises
    ------
    InputError
        Stacks of different length with ``match="index"``, or an unknown `match`.
    """
    depth_a, depth_b = np.asarray(depth_a, np.float64), np.asarray(depth_b, np.float64)
    if match == "index":
        if len(depth_a) != len(depth_b):
            message = (
                f"match='index' needs stacks of the same length; got {len(depth_a)} and {len(depth_b)} layers. "
                "Use match='relative_depth'."
            )
            raise InputError(message)
        return np.stack([np.arange(len(depth_a))] * 2, axis=1)
    if match == "relative_depth":
        nearest = np.abs(depth_a[:, None] - depth_b[None, :]).argmin(axis=1)
        return np.stack([np.arange(len(depth_a)), nearest], axis=1)
    message = f"match must be 'index' or 'relative_depth'; got {match!r}."
    raise InputError(message)


def take_profile(grid: xr.Dataset, /, *, match: Literal["index", "relative_depth"] = "index") -> xr.Dataset:
    """Return the profile of matched layers that a grid contains.

    Parameters
    ----------
    grid : xarray.Dataset
        From `platoscope.compare`.
    match : {"index", "relative_depth"}
        As in `platoscope.profile`.

    Returns
    -------
    xarray.Dataset
        What `platoscope.profile` returns for the same layers, measures and seed; the best-layer
        statistic is that of the profile, against the null of the profile.

    Raises
    ------
    InputError
        `grid` is not a grid, or its sides cannot be matched.

    Examples
    --------
    >>> import numpy as np
    >>> from platoscope import compare, profile
    >>> A = np.random.default_rng(0).standard_normal((3, 60, 4))
    >>> grid = compare(A, A[:, :, :2], measures=["information_imbalance"], rng=0)
    >>> direct = profile(A, A[:, :, :2], measures=["information_imbalance"], rng=0)
    >>> bool(np.allclose(take_profile(grid).asymmetry_low, direct.asymmetry_low))
    True
    """
    import xarray as xr

    if not {"layer_a", "layer_b"} <= set(grid.sizes):
        message = f"take_profile needs a grid over layer_a and layer_b; got dimensions {tuple(grid.sizes)}."
        raise InputError(message)
    pairs = match_layers(grid.relative_depth_a, grid.relative_depth_b, match)
    layers = grid.layer_a.values[pairs[:, 0]]
    chosen = {
        "layer_a": xr.DataArray(pairs[:, 0], dims="layer"),
        "layer_b": xr.DataArray(pairs[:, 1], dims="layer"),
    }
    profile = grid.isel(chosen).assign_coords(layer=("layer", layers)).transpose(..., "layer")
    for name in json.loads(grid.attrs["measures"]):
        if f"{name}_null_draws" in profile:
            profile = profile.assign(_best_of(profile, name))
    return profile


def _best_of(profile: xr.Dataset, name: str) -> dict[str, Any]:
    measure = get_measure(name)
    values, draws = profile[name], profile[f"{name}_null_draws"]
    if "direction" not in values.dims:
        values, draws = values.expand_dims("direction"), draws.expand_dims("direction")
    return best_layer(
        measure,
        measure.similarity(values.transpose("direction", "layer").values),
        measure.similarity(draws.transpose("permutation", "direction", "layer").values.astype(np.float64)),
        best=profile.attrs[f"{name}_best"],
        alpha=profile.attrs["alpha"],
    )
