"""Models that the user holds in memory: recognized by their class, read in place, known by their content. Needs torch."""

from __future__ import annotations

import uuid
import warnings
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from platoscope.checks import is_of
from platoscope.errors import InputError, PlatoscopeWarning
from platoscope.models.assembling import assemble, library_versions
from platoscope.models.blocks import find_blocks
from platoscope.models.conventions import unreadable
from platoscope.models.encoder import Encoder
from platoscope.models.identity import content_of, hooks_of, transform_of
from platoscope.models.modules import module_encoder
from platoscope.models.options import LoadingOptions, ModuleOptions
from platoscope.models.pretrained import Pretrained, choose_tower, reads_images
from platoscope.models.processors import as_processor, digest_processor
from platoscope.models.sentences import SentenceEncoder
from platoscope.models.showing import encoder_card, encoder_in_short
from platoscope.models.sizes import quantization_of, size_of
from platoscope.models.text import TextEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from platoscope.models.pooling import Pooling

__all__ = ["KINDS", "LiveEncoder", "ModelKind", "open_own"]

_OF_FILES = ("dtype", "device", "device_map", "revision")
_OF_TRANSFORMERS = ("drop_last", "keep_first", "clip", "final_norm", "tower", "padding_side")
_DEFAULTS = LoadingOptions()


@dataclass(frozen=True)
class ModelKind:
    """A kind of object that is a model.

    Parameters
    ----------
    name : str
        What it is called.
    classes : tuple of (str, str)
        Library and name of the classes that it is known by.
    load : callable
        From the object, the processor, what is said of a module's layers and the options to an `Encoder`.
    """

    name: str
    classes: tuple[tuple[str, str], ...]
    load: Callable[[Any, Any, ModuleOptions, LoadingOptions], Encoder]


