"""Ranks and neighbors of single pairs for a page: numbers of every pair in every layer or cell, packed."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["CELLS", "packed_ranks", "ranked_over"]

CELLS: Final = frozenset({"layer_a", "layer_b"})
"""What the ranks of a grid are of."""
_RANKS = {"rank": "neighbor_rank", "partner": "partner_rank"}


def ranked_over(dataset: xr.Dataset, /) -> set[str]:
    """Give what the ranks of single items in a result are of, matched layers or cells; nothing where it has none."""
    dims = set(map(str, dataset["neighbor_rank"].dims)) if "neighbor_rank" in dataset else set()
    return dims - {"direction", "item"}


def packed_ranks(dataset: xr.Dataset, over: tuple[str, ...], /) -> dict[str, Any]:
    """Pack what a result says of single items over matched layers, or over the cells of a grid with each side's layers."""
    by_side = {side: f"layer_{side}" if "layer_a" in over else "layer" for side in ("a", "b")}

    def packed(variable: str) -> dict[str, Any]:
        return {
            side: _packed(dataset[f"{variable}_{side}"].transpose(layer, "item"))
            for side, layer in by_side.items()
        }

    ranks = {
        kind: {
            str(direction): _packed(dataset[variable].sel(direction=direction).transpose(*over, "item"))
            for direction in dataset["direction"].values
        }
        for kind, variable in _RANKS.items()
        if variable in dataset
    }
    return {"ranks": ranks, "nearest": packed("nearest"), "ties": packed("n_nearest")}


def _packed(values: xr.DataArray, /) -> dict[str, Any]:
    """Pack a table of numbers: whole ones in two or four bytes, others in four, little-endian, deflated, as Base64."""
    table = np.asarray(values.values)
    whole = bool(np.all(table == np.rint(table)))  # a rank is the mean over those that tie
    kind = "f4" if not whole else "u2" if table.max(initial=0) <= np.iinfo(np.uint16).max else "u4"
    deflated = zlib.compress(np.ascontiguousarray(table, dtype=f"<{kind}").tobytes(), level=9)
    return {"type": kind, "data": base64.b64encode(deflated).decode("ascii")}
