"""One forward pass in which every layer is pooled as it appears, and then forgotten."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from platoscope.errors import DeviceMemoryError, reason_of
from platoscope.models.blocks import Blocks, watch_layers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from platoscope.models.tokens import Reading, TokenPlan

__all__ = [
    "StateReader",
    "clip_bounds",
    "ends_by_selecting",
    "ends_by_sorting",
    "enough_memory",
    "pooled_forward",
    "read",
]

# One value of so many says where the tails begin, give or take so many standard errors.
_EVERY = 16
_ASIDE = 3


def clip_bounds(hidden: torch.Tensor, own: torch.Tensor, q: float, /) -> torch.Tensor:
    """Find between which values the states of each item are clipped (docs/measures.md, "Which space").

    Parameters
    ----------
    hidden : Tensor of shape (n_items, n_positions, n_features)
        States of one layer, of any floating dtype.
    own : Tensor of bool, shape (n_items, n_positions)
        The item's own tokens: neither padding nor special tokens. What lies elsewhere may be anything, NaN included.
    q : float
        Share that is cut off at either end, 0 < q < 0.5.

    Returns
    -------
    Tensor of float32, shape (n_items, 2)
        The q and 1 − q quantiles of all values of the item's own tokens, tokens and features taken together,
        interpolated linearly. Order statistics are exact on every device, so devices agree.
    """
    n_values = own.sum(dim=1) * hidden.shape[2]
    places = torch.stack([q * (n_values - 1).double(), (1 - q) * (n_values - 1).double()], dim=1)
    below = places.floor().long()
    above = torch.minimum(below + 1, (n_values - 1)[:, None])
    ends_of = ends_by_selecting if hidden.device.type == "cpu" else ends_by_sorting
    ends = ends_of(hidden, own, torch.cat([below, above], dim=1))
    share = (places - below).to(torch.float32)
    return ends[:, :2] + share * (ends[:, 2:] - ends[:, :2])


def ends_by_selecting(hidden: torch.Tensor, own: torch.Tensor, order: torch.Tensor, /) -> torch.Tensor:
    """Give order statistics of each item's own values, float32 of the shape of `order`, on the host.

    Selecting is several times faster than sorting, NumPy's selection faster than torch's, and selection among few values
    faster than among all.
    """
    ends = np.empty(order.shape, np.float32)
    for i, (positions, wanted) in enumerate(zip(own, order.numpy(), strict=True)):
        values = hidden[i, positions].float().numpy().ravel()
        ends[i] = _selected(values, wanted)
    return torch.from_numpy(ends)


def _selected(values: NDArray[np.float32], wanted: NDArray[np.int64], /) -> NDArray[np.float32]:
    """Give the order statistics of these places, looked for in the tails that a part of the values lets expect."""
    n_values = len(values)
    places = np.where(wanted < n_values // 2, wanted, wanted - n_values)
    low, high = int(places.max()), int(-1 - places.min())
    if places.min() < 0 <= low and np.isfinite(values.sum()):
        part = values[::_EVERY]
        # Places of the part that are as far out, and several times as far as such a part may be wrong.
        ends = [n + _ASIDE * isqrt(n + 1) for n in (low // _EVERY, high // _EVERY)]
        if sum(ends) < len(part) // 2:
            ends[1] = len(part) - 1 - ends[1]
            lowest, highest = np.partition(part, ends)[ends]
            below, above = values <= lowest, values >= highest
            if np.count_nonzero(below) > low and np.count_nonzero(above) > high:
                tails: NDArray[np.float32] = np.sort(values.compress(below | above))[places]
                return tails
    return np.partition(values, wanted)[wanted]


def ends_by_sorting(hidden: torch.Tensor, own: torch.Tensor, order: torch.Tensor, /) -> torch.Tensor:
    """Give what `ends_by_selecting` gives, where the states are: one sort for the whole batch."""
    ordered = hidden.float().masked_fill(~own[:, :, None], torch.inf).flatten(1).sort(dim=1).values
    return ordered.gather(1, order)


def read(
    hidden: torch.Tensor,
    /,
    *,
    index: torch.Tensor | None = None,
    average: bool = False,
    mask: torch.Tensor | None = None,
    first: int | None = None,
    waves: torch.Tensor | None = None,
    bounds: torch.Tensor | None = None,
) -> torch.Tensor:
    """Apply one planned pooling to the states of one layer, in float32 whatever their precision.

    Parameters
    ----------
    hidden : Tensor of shape (n_items, n_positions, n_features)
        States of one layer, of any floating dtype.
    index : Tensor of int64, shape (n_items, k), or None
        Positions to gather.
    average : bool
        Whether gathered positions are averaged.
    mask : Tensor of bool, shape (n_items, n_positions), or None
        Positions to average, if `index` is None. What lies elsewhere may be anything, NaN included.
    first : int or None
        Average all positions from this one on, if `index` and `mask` are None.
    waves : Tensor of float32, shape (n_items, m, n_positions), or None
        Weights of the positions of `mask` in m sums, beside it; a sum without weights is the average.
    bounds : Tensor of float32, shape (n_items, 2), or None
        Between which values the states of each item are clipped before anything else, in float32.

    Returns
    -------
    Tensor of float32, shape (n_items, n_features) or (n_items, k, n_features)
        The pooled states.
    """

    def clipped(states: torch.Tensor) -> torch.Tensor:
        return states if bounds is None else states.float().clamp(bounds[:, :1, None], bounds[:, 1:, None])

    if index is None:
        if mask is None:
            return clipped(hidden[:, first:]).mean(dim=1, dtype=torch.float32)
        own = clipped(hidden).masked_fill(~mask[:, :, None], 0)
        mean = own.sum(dim=1, dtype=torch.float32) / mask.sum(dim=1, keepdim=True)
        if waves is None:
            return mean
        flat = ~waves.any(dim=2)[:, :, None]
        return torch.where(flat, mean[:, None], torch.bmm(waves, own.float()))
    rows = torch.arange(len(hidden), device=hidden.device)[:, None]
    gathered = clipped(hidden[rows, index]).float()
    return gathered.mean(dim=1) if average else gathered


@dataclass
class StateReader:
    """How the states of a pass are read; several readers may look at one pass.

    Parameters
    ----------
    plan : callable
        ``plan(n_positions)`` gives the readings and the tokens that are the items' own; called once, when the
        embeddings appear.
    final_norm : bool
        Whether the last layer is read after the final norm, if there is one.
    clip : float or None
        Share of the values of an item and layer that is clipped at either end before pooling; None for none.
    """

    plan: Callable[[int], TokenPlan]
    final_norm: bool
    clip: float | None = None
    _plan: TokenPlan | None = field(default=None, init=False)
    _placed: dict[torch.device, dict[str, dict[str, Any]]] = field(default_factory=dict, init=False)
    _pooled: dict[str, torch.Tensor] = field(default_factory=dict, init=False)

    def planned(self, n_positions: int) -> TokenPlan:
        """Give the plan, made when it is first asked for."""
        if self._plan is None:
            self._plan = self.plan(n_positions)
        return self._plan

    def take(
        self, layer: int, n_layers: int, hidden: torch.Tensor, plan: TokenPlan, bounds: torch.Tensor | None
    ) -> None:
        """Pool one layer and send it to the host."""
        device = hidden.device
        if device not in self._placed:
            self._placed[device] = {name: _place(reading, device) for name, reading in plan.readings.items()}
        for name, reading in self._placed[device].items():
            states = read(hidden, **reading, bounds=bounds)
            if name not in self._pooled:
                self._pooled[name] = torch.empty((n_layers, *states.shape), pin_memory=states.is_cuda)
            self._pooled[name][layer].copy_(states, non_blocking=states.is_cuda)

    def collected(self) -> dict[str, NDArray[np.float32]]:
        """Give what was pooled, by pooling."""
        return {name: states.numpy() for name, states in self._pooled.items()}


@contextmanager
def enough_memory(what: str, /) -> Iterator[None]:
    """Say in a sentence that a device has too little memory for something ("reading a batch").

    Raises
    ------
    DeviceMemoryError
        If torch says so.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        msg = (
            f"The device has too little memory for {what}: {reason_of(error)}. Give fewer tokens at a time "
            "(batch_tokens), a narrower dtype, another device, or spread the model over all of them (device_map='auto')."
        )
        raise DeviceMemoryError(msg) from error


