"""A model's architecture with random weights, as its own library initializes it before training. Needs torch."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModel

from platoscope.errors import InputError

__all__ = ["draw_weights"]


def draw_weights(
    config: Any, seed: int, /, *, name: str, dtype: torch.dtype, device_map: str | None = None
) -> Any:
    """Build a base model of its configuration, with weights that its library draws.

    Parameters
    ----------
    config : transformers.PretrainedConfig
        Of the trained model.
    seed : int
        Of the weights.
    name : str
        What messages call the model.
    dtype : torch.dtype
        Precision of the weights.
    device_map : {"auto"} or None
        Refused where it is given.

    Returns
    -------
    transformers.PreTrainedModel
        On the CPU.

    Raises
    ------
    InputError
        If it is to be spread over devices.

    Notes
    -----
    The weights are those of transformers' own initializer (``AutoModel.from_config``; Gemma: normal with standard deviation
    ``initializer_range``, norms at their neutral value). They are drawn in float32 by torch's generator of the CPU and
    rounded to `dtype`, so that device and precision change nothing but rounding. The state of that generator is
    put back. The same seed and versions of torch and transformers give the same weights, and on processors with the same
    vector instructions the same bytes: with others torch rounds the last digit of a normal number otherwise.
    """
    if device_map is not None:
        msg = f"an untrained model is drawn as a whole; load {name!r} without device_map"
        raise InputError(msg)
    # On the CPU, whatever torch.set_default_device says, and of its generator: torch.manual_seed would seed all devices.
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed)
        model = AutoModel.from_config(config, trust_remote_code=False, dtype=torch.float32)
    # What a checkpoint would hold is rounded; what is computed from settings (rotary frequencies) stays as it is.
    for tensor in model.state_dict(keep_vars=True).values():
        if tensor.is_floating_point():
            tensor.data = tensor.data.to(dtype)
    return model
