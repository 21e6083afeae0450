"""What a space keeps where its tensors live: rows, Gram matrix, norms, all of them by item."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from platoscope.neighbors._device_passes import row_moments
from platoscope.neighbors._memory import available_memory
from platoscope.neighbors._metrics import COSINE, EUCLIDEAN
from platoscope.neighbors._precision import full_float32

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt
    from torch import Tensor

__all__ = ["DeviceRows", "Piece", "View", "free_bytes", "gram_of"]

_UNIT = 2.0**-24
_TINY = float(torch.finfo(torch.float32).tiny)
# As in `Space.error_bound`.
_FLOAT64_SUMS = 2.0**-48
_BLOCK_BYTES = 1 << 30
# Of what is free on the device, what one matrix, or one block of it, may take.
_SHARE = 0.25
# Rows of one tile of a Gram matrix are at least this many: fewer do not fill a device.
_TILE = 512


class View(NamedTuple):
    """What turns an inner product into a score, and how far the score may be from the truth."""

    kind: int
    sq: Tensor
    along: Tensor
    inverse: Tensor
    err: Tensor
    alike: Tensor | None
    sure: bool
    """Whether the bound on the error is small enough for scores to say anything."""


class Piece(NamedTuple):
    """Rows ``start:stop`` of the Gram matrix of a space, by item."""

    device: DeviceRows
    start: int
    stop: int
    gram: Tensor


@dataclass(frozen=True, eq=False)
class DeviceRows:
    """One representation on a device. Items equal bit for bit are told by `alike`, and tie exactly."""

    rows: tuple[Tensor, ...]
    """Rows as given, of the items that it was prepared of; near-ties are decided on them in float64."""
    items: Tensor | None
    """Row of each item; None: item i is row i."""
    alike: Tensor | None
    """First item that each item equals, shape (n_samples,); None where all differ."""
    gram: Tensor | None
    """Gram matrix of the centered rows, float32; None: in blocks, on demand."""
    centered: tuple[Tensor, ...]
    """Centered rows, float32, while `gram` is None."""
    sq: Tensor
    """Squared norms of the centered rows, float32."""
    along: Tensor
    """As `Space.along`."""
    norm: Tensor
    """As `Space.norm`."""
    rounding: Tensor
    """Of `gram`, in units in the last place of the squared norms; see `Space.error_bound`."""
    scale: float
    block_rows: int = 0
    _views: dict[str, View] = field(repr=False, default_factory=dict)

    @property
    def n_samples(self) -> int:
        """Number of items."""
        return len(self.sq)

    def view(self, metric: Any, /) -> View:
        """Return how entries of the Gram matrix become scores under a metric."""
        if metric not in self._views:
            inverse = torch.where(self.norm > 0, 1.0 / self.norm, 0.0)
            n_features = sum(part.shape[1] for part in self.rows)
            err = self.rounding * _UNIT * self.sq.double() + _TINY * (n_features + 1)
            kind, sure = EUCLIDEAN, True
            if metric == "cosine":
                kind, err = COSINE, err * inverse.square() + _FLOAT64_SUMS
                # No comparison holds of NaN.
                sure = bool(err.amax() < 1)
            self._views[metric] = View(kind, self.sq, self.along, inverse, err.float(), self.alike, sure)
        return self._views[metric]

    def pieces(self) -> Iterator[Piece]:
        """Yield the Gram matrix, whole where it is kept."""
        n_samples = self.n_samples
        if self.gram is not None:
            yield Piece(self, 0, n_samples, self.gram)
            return
        for start in range(0, n_samples, self.block_rows):
            stop = min(start + self.block_rows, n_samples)
            yield Piece(self, start, stop, self.gram_rows(start, stop))

    def gram_rows(self, start: int, stop: int, /) -> Tensor:
        """Return rows start:stop of the Gram matrix by item, in which columns of equal items are equal."""
        if self.gram is not None:
            return self.gram[start:stop]
        with full_float32(self.sq.device.type):
            block = sum_of_products([Z[start:stop] for Z in self.centered], self.centered)
        return block if self.alike is None else block[:, self.alike]

    def rows_of(self, items: npt.NDArray[Any], /) -> Tensor:
        """Return the rows of some items in the Gram matrix, which is not kept."""
        (chosen,) = self.queries(items)
        with full_float32(self.sq.device.type):
            return sum_of_products([Z[chosen] for Z in self.centered], self.centered)

    def queries(self, *arrays: npt.NDArray[Any]) -> tuple[Tensor, ...]:
        """Bring numbers of items, and where the lists of them begin, to the device."""
        return tuple(torch.from_numpy(array.astype("int64")).to(self.sq.device) for array in arrays)

    def moments(self) -> Tensor:
        """Return the sum and the sum of squares of each row of the Gram matrix, float64, shape (2, n_samples)."""
        return torch.cat([torch.stack(row_moments(piece.gram)) for piece in self.pieces()], dim=1)

    def may_share_directions(self, items: npt.NDArray[Any], /) -> bool:
        """Tell whether two of these items, all of them different, may be multiples of one row; see `_directions`."""
        (chosen,) = self.queries(items)
        places = self.row_numbers(chosen)
        peaks = torch.stack([part.abs().amax(dim=1)[places].double() for part in self.rows]).amax(dim=0)
        glance = (self.rows[0][places, 0].double() / peaks).sort().values
        # A zero row gives NaN, and has no direction.
        return bool((glance[1:] == glance[:-1]).any() & peaks.all())

    def row_numbers(self, items: Tensor, /) -> Tensor:
        """Return where the rows of some items stand in `rows`."""
        return items if self.items is None else self.items[items]

    def take(self, items: npt.NDArray[Any], /) -> DeviceRows:
        """Return the rows of some items, in the order given; no product is computed again where the matrix is kept."""
        (chosen,) = self.queries(items)
        alike = None if self.alike is None else first_alike(self.alike[chosen])
        gram, centered = self.gram, tuple(Z[chosen] for Z in self.centered)
        if gram is not None:
            gram = gram[chosen][:, chosen]
        elif 4 * len(chosen) ** 2 <= _SHARE * free_bytes(self.sq.device):
            gram, centered = gram_of(centered, alike), ()
        return replace(
            self,
            items=self.row_numbers(chosen),
            alike=alike,
            gram=gram,
            centered=centered,
            sq=self.sq[chosen],
            along=self.along[chosen],
            norm=self.norm[chosen],
            block_rows=0 if gram is not None else rows_at_once(len(chosen), self.sq.device),
            _views={},
        )


def free_bytes(device: torch.device, /) -> int:
    """Return the bytes that tensors on a device can still take, what torch holds without using it included."""
    if device.type != "cuda":
        return available_memory() or _BLOCK_BYTES
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0] + unused)


def rows_at_once(n_samples: int, device: torch.device, /) -> int:
    """Return how many rows of a Gram matrix are computed at a time where it is not kept."""
    room = min(_BLOCK_BYTES, int(_SHARE * free_bytes(device) / 4))
    return min(max(64, room // (4 * n_samples)), n_samples)


def first_alike(labels: Tensor, /) -> Tensor | None:
    """Return the first position with the same label as each one; None where all differ."""
    distinct, group = torch.unique(labels, return_inverse=True)
    if len(distinct) == len(labels):
        return None
    here = torch.arange(len(labels), device=labels.device)
    first = torch.full((len(distinct),), len(labels), device=labels.device)
    return first.scatter_reduce(0, group, here, "amin")[group]


def sum_of_products(left: Sequence[Tensor], right: Sequence[Tensor], /) -> Tensor:
    """Return ``sum(a @ b.T)``, over stacks of layers where there are any."""
    total = left[0] @ right[0].mT
    for a, b in zip(left[1:], right[1:], strict=True):
        total += a @ b.mT
    return total


def gram_of(centered: Sequence[Tensor], alike: Tensor | None = None, /) -> Tensor:
    """Return the Gram matrix of one layer or of a stack of them, of which one triangle is multiplied.

    A tile of rows is multiplied with what is not yet there, and copied across the diagonal.
    """
    Z = centered[0]
    n_samples = Z.shape[-2]
    gram = Z.new_empty((*Z.shape[:-1], n_samples))
    tile = max(_TILE, -(-n_samples // 8))
    with full_float32(Z.device.type):
        for start in range(0, n_samples, tile):
            stop = min(start + tile, n_samples)
            part = sum_of_products(
                [Z[..., start:stop, :] for Z in centered], [Z[..., start:, :] for Z in centered]
            )
            gram[..., start:stop, start:] = part
            gram[..., stop:, start:stop] = part[..., stop - start :].mT
    return gram if alike is None else gram[..., alike]
