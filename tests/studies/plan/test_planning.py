"""Plans: what a study needs is known, joined and priced before anything is loaded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from platoscope.errors import InputError, MissingExtraError, NotFoundError
from platoscope.progress import SILENT
from platoscope.studies import (
    Choices,
    Comparison,
    Design,
    Fixed,
    Items,
    Panel,
    Source,
    Study,
    execute,
    get_study,
    list_studies,
    make_plan,
    share,
)
from platoscope.studies.design.serial import comparison_from, comparison_to
from platoscope.studies.plan import availability
from platoscope.studies.run.workbench import Workbench

if TYPE_CHECKING:
    from pathlib import Path

    from platoscope.studies import Plan

PAPER_ROWS = {
    "rank-synthetic",
    "shared-features",
    "aggregation",
    "languages",
    "model-scale",
    "language-asymmetry",
    "model-asymmetry",
    "token-distance",
    "same-class-images",
    "image-captions",
    "misalignment-null",
    "metric-comparison",
    "vision-scale",
    "caption-layer",
}


def _plan(name: str, preset: str = "bundled") -> Plan:
    return make_plan(get_study(name), preset=preset, skip_missing=True)


def test_a_file_that_is_no_model_is_not_planned_as_one(tmp_path: Path) -> None:
    """A study file in the place of a model is told how it is planned, and another file what a model is."""

    def planned(name: str) -> None:
        sides = [Source(model=str(tmp_path / name), side=side, pooling="last") for side in ("a", "b")]
        comparison = Comparison(label="c", a=sides[0], b=sides[1], items=Items(data="bible:en-it"))
        design = Design(comparisons=(comparison,), panels=(), statements=())
        make_plan(Study(name="s", question="?", design=lambda _choices: design))

    for name in ("mine.toml", "pairs.jsonl"):
        (tmp_path / name).touch()
    with pytest.raises(
        NotFoundError, match=r"is no model; a study file is planned by platoscope run .*mine.toml --dry-run"
    ):
        planned("mine.toml")
    with pytest.raises(
        NotFoundError, match=r"no model '.*pairs.jsonl'.* folders in its format and .gguf files\."
    ):
        planned("pairs.jsonl")


def test_every_row_of_the_paper_is_a_study() -> None:
    """All of the paper's list are there, after the default run."""
    names = [study.name for study in list_studies()]
    assert names[0] == "translations"
    assert set(names) >= PAPER_ROWS


@pytest.mark.parametrize("study", list_studies(), ids=lambda study: study.name)
@pytest.mark.parametrize("preset", ["bundled", "paper"])
def test_every_study_has_statements_and_panels_in_both_presets(study: Study, preset: str) -> None:
    """A study computes, draws and judges something, and its panels name what it computes."""
    from platoscope.studies import Choices

    design = study.design(Choices(preset=preset))
    labels = {comparison.label for comparison in design.comparisons}
    assert design.statements
    assert {label for panel in design.panels for label in panel.labels} <= labels
    assert study.question.endswith("?")


@pytest.mark.parametrize("study", list_studies(), ids=lambda study: study.name)
def test_models_of_one_last_name_have_labels_that_tell_them_apart(study: Study) -> None:
    """Two checkpoints are often folders of one name; a folder alone keeps its short one."""
    from platoscope.studies import Choices

    design = study.design(Choices(models=("runs/a/best", "runs/b/best/", "runs/c/best")))
    for panel in design.panels:
        assert len(set(panel.names)) == len(panel.names)
    # Where a model is named at all it is by as much of its path as is needed, and by no more.
    told = [item.label for item in design.comparisons if "best" in item.label]
    assert all("/best" in label and "runs" not in label for label in told)
    alone = study.design(Choices(models=("runs/a/best",)))
    assert not any("a/best" in item.label for item in alone.comparisons)


def test_sides_that_share_items_and_model_are_read_once() -> None:
    """Many poolings of one side are one pass over the model."""
    plan = _plan("aggregation", preset="paper")
    assert plan.n_requested == 18
    assert [extraction.side for extraction in plan.extractions] == ["a", "b"]


