"""One forward pass in which every layer is pooled as it appears, and then forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from platoscope.models.blocks import Blocks, watch_layers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from platoscope.models.tokens import Reading

__all__ = ["pooled_forward", "read"]


def read(
    hidden: torch.Tensor,
    /,
    *,
    index: torch.Tensor | None = None,
    average: bool = False,
    mask: torch.Tensor | None = None,
    first: int | None = None,
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

    Returns
    -------
    Tensor of float32, shape (n_items, n_features) or (n_items, k, n_features)
        The pooled states.
    """
    if index is None:
        if mask is None:
            return hidden[:, first:].mean(dim=1, dtype=torch.float32)
        total = hidden.masked_fill(~mask[:, :, None], 0).sum(dim=1, dtype=torch.float32)
        return total / mask.sum(dim=1, keepdim=True)
    rows = torch.arange(len(hidden), device=hidden.device)[:, None]
    gathered = hidden[rows, index].float()
    return gathered.mean(dim=1) if average else gathered


def pooled_forward(
    model: torch.nn.Module,
    blocks: Blocks,
    inputs: Mapping[str, Any],
    plan: Callable[[int], Mapping[str, Reading]],
    /,
    *,
    final_norm: bool,
) -> dict[str, NDArray[np.float32]]:
    """Run `model` once and pool each layer while it is there.

    Parameters
    ----------
    model : torch.nn.Module
        The base model.
    blocks : Blocks
        Its stack of layers.
    inputs : mapping
        Keyword arguments of the forward pass.
    plan : callable
        ``plan(n_positions)`` gives the readings by ``str(pooling)``; called once, when the embeddings appear.
    final_norm : bool
        Whether the last layer is read after the final norm.

    Returns
    -------
    dict of str to ndarray of float32
        Shape ``(n_layers, n_items, n_features)`` or ``(n_layers, n_items, k, n_features)``.

    Notes
    -----
    Only pooled states are kept. On a CUDA device they travel to pinned host memory while the next block
    computes, and the host waits once, at the end.
    """
    n_layers = len(blocks.modules) + 1
    pooled: dict[str, torch.Tensor] = {}
    readings: dict[str, Reading] = {}
    placed: dict[torch.device, dict[str, dict[str, Any]]] = {}

    def see(layer: int, hidden: torch.Tensor) -> None:
        if not readings:
            readings.update(plan(hidden.shape[1]))
        if hidden.device not in placed:
            placed[hidden.device] = {
                name: _place(reading, hidden.device) for name, reading in readings.items()
            }
        for name, reading in placed[hidden.device].items():
            states = read(hidden, **reading)
            if name not in pooled:
                pooled[name] = torch.empty((n_layers, *states.shape), pin_memory=states.is_cuda)
            pooled[name][layer].copy_(states, non_blocking=states.is_cuda)

    with torch.inference_mode(), watch_layers(blocks, see, final_norm=final_norm):
        model(**inputs)
    for device in placed:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
    return {name: states.numpy() for name, states in pooled.items()}


def _place(reading: Reading, device: torch.device) -> dict[str, Any]:
    index = None if reading.index is None else torch.from_numpy(reading.index).to(device)
    mask = None if reading.mask is None else torch.from_numpy(reading.mask).to(device)
    return {"index": index, "average": reading.average, "mask": mask, "first": reading.first}
