"""``platoscope cache``: what is kept, how large it is, and that only that is removed."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from platoscope import cli
from platoscope.cache import KINDS, delete, kept_of, size_on_disk
from platoscope.kept import seal

if TYPE_CHECKING:
    from pathlib import Path

NAME = "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fill a cache with one thing of each kind, and put beside each what is not ours."""
    monkeypatch.setenv("PLATOSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PLATOSCOPE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("platoscope.layerwise.kernel_files", list)
    folder = tmp_path / "cache"
    model = folder / "models" / "gemma-3-270m-1.0.0-1"
    model.mkdir(parents=True)
    (model / "platoscope.json").write_text("{}", encoding="utf-8")
    (model / "model.safetensors").write_bytes(bytes(998))
    seal(model)
    mine = folder / "models" / "my-model-1"
    mine.mkdir()
    (mine / "model.safetensors").write_bytes(bytes(10))
    for name in ("encoders", "digests"):
        (folder / name).mkdir()
        (folder / name / f"{NAME}.json").write_bytes(bytes(7))
        (folder / name / "notes.json").write_bytes(bytes(7))
    for ending in ("lengths", "check"):
        (folder / "encoders" / f"{NAME}.{ending}").write_bytes(bytes(5))
    (tmp_path / "data" / "emoji").mkdir(parents=True)
    (tmp_path / "data" / "emoji" / "pairs.jsonl").write_bytes(bytes(20))
    return folder


def _sizes(capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[int, int]]:
    assert cli.main(["cache", "--json"]) == 0
    return {each["kind"]: (each["entries"], each["size"]) for each in json.loads(capsys.readouterr().out)}


def test_the_kinds_are_told_apart(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every kind is counted with its bytes, and what is not ours with none."""
    model = size_on_disk(filled / "models" / "gemma-3-270m-1.0.0-1")
    assert model > 1000
    assert _sizes(capsys) == {
        "models": (1, model),
        "token-counts": (1, 5),
        "facts": (1, 7),
        "checks": (1, 5),
        "digests": (1, 7),
        "kernels": (0, 0),
        "data": (1, 20),
        "representations": (0, 0),
    }
    assert cli.main(["cache"]) == 0
    assert "20 B" in capsys.readouterr().out


def test_all_leaves_data_and_what_is_not_ours(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``rm --all --yes`` removes what is made again without the user, and tells each kind."""
    assert cli.main(["cache", "rm", "--all", "--yes"]) == 0
    assert "removed models: 1 entry" in capsys.readouterr().out
    assert {kind: n for kind, (n, _) in _sizes(capsys).items() if n} == {"data": 1}
    left = sorted(path.relative_to(filled).as_posix() for path in filled.rglob("*") if path.is_file())
    assert left == ["digests/notes.json", "encoders/notes.json", "models/my-model-1/model.safetensors"]
    assert cli.main(["cache", "rm", "--all", "--yes"]) == 0
    assert capsys.readouterr().out == "There is nothing of it.\n"


def test_a_kind_is_removed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Only what is named goes."""
    assert cli.main(["cache", "rm", "token-counts", "data", "token-counts", "--yes"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("removed ") == 2
    sizes = _sizes(capsys)
    assert sizes["token-counts"] == sizes["data"] == (0, 0)
    assert sizes["facts"] == (1, 7)


class _Answer(io.StringIO):
    """A terminal on which somebody types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "left"), [("n\n", 1), ("\n", 1), ("y\n", 0)])
def test_it_asks_first(
    answer: str, left: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal it asks, on stderr; only yes removes."""
    monkeypatch.setattr(sys, "stdin", _Answer(answer))
    assert cli.main(["cache", "rm", "facts"]) == 0
    printed = capsys.readouterr()
    assert "Remove facts: 1 entry, 7 B?" in printed.err
    assert ("Nothing was removed" in printed.out) == bool(left)
    assert _sizes(capsys)["facts"][0] == left


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["facts"], "Nobody is here to be asked. Give --yes to remove facts: 1 entry, 7 B."),
        ([], "or give --all; not both"),
        (["facts", "--all"], "or give --all; not both"),
        (["representations", "--yes"], "platoscope store rm KEY"),
        (["weights", "--yes"], "there are models, token-counts"),
        (["facts", "../..", "--yes"], "there are models, token-counts"),
    ],
)
def test_what_is_not_clear_removes_nothing(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without somebody to ask, without a name or with one that there is not, nothing is removed."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    before = _sizes(capsys)
    assert cli.main(["cache", "rm", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert _sizes(capsys) == before


def test_of_a_link_only_the_link_is_removed(tmp_path: Path, filled: Path) -> None:
    """A converted model that was moved to another disk and linked loses its link, not its files."""
    (models,) = (kind for kind in KINDS if kind.name == "models")
    (model,) = kept_of(models)
    model.rename(tmp_path / "elsewhere")
    model.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    delete(kept_of(models))
    assert not model.is_symlink()
    assert (tmp_path / "elsewhere" / "model.safetensors").exists()


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_interrupted_removal_leaves_nothing_behind(
    filled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was to go is gone as a whole, and what a killed process left of it goes with the next removal."""
    with monkeypatch.context() as patched:
        patched.setattr("platoscope.cache.shutil", SimpleNamespace(rmtree=_interrupted))
        assert cli.main(["cache", "rm", "models", "--yes"]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert [path.name for path in (filled / "models").iterdir()] == ["my-model-1"]
    left = filled / "models" / ".draft-killed"
    (left / "gemma-3-270m-1.0.0-1").mkdir(parents=True)
    (left / "lock").touch()
    assert cli.main(["cache", "rm", "models", "--yes"]) == 0
    assert capsys.readouterr().out == "There is nothing of it.\n"
    assert not left.exists()
