"""GGUF files, de-quantized once to the hub's format. Needs torch, transformers and gguf."""

from __future__ import annotations

from contextlib import contextmanager, redirect_stderr
from functools import lru_cache
from io import StringIO
from typing import TYPE_CHECKING

import gguf
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModel, AutoTokenizer

from platoscope.errors import guarded
from platoscope.models.library import quiet_library
from platoscope.models.sizes import require_buildable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["convert"]


def convert(file: Path, folder: Path, /) -> None:
    """De-quantize a GGUF file to a float32 folder in the hub's format, which loads in seconds.

    Parameters
    ----------
    file : Path
        The GGUF file.
    folder : Path
        Existing folder to write to.
    """
    # The bar of de-quantizing is not one of those that the library can be asked to leave out.
    way_out = "Download it again; its architecture must be one that transformers reads from GGUF."
    with (
        guarded(f"{file} cannot be read as a GGUF file", way_out),
        quiet_library(),
        redirect_stderr(StringIO()),
        _parsed_once(),
    ):
        config = AutoConfig.from_pretrained(file.parent, gguf_file=file.name, trust_remote_code=False)
        require_buildable(config, file.name)
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, trust_remote_code=False)
        model = AutoModel.from_pretrained(
            file.parent, gguf_file=file.name, dtype=torch.float32, trust_remote_code=False
        )
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
    parse = gguf.GGUFReader
    gguf.GGUFReader = lru_cache(maxsize=1)(parse)
    try:
        yield
    finally:
        gguf.GGUFReader = parse