def test_what_a_longer_row_of_tokens_contains_is_not_kept_twice() -> None:
    """concat(20) holds the last token and every shorter concatenation."""
    extraction = _plan("aggregation", preset="paper").extractions[0]
    assert extraction.poolings == ("concat(20)", "mean(10)", "mean(2)", "mean(20)", "mean(5)")


def test_bands_of_frequencies_are_kept_once() -> None:
    """dct(16) holds every band below it."""
    extraction = _plan("token-frequencies", preset="paper").extractions[0]
    assert extraction.poolings == ("dct(16)",)


def test_studies_that_share_an_extraction_keep_all_poolings_at_once() -> None:
    """After sharing, whichever study runs first reads what the others need."""
    alone = [_plan(name, preset="paper") for name in ("translations", "aggregation", "metric-comparison")]
    shared = share(alone)
    kept = {extraction for plan in shared for extraction in plan.extractions}
    # English and Italian: with clipped tokens and as the model gives them, and the last layer on both sides of the norm.
    assert len(kept) == 8
    assert sum(len(plan.extractions) for plan in alone) == 10
    assert len({extraction.one_pass for extraction in kept}) == 2


def test_extractions_are_ordered_by_model() -> None:
    """Each model is loaded once, whatever the order of the comparisons."""
    models = [extraction.model for extraction in _plan("language-asymmetry", preset="paper").extractions]
    assert models == sorted(models, key=models.index)
    assert len(set(models)) == 2


def test_all_models_and_studies_of_a_preset_see_the_same_sentences() -> None:
    """The first model's tokenizer counts, whichever model reads, so that one selection serves every study."""
    names = ("translations", "aggregation", "model-scale", "model-asymmetry", "token-distance")
    plans = [_plan(name, preset="paper") for name in names]
    items = {item.items for plan in plans for item in plan.comparisons}
    assert {one.tokenizers for one in items if one is not None} == {("deepseek-ai/DeepSeek-V3",)}
    assert len(items) == 1


def test_languages_of_one_corpus_take_the_same_sentences() -> None:
    """The bundled corpora give one text in all languages, and OPUS Books does not."""
    bundled = get_study("languages").design(Choices(preset="bundled")).comparisons
    groups = {item.items.together for item in bundled if item.items is not None}
    assert {len(group) for group in groups} == {4, 6}
    paper = get_study("languages").design(Choices(preset="paper")).comparisons
    assert {item.items.together for item in paper if item.items is not None} == {()}


def test_every_bundled_data_set_is_misaligned_freely_and_within_its_strata() -> None:
    """Of each text, image and caption set both shuffles stand beside the pairs as they are.

    Texts whose tokens are counted are shuffled among like lengths too. The paper's sets name no strata to shuffle in.
    """
    bundled = get_study("misalignment-null").design(Choices(preset="bundled")).comparisons
    shuffles = {None: set[str](), "free": set[str](), "strata": set[str](), "matched": set[str]()}
    for comparison in bundled:
        assert comparison.items is not None
        shuffles[comparison.shuffle].add(comparison.items.data.partition(":")[0])
    assert shuffles["free"] == {"bible", "libreoffice", "emoji", "emoji-captions", "stamps"}
    assert shuffles["strata"] == shuffles["free"] == shuffles[None]
    assert shuffles["matched"] == {"bible", "libreoffice"}
    paper = get_study("misalignment-null").design(Choices(preset="paper")).comparisons
    assert {comparison.shuffle for comparison in paper} == {None, "free", "matched"}