@dataclass(frozen=True, repr=False)
class LiveEncoder:
    """An `Encoder` of a model that stays the user's: it is given back as it was, and known by what it is now.

    Parameters
    ----------
    reader : Encoder
        Reads it.
    model : torch.nn.Module
        What decides the numbers.
    preparation : callable
        Says what prepares its items, which may have changed as well, as a value of the provenance; None where that does
        not show, so that what is stored is not found again.
    """

    reader: Any
    model: torch.nn.Module
    preparation: Callable[[], tuple[str, str | None]]

    def __repr__(self) -> str:
        return encoder_in_short(self.reader)

    def _repr_html_(self) -> str:
        return encoder_card(self.reader)

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.reader.name)

    @property
    def modality(self) -> str:
        """What an item is."""
        return str(self.reader.modality)

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return int(self.reader.n_layers)

    @property
    def n_features(self) -> int:
        """Width of the widest layer."""
        return int(self.reader.n_features)

    @property
    def max_tokens(self) -> int | None:
        """The longest item that is read whole."""
        longest: int | None = self.reader.max_tokens
        return longest

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What decides the numbers, hashed anew: the model may have been trained since."""
        name, known = self.preparation()
        return {**self.reader.provenance, name: known, **_identity(self.model, repeatable=known is not None)}

    def lengths(self, items: Sequence[Any], /) -> NDArray[np.int64]:
        """Tokens per item."""
        lengths: NDArray[np.int64] = self.reader.lengths(items)
        return lengths

    def batches(self, lengths: NDArray[np.int64], /) -> list[NDArray[np.int64]]:
        """Plan the batches."""
        batches: list[NDArray[np.int64]] = self.reader.batches(lengths)
        return batches

    def widths_of(self, items: Sequence[Any], /) -> tuple[int, ...] | None:
        """Features of each layer, where they differ."""
        if not hasattr(self.reader, "widths_of"):
            return None
        with evaluating(self.model):
            widths: tuple[int, ...] = self.reader.widths_of(items)
        return widths

    def encode(self, items: Sequence[Any], /, poolings: Sequence[Pooling]) -> dict[str, NDArray[np.float32]]:
        """Read one batch; see `platoscope.models.Encoder`."""
        with evaluating(self.model):
            states: dict[str, NDArray[np.float32]] = self.reader.encode(items, poolings)
        return states


def open_own(model: object, processor: object, modules: ModuleOptions, options: LoadingOptions, /) -> Encoder:
    """Make an encoder of a model in memory.

    Parameters
    ----------
    model : object
        Of one of the `KINDS`, or an encoder, which is returned.
    processor, modules, options
        As for `platoscope.models.load_model`.

    Raises
    ------
    InputError
        If it is none of these, or an option does not apply to it.
    """
    if isinstance(model, Encoder):
        if processor is not None or modules != ModuleOptions() or options != _DEFAULTS:
            msg = f"{model.name!r} is loaded already; give its options where it is loaded first."
            raise InputError(msg)
        return model
    kind = next((kind for kind in KINDS if is_of(model, kind.classes)), None)
    if kind is None:
        kinds = ", ".join(kind.name for kind in KINDS)
        msg = f"Expected the name or the path of a model, {kinds}; got {type(model).__name__}."
        raise InputError(msg)
    given = asdict(options)
    wrong = [name for name in _OF_FILES if given[name] != getattr(_DEFAULTS, name)]
    if wrong:
        msg = f"{wrong[0]} is chosen for a model that is loaded; {kind.name} has it already (model.to(...) changes it)."
        raise InputError(msg)
    if any(tensor.is_meta for tensor in getattr(model, "parameters", tuple)()):
        msg = f"The {type(model).__name__} is on the meta device and has no weights. Load them first."
        raise InputError(msg)
    return kind.load(model, processor, modules, options)


@contextmanager
def evaluating(model: torch.nn.Module, /) -> Iterator[None]:
    """Put a model into evaluation mode, and each of its parts back into training that was in it."""
    training = [part for part in model.modules() if part.training]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _identity(model: torch.nn.Module, *, repeatable: bool) -> dict[str, Any]:
    hooks = hooks_of(model)
    if repeatable and not hooks:
        return {"content": content_of(model)}
    what = (
        f"{len(hooks)} hooks or replaced forward passes (first: {hooks[0]}) run in this model, whose effect is not known"
        if hooks
        else "The function that prepares the images of this model does not show what it is"
    )
    msg = f"{what}: what is stored now is not found again."
    warnings.warn(msg, PlatoscopeWarning, stacklevel=4)
    return {"content": content_of(model), "hooks": hooks, "unrepeatable": uuid.uuid4().hex}


def _of_transformers(model: Any, processor: Any, modules: ModuleOptions, options: LoadingOptions) -> Encoder:
    if modules.layers is not None:
        return _of_module(model, processor, modules, options)
    modules.refuse(f"{type(model).__name__} of transformers")
    return _live(model.base_model, processor, options, type(model).__name__)


def _of_peft(model: Any, processor: Any, modules: ModuleOptions, options: LoadingOptions) -> Encoder:
    if model.active_peft_config.is_prompt_learning:
        msg = (
            f"{type(model.active_peft_config).__name__} puts tokens of its own before a text, and which states are those "
            "of the text is not known. Read the model under it (model.base_model), or adapters of weights such as LoRA."
        )
        raise InputError(msg)
    return _of_transformers(model.get_base_model(), processor, modules, options)


def _of_sentence_transformer(
    model: Any, processor: Any, modules: ModuleOptions, options: LoadingOptions
) -> Encoder:
    modules.refuse("a SentenceTransformer")
    first = model[0]
    inside = getattr(first, "auto_model", None)
    if not is_of(inside, {("transformers", "PreTrainedModel")}) or getattr(first, "do_lower_case", False):
        msg = (
            f"The SentenceTransformer begins with {type(first).__name__}, which is no transformer that reads texts as they "
            "are. Load the model under it, or compare its embeddings as arrays."
        )
        raise InputError(msg)
    if processor is not None:
        msg = "A SentenceTransformer has its tokenizer in it; leave out the processor."
        raise InputError(msg)
    _, reader = _read_in_place(inside, model.tokenizer, options, "SentenceTransformer")
    if not isinstance(reader, TextEncoder):
        msg = "The SentenceTransformer reads images; load the model in it, load_model(model[0].auto_model, processor)."
        raise InputError(msg)
    limits = [limit for limit in (reader.tokenizer.context, model.max_seq_length) if limit is not None]
    tokenizer = replace(reader.tokenizer, context=min(limits, default=None))
    encoder = SentenceEncoder(replace(reader, tokenizer=tokenizer), model)
    return LiveEncoder(encoder, model, partial(_processor, model.tokenizer))


def _of_module(model: Any, processor: Any, modules: ModuleOptions, options: LoadingOptions) -> Encoder:
    wrong = next(
        (name for name in _OF_TRANSFORMERS if getattr(options, name) != getattr(_DEFAULTS, name)), None
    )
    if wrong is not None:
        msg = f"{wrong} is for models of transformers; {type(model).__name__} is a torch.nn.Module."
        raise InputError(msg)
    about = {
        "architecture": type(model).__name__,
        "layer_names": list(modules.layers or ()),
        "feature_axis": modules.feature_axis,
        "dtype": str(next(model.parameters(), torch.zeros(())).dtype).removeprefix("torch."),
        "versions": library_versions(),
    }
    reader = module_encoder(
        model,
        processor,
        modules.layers,
        feature_axis=modules.feature_axis,
        per_batch=options.batch_tokens,
        provenance=about,
    )
    return LiveEncoder(reader, model, lambda: ("transform", transform_of(processor)))


def _live(whole: Any, processor: Any, options: LoadingOptions, name: str) -> Encoder:
    found, encoder = _read_in_place(whole, processor, options, name)
    return LiveEncoder(encoder, found.model, partial(_processor, found.preprocess))


def _processor(found: Any) -> tuple[str, str]:
    return "processor", digest_processor(found)


def _read_in_place(
    whole: Any, processor: Any, options: LoadingOptions, name: str
) -> tuple[Pretrained, Encoder]:
    model = choose_tower(whole, name, options.tower)
    device = next(model.parameters()).device
    if model.config.model_type == "vit_mae":  # which would be told to mask nothing
        raise unreadable(model, "it masks patches as it is set up; save it, and load its folder")
    images = reads_images(model)
    found = Pretrained(
        model=model,
        blocks=find_blocks(model, size_of(model, "num_hidden_layers")),
        modality="image" if images else "text",
        preprocess=as_processor(processor, images=images),
        commit=None,
        has_weights=True,
        content=content_of(model),
    )
    identity = {
        "revision": None,
        "architecture": type(model).__name__,
        "quantization": quantization_of(model.config),
        "processor": digest_processor(found.preprocess),
        "versions": library_versions(),
    }
    with evaluating(model):
        _, encoder = assemble(name, options, found, identity, dtype=model.dtype, device=device)
    assert encoder is not None, "a model with weights tells how it is read"
    return found, encoder


KINDS = (
    ModelKind(
        "a SentenceTransformer", (("sentence_transformers", "SentenceTransformer"),), _of_sentence_transformer
    ),
    ModelKind("a PEFT model", (("peft", "PeftModel"),), _of_peft),
    ModelKind("a model of transformers", (("transformers", "PreTrainedModel"),), _of_transformers),
    ModelKind("a torch.nn.Module", (("torch", "Module"),), _of_module),
)
"""What is recognized, the more special first; another library's model is entered here."""
