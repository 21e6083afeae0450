"""How large a model is, found out without loading its weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ModelSize", "size_of"]


@dataclass(frozen=True)
class ModelSize:
    """Shape and weight of a model.

    Parameters
    ----------
    n_layers : int
        Layers, the embedding output included.
    n_features : int
        Width of a layer.
    n_parameters : int
        Parameters that one token is multiplied with; of a mixture of experts the active ones.
    n_bytes : int
        Memory of the weights.
    n_patches : int or None
        Tokens of one image; None for text.
    """

    n_layers: int
    n_features: int
    n_parameters: int
    n_bytes: int
    n_patches: int | None = None


def size_of(model: str, /, *, tower: str | None = None) -> ModelSize | None:
    """Give the size of a model; None where it is not known before loading.

    Parameters
    ----------
    model : str
        Name, hub id or local folder.
    tower : {"text", "vision"} or None
        Which side of a model with two towers.
    """
    config = Path(model).expanduser() / "config.json"
    if not config.exists():
        return None
    values: dict[str, Any] = json.loads(config.read_text())
    nested = values.get(f"{tower}_config") if tower else None
    return _from_config({**values, **(nested or {})})


def _from_config(config: Mapping[str, Any]) -> ModelSize | None:
    """Estimate the size from a configuration of the hub's format."""

    def number(*names: str, default: int | None = None) -> int | None:
        return next((int(config[name]) for name in names if config.get(name) is not None), default)

    width = number("hidden_size", "n_embd", "d_model")
    blocks = number("num_hidden_layers", "n_layer", "num_layers")
    if width is None or blocks is None:
        return None
    inner = number("intermediate_size", "n_inner", "d_ff", default=4 * width) or 4 * width
    vocabulary = number("vocab_size", default=0) or 0
    per_block = 4 * width**2 + 3 * width * inner
    patch, image = number("patch_size"), number("image_size")
    return ModelSize(
        n_layers=blocks + 1,
        n_features=width,
        n_parameters=blocks * per_block,
        n_bytes=4 * (blocks * per_block + vocabulary * width),
        n_patches=None if patch is None or image is None else (image // patch) ** 2,
    )
