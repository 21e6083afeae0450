"""A finished part of a comparison as bytes, and back: arrays and JSON, nothing that is executed when it is read."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.errors import guarded
from platoscope.layerwise._parts import FoundPart, Numbers
from platoscope.layerwise._told import ToldLayer
from platoscope.measures import ItemValues

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["part_from_bytes", "part_to_bytes"]

_DRAWN = ("values", "resamples", "null", "permutations")
_PLAIN = "plain"


def part_to_bytes(part: FoundPart, /) -> bytes:
    """Return a part as an uncompressed ``.npz`` file: an array for each set of numbers, and the rest as JSON.

    Parameters
    ----------
    part : FoundPart
        From `SplitComparison.compute`.
    """
    arrays: dict[str, Any] = {}
    items: dict[str, dict[str, str]] = {}
    for measure, numbers in part.evaluations.items():
        items[measure] = {}
        for name in _DRAWN:
            values = getattr(numbers, name)
            if values is not None:
                arrays[f"{measure}/{name}"] = values
        for name, found in numbers.by_item.items():
            arrays[f"{measure}/by_item/{name}"] = found.values
            items[measure][name] = found.of
    plain = {
        "items": items,
        "told": [_by_layer({i: asdict(layer) for i, layer in side.items()}) for side in part.told],
        "diagnosed": [_by_layer(side) for side in part.diagnosed],
    }
    arrays[_PLAIN] = np.array(json.dumps(plain, default=lambda number: number.item()))
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _by_layer(side: Mapping[int, Any]) -> dict[str, Any]:
    return {str(layer): found for layer, found in side.items()}


def part_from_bytes(content: bytes, /) -> FoundPart:
    """Return the part that `part_to_bytes` wrote, equal to the last bit.

    Raises
    ------
    InputError
        If these are not the bytes of a part.
    """
    with guarded(f"these {len(content)} bytes are no part of a comparison", ""):
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            plain = json.loads(arrays[_PLAIN].item())
            evaluations = {
                measure: _numbers(arrays, measure, items) for measure, items in plain["items"].items()
            }
        told = [{int(i): _told(layer) for i, layer in side.items()} for side in plain["told"]]
        diagnosed = [{int(i): layer for i, layer in side.items()} for side in plain["diagnosed"]]
        return FoundPart(evaluations, (told[0], told[1]), (diagnosed[0], diagnosed[1]))


def _told(layer: dict[str, Any]) -> ToldLayer:
    return ToldLayer(**layer | {"transform": tuple(layer["transform"])})


def _numbers(arrays: Mapping[str, Any], measure: str, items: Mapping[str, Any]) -> Numbers:
    resamples, null, permutations = (arrays.get(f"{measure}/{name}") for name in _DRAWN[1:])
    by_item = {name: ItemValues(arrays[f"{measure}/by_item/{name}"], of) for name, of in items.items()}
    return Numbers(arrays[f"{measure}/{_DRAWN[0]}"], resamples, null, permutations, by_item)