def test_a_language_that_is_not_installed_has_no_say_in_the_items(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaving one language out leaves it out of the group that must share the sentences."""
    gone = "libreoffice:en-hu"
    problems = {gone: ("It is not installed.", "apt-get download it")}
    monkeypatch.setattr(availability, "_model_problem", lambda _: None)
    monkeypatch.setattr(availability, "_missing_modules", lambda _: [])
    monkeypatch.setattr(availability, "_data_problem", problems.get)
    plan = make_plan(get_study("languages"), skip_missing=True)
    assert [item.needs for item in plan.left_out] == [gone]
    assert all(gone not in item.items.together for item in plan.comparisons if item.items is not None)


def test_how_models_are_loaded_is_a_setting_that_the_plan_shows() -> None:
    """Device, precision and batch reach the settings from `make_plan`, and are said in the description."""
    plan = make_plan(
        get_study("translations"),
        settings={"dtype": "bfloat16", "device": "cuda:1", "batch_tokens": 512},
        skip_missing=True,
    )
    assert (plan.settings.dtype, plan.settings.device, plan.settings.batch_tokens) == (
        "bfloat16",
        "cuda:1",
        512,
    )
    assert "dtype bfloat16, device cuda:1, 512 tokens per batch" in {row.detail for row in plan.describe()}


def test_a_plan_says_that_texts_are_kept() -> None:
    """What a run leaves of the items in its folder is told before, with the option that leaves it out."""
    for items in (True, False):
        plan = make_plan(get_study("translations"), settings={"items": items}, skip_missing=True)
        rows = plan.describe()
        assert any("--no-items" in row.detail for row in rows) == items


@pytest.mark.parametrize("after", [True, False])
def test_the_side_of_the_final_norm_can_be_asked_for(after: bool) -> None:
    """It reaches every model that is read and the description; a side that says its own keeps it."""
    plan = make_plan(get_study("translations"), final_norm=after, skip_missing=True)
    sides = [side for item in plan.comparisons for side in item.sides if isinstance(side, Source)]
    assert {side.final_norm for side in sides} == {after}
    assert {extraction.final_norm for extraction in plan.extractions} == {after}
    bench = Workbench(plan, SILENT, None)
    assert {bench.model(extraction).loading.final_norm for extraction in plan.extractions} == {after}
    told = [row.detail for row in plan.describe() if row.section == "extraction"]
    assert all(f"last layer {'after' if after else 'before'} the final norm" in detail for detail in told)
    own = Source(model="gemma-3-270m", final_norm=not after)
    comparison = Comparison(label="x", a=own, b=own, items=Items(data="bible:en-it"))
    study = Study(
        name="own",
        figure="–",
        question="?",
        needs="",
        design=lambda _: Design(comparisons=(comparison,)),
        presets=("bundled",),
    )
    assert make_plan(study, final_norm=after, skip_missing=True).comparisons[0].a == own


def test_a_side_of_the_norm_that_nobody_asks_for_stands_in_no_key() -> None:
    """What was computed before there was a choice is found; a side that is asked for is read back as it was."""
    source = Source(model="gemma-3-270m")
    for final_norm in (None, True, False):
        side = replace(source, final_norm=final_norm)
        comparison = Comparison(label="x", a=side, b=source, items=Items(data="bible:en-it"))
        plain = comparison_to(comparison)
        assert plain["a"].get("final_norm", "not there") == (
            "not there" if final_norm is None else final_norm
        )
        assert comparison_from(plain, where="here") == comparison


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"final_norm": "yes"}, InputError, "final_norm"),
        ({"preset": "paprika"}, NotFoundError, "bundled, paper"),
        ({"model": "no-such-model"}, NotFoundError, "gemma-3-270m"),
        ({"pairs": "no-such-corpus:en-it"}, NotFoundError, "bible"),
        ({"pooling": "median"}, InputError, "median"),
        ({"n": 3}, InputError, "n must be a whole number, from 40 to"),
        ({"settings": {"resample_fraction": 2.0}}, InputError, "between 0 and 1"),
        ({"n_permutations": -1}, InputError, "n_permutations"),
        ({"settings": {"dtype": "int8"}}, InputError, "float32"),
        ({"settings": {"device_map": "balanced"}}, InputError, "device_map must be one of"),
        ({"settings": {"batch_tokens": 0}}, InputError, "batch_tokens must be a whole number, at least 1"),
        ({"settings": {"transform": "clips"}}, InputError, "none, unit, clip"),
        ({"settings": {"n_neighbors": True}}, InputError, "n_neighbors must be a whole number"),
        ({"settings": {"n_resample": 3}}, InputError, "unknown settings n_resample; there are .*n_resamples"),
    ],
)
def test_a_wrong_choice_is_refused_with_what_exists(
    options: dict[str, object], error: type[Exception], words: str
) -> None:
    """Unknown names and impossible numbers are errors before any work, and name what exists."""
    with pytest.raises(error, match=words):
        make_plan(get_study("translations"), **options)  # type: ignore[arg-type]


def test_what_statements_and_panels_read_must_be_measured() -> None:
    """A study that reads Δ is not run without it, which would end in the middle of its verdicts."""
    study = get_study("translations")
    for name in ("measures", "grid_measures"):
        with pytest.raises(InputError, match=f"{name} of the settings must have information_imbalance"):
            make_plan(study, settings={name: "rsa"}, skip_missing=True)
    assert make_plan(study, settings={"measures": ["rsa", "information_imbalance"]}, skip_missing=True)


@pytest.mark.parametrize(
    ("name", "metric", "words"),
    [
        ("weighted-layers", "cosine", "'weights' is about euclidean distances; got metric='cosine'"),
        ("added-information", "cosine", "'gain' is about euclidean distances"),
        ("coarse-and-fine", "hamming", "'scales' is about euclidean distances"),
        ("intrinsic-dimension", "hamming", "'dimension' is about euclidean or cosine distances"),
        ("translations", "precomputed", "metric='precomputed' is for distances in their place"),
    ],
)
def test_a_metric_that_a_comparison_does_not_know_is_refused(name: str, metric: str, words: str) -> None:
    """Before models are read, and never left out in silence; one that it knows is planned."""
    with pytest.raises(InputError, match=words):
        make_plan(get_study(name), settings={"metric": metric}, skip_missing=True)
    assert make_plan(get_study("intrinsic-dimension"), settings={"metric": "cosine"}, skip_missing=True)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("bible:en-de", "bible:en-fr", ""),
        ("shares-more", "coincide", ""),
        ("", "", "takes differences item by item, which need comparisons over the same items"),
        ('text = "T."', 'at = "mean"\ntext = "T."', "statement 1: at must be one of best, depth; got 'mean'"),
        ('["fr", "de"]', '["fr"]', "claim 'shares-more' needs two labels or more, each once; got fr"),
        ('["fr", "de"]', '["fr", "fr"]', "needs two labels or more, each once; got fr, fr"),
    ],
)
def test_a_claim_about_several_is_refused_before_anything_is_computed(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    """Where comparisons have no item in common, or are one, nothing is held against each other."""
    texts = 'a = { model = "gemma-3-270m", side = "a" }\nb = { model = "gemma-3-270m", side = "b" }'
    content = "\n".join(
        [
            'name = "two"\nquestion = "Which?"',
            *(
                f'[[comparison]]\nlabel = "{x}"\n{texts}\nitems = {{ data = "bible:en-{x}" }}'
                for x in ("fr", "de")
            ),
            '[[statement]]\nclaim = "shares-more"\nlabels = ["fr", "de"]\ntext = "T."',
        ]
    )
    path = tmp_path / "two.toml"
    path.write_text(content.replace(old, new, 1) if old else content)
    if not words:
        assert len(get_study(path).design(Choices()).statements) == 1
        return
    with pytest.raises(InputError, match=words):
        get_study(path)


def test_a_picture_of_differences_is_of_what_has_an_interval_over_data() -> None:
    """An unknown quantity, one without an interval and made-up data are refused before anything is computed."""
    study = get_study("model-scale")
    design = study.design(Choices())
    (panel,) = [panel for panel in design.panels if panel.kind == "difference"]

    def planned(quantity: str, **settings: object) -> Plan:
        drawn = replace(panel, options={"quantity": quantity})
        asked = replace(study, design=lambda _: replace(design, panels=(drawn,), statements=()))
        return make_plan(asked, settings=settings, skip_missing=True)

    assert planned("ridge_asymmetry", measures=["ridge_r2"])
    for wrong in ("nonsense", "procrustes"):
        with pytest.raises(
            InputError, match=f"quantity of panel .* must be one of ridge_r2, .*; got '{wrong}'"
        ):
            planned(wrong, measures=["ridge_r2", "procrustes"])
    gaussian = get_study("rank-synthetic").design(Choices()).comparisons[0]
    twice = (gaussian, replace(gaussian, label="again"))
    picture = Panel(kind="difference", labels=(gaussian.label, "again"), title="t")
    with pytest.raises(InputError, match="over the same items"):
        Design(comparisons=twice, panels=(picture,))


def test_an_unknown_study_suggests_the_nearest_name() -> None:
    """A misspelled study is told which one was meant."""
    with pytest.raises(NotFoundError, match="Did you mean 'translations'"):
        get_study("translation")


def test_what_is_not_installed_is_left_out_with_reason_and_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """With skip_missing a comparison without its model is left out, and so is what depends on it."""
    monkeypatch.setattr(availability, "_model_problem", lambda _: ("It is not installed.", "pip install it"))
    plan = make_plan(get_study("translations"), skip_missing=True)
    assert plan.comparisons == ()
    assert {item.remedy for item in plan.left_out} == {"pip install it"}
    with pytest.raises(MissingExtraError, match="pip install it"):
        make_plan(get_study("translations"))


def test_the_description_says_what_will_be_done_and_what_it_costs() -> None:
    """A plan prints its extractions, comparisons and cost without loading weights or asking the network."""
    rows = _plan("translations", preset="paper").describe()
    sections = {row.section for row in rows}
    assert {"study", "settings", "extraction", "comparison", "cost"} <= sections
    assert any("passes over a model" in row.detail for row in rows)


def test_a_comparison_that_is_not_there_is_refused() -> None:
    """Panels and held layers may only name comparisons of their study, and no layer comes from itself."""
    comparison = Comparison(
        label="x",
        a=Source(model="gemma-3-270m"),
        b=Source(model="gemma-3-270m", side="b"),
        items=Items(data="bible:en-it"),
    )
    with pytest.raises(InputError, match="does not have: y"):
        Design(comparisons=(comparison,), panels=(Panel(kind="profile", labels=("y",), title="y"),))
    with pytest.raises(InputError, match="needs `fixed`"):
        replace(comparison, kind="sweep")
    for label in ("y", "held"):
        held = replace(comparison, label="held", kind="sweep", fixed=Fixed(side="a", minimum_of=label))
        with pytest.raises(InputError, match=f"takes its layer from '{label}'.*it has x, held"):
            Design(comparisons=(comparison, held))


def test_a_layer_is_the_minimum_of_a_curve_that_does_not_wait_for_it() -> None:
    """A grid has none, and a circle would never begin; chains have an end."""
    profile = Comparison(
        label="x",
        a=Source(model="gemma-3-270m"),
        b=Source(model="gemma-3-270m", side="b"),
        items=Items(data="bible:en-it"),
    )

    def held(label: str, source: str) -> Comparison:
        return replace(profile, label=label, kind="sweep", fixed=Fixed(side="a", minimum_of=source))

    assert Design(comparisons=(held("z", "y"), profile, held("y", "x")))
    with pytest.raises(InputError, match="'z' takes its layer from the minimum of 'y', which is a grid"):
        Design(comparisons=(replace(profile, label="y", kind="grid"), held("z", "y")))
    with pytest.raises(InputError, match="in a circle: 'y' from 'z' from 'y'"):
        Design(comparisons=(profile, held("y", "z"), held("z", "y")))


TOML = """
name = "french"
question = "Which layers share the meaning of English and French?"

[settings]
n = 500

[[comparison]]
label = "en-fr"
a = { model = "gemma-3-270m", side = "a", pooling = "mean(10)" }
b = { model = "gemma-3-270m", side = "b", pooling = "mean(10)" }
items = { data = "bible:en-fr" }

[[panel]]
kind = "profile"
labels = ["en-fr"]
title = "English and French"

[[statement]]
claim = "minimum-in-the-middle"
labels = ["en-fr"]
text = "The minimum lies in the middle layers."
"""


def test_a_study_is_read_from_toml(tmp_path: Path) -> None:
    """A user's file gives comparisons, panels, statements and settings."""
    path = tmp_path / "french.toml"
    path.write_text(TOML)
    plan = make_plan(get_study(path), skip_missing=True)
    assert plan.settings.n == 500
    assert plan.panels[0].title == "English and French"
    assert plan.statements[0].text == "The minimum lies in the middle layers."


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("question", "qestion", "unknown 'qestion'"),
        ("pooling", "poling", "comparison 1, side 'a': unknown 'poling'"),
        ("minimum-in-the-middle", "minimum-somewhere", "minimum-in-the-middle"),
        ('"mean(10)" }', '"mean(10)", final_norm = "no" }', "side 'a'.*final_norm"),
        ("[settings]", "[settings", "no valid TOML"),
        ('kind = "profile"', 'kind = "pie"', "must be one of"),
    ],
)
def test_a_mistake_in_toml_is_named_with_its_place(tmp_path: Path, old: str, new: str, words: str) -> None:
    """What is unknown in a file is named, with where it stands and what would be known."""
    path = tmp_path / "wrong.toml"
    path.write_text(TOML.replace(old, new, 1))
    with pytest.raises(InputError, match=words.replace("[", r"\[")):
        get_study(path)


