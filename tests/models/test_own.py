"""Models that the user holds in memory: read as those of a folder, known by what they are, and left as they were."""

from __future__ import annotations

import copy
import importlib.util
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from transformers import AutoImageProcessor, AutoModel, AutoModelForMaskedLM, AutoTokenizer

from platoscope.datasets import Side
from platoscope.errors import InputError, MissingExtraError, NotFoundError, PlatoscopeWarning
from platoscope.models import Pooling, load_model
from platoscope.models.library import quiet_library
from platoscope.representations import extract

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

POOLINGS = [Pooling("mean"), Pooling("last")]


def _held(folder: str, kind: Any = AutoModel) -> tuple[Any, Any]:
    with quiet_library():
        return kind.from_pretrained(folder, dtype=torch.float32), AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize(("architecture", "kind"), [("llama", AutoModel), ("bert", AutoModelForMaskedLM)])
def test_a_model_in_memory_is_read_as_its_folder(
    architecture: str, kind: Any, tiny: Callable[..., str], texts: list[str]
) -> None:
    """States are equal to the last bit, with a head on top or without, and training goes on as it was."""
    folder = tiny(architecture)
    model, tokenizer = _held(folder, kind)
    model.train()
    own = load_model(model, tokenizer)
    named = load_model(folder, dtype="float32", device="cpu")
    assert (own.n_layers, own.n_features, own.modality) == (named.n_layers, named.n_features, "text")
    assert own.lengths(texts).tolist() == named.lengths(texts).tolist()
    ours, theirs = own.encode(texts, POOLINGS), named.encode(texts, POOLINGS)
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    assert all(part.training for part in model.modules())
    assert load_model(own) is own


def test_images_and_towers(tiny: Callable[..., str], images: list[Image.Image]) -> None:
    """An image model takes its image processor, also out of a processor for both towers."""
    model = AutoModel.from_pretrained(tiny("vit"), dtype=torch.float32)
    own = load_model(model, AutoImageProcessor.from_pretrained(tiny("vit"), backend="pil"))
    named = load_model(tiny("vit"), dtype="float32", device="cpu")
    ours, theirs = own.encode(images, [Pooling("mean")]), named.encode(images, [Pooling("mean")])
    assert np.array_equal(ours["mean"], theirs["mean"])
    clip, tokenizer = _held(tiny("clip"))
    assert load_model(clip, tokenizer, tower="text").modality == "text"
    assert load_model(clip, tiny("clip"), tower="vision").modality == "image"
    with pytest.raises(InputError, match="tower"):
        load_model(clip, tokenizer)
    with pytest.raises(InputError, match=r"needs its image processor beside it.*got .*Tokenizer"):
        load_model(clip, tokenizer, tower="vision")


def test_whatever_decides_the_numbers_makes_another_model(tiny: Callable[..., str]) -> None:
    """A weight, a setting, the tokenizer; and a second copy of the same is the same model."""
    model, tokenizer = _held(tiny("llama"))
    own = load_model(model, tokenizer)
    before = own.provenance
    twin = load_model(*_held(tiny("llama"))).provenance
    assert twin == before
    with torch.no_grad():
        model.layers[1].mlp.up_proj.weight[0, 0] += 1
    trained = own.provenance
    model.layers[1].input_layernorm.variance_epsilon *= 2
    assert len({str(about) for about in (before, trained, own.provenance)}) == 3
    tokenizer(["a", "bc"], padding=True, truncation=True, max_length=5)  # leaves its limits in the tokenizer
    assert load_model(_held(tiny("llama"))[0], tokenizer).provenance == before
    tokenizer.add_tokens(["sentence"])
    assert load_model(_held(tiny("llama"))[0], tokenizer).provenance["processor"] != before["processor"]


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
def test_adapters_of_peft_are_read_and_known(tiny: Callable[..., str], texts: list[str]) -> None:
    """LoRA changes the states; without its adapter the model is read as it was. Prompts are refused."""
    peft = pytest.importorskip("peft")
    model, tokenizer = _held(tiny("llama"))
    plain = load_model(model, tokenizer).encode(texts, POOLINGS)["last"]
    lora = peft.LoraConfig(target_modules=["q_proj"], init_lora_weights=False)
    adapted = peft.PeftModel(model, lora)
    own = load_model(adapted, tokenizer)
    states, about = own.encode(texts, POOLINGS)["last"], own.provenance
    assert np.abs(states[1:] - plain[1:]).max() > 1e-3
    with adapted.disable_adapter():
        assert np.array_equal(own.encode(texts, POOLINGS)["last"], plain)
        assert own.provenance["content"] != about["content"]
    for part in model.modules():
        if isinstance(part, peft.tuners.lora.LoraLayer):
            part.scaling["default"] *= 2
    assert own.provenance["content"] != about["content"]
    prompts = peft.PromptTuningConfig(task_type="FEATURE_EXTRACTION", num_virtual_tokens=2)
    with pytest.raises(InputError, match="PromptTuningConfig puts tokens of its own"):
        load_model(peft.get_peft_model(_held(tiny("llama"))[0], prompts), tokenizer)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
