"""Passes over rows and matrices on a device, with sums in float64: by Triton where it is, else by whole arrays.

A reduction of float32 in float64 makes torch copy its input, which costs more than the pass.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from platoscope.neighbors._device_scores import kernels, launch
from platoscope.neighbors._device_trust import by_triton

__all__ = ["center_rows", "column_squares", "column_sums", "odd_numbers", "row_moments"]

_ROWS = 32
_BLOCK = 256
_WIDE = 1024


def column_sums(X: Tensor, /) -> tuple[Tensor, Tensor]:
    """Return the sum of each column, float64, and the largest absolute value of all; NaN may be left out of the latter."""
    if by_triton(X):
        sums, peaks = _by_columns(X, squares=False)
        return sums.sum(dim=0), peaks.amax()
    return X.sum(dim=0, dtype=torch.float64), torch.stack(X.aminmax()).abs().amax().double()


def column_squares(X: Tensor, /) -> Tensor:
    """Return the sum of squares of each column, float64."""
    if by_triton(X):
        return _by_columns(X, squares=True)[0].sum(dim=0)
    return X.double().square().sum(dim=0)


def _by_columns(X: Tensor, *, squares: bool) -> tuple[Tensor, Tensor]:
    n_samples, n_features = X.shape
    stretches = -(-n_samples // _ROWS)
    sums, peaks = (X.new_empty((stretches, n_features), dtype=torch.float64) for _ in range(2))
    launch(
        kernels().column_sums, (-(-n_features // _BLOCK), stretches), X, X, n_samples, n_features, sums, peaks,
        SQUARES=squares, ROWS=_ROWS, BLOCK=_BLOCK,
    )  # fmt: skip
    return sums, peaks


@lru_cache(maxsize=16)
def odd_numbers(n_features: int, device: torch.device, seed: int, /) -> Tensor:
    """Return an odd number per feature, with which `center_rows` tells rows apart."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randint(-(2**62), 2**62, (n_features,), generator=generator) * 2 + 1).to(device)


def center_rows(
    X: Tensor,
    center: Tensor,
    scale: float,
    Z: Tensor,
    sums: tuple[Tensor, Tensor, Tensor, Tensor],
    odd: Tensor,
    /,
) -> None:
    """Write ``scale * (X - center)`` as float32 to Z; add to `sums` the four numbers of each row.

    These are |z|², ``scale² x @ center``, |scale x|², and a number that equal rows share: a sum of integers, which no
    order of summation changes.
    """
    sq, along, raw, codes = sums
    if by_triton(X):
        n_features = X.shape[1]
        launch(
            kernels().center_rows, (len(X),), X, X, n_features, center, torch.full_like(center[:1], scale), odd, Z,
            sq, along, raw, codes, DOUBLE=X.dtype == torch.float64, BLOCK=min(_WIDE, 1 << (n_features - 1).bit_length()),
        )  # fmt: skip
        return
    Z.copy_((X.double() - center) * scale)
    sq += Z.double().square().sum(dim=1)
    scaled = X.double() * scale
    along += (scaled * (center * scale)).sum(dim=1)
    raw += scaled.square().sum(dim=1)
    # -0.0 is at distance 0 from 0.0
    bits = torch.where(X == 0, 0.0, X).view(torch.int32 if X.dtype == torch.float32 else torch.int64)
    codes += (bits * odd).sum(dim=1)


def row_moments(gram: Tensor, /) -> tuple[Tensor, Tensor]:
    """Return the sum and the sum of squares of each row, float64."""
    if by_triton(gram):
        sums, squares = torch.empty((2, len(gram)), dtype=torch.float64, device=gram.device)
        launch(
            kernels().row_moments,
            (len(gram),),
            gram,
            gram,
            gram.stride(0),
            gram.shape[1],
            sums,
            squares,
            BLOCK=_WIDE,
        )
        return sums, squares
    return gram.sum(dim=1, dtype=torch.float64), gram.double().square().sum(dim=1)
