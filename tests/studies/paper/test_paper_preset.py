"""The paper's own preset, whole: tiny random models of its architectures, local data in the format of its data."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest

from platoscope.studies import execute, list_studies, make_plan
from platoscope.studies.design.space import spaces_label
from platoscope.studies.paper import _setting

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platoscope.studies import Plan, StudyResult

Run: TypeAlias = "Callable[[str], tuple[Plan, StudyResult]]"

pytestmark = pytest.mark.filterwarnings("ignore::platoscope.errors.PlatoscopeWarning")

N_ITEMS = 48
LANGUAGES = ("it", "de", "hu")  # of the six of the paper
WORDS = ("stone", "river", "night", "house", "child", "bread", "light", "water", "voice", "field")
SMALL = {"n": 48, "n_resamples": 3, "n_permutations": 3}
SYNTHETIC = ("rank-synthetic", "shared-features")
# Every architecture and every format of the paper is in one of these; `make test-slow` runs the others.
IN_EVERY_RUN = (
    "translations",
    "languages",
    "same-class-images",
    "image-captions",
    "token-distance",
    "vision-scale",
)


def _sentence(rng: np.random.Generator, ending: str = "") -> str:
    """Write about 50 characters, which are as many tokens for the tiny tokenizer."""
    return " ".join(str(word) + ending for word in rng.choice(WORDS, size=8))


def _image(rng: np.random.Generator, base: np.ndarray) -> dict[str, object]:
    from PIL import Image

    pixels = np.clip(base + rng.integers(0, 40, base.shape), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


def _write_books(root: Path, rng: np.random.Generator) -> None:
    """Write OPUS Books as the hub lays it out: a folder per pair, its languages in alphabetical order."""
    import datasets

    for language in LANGUAGES:
        pair = sorted(("en", language))
        rows = [{"en": _sentence(rng), language: _sentence(rng, language[0])} for _ in range(N_ITEMS)]
        table = datasets.Dataset.from_dict(
            {"id": [str(i) for i in range(N_ITEMS)], "translation": rows},
            features=datasets.Features(
                {"id": datasets.Value("string"), "translation": datasets.Translation(languages=pair)}
            ),
        )
        folder = root / "books" / "-".join(pair)
        folder.mkdir(parents=True)
        table.to_parquet(folder / "train-00000-of-00001.parquet")


def _write_images(root: Path, rng: np.random.Generator) -> None:
    """Write two images of each class as ImageNet has them, and images with five captions as Flickr30k."""
    import datasets

    bases = [rng.integers(0, 255, (28, 28, 3)) for _ in range(N_ITEMS)]
    twice = [i for i in range(N_ITEMS) for _ in range(2)]
    classes = datasets.ClassLabel(names=[f"class {i}" for i in range(N_ITEMS)])
    table = datasets.Dataset.from_dict(
        {"image": [_image(rng, bases[i]) for i in twice], "label": twice},
        features=datasets.Features({"image": datasets.Image(), "label": classes}),
    )
    (root / "imagenet" / "data").mkdir(parents=True)
    table.to_parquet(root / "imagenet" / "data" / "validation-00000-of-00001.parquet")
    captioned = datasets.Dataset.from_dict(
        {
            "image": [_image(rng, base) for base in bases],
            "caption": [[_sentence(rng)[:20] for _ in range(5)] for _ in bases],
            "img_id": [str(i) for i in range(N_ITEMS)],
        },
        features=datasets.Features(
            {
                "image": datasets.Image(),
                "caption": datasets.List(datasets.Value("string")),
                "img_id": datasets.Value("string"),
            }
        ),
    )
    datasets.DatasetDict({"test": captioned}).save_to_disk(root / "flickr")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a tiny model of every architecture of the paper, and its data sets in small."""
    pytest.importorskip("torch")
    datasets = pytest.importorskip("datasets", reason="needs datasets: pip install 'platoscope[models]'")
    from platoscope.testing.models import save_tiny_model

    datasets.disable_progress_bars()
    root = tmp_path_factory.mktemp("paper")
    save_tiny_model("deepseek_v3", root / "deepseek")
    for size, width in (("8b", 32), ("3b", 24), ("1b", 16)):
        save_tiny_model("llama", root / f"llama-{size}", n_features=width)
    for size, width in (("large", 32), ("base", 24), ("small", 16)):
        save_tiny_model("dinov2", root / f"dinov2-{size}", n_features=width)
    save_tiny_model("imagegpt", root / "imagegpt")
    save_tiny_model("clip", root / "clip")
    rng = np.random.default_rng(0)
    _write_books(root, rng)
    _write_images(root, rng)
    return root


