"""Whether the kernels written in Triton may be trusted on a device: once per process, they are held against whole arrays.

A kernel is compiled by what happens to be installed for what happens to be plugged in. Where one of them fails, or says
anything else than whole arrays do, none of them is used, and the user is told.
"""

from __future__ import annotations

import importlib.util
import threading
import warnings
from typing import TYPE_CHECKING, Any

import torch

from platoscope.errors import PlatoscopeWarning

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["by_triton"]

_N_SAMPLES, _N_FEATURES = 37, 21
_lock = threading.RLock()
_trusted: dict[torch.device, bool] = {}
_trial = threading.local()


def by_triton(tensor: Tensor, /) -> bool:
    """Tell whether kernels written in Triton run where the tensor lives."""
    if not tensor.is_cuda or importlib.util.find_spec("triton") is None:
        return False
    chosen = getattr(_trial, "kernels", None)  # while they are tried
    return _is_trusted(tensor.device) if chosen is None else bool(chosen)


def _is_trusted(device: torch.device) -> bool:
    with _lock:
        if device not in _trusted:
            _trusted[device] = _agree(device)
        return _trusted[device]


def _agree(device: torch.device) -> bool:
    try:
        different = [
            name for name, (got, want) in _both_ways(device).items() if not _is_close(got.cpu(), want.cpu())
        ]
        said = f"{', '.join(different)} differ" if different else ""
    except Exception as error:  # a compiler and a driver fail in ways of their own
        said = f"they failed ({type(error).__name__})"
    if said:
        message = (
            f"The Triton kernels are not used on {device}, because {said}; plain tensor operations are, which are "
            "slower and as exact. Another version of torch or triton may help."
        )
        warnings.warn(message, PlatoscopeWarning, stacklevel=2)
    return not said


def _both_ways(device: torch.device) -> dict[str, tuple[Tensor, Tensor]]:
    found = []
    try:
        for _trial.kernels in (True, False):
            found.append(outcomes(device))
    finally:
        _trial.kernels = None
    return {name: (found[0][name], found[1][name]) for name in found[0]}


def _is_close(got: Tensor, want: Tensor) -> bool:
    """Tell whether two results are equal up to the order of float64 sums, or one unit of a float32 score."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return False
    if not got.is_floating_point():
        return bool(torch.equal(got, want))
    tolerance = 1e-6 if got.dtype == torch.float32 else 1e-12
    return bool(torch.allclose(got, want, rtol=tolerance, atol=tolerance))


def outcomes(device: torch.device, /) -> dict[str, Tensor]:
    """Return what the kernels, or whole arrays in their place, make of a small made-up array with a copy of one row."""
    from platoscope.neighbors import _device_passes as passes  # it imports this module, through the scores
    from platoscope.neighbors._device_rows import DeviceRows, Piece

    generator = torch.Generator().manual_seed(0)
    X = torch.randn((_N_SAMPLES, _N_FEATURES), generator=generator)
    X[9] = X[3]
    X = X.to(device)
    out: dict[str, Tensor] = {}
    Z = torch.empty_like(X)
    sq, along, raw = torch.zeros((3, len(X)), dtype=torch.float64, device=device)
    codes = torch.zeros(len(X), dtype=torch.int64, device=device)
    sums, out["peak"] = passes.column_sums(X)
    out["column sums"], out["column squares"] = sums, passes.column_squares(X)
    center = X.sum(dim=0, dtype=torch.float64) / len(X)
    passes.center_rows(X, center, 0.5, Z, (sq, along, raw, codes), passes.odd_numbers(_N_FEATURES, device, 0))
    out.update({"centered rows": Z, "squared norms": sq, "squared lengths": raw, "codes of rows": codes})
    out["products with the center"] = along
    # From here on one matrix for both, so that they have the same bits.
    rows = (X - X.mean(dim=0)).cpu()
    gram = (rows @ rows.T).to(device)
    out["sums of the matrix"], out["squares of the matrix"] = passes.row_moments(gram)
    length = gram.diagonal().contiguous()
    along = torch.linspace(0, 1, len(X), dtype=torch.float64, device=device)
    alike = torch.arange(len(X), device=device)
    alike[9] = 3
    for metric, copies in (("euclidean", None), ("cosine", alike)):
        one = DeviceRows(
            rows=(X,), items=None, alike=copies, gram=gram, centered=(), sq=length, along=along,
            norm=length.double().sqrt() + 1, rounding=torch.tensor(2.0**20, device=device), scale=1.0,
        )  # fmt: skip
        _searched(Piece(one, 0, len(X), gram), metric, out)
    return out


def _searched(piece: Any, metric: str, out: dict[str, Tensor]) -> None:
    """Add the nearest, the counts, the near-ties and the exact distances of all items."""
    from platoscope.neighbors import _device_scores as scores  # it imports this module

    view, n = piece.device.view(metric), len(piece.gram)
    everyone = torch.arange(n, device=piece.gram.device)
    columns = (everyone + 5) % n
    _, out[f"nearest scores ({metric})"] = scores.smallest(piece, view, 4)
    indptr = torch.arange(n + 1, device=columns.device)
    counts = scores.count_closer(piece, view, indptr, columns, 1)
    out[f"closer items ({metric})"], out[f"items not farther ({metric})"] = counts
    for everything in (True, False):
        how = f"({metric}, {everything})"
        asked = {"everything": everything}
        sizes, _ = scores.band_members(piece, view, everyone, columns, None, 0, **asked)
        total = int(sizes.sum())
        members = scores.band_members(piece, view, everyone, columns, sizes, total, **asked)[1]
        out[f"sizes of bands {how}"], out[f"members of bands {how}"] = sizes, members
    norms = (piece.device.norm, piece.device.norm[columns]) if metric == "cosine" else None
    out[f"exact distances ({metric})"] = scores.squared_distances(
        piece.device.rows, everyone, columns, norms=norms
    )