def test_a_folder_of_adapters_says_how_to_load_them(
    tiny: Callable[..., str], texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adapters alone are no model, and the line that the error gives reads them; beside a model they need PEFT."""
    peft = pytest.importorskip("peft")
    base = tiny("llama")
    model, tokenizer = _held(base)
    model.name_or_path = base
    lora = peft.LoraConfig(target_modules=["q_proj"], init_lora_weights=False)
    adapted = peft.get_peft_model(model, lora)
    adapted.save_pretrained(tmp_path / "adapter")
    with pytest.raises(NotFoundError, match=r"an adapter of PEFT without .*AutoPeftModel\.from_pretrained"):
        load_model(tmp_path / "adapter")
    read = load_model(peft.AutoPeftModel.from_pretrained(tmp_path / "adapter"), tokenizer)
    expected = load_model(adapted, tokenizer).encode(texts, POOLINGS)["last"]
    np.testing.assert_allclose(read.encode(texts, POOLINGS)["last"], expected, atol=1e-6)

    both = shutil.copytree(base, tmp_path / "both")
    shutil.copytree(tmp_path / "adapter", both, dirs_exist_ok=True)
    np.testing.assert_allclose(
        load_model(both, dtype="float32").encode(texts, POOLINGS)["last"], expected, atol=1e-6
    )
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "peft" else find_spec(name))
    with pytest.raises(MissingExtraError, match=r"the adapter in '.*both' needs .*pip install peft"):
        load_model(both)


def test_hooks_are_not_found_again(tiny: Callable[..., str]) -> None:
    """Nothing tells what a hook does, so what is read through it has a key of its own each time, and a warning."""
    model, tokenizer = _held(tiny("llama"))
    own = load_model(model, tokenizer)
    handle = model.layers[0].register_forward_hook(lambda _module, _args, output: output)
    with pytest.warns(PlatoscopeWarning, match=r"1 hooks .*<lambda> in layers\.0"):
        first, second = own.provenance, own.provenance
    assert first != second
    handle.remove()
    assert "hooks" not in own.provenance


def test_a_folder_without_tokenizer_takes_one(
    tiny: Callable[..., str], tmp_path: Path, texts: list[str]
) -> None:
    """The error says what to pass; a name and an object give the same states."""
    whole = tiny("llama")
    folder = Path(
        shutil.copytree(whole, tmp_path / "tuned", ignore=shutil.ignore_patterns("token*", "special*"))
    )
    with pytest.raises(NotFoundError, match=r"no tokenizer .* as load_model\('.*tuned', NAME_OR_OBJECT\)"):
        load_model(folder, device="cpu")
    by_name, by_object = (
        load_model(folder, given, device="cpu", dtype="float32")
        for given in (whole, AutoTokenizer.from_pretrained(whole))
    )
    assert by_name.provenance == by_object.provenance
    named = load_model(whole, dtype="float32", device="cpu")
    assert np.array_equal(by_name.encode(texts, POOLINGS)["last"], named.encode(texts, POOLINGS)["last"])
    with pytest.raises(NotFoundError, match="no tokenizer at 'nowhere/at-all'"):
        load_model(folder, "nowhere/at-all", device="cpu")


@pytest.mark.parametrize(
    ("given", "options", "match"),
    [
        ((5,), {}, "Expected the name or the path of a model.*got int"),
        ((Path("nowhere"),), {}, "There is no model at 'nowhere'"),
        (
            ("gemma-3-270m",),
            {"layers": ["a"]},
            "layers is for a torch.nn.Module; 'gemma-3-270m' has layers by number",
        ),
    ],
)
def test_what_is_no_model_is_refused(given: tuple[Any, ...], options: dict[str, Any], match: str) -> None:
    """The message says what is expected."""
    with pytest.raises((InputError, NotFoundError), match=match):
        load_model(*given, **options)


def test_options_of_loading_are_for_what_is_loaded(tiny: Callable[..., str]) -> None:
    """A model in memory has its precision and its place; a loaded encoder has all of its options."""
    model, tokenizer = _held(tiny("llama"))
    with pytest.raises(InputError, match="dtype is chosen for a model that is loaded"):
        load_model(model, tokenizer, dtype="float32")
    with pytest.raises(InputError, match="needs its tokenizer beside it.*got none"):
        load_model(model)
    with pytest.raises(InputError, match="is loaded already"):
        load_model(load_model(model, tokenizer), drop_last=0)
    with pytest.raises(InputError, match="is on the meta device"):
        load_model(model.to("meta"), tokenizer)


def _network() -> torch.nn.Module:
    """Stages of 4 and 6 channels, and a linear head."""
    torch.manual_seed(0)
    net = torch.nn.Sequential()
    net.add_module("stem", torch.nn.Conv2d(3, 4, 3, padding=1))
    net.add_module(
        "stage", torch.nn.Sequential(torch.nn.Conv2d(4, 6, 3), torch.nn.BatchNorm2d(6), torch.nn.ReLU())
    )
    net.add_module("pool", torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()))
    net.add_module("head", torch.nn.Linear(6, 5))
    return net


def _as_tensor(image: Image.Image) -> torch.Tensor:
    return torch.tensor(np.asarray(image.resize((10, 10)), np.float32)).permute(2, 0, 1) / 255


def test_modules_are_read_by_name(images: list[Image.Image]) -> None:
    """Each layer is the mean of a module's output over its positions, of its own width; images go through the transform."""
    net = _network()
    batch = torch.stack([_as_tensor(image) for image in images])
    own = load_model(net, layers=["stem", "stage.2", "head"])
    assert (own.modality, own.n_layers, own.provenance["layer_names"]) == (
        "array",
        3,
        ["stem", "stage.2", "head"],
    )
    states = own.encode(batch, [Pooling("mean")])["mean"]
    assert all(part.training for part in net.modules())
    with torch.no_grad():
        net.eval()
        stem = net.stem(batch)
        expected = [stem.mean((2, 3)), net.stage(stem).mean((2, 3)), net(batch)]
    for state, layer in zip(states, expected, strict=True):
        np.testing.assert_allclose(state[:, : layer.shape[1]], layer, rtol=1e-6, atol=1e-7)
        assert not state[:, layer.shape[1] :].any()
    assert own.widths_of(batch) == (4, 6, 5)  # type: ignore[attr-defined]
    seen = load_model(net, _as_tensor, layers=["stem", "stage.2", "head"])
    assert np.array_equal(seen.encode(images, [Pooling("mean")])["mean"], states)


class _ChannelsLast(torch.nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = torch.nn.Linear(3, width)
        self.same = torch.nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.same(self.mix(x.permute(0, 2, 3, 1)))
        return y


def test_the_axis_of_features_is_measured_or_asked() -> None:
    """Channels last are seen as such; where both ends are as long as the last weights say, nobody guesses."""
    batch = torch.randn(2, 3, 8, 8)
    net = _ChannelsLast(5)
    states = load_model(net, layers=["same"]).encode(batch, [Pooling("mean")])["mean"]
    np.testing.assert_allclose(states[0], net(batch).mean((1, 2)).detach(), rtol=1e-5)
    with pytest.raises(InputError, match="Which axis of 'same' holds features does not show.*feature_axis=1"):
        load_model(_ChannelsLast(8), layers=["same"]).encode(batch, [Pooling("mean")])
    net = _ChannelsLast(8)
    states = load_model(net, layers=["same"], feature_axis=-1).encode(batch, [Pooling("mean")])["mean"]
    np.testing.assert_allclose(states[0], net(batch).mean((1, 2)).detach(), rtol=1e-5)
    with pytest.raises(InputError, match="feature_axis=4 is none of the axes"):
        load_model(net, layers=["same"], feature_axis=4).encode(batch, [Pooling("mean")])


class _Twice(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block, self.idle = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.block(self.block(x))
        return y


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, r"name the modules to read, as layers=\[…\]. It has block, idle"),
        ({"layers": ["blok"]}, "no module 'blok'. Did you mean block"),
        ({"layers": ["idle", "idle"]}, "each module once"),
        ({"layers": ["block"]}, "'block' runs more than once"),
        ({"layers": ["idle"]}, "'idle' of _Twice does not run"),
        ({"layers": ["idle"], "drop_last": 0}, "drop_last is for models of transformers"),
    ],
)
def test_what_cannot_be_read_of_a_module_is_said(options: dict[str, Any], match: str) -> None:
    """The message names the module, and those that there are."""
    with pytest.raises((InputError, NotFoundError), match=match):
        load_model(_Twice(), **options).encode(torch.zeros(2, 3), [Pooling("mean")])


