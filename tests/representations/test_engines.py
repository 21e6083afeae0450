"""States that engines wrote are pooled by the rules of the models, each with the tokens that it is of, or not at all.

The files are written here as the engines' own sources say: neither engine runs in these tests.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from platoscope.errors import InputError, NotFoundError
from platoscope.models import load_model
from platoscope.representations import extract, import_sglang, import_vllm
from platoscope.testing.models import save_tiny_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

TEXTS = {
    "verse-1": "In the beginning God created the heavens and the earth.",
    "verse-2": "And the earth was without form, and void; and darkness was upon the face of the deep.",
    "verse-10": "And God called the dry land Earth; and the gathering of waters called he Seas.",
}


def _write_vllm(file: Path, states: torch.Tensor, token_ids: Any) -> None:
    """Write what vLLM's hidden-state connector writes of one request, and the lock beside it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({"hidden_states": states, "token_ids": torch.as_tensor(token_ids)}, file)
    file.with_name(f"{file.name}.lock").touch()


def _response(name: str, states: np.ndarray, **about: Any) -> dict[str, Any]:
    """Make what SGLang's ``/generate`` answers: rows of the prompt's tokens, then one of each token it generated."""
    rows = np.asarray(states, np.float64)
    return {
        "text": " and",
        "meta_info": {
            "id": name,
            "finish_reason": {"type": "length", "length": 2},
            "prompt_tokens": len(rows),
            "completion_tokens": 2,
            "cached_tokens": 0,
            "hidden_states": [rows.tolist(), rows[-1].tolist()],
            **about,
        },
    }


@pytest.fixture
def vllm_folder(tmp_path: Path) -> tuple[Path, list[np.ndarray]]:
    """Write bfloat16 states of eleven prompts, as ``0.safetensors`` to ``10.safetensors``."""
    rng = np.random.default_rng(0)
    prompts = []
    for number, n_tokens in enumerate([9, 12, 7, 8, 9, 8, 8, 8, 8, 8, 11]):
        states = torch.from_numpy(rng.standard_normal((n_tokens, 3, 4), dtype=np.float32)).bfloat16()
        _write_vllm(tmp_path / f"{number}.safetensors", states, range(n_tokens))
        prompts.append(states.float().numpy())
    return tmp_path, prompts


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a tiny Llama, whose tokenizer adds a start token."""
    return save_tiny_model("llama", tmp_path_factory.mktemp("llama"))


@pytest.fixture
def states_of(model: Path) -> Callable[[str], tuple[list[int], torch.Tensor]]:
    """Give the tokens of a text, and the states of each after every block, by the library alone."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer, network = AutoTokenizer.from_pretrained(model), AutoModel.from_pretrained(model)
    before_norm: list[torch.Tensor] = []
    network.norm.register_forward_pre_hook(lambda _, given: before_norm.append(given[0]))

    def read(text: str) -> tuple[list[int], torch.Tensor]:
        ids = tokenizer(text)["input_ids"]
        with torch.no_grad():
            hidden = network(torch.tensor([ids]), output_hidden_states=True).hidden_states
        return ids, torch.stack([*(layer[0] for layer in hidden[:-1]), before_norm.pop()[0], hidden[-1][0]])

    return read


@pytest.fixture
def written(model: Path, tmp_path: Path, states_of: Callable[[str], tuple[list[int], torch.Tensor]]) -> Path:
    """Write files and responses of `TEXTS` by a tiny Llama, in an order of no meaning."""
    responses = []
    for number, name in enumerate(reversed(TEXTS)):
        ids, states = states_of(TEXTS[name])
        _write_vllm(
            tmp_path / f"cmpl-{number}.safetensors", states[[0, 1, 3]].transpose(0, 1).contiguous(), ids
        )
        responses.append(_response(name, states[-1].numpy()))
    (tmp_path / "responses.json").write_text(json.dumps(responses), encoding="utf-8")
    (tmp_path / "responses.jsonl").write_text("\n".join(map(json.dumps, responses)), encoding="utf-8")
    return tmp_path


@pytest.fixture
def files() -> Mapping[str, str]:
    """Say which file is of which item, as ``kv_transfer_params`` does."""
    return {name: f"cmpl-{number}.safetensors" for number, name in enumerate(reversed(TEXTS))}


