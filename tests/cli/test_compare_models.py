"""``platoscope compare MODEL_A MODEL_B … --pairs …``: two models, several, or checkpoints in one command."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from platoscope import cli
from platoscope.layerwise import compare_many, read_checkpoints, read_models, trajectory
from platoscope.representations import LAYER_NAMES, Representations, export
from platoscope.testing.models import save_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

FEW = ("--measure", "information_imbalance", "--resamples", "4", "--pooling", "mean")


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder with two tiny models and a table of 60 pairs in two groups."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLATOSCOPE_STORE", str(tmp_path / "store"))
    save_tiny_model("llama", tmp_path / "one/last", seed=0)
    save_tiny_model("llama", tmp_path / "two/last", seed=1, n_blocks=4)
    for step in (0, 20, 100):
        save_tiny_model("llama", tmp_path / f"run/checkpoint-{step}", seed=step + 2)
    rng = np.random.default_rng(0)
    rows = [
        {
            "id": f"p{i}",
            "en": " ".join(rng.choice(["stone", "river", "bird", "cloud"], 5)) + f" {i}",
            "it": f"{i} " + " ".join(rng.choice(["sasso", "fiume", "uccello"], 5)),
            "stratum": str(i % 2),
        }
        for i in range(60)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "mine.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


def test_two_models_in_one_command(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table with the names of both sides, a null within the strata, and a picture in one file."""
    arguments = ["compare", "one/last", "two/last", "--pairs", "mine.jsonl:en,it", "--n", "50", "--strata"]
    arguments += ["--permutations", "5", "--figure", "out/picture.svg", "--side", "en", *FEW]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    assert "one/last → two/last" in printed
    assert "Compared: 50 items; pooling mean; rows none" in printed
    assert "A is one/last, B is two/last." in printed
    assert "one/last" in (tiny / "out/picture.svg").read_text(encoding="utf-8")