def test_code_and_transform_are_part_of_a_module(images: list[Image.Image]) -> None:
    """A transform with another number in it is another model; one that does not show what it is is not found again."""
    net, layers = _network(), ["stem"]

    def scaled(by: float) -> Any:
        return load_model(net, lambda image: _as_tensor(image) * by, layers=layers).provenance

    assert scaled(1.0) == scaled(1.0)
    assert scaled(1.0) != scaled(2.0)
    with pytest.warns(PlatoscopeWarning, match="does not show what it is"):
        assert "unrepeatable" in load_model(net, _Hidden(), layers=layers).provenance
    with pytest.warns(PlatoscopeWarning, match="does not show what it is"):
        assert "unrepeatable" in load_model(net, _Silent(), layers=layers).provenance
    with pytest.raises(InputError, match=r"The transform fails on item 0: ZeroDivisionError: "):
        load_model(net, lambda image: 1 / 0, layers=layers).encode(images, [Pooling("mean")])
    with pytest.raises(InputError, match="must give a tensor for each image; it gave int"):
        load_model(net, lambda image: image.width, layers=layers).encode(images, [Pooling("mean")])


def test_arrays_of_any_make_are_read_alike() -> None:
    """The order of bytes, strides and the library make no difference to the states; what are no numbers is refused."""
    torch.manual_seed(0)
    X = np.random.default_rng(0).standard_normal((6, 12)).astype(np.float32)
    own = load_model(torch.nn.Sequential(torch.nn.Linear(12, 4)), layers=["0"])
    mean = [Pooling("mean")]
    expected = own.encode(list(torch.tensor(X)), mean)["mean"]
    kinds = (X, X.astype(">f4"), X[:, ::-1].copy()[:, ::-1], np.asfortranarray(X), X.astype(np.float64))
    for given in kinds:
        assert np.array_equal(own.encode(list(Side("x", "array", given)), mean)["mean"], expected)
    masked = [np.ma.masked_array(row, row > 1) for row in X]
    for wrong, text in ((X.astype(object), "of object"), (X.astype(str), "of <U"), (masked, "masked")):
        with pytest.raises(InputError, match=text):
            Side("x", "array", wrong)
    with pytest.raises(InputError, match=r"cannot be read: .* Pass dense"):
        Side("x", "array", [torch.empty(3, device="meta")]).fingerprint()
    with pytest.raises(InputError, match="str is no tensor"):
        own.encode(["text"], mean)