POOLINGS = "last,mean(3),mean,concat(2),dct(5),dct(2-3)"


def test_vllm_files_give_what_the_model_read_here_gives(
    written: Path, model: Path, files: Mapping[str, str]
) -> None:
    """The same layers, tokens and poolings as `extract`, whichever order the requests ended in."""
    encoder = load_model(str(model), final_norm=False, dtype="float32", device="cpu")
    read = extract(encoder, list(TEXTS.values()), pooling=POOLINGS.split(","), layers=[0, 1, 3])
    found = import_vllm(
        written,
        layers=[0, 1, 3],
        pooling=POOLINGS,
        files=files,
        ids=list(TEXTS),
        tokenizer=str(model),
        texts=TEXTS,
    )
    assert found.ids == tuple(TEXTS)
    assert found.provenance["n_special"] == "by the tokenizer"
    for pooling in POOLINGS.split(","):
        for ours, theirs in zip(read.with_pooling(pooling), found.with_pooling(pooling), strict=True):
            assert np.allclose(ours, theirs, atol=1e-5), pooling


@pytest.mark.parametrize("name", ["responses.json", "responses.jsonl"])
def test_sglang_responses_give_what_the_model_read_here_gives(written: Path, model: Path, name: str) -> None:
    """The last layer after the final norm, by the ids of the requests."""
    encoder = load_model(str(model), final_norm=True, dtype="float32", device="cpu")
    read = extract(encoder, list(TEXTS.values()), pooling=POOLINGS.split(","), layers=[3])
    found = import_sglang(
        written / name, depth=3, pooling=POOLINGS, ids=list(TEXTS), tokenizer=str(model), texts=TEXTS
    )
    assert (found.layers, found.depth, found.ids) == ((3,), 3, tuple(TEXTS))
    assert found.provenance["final_norm"] is True
    for pooling in POOLINGS.split(","):
        assert np.allclose(read.with_pooling(pooling)[0], found.with_pooling(pooling)[0], atol=1e-5), pooling


def test_items_are_found_by_their_ids(vllm_folder: tuple[Path, list[np.ndarray]], written: Path) -> None:
    """Ids choose and order; one that has no prompt is named, and a file is never taken by its place."""
    folder, prompts = vllm_folder
    r = import_vllm(folder, layers=[1, 5, 9], pooling="last", files=[f"{i}.safetensors" for i in range(11)])
    some = import_vllm(
        folder, layers=[1, 5, 9], pooling="last", ids=["10", "2"], files=["10.safetensors", "2.safetensors"]
    )
    assert r.ids == tuple(str(i) for i in range(11))
    assert np.array_equal(some[0], np.stack([prompts[10][-3, 0], prompts[2][-3, 0]]))
    with pytest.raises(NotFoundError, match=r"1 of 2 ids are not among the 3 prompts of .*: 'verse-3'"):
        import_sglang(written / "responses.json", depth=3, ids=["verse-1", "verse-3"])
    with pytest.raises(InputError, match="ids must be different"):
        import_sglang(written / "responses.json", depth=3, ids=["verse-1", "verse-1"])


def test_other_tokens_than_those_of_the_text_are_refused(
    written: Path, model: Path, files: Mapping[str, str]
) -> None:
    """Files of other items, a tokenizer of another model, a text that is missing, and a start token that was forgotten."""
    how = {"layers": [0, 1, 3], "pooling": "last", "tokenizer": str(model)}
    exchanged = dict(zip(TEXTS, TEXTS.values(), strict=True)) | {"verse-1": TEXTS["verse-2"]}
    with pytest.raises(
        InputError,
        match=r"not the \d+ that the tokenizer makes of the text of item 'verse-1' \(the first that differs",
    ):
        import_vllm(written, files=files, texts=exchanged, **how)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"responses.json' has \d+ tokens, which are not the"):
        import_sglang(
            written / "responses.json", depth=3, pooling="last", tokenizer=str(model), texts=exchanged
        )
    with pytest.raises(NotFoundError, match="texts has no item 'verse-10'"):
        import_vllm(written, files=files, texts={}, **how)  # type: ignore[arg-type]
    with pytest.raises(
        InputError, match=r"begins with 1 special token\(s\) by the tokenizer, but n_special=0"
    ):
        import_vllm(written, files=files, n_special=0, **how)  # type: ignore[arg-type]
    _write_vllm(written / "other" / "a.safetensors", torch.ones(30, 3, 32), range(1000, 1030))
    with pytest.raises(InputError, match=r"has token 1029, but the tokenizer knows 0 to 259"):
        import_vllm(written / "other", **how)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="does not say its tokens"):
        import_sglang(written / "responses.json", depth=3, tokenizer=str(model))
    with pytest.raises(InputError, match=r"pass tokenizer=\.\.\. as well"):
        import_sglang(written / "responses.json", depth=3, texts=TEXTS)


