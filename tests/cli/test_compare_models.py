"""``platoscope compare MODEL_A MODEL_B --pairs …``: two models in one command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from platoscope import cli
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
    assert cli.main([*arguments, "--names", "English", "Italian", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name_a"] for row in rows} == {"English"}
    assert {row["direction"] for row in rows} == {"a_to_b", "b_to_a", None}
    assert cli.main([*arguments, "--grid", "--figure", "grid.png"]) == 0
    assert "en → it" in capsys.readouterr().out
    assert (tiny / "grid.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["one/last", "two/last"], "two models are compared over pairs, with --pairs"),
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
