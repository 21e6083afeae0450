"""Tokenizers and image processors that the user passes: as objects of transformers, or by the name of one."""

from __future__ import annotations

import json
from os import PathLike
from typing import Any

from platoscope.errors import InputError, NotFoundError, reason_of
from platoscope.hashing import digest
from platoscope.models.library import quiet_library

__all__ = ["as_processor", "digest_processor"]

# What calls leave behind in a tokenizer, and what says nothing of its tokens.
_NOT_CONTENT = frozenset(
    {"truncation", "padding", "name_or_path", "tokenizer_file", "vocab_file", "merges_file"}
)


def as_processor(given: Any, /, *, images: bool) -> Any:
    """Return the tokenizer, or image processor, that was given or named.

    Parameters
    ----------
    given : object, str or path
        A tokenizer, an image processor, a processor that holds both, or the name or folder of one.
    images : bool
        Whether the model reads images.

    Raises
    ------
    NotFoundError
        If none is found under the name.
    InputError
        If it is of the other kind.
    """
    from transformers import AutoImageProcessor, AutoTokenizer
    from transformers.image_processing_base import ImageProcessingMixin
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

    kind: Any = ImageProcessingMixin if images else PreTrainedTokenizerBase
    what = "image processor" if images else "tokenizer"
    if isinstance(given, str | PathLike):
        options = {"backend": "pil"} if images else {}
        auto: Any = AutoImageProcessor if images else AutoTokenizer
        try:
            with quiet_library():
                return auto.from_pretrained(given, trust_remote_code=False, **options)
        except Exception as error:
            msg = f"There is no {what} at {str(given)!r}: {reason_of(error)}. Pass another name, or the object itself."
            raise NotFoundError(msg) from error
    part = getattr(given, "image_processor" if images else "tokenizer", None)
    found = given if isinstance(given, kind) else part
    if not isinstance(found, kind):
        came = "none" if given is None else type(given).__name__
        msg = (
            f"A model in memory needs its {what} beside it, as load_model(model, processor): an object of transformers, or "
            f"the name of one; got {came}."
        )
        raise InputError(msg)
    return found


def digest_processor(found: Any, /) -> str:
    """Hash what decides the tokens of a text, or the pixels of an image.

    Parameters
    ----------
    found : object
        Of transformers.

    Returns
    -------
    str
        SHA-256 in hexadecimal.
    """
    if not hasattr(found, "get_vocab"):
        return digest([type(found).__name__, found.to_dict()])
    backend = getattr(found, "backend_tokenizer", None)
    rules = found.get_vocab() if backend is None else json.loads(backend.to_str())
    content = {name: value for name, value in rules.items() if name not in _NOT_CONTENT}
    settings = {name: value for name, value in found.init_kwargs.items() if name not in _NOT_CONTENT}
    return digest([type(found).__name__, content, settings, found.model_max_length, found.special_tokens_map])