def test_vllm_files_are_pooled_by_the_rules_of_the_models(
    vllm_folder: tuple[Path, list[np.ndarray]],
) -> None:
    """With one BOS token and two dropped, each pooling is the slice that docs/models.md says."""
    folder, prompts = vllm_folder
    r = import_vllm(
        folder, layers=[1, 5, 9], depth=12, n_special=1, pooling="last,mean(3),mean,concat(2),token(1)"
    )
    assert r.ids == tuple(str(i) for i in range(11))
    assert r.relative_depth.tolist() == [1 / 12, 5 / 12, 9 / 12]
    for i, states in enumerate(prompts):
        text = states[1:-2]
        assert np.array_equal(r.with_pooling("last")[1][i], text[-1, 1])
        assert np.allclose(r.with_pooling("mean(3)")[2][i], text[-3:, 2].mean(0), atol=1e-6)
        assert np.allclose(r.with_pooling("mean")[0][i], text[:, 0].mean(0), atol=1e-6)
        assert np.array_equal(r.with_pooling("concat(2)")[0][i], text[-2:, 0].ravel())
        assert np.array_equal(r.with_pooling("token(1)")[0][i], text[-2, 0])


def test_vllm_mean_leaves_the_sink_out(vllm_folder: tuple[Path, list[np.ndarray]]) -> None:
    """Where no BOS was added, `mean` leaves position 0 out unless it is asked to stay."""
    folder, prompts = vllm_folder
    without = import_vllm(folder, layers=[1, 5, 9], pooling="mean")
    kept = import_vllm(folder, layers=[1, 5, 9], pooling="mean", keep_first=True)
    assert np.allclose(without[0][0], prompts[0][1:-2, 0].mean(0), atol=1e-6)
    assert np.allclose(kept[0][0], prompts[0][:-2, 0].mean(0), atol=1e-6)


def test_vllm_states_are_clipped_as_those_of_the_models(vllm_folder: tuple[Path, list[np.ndarray]]) -> None:
    """The quantiles are over all of a prompt's own tokens, those that are dropped included."""
    folder, prompts = vllm_folder
    r = import_vllm(folder, layers=[1, 5, 9], n_special=1, pooling="mean(3)", clip=0.1)
    assert r.provenance["clip"] == 0.1
    for i, states in enumerate(prompts):
        low, high = np.quantile(states[1:, 1], [0.1, 0.9])
        assert np.allclose(r[1][i], np.clip(states[-5:-2, 1], low, high).mean(0), atol=1e-6)
    with pytest.raises(InputError, match="clip must be"):
        import_vllm(folder, layers=[1, 5, 9], clip=0.7)


def test_tokenizer_tells_special_tokens_at_both_ends(tmp_path: Path, model: Path) -> None:
    """An end token is no last token of the text, and never enters."""
    states = torch.from_numpy(np.random.default_rng(0).standard_normal((8, 1, 4), dtype=np.float32))
    _write_vllm(tmp_path / "a.safetensors", states, [1, 50, 51, 52, 53, 54, 3, 3])
    r = import_vllm(tmp_path, layers=[2], pooling="last,mean", tokenizer=str(model), drop_last=0)
    assert np.array_equal(r.with_pooling("last")[0][0], states[5, 0].numpy())
    assert np.allclose(r.with_pooling("mean")[0][0], states[1:6, 0].numpy().mean(0), atol=1e-6)


