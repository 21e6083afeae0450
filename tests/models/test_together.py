"""One pass for several ways of taking states: equal to passes of their own, to the last bit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from platoscope.models import ModelOnDemand, Pooling, Shelf, load_model
from platoscope.models.together import encode_together, what_runs
from platoscope.representations import Wanted, extract, extract_together

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image

TEXT_OPTIONS: list[dict[str, Any]] = [
    {"clip": 0.05, "final_norm": False},
    {"final_norm": True},
    {"clip": 0.05, "final_norm": True, "drop_last": 0},
    {"clip": 0.2, "keep_first": True},
]
POOLINGS = (
    [Pooling("last")],
    [Pooling("mean", 2), Pooling("mean")],
    [Pooling("tokens", 2)],
    [Pooling("mean")],
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remember nothing of other tests."""
    monkeypatch.setenv("PLATOSCOPE_CACHE", str(tmp_path / "cache"))


def on_one_shelf(name: str, options: list[dict[str, Any]]) -> list[ModelOnDemand]:
    """Give models on demand that share their weights."""
    shelf = Shelf()
    return [ModelOnDemand(name, each, shelf) for each in options]


def count_passes(models: list[ModelOnDemand]) -> list[int]:
    """Count from now on how often the shared model runs."""
    passes = [0]

    def ran(*_: object) -> None:
        passes[0] += 1

    models[0].loaded.model.register_forward_hook(ran)  # type: ignore[attr-defined]
    return passes


@pytest.mark.parametrize("architecture", ["llama", "bert", "gpt2"])
def test_texts(architecture: str, tiny: Callable[..., str], texts: list[str]) -> None:
    """Clips, both sides of the norm, other tokens: each result is that of an encoder of its own."""
    models = on_one_shelf(tiny(architecture), TEXT_OPTIONS)
    assert len({what_runs(model) for model in models}) == 1
    passes = count_passes(models)
    together = encode_together(list(zip(models, POOLINGS, strict=True)), texts)
    assert passes == [1]
    for options, poolings, found in zip(TEXT_OPTIONS, POOLINGS, together, strict=True):
        alone = load_model(tiny(architecture), **options).encode(texts, poolings)
        assert alone.keys() == found.keys()
        for pooling, states in alone.items():
            np.testing.assert_array_equal(found[pooling], states)


def test_the_norm_makes_a_difference_in_the_last_layer_alone(
    tiny: Callable[..., str], texts: list[str]
) -> None:
    """What is read on both sides in one pass is not the same twice."""
    models = on_one_shelf(tiny("llama"), [{"final_norm": False}, {"final_norm": True}])
    before, after = encode_together([(model, [Pooling("last")]) for model in models], texts)
    np.testing.assert_array_equal(before["last"][:-1], after["last"][:-1])
    assert np.abs(before["last"][-1] - after["last"][-1]).max() > 0.1


def test_images(tiny: Callable[..., str], images: list[Image]) -> None:
    """A vision model is read in one pass as well."""
    models = on_one_shelf(tiny("vit"), [{"clip": 0.05}, {"final_norm": True}])
    poolings = [[Pooling("mean")], [Pooling("cls"), Pooling("mean")]]
    passes = count_passes(models)
    together = encode_together(list(zip(models, poolings, strict=True)), images)
    assert passes == [1]
    for model, wanted, found in zip(models, poolings, together, strict=True):
        alone = load_model(tiny("vit"), **model.options).encode(images, wanted)
        for pooling, states in alone.items():
            np.testing.assert_array_equal(found[pooling], states)


