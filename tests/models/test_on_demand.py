"""Models on demand: what is answered without weights, what is remembered, and one open model at a time."""

from __future__ import annotations

import shutil
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from platoscope.errors import InputError, PlatoscopeWarning
from platoscope.models import Encoder, ModelOnDemand, Pooling, Shelf, load_model
from platoscope.models.remembering import Facts
from platoscope.progress import Silent
from platoscope.testing.models import TINY_IMAGE_MODELS, TINY_TEXT_MODELS, TINY_TWO_TOWER_MODELS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL.Image import Image

ARCHITECTURES = [
    *((name, None) for name in (*TINY_TEXT_MODELS, *TINY_IMAGE_MODELS)),
    *((name, tower) for name in TINY_TWO_TOWER_MODELS for tower in ("text", "vision")),
]
LAST = [Pooling("last")]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Remember nothing of other tests."""
    monkeypatch.setenv("PLATOSCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def own(tiny: Callable[..., str], tmp_path: Path) -> Path:
    """Give a model that a test may change."""
    return Path(shutil.copytree(tiny("llama"), tmp_path / "own"))


def refuse(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let a test fail that opens a model."""
    for name in names:
        monkeypatch.setattr(f"platoscope.models.pretrained.{name}", lambda *_, **__: pytest.fail("opened"))


def change_weights(folder: Path) -> None:
    """Flip one bit of the last weight."""
    file = folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(("architecture", "tower"), ARCHITECTURES)
