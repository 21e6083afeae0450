"""A profile is a slice of a grid (docs/measures.md, "Layers"): taken from it, nothing is computed again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from platoscope.arguments import labeled
from platoscope.errors import InputError
from platoscope.layerwise._labels import best_layer, higher_is_similar
from platoscope.layerwise._matching import choose_pairs, swept_side
from platoscope.measures import adjusted_p_values, as_similarity, tied_null

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["take_profile"]


def take_profile(
    grid: xr.Dataset,
    /,
    *,
    match: Literal["index", "relative_depth"] = "index",
    layer_a: int | None = None,
    layer_b: int | None = None,
) -> xr.Dataset:
    """Return the profile of matched layers, or of one held layer, that a grid contains.

    Parameters
    ----------
    grid : xarray.Dataset
        From `platoscope.compare`.
    match, layer_a, layer_b
        As in `platoscope.profile`.

    Returns
    -------
    xarray.Dataset
        What `platoscope.profile` returns for the same layers, measures and seed; the best-layer
        statistic is that of the profile, against the null of the profile.

    Raises
    ------
    InputError
        `grid` is not a grid, no longer says what its measures mean, or its sides cannot be matched.
    NotFoundError
        The grid has no such layer.

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
    import xarray as xr  # 0.6 s to import

    labeled("grid", grid)
    if not {"layer_a", "layer_b"} <= set(grid.sizes):
        message = f"take_profile needs a grid over layer_a and layer_b; got dimensions {tuple(grid.sizes)}."
        raise InputError(message)
    sides = grid.layer_a.values, grid.layer_b.values
    pairs = choose_pairs(
        (sides[0].tolist(), sides[1].tolist()),
        (grid.relative_depth_a, grid.relative_depth_b),
        match=match,
        layer_a=layer_a,
        layer_b=layer_b,
    )
    swept = swept_side(pairs)
    layers = sides[swept][pairs[:, swept]]
    chosen = {
        "layer_a": xr.DataArray(pairs[:, 0], dims="layer"),
        "layer_b": xr.DataArray(pairs[:, 1], dims="layer"),
    }
    profile = grid.isel(chosen).assign_coords(layer=("layer", layers))
    profile = profile.transpose(..., "layer", *(["item"] if "item" in profile.dims else []))
    for name in json.loads(grid.attrs["measures"]):
        if f"{name}_null_draws" in profile:
            profile = profile.assign(_family_of(profile, name))
    return profile


def _family_of(profile: xr.Dataset, name: str) -> dict[str, Any]:
    """Return again what depends on which layers are looked at."""
    higher = higher_is_similar(profile, name)
    if higher is None:
        message = (
            f"The grid does not say which end of {name!r} means similar: its attribute 'higher_is_similar' was lost. "
            f"Compute on the grid with keep_attrs=True, or compare again."
        )
        raise InputError(message)
    values, draws = profile[name], profile[f"{name}_null_draws"]
    if "direction" not in values.dims:
        values, draws = values.expand_dims("direction"), draws.expand_dims("direction")
    null = draws.transpose("permutation", "direction", "layer").values.astype(np.float64)
    similarity = as_similarity(values.transpose("direction", "layer").values, higher)
    perfect = profile.attrs[f"{name}_best"]
    null = tied_null(similarity, as_similarity(null, higher), best=perfect)
    best = best_layer(name, similarity, null, best=perfect, alpha=profile.attrs["alpha"])
    adjusted = adjusted_p_values(similarity, null)
    dims = profile[name].dims
    return best | {f"{name}_p_adjusted": (dims, adjusted if "direction" in dims else adjusted[0])}
