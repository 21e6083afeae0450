"""Sizes out of a model's configuration, which not every architecture has."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["check_layers", "published_dtype", "quantization_of", "require_buildable", "size_of"]

_COUNTS = re.compile(r"(^|(?<!_per)_)(layers?|blocks)$")  # settings that count layers, not sizes of one
_MOST_LAYERS = 10_000
_IN_8_BITS = frozenset({"fp8", "fbgemm_fp8", "mxfp8"})
"""The schemes of quantization that keep a weight as a float of 8 bits."""


def quantization_of(config: Any, /) -> str | None:
    """Name the scheme that a configuration says its weights are quantized by."""
    scheme = getattr(config, "quantization_config", None)
    if scheme is None:
        return None
    method = scheme.get("quant_method") if isinstance(scheme, dict) else scheme.quant_method
    return str(method)


def published_dtype(config: Any, /) -> str:
    """Name the precision in which a configuration says that its weights are kept: ``"float8"`` where a scheme says so.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> published_dtype(SimpleNamespace(dtype="torch.bfloat16", quantization_config={"quant_method": "fp8"}))
    'float8'
    """
    if quantization_of(config) in _IN_8_BITS:
        return "float8"
    return str(config.dtype or "float32").removeprefix("torch.")


def size_of(model: Any, name: str, /) -> Any:
    """Give a size that the configuration of a model holds.

    Parameters
    ----------
    model : torch.nn.Module
        A base model of the library.
    name : str
        As the library calls it: ``"num_hidden_layers"``, ``"hidden_size"``, ``"patch_size"``.

    Returns
    -------
    int or sequence of int

    Raises
    ------
    InputError
        If there is none, as in convolutional networks and in models of stages.
    """
    value = getattr(getattr(model, "config", None), name, None)
    if value is None or (isinstance(value, dict)):
        msg = (
            f"Cannot read {type(model).__name__}: its configuration has no {name}. Platoscope reads transformers of "
            f"one stack of blocks of the same width; networks of stages or convolutions (Swin, ConvNeXt, ResNet) and "
            f"models of several towers at once are not such. Name its modules: load_model(model, processor, layers=[…])."
        )
        raise InputError(msg)
    return value


def require_buildable(config: Any, name: str, /) -> None:
    """Refuse a configuration that asks for more layers than any model has, so that building would not end, or says NaN.

    Parameters
    ----------
    config : transformers.PretrainedConfig
        The configuration.
    name : str
        Of the model, for the message.

    Raises
    ------
    InputError
        If it does.
    """
    for setting, value in _settings(config.to_dict()):
        if _COUNTS.search(setting) and isinstance(value, int) and value > _MOST_LAYERS:
            msg = (
                f"The configuration of the model {name!r} says {setting} = {value:,}; expected at most {_MOST_LAYERS:,}, "
                "more than any model has. Check config.json, or get it again."
            )
            raise InputError(msg)
        if isinstance(value, float) and math.isnan(value):
            msg = (
                f"The configuration of the model {name!r} says {setting} = NaN, which would be all that it computes. Check "
                "config.json, or get it again."
            )
            raise InputError(msg)


def _settings(part: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in part.items():
        if isinstance(value, dict):
            yield from _settings(value)
        else:
            yield str(name), value


def check_layers(layers: Sequence[int], n_layers: int, model: str, /) -> None:
    """Refuse numbers of layers that a model does not have; negative ones count from the end.

    Raises
    ------
    InputError
        If one lies outside.

    Examples
    --------
    >>> check_layers([0, -1], 13, "multilingual-e5-small")
    """
    if not all(-n_layers <= layer < n_layers for layer in layers):
        msg = f"layers must lie between {-n_layers} and {n_layers - 1} for {model}, got {list(layers)}."
        raise InputError(msg)
