"""Nearest scores, counts, near-ties and exact distances on a device: by Triton where it is, else by whole arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from platoscope.neighbors._device_trust import by_triton
from platoscope.neighbors._metrics import COSINE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from platoscope.neighbors._device_rows import DeviceRows, Piece, View

__all__ = [
    "band_members",
    "count_closer",
    "exact_scores",
    "kernels",
    "launch",
    "smallest",
    "squared_distances",
]

# Entries of an array that are worked on at a time: what bounds memory.
_AT_ONCE = 1 << 26
# Neighbors that a loop over minima finds faster than a selection does, and columns that it takes at a time.
_FEW = 32
_STRETCH = 8192


def kernels() -> Any:
    """Return the module of the kernels."""
    # Imported where it is used: Triton comes with torch for CUDA, and with no other.
    from platoscope.neighbors import _device_kernels

    return _device_kernels


def launch(kernel: Any, programs: tuple[int, ...], tensor: Tensor, /, *inputs: Any, **constants: Any) -> None:
    """Start a kernel on the device of a tensor, without contraction: scores have the same bits in all kernels."""
    if 0 in programs:
        return
    # A kernel reads memory in a row, whatever the strides of a view.
    inputs = tuple(
        one.contiguous() if isinstance(one, torch.Tensor) and one.ndim == 1 else one for one in inputs
    )
    with torch.cuda.device(tensor.device):
        kernel[programs](*inputs, **constants, enable_fp_fusion=False)


def _fixed(piece: Piece, view: View) -> tuple[Any, ...]:
    """Return the first arguments of the kernels that read a piece."""
    return (
        piece.gram,
        piece.gram.stride(0),
        piece.start,
        piece.gram.shape[1],
        view.sq,
        view.along,
        view.inverse,
    )


def _constants(view: View) -> dict[str, Any]:
    return {"KIND": view.kind, "COPIES": view.alike is not None}


def _alike(view: View) -> Tensor:
    return view.sq if view.alike is None else view.alike


def scores_of(piece: Piece, view: View, local: Tensor, /) -> Tensor:
    """Return the scores of some rows of a piece, shape (n_rows, n_samples); infinite for the item itself."""
    items = local + piece.start
    if view.kind == COSINE:
        dot = piece.gram[local].double() + view.along[items, None] + view.along
        scores = (1.0 - dot * view.inverse[items, None] * view.inverse).float()
    else:
        scores = view.sq[items, None] + view.sq - 2 * piece.gram[local]
    if view.alike is not None:
        scores[view.alike[items, None] == view.alike] = -torch.inf
    scores[torch.arange(len(items), device=items.device), items] = torch.inf
    return scores


def smallest(piece: Piece, view: View, kept: int, /) -> tuple[Tensor, Tensor]:
    """Return the columns of the smallest scores of each row and these, ascending, shape (n_rows, kept)."""
    n_rows, n_samples = piece.gram.shape
    if kept <= _FEW and by_triton(piece.gram):
        block = min(_STRETCH, 1 << (n_samples - 1).bit_length())
        stretches = -(-n_samples // block)
        indices = piece.gram.new_empty((n_rows, stretches * kept), dtype=torch.int64)
        scores = piece.gram.new_empty((n_rows, stretches * kept))
        launch(
            kernels().nearest, (n_rows, stretches), piece.gram, *_fixed(piece, view), _alike(view), indices,
            scores, **_constants(view), KEPT=kept, BLOCK=block, num_warps=8 if block > 2048 else 4,
        )  # fmt: skip
        if stretches == 1:
            return indices, scores
        scores, places = scores.topk(kept, largest=False)
        return indices.gather(1, places), scores
    found = []
    step = max(1, _AT_ONCE // n_samples)
    for first in range(0, n_rows, step):
        local = torch.arange(first, min(first + step, n_rows), device=piece.gram.device)
        found.append(scores_of(piece, view, local).topk(kept, largest=False))
    return torch.cat([one.indices for one in found]), torch.cat([one.values for one in found])


def count_closer(
    piece: Piece, view: View, indptr: Tensor, columns: Tensor, per_row: int, /
) -> tuple[Tensor, Tensor]:
    """Return, for queries by row of a piece, the numbers of items surely closer and of those possibly not farther.

    `per_row` is how many queries a row has, or about so many.
    """
    below, within = (torch.empty_like(columns, dtype=torch.int32) for _ in range(2))
    if by_triton(piece.gram):
        together = min(8, 1 << (max(per_row, 1) - 1).bit_length())
        launch(
            kernels().count_closer, (len(indptr) - 1,), piece.gram, *_fixed(piece, view), view.err, _alike(view),
            indptr, columns, below, within, **_constants(view), TOGETHER=together, BLOCK=512 if together > 2 else 1024,
        )  # fmt: skip
        return below, within
    owner = _owners(indptr, len(columns))
    step = max(1, _AT_ONCE // piece.gram.shape[1])
    for some in (slice(first, first + step) for first in range(0, len(columns), step)):
        scores, low, high = _bands(piece, view, owner[some], columns[some])
        below[some] = (scores + view.err < low).sum(dim=1, dtype=torch.int32)
        within[some] = (scores - view.err <= high).sum(dim=1, dtype=torch.int32)
    return below, within


def _owners(indptr: Tensor, total: int) -> Tensor:
    """Return the row of each query."""
    rows = torch.arange(len(indptr) - 1, device=indptr.device)
    return rows.repeat_interleave(indptr.diff(), output_size=total)


def _bands(piece: Piece, view: View, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the scores of rows, and what a bound must exceed or stay below to differ from that of the column."""
    scores = scores_of(piece, view, rows)
    twice = view.err[rows + piece.start]
    slack = view.err[columns] + twice + twice
    asked = scores.gather(1, columns[:, None])
    return scores, asked - slack[:, None], asked + slack[:, None]


