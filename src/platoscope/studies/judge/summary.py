"""The closing table of a run: what a reader wants to know first, in plain values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.layerwise import semantic_region
from platoscope.studies.judge.claims import LAST_QUARTER
from platoscope.studies.judge.evidence import Quantity, curve

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["summarize"]

_DELTA = "information_imbalance"
_RECALL = "retrieval_at_1"


def summarize(results: Mapping[str, xr.Dataset], /) -> dict[str, Any]:
    """Give one row per profile and sweep.

    Returns
    -------
    dict
        ``rows``: of every comparison the label, the number of items, for each direction the best layer with
        Δ and its interval, the semantic region, the asymmetry in the last quarter with its interval, the
        mean of the permutation null, the smallest p of the best layer, the best recall@1, the space, and on which
        side of the final norm the last layer stands. Keys without a value in the result are missing.
    """
    return {"rows": [_row(label, result) for label, result in results.items() if _has_layers(result)]}


def _has_layers(result: xr.Dataset) -> bool:
    return _DELTA in result and set(result[_DELTA].dims) == {"direction", "layer"}


def _row(label: str, result: xr.Dataset) -> dict[str, Any]:
    axis = _axis(result)
    row: dict[str, Any] = {
        "label": label,
        "name_a": result.attrs.get("name_a", "A"),
        "name_b": result.attrs.get("name_b", "B"),
        "n_samples": int(result.attrs["n_samples"]),
        "best": {direction: _best(result, direction, axis) for direction in ("a_to_b", "b_to_a")},
    }
    if f"{_DELTA}_resamples" in result:
        row["semantic_region"] = _region(result)
    if "space" in result.attrs:
        row["space"] = str(result.attrs["space"])
    if result.attrs.get("last_layer"):
        row["last_layer"] = str(result.attrs["last_layer"])
    late = curve(result, "asymmetry", axis=axis).select(*LAST_QUARTER).mean()
    if math.isfinite(late.value):
        row["asymmetry_last_quarter"] = _interval(late)
    if f"{_DELTA}_null" in result:
        null = np.asarray(result[f"{_DELTA}_null"], dtype=np.float64)
        row["null"] = {
            "mean": float(null.mean()),
            "smallest": float(null.min()),
            "largest": float(null.max()),
        }
    if f"{_DELTA}_best_p" in result:
        row["best_p"] = {
            direction: float(result[f"{_DELTA}_best_p"].sel(direction=direction))
            for direction in ("a_to_b", "b_to_a")
        }
    if _RECALL in result:
        row["recall_at_1"] = float(np.nanmax(np.asarray(result[_RECALL])))
    return row


def _region(result: xr.Dataset) -> dict[str, Any]:
    """Give the semantic region of a profile: its layers, and the layer of the minimum."""
    found = semantic_region(result)
    return {
        "layers": [int(layer) for layer in found.layers],
        "minimum_layer": int(found.minimum_layer),
    }


def _axis(result: xr.Dataset) -> str:
    """Choose the side whose depth varies: the swept one of a sweep, else A."""
    a = np.asarray(result["relative_depth_a"])
    return "relative_depth_b" if len(a) > 1 and np.all(a == a[0]) else "relative_depth_a"


def _best(result: xr.Dataset, direction: str, axis: str) -> dict[str, Any]:
    delta = curve(result, direction=direction, axis=axis)
    position = delta.argmin()
    side = axis.rpartition("_")[2]
    return {
        "layer": int(result[f"layer_{side}"][position]),
        "relative_depth": float(delta.depth[position]),
        **_interval(delta.at(position)),
    }


def _interval(quantity: Quantity) -> dict[str, float]:
    """Give a number with its interval, where subsamples were drawn."""
    if math.isnan(quantity.se):
        return {"value": quantity.value}
    return {"value": quantity.value, "low": quantity.low, "high": quantity.high}