@pytest.fixture(autouse=True)
def _small_paper(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the tiny models and local data in the place of the names of the preset."""
    import datasets

    monkeypatch.setenv("PLATOSCOPE_CACHE", str(workplace / "cache"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", workplace / "datasets")
    texts = tuple(str(workplace / name) for name in ("deepseek", "llama-8b", "llama-3b", "llama-1b"))
    sizes = tuple(str(workplace / f"dinov2-{size}") for size in ("large", "base", "small"))
    books = tuple(f"opus_books:en-{language}@{workplace / 'books'}" for language in LANGUAGES)
    gpt = str(workplace / "imagegpt")
    for table, value in (
        ("TEXT_MODELS", texts),
        ("SCALE_TEXT", texts[1]),
        ("DINOV2", sizes),
        ("VISION", (sizes[0], gpt)),
        ("PAIRS", books[0]),
        ("LANGUAGES", (books,)),
        ("MANY_LANGUAGES", books),
        ("IMAGES", f"imagenet@{workplace / 'imagenet'}"),
        ("CAPTIONS", (f"flickr30k@{workplace / 'flickr'}",)),
    ):
        monkeypatch.setitem(getattr(_setting, table), "paper", value)
    monkeypatch.setattr(_setting, "CLIP", str(workplace / "clip"))


@pytest.fixture(scope="module")
def finished() -> dict[str, tuple[Plan, StudyResult]]:
    """Keep the runs that tests share, by study."""
    return {}


@pytest.fixture
def run(workplace: Path, finished: dict[str, tuple[Plan, StudyResult]]) -> Run:
    """Give what plans and runs a study, once."""

    def planned_and_run(name: str) -> tuple[Plan, StudyResult]:
        if name not in finished:
            study = next(study for study in list_studies() if study.name == name)
            plan = make_plan(study, preset="paper", **SMALL)
            finished[name] = (
                plan,
                execute(plan, out=workplace / "runs" / name, store=workplace / "store"),
            )
        return finished[name]

    return planned_and_run


@pytest.mark.parametrize(
    "name",
    [
        study.name if study.name in IN_EVERY_RUN else pytest.param(study.name, marks=pytest.mark.slow)
        for study in list_studies()
        if "paper" in study.presets and study.name not in SYNTHETIC
    ],
)
def test_every_study_of_the_paper_runs_as_it_is_planned(name: str, run: Run) -> None:
    """With the paper's architectures and data formats everything is computed, and every statement is judged."""
    plan, result = run(name)
    assert list(result.results) == [comparison.label for comparison in plan.comparisons]
    assert plan.left_out == ()
    # Nothing is missing here, so no statement may say that it could not be judged for that reason.
    assert not [verdict for verdict in result.verdicts if verdict.answer == "not computed here"]
    for found in result.results.values():
        values = found[next(measure for measure in ("information_imbalance", "curve") if measure in found)]
        assert np.isfinite(values).all()
        assert (values > 0).all()


def test_clip_is_compared_with_its_own_text_tower(workplace: Path, run: Run) -> None:
    """Fig. 6b: the text tower reads the caption, the vision tower the image, matched by relative depth."""
    _, result = run("image-captions")
    label, spaces = [label for label in result.results if label.startswith("clip and clip")]
    assert spaces == spaces_label(label)
    found = result.results[label]
    # The tiny towers have 4 and 5 layers: every layer of the shallower stack has a partner.
    assert set(found["layer_a"].values.tolist()) == {0, 1, 2, 3}
    assert int(found["layer_b"].max()) == 4
    towers = {f"{workplace / 'clip'} (text), drop_last=0": "text", f"{workplace / 'clip'} (vision)": "vision"}
    models = result.provenance["models"]
    assert {name: models[name]["tower"] for name in towers} == towers


def test_both_directions_of_token_distance_are_there(run: Run) -> None:
    """Beyond Fig. 5: the past predicting the future stands beside the future predicting the past."""
    plan, result = run("token-distance")
    for comparison in (item for item in plan.comparisons if item.kind == "token_distance"):
        found = result.results[comparison.label]["information_imbalance"]
        assert found["direction"].values.tolist() == ["a_to_b", "b_to_a"]
        assert tuple(found["token_distance"].values) == comparison.distances
    directions = {panel.options["direction"] for panel in plan.panels}
    assert directions == {"a_to_b", "b_to_a"}
