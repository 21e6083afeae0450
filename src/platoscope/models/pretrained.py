"""Load weights, tokenizer and image processor through the transformers library. Needs torch."""

from __future__ import annotations

import json
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import torch

from platoscope.errors import InputError, NotFoundError
from platoscope.models.blocks import Blocks, find_blocks
from platoscope.models.bundled import BUNDLED
from platoscope.models.catalog import ModelInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platoscope.models.sources import Source

__all__ = ["Pretrained", "convert_gguf", "describe_pretrained", "load_pretrained", "quiet_library"]

_TEXT_TOWERS = ("text_model", "language_model")
_VISION_TOWERS = ("vision_model", "vision_tower", "visual")
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
        Its stack of layers.
    modality : {"text", "image"}
        What it reads.
    preprocess : object
        The library's tokenizer, or its image processor.
    commit : str or None
        The hub's commit, where it came from there.
    """

    model: torch.nn.Module
    blocks: Blocks
    modality: str
    preprocess: Any
    commit: str | None


def load_pretrained(
    source: Source, /, *, dtype: torch.dtype, device: torch.device, device_map: str | None, tower: str | None
) -> Pretrained:
    """Load a base model and put it on its device.

    Parameters
    ----------
    source : Source
        Where it is; not a GGUF file, which `platoscope.models.sources.convert_own` turns into a folder.
    dtype : torch.dtype
        Precision of the weights.
    device : torch.device
        Where it runs, unless `device_map` says otherwise.
    device_map : {"auto"} or None
        Spread over all GPUs.
    tower : {"text", "vision"} or None
        Which side of a model with two.

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
    from transformers import AutoImageProcessor, AutoModel

    where = {} if source.revision is None else {"revision": source.revision}
    with quiet_library():
        try:
            whole, info = AutoModel.from_pretrained(
                source.location, dtype=dtype, device_map=device_map, output_loading_info=True, **where
            )
            commit = getattr(whole.config, "_commit_hash", None)
            model = _choose_tower(whole, source.name, tower)
            reads_images = _reads_images(model)
            if reads_images:
                # Always PIL's backend: the pixels must not depend on whether torchvision is installed.
                preprocess = AutoImageProcessor.from_pretrained(source.location, backend="pil", **where)
            else:
                preprocess = _load_tokenizer(source, where)
        except OSError as error:
            raise NotFoundError(_not_found(source, error)) from error
    _require_weights(source.name, info["missing_keys"])
    if device_map is None:
        model.to(device)
    model.eval()
    blocks = find_blocks(model, model.config.num_hidden_layers)
    return Pretrained(model, blocks, "image" if reads_images else "text", preprocess, commit)


def describe_pretrained(source: Source, /, *, tower: str | None) -> ModelInfo:
    """Build a model from its configuration on the meta device, which takes no memory, and count.

    Parameters
    ----------
    source : Source
        A folder or a hub id.
    tower : {"text", "vision"} or None
        Which side of a model with two.

    Returns
    -------
    ModelInfo
        Its licence is "unknown": a configuration does not hold it.

    Raises
    ------
    NotFoundError
        If the library finds no such model.
    InputError
        If `tower` does not fit, or the source is a GGUF file.
    """
    from transformers import AutoConfig, AutoModel

    if source.gguf_file is not None:
        msg = f"{source.name} is a GGUF file, whose size is known only once it is read. Load it once."
        raise InputError(msg)
    with quiet_library(), torch.device("meta"):
        try:
            config = AutoConfig.from_pretrained(source.location, revision=source.revision)
        except OSError as error:
            raise NotFoundError(_not_found(source, error)) from error
        model = _choose_tower(AutoModel.from_config(config), source.name, tower)
    chosen = model.config
    return ModelInfo(
        name=source.name,
        modality="image" if _reads_images(model) else "text",
        n_layers=chosen.num_hidden_layers + 1,
        n_features=chosen.hidden_size,
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
        license="unknown",
        dtype=str(config.dtype or torch.float32).removeprefix("torch."),
        revision=source.revision,
        tower=cast("Literal['text', 'vision'] | None", tower),
        n_patches=_count_patches(chosen) if _reads_images(model) else None,
    )


def _reads_images(model: Any) -> bool:
    return bool(model.main_input_name == "pixel_values" or model.config.model_type == "imagegpt")


def _count_patches(config: Any) -> int:
    if config.model_type == "imagegpt":
        return int(config.n_positions) - 1
    return int((config.image_size // config.patch_size) ** 2)


def _load_tokenizer(source: Source, where: dict[str, str]) -> Any:
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    if not source.converted:
        return AutoTokenizer.from_pretrained(source.location, **where)
    # The file holds the whole tokenizer: reading just that takes a third of the time for 262,144 tokens.
    folder = Path(source.location)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    known = {
        key: value for key, value in settings.items() if key.endswith("_token") or key == "model_max_length"
    }
    return PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **known)


def _choose_tower(whole: Any, name: str, tower: str | None) -> Any:
    text = next((getattr(whole, part) for part in _TEXT_TOWERS if hasattr(whole, part)), None)
    vision = next((getattr(whole, part) for part in _VISION_TOWERS if hasattr(whole, part)), None)
    if text is not None and vision is not None:
        if tower is None:
            msg = f"{name} has two towers. Choose one with tower='text' or tower='vision'."
            raise InputError(msg)
        return text if tower == "text" else vision
    if tower is not None:
        msg = f"{name} has no two towers to choose from, but tower={tower!r} was given. Leave it out."
        raise InputError(msg)
    return whole.get_encoder() if getattr(whole.config, "is_encoder_decoder", False) else whole


def _require_weights(name: str, missing: set[str]) -> None:
    needed = sorted(key for key in missing if not any(part in key for part in _UNREAD))
    if needed:
        msg = (
            f"The checkpoint of {name} lacks {len(needed)} weights of the base model (the first: "
            f"{needed[0]}), which would be "
            f"random. Use a checkpoint that holds the whole model."
        )
        raise InputError(msg)


def _not_found(source: Source, error: OSError) -> str:
    reason = str(error).strip().splitlines()[0].rstrip(".")
    known = ", ".join(model.name for model in BUNDLED)
    return (
        f"Cannot load the model {source.name!r}: {reason}. Expected a bundled model ({known}), a hub id, "
        f"a local folder or "
        f"a .gguf file."
    )


@contextmanager
def quiet_library() -> Iterator[None]:
    """Keep the library's bars and load report off stderr; missing weights are checked here."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def convert_gguf(gguf: Path, folder: Path, /) -> None:
    """De-quantize a GGUF file to a float32 folder in the hub's format, which loads in seconds.

    Parameters
    ----------
    gguf : Path
        The file.
    folder : Path
        Existing folder to write to.
    """
    from safetensors.torch import save_file
    from transformers import AutoModel, AutoTokenizer

    # The bar of de-quantizing is not one of those that the library can be asked to leave out.
    with quiet_library(), redirect_stderr(StringIO()), _parsed_once():
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        model = AutoModel.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    tokenizer.save_pretrained(folder)
    # The library refuses to save what it read from GGUF; the weights are plain float32 by now.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.config.save_pretrained(folder)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})


@contextmanager
def _parsed_once() -> Iterator[None]:
    """Let the library's repeated readings of one GGUF file share a single parse of it.

    It parses the file anew for configuration, tokenizer and weights, and a vocabulary of 262,144
    tokens takes the parser a fifth of a minute each time.
    """
    import gguf

    parse = gguf.GGUFReader
    gguf.GGUFReader = lru_cache(maxsize=1)(parse)
    try:
        yield
    finally:
        gguf.GGUFReader = parse
