"""A study file that cannot be right is one sentence, said before anything is planned, loaded or computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from platoscope.errors import InputError, NotFoundError, PlatoscopeError
from platoscope.studies import make_plan
from platoscope.studies.design.comparison import Source
from platoscope.studies.design.records import Choices
from platoscope.studies.paper.toml import read_study

STUDY = """name = "mine"
question = "Which?"
[settings]
n = 50
[[comparison]]
label = "mine"
a = { type = "synthetic", construction = "low_rank", role = "x", n_features = 20, values = [1, 5] }
b = { type = "synthetic", construction = "low_rank", role = "y", n_features = 20, values = [1, 5] }
[[comparison]]
label = "texts"
a = { model = "gemma-3-270m", side = "a", pooling = "mean(5)" }
b = { model = "gemma-3-270m", side = "b", pooling = "mean(5)" }
items = { data = "bible:en-it", minimum = 1, maximum = 400 }
[[panel]]
kind = "profile"
labels = ["texts"]
title = "My pairs"
[[statement]]
claim = "minimum-in-the-middle"
labels = ["texts"]
text = "T."
"""
DEEP = "[" * 20_000 + "]" * 20_000

# What stands in a good file, and what is put in its place.
HOSTILE = [
    *(("n = 50", f"n = {value}") for value in ("1e30", "50.5", '"50"', "true", "-5", "inf", "[50]", "1" + "0" * 30)),
    *(("n = 50", f"n = 50\n{setting}") for setting in (
        "seed = -1", "seed = 1" + "0" * 40, "seed = nan", "n_permutations = 1000000000", "n_resamples = 100000000",
        "resample_fraction = 2.0", "resample_fraction = nan", "n_neighbors = 0", "n_neighbors = 1.5", "measures = [1]",
        "measures = []", 'measures = ["nope"]', "batch_tokens = 0", 'dtype = "float8"', "device = 3", "foo = 1",
        "n = 60", "metric = 7", "transform = 3", "transform = { a = 3 }",
    )),
    *(('label = "texts"', f"label = {label}") for label in ("3", '""', '"  "', '"a\\u0000b"', '"a\\nb"', "[]")),
    ('label = "texts"\n', ""),
    ('label = "texts"', 'label = "mine"'),
    *(('"My pairs"', title) for title in ("3", '""', '"a\\u0001"', "[]")),
    ('kind = "profile"', 'kind = "pie"'),
    ('kind = "profile"', "kind = 3"),
    ('labels = ["texts"]\ntitle', 'labels = ["other"]\ntitle'),
    ('labels = ["texts"]\ntitle', 'labels = "texts"\ntitle'),
    ('labels = ["texts"]\ntitle', "labels = [3]\ntitle"),
    ('title = "My pairs"', 'title = "x"\noptions = 3'),
    ('title = "My pairs"', 'title = "x"\nnames = 3'),
    ('title = "My pairs"', 'title = "x"\nnames = ["a", "b"]'),
    *(("minimum-in-the-middle", claim) for claim in ("nope", "null-at-one")),
    ('claim = "minimum-in-the-middle"', 'claim = ["x"]'),
    ('text = "T."', 'text = "T."\nregion = "x"'),
    ('text = "T."', "text = 3"),
    ('labels = ["texts"]\ntext', "labels = []\ntext"),
    *(('claim = "minimum-in-the-middle"\n', claim) for claim in (
        *(f'claim = "{claim}"\n' for claim in ("rising", "shares-more", "same-shape", "coincide")),
        *(f'claim = "asymmetry-sign"\nnegative = true\nregion = {region}\n' for region in (
            "3", '"x"', "[0.5]", '["a", "b"]', "[1.0, 0.5]", "[0, 0.5, 1]", "[nan, 1]",
        )),
        'claim = "asymmetry-sign"\nnegative = "yes"\nregion = [0, 1]\n',
        'claim = "asymmetry-zero-at-minimum"\nlast = "no"\n',
    )),
    ('labels = ["texts"]\ntext', 'labels = "texts"\ntext'),
    *(('model = "gemma-3-270m", side = "a"', f"{what}, side = \"a\"") for what in (
        "model = 3", 'model = ""', 'model = "https://evil.example/x"', "model = []",
    )),
    ('side = "a", pooling', 'side = "c", pooling'),
    *(('pooling = "mean(5)" }\nb', f"pooling = {pooling} }}\nb") for pooling in (
        '"mean(-5)"', "3", '"mean(5)", layers = "x"', '"last", layers = [0.5]', '"last", layers = []',
        '"last", drop_last = -1', '"last", drop_last = "x"', '"last", clip = 0.7', '"last", tower = "x"',
        '"last", foo = 1', '"last", revision = 3',
    )),
    *(("minimum = 1", limit) for limit in ('minimum = "x"', "minimum = -1", "minimum = 500", "minimum = 1.5")),
    ('data = "bible:en-it"', "data = 3"),
    ('items = { data = "bible:en-it", minimum = 1, maximum = 400 }', "items = []"),
    ("n_features = 20", "n_features = 1000000000"),
    ("n_features = 20", "n_features = -3"),
    ("n_features = 20", "n_features = true"),
    ("values = [1, 5]", 'values = ["a"]'),
    ("values = [1, 5]", "values = []"),
    ('role = "x"', 'role = "z"'),
    ('type = "synthetic"', "type = []"),
    ('type = "synthetic"', 'type = "other"'),
    ('name = "mine"', "name = 3"),
    ('name = "mine"', 'name = "a\\u0000"'),
    ('question = "Which?"', "question = 3"),
    ('question = "Which?"', 'question = "q"\nnotes = 3'),
    ('question = "Which?"', 'question = "q"\nnotes = [3]'),
    ('question = "Which?"', 'question = "q"\nshortfall = "x"'),
    ('question = "Which?"', 'question = "q"\nfoo = 1'),
    *((bracket, bracket[1:-1]) for bracket in ("[[panel]]", "[[statement]]")),
    (STUDY, "{{{"), (STUDY, ""), (STUDY, "a = " + DEEP), (STUDY, 'name = "x"\nquestion = "y"\ncomparison = 3'),
    (STUDY, 'name = "x"\nquestion = "y"\ncomparison = [3]'),
    (STUDY, 'name = "x"\nquestion = "y"\ncomparison = [{ label = "l", a = 3, b = 4 }]'),
]  # fmt: skip


def test_the_file_is_good_without_its_faults(tmp_path: Path) -> None:
    """What the faults are put into is planned."""
    (tmp_path / "s.toml").write_text(STUDY, encoding="utf-8")
    plan = make_plan(read_study(tmp_path / "s.toml"), skip_missing=True)
    assert plan.study.name == "mine"


@pytest.mark.parametrize(("good", "bad"), HOSTILE, ids=[bad[:50] for _, bad in HOSTILE])
def test_hostile_files_are_a_sentence(tmp_path: Path, good: str, bad: str) -> None:
    """It names the file or what is wrong in it, and is short."""
    assert good in STUDY
    (tmp_path / "s.toml").write_text(STUDY.replace(good, bad), encoding="utf-8")
    with pytest.raises(PlatoscopeError) as caught:
        make_plan(read_study(tmp_path / "s.toml"), skip_missing=True)
    assert len(str(caught.value)) < 1_000


def test_a_file_of_another_encoding_is_a_sentence(tmp_path: Path) -> None:
    """TOML is UTF-8."""
    (tmp_path / "s.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(PlatoscopeError, match=r"s\.toml is no valid TOML: 'utf-8' codec"):
        read_study(tmp_path / "s.toml")


def test_paths_are_those_of_the_files_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data and models are found beside the file, wherever the command runs; what is only here is not taken for them."""
    folder = tmp_path / "studies"
    (folder / "tiny").mkdir(parents=True)
    (folder / "mine.jsonl").write_text('{"en": "a", "it": "b"}\n', encoding="utf-8")
    path = folder / "mine.toml"
    path.write_text(
        STUDY.replace("bible:en-it", "mine.jsonl:en,it").replace('"gemma-3-270m"', '"tiny"'), encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    texts = read_study(Path("studies/mine.toml")).design(Choices()).comparisons[1]
    assert texts.items is not None
    assert isinstance(texts.a, Source)
    assert (texts.items.data, texts.a.model) == ("studies/mine.jsonl:en,it", "studies/tiny")
    (folder / "tiny").rename(tmp_path / "tiny")
    with pytest.raises(InputError, match="'tiny' is a folder here, but not in studies"):
        read_study(Path("studies/mine.toml"))


def test_a_model_whose_name_no_file_can_have_is_left_to_who_looks_it_up(tmp_path: Path) -> None:
    """It was `OSError: File name too long`, beside another folder only."""
    name = "gemma-3-270" + "m" * 300
    path = tmp_path / "mine.toml"
    path.write_text(STUDY.replace("gemma-3-270m", name), encoding="utf-8")
    texts = read_study(path).design(Choices()).comparisons[1]
    assert isinstance(texts.a, Source)
    assert texts.a.model == name
    with pytest.raises(NotFoundError, match="there is no model 'gemma-3-270mmm"):
        make_plan(read_study(path), skip_missing=True)
