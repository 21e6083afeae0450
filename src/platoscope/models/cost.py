"""What reading with a model takes, worked out from its size alone: operations, memory, devices, time.

All of it is an estimate. A forward pass is counted as two operations per multiplied parameter and token; a
quarter of each device is left to states, batches and what the libraries need.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from platoscope.errors import InputError

if TYPE_CHECKING:
    from platoscope.models.catalog import ModelInfo

__all__ = ["n_devices", "n_operations", "weight_dtypes"]

_SHARE_FOR_WEIGHTS = 0.75


def n_operations(info: ModelInfo, n_tokens: int, /) -> int:
    """Count the operations of reading `n_tokens` tokens.

    A token is looked up in the embeddings, not multiplied with them: blocks have about 12 width² parameters
    each. Of a mixture of experts only the active parameters count.

    Parameters
    ----------
    info : ModelInfo
        The model.
    n_tokens : int
        Tokens, padding not counted.

    Returns
    -------
    int
        Multiplications and additions.

    Examples
    --------
    >>> from platoscope.models import describe_model
    >>> n_operations(describe_model("gemma-3-270m"), 1000) / 1e9
    176.9472
    """
    blocks = 12 * (info.n_layers - 1) * info.n_features**2
    return 2 * n_tokens * min(info.n_active_parameters or info.n_parameters, blocks)


def weight_dtypes(info: ModelInfo, dtype: str, /) -> tuple[str, ...]:
    """Say in which precisions the weights may lie in memory.

    Parameters
    ----------
    info : ModelInfo
        The model.
    dtype : {"auto", "float32", "bfloat16", "float16", "float8"}
        As for `platoscope.models.load_model`; "auto" depends on the machine that it will run on. "float8" is for a plan
        alone: weights are read so where they are published so.

    Returns
    -------
    tuple of str
        The one asked for; for "auto" the smallest first. Weights published in 8 bits stay so.

    Raises
    ------
    InputError
        If `dtype` is none of these.
    """
    if info.dtype == "float8":
        return ("float8",)
    if dtype == "auto":
        return ("bfloat16", "float32")
    info.memory(dtype)
    return (dtype,)


def n_devices(weight_bytes: int, device_bytes: float, /) -> int:
    """Count the devices over which weights are spread, a quarter of each left to what is computed.

    Parameters
    ----------
    weight_bytes : int
        Memory of the weights, `ModelInfo.memory`.
    device_bytes : float
        Memory of one device.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    InputError
        If a device has no memory.

    Examples
    --------
    >>> n_devices(670_099_725_312, 141e9), n_devices(670_099_725_312, 80e9)
    (7, 12)
    """
    if device_bytes <= 0:
        msg = f"The memory of a device must be positive, but got {device_bytes}."
        raise InputError(msg)
    return max(1, math.ceil(weight_bytes / (_SHARE_FOR_WEIGHTS * device_bytes)))
