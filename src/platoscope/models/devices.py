"""What is chosen for the machine at hand, each in one place: device, precision, size of a batch.

torch is imported where it is needed: that takes two seconds or more, and most of these questions come from code that
never reads a model.
"""

from __future__ import annotations

import importlib.util
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING

from platoscope.errors import InputError, reason_of

if TYPE_CHECKING:
    import torch

__all__ = [
    "check_device",
    "choose_device",
    "choose_dtype",
    "cpu_multiplies_bfloat16",
    "input_device",
    "tokens_per_batch",
]

_DTYPES = ("float32", "bfloat16", "float16")
_CPU_FLAGS = frozenset({"amx_bf16", "avx512_bf16", "bf16"})

_COMMON = re.compile(r"(cpu|mps|cuda(:\d+)?)")
_CPU_TOKENS = 2048
_GPU_TOKENS = 16_384


def check_device(device: str, /) -> None:
    """Refuse what is no name of a device, whether or not this machine has it; torch is loaded for a rare one only.

    Raises
    ------
    InputError
        If torch does not know the name.
    """
    if device == "auto" or _COMMON.fullmatch(device) or importlib.util.find_spec("torch") is None:
        return
    import torch

    try:
        torch.device(device)
    except RuntimeError as error:
        raise _no_device(device, error) from error


def _no_device(device: str, error: BaseException) -> InputError:
    reason = reason_of(error)
    return InputError(
        f"device={device!r} cannot be used here: {reason}. Use 'auto', 'cpu', 'cuda', 'cuda:1' or 'mps'."
    )


def choose_device(device: str, /) -> torch.device:
    """Turn ``"auto"`` into the best device there is: CUDA, then Apple's MPS, then the CPU.

    Parameters
    ----------
    device : str
        ``"auto"`` or a name that torch knows, such as ``"cuda:1"``.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    InputError
        If torch does not know the name, or that device is not there.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise _no_device(device, error) from error
    return chosen


def choose_dtype(dtype: str, device: torch.device, /) -> torch.dtype:
    """Turn ``"auto"`` into bfloat16 where `device` multiplies it in hardware, and float32 elsewhere.

    Parameters
    ----------
    dtype : {"auto", "float32", "bfloat16", "float16"}
        What the user asked for.
    device : torch.device
        Where the model runs.

    Returns
    -------
    torch.dtype
        The precision of weights and states; pooling accumulates in float32 in any case.

    Raises
    ------
    InputError
        If `dtype` is none of these.

    Notes
    -----
    On a CPU the decision reads the processor's flags (AMX or AVX-512 BF16 on x86, BF16 on ARM) and
    measures nothing, so that the same machine always chooses the same. MPS stays at float32: what bfloat16
    does there was not measured.
    """
    import torch

    if dtype == "auto":
        if device.type == "cuda":
            fast = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            fast = device.type == "cpu" and cpu_multiplies_bfloat16()
        return torch.bfloat16 if fast else torch.float32
    if dtype not in _DTYPES:
        msg = f"dtype={dtype!r} is not known. Expected 'auto' or one of {', '.join(map(repr, _DTYPES))}."
        raise InputError(msg)
    chosen = getattr(torch, dtype)
    assert isinstance(chosen, torch.dtype)
    return chosen


def cpu_multiplies_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo"), /) -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware; False where the system does not tell.

    Parameters
    ----------
    cpuinfo : Path
        Where Linux lists the processor's flags.

    Returns
    -------
    bool
        True with AMX or AVX-512 BF16 on x86, or BF16 on ARM.
    """
    if platform.system() != "Linux" or not cpuinfo.exists():
        return False
    for line in cpuinfo.read_text(encoding="utf-8").splitlines():
        key, _, flags = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return not _CPU_FLAGS.isdisjoint(flags.split())
    return False


def input_device(model: torch.nn.Module, /) -> torch.device:
    """Say where a model takes what it reads.

    Parameters
    ----------
    model : Module
        With weights.

    Returns
    -------
    torch.device
        That of its first weight; the CPU for one that accelerate brings to its device only when it runs, as it does
        what the model is given.
    """
    import torch

    found = next(model.parameters()).device
    return torch.device("cpu") if found.type == "meta" else found


def tokens_per_batch(device: torch.device, /) -> int:
    """Bound the padded tokens of one batch: enough to keep `device` busy, with states that stay small.

    Parameters
    ----------
    device : torch.device
        Where the model runs.

    Returns
    -------
    int
        The same for the same kind of device, so that a plan of batches does not depend on free memory.
    """
    return _CPU_TOKENS if device.type == "cpu" else _GPU_TOKENS
