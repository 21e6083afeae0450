"""Image models: preprocess as the model was trained, run it, pool every layer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from platoscope.datasets import open_image
from platoscope.errors import InputError
from platoscope.models.devices import input_device
from platoscope.models.encoder import BatchItemError
from platoscope.models.forward import StateReader, pooled_forward
from platoscope.models.showing import encoder_card, encoder_in_short
from platoscope.models.sizes import size_of
from platoscope.models.tokens import TokenPlan, plan_batches, vision_readings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from platoscope.models.blocks import Blocks
    from platoscope.models.pooling import Pooling
    from platoscope.models.pretrained import Pretrained

__all__ = ["VisionEncoder", "vision_encoder"]


@dataclass(frozen=True)
class VisionEncoder:
    """An `Encoder` of images: any vision transformer of the transformers library, or one tower of two.

    Made by `platoscope.models.load_model`. What comes before the patches (class and register tokens) is
    found by counting, and stays out of ``mean``. ImageGPT reads pixels as color clusters behind a start
    token, as it was trained, and so without the last pixel, for which its context has no place.
    """

    name: str
    model: torch.nn.Module
    blocks: Blocks
    processor: Any
    n_features: int
    provenance: Mapping[str, Any]
    final_norm: bool
    tokens_per_batch: int
    clip: float | None = None
    modality: str = "image"
    max_tokens: None = None

    def __repr__(self) -> str:
        return encoder_in_short(self)

    def _repr_html_(self) -> str:
        return encoder_card(self)

    @property
    def n_layers(self) -> int:
        """Number of layers, the embedding output included."""
        return self.blocks.n_blocks + 1

    def lengths(self, items: Sequence[Any], /) -> NDArray[np.int64]:
        """Patches (ImageGPT: pixels) per image, which is the same for all of them."""
        if not len(items):
            return np.zeros(0, dtype=np.int64)
        _, n_patches = self._inputs(items[:1])
        return np.full(len(items), n_patches, dtype=np.int64)

    def batches(self, lengths: NDArray[np.int64], /) -> list[NDArray[np.int64]]:
        """Plan the batches: arrays of item indices, in the order given."""
        return plan_batches(lengths, tokens_per_batch=self.tokens_per_batch, n_special=1, max_tokens=None)

    def encode(self, items: Sequence[Any], /, poolings: Sequence[Pooling]) -> dict[str, NDArray[np.float32]]:
        """Read one batch in one forward pass; see `Encoder.encode`."""
        return self.encode_for([(self, poolings)], items)[0]

    def encode_for(
        self, asked: Sequence[tuple[VisionEncoder, Sequence[Pooling]]], items: Sequence[Any], /
    ) -> list[dict[str, NDArray[np.float32]]]:
        """Read one batch in one forward pass for several encoders of this model; see `encode_together`."""
        if not len(items) or not all(poolings for _, poolings in asked):
            counts = ", ".join(str(len(poolings)) for _, poolings in asked)
            msg = f"Expected at least one item and one pooling, but got {len(items)} and {counts}."
            raise InputError(msg)
        inputs, n_patches = self._inputs(items)
        readers = [
            StateReader(
                partial(self._plan, len(items), n_patches, poolings), encoder.final_norm, encoder.clip
            )
            for encoder, poolings in asked
        ]
        return pooled_forward(self.model, self.blocks, inputs, readers)

    def _plan(
        self, n_items: int, n_patches: int, poolings: Sequence[Pooling], n_positions: int, /
    ) -> TokenPlan:
        """Say which tokens are read, once it is known how many positions the model makes of the patches."""
        n_prefix = n_positions - n_patches
        if n_prefix < 0:
            msg = (
                f"{self.name} turns {n_patches} patches into {n_positions} tokens, so that they "
                f"cannot be told apart. "
                f"Only models that keep one token per patch can be read."
            )
            raise InputError(msg)
        class_token = n_prefix > 0 and not self._reads_pixels
        readings = vision_readings(n_items, poolings, n_prefix=n_prefix, class_token=class_token)
        own = np.zeros((n_items, n_positions), dtype=bool)
        own[:, n_prefix:] = True
        return TokenPlan(readings, own)

    @property
    def _reads_pixels(self) -> bool:
        config: Any = self.model.config
        return bool(config.model_type == "imagegpt")

    def trial(self, image: Image, /) -> dict[str, Any]:
        """Give what the library is given to read one image, on the CPU."""
        return self._inputs([image], device=torch.device("cpu"))[0]

    def _inputs(
        self, items: Sequence[Any], *, device: torch.device | None = None
    ) -> tuple[dict[str, Any], int]:
        """Preprocess images: the arguments of the forward pass, and the number of patches per image."""
        config: Any = self.model.config
        weight = next(self.model.parameters())
        device = input_device(self.model) if device is None else device
        images = [_open(item, i) for i, item in enumerate(items)]
        processed = self.processor(images=images, return_tensors="pt")
        wanted = "input_ids" if self._reads_pixels else "pixel_values"
        if wanted not in processed:
            msg = (
                f"The image processor of {self.name} ({type(self.processor).__name__}) makes "
                f"{', '.join(processed) or 'nothing'}, but the model reads {wanted}. Save the one it was trained with "
                f"into its folder."
            )
            raise InputError(msg)
        if self._reads_pixels:
            ids = processed["input_ids"].long()
            start = torch.full((len(ids), 1), config.vocab_size - 1)
            ids = torch.cat([start, ids], dim=1)[:, : config.n_positions]
            return {"input_ids": ids.to(device), "use_cache": False}, ids.shape[1] - 1
        pixels = processed["pixel_values"]
        height, width = _pair(size_of(self.model, "patch_size"))
        n_patches = (pixels.shape[-2] // height) * (pixels.shape[-1] // width)
        inputs: dict[str, Any] = {"pixel_values": pixels.to(device, weight.dtype)}
        if config.model_type == "vit_mae":
            # Nothing is masked (see `vision_encoder`), but patches would still be shuffled at random.
            inputs["noise"] = torch.arange(n_patches, device=device).expand(len(items), -1)
        return inputs, n_patches


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _open(item: Any, position: int) -> Image:
    """Open an image as RGB; an error names its place among the items."""
    if not isinstance(item, (str, Path, bytes)) and not hasattr(item, "convert"):
        kind = type(item).__name__
        raise BatchItemError(
            [position], lambda names: f"Expected a path, bytes or a PIL image; {names[0]} is {kind}."
        )
    try:
        return open_image(item)
    except InputError as error:
        reason = str(error)
        raise BatchItemError(
            [position], lambda names: f"I{names[0][1:]} cannot be read as an image: {reason}"
        ) from error


def vision_encoder(
    name: str,
    loaded: Pretrained,
    provenance: Mapping[str, Any],
    /,
    *,
    clip: float | None,
    final_norm: bool,
    tokens_per_batch: int,
) -> VisionEncoder:
    """Put a loaded model and its image processor together; for the options see `load_model`."""
    config: Any = loaded.model.config
    if config.model_type == "vit_mae":
        config.mask_ratio = 0.0
    return VisionEncoder(
        name=name,
        model=loaded.model,
        blocks=loaded.blocks,
        processor=loaded.preprocess,
        n_features=size_of(loaded.model, "hidden_size"),
        provenance=provenance,
        final_norm=final_norm,
        tokens_per_batch=tokens_per_batch,
        clip=clip,
    )