UNREADABLE: dict[str, tuple[dict[str, torch.Tensor], str]] = {
    "part of the prompt was cached": (
        {"hidden_states": torch.ones(20, 3, 4), "token_ids": torch.arange(50)},
        r"hidden states of 20 tokens for 50 token_ids",
    ),
    "no tokens": ({"hidden_states": torch.ones(20, 3, 4)}, r"should hold token_ids"),
    "tokens that are no numbers": (
        {"hidden_states": torch.ones(20, 3, 4), "token_ids": torch.ones(20)},
        r"should hold token_ids, whole numbers",
    ),
    "other layers": (
        {"hidden_states": torch.ones(20, 2, 4), "token_ids": torch.arange(20)},
        r"shape \(n_tokens, 3, n_features\)",
    ),
    "never written": (
        {
            "hidden_states": torch.cat([torch.ones(16, 3, 4), torch.zeros(14, 3, 4)]),
            "token_ids": torch.arange(30),
        },
        r"0 throughout at 14 of 30 tokens \(the first is token 16, in 3 of 3 layers\)",
    ),
    "one layer never written": (
        {
            "hidden_states": torch.stack([torch.ones(30, 4), torch.zeros(30, 4), torch.ones(30, 4)], 1),
            "token_ids": torch.arange(30),
        },
        r"0 throughout at 30 of 30 tokens \(the first is token 0, in 1 of 3 layers\)",
    ),
    "not finite": (
        {"hidden_states": torch.full((30, 3, 4), torch.nan), "token_ids": torch.arange(30)},
        "not finite",
    ),
    "too large for float32": (
        {"hidden_states": torch.full((30, 3, 4), 1e300, dtype=torch.float64), "token_ids": torch.arange(30)},
        "not finite",
    ),
    "whole numbers": (
        {"hidden_states": torch.ones(30, 3, 4, dtype=torch.int64), "token_ids": torch.arange(30)},
        "hidden_states of floats, but has int64",
    ),
    "no numbers": (
        {"hidden_states": torch.ones(30, 3, 4, dtype=torch.bool), "token_ids": torch.arange(30)},
        "hidden_states of floats, but has bool",
    ),
    "too short": (
        {"hidden_states": torch.ones(9, 3, 4), "token_ids": torch.arange(9)},
        r"needs 20 token\(s\) after the last 2 are dropped, but item 'b' has 7",
    ),
    "another width": (
        {"hidden_states": torch.ones(30, 3, 5), "token_ids": torch.arange(30)},
        r"has 5 features, but the prompts before it have 4",
    ),
}


@pytest.mark.parametrize("fault", UNREADABLE)
def test_files_that_cannot_be_right_are_named(tmp_path: Path, fault: str) -> None:
    """One of two files is damaged: nothing is pooled, and the sentence has its name."""
    content, text = UNREADABLE[fault]
    _write_vllm(tmp_path / "a.safetensors", torch.ones(30, 3, 4), range(30))
    save_file(content, tmp_path / "b.safetensors")
    with pytest.raises(InputError, match=text) as caught:
        import_vllm(tmp_path, layers=[1, 2, 3])
    assert re.search(r"item 'b'|b\.safetensors", str(caught.value))


def test_folders_and_names_that_cannot_be_right(tmp_path: Path) -> None:
    """No files, no folder, files of another kind, and two of one name."""
    with pytest.raises(InputError, match=r"There is no folder '.*nowhere'"):
        import_vllm(tmp_path / "nowhere", layers=[1])
    with pytest.raises(InputError, match=r"There is no file '.*lost\.safetensors'"):
        import_vllm(tmp_path, layers=[1], files=["lost.safetensors"])
    with pytest.raises(InputError, match=r"There is no file '.*lost\.jsonl'"):
        import_sglang(tmp_path / "lost.jsonl", depth=3)
    with pytest.raises(InputError, match=r"is a folder\. Expected a \.json file"):
        import_sglang(tmp_path, depth=3)
    with pytest.raises(InputError, match=r"no \.safetensors file"):
        import_vllm(tmp_path, layers=[1])
    with pytest.raises(InputError, match=r"must be a \.safetensors file"):
        import_vllm(tmp_path, layers=[1], files=["a.npy"])
    with pytest.raises(InputError, match="called as another one"):
        import_vllm(tmp_path, layers=[1], files=["a/0.safetensors", "b/0.safetensors"])
    with pytest.raises(
        InputError, match=r"a\.safetensors' is of 'x' and of 'y'; each item has a file of its own"
    ):
        import_vllm(tmp_path, layers=[1], files={"x": "a.safetensors", "y": "./a.safetensors"})
    with pytest.raises(InputError, match="drop_last must be"):
        import_vllm(tmp_path, layers=[1], drop_last=-1)


