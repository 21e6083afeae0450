"""`prepare` for tensors on a device, of one layer or of many: what stays there and what the host keeps of it.

The device is asked for numbers twice for all layers together: what their values are like, and the small arrays that
a `Space` has on the host.

Layers are declined, and prepared on the host, where its rules of exactness go further than those here: values near the
limits of their type or too different in size, and rows that are whole multiples of one number.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from platoscope.errors import MemoryPlanError
from platoscope.neighbors._device_passes import center_rows, column_squares, column_sums, odd_numbers
from platoscope.neighbors._device_rows import (
    DeviceRows,
    first_alike,
    free_bytes,
    gram_of,
    rows_at_once,
    sum_of_products,
)
from platoscope.neighbors._device_scores import squared_distances
from platoscope.neighbors._exact import LATTICE_ROWS, SMALLEST, WHOLE, lattice_units
from platoscope.neighbors._inputs import as_parts
from platoscope.neighbors._precision import full_float32
from platoscope.neighbors._scaling import powers_of_two
from platoscope.neighbors._space import PROBES, Space, largest_rounding, require_nonzero, smallest_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["prepare_on_device"]

# Of what is free on the device, what the matrices of all layers that are prepared together may take.
_SHARE = 0.5
# Rows of layers that are multiplied in one call: enough that small layers fill a device.
_TOGETHER_BYTES = 256 << 20
# Largest values that are taken: squares of differences, in float64 and not scaled, neither overflow nor vanish.
_LEAST, _MOST = 2.0**-100, 2.0**200
_SEED = 14


class _Layer(NamedTuple):
    """One layer on its way: its rows as given, what they are called, and what was found of them."""

    parts: tuple[Tensor, ...]
    name: str
    centers: tuple[Tensor, ...]
    scale: float


def prepare_on_device(
    layers: Sequence[tuple[Tensor, ...]], names: Sequence[str], metric: str, block_size: int | None, /
) -> list[Space | None]:
    """Return a space of each layer, whose matrix stays on the device; layers have one row per item, and equal N.

    None stands for a layer that is declined.

    Matrices are kept where those of all layers fit, unless `block_size` says otherwise.
    """
    device, n_samples = layers[0][0].device, len(layers[0][0])
    kept = block_size is None and 4 * n_samples**2 * len(layers) <= _SHARE * free_bytes(device)
    if not kept:
        _require_room(layers, names[0], device)
    with torch.no_grad():
        looked_at = _looked_at(layers, names)
        found = [layer for layer in looked_at if layer is not None]
        ready: list[DeviceRows] = []
        squares: list[Tensor] = []
        for some in _together(found):
            rows, sums = _multiplied(some, kept=kept, block=block_size)
            ready += rows
            squares += sums
        taken = iter(_spaces(found, ready, squares, metric) if found else [])
    spaces = [None if layer is None else next(taken) for layer in looked_at]
    for space in spaces if metric == "cosine" else ():
        if space is not None:
            require_nonzero(space)
    return spaces


def _require_room(layers: Sequence[tuple[Tensor, ...]], name: str, device: torch.device) -> None:
    needed = sum(4 * part.numel() for parts in layers for part in parts)
    room = free_bytes(device)
    if needed > room:
        message = (
            f"Preparing {name} needs {needed / 1e9:.1f} GB of memory on {device} and {room / 1e9:.1f} GB are "
            "available there. Give fewer items, or move it to the host with .cpu()."
        )
        raise MemoryPlanError(message)


def _looked_at(layers: Sequence[tuple[Tensor, ...]], names: Sequence[str]) -> list[_Layer | None]:
    """Return the centers of layers and their scale; None of those whose values are left to the host."""
    centers, facts = [], []
    for parts in layers:
        moments = [column_sums(part) for part in parts]
        mine = tuple(sums / len(parts[0]) for sums, _ in moments)
        # A NaN or an infinity reaches the mean, and so does a sum that overflows.
        finite = torch.stack([center.isfinite().all() for center in mine]).all()
        smallest = torch.stack([_smallest(part) for part in parts]).amin()
        facts.append(
            torch.stack([torch.stack([peak for _, peak in moments]).amax(), smallest, finite.double()])
        )
        centers.append(mine)
    found: list[_Layer | None] = []
    for parts, name, mine, (largest, smallest, finite) in zip(
        layers, names, centers, torch.stack(facts).tolist(), strict=True
    ):
        # A power of two changes no digit.
        scale = float(powers_of_two(largest))
        taken = finite and _LEAST <= largest <= _MOST and smallest * min(scale, 1.0) >= SMALLEST
        found.append(_Layer(parts, name, mine, scale) if taken else None)
    return found


def _smallest(part: Tensor) -> Tensor:
    """Return the smallest size of the values that are not zero; 1 for float32, whose squares are all in float64."""
    if part.dtype == torch.float32:
        return part.new_ones((), dtype=torch.float64)
    sizes = part.abs()
    return torch.where(sizes > 0, sizes, torch.inf).amin()


def _may_be_lattices(ready: Sequence[DeviceRows]) -> list[bool]:
    """Tell of each layer whether its first rows are whole multiples of one number, as `_exact` looks for them."""
    first_rows, facts = [], []
    for one in ready:
        distinct: Any = slice(LATTICE_ROWS) if one.alike is None else one.alike.unique()[:LATTICE_ROWS]
        some = torch.cat([part[distinct] for part in one.rows], dim=1).double()
        sizes = some.abs()
        smallest = torch.where(sizes > 0, sizes, torch.inf).amin()
        facts.append(torch.stack([smallest, sizes.amax(), some.square().sum(dim=1).amax()]))
        first_rows.append(some)
    verdicts = []
    for some, (smallest, peak, longest) in zip(first_rows, torch.stack(facts).tolist(), strict=True):
        near_one = float(powers_of_two(peak))
        units = lattice_units(smallest, near_one, longest * near_one**2) if peak > 0 else ()
        whole = [_is_whole(some, unit) for unit in units if unit > 0]
        verdicts.append(torch.stack([*whole, some.new_zeros((), dtype=torch.bool)]).any())
    answers: list[bool] = torch.stack(verdicts).tolist()
    return answers


def _is_whole(rows: Tensor, unit: float) -> Tensor:
    """Tell whether rows divided by `unit` are small whole numbers."""
    counts = (rows / unit).round()
    return (counts * unit == rows).all() & (counts.square().sum(dim=1).amax() <= WHOLE)


def _alike(parts: tuple[Tensor, ...], codes: Tensor) -> Tensor | None:
    """Return the first item that each item equals bit for bit; rows are sorted where unequal ones share a code."""
    alike = first_alike(codes)
    if alike is None:
        return None
    moved = (alike != torch.arange(len(alike), device=alike.device)).nonzero()[:, 0]
    if all(bool((part[moved] == part[alike[moved]]).all()) for part in parts):
        return alike
    # Of whole numbers in float64 most bits are zero, and codes are few.
    rows = torch.cat([part.double() for part in parts], dim=1) + 0.0
    return first_alike(rows.unique(dim=0, return_inverse=True)[1])


def _together(found: Sequence[_Layer]) -> list[list[_Layer]]:
    """Put layers of one shape that follow each other together, as many as are multiplied in one call."""
    groups: list[list[_Layer]] = []
    for layer in found:
        shapes = [part.shape for part in layer.parts]
        size = sum(4 * part.numel() for part in layer.parts)
        last = groups[-1] if groups else []
        alone = not last or [part.shape for part in last[0].parts] != shapes
        if alone or (len(last) + 1) * size > _TOGETHER_BYTES:
            groups.append([layer])
        else:
            last.append(layer)
    return groups


def _multiplied(
    layers: Sequence[_Layer], *, kept: bool, block: int | None
) -> tuple[list[DeviceRows], list[Tensor]]:
    """Return what stays on the device of layers of one shape, and the sums of squares of their centered features."""
    first = layers[0].parts
    n_samples, device = len(first[0]), first[0].device
    stacks = [part.new_empty((len(layers), *part.shape), dtype=torch.float32) for part in first]
    shape = len(layers), n_samples
    sq, along, raw = (torch.zeros(shape, dtype=torch.float64, device=device) for _ in range(3))
    codes = torch.zeros(shape, dtype=torch.int64, device=device)
    squares = []
    for at, layer in enumerate(layers):
        for number, (part, center, stack) in enumerate(zip(layer.parts, layer.centers, stacks, strict=True)):
            odd = odd_numbers(part.shape[1], device, _SEED + number)
            center_rows(part, center, layer.scale, stack[at], (sq[at], along[at], raw[at], codes[at]), odd)
            along[at] -= (center * layer.scale).square().sum() / 2
        squares.append(torch.cat([column_squares(stack[at]) for stack in stacks]))
    grams = gram_of(stacks) if kept else None
    norm = raw.sqrt()
    ordered = codes.sort(dim=1).values
    repeated = (ordered[:, 1:] == ordered[:, :-1]).any(dim=1).tolist()
    rows = block or (0 if kept else rows_at_once(n_samples, device))
    roundings = _roundings(layers, stacks, grams, sq)
    ready = []
    for at, layer in enumerate(layers):
        gram = None if grams is None else grams[at]
        alike = _alike(layer.parts, codes[at]) if repeated[at] else None
        ready.append(
            DeviceRows(
                rows=layer.parts, items=None, alike=alike, centered=() if kept else tuple(s[at] for s in stacks),
                gram=gram if gram is None or alike is None else gram[:, alike],
                sq=sq[at].float(), along=along[at], norm=norm[at], scale=layer.scale, block_rows=min(rows, n_samples),
                rounding=roundings[at],
            )
        )  # fmt: skip
    return ready, squares


def _roundings(
    layers: Sequence[_Layer], stacks: Sequence[Tensor], grams: Tensor | None, norms: Tensor
) -> Tensor:
    """Return how much each matrix product rounded, in units in the last place, as `Space.error_bound` explains."""
    n_layers, n_samples = norms.shape
    n_features = sum(stack.shape[-1] for stack in stacks)
    largest = largest_rounding(n_features)
    if n_samples < 2 * PROBES or n_features < PROBES:
        return norms.new_full((n_layers,), largest)
    sq = norms.float()
    evenly = torch.linspace(0, n_samples - 1, PROBES, device=norms.device).long()
    rows = torch.cat([sq.argsort(dim=1)[:, -PROBES // 4 :], evenly.expand(n_layers, -1)], dim=1)
    which, here = (
        torch.arange(n_layers, device=rows.device)[:, None],
        torch.arange(rows.shape[1], device=rows.device),
    )
    if grams is not None:
        products = grams[which, rows]
    else:
        with full_float32(rows.device.type):
            products = sum_of_products([stack[which, rows] for stack in stacks], stacks)
    scores = sq[which, rows][..., None] + sq[:, None] - 2 * products
    scores[which, here, rows] = torch.inf
    nearest = scores.argmin(dim=2)
    scores[which, here, rows] = -torch.inf
    right = torch.cat([nearest, scores.argmax(dim=2), rows.roll(1, dims=1)], dim=1)
    left, place = rows.repeat(1, 3), here.repeat(3)
    exact = torch.stack(
        [
            squared_distances(layer.parts, a, b) * layer.scale**2
            for layer, a, b in zip(layers, left, right, strict=True)
        ]
    )
    # A row may be its own neighbor in the list: its score is infinite, and says nothing.
    error = torch.where(left == right, 0.0, (scores[which, place, right].double() - exact).abs())
    size = norms[which, left] + norms[which, right] + torch.finfo(torch.float32).tiny
    units = error / (2.0**-24 * size)
    bounds: Tensor = smallest_bound(units.amax(dim=1)).clamp(max=largest)
    return bounds


def _spaces(
    found: Sequence[_Layer], ready: Sequence[DeviceRows], squares: Sequence[Tensor], metric: str
) -> list[Space | None]:
    n_samples = ready[0].n_samples
    declined = _may_be_lattices(ready)
    table = torch.stack(
        [torch.stack([one.sq.double(), one.along, one.norm]) for one in ready]
    ).cpu().numpy()  # fmt: skip
    sums = [one.numpy() for one in torch.cat(list(squares)).cpu().split([len(one) for one in squares])]
    spaces: list[Space | None] = []
    for layer, one, (sq, along, norm), of_features, lattice in zip(
        found, ready, table, sums, declined, strict=True
    ):
        if lattice:
            spaces.append(None)
            continue
        if one.alike is None:
            first = np.arange(n_samples)
            inverse = first.astype(np.int32)
        else:
            first, places = np.unique(one.alike.cpu().numpy(), return_inverse=True)
            inverse = places.astype(np.int32)
        spaces.append(
            Space(
                name=layer.name, n_samples=n_samples, n_features=of_features.size, metric=metric, inverse=inverse,
                first=first, weights=np.bincount(inverse, minlength=first.size).astype(np.int32),
                sq=sq[first].astype(np.float32), along=along[first], norm=norm[first],
                load=partial(as_parts, list(layer.parts), layer.name), squares=of_features, scale=layer.scale,
                block_rows=one.block_rows, device=one,
            )
        )  # fmt: skip
    return spaces
