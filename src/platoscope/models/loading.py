"""`load_model`: from a name and options to a model that is ready to read."""

from __future__ import annotations

import importlib
import importlib.util
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from platoscope.errors import InputError, MissingExtraError
from platoscope.models.machine import choose_device, choose_dtype, tokens_per_batch
from platoscope.models.pooling import check_clip
from platoscope.models.sources import convert_own, find_source

if TYPE_CHECKING:
    from platoscope.models.encoder import Encoder
    from platoscope.models.pretrained import Pretrained
    from platoscope.models.sources import Source

__all__ = ["load_model", "require_libraries"]

_LIBRARIES = ("platoscope", "torch", "transformers")


def load_model(
    name: str,
    /,
    *,
    dtype: str = "auto",
    device: str = "auto",
    device_map: Literal["auto"] | None = None,
    drop_last: int = 2,
    keep_first: bool = False,
    clip: float | None = None,
    final_norm: bool | None = None,
    tower: Literal["text", "vision"] | None = None,
    revision: str | None = None,
    padding_side: Literal["right", "left"] = "right",
    batch_tokens: int | None = None,
) -> Encoder:
    """Load a model, without its head, to read the states of its layers.

    Parameters
    ----------
    name : str
        A bundled model (``"gemma-3-270m"``; `platoscope.models.catalog` lists them first), a hub id
        (``"meta-llama/Llama-3.2-1B"``), a local folder in the hub's format, or a ``.gguf`` file.
    dtype : {"auto", "float32", "bfloat16", "float16"}
        Precision of weights and states; ``"auto"`` is bfloat16 where the device multiplies it in hardware.
    device : str
        ``"auto"`` (CUDA, then MPS, then CPU) or a name that torch knows.
    device_map : {"auto"} or None
        ``"auto"`` spreads a model that does not fit on one GPU over all of them, and `device` must stay
        ``"auto"``. Needs accelerate.
    drop_last : int
        How many tokens at the end of a text are dropped before pooling (2 in the paper: they are
        punctuation).
    keep_first : bool
        Whether ``mean`` keeps the token at position 0.
    clip : float or None
        Share q, 0 < q < 0.5: in every layer the values of an item's own tokens are clipped at their q and 1 − q
        quantiles before they are pooled (0.05 in the authors' extraction, and in the studies). None leaves them.
    final_norm : bool or None
        Whether the last layer is read after the model's final norm. None follows the libraries: after it
        for text, before it for images.
    tower : {"text", "vision"} or None
        Which side of a model with two towers (CLIP, SigLIP).
    revision : str or None
        Commit, tag or branch on the hub; None takes the commit that the catalogue pins, or else ``main``.
    padding_side : {"right", "left"}
        On which side short items of a batch are filled up; it makes no difference beyond the precision.
    batch_tokens : int or None
        Padded tokens of one batch; None chooses for the device.

    Returns
    -------
    Encoder
        Ready to encode.

    Raises
    ------
    NotFoundError
        If no such model can be found.
    MissingExtraError
        If torch or transformers, or the package of a bundled model, is not installed.
    InputError
        If an option does not fit the model, or its structure is unknown.

    Notes
    -----
    The revision that was loaded (on the hub) or a fingerprint (of local files), the precision and all
    options stand in the ``provenance`` of the result. No code from the hub is run.
    """
    require_libraries()
    _check_options(drop_last, clip, padding_side, tower, batch_tokens)
    _check_device_map(device_map, device)
    chosen_device = choose_device(device)
    chosen_dtype = choose_dtype(dtype, chosen_device)
    source = find_source(name, revision=revision)
    if source.gguf_file is not None:
        convert_own(source)
        source = find_source(name)
    # Loaded by name: these modules import torch, and this one must not.
    pretrained = importlib.import_module("platoscope.models.pretrained")
    loaded: Pretrained = pretrained.load_pretrained(
        source, dtype=chosen_dtype, device=chosen_device, device_map=device_map, tower=tower
    )
    if final_norm is None:
        final_norm = loaded.modality == "text"
    final_norm = final_norm and loaded.blocks.final_norm is not None
    n_tokens = batch_tokens or tokens_per_batch(chosen_device)
    provenance = _provenance(source, loaded) | {
        "dtype": str(chosen_dtype).removeprefix("torch."),
        "device": "auto" if device_map else chosen_device.type,
        "tower": tower,
        "final_norm": final_norm,
        "batch_tokens": n_tokens,
    }
    # Left out where nothing is clipped, so that what was extracted before there was a choice is still found.
    if clip is not None:
        provenance["clip"] = clip
    if loaded.modality == "image":
        vision = importlib.import_module("platoscope.models.vision")
        image_encoder: Encoder = vision.vision_encoder(
            name, loaded, provenance, clip=clip, final_norm=final_norm, tokens_per_batch=n_tokens
        )
        return image_encoder
    text = importlib.import_module("platoscope.models.text")
    text_encoder: Encoder = text.text_encoder(
        name,
        loaded,
        provenance | {"drop_last": drop_last, "keep_first": keep_first},
        drop_last=drop_last,
        keep_first=keep_first,
        clip=clip,
        final_norm=final_norm,
        tokens_per_batch=n_tokens,
        padding_side=padding_side,
    )
    return text_encoder


def require_libraries() -> None:
    """Raise `MissingExtraError` with the command that installs torch or transformers, if one is missing."""
    for library in ("torch", "transformers"):
        if importlib.util.find_spec(library) is None:
            feature = "Reading models"
            raise MissingExtraError(feature, library, "pip install 'platoscope[models]'")


def _check_options(
    drop_last: int, clip: float | None, padding_side: str, tower: str | None, batch_tokens: int | None
) -> None:
    if drop_last < 0:
        msg = f"drop_last must be 0 or more, but got {drop_last}."
        raise InputError(msg)
    check_clip(clip)
    if padding_side not in ("right", "left"):
        msg = f"padding_side must be 'right' or 'left', but got {padding_side!r}."
        raise InputError(msg)
    if tower not in (None, "text", "vision"):
        msg = f"tower must be 'text' or 'vision', but got {tower!r}."
        raise InputError(msg)
    if batch_tokens is not None and batch_tokens < 1:
        msg = f"batch_tokens must be 1 or more, but got {batch_tokens}."
        raise InputError(msg)


def _check_device_map(device_map: str | None, device: str) -> None:
    if device_map is None:
        return
    if device_map != "auto":
        msg = f"device_map must be 'auto' or None, but got {device_map!r}."
        raise InputError(msg)
    if device != "auto":
        msg = f"device_map='auto' places the model by itself, but device={device!r} was given too. Leave one out."
        raise InputError(msg)
    if importlib.util.find_spec("accelerate") is None:
        feature = "Spreading a model over several devices"
        raise MissingExtraError(feature, "accelerate", "pip install 'platoscope[models]'")


def _provenance(source: Source, loaded: Pretrained) -> dict[str, Any]:
    config: Any = loaded.model.config
    return {
        "model": source.name,
        "revision": loaded.commit or source.revision,
        **source.identity,
        "architecture": type(loaded.model).__name__,
        "quantization": source.identity.get("quantization") or _quantization(config),
        "versions": {library: version(library) for library in _LIBRARIES},
    }


def _quantization(config: Any) -> str | None:
    scheme = getattr(config, "quantization_config", None)
    if scheme is None:
        return None
    method = scheme.get("quant_method") if isinstance(scheme, dict) else scheme.quant_method
    return str(method)
