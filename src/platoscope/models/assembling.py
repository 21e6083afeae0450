"""From a model and its tokenizer or image processor to a checked encoder, wherever they come from."""

from __future__ import annotations

import importlib
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from platoscope.models.devices import tokens_per_batch

if TYPE_CHECKING:
    import torch

    from platoscope.models.checking import Proof
    from platoscope.models.encoder import Encoder
    from platoscope.models.options import LoadingOptions
    from platoscope.models.pretrained import Pretrained

__all__ = ["assemble", "drawn_by", "library_versions"]

_LIBRARIES = ("platoscope", "torch", "transformers")


def assemble(
    name: str,
    options: LoadingOptions,
    found: Pretrained,
    identity: dict[str, Any],
    *,
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[Encoder, Encoder | None]:
    """Check how the layers of a model are read, and make an encoder that reads them so.

    Parameters
    ----------
    name : str
        What messages and labels call it.
    options : LoadingOptions
        How it is fed.
    found : Pretrained
        The model and its tokenizer or image processor.
    identity : dict
        What the provenance says of both.
    dtype, device
        Of its weights, and where it runs.

    Returns
    -------
    trial : Encoder
        Counts tokens, and knows of no layers.
    encoder : Encoder or None
        None where only the weights tell how layers are read, and there are none.
    """
    n_tokens = options.batch_tokens or tokens_per_batch(device)
    reading = {"dtype": str(dtype), "device": device.type, "padding_side": options.padding_side}
    trial = _encoder(name, options, found, {}, final_norm=False, n_tokens=n_tokens, alone=False)
    # Loaded by name: it imports torch and transformers (seconds), and this one must not.
    checking = importlib.import_module("platoscope.models.checking")
    proof: Proof | None = checking.check(found, trial, reading)
    if proof is None:
        return trial, None
    found = replace(found, blocks=proof.blocks)
    final_norm = proof.blocks.library_norms if options.final_norm is None else options.final_norm
    final_norm = final_norm and proof.blocks.final_norm is not None
    provenance = identity | {
        "dtype": str(dtype).removeprefix("torch."),
        "device": "auto" if options.device_map else device.type,
        "tower": options.tower,
        "final_norm": final_norm,
        "batch_tokens": n_tokens,
        **proof.corrections,
    }
    # Left out where nothing is clipped, so that what was extracted before there was a choice is still found.
    if options.clip is not None:
        provenance["clip"] = options.clip
    encoder = _encoder(
        name, options, found, provenance, final_norm=final_norm, n_tokens=n_tokens, alone=proof.alone
    )
    return trial, encoder


def _encoder(
    name: str,
    options: LoadingOptions,
    found: Pretrained,
    provenance: dict[str, Any],
    *,
    final_norm: bool,
    n_tokens: int,
    alone: bool,
) -> Encoder:
    """Put what was read together as an encoder of its modality."""
    if found.modality == "image":
        vision = importlib.import_module("platoscope.models.vision")
        image_encoder: Encoder = vision.vision_encoder(
            name, found, provenance, clip=options.clip, final_norm=final_norm, tokens_per_batch=n_tokens
        )
        return image_encoder
    text = importlib.import_module("platoscope.models.text")
    text_encoder: Encoder = text.text_encoder(
        name,
        found,
        provenance | {"drop_last": options.drop_last, "keep_first": options.keep_first},
        drop_last=options.drop_last,
        keep_first=options.keep_first,
        clip=options.clip,
        final_norm=final_norm,
        tokens_per_batch=n_tokens,
        padding_side=options.padding_side,
        alone=alone,
    )
    return text_encoder


def library_versions() -> dict[str, str]:
    """Give the versions of what reads states."""
    return {library: version(library) for library in _LIBRARIES}


def drawn_by(seed: int, /) -> dict[str, int | str]:
    """Give what decides random weights: their seed, and the libraries that draw them, to the last digit."""
    return {"seed": seed, **{library: version(library) for library in ("torch", "transformers")}}
