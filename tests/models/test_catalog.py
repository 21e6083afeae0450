"""The catalogue, and describing a model without its weights."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from platoscope.errors import InputError, NotFoundError
from platoscope.models import catalog, describe_model, load_model
from platoscope.models.bundled import BUNDLED
from platoscope.models.library import quiet_library
from platoscope.models.locations import locate_model
from platoscope.testing.models import TINY_IMAGE_MODELS, TINY_TEXT_MODELS

if TYPE_CHECKING:
    from collections.abc import Callable


def published_configurations() -> dict[str, Any]:
    """Write down the published configurations of some models."""
    import transformers as library

    return {
        "meta-llama/Llama-3.1-8B": library.LlamaConfig(
            vocab_size=128256,
            hidden_size=4096,
            num_hidden_layers=32,
            intermediate_size=14336,
            num_attention_heads=32,
            num_key_value_heads=8,
        ),
        "deepseek-ai/DeepSeek-V3": library.DeepseekV3Config(),
        "gemma-3-270m": library.Gemma3TextConfig(
            vocab_size=262144,
            hidden_size=640,
            num_hidden_layers=18,
            intermediate_size=2048,
            num_attention_heads=4,
            num_key_value_heads=1,
            head_dim=256,
        ),
        "facebook/dinov2-large": library.Dinov2Config(
            hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, image_size=518, patch_size=14
        ),
        "openai/imagegpt-large": library.ImageGPTConfig(n_embd=1536, n_layer=48, n_head=16),
    }


def test_parameters_are_those_of_the_architecture() -> None:
    """Layers, widths and parameters of the catalogue follow from the published configurations."""
    from transformers import AutoModel

    known = {info.name: info for info in catalog()}
    for name, config in published_configurations().items():
        with quiet_library(), torch.device("meta"):
            model = AutoModel.from_config(config)
        info = known[name]
        assert info.n_parameters == sum(parameter.numel() for parameter in model.parameters())
        assert (info.n_layers, info.n_features) == (config.num_hidden_layers + 1, config.hidden_size)


def test_entries_are_well_formed() -> None:
    """Every entry has a size and a licence; revisions are full commits; two towers are listed apart."""
    entries = catalog()
    assert len({(info.name, info.tower) for info in entries}) == len(entries)
    for info in entries:
        assert info.n_parameters > 0
        assert info.license
        assert info.revision is None or re.fullmatch("[0-9a-f]{40}", info.revision)
        assert (info.n_patches is not None) == (info.modality == "image")
    assert [info.name for info in entries[: len(BUNDLED)]] == [model.name for model in BUNDLED]
    assert all(info.command and info.command.startswith("pip install") for info in entries[: len(BUNDLED)])


def test_memory_follows_from_the_precision() -> None:
    """Four bytes per parameter in float32, two in bfloat16; the published precision is the default."""
    info = describe_model("meta-llama/Llama-3.2-1B")
    assert info.memory("float32") == 2 * info.memory("bfloat16") == 4 * info.n_parameters
    assert info.size_bytes == info.memory("bfloat16")
    with pytest.raises(InputError, match="dtype='int4' is not known"):
        info.memory("int4")


def test_the_catalogue_pins_what_is_loaded() -> None:
    """Without a revision a listed hub id is loaded at its pinned commit; a revision that is given wins."""
    name = "facebook/dinov2-base"
    assert locate_model(name).revision == describe_model(name).revision
    assert locate_model(name, revision="main").revision == "main"
    assert locate_model("somebody/something").revision is None


@pytest.mark.parametrize(
    ("method", "dtype"), [("fp8", "float8"), ("fbgemm_fp8", "float8"), ("gptq", "float32")]
)
def test_a_folder_in_8_bits_is_described_so(
    method: str, dtype: str, tiny: Callable[..., str], tmp_path: Path
) -> None:
    """As its configuration says of a downloaded model: a plan of it counts a byte for each weight."""
    config = json.loads((Path(tiny("deepseek_v3")) / "config.json").read_text(encoding="utf-8"))
    config["quantization_config"] = {"quant_method": method, "weight_block_size": [128, 128], "bits": 4}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    info = describe_model(str(tmp_path))
    assert info.dtype == dtype
    assert info.size_bytes == info.n_parameters * (1 if dtype == "float8" else 4)


@pytest.mark.parametrize("architecture", [*TINY_TEXT_MODELS, *TINY_IMAGE_MODELS])
def test_a_description_agrees_with_the_loaded_model(architecture: str, tiny: Callable[..., str]) -> None:
    """What is said of a folder without reading weights is what loading it shows."""
    folder = tiny(architecture)
    info = describe_model(folder)
    model = load_model(folder, device="cpu")
    assert (info.modality, info.n_layers, info.n_features) == (
        model.modality,
        model.n_layers,
        model.n_features,
    )
    assert info.n_parameters == sum(parameter.numel() for parameter in model.model.parameters())
    assert info.size_bytes == 4 * info.n_parameters
    if info.modality == "image":
        assert info.n_patches in (16, 35)


def test_towers_are_described_apart(tiny: Callable[..., str]) -> None:
    """Of a model with two towers one is chosen, in the catalogue and in a folder."""
    vision, text = (
        describe_model("openai/clip-vit-large-patch14", tower=tower) for tower in ("vision", "text")
    )
    assert (vision.n_layers, vision.modality, text.n_layers, text.modality) == (25, "image", 13, "text")
    assert describe_model(tiny("clip"), tower="vision").n_layers == 5
    for name in ("openai/clip-vit-large-patch14", tiny("clip")):
        with pytest.raises(InputError, match="two towers"):
            describe_model(name)
    for name in ("gemma-3-270m", tiny("llama")):
        with pytest.raises(InputError, match="no two towers"):
            describe_model(name, tower="text")


def test_unknown_models_cannot_be_described(tmp_path: Path) -> None:
    """A hub id that is not there, and a GGUF file, say why."""
    with pytest.raises(NotFoundError, match="Cannot load the model 'nobody/nothing'"):
        describe_model("nobody/nothing")
    gguf = tmp_path / "model.gguf"
    gguf.write_bytes(b"GGUF")
    with pytest.raises(InputError, match="is a GGUF file"):
        describe_model(str(gguf))
