"""Load weights, tokenizer and image processor through the transformers library. Needs torch.

An *outline* is a model on the meta device: all of its structure and no weights, in no memory.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from huggingface_hub import try_to_load_from_cache
from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoTokenizer, PreTrainedTokenizerFast

from platoscope.errors import InputError, NotFoundError, PlatoscopeError, reason_of
from platoscope.models.blocks import Blocks, find_blocks
from platoscope.models.bundled import BUNDLED
from platoscope.models.catalog import ModelInfo, tower_error
from platoscope.models.forward import enough_memory
from platoscope.models.library import quiet_library
from platoscope.models.processors import as_processor
from platoscope.models.random_weights import draw_weights
from platoscope.models.sizes import published_dtype, require_buildable, size_of
from platoscope.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platoscope.models.locations import ModelLocation

__all__ = [
    "Pretrained",
    "choose_tower",
    "describe_pretrained",
    "load_pretrained",
    "outline_pretrained",
    "reads_images",
]

_TEXT_TOWERS = ("text_model", "language_model")
_VISION_TOWERS = ("vision_model", "vision_tower", "vision_encoder", "visual")
# Heads on top of the states that we read; a checkpoint may lack them.
_UNREAD = ("pooler", "head")


@dataclass(frozen=True)
class Pretrained:
    """A base model in evaluation mode, and what it needs around it.

    Attributes
    ----------
    model : torch.nn.Module
        The part that is run: the model, one tower of it, or its encoder.
    blocks : Blocks
        Its stack of layers; how they are read says `platoscope.models.checking`.
    modality : {"text", "image"}
        What it reads.
    preprocess : object
        The library's tokenizer, or its image processor.
    commit : str or None
        The hub's commit, where it came from there.
    has_weights, untrained : bool
        Whether it can be run, which an outline cannot; whether its weights are random ones in the place of trained ones.
    content : str or None
        Of a model in memory, the hash of all that decides what it computes; None where its files are known.
    """

    model: torch.nn.Module
    blocks: Blocks
    modality: str
    preprocess: Any
    commit: str | None
    has_weights: bool
    content: str | None = None
    untrained: bool = False


def load_pretrained(
    location: ModelLocation,
    /,
    *,
    dtype: torch.dtype,
    device: torch.device,
    device_map: str | None,
    tower: str | None,
    outline: Pretrained | None = None,
    processor: object = None,
) -> Pretrained:
    """Load a base model and put it on its device.

    Parameters
    ----------
    location : ModelLocation
        Where it is; not a GGUF file, which `platoscope.models.locations.ready_model` turns into a folder.
    dtype : torch.dtype
        Precision of the weights.
    device : torch.device
        Where it runs, unless `device_map` says otherwise.
    device_map : {"auto"} or None
        Spread over all GPUs.
    tower : {"text", "vision"} or None
        Which side of a model with two.
    outline : Pretrained, optional
        The same model without weights, whose tokenizer or image processor is taken over: reading it takes longer
        than reading the weights where a vocabulary is large.
    processor : optional
        Taken in place of the model's own tokenizer or image processor; see `load_model`.

    Returns
    -------
    Pretrained
        The model.

    Raises
    ------
    NotFoundError
        If the library finds no such model.
    InputError
        If weights are missing, the structure is unknown, or `tower` does not fit.
    """
    where = _revision(location)
    with quiet_library(), _reading(location):
        config = _config(location)
        if location.untrained is not None:
            seed, missing = location.untrained, set[str]()
            whole = draw_weights(config, seed, name=location.name, dtype=dtype, device_map=device_map)
        else:
            whole, info = AutoModel.from_pretrained(
                location.place, dtype=dtype, device_map=device_map, output_loading_info=True, **where
            )
            missing = info["missing_keys"]
        model = choose_tower(whole, location.name, tower)
        if outline is None and processor is not None:
            preprocess = as_processor(processor, images=reads_images(model))
        else:
            preprocess = outline.preprocess if outline is not None else _load_preprocess(location, model)
    _require_weights(location.name, missing)
    if device_map is None:
        with enough_memory("the weights"):
            model.to(device)
    model.eval()
    return _pretrained(location, whole, model, preprocess, has_weights=True)


def outline_pretrained(location: ModelLocation, /, *, tower: str | None) -> Pretrained:
    """Read all of a base model but its weights.

    Parameters
    ----------
    location, tower
        As for `load_pretrained`.

    Returns
    -------
    Pretrained
        On the meta device: its tokenizer or image processor works, and running it does not.

    Raises
    ------
    NotFoundError, InputError
        If the library finds no such model; if the structure is unknown, or `tower` does not fit.
    """
    with quiet_library():
        whole = _without_weights(location)
        model = choose_tower(whole, location.name, tower)
        with _reading(location):
            preprocess = _load_preprocess(location, model)
    return _pretrained(location, whole, model.eval(), preprocess, has_weights=False)


def _revision(location: ModelLocation) -> dict[str, Any]:
    """Give what every call of the library takes: the revision, and never to run code that comes with a model.

    Where nothing is said of it, the library asks on the terminal, and waits.
    """
    return {"trust_remote_code": False} | (
        {} if location.revision is None else {"revision": location.revision}
    )


def _without_weights(location: ModelLocation) -> Any:
    """Build the whole model from its configuration."""
    with torch.device("meta"), _reading(location):
        config = _config(location)
        return AutoModel.from_config(config, trust_remote_code=False)


def _config(location: ModelLocation) -> Any:
    config = AutoConfig.from_pretrained(location.place, **_revision(location))
    require_buildable(config, location.name)
    return config


def _pretrained(
    location: ModelLocation, whole: Any, model: Any, preprocess: Any, *, has_weights: bool
) -> Pretrained:
    return Pretrained(
        model=model,
        blocks=find_blocks(model, size_of(model, "num_hidden_layers")),
        modality="image" if reads_images(model) else "text",
        preprocess=preprocess,
        commit=_commit(location, whole),
        has_weights=has_weights,
        untrained=location.untrained is not None,
    )


def _commit(location: ModelLocation, whole: Any) -> str | None:
    """Find which commit of the hub was read: libraries of before noted it, those of today leave it to their cache."""
    if not location.on_hub:
        return None
    noted: str | None = getattr(whole.config, "_commit_hash", None)
    cached = try_to_load_from_cache(location.place, "config.json", revision=location.revision)
    return noted or (Path(cached).parent.name if isinstance(cached, str) else None)


def describe_pretrained(location: ModelLocation, /, *, tower: str | None) -> ModelInfo:
    """Build a model from its configuration on the meta device, which takes no memory, and count.

    Parameters
    ----------
    location : ModelLocation
        A folder or a hub id.
    tower : {"text", "vision"} or None
        Which side of a model with two.

    Returns
    -------
    ModelInfo
        Its licence is "unknown": a configuration does not hold it.

    Raises
    ------
    NotFoundError, InputError
        If the library finds no such model; if `tower` does not fit, or the location is a GGUF file.
    """
    if location.gguf_file is not None:
        msg = f"{location.name} is a GGUF file, whose size is known only once it is read. Load it once."
        raise InputError(msg)
    with quiet_library():
        whole = _without_weights(location)
        model = choose_tower(whole, location.name, tower)
    chosen = model.config
    return ModelInfo(
        name=location.name,
        modality="image" if reads_images(model) else "text",
        n_layers=size_of(model, "num_hidden_layers") + 1,
        n_features=size_of(model, "hidden_size"),
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
        license="unknown",
        dtype=published_dtype(whole.config),
        revision=location.revision,
        tower=cast("Literal['text', 'vision'] | None", tower),
        n_patches=_count_patches(chosen) if reads_images(model) else None,
    )


def reads_images(model: Any, /) -> bool:
    """Tell whether a model of the library reads images; else it reads texts."""
    name = getattr(model, "main_input_name", "input_ids")
    return bool(name == "pixel_values" or model.config.model_type == "imagegpt")


def _count_patches(config: Any) -> int:
    if config.model_type == "imagegpt":
        return int(config.n_positions) - 1
    return int((config.image_size // config.patch_size) ** 2)


def _load_preprocess(location: ModelLocation, model: Any) -> Any:
    """Load the image processor or the tokenizer; whatever the library raises where there is none becomes a sentence."""
    images = reads_images(model)
    try:
        found = _preprocess(location, images=images)
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise InputError(_own_code(location)) from error
        reason = reason_of(error).partition(". ")[0]
        raise NotFoundError(_no_preprocess(location, images=images, reason=reason)) from error
    # Some tokenizers are made of nothing where their files are missing, and then know no word.
    files = {*getattr(found, "vocab_files_names", {}).values()}
    files |= {"tokenizer.json"} if files else set()
    if not images and files and not any(_has_file(location, file) for file in files):
        reason = f"none of {', '.join(sorted(files))} is there"
        raise NotFoundError(_no_preprocess(location, images=False, reason=reason))
    return found


def _has_file(location: ModelLocation, file: str) -> bool:
    if not location.on_hub:
        return (Path(location.place) / file).exists()
    return isinstance(try_to_load_from_cache(location.place, file, revision=location.revision), str)


def _no_preprocess(location: ModelLocation, *, images: bool, reason: str) -> str:
    what, auto = ("image processor", "AutoImageProcessor") if images else ("tokenizer", "AutoTokenizer")
    return (
        f"The model {location.name!r} has weights, but no {what} that can be loaded: {reason}. Pass the one it was trained "
        f"with, as load_model({location.name!r}, NAME_OR_OBJECT), or save it into its folder: "
        f"transformers.{auto}.from_pretrained(NAME).save_pretrained(FOLDER)."
    )


def _preprocess(location: ModelLocation, *, images: bool) -> Any:
    if images:
        # Always PIL's backend: the pixels must not depend on whether torchvision is installed.
        return AutoImageProcessor.from_pretrained(location.place, backend="pil", **_revision(location))
    if not location.converted:
        return AutoTokenizer.from_pretrained(location.place, **_revision(location))
    # The file holds the whole tokenizer: reading just that takes a third of the time for 262,144 tokens.
    folder = Path(location.place)
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    known = {
        key: value for key, value in settings.items() if key.endswith("_token") or key == "model_max_length"
    }
    return PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **known)


def choose_tower(whole: Any, name: str, tower: str | None, /) -> Any:
    """Give the part of a base model that is run: a tower of several, the encoder before a decoder, or all of it.

    Raises
    ------
    InputError
        If `tower` does not fit.
    """
    text = next((getattr(whole, part) for part in _TEXT_TOWERS if hasattr(whole, part)), None)
    vision = next((getattr(whole, part) for part in _VISION_TOWERS if hasattr(whole, part)), None)
    if text is not None and vision is not None:
        if tower is None:
            raise tower_error(name, tower)
        return _encoder_of(text if tower == "text" else vision, name)
    if tower is not None:
        raise tower_error(name, tower)
    if text is not None and getattr(whole.config, "num_hidden_layers", None) is None:
        return _encoder_of(text, name)  # what goes into it beside texts has no tower of its own
    return _encoder_of(whole, name)


def _encoder_of(model: Any, name: str) -> Any:
    """Give the encoder before a decoder, or the model itself where there is none."""
    if not getattr(model.config, "is_encoder_decoder", False):
        return model
    encoder = model.get_encoder()
    if not hasattr(encoder, "config"):
        msg = f"Cannot read {name}: the library does not make its encoder ({type(encoder).__name__}) a model of its own."
        raise InputError(msg)
    return encoder


def _require_weights(name: str, missing: set[str]) -> None:
    needed = sorted(key for key in missing if not any(part in key for part in _UNREAD))
    if needed:
        msg = (
            f"The checkpoint of {name} lacks {len(needed)} weights of the base model (the first: {needed[0]}), which would "
            "be random. Use a checkpoint that holds the whole model."
        )
        raise InputError(msg)


@contextmanager
def _reading(location: ModelLocation) -> Iterator[None]:
    """Turn whatever the library raises over a model's files into a sentence: it trusts what stands in them.

    Too little memory is no fault of theirs.
    """
    try:
        with enough_memory("the weights"):
            yield
    except (PlatoscopeError, MemoryError):
        raise
    except OSError as error:
        raise NotFoundError(_not_found(location, error)) from error
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise InputError(_own_code(location)) from error
        msg = (
            f"The files of the model {location.name!r} cannot be used: {reason_of(error)}. Check config.json, the "
            "tokenizer and the weights, or get them again."
        )
        raise InputError(msg) from error


def _own_code(location: ModelLocation) -> str:
    return (
        f"The model {location.name!r} comes with Python code of its own, which Platoscope does not run. Load it yourself, "
        "and hand its states to compare as arrays; or remove `auto_map` from its JSON files where transformers "
        "knows its architecture."
    )


def _not_found(location: ModelLocation, error: OSError) -> str:
    known = [model.name for model in BUNDLED]
    return (
        f"Cannot load the model {location.name!r}: {reason_of(error)}.{did_you_mean(location.name, known)} Expected a "
        f"bundled model ({', '.join(known)}), a hub id, a local folder or a .gguf file."
    )