def test_names_and_json(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--names`` are those of the table; JSON keeps the directions as results have them."""
    arguments = ["compare", "one/last", "one/last", "--pairs", "mine.jsonl:en,it", *FEW]
    assert cli.main([*arguments, "--names", "English,Italian", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name_a"] for row in rows} == {"English"}
    assert {row["direction"] for row in rows} == {"a_to_b", "b_to_a", None}
    assert cli.main([*arguments, "--grid", "--figure", "grid.png"]) == 0
    assert "en → it" in capsys.readouterr().out
    assert (tiny / "grid.png").read_bytes().startswith(b"\x89PNG")


def _cells(printed: str) -> list[list[str]]:
    """Take a printed table apart: its header, and its rows."""
    table = printed.split("\n\n")[0]
    return [re.split(r"\s{2,}", line.strip()) for line in table.splitlines()]


def test_more_than_two_models(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row for every two in both directions, as of `compare_many`; a table for programs, and one picture."""
    models = ["one/last", "two/last", "run/checkpoint-0"]
    arguments = ["compare", *models, "--pairs", "mine.jsonl:en,it", "--side", "en", "--pooling", "mean"]
    assert cli.main([*arguments, "--figure", "models.svg", "--out", "models.csv"]) == 0
    printed = capsys.readouterr().out
    header, *rows = _cells(printed)
    assert header[:6] == ["measure", "model_a", "model_b", "best", "layer_a", "layer_b"]
    assert header[6:] == ["at depth 0", "at depth 0.5", "at depth 1"]
    names = ["one/last", "two/last", "checkpoint-0"]
    assert [tuple(row[1:3]) for row in rows] == [(a, b) for a in names for b in names if a != b]
    assert "Compared: 60 items; pooling mean; rows none; euclidean" in printed
    read = read_models(models, "same:mine.jsonl:en", pooling="mean", store=tiny / "store")
    found = compare_many(dict(zip(read.names, read.stacks, strict=True)))
    cell = found.sel(model_a="two/last", model_b="one/last")
    assert rows[2][3] == f"{float(cell.best):.4f}"
    assert rows[2][4:6] == [str(int(cell.best_layer_a)), str(int(cell.best_layer_b))]
    assert rows[2][8] == f"{float(cell.equal_depth.sel(relative_depth=1.0)):.4f}"
    assert len((tiny / "models.csv").read_text(encoding="utf-8").splitlines()) == 1 + 6 * 12
    assert "checkpoint-0" in (tiny / "models.svg").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore:One feature holds")  # of a tiny model
def test_checkpoints_over_the_training(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever their order, steps are those of the names; each is compared with the last, with another model, or itself."""
    folders = [f"run/checkpoint-{step}" for step in (100, 0, 20)]
    arguments = ["compare", *folders, "--checkpoints", "--pairs", "mine.jsonl:en,it", *FEW]
    assert cli.main([*arguments, "--side", "en", "--figure", "training.png"]) == 0
    header, *rows = _cells(capsys.readouterr().out)
    assert header[:3] == ["step", "measure", "direction"]
    assert [row[0] for row in rows] == ["0", "0", "20", "20", "100", "100"]
    assert rows[0][2] == "checkpoint → last checkpoint"
    assert (tiny / "training.png").read_bytes().startswith(b"\x89PNG")
    assert cli.main([*arguments, "--side", "en", "--reference", "two/last", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["name_b"] for row in found} == {"last"}
    assert {row["step"] for row in found} == {0, 20, 100}
    assert cli.main([*arguments, "--names", "English,Italian"]) == 0
    printed = capsys.readouterr().out
    assert "English → Italian" in printed
    read = read_checkpoints(
        {0: folders[1], 20: folders[2]}, "mine.jsonl:en,it", pooling="mean", store=tiny / "store"
    )
    result = trajectory(read.checkpoints, read.reference, names=read.names, n_resamples=0)
    assert read.names == ("en", "it")
    lowest = result.information_imbalance.sel(step=20).min("layer")
    values = [row[5] for row in _cells(printed)[1:] if row[0] == "20"]
    assert values == [f"{float(lowest.sel(direction=way)):.4f}" for way in ("a_to_b", "b_to_a")]


def test_files_of_several_models_and_steps(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Arrays in files are models or checkpoints as well, over the items that all have; layers show their names."""
    rng = np.random.default_rng(0)
    for step, n in ((0, 30), (500, 28), (1000, 30)):
        names = [f"layers.{i}" for i in range(2)]
        stack = Representations.from_arrays(
            rng.standard_normal((2, n, 4)), ids=[f"s{i}" for i in range(n)], provenance={LAYER_NAMES: names}
        )
        export(stack, tiny / f"step-{step}.safetensors")
    files = [f"step-{step}.safetensors" for step in (0, 500, 1000)]
    few = ("--measure", "information_imbalance", "--resamples", "0")
    assert cli.main(["compare", *files, "--checkpoints", *few]) == 0
    printed = capsys.readouterr().out
    assert "layers.1" in printed
    assert "Compared: 28 items" in printed
    assert "Left out, because not all have them: 2, 0, 2 items of each in order." in printed
    assert cli.main(["compare", *files, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["model_a"] for row in rows} == set(files)


def test_a_table_in_another_encoding(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no UTF-8 is an error that names the option, and the option reads it."""
    content = (tiny / "mine.jsonl").read_text(encoding="utf-8").replace("river", "rivière")
    (tiny / "old.jsonl").write_text(content, encoding="latin-1")
    arguments = ["compare", "one/last", "two/last", "--pairs", "old.jsonl:en,it", *FEW]
    assert cli.main(arguments) == 2
    assert "as --encoding latin-1" in capsys.readouterr().err
    assert cli.main([*arguments, "--encoding", "latin-1"]) == 0
    assert "Compared: 60 items" in capsys.readouterr().out
    for command in (
        ["data", "show", "old.jsonl:en,it"],
        ["extract", "one/last", "old.jsonl:en,it", "--pooling", "mean"],
    ):
        assert cli.main(command) == 2
        assert cli.main([*command, "--encoding", "latin-1"]) == 0


def test_labels_of_a_study(capsys: pytest.CaptureFixture[str]) -> None:
    """``run --labels`` takes names and labels; what is no such pair is one sentence."""
    arguments = ["run", "rank-synthetic", "--dry-run", "--labels"]
    for text in ("it", "it=", "=Italian", "it=Italian,it=Greek"):
        assert cli.main([*arguments, text]) == 2
        assert f"NAME=LABEL, each name once, as gemma-3-270m=Gemma,it=Italian; got {text!r}" in (
            capsys.readouterr().err
        )
    assert cli.main([*arguments, "it=Italian"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["one/last"], "compare takes two keys, files or models, or more; got 'one/last' alone"),
        (
            ["a", "b", "c", "--grid", "--permutations", "5"],
            "at equal depth; leave out --grid and --permutations",
        ),
        (["a", "b", "c", "--measure", "cka_biased", "--measure", "rsa"], "leave out more than one --measure"),
        (["a", "b", "--reference", "c"], "two are compared layer by layer; leave out --reference"),
        (["a-1", "b-2", "--checkpoints", "--spaces"], "matched layers at every step; leave out --spaces"),
        (["a-1", "b", "--checkpoints"], "the name of the checkpoint 'b' does not end in its step"),
        (["a-1", "b-01", "--checkpoints"], "two checkpoints are of step 1: 'a-1' and 'b-01'"),
        (["a", "b", "--names", "A"], "--names must be 2 texts separated by commas, one for each; got 'A'"),
        (["a", "b", "--encoding", "latin-1"], "--encoding is for models, which read pairs"),
        (
            ["one/last", "two/last", "run/checkpoint-0", "--pairs", "mine.jsonl:en,it"],
            "3 models are compared over one text or image, and 'mine.jsonl' has two sides; say which one they "
            "read, as --side en",
        ),
        (["one/last", "two/last"], "models are compared over pairs, with --pairs"),
        (["a", "b", "--n", "5"], "--n is for models, which read pairs; give --pairs as well"),
        (["a", "b", "--min-tokens", "5"], "--min-tokens is for models"),
        (["one/last", "two/last", "--pairs", "mine.jsonl:en,it", "--strata"], "give --permutations as well"),
        (["a", "b", "--figure", "x.gif"], "--figure writes .png"),
        (
            ["one/last", "one/last", "--pairs", "same:mine.jsonl:en,it", "--pooling", "mean"],
            "both sides would be the same",
        ),
        (["one/last", "./nowhere", "--pairs", "mine.jsonl:en,it"], "There is no model at './nowhere'"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(
    tiny: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Nothing is guessed: a folder without pairs, options of pairs without any, one side twice."""
    assert cli.main(["compare", *arguments]) == 2
    assert said in capsys.readouterr().err
