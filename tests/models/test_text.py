"""Text models against the library, read one item at a time without padding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from platoscope.errors import DeviceMemoryError, InputError, PlatoscopeWarning
from platoscope.models import Encoder, Pooling, load_model, parse_poolings
from platoscope.testing.models import TINY_TEXT_MODELS

from .conftest import pool_naively, text_states

if TYPE_CHECKING:
    from collections.abc import Callable

POOLINGS = parse_poolings("last,mean,mean(5),concat(3),tokens(4),token(0),token(6),dct(3),dct(2-2)")
# Rounding of three blocks; a wrong position or mask is off by the size of the states.
TOLERANCE = {"float32": 2e-5, "bfloat16": 5e-2}
DECODERS = ("llama", "mistral", "qwen2", "qwen3", "gemma3", "deepseek_v3", "gpt2")


def assert_states_close(actual: np.ndarray, expected: np.ndarray, dtype: str) -> None:
    """Compare layer by layer, relative to the size of the layer's states."""
    assert actual.shape == expected.shape
    for layer, (a, b) in enumerate(zip(actual, expected, strict=True)):
        error = np.linalg.norm(a - b) / np.linalg.norm(b)
        assert error < TOLERANCE[dtype], f"layer {layer}: relative error {error:.2g}"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("padding_side", ["right", "left"])
@pytest.mark.parametrize("architecture", TINY_TEXT_MODELS)
def test_every_pooling_agrees_with_reading_one_item_at_a_time(
    architecture: str, padding_side: Any, dtype: str, tiny: Callable[..., str], texts: list[str]
) -> None:
    """A padded batch gives every pooling of every layer as the library does for each item alone."""
    folder = tiny(architecture)
    model = load_model(folder, dtype=dtype, device="cpu", padding_side=padding_side)
    pooled = model.encode(texts, POOLINGS)
    assert set(pooled) == {str(pooling) for pooling in POOLINGS}
    for i, text in enumerate(texts):
        states, _, special = text_states(folder, text, dtype=dtype)
        assert len(states) == model.n_layers
        for pooling in POOLINGS:
            found = pooled[str(pooling)]
            assert found.dtype == np.float32
            assert_states_close(found[:, i], pool_naively(states, special, pooling), dtype)


def test_too_little_memory_of_a_device_is_a_sentence(
    tiny: Callable[..., str], texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What torch raises is none of the errors that end one study of many; what comes out is."""
    import torch

    def run_out(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB")  # noqa: EM101

    model: Any = load_model(tiny("llama"), device="cpu")
    monkeypatch.setattr(model.model, "forward", run_out)
    with pytest.raises(
        DeviceMemoryError, match="too little memory for reading a batch: CUDA.*9.00 GiB. Give"
    ):
        model.encode(texts, POOLINGS)


@pytest.mark.parametrize("architecture", DECODERS)
def test_decoder_without_start_token(architecture: str, tiny: Callable[..., str], texts: list[str]) -> None:
    """Without a start token `mean` leaves out the first token of the item, and keep_first puts it back."""
    folder = tiny(architecture, start_token=False)
    pooling = Pooling("mean")
    for keep_first in (False, True):
        pooled = load_model(folder, dtype="float32", device="cpu", keep_first=keep_first).encode(
            texts, [pooling]
        )
        for i, text in enumerate(texts):
            states, _, special = text_states(folder, text, dtype="float32")
            assert not special.any()
            expected = pool_naively(states, special, pooling, keep_first=keep_first)
            assert_states_close(pooled["mean"][:, i], expected, "float32")


@pytest.mark.parametrize("drop_last", [0, 1, 5])
def test_drop_last_counts_tokens_of_the_item_only(
    drop_last: int, tiny: Callable[..., str], texts: list[str]
) -> None:
    """The end token of an encoder is not one of the dropped tokens."""
    folder = tiny("bert")
    pooled = load_model(folder, dtype="float32", device="cpu", drop_last=drop_last).encode(texts, POOLINGS)
    states, _, special = text_states(folder, texts[0], dtype="float32")
    assert special[-1]
    for pooling in POOLINGS:
        expected = pool_naively(states, special, pooling, drop_last=drop_last)
        assert_states_close(pooled[str(pooling)][:, 0], expected, "float32")


def test_first_layer_is_what_enters_the_first_block(tiny: Callable[..., str]) -> None:
    """Gemma's embeddings are read after they were scaled by the root of the width."""
    from transformers import AutoModel

    folder = tiny("gemma3")
    model = load_model(folder, dtype="float32", device="cpu", drop_last=0)
    states, ids, _ = text_states(folder, "word", dtype="float32")
    table = AutoModel.from_pretrained(folder).embed_tokens.weight.detach().numpy()
    first = model.encode(["word"], [Pooling("last")])["last"][0, 0]
    np.testing.assert_allclose(first, table[ids[-1]] * np.sqrt(32), rtol=1e-6)
    np.testing.assert_allclose(first, states[0][-1], rtol=1e-6)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "t5"])
