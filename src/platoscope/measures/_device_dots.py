"""What CKA takes from Gram matrices that stay on a device: sums in float64, of which alone come to the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch

from platoscope.measures._dense import is_grid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt
    from torch import Tensor

    from platoscope.measures._dense import Rows
    from platoscope.neighbors import Space

__all__ = ["RowsThere", "cross_there", "gram_there", "margins_there", "sent_there"]

RowsThere: TypeAlias = "Callable[[int, int], Tensor]"
"""Rows start:stop of a symmetric matrix of shape (n_samples, n_samples), on a device."""

# Entries of all matrices that are held at a time, in float64.
_ENTRIES = 1 << 25


def gram_there(space: Space, /) -> RowsThere:
    """Read the Gram matrix of a space on a device by items."""
    device = space.device
    assert device is not None
    if space.one_row_per_item:
        return lambda start, stop: device.products(slice(start, stop))
    inverse = device.to_device(space.inverse.astype(np.int64))
    return lambda start, stop: device.products(inverse[start:stop])[:, inverse]


def sent_there(rows: Rows, space: Space, /) -> RowsThere:
    """Read a matrix of the host by rows that are sent where a space lives."""
    device = space.device
    assert device is not None
    return lambda start, stop: device.to_device(rows(start, stop))


def margins_there(rows: RowsThere, n_samples: int, /) -> npt.NDArray[np.float64]:
    """Return the diagonal of a matrix, and its row sums and sums of squares without it, shape (3, n_samples)."""
    found = []
    for start, stop in _runs(n_samples, n_samples):
        block = rows(start, stop).double()
        diagonal = torch.diagonal(block, offset=start).clone()
        # Before anything is added up: that of one far item can be so large that nothing would be left of the rest.
        torch.diagonal(block, offset=start).zero_()
        found.append(torch.stack([diagonal, block.sum(dim=1), block.square_().sum(dim=1)]))
    margins: npt.NDArray[np.float64] = torch.cat(found, dim=1).cpu().numpy()
    return margins


def cross_there(
    A: Sequence[RowsThere], B: Sequence[RowsThere], pairs: npt.NDArray[np.intp], n_samples: int, /
) -> npt.NDArray[np.float64]:
    """Return ``sum over i != j of A[a][i, j] * B[b][i, j]`` for every pair (a, b), as `off_diagonal_dots` does."""
    total: Tensor | None = None
    of_a, of_b = pairs.T.tolist()
    for start, stop in _runs(n_samples, n_samples * (len(A) + len(B))):
        left, right = (torch.stack([rows(start, stop) for rows in side]).double() for side in (A, B))
        torch.diagonal(left, offset=start, dim1=1, dim2=2).zero_()
        if is_grid(len(A), len(B), len(pairs)):
            # One product of all layers with all for each item: enough of them to fill a device.
            sums = torch.bmm(left.transpose(0, 1), right.permute(1, 2, 0)).sum(dim=0)
            sums = sums[of_a, of_b]
        else:
            sums = torch.stack([torch.sum(left[a] * right[b]) for a, b in zip(of_a, of_b, strict=True)])
        total = sums if total is None else total + sums
    assert total is not None
    found: npt.NDArray[np.float64] = total.cpu().numpy()
    return found


def _runs(n_rows: int, n_columns: int) -> Iterator[tuple[int, int]]:
    step = max(1, _ENTRIES // n_columns)
    for start in range(0, n_rows, step):
        yield start, min(start + step, n_rows)
