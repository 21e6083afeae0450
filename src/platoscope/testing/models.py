"""Tiny random models of real architectures, made on the spot and saved as folders that `load_model` reads.

They have the structure of the published models (attention, positions, mixture of experts, class and
register tokens, special tokens of the tokenizer), so that whole paths can be tested without a download;
their states mean nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.arguments import a_path
from platoscope.errors import NotFoundError
from platoscope.models.library import quiet_library

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path

__all__ = [
    "TINY_IMAGE_MODELS",
    "TINY_TEXT_MODELS",
    "TINY_TWO_TOWER_MODELS",
    "save_image_processor",
    "save_tiny_model",
    "save_tokenizer",
]

# The end token is not number 2: CLIP takes that for a mistake of old configurations and looks elsewhere.
_SPECIAL = ("<pad>", "<s>", "<unk>", "</s>")
_PAD, _START, _UNKNOWN, _END = range(4)
_VOCABULARY = len(_SPECIAL) + 256
_CONTEXT = 128
_CAPTION_CONTEXT = 24
_IMAGE_SIZE = 28
_PATCH_SIZE = 7
_PIXEL_SIDE = 6
_CLUSTERS = 16
_HEADS = 4
_SPREAD = 0.2


def save_tiny_model(
    architecture: str,
    folder: str | os.PathLike[str],
    /,
    *,
    n_blocks: int = 3,
    n_features: int = 32,
    start_token: bool = True,
    seed: int = 0,
) -> Path:
    """Save a random model of an architecture, with the tokenizer and image processor it needs.

    Parameters
    ----------
    architecture : str
        One of `TINY_TEXT_MODELS`, `TINY_IMAGE_MODELS` or `TINY_TWO_TOWER_MODELS`.
    folder : str or Path
        Where to write; made if it does not exist.
    n_blocks : int
        Number of blocks (layers without the embeddings), at least 2.
    n_features : int
        Width; a multiple of 8.
    start_token : bool
        Whether the tokenizer of a decoder adds a start token. Encoders always add theirs.
    seed : int
        Of the weights.

    Returns
    -------
    Path
        `folder`, to be given to `platoscope.models.load_model`.

    Raises
    ------
    NotFoundError
        If the architecture is unknown.
    InputError
        If `folder` is no path.

    Notes
    -----
    The tokenizer makes one token of every byte of UTF-8, so that an ASCII text has as many tokens as
    characters. Texts may have 128 tokens, captions of the models with two towers 24. Images are read in 28
    × 28 pixels, 16 patches; ImageGPT's in 6 × 6.
    """
    import torch
    from transformers import AutoModel

    builders = {**_TEXT, **_IMAGE, **_TWO_TOWERS}
    if architecture not in builders:
        msg = f"There is no tiny model {architecture!r}. Expected one of: {', '.join(sorted(builders))}."
        raise NotFoundError(msg)
    target = a_path("folder", folder)
    target.mkdir(parents=True, exist_ok=True)
    with quiet_library(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModel.from_config(builders[architecture](n_blocks, n_features))
        _draw_matrices(model)
        model.save_pretrained(target)
    if architecture in _TEXT:
        _save_tokenizer(target, _template(architecture, start_token), _CONTEXT)
    else:
        _save_image_processor_of(target, architecture)
    if architecture in _TWO_TOWERS:
        _save_tokenizer(target, _template(architecture, start_token), _CAPTION_CONTEXT)
    return target


def _draw_matrices(model: Any) -> None:
    """Draw every matrix anew, wide enough that a wrong mask or position cannot hide in rounding."""
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.data.normal_(0.0, _SPREAD)


def _text_config(n_blocks: int, n_features: int) -> dict[str, Any]:
    return {
        "vocab_size": _VOCABULARY,
        "hidden_size": n_features,
        "intermediate_size": 2 * n_features,
        "num_hidden_layers": n_blocks,
        "num_attention_heads": _HEADS,
        "max_position_embeddings": _CONTEXT,
        "pad_token_id": _PAD,
        "bos_token_id": _START,
        "eos_token_id": _END,
    }


def _decoder(name: str, n_blocks: int, n_features: int, /, **extra: Any) -> Any:
    import transformers

    heads = {"num_key_value_heads": 2, "head_dim": n_features // _HEADS}
    return getattr(transformers, name)(**_text_config(n_blocks, n_features) | heads | extra)


def _gemma3(n_blocks: int, n_features: int) -> Any:
    kinds = ["sliding_attention"] * (n_blocks - 1) + ["full_attention"]
    return _decoder("Gemma3TextConfig", n_blocks, n_features, sliding_window=16, layer_types=kinds)


def _deepseek(n_blocks: int, n_features: int) -> Any:
    return _decoder(
        "DeepseekV3Config",
        n_blocks,
        n_features,
        num_key_value_heads=_HEADS,
        moe_intermediate_size=n_features,
        n_routed_experts=8,
        n_group=2,
        topk_group=1,
        num_experts_per_tok=2,
        first_k_dense_replace=1,
        q_lora_rank=16,
        kv_lora_rank=16,
        qk_rope_head_dim=8,
        qk_nope_head_dim=8,
        v_head_dim=8,
    )


def _gpt2(n_blocks: int, n_features: int) -> Any:
    from transformers import GPT2Config

    return GPT2Config(
        vocab_size=_VOCABULARY,
        n_embd=n_features,
        n_layer=n_blocks,
        n_head=_HEADS,
        n_positions=_CONTEXT,
        bos_token_id=_START,
        eos_token_id=_END,
    )


def _encoder(name: str, n_blocks: int, n_features: int, /, **extra: Any) -> Any:
    import transformers

    return getattr(transformers, name)(**_text_config(n_blocks, n_features) | extra)


def _t5(n_blocks: int, n_features: int) -> Any:
    from transformers import T5Config

    return T5Config(
        vocab_size=_VOCABULARY,
        d_model=n_features,
        d_kv=n_features // _HEADS,
        d_ff=2 * n_features,
        num_layers=n_blocks,
        num_decoder_layers=n_blocks - 1,
        num_heads=_HEADS,
        pad_token_id=_PAD,
        eos_token_id=_END,
        decoder_start_token_id=_PAD,
    )


def _patch_config(n_blocks: int, n_features: int) -> dict[str, Any]:
    return {
        "hidden_size": n_features,
        "intermediate_size": 2 * n_features,
        "num_hidden_layers": n_blocks,
        "num_attention_heads": _HEADS,
        "image_size": _IMAGE_SIZE,
        "patch_size": _PATCH_SIZE,
    }


def _patches(name: str, n_blocks: int, n_features: int, /, **extra: Any) -> Any:
    import transformers

    config = _patch_config(n_blocks, n_features)
    if "Dinov2" in name:
        del config["intermediate_size"]
    return getattr(transformers, name)(**config | extra)


def _imagegpt(n_blocks: int, n_features: int) -> Any:
    from transformers import ImageGPTConfig

    return ImageGPTConfig(
        vocab_size=_CLUSTERS + 1,
        n_positions=_PIXEL_SIDE**2,
        n_embd=n_features,
        n_layer=n_blocks,
        n_head=_HEADS,
    )


def _two_towers(name: str, n_blocks: int, n_features: int) -> Any:
    import transformers

    text = _text_config(n_blocks, n_features) | {"max_position_embeddings": _CAPTION_CONTEXT}
    text["projection_size"] = n_features
    # The towers differ in depth and width, so that a test can tell them apart.
    vision = _patch_config(n_blocks + 1, n_features + 8)
    return getattr(transformers, name)(text_config=text, vision_config=vision)


_TEXT: dict[str, Callable[[int, int], Any]] = {
    "llama": lambda n, d: _decoder("LlamaConfig", n, d),
    "mistral": lambda n, d: _decoder("MistralConfig", n, d, sliding_window=16),
    "qwen2": lambda n, d: _decoder("Qwen2Config", n, d),
    "qwen3": lambda n, d: _decoder("Qwen3Config", n, d),
    "gemma3": _gemma3,
    "deepseek_v3": _deepseek,
    "gpt2": _gpt2,
    "bert": lambda n, d: _encoder("BertConfig", n, d),
    # RoBERTa's positions start behind the padding index, which is 0 here.
    "xlm_roberta": lambda n, d: _encoder("XLMRobertaConfig", n, d, max_position_embeddings=_CONTEXT + 1),
    "t5": _t5,
}
_IMAGE: dict[str, Callable[[int, int], Any]] = {
    "vit": lambda n, d: _patches("ViTConfig", n, d),
    "vit_mae": lambda n, d: _patches("ViTMAEConfig", n, d),
    "dinov2": lambda n, d: _patches("Dinov2Config", n, d),
    "dinov2_with_registers": lambda n, d: _patches("Dinov2WithRegistersConfig", n, d, num_register_tokens=3),
    "imagegpt": _imagegpt,
}
_TWO_TOWERS: dict[str, Callable[[int, int], Any]] = {
    "clip": lambda n, d: _two_towers("CLIPConfig", n, d),
    "siglip": lambda n, d: _two_towers("SiglipConfig", n, d),
}

TINY_TEXT_MODELS = tuple(_TEXT)
TINY_IMAGE_MODELS = tuple(_IMAGE)
TINY_TWO_TOWER_MODELS = tuple(_TWO_TOWERS)


def _template(architecture: str, start_token: bool) -> str:
    if architecture in ("bert", "xlm_roberta", "clip"):
        return "<s> $A </s>"
    if architecture in ("t5", "siglip"):
        return "$A </s>"
    return "<s> $A" if start_token else "$A"


def save_tokenizer(folder: Path, /) -> None:
    """Save a tokenizer of bytes, 260 tokens in all, with a start token into `folder`, beside a model of yours."""
    _save_tokenizer(folder, "<s> $A", _CONTEXT)


def _save_tokenizer(folder: Path, template: str, context: int) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    bytes_ = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate([*_SPECIAL, *bytes_])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=_SPECIAL[_UNKNOWN]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template,
        special_tokens=[(_SPECIAL[_START], _START), (_SPECIAL[_END], _END)],
    )
    encoder_like = template.startswith("<s>") and template.endswith("</s>")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=context,
        pad_token=_SPECIAL[_PAD],
        bos_token=_SPECIAL[_START],
        eos_token=_SPECIAL[_END],
        unk_token=_SPECIAL[_UNKNOWN],
        cls_token=_SPECIAL[_START] if encoder_like else None,
    ).save_pretrained(folder)


def save_image_processor(folder: Path, /) -> None:
    """Save an image processor that gives 28 × 28 pixels into `folder`, beside a model of yours."""
    from transformers import BitImageProcessorPil

    BitImageProcessorPil(
        size={"shortest_edge": _IMAGE_SIZE}, crop_size={"height": _IMAGE_SIZE, "width": _IMAGE_SIZE}
    ).save_pretrained(folder)


def _save_image_processor_of(folder: Path, architecture: str) -> None:
    from transformers import ImageGPTImageProcessorPil

    if architecture != "imagegpt":
        save_image_processor(folder)
        return
    clusters = np.random.default_rng(0).uniform(-1, 1, size=(_CLUSTERS, 3))
    side = {"height": _PIXEL_SIDE, "width": _PIXEL_SIDE}
    ImageGPTImageProcessorPil(clusters=clusters, size=side).save_pretrained(folder)
