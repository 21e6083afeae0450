"""Tiny models of every architecture, and what reading them one item at a time gives."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import pytest
import torch
from PIL import Image

from platoscope.models.library import quiet_library
from platoscope.testing.models import save_tiny_model
from platoscope.testing.references import cosine_coefficients

if TYPE_CHECKING:
    from collections.abc import Callable

    from platoscope.models import Pooling

TEXTS = [
    "In the beginning God created the heavens.",
    "A short verse, one of many.",
    "And the earth was without form, and void; and darkness was upon the face of the deep.",
    "Nel principio Iddio creò i cieli e la terra.",
]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Return the folder of a tiny model, made once per session and set of options."""
    made: dict[Any, str] = {}

    def make(architecture: str, **options: Any) -> str:
        key = (architecture, *sorted(options.items()))
        if key not in made:
            folder = tmp_path_factory.mktemp(architecture)
            made[key] = str(save_tiny_model(architecture, folder, **options))
        return made[key]

    return make


@pytest.fixture(scope="session")
def images() -> list[Image.Image]:
    """Four pictures of different sizes."""
    rng = np.random.default_rng(0)
    sizes = [(30, 40), (28, 28), (64, 31), (50, 50)]
    return [Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]


@pytest.fixture
def texts() -> list[str]:
    """Four sentences of different lengths, one with letters of two bytes."""
    return list(TEXTS)


def text_states(
    folder: str, text: str, *, dtype: str, tower: str | None = None
) -> tuple[list[Any], Any, Any]:
    """Read one text with the library alone: states of all layers, token ids, mask of special tokens."""
    from transformers import AutoModel, AutoTokenizer

    with quiet_library():
        model = AutoModel.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder)
    if tower is not None:
        model = model.text_model
    if model.config.is_encoder_decoder:
        model = model.get_encoder()
    padding = "max_length" if model.config.model_type == "siglip_text_model" else False
    tokens = tokenizer(text, padding=padding, return_special_tokens_mask=True, return_tensors="pt")
    with torch.inference_mode():
        out = model(input_ids=tokens["input_ids"], output_hidden_states=True)
    return (
        [state[0].double().numpy() for state in out.hidden_states],
        tokens["input_ids"][0].numpy(),
        tokens["special_tokens_mask"][0].numpy().astype(bool),
    )


def pool_naively(
    states: list[Any], special: Any, pooling: Pooling, *, drop_last: int = 2, keep_first: bool = False
) -> np.ndarray:
    """Pool one item by the words of docs/models.md, in float64."""
    kept = [position for position in range(len(special)) if not special[position]]
    kept = kept[: len(kept) - drop_last]
    pooled = []
    for state in states:
        match pooling.kind, pooling.n:
            case "last", None:
                vector = state[kept[-1]]
            case "mean", None:
                vector = np.mean([state[p] for p in kept if p != 0 or keep_first], axis=0)
            case "mean", k:
                vector = np.mean([state[p] for p in kept[-k:]], axis=0)
            case "token", t:
                vector = state[kept[-1 - t]]
            case "dct", m:
                inside = np.stack([state[p] for p in kept if p != 0 or keep_first])
                vector = cosine_coefficients(inside, m or 0, pooling.lowest)
            case (("concat" | "tokens"), k):
                vector = np.stack([state[p] for p in kept[-k:]])
            case _:
                raise AssertionError(pooling)
        pooled.append(vector)
    return np.stack(pooled)