def test_a_missing_file_is_not_found() -> None:
    """A path that is not there is an error that says so."""
    with pytest.raises(NotFoundError, match=r"nowhere\.toml"):
        get_study("nowhere.toml")


SYNTHETIC = """
name = "gaussian"
question = "Which?"

[settings]
seed = 7

[[comparison]]
label = "x"
a = { type = "synthetic", construction = "low_rank", role = "x", n_features = 4, values = [1, 2] }
b = { type = "synthetic", construction = "low_rank", role = "y", n_features = 4, values = [1, 2] }

[[statement]]
claim = "last-below-first"
labels = ["x"]
text = "A statement."
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("", "", "looks along 'relative_depth_a', which comparison 'x' does not have; it has rank"),
        ('labels = ["x"]', 'labels = ["y"]', "no comparison 'y'"),
        ('label = "x"', 'label = "x"\nkind = "grid"', "of kind 'grid'"),
    ],
)
def test_a_claim_that_its_comparison_cannot_answer_is_refused(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    """A claim about layers of Gaussian data, of a grid or of nothing is an error before any work."""
    path = tmp_path / "wrong.toml"
    path.write_text(SYNTHETIC.replace(old, new, 1))
    with pytest.raises(InputError, match=words):
        get_study(path)


def test_a_claim_along_the_rank_suits_gaussian_data(tmp_path: Path) -> None:
    """A claim that takes an axis can look along the varied quantity, and settings keep their seed."""
    path = tmp_path / "gaussian.toml"
    path.write_text(SYNTHETIC.replace('"last-below-first"', '"minimum-at-the-end"\naxis = "rank"', 1))
    study = get_study(path)
    assert make_plan(study).settings.seed == 7
    assert make_plan(study, seed=0).settings.seed == 0
    result = execute(make_plan(study, n=60, n_resamples=4, n_permutations=0), out=tmp_path / "run")
    assert result.verdicts[0].answer in ("held", "did not hold", "not decided")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "gemma-3-270m"}, "--model"),
        ({"pairs": "bible:en-it"}, "--pairs"),
        ({"pooling": "last", "layers": [0]}, "--pooling, --layers"),
    ],
)
def test_what_a_file_says_itself_cannot_be_replaced(
    tmp_path: Path, options: dict[str, object], words: str
) -> None:
    """Models, pairs, poolings and layers of a file are its own; asking for others is an error."""
    path = tmp_path / "french.toml"
    path.write_text(TOML)
    with pytest.raises(InputError, match=f"french.toml says itself .* leave out {words},"):
        make_plan(get_study(path), skip_missing=True, **options)  # type: ignore[arg-type]
