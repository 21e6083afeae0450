"""Finding models and refusing what cannot be loaded."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from platoscope.errors import InputError, MissingExtraError, NotFoundError
from platoscope.models import ModelOnDemand, Pooling, load_model, pretrained
from platoscope.models.locations import fingerprint_folder
from platoscope.representations._group import group_key

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    "name", ["/no/such/folder", "./missing", "~/missing", "missing.gguf", "one/two/three"]
)
def test_missing_paths_are_named(name: str) -> None:
    """A path that is not there says so, without asking the hub."""
    with pytest.raises(NotFoundError, match=r"There is no model at"):
        load_model(name, device="cpu")


def test_a_file_that_is_no_model_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would take it for a configuration and say that it is no JSON."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").touch()
    with pytest.raises(NotFoundError, match=r"There is no model at 'mine.toml'. Expected a folder"):
        load_model("mine.toml", device="cpu")


@pytest.mark.parametrize(("architecture", "reads"), [("llama", "text"), ("vit", "image")])
def test_a_loaded_model_shows_itself_shortly(tiny: Callable[..., str], architecture: str, reads: str) -> None:
    """One line of text, not the modules of the library; HTML with the provenance."""
    model = load_model(tiny(architecture), device="cpu", dtype="float32")
    assert f"reads {reads}, layers 4" in repr(model)
    assert len(repr(model).splitlines()) == 1
    assert len(repr(model)) < 500
    assert str(model.provenance["architecture"]) in model._repr_html_()


def test_unknown_hub_models_are_named() -> None:
    """A hub id that cannot be loaded names itself and lists the bundled models."""
    with pytest.raises(NotFoundError, match=r"Cannot load the model 'nobody/nothing'.*gemma-3-270m"):
        load_model("nobody/nothing", device="cpu")
    with pytest.raises(NotFoundError, match=r"Did you mean 'gemma-3-270m'\?"):
        load_model("gema-3-270m", device="cpu")


def test_a_folder_without_configuration_is_no_model(tmp_path: Path) -> None:
    """An empty folder is named with what is missing."""
    with pytest.raises(NotFoundError, match=r"holds no config.json"):
        load_model(str(tmp_path), device="cpu")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"drop_last": -1}, "drop_last must be 0 or more"),
        ({"padding_side": "both"}, "padding_side must be 'right' or 'left'"),
        ({"tower": "middle"}, "tower must be 'text' or 'vision'"),
        ({"batch_tokens": 0}, "batch_tokens must be 1 or more"),
        ({"revision": "main"}, "is for models on the hub"),
        ({"dtype": "int4"}, "dtype='int4' is not known"),
        ({"device_map": "balanced"}, "device_map must be 'auto' or None"),
        ({"device_map": "auto"}, "device='cpu' was given too"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], match: str, tiny: Callable[..., str]) -> None:
    """Every option that does not fit says what is expected."""
    with pytest.raises(InputError, match=match):
        load_model(tiny("llama"), **({"device": "cpu"} | options))


def test_checkpoints_without_blocks_are_refused(tiny: Callable[..., str], tmp_path: Path) -> None:
    """A checkpoint that lacks weights would be read with random ones: an error names the first."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "broken"
    shutil.copytree(tiny("llama"), folder)
    weights = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if "layers.1.mlp" not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"lacks 3 weights of the base model \(the first: layers.1.mlp"):
        load_model(str(folder), device="cpu")


def test_fingerprints_follow_the_content(tiny: Callable[..., str], tmp_path: Path) -> None:
    """A copy has the same fingerprint, whatever lies beside the model; one other bit anywhere in it makes another."""
    original = Path(tiny("llama"))
    copy = tmp_path / "copy"
    shutil.copytree(original, copy)
    (copy / "README.md").write_text("about it")
    (copy / "optimizer.pt").write_bytes(b"of its training")
    assert fingerprint_folder(copy) == fingerprint_folder(original)
    for file in ("model.safetensors", "tokenizer.json", "config.json"):
        content = (copy / file).read_bytes()
        middle = len(content) // 2
        (copy / file).write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        assert fingerprint_folder(copy) != fingerprint_folder(original), file
        (copy / file).write_bytes(content)


def test_an_edit_deep_inside_the_weights_makes_another_model(
    tiny: Callable[..., str], tmp_path: Path
) -> None:
    """Nothing of a file is left out, however large it is."""
    folder = Path(shutil.copytree(tiny("llama"), tmp_path / "large"))
    (folder / "more.safetensors").write_bytes(bytes(5 << 20))
    before = fingerprint_folder(folder)
    with (folder / "more.safetensors").open("r+b") as file:
        file.seek(5 << 19)
        file.write(b"\1")
    assert fingerprint_folder(folder) != before


