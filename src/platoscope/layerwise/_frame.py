"""Labeled results as one tidy table, a row per number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from platoscope.checks import in_short
from platoscope.errors import InputError
from platoscope.layerwise._diagnosing import DIAGNOSTICS
from platoscope.measures import split_variable

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["to_frame"]

_PARTS = ("se", "low", "high", "band_low", "band_high", "null", "threshold", "p", "p_adjusted", "calibrated")
_NAMES = ("name_a", "name_b")


def to_frame(results: xr.Dataset | Mapping[str, xr.Dataset], /) -> pd.DataFrame:
    """Give results as one tidy table: a row per measure, direction and layer (or pair of layers).

    Parameters
    ----------
    results : xarray.Dataset or mapping of str to xarray.Dataset
        What `platoscope.profile`, `compare` and their like return, one or several by name; of `compare_many` a row for
        every two models at their ``best`` layers and ``at`` each depth.

    Returns
    -------
    pandas.DataFrame
        Columns ``comparison`` (of several results, their name), ``measure``, the names of both sides ``name_a`` and
        ``name_b`` where the result has them, ``direction`` and the other coordinates that a result has (``layer``,
        ``layer_a``, ``layer_b``, ``relative_depth_a``, …), ``value``, and ``se``, ``low``, ``high``, ``band_low``,
        ``band_high``, ``null``, ``threshold``, ``p``, ``p_adjusted``, ``calibrated`` where they were computed. Values on
        single subsamples and permutations are left out, and what is about single items (`platoscope.per_item`) and queries.

    Raises
    ------
    InputError
        Something else than results.

    Examples
    --------
    >>> import numpy as np
    >>> import platoscope
    >>> A = np.random.default_rng(0).standard_normal((3, 60, 4))
    >>> result = platoscope.profile(A, A[:, :, :2], names=("whole", "part"), n_resamples=0, rng=0)
    >>> frame = to_frame(result)
    >>> frame[frame.measure == "information_imbalance"][["name_a", "direction", "layer", "value"]].round(1).head(2)
      name_a direction  layer  value
    0  whole    a_to_b      0    0.2
    1  whole    a_to_b      1    0.1
    """
    import xarray as xr

    if isinstance(results, xr.Dataset):
        return _table({"": results}).drop(columns="comparison")
    named: object = results
    if not isinstance(named, Mapping) or not all(isinstance(result, xr.Dataset) for result in named.values()):
        message = f"to_frame takes a result of profile or compare, or a dict of them by name; got {in_short(results)}."
        raise InputError(message)
    return _table(named)


def _table(results: Mapping[str, xr.Dataset], /) -> pd.DataFrame:
    import pandas as pd

    frames = []
    for label, result in results.items():
        if "model_a" in result.dims:
            frames.append(_of_models(label, result))
            continue
        names = [name for name in map(str, result.data_vars) if _is_measure(name, result)]
        frames += [_frame(label, name, result) for name in names]
    if not frames:
        return pd.DataFrame(columns=["comparison", "measure", "value"])
    return pd.concat(frames, ignore_index=True)


def _of_models(label: str, result: xr.Dataset) -> pd.DataFrame:
    """Return a row for every two models, at their best layers and at each depth."""
    import pandas as pd

    best = result[["best", "best_layer_a", "best_layer_b"]].rename(
        best="value", best_layer_a="layer_a", best_layer_b="layer_b"
    )
    places = [best.assign(at="best")] + [
        result[["equal_depth"]]
        .sel(relative_depth=depth, drop=True)
        .rename(equal_depth="value")
        .assign(at=f"{depth:g}")
        for depth in result["relative_depth"].values
    ]
    frame = pd.concat([place.to_dataframe().reset_index() for place in places], ignore_index=True)
    frame = frame[frame["model_a"] != frame["model_b"]]
    frame.insert(0, "comparison", label)
    frame.insert(1, "measure", result.attrs["measure"])
    order = ["comparison", "measure", "model_a", "model_b", "at", "value", "layer_a", "layer_b"]
    return frame[order].astype({"layer_a": "Int64", "layer_b": "Int64"}).reset_index(drop=True)


def _is_measure(name: str, result: xr.Dataset) -> bool:
    """Tell a measure from what belongs to one that the result holds, from diagnostics, bare resamples and items."""
    owner, part = split_variable(name)
    single = {"resample", "item", "query"} & set(result[name].dims)
    return not (part and owner in result) and name not in DIAGNOSTICS and not single


def _frame(label: str, name: str, result: xr.Dataset) -> pd.DataFrame:
    columns: dict[str, Any] = {"value": result[name]}
    columns |= {
        part: result[f"{name}_{part}"]
        for part in _PARTS
        if f"{name}_{part}" in result and result[f"{name}_{part}"].dims == result[name].dims
    }
    bare = result.drop_vars(list(result.data_vars)).assign(columns)[list(columns)]
    frame = bare.to_dataframe().reset_index() if result[name].dims else _one_row(bare)
    before = {"comparison": label, "measure": name} | {
        side: result.attrs[side] for side in _NAMES if side in result.attrs
    }
    for place, (column, value) in enumerate(before.items()):
        frame.insert(place, column, value)
    return frame


def _one_row(result: xr.Dataset) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([{str(name): value.values.item() for name, value in result.variables.items()}])