def band_members(
    piece: Piece,
    view: View,
    rows: Tensor,
    columns: Tensor,
    sizes: Tensor | None,
    total: int,
    /,
    *,
    everything: bool,
) -> tuple[Tensor, Tensor]:
    """Return how many points float32 cannot tell from each query (row of the piece, column), and which they are.

    Without `sizes` they are counted only. `total` is the sum of `sizes`. With `everything` the surely
    closer points are listed too; the column itself always is, the row never.
    """
    if by_triton(piece.gram):
        return _band_by_triton(piece, view, rows, columns, sizes, total, everything)
    counts, members = [], []
    step = max(1, _AT_ONCE // piece.gram.shape[1])
    for some in (slice(first, first + step) for first in range(0, len(rows), step)):
        scores, low, high = _bands(piece, view, rows[some], columns[some])
        inside = scores - view.err <= high
        if not everything:
            inside &= scores + view.err >= low
        counts.append(inside.sum(dim=1))
        if sizes is not None:
            members.append(inside.nonzero()[:, 1])
    none = torch.empty(0, dtype=torch.int64, device=rows.device)
    return torch.cat([none, *counts]), torch.cat([none, *members])


def _band_by_triton(
    piece: Piece,
    view: View,
    rows: Tensor,
    columns: Tensor,
    sizes: Tensor | None,
    total: int,
    everything: bool,
) -> tuple[Tensor, Tensor]:
    members = torch.empty(total if sizes is not None else 0, dtype=torch.int64, device=rows.device)
    writing = sizes is not None
    sizes = torch.empty(len(rows), dtype=torch.int64, device=rows.device) if sizes is None else sizes
    starts = sizes.cumsum(0) - sizes if writing else sizes
    launch(
        kernels().band_members, (len(rows),), piece.gram, *_fixed(piece, view), view.err, _alike(view), rows, columns,
        starts, members, sizes, **_constants(view), EVERYTHING=everything, WRITE=writing, BLOCK=1024,
    )  # fmt: skip
    return sizes, members


def exact_scores(device: DeviceRows, metric: Any, left: Tensor, right: Tensor, /) -> Tensor:
    """Return the distance scores of pairs of items from their rows as given, in float64; see `_exact`."""
    if device.alike is None:
        return _exact(device, metric, left, right)
    # Of equal items one is measured for all: there may be very many.
    n_samples = device.n_samples
    keys, place = torch.unique(device.alike[left] * n_samples + device.alike[right], return_inverse=True)
    return _exact(device, metric, keys // n_samples, keys % n_samples)[place]


def _exact(device: DeviceRows, metric: Any, left: Tensor, right: Tensor) -> Tensor:
    a, b = device.row_numbers(left), device.row_numbers(right)
    if metric != "cosine":
        return squared_distances(device.rows, a, b)
    halves = squared_distances(device.rows, a, b, norms=(device.norm[left], device.norm[right]))
    return 0.5 * halves * device.scale**2


def squared_distances(
    parts: Sequence[Tensor], left: Tensor, right: Tensor, /, *, norms: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """Return the squared distances of rows left and right, divided by norms first where these are given."""
    out = torch.zeros(len(left), dtype=torch.float64, device=left.device)
    if len(left) == 0:
        return out
    for part in parts:
        n_features = part.shape[1]
        if by_triton(part):
            launch(
                kernels().squared_distances, (len(left),), part, part, n_features, left, right, *(norms or (out, out)),
                out, DIVIDE=norms is not None, BLOCK=min(1024, 1 << (n_features - 1).bit_length()),
            )  # fmt: skip
            continue
        step = max(1, _AT_ONCE // 8 // n_features)
        for some in (slice(first, first + step) for first in range(0, len(left), step)):
            x, y = part[left[some]].double(), part[right[some]].double()
            if norms is not None:
                x, y = x / norms[0][some, None], y / norms[1][some, None]
            out[some] += (x - y).square().sum(dim=1)
    return out