class _InPlace(torch.nn.Module):
    """Writes into what its first layer gave."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.relu = torch.nn.Linear(12, 4), torch.nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.relu(self.first(x))
        return y


class _Shifted(torch.nn.Module):
    """Moves what its layer gives by noise, or by the mean of the batch."""

    def __init__(self, noise: bool) -> None:
        super().__init__()
        self.first, self.last, self.noise = torch.nn.Linear(12, 4), torch.nn.Identity(), noise

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first(x)
        shifted: torch.Tensor = self.last(y + torch.randn(1) if self.noise else y - y.mean(0))
        return shifted


class _Gated(torch.nn.Module):
    """Ends in weights beside its output, as long as there are positions."""

    def __init__(self) -> None:
        super().__init__()
        self.block, self.gate = torch.nn.Linear(8, 9), torch.nn.Linear(9, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.block(x)
        self.gate(y)
        return y


def test_a_layer_is_what_its_module_gave(tmp_path: Path) -> None:
    """What runs next may write into the same tensor; noise, batches, complex and empty layers are refused."""
    torch.manual_seed(0)
    x = torch.randn(6, 12)
    net = _InPlace()
    states = load_model(net, layers=["first"]).encode(list(x), [Pooling("mean")])["mean"][0]
    np.testing.assert_array_equal(states, net.first(x).detach())
    assert states.min() < 0
    for noise in (True, False):
        with pytest.raises(InputError, match="other states in 'last' when it is read again"):
            extract(_Shifted(noise), x, layers=["last"], store=tmp_path)
    complex_layer = torch.nn.Linear(12, 4, dtype=torch.complex64)
    for layer, given, text in (
        (complex_layer, x, "real numbers .* complex64"),
        (torch.nn.Identity(), x[:, :0], r"\(1, 0\)"),
    ):
        with pytest.raises(InputError, match=text):
            extract(torch.nn.Sequential(layer), given, layers=["0"], store=tmp_path)
    with pytest.raises(InputError, match="meta device"):
        extract(torch.nn.Sequential(torch.nn.Linear(12, 4, device="meta")), x, layers=["0"], store=tmp_path)
    with pytest.raises(InputError, match="feature_axis must be a whole number"):
        load_model(_InPlace(), layers=["first"], feature_axis=1.0)
    with pytest.raises(InputError, match="Which axis of 'block' holds|Which axis of '0' holds"):
        extract(torch.nn.Sequential(_Gated()), torch.randn(3, 5, 8), layers=["0"], store=tmp_path)


class _Around(torch.nn.Module):
    """Reads what is neither a weight nor a setting."""

    def __init__(self, mean: float = 1.0, activation: Any = torch.relu) -> None:
        super().__init__()
        self.block = torch.nn.Linear(3, 3)
        self.mean, self.activation = torch.full((2,), mean), activation
        self.more = [torch.nn.Linear(2, 2)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = [self.activation(self.block(x)) * scale for scale in SCALES]
        return _joined(parts) - self.mean[0] + self.more[0].bias.sum()


SCALES = np.linspace(0, 1, 3000)


def _joined(parts: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack(parts).mean(0)


def _joined_otherwise(parts: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack(parts).amax(0)


def test_what_a_module_reads_beside_its_weights_is_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributes that are no parameters, a global in a comprehension, a function that is called, a base class's method."""

    class Own(_Around):
        """Has its forward pass from the class above."""

    torch.manual_seed(0)
    net = Own()
    own = load_model(net, layers=["block"])
    seen = [own.provenance["content"]]
    assert load_model(copy.deepcopy(net), layers=["block"]).provenance["content"] == seen[0]

    def note() -> None:
        seen.append(own.provenance["content"])

    net.mean[1] = 2
    note()
    net.activation = torch.tanh
    note()
    net.more[0].bias.data[0] += 1
    note()
    scales = SCALES.copy()
    scales[1500] += 1  # which NumPy does not print
    monkeypatch.setattr(sys.modules[__name__], "SCALES", scales)
    note()
    monkeypatch.setattr(sys.modules[__name__], "_joined", _joined_otherwise)
    note()
    monkeypatch.setattr(_Around, "forward", lambda self, x: self.block(x))
    note()
    assert len(set(seen)) == len(seen)