def test_a_path_is_no_part_of_a_model(
    tiny: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the folder is called, and wherever it was copied to, its states have one key."""
    folder = Path(shutil.copytree(tiny("llama"), tmp_path / "own"))
    copy = shutil.copytree(folder, tmp_path / "copy")
    monkeypatch.chdir(tmp_path)
    spellings = ("own", "./own", str(folder), str(copy))
    about = [ModelOnDemand(name, {"device": "cpu"}).provenance for name in spellings]
    assert len({group_key("data", provenance, None) for provenance in about}) == 1


def test_batches_follow_the_chosen_size(tiny: Callable[..., str]) -> None:
    """Batch_tokens bounds the padded tokens of a batch, special tokens included, and is recorded."""
    model = load_model(tiny("bert"), device="cpu", batch_tokens=24)
    plan = model.batches(model.lengths(["a" * 10, "b" * 10, "c" * 4, "d" * 4]))
    assert [batch.tolist() for batch in plan] == [[0, 1], [2, 3]]
    assert model.provenance["batch_tokens"] == 24


@pytest.mark.parametrize("architecture", ["llama", "deepseek_v3"])
@pytest.mark.parametrize("beyond_memory", [False, True])
def test_a_model_can_be_spread_over_devices(
    tiny: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    architecture: str,
    beyond_memory: bool,
) -> None:
    """With device_map="auto" accelerate places the blocks, here on the CPU, and the states are the same.

    Blocks that no memory is left for lie elsewhere until they run, as those of a model beyond its node do.
    """
    folder = tiny(architecture)
    if beyond_memory:
        monkeypatch.setattr(
            pretrained.AutoModel,
            "from_pretrained",
            partial(
                pretrained.AutoModel.from_pretrained, max_memory={"cpu": "60KB"}, offload_folder=str(tmp_path)
            ),
        )
    spread = load_model(folder, dtype="float32", device_map="auto")
    monkeypatch.undo()
    plain = load_model(folder, dtype="float32", device="cpu")
    poolings = [Pooling("last"), Pooling("mean")]
    a, b = (model.encode(["one sentence", "another one here"], poolings) for model in (spread, plain))
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-6, atol=1e-6)
    assert spread.provenance["device"] == "auto"
    elsewhere = [name for name, weights in spread.model.named_parameters() if weights.device.type == "meta"]
    assert bool(elsewhere) is beyond_memory


def test_spreading_needs_accelerate(tiny: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without accelerate the error holds the command that installs it, before any weight is read."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "accelerate" else find_spec(name)
    )
    with pytest.raises(MissingExtraError, match=r"accelerate.*pip install 'platoscope\[models\]'"):
        load_model(tiny("llama"), device_map="auto")


def test_an_own_gguf_file_is_converted_once(
    tiny: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second load, also under another name, finds what the first converted; other content is converted anew."""
    converted: list[str] = []

    def convert(gguf: Path, folder: Path) -> None:
        converted.append(gguf.name)
        shutil.copytree(tiny("llama"), folder, dirs_exist_ok=True)

    monkeypatch.setenv("PLATOSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("platoscope.models.gguf.convert", convert)
    for name, content in (("a.gguf", b"one"), ("b.gguf", b"one"), ("c.gguf", b"two")):
        (tmp_path / name).write_bytes(content)
    models = [
        load_model(str(tmp_path / name), device="cpu") for name in ("a.gguf", "a.gguf", "b.gguf", "c.gguf")
    ]
    assert converted == ["a.gguf", "c.gguf"]
    hashes = [model.provenance["sha256"] for model in models]
    assert hashes[0] == hashes[1] == hashes[2] != hashes[3]
    assert models[0].provenance["quantization"] == "GGUF"
    again = load_model(str(tmp_path / "a.gguf"), device="cpu")
    assert again.encode(["one sentence"], [Pooling("mean")])["mean"].shape == (
        again.n_layers,
        1,
        again.n_features,
    )


def test_a_missing_library_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without torch the error holds the command that installs it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else object())
    with pytest.raises(MissingExtraError, match=r"pip install 'platoscope\[models\]'"):
        load_model("gemma-3-270m")


def test_importing_the_package_is_light() -> None:
    """Importing platoscope.models loads neither torch nor transformers."""
    program = (
        "import sys, platoscope.models; print(sorted({'torch', 'transformers', 'PIL'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
