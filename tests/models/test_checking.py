"""The check at load: every layer of many architectures against the library, and refusals that say why."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import torch

from platoscope import extract
from platoscope.errors import InputError, NotFoundError
from platoscope.models import ModelOnDemand, Pooling, load_model, parse_poolings, untrained_name
from platoscope.models.library import quiet_library
from platoscope.models.remembering import Facts
from platoscope.representations._group import group_key
from platoscope.testing.models import save_image_processor, save_tokenizer

from .test_text import assert_states_close

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH, N_BLOCKS = 32, 3
_BERT = {
    "vocab_size": 260, "hidden_size": WIDTH, "intermediate_size": 64, "num_hidden_layers": N_BLOCKS,
    "num_attention_heads": 4, "max_position_embeddings": 130, "pad_token_id": 0,
}  # fmt: skip
_BART = {
    "vocab_size": 260, "d_model": WIDTH, "encoder_layers": N_BLOCKS, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 130,
    "pad_token_id": 0,
}  # fmt: skip
_OPT = {"vocab_size": 260, "ffn_dim": 64, "max_position_embeddings": 130}
# By name of the configuration, with whether the library's last state is after a final norm.
TEXT: dict[str, tuple[dict[str, Any], bool]] = {
    "XGLMConfig": (_OPT | {"d_model": WIDTH, "num_layers": N_BLOCKS, "attention_heads": 4}, True),
    "MptConfig": ({"vocab_size": 260, "d_model": WIDTH, "n_heads": 4, "n_layers": N_BLOCKS, "max_seq_len": 128}, True),
    "M2M100Config": (_BART, True),
    "MBartConfig": (_BART, True),
    "PegasusConfig": (_BART, True),
    "BartConfig": (_BART, False),
    "LEDConfig": (_BART | {"attention_window": 16, "max_encoder_position_embeddings": 130}, False),
    "XLMRobertaXLConfig": (_BERT, True),
    "MegatronBertConfig": (_BERT, True),
    "BioGptConfig": (_BERT, True),
    "EsmConfig": (_BERT | {"position_embedding_type": "rotary", "mask_token_id": 2}, True),
    "Lfm2Config": (
        _BERT | {"num_key_value_heads": 2, "full_attn_idxs": [0, 1, 2], "block_multiple_of": 8}, True
    ),
    "MambaConfig": ({"vocab_size": 260, "hidden_size": WIDTH, "num_hidden_layers": N_BLOCKS, "state_size": 4}, True),
    "XLNetConfig": ({"vocab_size": 260, "d_model": WIDTH, "n_layer": N_BLOCKS, "n_head": 4, "d_inner": 64}, False),
    "LongformerConfig": (_BERT | {"attention_window": 16}, False),
    "DebertaV2Config": (
        _BERT
        | {
            "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 32,
            "norm_rel_ebd": "layer_norm", "share_att_key": True, "conv_kernel_size": 3, "conv_act": "gelu",
        },
        False,
    ),
    "AlbertConfig": (_BERT | {"embedding_size": 16}, False),
    "FNetConfig": ({name: value for name, value in _BERT.items() if name != "num_attention_heads"}, False),
    "ConvBertConfig": (_BERT | {"embedding_size": WIDTH, "conv_kernel_size": 3}, False),
    "FalconConfig": (_BERT | {"alibi": True}, True),
    "OpenAIGPTConfig": (
        {"vocab_size": 260, "n_embd": WIDTH, "n_layer": N_BLOCKS, "n_head": 4, "n_positions": 128}, False
    ),
    "FuyuConfig": (  # images go into it without a tower
        _BERT | {"image_size": 28, "patch_size": 7, "text_config": _BERT | {"model_type": "persimmon"}}, True
    ),
    "OPTConfig": (_OPT | {"hidden_size": WIDTH, "num_hidden_layers": N_BLOCKS, "num_attention_heads": 4}, True),
}  # fmt: skip
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "Gemma3nTextConfig": (
        _BERT
        | {
            "num_key_value_heads": 2, "head_dim": 8, "sliding_window": 16, "vocab_size_per_layer_input": 260,
            "hidden_size_per_layer_input": 8, "num_kv_shared_layers": 0, "activation_sparsity_pattern": [0.0] * 4,
            "layer_types": ["sliding_attention"] * 3 + ["full_attention"], "laurel_rank": 4, "num_hidden_layers": 4,
        },
        "do not pass on one vector of 32 features per token",
    ),
    "CanineConfig": (_BERT, "the library returns"),
    "SwinConfig": (
        {"image_size": 28, "patch_size": 7, "embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "window_size": 2},
        "Swin",
    ),
    "ConvNextConfig": ({"hidden_sizes": [8, 8, 8, 8], "depths": [1, 1, 1, 1], "image_size": 28}, "ConvNext"),
    "ResNetConfig": ({"embedding_size": 8, "hidden_sizes": [8, 8], "depths": [1, 1]}, "ResNet"),
}  # fmt: skip
POOLINGS = parse_poolings("last,mean,tokens(4)")


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remember nothing of other tests."""
    monkeypatch.setenv("PLATOSCOPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Return the folder of a random model of a configuration, made once."""
    import transformers

    made: dict[str, str] = {}

    def make(config: str, settings: dict[str, Any]) -> str:
        if config not in made:
            folder = tmp_path_factory.mktemp(config)
            with quiet_library(), torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                model = transformers.AutoModel.from_config(getattr(transformers, config)(**settings))
                for parameter in model.parameters():
                    noise = torch.randn_like(parameter)
                    parameter.data = noise * 0.2 if parameter.ndim > 1 else parameter.data + 0.3 * noise
                model.save_pretrained(folder)
            save_tokenizer(folder)
            save_image_processor(folder)
            made[config] = str(folder)
        return made[config]

    return make


def library_states(encoder: Any, text: str) -> list[np.ndarray]:
    """Read one text with the library alone: its own hidden states, with the tokens of the text but the two last."""
    ids = torch.tensor([encoder.tokenizer.tokenize(text)["input_ids"]])
    with torch.inference_mode():
        states = encoder.model(
            input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True
        ).hidden_states
    return [state[0, 1:-2].double().numpy() for state in states]


@pytest.mark.parametrize("padding_side", ["right", "left"])
@pytest.mark.parametrize("config", TEXT)
def test_every_layer_is_the_librarys(
    config: str, padding_side: Any, random_model: Callable[..., str], texts: list[str]
) -> None:
    """In a padded batch, on either side, each layer is the library's own hidden state of each text alone."""
    settings, after = TEXT[config]
    folder = random_model(config, settings)
    encoder: Any = load_model(folder, device="cpu", dtype="float32", padding_side=padding_side)
    pooled = encoder.encode(texts, POOLINGS)
    assert encoder.provenance["final_norm"] is after
    for i, text in enumerate(texts):
        states = library_states(encoder, text)
        ours = {name: array[:, i] for name, array in pooled.items()}
        if config == "MambaConfig":  # the library has no embeddings, and block outputs in their place
            states = [*states[:-2], states[-1]]
            ours = {name: array[1:] for name, array in ours.items()}
        assert_states_close(ours["last"], np.stack([state[-1] for state in states]), "float32")
        assert_states_close(ours["mean"], np.stack([state.mean(axis=0) for state in states]), "float32")
        assert_states_close(ours["tokens(4)"], np.stack([state[-4:] for state in states]), "float32")


def test_absolute_positions_are_not_counted_from_the_padding(random_model: Callable[..., str]) -> None:
    """BART counts positions by itself, so that padding on the left would move them: each text is read by itself."""
    folder = random_model("BartConfig", _BART)
    right: Any = load_model(folder, device="cpu", dtype="float32")
    left: Any = load_model(folder, device="cpu", dtype="float32", padding_side="left")
    assert (right.alone, left.alone) == (False, True)


@pytest.mark.parametrize(
    ("config", "padding_side", "said"),
    [
        ("FNetConfig", "right", {"padding": "none"}),
        ("ConvBertConfig", "right", {"padding": "none"}),
        ("BartConfig", "left", {"padding": "none"}),
        ("DebertaV2Config", "right", {"entering": [1]}),
        ("XLNetConfig", "right", {"positions_first": True}),
        ("BartConfig", "right", {}),
        ("EsmConfig", "right", {}),
        ("Lfm2Config", "right", {}),
    ],
)
def test_states_that_were_read_wrong_before_have_another_key(
    config: str, padding_side: Any, said: dict[str, Any], random_model: Callable[..., str]
) -> None:
    """What an earlier version stored of such a model is not found, whether or not weights are loaded; the rest is."""
    folder = random_model(config, TEXT[config][0])
    options = {"device": "cpu", "dtype": "float32", "padding_side": padding_side}
    outline = dict(ModelOnDemand(folder, options).provenance)
    assert {
        name: outline[name] for name in ("padding", "entering", "positions_first") if name in outline
    } == said
    earlier = {name: value for name, value in outline.items() if name not in said}
    assert (group_key("data", outline, None) == group_key("data", earlier, None)) is not bool(said)
    assert Facts.of(load_model(folder, **options)).provenance == outline


def test_the_check_of_an_untrained_model_says_nothing_of_the_trained_one(
    tmp_path: Path, random_model: Callable[..., str]
) -> None:
    """Convolutions that mix hardly any padding in before training: trained ones are read without padding all the same."""
    folder = tmp_path / "model"
    shutil.copytree(random_model("ConvBertConfig", TEXT["ConvBertConfig"][0]), folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"initializer_range": 1e-8}))
    models = [untrained_name(str(folder), 0), str(folder)]
    drawn, trained = (cast("Any", load_model(name, device="cpu", dtype="float32")) for name in models)
    assert (drawn.alone, trained.alone) == (False, True)


