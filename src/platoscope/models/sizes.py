"""Sizes out of a model's configuration, which not every architecture has."""

from __future__ import annotations

from typing import Any

from platoscope.errors import InputError

__all__ = ["size_of"]


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
