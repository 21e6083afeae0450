"""Whatever stands in the files of a model, loading it is one sentence, and no code of theirs runs."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from platoscope.errors import InputError, PlatoscopeError
from platoscope.models import load_model, parse_poolings
from platoscope.models.sizes import require_buildable
from platoscope.testing.models import save_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

FILES: dict[str, tuple[str, bytes]] = {
    "no JSON": ("config.json", b"{nope"),
    "a list": ("config.json", b"[]"),
    "weights of another kind": ("model.safetensors", b"x" * 1000),
    "empty weights": ("model.safetensors", b""),
    "a limit that is no number": ("tokenizer_config.json", b'{"model_max_length": ""}'),
    "tokens without a name": ("tokenizer_config.json", b'{"pad_token": "", "unk_token": ""}'),
}
SETTINGS: dict[str, dict[str, object]] = {
    "no heads": {"num_attention_heads": 0},
    "a negative width": {"hidden_size": -4},
    "an unknown kind": {"model_type": "zzz"},
    "another vocabulary": {"vocab_size": 10},
    "layers without end": {"num_hidden_layers": 10**7},
}


@pytest.mark.parametrize("fault", [*FILES, *SETTINGS])
def test_files_that_cannot_be_used_are_a_sentence(tmp_path: Path, fault: str) -> None:
    """The message names the model; what the library raised is behind it."""
    folder = save_tiny_model("llama", tmp_path / "tiny")
    if fault in FILES:
        name, content = FILES[fault]
        (folder / name).write_bytes(content)
    else:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        (folder / "config.json").write_text(json.dumps(config | SETTINGS[fault]), encoding="utf-8")
    with pytest.raises(PlatoscopeError, match="tiny") as caught:
        load_model(str(folder))
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_that_comes_with_a_model_is_refused_and_nobody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    """The library would ask on the terminal, and wait; nothing of the folder is run."""

    def asked(question: str = "") -> str:
        msg = f"asked {question!r}"
        raise AssertionError(msg)

    monkeypatch.setattr("builtins.input", asked)
    folder = save_tiny_model("llama", tmp_path / "tiny")
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n", encoding="utf-8")
    own = (
        {"AutoConfig": "own.Own", "AutoModel": "own.Own"}
        if file == "config.json"
        else {"AutoTokenizer": ["own.Own", None]}
    )
    settings = json.loads((folder / file).read_text(encoding="utf-8")) | {"auto_map": own}
    if file == "config.json":
        settings["model_type"] = "own"
    else:
        settings["tokenizer_class"] = "Own"
    (folder / file).write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(InputError, match=r"tiny.*comes with Python code of its own.*does not run"):
        load_model(str(folder))
    assert not (tmp_path / "ran").exists()


def test_tokens_without_an_embedding_are_a_sentence(tmp_path: Path) -> None:
    """A tokenizer with a token more than the model is refused where a text has it; as padding it does no harm."""
    folder = save_tiny_model("llama", tmp_path / "tiny")
    plain = load_model(str(folder), dtype="float32", device="cpu")
    file = folder / "tokenizer_config.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(settings | {"pad_token": "<more>"}), encoding="utf-8")
    more = load_model(str(folder), dtype="float32", device="cpu")
    texts, poolings = ["a text", "another, longer one"], parse_poolings("last")
    assert (more.encode(texts, poolings)["last"] == plain.encode(texts, poolings)["last"]).all()
    with pytest.raises(InputError, match=r"makes token 260 of item 1, but the model has 260 tokens"):
        more.encode(["a text", "a text with <more> in it"], poolings)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGUF" + struct.pack("<IQQ", 3, 1, 1),
        b"GGUF" + struct.pack("<IQQ", 3, 2**60, 2**60) + b"\0" * 100,
    ],
    ids=["empty", "cut off", "huge counts"],
)
def test_gguf_files_that_cannot_be_read_are_a_sentence(tmp_path: Path, content: bytes) -> None:
    """The file is named, with what to do."""
    pytest.importorskip("gguf")
    (tmp_path / "m.gguf").write_bytes(content)
    with pytest.raises(InputError, match=r"m\.gguf cannot be read as a GGUF file: .*Download it again"):
        load_model(str(tmp_path / "m.gguf"))


def test_only_layers_are_counted() -> None:
    """Thousands of experts that are rows of one matrix, as Doge has, and sizes per layer are built."""
    from transformers import DogeConfig, Gemma3nTextConfig

    for config in (DogeConfig(num_experts=16_384), Gemma3nTextConfig(hidden_size_per_layer_input=20_000)):
        require_buildable(config, "large")


def test_a_configuration_that_says_nan_is_a_sentence() -> None:
    """All states would be NaN; infinite settings are those of architectures."""
    from transformers import LlamaConfig, MambaConfig

    require_buildable(MambaConfig(time_step_limit=(0.0, float("inf"))), "endless")
    with pytest.raises(InputError, match="'m' says rms_norm_eps = NaN.*Check config.json"):
        require_buildable(LlamaConfig(rms_norm_eps=float("nan")), "m")


def test_states_that_are_no_numbers_are_a_sentence(tmp_path: Path) -> None:
    """The library takes a setting of another type, with which texts of more than a few tokens are NaN."""
    folder = save_tiny_model("llama", tmp_path / "a")
    file = folder / "config.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    settings["rope_parameters"] = {"rope_theta": False, "rope_type": "default"}
    file.write_text(json.dumps(settings), encoding="utf-8")
    for dtype in ("float32", "float16"):
        with pytest.raises(
            InputError, match=rf"not finite in \d of \d layers, the first of them layer 1, in {dtype}"
        ):
            load_model(str(folder), dtype=dtype, device="cpu")


def test_where_all_of_float16_overflows_a_wider_dtype_is_the_way_out(tmp_path: Path) -> None:
    """The model is sound, and read in it."""
    from safetensors.torch import load_file, save_file

    folder = save_tiny_model("llama", tmp_path / "tiny")
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    # A configuration of its own: how others are read is remembered.
    settings["rms_norm_eps"] = 3e-6
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    file = folder / "model.safetensors"
    weights = {name: w * (100 if "_proj" in name else 1) for name, w in load_file(file).items()}
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(
        InputError, match=r"not finite in 3 of 4 layers.*in float16; load it in a wider dtype"
    ):
        load_model(str(folder), dtype="float16", device="cpu")
    states = load_model(str(folder), dtype="float32", device="cpu").encode(["a text"], parse_poolings("last"))
    assert np.isfinite(states["last"]).all()


def test_a_layer_that_float16_cannot_hold_leaves_the_others(tmp_path: Path) -> None:
    """The model is read; only `extract`, which keeps the layer, refuses it."""
    folder = _with_last_layer(save_tiny_model("llama", tmp_path / "tiny"), 6e4)
    states = load_model(str(folder), dtype="float16", device="cpu").encode(["a text"], parse_poolings("last"))
    finite = np.isfinite(states["last"]).all(axis=(1, 2))
    assert finite[:-1].all()
    assert not finite[-1]
    wide = load_model(str(folder), dtype="float32", device="cpu").encode(["a text"], parse_poolings("last"))
    assert np.isfinite(wide["last"]).all()


def _with_last_layer(folder: Path, value: float) -> Path:
    """Overwrite what the last layer adds to its input."""
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    weights = load_file(file)
    name = sorted(name for name in weights if name.endswith("down_proj.weight"))[-1]
    weights[name] = weights[name].sign() * value
    save_file(weights, file, metadata={"format": "pt"})
    return folder


def test_a_gguf_file_with_layers_without_end_is_a_sentence(tmp_path: Path) -> None:
    """Nothing is built of it."""
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_block_count(10**7)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(InputError, match=r"m\.gguf.*num_hidden_layers = 10,000,000; expected at most 10,000"):
        load_model(str(tmp_path / "m.gguf"))