@pytest.mark.parametrize("config", REFUSED)
def test_what_cannot_be_read_says_why(config: str, random_model: Callable[..., str]) -> None:
    """A model whose layers are not one vector per token, layer by layer, is refused with the reason and a way out."""
    settings, reason = REFUSED[config]
    with pytest.raises(InputError, match=reason):
        load_model(random_model(config, settings), device="cpu", dtype="float32")


@pytest.mark.parametrize(
    "config", ["XGLMConfig", "MptConfig", "M2M100Config", "EsmConfig", "DebertaV2Config"]
)
def test_structure_tells_what_weights_would(
    config: str, random_model: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without weights, and with nothing remembered, a model says of itself what it says with them."""
    folder = random_model(config, TEXT[config][0])
    loaded = Facts.of(load_model(folder, device="cpu", dtype="float32"))
    monkeypatch.setenv("PLATOSCOPE_CACHE", str(tmp_path / "another"))
    monkeypatch.setattr(
        "platoscope.models.pretrained.load_pretrained", lambda *_, **__: pytest.fail("loaded")
    )
    assert ModelOnDemand(folder, {"device": "cpu", "dtype": "float32"}).facts == loaded


def test_where_structure_does_not_tell_weights_do(
    random_model: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A model of which too little is known without weights is loaded to be asked."""
    folder = random_model("XGLMConfig", TEXT["XGLMConfig"][0])
    monkeypatch.setattr("platoscope.models.checking.foresee", lambda *_: None)
    model = ModelOnDemand(folder, {"device": "cpu", "dtype": "float32"})
    assert model.provenance["final_norm"] is True
    assert model.loaded.encode(["a text"], [Pooling("last")])["last"].shape == (N_BLOCKS + 1, 1, WIDTH)


def test_the_check_is_made_once(tiny: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found is remembered by content: neither a second load nor a copy elsewhere runs the library again."""
    options = {"device": "cpu", "dtype": "float32"}
    load_model(tiny("llama"), **options)
    folder = Path(shutil.copytree(tiny("llama"), Path(tiny("llama")).parent / "copy", dirs_exist_ok=True))
    for name in ("observe", "library_states"):
        monkeypatch.setattr(f"platoscope.models.checking.{name}", lambda *_: pytest.fail("checked again"))
    for place in (tiny("llama"), str(folder)):
        load_model(place, **options)
    with pytest.raises(pytest.fail.Exception, match="checked again"):
        load_model(tiny("llama"), **options | {"dtype": "bfloat16"})


def test_a_reading_that_differs_from_the_library_is_refused(
    tiny: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way through tokenizer, hooks and pooling is held against the library, so that no slip of ours passes."""
    from platoscope.models import checking
    from platoscope.models.conventions import Convention

    wrong = Convention(final_norm="norm", library_norms=True, entering=())
    monkeypatch.setattr(checking, "_find_convention", lambda *_: wrong)
    monkeypatch.setattr("platoscope.models.forward.read", lambda hidden, **_: hidden[:, :13].float() + 1)
    with pytest.raises(InputError, match=r"its layer \d differs from the library's by"):
        load_model(tiny("llama"), device="cpu", dtype="float32")


@pytest.mark.parametrize("architecture", ["llama", "bert", "gpt2", "vit"])
def test_a_folder_without_tokenizer_says_what_to_save(
    architecture: str, tiny: Callable[..., str], tmp_path: Path
) -> None:
    """Some tokenizers are made of nothing and know no word; neither they nor an error of the library pass."""
    folder = Path(shutil.copytree(tiny(architecture), tmp_path / "bare"))
    for file in folder.iterdir():
        if "token" in file.name or "processor" in file.name:
            file.unlink()
    with pytest.raises(
        NotFoundError, match=r"no (tokenizer|image processor) that can be loaded.*save_pretrained"
    ):
        load_model(str(folder), device="cpu", dtype="float32")


@pytest.mark.parametrize("padding_side", ["right", "left"])
@pytest.mark.parametrize("start_token", [False, True])
def test_a_batch_of_empty_texts_is_named(
    start_token: bool, padding_side: Any, tiny: Callable[..., str]
) -> None:
    """Texts without any token are too short, and no more than that."""
    encoder = load_model(tiny("llama", start_token=start_token), device="cpu", padding_side=padding_side)
    for pooling in ("last", "mean", "tokens(2)"):
        with pytest.raises(InputError, match="2 of the 2 items of a batch are too short"):
            encoder.encode(["", ""], [Pooling.parse(pooling)])


def test_extraction_names_items_by_their_ids(tiny: Callable[..., str], tmp_path: Path) -> None:
    """What is too short is named as in the data, not by its place in a batch that the user never sees."""
    rows = [f"a sentence with number {i}" for i in range(50)]
    rows[37] = "abc"
    encoder = load_model(tiny("llama"), device="cpu", batch_tokens=256)
    with pytest.raises(InputError, match=r"item '0*37' has 1 \('abc'\)"):
        extract(encoder, rows, pooling="mean(5)", store=tmp_path / "store")