def test_final_norm_can_be_left_out(architecture: str, tiny: Callable[..., str], texts: list[str]) -> None:
    """Without the final norm the last layer is the output of the last block; the others are untouched."""
    import torch

    folder = tiny(architecture)
    plain = load_model(folder, dtype="float32", device="cpu", final_norm=False)
    normed = load_model(folder, dtype="float32", device="cpu")
    a, b = (model.encode(texts, [Pooling("concat", 3)])["concat(3)"] for model in (plain, normed))
    np.testing.assert_array_equal(a[:-1], b[:-1])
    with torch.inference_mode():
        again = normed.blocks.final_norm(torch.from_numpy(a[-1])).numpy()
    np.testing.assert_allclose(again, b[-1], rtol=1e-5, atol=1e-6)
    assert (plain.provenance["final_norm"], normed.provenance["final_norm"]) == (False, True)


def test_model_without_final_norm_says_so(tiny: Callable[..., str]) -> None:
    """BERT normalizes inside its blocks: provenance records that no final norm was applied."""
    assert load_model(tiny("bert"), device="cpu", final_norm=True).provenance["final_norm"] is False


@pytest.mark.parametrize("architecture", TINY_TEXT_MODELS)
def test_batch_composition_makes_no_difference(
    architecture: str, tiny: Callable[..., str], texts: list[str]
) -> None:
    """The states of an item do not depend on what else is in its batch."""
    model = load_model(tiny(architecture), dtype="float32", device="cpu")
    whole = model.encode(texts, POOLINGS)
    for batch in ([2], [3, 0], [1, 2, 3]):
        part = model.encode([texts[i] for i in batch], POOLINGS)
        for name, states in part.items():
            assert_states_close(states, whole[name][:, batch], "float32")


def test_short_items_are_counted_and_named(tiny: Callable[..., str]) -> None:
    """Items with fewer tokens than a pooling needs are an error that counts and names them."""
    model = load_model(tiny("llama"), device="cpu")
    with pytest.raises(
        InputError,
        match=r"2 of the 3 items of a batch are too short: 'mean\(5\)' needs 5 .*item 0 has 2 \('abcd'\)",
    ):
        model.encode(["abcd", "long enough", "abcde"], [Pooling("last"), Pooling("mean", 5)])


def test_item_just_long_enough_is_read(tiny: Callable[..., str]) -> None:
    """Five tokens behind the two dropped ones are enough for mean(5)."""
    model = load_model(tiny("llama"), device="cpu")
    assert model.encode(["abcdefg"], [Pooling("mean", 5)])["mean(5)"].shape == (4, 1, 32)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("clip", [None, 0.05])
def test_frequency_zero_is_the_mean_to_the_last_bit(
    clip: float | None, dtype: str, tiny: Callable[..., str], texts: list[str]
) -> None:
    """dct(1) is mean, and the first part of every dct(m); a band is the same part of it."""
    model = load_model(tiny("llama"), dtype=dtype, device="cpu", clip=clip)
    found = model.encode(texts, parse_poolings("mean,dct(1),dct(4),dct(2-3)"))
    assert np.array_equal(found["dct(1)"][:, :, 0], found["mean"])
    assert np.array_equal(found["dct(4)"][:, :, 0], found["mean"])
    assert_states_close(found["dct(2-3)"], found["dct(4)"][:, :, 2:], "float32")


def test_all_frequencies_have_the_mean_square_of_the_tokens(tiny: Callable[..., str]) -> None:
    """Squares of all coefficients add up to the mean square of a token, however long the item is."""
    model = load_model(tiny("llama", start_token=False), device="cpu", dtype="float32", drop_last=0)
    for text in ("abcdefg", "abcdefghijklmnopqrst"):
        n = len(text) - 1  # position 0 is left out
        found = model.encode([text], [Pooling("dct", n), Pooling("tokens", n)])
        power, square = ((found[f"{kind}({n})"] ** 2).sum(axis=(1, 2, 3)) for kind in ("dct", "tokens"))
        np.testing.assert_allclose(power, square / n, rtol=1e-5)


def test_an_item_has_as_many_frequencies_as_tokens(tiny: Callable[..., str]) -> None:
    """Five tokens behind the two dropped ones are enough for dct(5), and not for dct(4-5)."""
    model = load_model(tiny("llama"), device="cpu")
    assert model.encode(["abcdefg"], [Pooling("dct", 5)])["dct(5)"].shape == (4, 1, 5, 32)
    with pytest.raises(InputError, match=r"are too short: 'dct\(4-5\)' needs 6 token"):
        model.encode(["abcdefg"], [Pooling.parse("dct(4-5)")])


