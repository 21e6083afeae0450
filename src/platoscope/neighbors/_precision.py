"""Full float32 in torch's matrix products, whatever the user chose for their own."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["full_float32"]

_lock = threading.Lock()
_held: dict[str, Any] = {"depth": 0, "before": None}


@contextlib.contextmanager
def full_float32(device_type: str = "cpu", /) -> Iterator[None]:
    """Switch TF32 and autocast off for torch matrix products inside the block, and put the user's choice back.

    TF32 keeps 10 bits of each factor, with which most ranks change. The setting is one of the process: threads
    that are inside at the same time share it, and the last one to leave restores it.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    with _lock:
        if _held["depth"] == 0:
            _held["before"] = _read(torch)
            _write(torch, "ieee" if _by_backend(torch) else "highest")
        _held["depth"] += 1
    try:
        with torch.autocast(device_type, enabled=False):
            yield
    finally:
        with _lock:
            _held["depth"] -= 1
            if _held["depth"] == 0:
                _write(torch, _held["before"])


def _by_backend(torch: Any) -> bool:
    """Tell whether this torch (from 2.9 on) has a setting of its own for CUDA; the older one is then on its way out."""
    return hasattr(torch.backends.cuda.matmul, "fp32_precision")


def _read(torch: Any) -> str:
    if _by_backend(torch):
        return str(torch.backends.cuda.matmul.fp32_precision)
    return str(torch.get_float32_matmul_precision())


def _write(torch: Any, value: str) -> None:
    if _by_backend(torch):
        torch.backends.cuda.matmul.fp32_precision = value
    else:
        torch.set_float32_matmul_precision(value)