def pooled_forward(
    model: torch.nn.Module, blocks: Blocks, inputs: Mapping[str, Any], readers: Sequence[StateReader], /
) -> list[dict[str, NDArray[np.float32]]]:
    """Run `model` once and pool each layer while it is there.

    Parameters
    ----------
    model : torch.nn.Module
        The base model.
    blocks : Blocks
        Its stack of layers.
    inputs : mapping
        Keyword arguments of the forward pass.
    readers : sequence of StateReader
        How the states are read: each gives a result of its own. Their plans have the same tokens of the items' own.

    Returns
    -------
    list of dict of str to ndarray of float32
        For each reader and pooling, shape ``(n_layers, n_items, n_features)`` or ``(n_layers, n_items, k,
        n_features)``.

    Notes
    -----
    Only pooled states are kept. On a CUDA device they travel to pinned host memory while the next block
    computes, and the host waits once, at the end.
    """
    has_norm = blocks.final_norm is not None
    own: dict[torch.device, torch.Tensor] = {}

    def see(layer: int, hidden: torch.Tensor, normed: bool) -> None:
        plans = [reader.planned(hidden.shape[1]) for reader in readers]
        if hidden.device not in own:
            own[hidden.device] = torch.from_numpy(plans[0].own).to(hidden.device)
        mine = own[hidden.device]
        hidden = hidden[:, : mine.shape[1]]  # Longformer fills items up to whole windows, behind their end
        bounds: dict[float, torch.Tensor] = {}
        for reader, plan in zip(readers, plans, strict=True):
            if layer == blocks.n_blocks and normed != (reader.final_norm and has_norm):
                continue
            if reader.clip is not None and reader.clip not in bounds:
                bounds[reader.clip] = clip_bounds(hidden, mine, reader.clip)
            reader.take(
                layer, blocks.n_blocks + 1, hidden, plan, None if reader.clip is None else bounds[reader.clip]
            )

    sides = {reader.final_norm for reader in readers}
    with (
        enough_memory("reading a batch"),
        torch.inference_mode(),
        watch_layers(blocks, see, final_norm=sides),
    ):
        model(**inputs)
        for device in own:
            if device.type == "cuda":
                torch.cuda.synchronize(device)
    return [reader.collected() for reader in readers]


def _place(reading: Reading, device: torch.device) -> dict[str, Any]:
    index = None if reading.index is None else torch.from_numpy(reading.index).to(device)
    mask = None if reading.mask is None else torch.from_numpy(reading.mask).to(device)
    waves = None if reading.waves is None else torch.from_numpy(reading.waves).to(device)
    return {
        "index": index,
        "average": reading.average,
        "mask": mask,
        "first": reading.first,
        "waves": waves,
    }