def test_a_transform_or_tokenizer_that_changed_is_another_one(
    tiny: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read around a transform, arrays of any size included; what changes after loading counts as well."""
    shift = np.zeros(3000)
    own = load_model(_network(), lambda image: _as_tensor(image) + float(shift.sum()), layers=["stem"])
    before = own.provenance
    assert own.provenance == before
    shift[1500] = 1
    assert own.provenance != before
    scaled = load_model(
        _network(),
        lambda image: torch.stack([_as_tensor(image) * x for x in SCALES[:2]]).sum(0),
        layers=["stem"],
    )
    before = scaled.provenance
    monkeypatch.setattr(sys.modules[__name__], "SCALES", SCALES + 1)
    assert scaled.provenance != before
    model, tokenizer = _held(tiny("llama"))
    text = load_model(model, tokenizer)
    before = text.provenance
    tokenizer.add_tokens(["sentence"])
    assert text.provenance["processor"] != before["processor"]


class _Silent:
    def __repr__(self) -> str:
        raise ValueError

    def __call__(self, image: Image.Image) -> torch.Tensor:
        return _as_tensor(image)


class _Hidden:
    def __call__(self, image: Image.Image) -> torch.Tensor:
        return _as_tensor(image)


def test_a_sentence_transformer_adds_its_embedding(tiny: Callable[..., str], texts: list[str]) -> None:
    """Its layers are those of the transformer in it; the last one is what it encodes, of its own width."""
    library = pytest.importorskip("sentence_transformers")
    modules = pytest.importorskip("sentence_transformers.sentence_transformer.modules")
    with quiet_library():
        transformer = modules.Transformer(tiny("bert"))
    parts = [transformer, modules.Pooling(32), modules.Dense(32, 16)]
    model = library.SentenceTransformer(modules=parts, device="cpu")
    own = load_model(model)
    plain = load_model(tiny("bert"), dtype="float32", device="cpu")
    states, theirs = own.encode(texts, POOLINGS), plain.encode(texts, POOLINGS)
    assert (own.n_layers, own.provenance["layer_names"][-1]) == (plain.n_layers + 1, "sentence_embedding")
    for name, layers in theirs.items():
        assert np.array_equal(states[name][:-1], layers)
        np.testing.assert_allclose(states[name][-1, :, :16], model.encode(texts), rtol=1e-5, atol=1e-6)
    assert own.widths_of(texts) == (32,) * plain.n_layers + (16,)  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="keeps several vectors apart"):
        own.encode(texts, [Pooling("tokens", 2)])
    model.max_seq_length = 8
    with pytest.warns(PlatoscopeWarning, match="longer than the 6 tokens"):
        load_model(model).encode(texts, [Pooling("last")])


def test_what_is_held_shows_itself_shortly(tiny: Callable[..., str]) -> None:
    """No weights are printed, and none are hashed for it."""
    shown = [load_model(*_held(tiny("llama"))), load_model(_network(), layers=["stem"])]
    assert [repr(model) for model in shown] == [
        "<TextEncoder 'LlamaModel': reads text, layers 4, features 32, longest item 127 tokens, dtype float32, device cpu>",
        "<ModuleEncoder 'Sequential': reads array, layers 1, dtype float32>",
    ]
    assert all("content" not in model._repr_html_() for model in shown)  # type: ignore[attr-defined]


def test_stages_of_a_convolutional_network_of_transformers(images: list[Image.Image]) -> None:
    """A ResNet has no stack of equal blocks; by name its stages are read, each as wide as it is."""
    from transformers import ResNetConfig, ResNetModel, ViTImageProcessorPil

    config = ResNetConfig(
        embedding_size=4, hidden_sizes=[5, 6, 12, 24], depths=[1, 1, 1, 1], layer_type="basic"
    )
    net, processor = ResNetModel(config), ViTImageProcessorPil(size={"height": 64, "width": 64})
    with pytest.raises(InputError, match="has no num_hidden_layers"):
        load_model(net, processor)
    own = load_model(net, processor, layers=[f"encoder.stages.{i}" for i in range(4)])
    assert own.widths_of(images) == (5, 6, 12, 24)  # type: ignore[attr-defined]
    pixels = processor(images=[image.convert("RGB") for image in images], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        last = net.eval()(pixels).last_hidden_state.mean((2, 3))
    np.testing.assert_allclose(own.encode(images, [Pooling("mean")])["mean"][3], last, rtol=1e-4, atol=1e-6)