def test_no_ids_are_an_error(vllm_folder: tuple[Path, list[np.ndarray]]) -> None:
    """Of no item there is nothing to import."""
    with pytest.raises(InputError, match="ids names no item; the prompts of .* are called '0', '1', '2', …"):
        import_vllm(vllm_folder[0], layers=[1, 5, 9], ids=[])


def test_special_tokens_that_a_prompt_does_not_have(
    vllm_folder: tuple[Path, list[np.ndarray]], tmp_path: Path
) -> None:
    """File, item, its tokens and the option are named, by either engine, as where all but some are special."""
    folder, _ = vllm_folder
    with pytest.raises(InputError, match=r"0\.safetensors' \(item '0'\) has 9 token\(s\), but n_special=10"):
        import_vllm(folder, layers=[1, 5, 9], pooling="last", n_special=10)
    with pytest.raises(
        InputError, match=r"0\.safetensors' has 9 tokens, 8 of them special: .* item '0' has 0"
    ):
        import_vllm(folder, layers=[1, 5, 9], pooling="last", n_special=8)
    (tmp_path / "r.json").write_text(json.dumps([_response("a", np.ones((9, 4)))]), encoding="utf-8")
    with pytest.raises(InputError, match=r"Response 0 of .* \(item 'a'\) has 9 token\(s\), but n_special=10"):
        import_sglang(tmp_path / "r.json", depth=3, pooling="last", n_special=10)


def test_the_line_that_was_cut_is_named(tmp_path: Path) -> None:
    """A write that was stopped in its third line says so, whatever is empty before."""
    lines = [json.dumps(_response(name, np.ones((9, 4)))) for name in "abc"]
    (tmp_path / "r.jsonl").write_text("\n".join([lines[0], "", *lines[1:]])[:-9], encoding="utf-8")
    with pytest.raises(
        InputError, match=r"at line 4: Expecting .* at character \d+\. Drop that line"
    ) as caught:
        import_sglang(tmp_path / "r.jsonl", depth=3, pooling="last")
    assert "line 1" not in str(caught.value)


RESPONSES: dict[str, tuple[Any, str]] = {
    "no JSON": ("{nope", "as responses of SGLang"),
    "no response": ([], "holds no response"),
    "something else": ([3], "has no meta_info with an id and hidden_states"),
    "no states": ([{"meta_info": {"id": "a", "prompt_tokens": 3}}], "Ask for them by return_hidden_states"),
    "a cache": ([_response("a", np.ones((30, 4)), cached_tokens=4)], "answered with 4 tokens from a cache"),
    "fewer states": ([_response("a", np.ones((20, 4)), prompt_tokens=50)], "20 tokens for a prompt of 50"),
    "twice": ([_response("a", np.ones((30, 4)))] * 2, "has the id 'a' of another one"),
    "ragged rows": (
        [_response("a", np.ones((2, 4)), hidden_states=[[[1.0], [1.0, 2.0]]])],
        "no rows of numbers",
    ),
    "words": ([_response("a", np.ones((1, 1)), hidden_states=[[["x"]]])], "expected real numbers"),
    "one row": ([_response("a", np.ones((1, 4)), hidden_states=[[1.0, 2.0]])], "no rows of numbers"),
}


@pytest.mark.parametrize("fault", RESPONSES)
def test_responses_that_cannot_be_right_are_named(tmp_path: Path, fault: str) -> None:
    """Each is one sentence."""
    content, text = RESPONSES[fault]
    file = tmp_path / "r.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=text):
        import_sglang(file, depth=3, pooling="last")