def test_a_model_without_weights_answers_as_with_them(
    architecture: str,
    tower: Any,
    tiny: Callable[..., str],
    texts: list[str],
    images: list[Image],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a model is, its provenance, lengths and batches need no weights, and are those of the loaded model."""
    options = {"tower": tower, "batch_tokens": 64}
    loaded = load_model(tiny(architecture), **options)
    items: Sequence[Any] = texts if loaded.modality == "text" else images
    refuse(monkeypatch, "load_pretrained")
    model = ModelOnDemand(tiny(architecture), options)
    assert model.facts == Facts.of(loaded)
    assert dict(model.provenance) == dict(loaded.provenance)
    lengths = model.lengths(items)
    np.testing.assert_array_equal(lengths, loaded.lengths(items))
    for ours, theirs in zip(model.batches(lengths), loaded.batches(lengths), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_it_reads_what_the_loaded_model_reads(tiny: Callable[..., str], texts: list[str]) -> None:
    """States are those of the loaded model, to the last bit."""
    model = ModelOnDemand(tiny("gpt2"), {"dtype": "float32"})
    assert isinstance(model, Encoder)
    loaded = load_model(tiny("gpt2"), dtype="float32")
    np.testing.assert_array_equal(model.encode(texts, LAST)["last"], loaded.encode(texts, LAST)["last"])


def test_facts_and_lengths_are_remembered(
    tiny: Callable[..., str], texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second process to ask opens nothing; options of reading do not change how tokens are counted."""
    first = ModelOnDemand(tiny("llama"))
    facts, lengths = first.facts, first.lengths(texts)
    other = ModelOnDemand(tiny("llama"), {"dtype": "bfloat16", "clip": 0.05, "drop_last": 0})
    assert other.facts != facts
    refuse(monkeypatch, "load_pretrained", "outline_pretrained")
    again = ModelOnDemand(tiny("llama"))
    assert again.facts == facts
    np.testing.assert_array_equal(again.lengths(texts), lengths)
    np.testing.assert_array_equal(other.lengths(texts), lengths)


def test_a_changed_folder_is_not_answered_from_memory(own: Path) -> None:
    """One bit of the weights makes another model."""
    first = ModelOnDemand(str(own)).provenance["fingerprint"]
    change_weights(own)
    changed = ModelOnDemand(str(own))
    assert changed.provenance["fingerprint"] != first
    assert dict(changed.loaded.provenance) == dict(changed.provenance)


def test_another_machine_is_asked_anew(tiny: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What "auto" means on one machine is not remembered for another that shares the cache."""
    monkeypatch.setattr("platoscope.models.devices.cpu_multiplies_bfloat16", lambda: False)
    assert ModelOnDemand(tiny("llama"), {"device": "cpu"}).provenance["dtype"] == "float32"
    monkeypatch.setattr("platoscope.models.devices.cpu_multiplies_bfloat16", lambda: True)
    monkeypatch.setattr("platform.node", lambda: "another")
    assert ModelOnDemand(tiny("llama"), {"device": "cpu"}).provenance["dtype"] == "bfloat16"


def test_files_that_change_within_a_run_are_an_error(own: Path, texts: list[str]) -> None:
    """States of another model are not kept under the name of the first; running again reads the new one."""
    model = ModelOnDemand(str(own))
    assert model.n_layers == 4
    change_weights(own)
    for _ in range(2):
        with pytest.raises(InputError, match="another one than when this run began.*Run again"):
            model.encode(texts, LAST)
    assert ModelOnDemand(str(own)).encode(texts, LAST)["last"].shape[0] == 4


def test_a_cache_that_cannot_be_written_is_no_error(
    cache: Path, tiny: Callable[..., str], texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be remembered, the model is asked each time."""
    cache.write_text("a file in the place of the folder", encoding="utf-8")
    asked = []
    outline = load_outline()
    monkeypatch.setattr(
        "platoscope.models.pretrained.outline_pretrained",
        lambda location, **options: (asked.append(location.name), outline(location, **options))[1],
    )
    for times in (1, 2):
        model = ModelOnDemand(tiny("llama"))
        assert model.lengths(texts).tolist() == [len(text.encode()) for text in texts]
        assert len(asked) == times


def load_outline() -> Callable[..., Any]:
    """Give the function itself."""
    from platoscope.models.pretrained import outline_pretrained

    return outline_pretrained


def test_damaged_memory_is_asked_again(cache: Path, tiny: Callable[..., str], texts: list[str]) -> None:
    """Files that were cut short, or in which one bit is another, are no answer, and are written anew."""
    expected = ModelOnDemand(tiny("llama")).lengths(texts)
    files = sorted((cache / "encoders").iterdir())
    assert sorted(file.suffix for file in files) == [".check", ".json", ".lengths"]
    content = [file.read_bytes() for file in files]
    for damage in (lambda whole: whole[:20], flip_a_bit):
        for file in files:
            file.write_bytes(damage(file.read_bytes()))
        with pytest.warns(PlatoscopeWarning, match="is damaged: it holds") as warned:
            np.testing.assert_array_equal(ModelOnDemand(tiny("llama")).lengths(texts), expected)
        assert len(warned) == 3
        assert [file.read_bytes() for file in files] == content


def flip_a_bit(content: bytes) -> bytes:
    """Change the content in the least way, in its middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]


class Told(Silent):
    """Keeps the names of the stages."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    def stage(self, name: str, total: int | None = None) -> None:
        """Keep one."""
        self.stages.append(name)


@pytest.mark.usefixtures("no_collector")
def test_a_shelf_lets_go_of_one_model_before_the_next(tiny: Callable[..., str], texts: list[str]) -> None:
    """Loading another model, or dropping the last one on demand, frees the weights at once."""
    told = Told()
    shelf = Shelf(told)
    first, second = (ModelOnDemand(tiny(name), shelf=shelf) for name in ("llama", "gpt2"))
    first.encode(texts, LAST)
    weights = weakref.ref(first.loaded.model)  # type: ignore[attr-defined]
    assert weights() is not None
    second.encode(texts, LAST)
    assert weights() is None
    weights = weakref.ref(second.loaded.model)  # type: ignore[attr-defined]
    del first, second, shelf
    assert weights() is None
    assert told.stages == [f"Loading {tiny('llama')}", f"Loading {tiny('gpt2')}"]


def test_equal_requests_share_the_open_model(
    tiny: Callable[..., str], texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that is asked for twice, its defaults spelled out or not, is loaded once, its tokenizer too."""
    import transformers

    read = transformers.AutoTokenizer.from_pretrained
    tokenizers = []

    def note(*arguments: Any, **options: Any) -> Any:
        tokenizers.append(arguments)
        return read(*arguments, **options)

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", note)
    shelf = Shelf()
    model = ModelOnDemand(tiny("llama"), shelf=shelf)
    same = ModelOnDemand(tiny("llama"), {"dtype": "auto", "drop_last": 2}, shelf)
    assert model == same
    model.lengths(texts)
    model.encode(texts, LAST)
    assert same.loaded is model.loaded
    assert len(tokenizers) == 1


def test_wrong_options_are_refused_before_anything_is_opened() -> None:
    """An option that cannot be is an error where the model is named."""
    with pytest.raises(InputError, match="drop_last must be 0 or more"):
        ModelOnDemand("gemma-3-270m", {"drop_last": -1})


def test_an_unpinned_model_of_the_hub_is_its_commit(
    tiny: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When ``main`` moves, the model is another one, in its provenance and on demand."""
    import huggingface_hub.constants

    hub = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(hub))
    repository = hub / "models--somebody--something"
    (repository / "refs").mkdir(parents=True)
    for commit in ("a" * 40, "b" * 40):
        shutil.copytree(tiny("llama"), repository / "snapshots" / commit)
        (repository / "refs" / "main").write_text(commit)
        assert load_model("somebody/something").provenance["revision"] == commit
        model = ModelOnDemand("somebody/something")
        assert model.provenance["revision"] == commit
        assert model.loaded.provenance["revision"] == commit
    pinned = ModelOnDemand("somebody/something", {"revision": "a" * 40})
    assert pinned.loaded.provenance["revision"] == "a" * 40
