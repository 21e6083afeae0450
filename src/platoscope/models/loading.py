"""`load_model`: from a name and options to a model that is ready to read."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from platoscope.models.devices import choose_device, choose_dtype, tokens_per_batch
from platoscope.models.library import require_libraries
from platoscope.models.locations import locate_model, ready_model
from platoscope.models.options import LoadingOptions

if TYPE_CHECKING:
    import torch

    from platoscope.models.checking import Proof
    from platoscope.models.encoder import Encoder
    from platoscope.models.locations import ModelLocation
    from platoscope.models.pretrained import Pretrained

__all__ = ["OpenModel", "load_model", "open_model"]

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
        Whether the last layer is read after the model's final norm, if it has one. None follows the last of the
        library's own ``hidden_states``, which is after it in most language models and before it in most image models.
    tower : {"text", "vision"} or None
        Which side of a model with two towers (CLIP, SigLIP).
    revision : str or None
        Commit, tag or branch on the hub; None takes the commit that the catalogue pins, or else ``main``.
    padding_side : {"right", "left"}
        On which side short items of a batch are filled up; it makes no difference beyond the precision. A model whose
        states change with padding reads each item by itself, which is slower.
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
        If an option does not fit the model, or its layers cannot be read.

    Notes
    -----
    One short item goes through the library's own forward pass and through ours when a model is first loaded: each
    layer must equal the library's, alone and in a padded batch. The result is kept in the cache.

    The revision that was loaded (on the hub) or a fingerprint (of local files), the precision and all
    options stand in the ``provenance`` of the result. No code from the hub is run.
    """
    options = LoadingOptions(
        dtype=dtype,
        device=device,
        device_map=device_map,
        drop_last=drop_last,
        keep_first=keep_first,
        clip=clip,
        final_norm=final_norm,
        tower=tower,
        revision=revision,
        padding_side=padding_side,
        batch_tokens=batch_tokens,
    )
    return open_model(name, options, weights=True).encoder


@dataclass(frozen=True)
class OpenModel:
    """A model and what it was made of.

    Attributes
    ----------
    encoder : Encoder
        Without weights, everything of it works but `Encoder.encode`.
    pretrained : Pretrained
        The library's model and tokenizer or image processor.
    location : ModelLocation
        Whose files they are, with the digest of their content.
    """

    encoder: Encoder
    pretrained: Pretrained
    location: ModelLocation


def open_model(
    name: str, options: LoadingOptions, /, *, weights: bool, outline: OpenModel | None = None
) -> OpenModel:
    """Open a model, with or without its weights.

    Parameters
    ----------
    name : str
        As for `load_model`.
    options : LoadingOptions
        How it is loaded.
    weights : bool
        Whether the weights are read. Without them a model tells what it is and counts tokens.
    outline : OpenModel, optional
        The same model, of equal `LoadingOptions.forward`. With weights it is taken as it is, if its files are what they
        were; without them its tokenizer is taken over, and its commit on the hub.

    Returns
    -------
    OpenModel

    Raises
    ------
    NotFoundError, MissingExtraError, InputError
        As `load_model`.
    """
    require_libraries()
    device = choose_device(options.device)
    dtype = choose_dtype(options.dtype, device)
    location = ready_model(locate_model(name, revision=options.revision), weights=weights)
    if outline is not None and outline.pretrained.commit is not None:
        location = replace(location, revision=outline.pretrained.commit)
    found = _find(location, options, dtype, device, weights=weights, outline=outline)
    n_tokens = options.batch_tokens or tokens_per_batch(device)
    reading = {"dtype": str(dtype), "device": device.type, "padding_side": options.padding_side}
    trial = _encoder(name, options, found, {}, final_norm=False, n_tokens=n_tokens, alone=False)
    checking = importlib.import_module("platoscope.models.checking")
    proof: Proof | None = checking.check(found, trial, reading)
    if proof is None:
        # What its layers are cannot be told from the structure; the weights tell, and are kept for reading.
        return open_model(name, options, weights=True, outline=OpenModel(trial, found, location))
    final_norm = proof.blocks.library_norms if options.final_norm is None else options.final_norm
    final_norm = final_norm and proof.blocks.final_norm is not None
    provenance = _provenance(location, found) | {
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
        name,
        options,
        replace(found, blocks=proof.blocks),
        provenance,
        final_norm=final_norm,
        n_tokens=n_tokens,
        alone=proof.alone,
    )
    return OpenModel(encoder, found, location)


def _find(
    location: ModelLocation,
    options: LoadingOptions,
    dtype: torch.dtype,
    device: torch.device,
    *,
    weights: bool,
    outline: OpenModel | None,
) -> Pretrained:
    """Load the library's model, or take what is open of it."""
    # Loaded by name: this module imports torch and transformers (seconds), and this one must not.
    pretrained = importlib.import_module("platoscope.models.pretrained")
    unchanged = outline is not None and outline.location.identity == location.identity
    if outline is not None and unchanged and (outline.pretrained.has_weights or not weights):
        return outline.pretrained
    if not weights:
        found: Pretrained = pretrained.outline_pretrained(location, tower=options.tower)
        return found
    loaded: Pretrained = pretrained.load_pretrained(
        location,
        dtype=dtype,
        device=device,
        device_map=options.device_map,
        tower=options.tower,
        outline=None if outline is None else outline.pretrained,
    )
    return loaded


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


def _provenance(location: ModelLocation, loaded: Pretrained) -> dict[str, Any]:
    config: Any = loaded.model.config
    # The path of the user's own files, and how it is spelled, decides nothing.
    name = {} if location.published_as is None else {"model": location.published_as}
    return {
        **name,
        "revision": loaded.commit or location.revision,
        **location.identity,
        "architecture": type(loaded.model).__name__,
        "quantization": location.identity.get("quantization") or _quantization(config),
        "versions": {library: version(library) for library in _LIBRARIES},
    }


def _quantization(config: Any) -> str | None:
    scheme = getattr(config, "quantization_config", None)
    if scheme is None:
        return None
    method = scheme.get("quant_method") if isinstance(scheme, dict) else scheme.quant_method
    return str(method)