def test_what_does_not_run_together(tiny: Callable[..., str]) -> None:
    """Another model, another precision, another shelf: each runs for itself."""
    shelf = Shelf()
    model = ModelOnDemand(tiny("llama"), {}, shelf)
    others = [
        ModelOnDemand(tiny("gpt2"), {}, shelf),
        ModelOnDemand(tiny("llama"), {"dtype": "bfloat16"}, shelf),
        ModelOnDemand(tiny("llama"), {"padding_side": "left"}, shelf),
        ModelOnDemand(tiny("llama"), {"batch_tokens": 64}, shelf),
        ModelOnDemand(tiny("llama"), {}, Shelf()),
    ]
    assert what_runs(model) == what_runs(ModelOnDemand(tiny("llama"), {"clip": 0.1}, shelf))
    assert all(what_runs(model) != what_runs(other) for other in others)


def test_extraction_runs_each_batch_once_and_keeps_what_is_there(
    tiny: Callable[..., str], texts: list[str], tmp_path: Path
) -> None:
    """Groups of one model are filled in one pass, with what extractions of their own give; nothing runs again."""
    options = [
        {"clip": 0.05, "batch_tokens": 64},
        {"batch_tokens": 64},
        {"final_norm": False, "batch_tokens": 64},
    ]
    models = on_one_shelf(tiny("llama"), options)
    passes = count_passes(models)
    wanted = [Wanted(model, texts, pooling=("mean", "last")) for model in models]
    done: list[int] = []
    found = extract_together(
        wanted, store=tmp_path / "together", progress=lambda now, total, speed: done.append(now)
    )
    n_batches = len(models[0].batches(models[0].lengths(texts)))
    assert n_batches > 1
    assert passes == [n_batches]
    assert done[0] == 0
    assert done[-1] == len(texts)
    for each, states in zip(options, found, strict=True):
        alone = extract(
            load_model(tiny("llama"), **each), texts, pooling=("mean", "last"), store=tmp_path / "alone"
        )
        assert states.key == alone.key
        for pooling in ("mean", "last"):
            for layer in range(len(alone)):
                np.testing.assert_array_equal(
                    states.with_pooling(pooling)[layer], alone.with_pooling(pooling)[layer]
                )
    extract_together(wanted, store=tmp_path / "together")
    assert passes == [n_batches]
    extract_together([*wanted, Wanted(models[0], texts, pooling="concat(2)")], store=tmp_path / "together")
    assert passes == [2 * n_batches]


def test_one_group_asked_for_twice_is_made_once(
    tiny: Callable[..., str], texts: list[str], tmp_path: Path
) -> None:
    """Languages share their English side: the second asks for what the first makes."""
    (model,) = on_one_shelf(tiny("llama"), [{}])
    passes = count_passes([model])
    first, second = extract_together(
        [Wanted(model, texts, pooling="mean"), Wanted(model, texts, pooling=("last", "mean"))], store=tmp_path
    )
    assert first.key == second.key
    assert passes == [len(model.batches(model.lengths(texts)))]
    np.testing.assert_array_equal(first[1], second.with_pooling("mean")[1])


def test_files_that_change_in_between_are_read_again(tiny: Callable[..., str], tmp_path: Path) -> None:
    """The weights of another content are never taken for a model that is opened beside."""
    folder = Path(shutil.copytree(tiny("llama"), tmp_path / "own"))
    first, second = on_one_shelf(str(folder), [{}, {"clip": 0.1}])
    before = first.loaded.provenance["fingerprint"]
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert second.loaded.provenance["fingerprint"] != before
    assert second.loaded.model is not first.loaded.model  # type: ignore[attr-defined]


def test_weights_are_loaded_once(
    tiny: Callable[..., str], texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models that differ in what they take are one model, whichever is opened first, and with or without weights."""
    from platoscope.models import pretrained

    loads: list[str] = []
    load = pretrained.load_pretrained
    monkeypatch.setattr(
        pretrained,
        "load_pretrained",
        lambda location, **given: (loads.append("one"), load(location, **given))[1],
    )
    models = on_one_shelf(tiny("llama"), TEXT_OPTIONS)
    assert models[1].n_layers == 4
    for model in (*models, *reversed(models)):
        model.encode(texts, [Pooling("last")])
        assert model.facts.provenance["clip" if model.loading.clip else "drop_last"] is not None
    assert loads == ["one"]
