"""Centering where tensors live: what `_centering` is on the host."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from platoscope.errors import DeviceMemoryError
from platoscope.neighbors._centering import row_norms
from platoscope.neighbors._device_sums import fold
from platoscope.neighbors._inputs import as_parts
from platoscope.neighbors._scaling import powers_of_two

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt
    from torch import Tensor

    from platoscope.neighbors._inputs import FloatArray

__all__ = ["CenteredThere", "center_there", "room_there", "rows_there"]

# Numbers held at a time, in float64.
_AT_ONCE = 1 << 25


class CenteredThere(NamedTuple):
    """Rows minus their mean as tensors, and what was seen on the way, as in `Centered`."""

    parts: tuple[Tensor, ...]
    """The rows as given, float32 or float64."""
    centered: tuple[Tensor, ...]
    sq: npt.NDArray[np.float64]
    along: npt.NDArray[np.float64]
    codes: npt.NDArray[np.int64]
    """A number that equal rows share; others may share one as well, though hardly ever do."""
    norms: npt.NDArray[np.float64]
    squares: npt.NDArray[np.float64]
    center_sq: float
    scale: float


@contextmanager
def room_there(name: str, /) -> Iterator[None]:
    """Say what to do where a device has no memory left, as a `DeviceMemoryError`."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        message = (
            f"Preparing {name} does not fit on its device: {error}. Free tensors there, pass block_size to compute "
            "distances in blocks, or give arrays on the host."
        )
        raise DeviceMemoryError(message) from error


def rows_there(
    parts: Sequence[Tensor], name: str, items: npt.NDArray[np.integer[Any]] | None
) -> tuple[FloatArray, ...]:
    """Bring the rows of some items to the host, or of all (None)."""
    chosen = list(parts)
    if items is not None:
        places = torch.from_numpy(items.astype(np.int64)).to(chosen[0].device)
        chosen = [part[places] for part in chosen]
    return as_parts(chosen, name)


def center_there(given: Sequence[Tensor], name: str, /) -> CenteredThere | None:
    """Return centered rows on the device of `given`, matrices of one device.

    None where the host must do it, which also says what is wrong with them: rows that are not finite, or whose sums
    float64 cannot hold.
    """
    parts = tuple(_in_full(part) for part in given)
    # One number says both how large values are and whether all are finite.
    peaks = torch.stack([part.abs().amax().double() for part in parts])
    largest = float(peaks.amax())
    if not largest * len(parts[0]) < float(np.finfo(np.float64).max):
        return None
    scale = float(powers_of_two(largest))
    n_samples = len(parts[0])
    sq, along, raw = torch.zeros((3, n_samples), dtype=torch.float64, device=parts[0].device)
    codes = torch.zeros(n_samples, dtype=torch.int64, device=parts[0].device)
    centered, squares, center_sq = [], [], 0.0
    for seed, part in enumerate(parts):
        center = _column_means(part) * scale
        center_sq += float(fold(center.square()[None])[0])
        odd = _odd_numbers(part, seed)
        Z = torch.empty(part.shape, dtype=torch.float32, device=part.device)
        of_features = torch.zeros_like(center)
        for rows in _runs(part):
            values = part[rows].double() * scale
            Z[rows] = (values - center).float()
            z = Z[rows].double()
            of_features += z.square().sum(dim=0)
            sq[rows] += fold(z.square_())
            along[rows] += fold(values * center)
            raw[rows] += fold(values.square_())
            # Whole numbers add up alike in any order; and -0.0 is at distance 0 from 0.0.
            bits = (part[rows] + 0.0).view(torch.int32 if part.dtype == torch.float32 else torch.int64)
            codes[rows] += (bits * odd).sum(dim=1)
        centered.append(Z)
        squares.append(of_features)
    host = torch.stack([sq, along, raw]).cpu().numpy()
    return CenteredThere(
        parts=parts,
        centered=tuple(centered),
        sq=host[0],
        along=host[1],
        codes=codes.cpu().numpy(),
        norms=row_norms(partial(rows_there, parts, name), host[2], scale),
        squares=torch.cat(squares).cpu().numpy(),
        center_sq=center_sq,
        scale=scale,
    )


def _in_full(part: Tensor) -> Tensor:
    """Return rows in float32 or float64, one after the other in memory, without a gradient."""
    rows = part.detach()
    return (rows if rows.dtype in (torch.float32, torch.float64) else rows.to(torch.float32)).contiguous()


def _column_means(part: Tensor) -> Tensor:
    total = torch.zeros(part.shape[1], dtype=torch.float64, device=part.device)
    for rows in _runs(part):
        total += part[rows].double().sum(dim=0)
    return total / len(part)


def _odd_numbers(part: Tensor, seed: int) -> Tensor:
    """Return an odd number per feature, with which rows are told apart."""
    numbers = np.random.default_rng(seed).integers(-(2**62), 2**62, part.shape[1]) * 2 + 1
    return torch.from_numpy(numbers).to(part.device)


def _runs(part: Tensor) -> Iterator[slice]:
    step = max(1, _AT_ONCE // part.shape[1])
    for start in range(0, len(part), step):
        yield slice(start, min(start + step, len(part)))
