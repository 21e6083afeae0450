"""Pairs and grids of layers whose tensors live on a device: the sums of `_imbalance`, `_overlap` and `_cka` there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from platoscope.neighbors import device_neighbors, device_pair_ranks, device_ranks, fetch_moments

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from torch import Tensor

    from platoscope.neighbors import Space

__all__ = ["common_neighbors", "cross_products", "directed_imbalance", "margins", "pair_imbalance"]

# Ranks that are asked for at a time, entries compared with each other at a time, and bytes of matrices side by side.
_QUERIES = 1 << 27
_COMPARED = 1 << 28
_CHUNK_BYTES = 512 << 20


def pair_imbalance(a: Space, b: Space, k: int, metric: Any, ties: str, /) -> npt.NDArray[np.float64]:
    """Return Δ of one pair in both directions, from one product per space where matrices are not kept."""
    sums = np.zeros(2)
    for forward, backward in device_pair_ranks(a, b, k, metric, ties=ties):
        for way, (near, rank) in enumerate((forward, backward)):
            sums[way] += float(near.shares() @ rank)
    return 2.0 * sums / a.n_samples**2


def directed_imbalance(
    sources: Sequence[Space], targets: Sequence[Space], pairs: Any, k: int, metric: Any, ties: str, /
) -> npt.NDArray[np.float64]:
    """Return Δ of sources to targets for pairs (source, target), shape (n_pairs,)."""
    n_samples = sources[0].n_samples
    near = device_neighbors(sources, k, metric, ties=ties)
    plain = np.array([one.weights is None for one in near])
    out = np.empty(len(pairs))
    step = max(1, _QUERIES // (n_samples * k * len(sources)))
    groups = [np.flatnonzero((pairs[:, 1] == t) & plain[pairs[:, 0]]) for t in np.unique(pairs[:, 1])]
    groups = [group for group in groups if group.size]
    merged: dict[bytes, tuple[Tensor, Tensor]] = {}
    for some in (groups[first : first + step] for first in range(0, len(groups), step)):
        queries = []
        for group in some:
            chosen = pairs[group, 0]
            if chosen.tobytes() not in merged:  # in a grid every target has the same sources
                merged = {chosen.tobytes(): _side_by_side([near[s] for s in chosen], n_samples)}
            queries.append(merged[chosen.tobytes()])
        found = device_ranks([targets[pairs[group[0], 1]] for group in some], queries, metric, ties=ties)
        # Whole and half ranks add up exactly.
        sums = [
            ranks.view(n_samples, len(group), -1).sum(dim=(0, 2))
            for ranks, group in zip(found, some, strict=True)
        ]
        weighted = torch.cat(sums).cpu().numpy() / near[pairs[some[0][0], 0]].per_item
        out[np.concatenate(some)] = 2.0 * weighted / n_samples**2
    for at in np.flatnonzero(~plain[pairs[:, 0]]):
        one = near[pairs[at, 0]]
        if ties == "average" and one.constant:
            out[at] = 1.0
            continue
        ranks = device_ranks([targets[pairs[at, 1]]], [(one.indptr, one.items)], metric, ties=ties)[0]
        out[at] = 2.0 * float(one.shares() @ ranks) / n_samples**2
    return out


def _side_by_side(near: Sequence[Any], n_samples: int) -> tuple[Tensor, Tensor]:
    """Return the neighbors in several layers, item by item, where all items have equally many."""
    items = torch.stack([one.items.view(n_samples, -1) for one in near], dim=1).reshape(n_samples, -1)
    indptr = torch.arange(n_samples + 1, device=items.device) * items.shape[1]
    return indptr, items.reshape(-1)


def common_neighbors(
    A: Sequence[Space], B: Sequence[Space], pairs: Any, k: int, metric: Any, /
) -> npt.NDArray[np.float64] | None:
    """Return, for pairs, the numbers of common neighbors over all items; None where ties are shared."""
    n_samples = A[0].n_samples
    sides = [device_neighbors(side, k, metric) for side in (A, B)]
    if any(one.weights is not None for side in sides for one in side):
        return None
    left, right = (torch.stack([one.items.view(n_samples, k) for one in side], dim=1) for side in sides)
    total = torch.zeros((len(A), len(B)), dtype=torch.int64, device=left.device)
    step = max(1, _COMPARED // (len(A) * len(B) * k * k))
    for some in (slice(first, first + step) for first in range(0, n_samples, step)):
        equal = left[some, :, None, :, None] == right[some, None, :, None, :]
        total += equal.sum(dim=(0, 3, 4))
    found: npt.NDArray[np.float64] = total.cpu().numpy()[pairs[:, 0], pairs[:, 1]].astype(np.float64)
    return found


def cross_products(A: Sequence[Space], B: Sequence[Space], pairs: Any, /) -> npt.NDArray[np.float64]:
    """Return the sum of products of entries off the diagonals of two Gram matrices, for pairs, in float64."""
    n_samples = A[0].n_samples
    left, right = ([space.device for space in side if space.device] for side in (A, B))
    step = max(1, _CHUNK_BYTES // (8 * n_samples * (len(A) + len(B))))
    device = left[0].sq.device
    total = torch.zeros((len(A), len(B)), dtype=torch.float64, device=device)
    grid = len(pairs) > 2 * max(len(A), len(B))
    chosen = torch.from_numpy(pairs.T.copy()).to(device)
    for first in range(0, n_samples, step):
        here = torch.arange(first, min(first + step, n_samples), device=device)
        X, Y = (
            torch.stack([one.gram_rows(first, first + len(here)) for one in side], dim=1).double()
            for side in (left, right)
        )
        # That of one far item can be so large that nothing would be left of the rest.
        X[here - first, :, here] = 0
        if grid:
            total += torch.bmm(X, Y.mT).sum(dim=0)
        else:
            for a, b in pairs:
                total[a, b] += (X[:, a] * Y[:, b]).sum()
    found: npt.NDArray[np.float64] = total[chosen[0], chosen[1]].cpu().numpy()
    return found


def margins(spaces: Sequence[Space], /) -> list[tuple[Any, Any, float]]:
    """Return, for each space, the diagonal and the row sums of its Gram matrix and the sum of its squared entries."""
    fetch_moments(spaces)
    devices = [space.device for space in spaces if space.device]
    diagonals = [one.sq if one.gram is None else one.gram.diagonal() for one in devices]
    found = []
    for space, diagonal in zip(spaces, torch.stack(diagonals).double().cpu().numpy(), strict=True):
        sums, squares = (side[space.inverse] for side in space.gram_moments())
        found.append((diagonal, sums, float(squares.sum())))
    return found
