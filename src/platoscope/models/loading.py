"""`load_model`: from a name or an object and options to a model that is ready to read."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from platoscope.errors import NotFoundError
from platoscope.filenames import is_there, path_of
from platoscope.models.assembling import assemble, drawn_by, library_versions
from platoscope.models.devices import choose_device, choose_dtype
from platoscope.models.library import require_libraries
from platoscope.models.locations import locate_model, ready_model
from platoscope.models.options import LoadingOptions, ModuleOptions
from platoscope.models.sizes import quantization_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from platoscope.models.encoder import Encoder
    from platoscope.models.locations import ModelLocation
    from platoscope.models.pretrained import Pretrained

__all__ = ["OpenModel", "load_model", "open_model"]


def load_model(
    model: str | PathLike[str] | object,
    processor: object = None,
    /,
    *,
    layers: Sequence[str] | None = None,
    feature_axis: int | None = None,
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
    model : str, path or object
        A bundled model (``"gemma-3-270m"``; `platoscope.models.catalog` lists them first), a hub id
        (``"meta-llama/Llama-3.2-1B"``), a local folder in the hub's format, or a ``.gguf`` file. With
        ``untrained(SEED):`` before it (``"untrained(0):gemma-3-270m"``), its architecture, tokenizer and options with the
        random weights that its library gives before training. Or a model in memory: of transformers, with adapters of
        PEFT or without, a SentenceTransformer, or any `torch.nn.Module` with `layers`.
    processor : optional
        The tokenizer or image processor: an object of transformers, or the name or folder of one. Needed for a model of
        transformers in memory, and for a folder that has none; a `torch.nn.Module` that reads images takes a function of an
        image of Pillow's that gives a tensor.
    layers : sequence of str, optional
        For a `torch.nn.Module`: the names of the modules whose outputs are read (``["layer1", "layer4.1"]``).
    feature_axis : int, optional
        For a `torch.nn.Module`: which axis of an output holds its features (1 for channels first). By default the one that
        is as long as the last weights before it say; where that does not tell, an error asks.
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
        Padded tokens of one batch (items, for a `torch.nn.Module`); None chooses for the device.

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

    Warns
    -----
    PlatoscopeWarning
        If hooks run in a model in memory: what they do is not known, and what is stored is not found again.

    Notes
    -----
    A model in memory stays where it is, in its precision, and is read in evaluation mode and given back as it was. What
    is stored of it is found by the hash of its weights, settings and own code, which is taken anew by each `extract`: a
    model that was trained meanwhile is another one. Its `dtype`, `device`, `device_map` and `revision` cannot be chosen.

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
    names = [layers] if isinstance(layers, str) else layers or ()
    modules = ModuleOptions(None if layers is None else tuple(names), feature_axis)
    if isinstance(model, str | PathLike):
        modules.refuse(repr(os.fspath(model)))
        return open_model(_named(model), options, weights=True, processor=processor).encoder
    require_libraries()
    # Loaded by name: it imports torch.
    own: Encoder = importlib.import_module("platoscope.models.own").open_own(
        model, processor, modules, options
    )
    return own


def _named(model: str | PathLike[str]) -> str:
    name = os.fspath(model)
    if not isinstance(model, str) and not is_there(path_of(name)):
        msg = f"There is no model at {name!r}. Expected a folder in the hub's format or a .gguf file."
        raise NotFoundError(msg)
    return name


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
    name: str,
    options: LoadingOptions,
    /,
    *,
    weights: bool,
    outline: OpenModel | None = None,
    processor: object = None,
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
    processor : optional
        As for `load_model`; only with weights.

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
    found = _find(location, options, dtype, device, weights=weights, outline=outline, processor=processor)
    identity = _provenance(location, found)
    if processor is not None:
        processors = importlib.import_module("platoscope.models.processors")
        identity["processor"] = processors.digest_processor(found.preprocess)
    trial, encoder = assemble(name, options, found, identity, dtype=dtype, device=device)
    if encoder is None:
        # What its layers are cannot be told from the structure; the weights tell, and are kept for reading.
        opened = OpenModel(trial, found, location)
        return open_model(name, options, weights=True, outline=opened, processor=processor)
    return OpenModel(encoder, found, location)


def _find(
    location: ModelLocation,
    options: LoadingOptions,
    dtype: torch.dtype,
    device: torch.device,
    *,
    weights: bool,
    outline: OpenModel | None,
    processor: object,
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
        processor=processor,
    )
    return loaded


def _provenance(location: ModelLocation, loaded: Pretrained) -> dict[str, Any]:
    config: Any = loaded.model.config
    # The path of the user's own files, and how it is spelled, decides nothing.
    name = {} if location.published_as is None else {"model": location.published_as}
    return {
        **name,
        "revision": loaded.commit or location.revision,
        **location.identity,
        "architecture": type(loaded.model).__name__,
        "quantization": location.identity.get("quantization") or quantization_of(config),
        "versions": library_versions(),
        # Left out where weights are trained, so that what was extracted before there was a choice is still found.
        **({} if location.untrained is None else {"untrained": drawn_by(location.untrained)}),
    }