def test_mean_of_nothing_but_the_first_position_is_an_error(tiny: Callable[..., str]) -> None:
    """An item whose only remaining token is at position 0 has no mean."""
    model = load_model(tiny("llama", start_token=False), device="cpu")
    with pytest.raises(InputError, match="1 of the 1 items of a batch are too short: 'mean'"):
        model.encode(["abc"], [Pooling("mean")])
    assert model.encode(["abc"], [Pooling("last")])["last"].shape == (4, 1, 32)


def test_lengths_count_tokens_of_the_item_before_truncation(tiny: Callable[..., str]) -> None:
    """Special tokens are not counted, nor is the limit of the model applied."""
    for architecture in ("llama", "bert"):
        model = load_model(tiny(architecture), device="cpu")
        lengths = model.lengths(["abc", "à", "x" * 500, ""])
        assert lengths.dtype == np.int64
        assert lengths.tolist() == [3, 2, 500, 0]
    assert model.lengths([]).shape == (0,)


@pytest.mark.parametrize(("architecture", "limit"), [("llama", 127), ("bert", 126), ("xlm_roberta", 126)])
def test_truncation_is_counted(architecture: str, limit: int, tiny: Callable[..., str]) -> None:
    """Items beyond the context are cut with a warning that counts them; those that just fit are not."""
    model = load_model(tiny(architecture), device="cpu", dtype="float32")
    assert model.max_tokens == limit
    letters = "abcdefghij" * 30
    fits, too_long = letters[:limit], letters[: limit + 1]
    whole = model.encode([fits], [Pooling("last")])["last"]
    with pytest.warns(PlatoscopeWarning, match=f"2 of 3 items are longer than the {limit} tokens"):
        cut = model.encode([too_long, fits, letters], [Pooling("last")])["last"]
    for i in range(3):
        assert_states_close(cut[:, i], whole[:, 0], "float32")


def test_class_token_of_an_encoder(tiny: Callable[..., str], texts: list[str]) -> None:
    """Pooling cls reads the first position of BERT, whatever the padding."""
    folder = tiny("bert")
    pooled = load_model(folder, device="cpu", dtype="float32", padding_side="left").encode(
        texts, [Pooling("cls")]
    )
    for i, text in enumerate(texts):
        states, _, _ = text_states(folder, text, dtype="float32")
        assert_states_close(pooled["cls"][:, i], np.stack([state[0] for state in states]), "float32")


@pytest.mark.parametrize(
    ("pooling", "match"),
    [("cls", "class token at the start"), ("eos", "needs a end token|end token"), ("mean_all", "for images")],
)
def test_pooling_that_does_not_apply(
    pooling: str, match: str, tiny: Callable[..., str], texts: list[str]
) -> None:
    """A decoder whose tokenizer adds no class or end token says so, and points to other poolings."""
    with pytest.raises(InputError, match=match):
        load_model(tiny("llama"), device="cpu").encode(texts, [Pooling.parse(pooling)])


def test_wrong_items_are_named(tiny: Callable[..., str]) -> None:
    """An item that is no string, no item and no pooling are input errors."""
    model = load_model(tiny("llama"), device="cpu")
    with pytest.raises(InputError, match="item 1 is bytes"):
        model.encode(["fine here", b"not this"], [Pooling("last")])
    with pytest.raises(InputError, match="got 0 item"):
        model.encode([], [Pooling("last")])
    with pytest.raises(InputError, match="0 pooling"):
        model.encode(["fine here"], [])


def test_nothing_is_left_behind(tiny: Callable[..., str], texts: list[str]) -> None:
    """After a batch, also after one that failed, no hook stays on the model."""
    model = load_model(tiny("llama"), device="cpu")
    model.encode(texts, POOLINGS)
    with pytest.raises(InputError):
        model.encode(["a"], POOLINGS)
    hooks = [module._forward_hooks or module._forward_pre_hooks for module in model.blocks.modules]
    assert not any(hooks)


def test_encoder_fulfills_the_protocol(tiny: Callable[..., str]) -> None:
    """What load_model returns is an Encoder, and its provenance is plain JSON."""
    import json

    model = load_model(tiny("llama"), device="cpu", dtype="float32", drop_last=1)
    assert isinstance(model, Encoder)
    assert (model.n_layers, model.n_features, model.modality) == (4, 32, "text")
    provenance = json.loads(json.dumps(model.provenance))
    assert provenance == model.provenance
    assert provenance["drop_last"] == 1
    assert (provenance["dtype"], provenance["device"], provenance["keep_first"]) == ("float32", "cpu", False)
    assert len(provenance["fingerprint"]) == 64
