"""The examples of the documentation run, and print what stands beside them."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from platoscope import report
from platoscope.cli.app import app
from platoscope.datasets import list_datasets
from platoscope.measures import MEASURES
from platoscope.models.bundled import BUNDLED
from platoscope.studies import list_studies
from platoscope.studies.design.comparison import Kind
from platoscope.studies.design.records import PanelKind
from platoscope.studies.paper.toml import CLAIMS

DOCS = Path(__file__).parents[1] / "docs"
# Pages whose examples need no model or data of others. The blocks of a page are one session, in a folder of its own.
PAGES = (
    "explanation/differences.md",
    "explanation/gain.md",
    "explanation/predictability.md",
    "explanation/scales.md",
    "explanation/weights.md",
    "figures.md",
    "howto/large-models.md",
    "howto/modules.md",
    "in-hand.md",
    "measures.md",
)
# What a page needs installed; the last cells of its tables are examples as well.
NEEDED = {
    "howto/large-models.md": ("accelerate", "safetensors", "transformers"),
    "howto/modules.md": ("torch", "transformers"),
    "in-hand.md": ("datasets", "h5py", "peft", "polars", "pyarrow", "safetensors", "sentence_transformers"),
}


def _examples(text: str, page: str) -> list[str]:
    """Give the examples of a page in their order; of a page whose tables say what to type, their last cells as well."""
    found = []
    for block, cell in re.findall(
        r"^```(?:python|\{code-cell\} python)\n(.*?)^```|^\|[^\n]*\| (`[^\n]+`) \|$",
        text,
        flags=re.MULTILINE | re.DOTALL,
    ):
        found += [block] if block else re.findall(r"`([^`]+)`", cell) if page in NEEDED else []
    return found


def _printed(statement: ast.stmt, names: dict[str, Any]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(ast.Module([statement], []), "example", "exec"), names)
    return " ".join(out.getvalue().split())


@pytest.mark.skipif(not DOCS.is_dir(), reason="the source distribution has no documentation")
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")  # of peft, by transformers
@pytest.mark.parametrize("page", PAGES)
def test_examples_print_what_stands_beside_them(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every example of a page runs, and a number in the comment on what it prints is the number that is printed."""
    monkeypatch.chdir(tmp_path)
    for needed in NEEDED.get(page, ()):
        pytest.importorskip(needed)
    names: dict[str, Any] = {}
    compared = 0
    for block in _examples((DOCS / page).read_text(encoding="utf-8"), page):
        lines = block.splitlines()
        for statement in ast.parse(block).body:
            printed = _printed(statement, names)
            said = " ".join(lines[(statement.end_lineno or 0) - 1].partition("  # ")[2].split())
            if printed and re.search(r"\d|True", said):
                assert said.startswith(printed) or said in printed, f"{page} says {said}, and got {printed}"
                compared += 1
    assert compared > 0


# Kinds of things in hand: as many as people were seen to hold.
KINDS = {"Pairs": 14, "Models": 8, "Activations": 9}


@pytest.mark.skipif(not DOCS.is_dir(), reason="the source distribution has no documentation")
@pytest.mark.skipif(shutil.which("bash") is None, reason="no shell of POSIX")
def test_commands_can_be_typed_as_they_stand() -> None:
    """What a shell reads as its own (parentheses, angle brackets) is quoted in commands of the documentation."""
    commands = [
        line.strip().removeprefix("$ ")
        for page in (DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md")))
        for block in re.findall(
            r"^ *```\w*\n(.*?)^ *```", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL
        )
        for line in block.splitlines()
        if re.match(r"\s*(\$ )?platoscope ", line)
    ]
    assert len(commands) > 40
    for command in commands:
        read = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, check=False)
        assert not read.returncode, f"{command}: {read.stderr}"
        _parse(command)


def _parse(command: str) -> None:
    """Let the program read a line as far as to the options of its command, and do nothing; one that it has not fails."""
    words = re.split(r" >|;| \|", command)[0]
    chosen: Any = get_command(app)
    rest = shlex.split(words, comments=True)[1:]
    above = None
    while rest and not {"--help", "--install-completion"} & set(rest):
        above = chosen.make_context(chosen.name, rest, parent=above)
        if not isinstance(chosen, TyperGroup):
            break
        _, chosen, rest = chosen.resolve_command(above, [*above._protected_args, *above.args])


@pytest.mark.skipif(not DOCS.is_dir(), reason="the source distribution has no documentation")
def test_every_row_of_what_is_in_hand_is_an_example() -> None:
    """The last cell of each row is code and nothing else, statements of one line, so that the test above runs them."""
    text = (DOCS / "in-hand.md").read_text(encoding="utf-8")
    run = _examples(text, "in-hand.md")
    for title, part in re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL):
        rows = [line for line in part.splitlines() if line.startswith("|")][2:]
        assert len(rows) >= KINDS[title]
        for row in rows:
            cell = row.removesuffix(" |").rpartition(" | ")[2]
            lines = re.findall(r"`([^`]+)`", cell)
            assert ", ".join(f"`{line}`" for line in lines) == cell
            assert all(line in run and len(ast.parse(line).body) == 1 for line in lines)


ROWS = {
    "data.md": [info.name for info in list_datasets()],
    "models.md": [model.name for model in BUNDLED],
    "studies.md": [study.name for study in list_studies()],
}
WORDS = {
    "figures.md": [name for name in report.__all__ if name.startswith("plot_")],
    "measures.md": list(MEASURES),
    "studies.md": [*get_args(Kind), *get_args(PanelKind), *CLAIMS],
}


@pytest.mark.skipif(not DOCS.is_dir(), reason="the source distribution has no documentation")
@pytest.mark.parametrize("page", sorted({*ROWS, *WORDS}))
def test_what_can_be_asked_for_is_on_its_page(page: str) -> None:
    """Data sets, bundled models and studies have a row of a table; measures, kinds and claims are named."""
    text = (DOCS / page).read_text(encoding="utf-8")
    missing = [name for name in ROWS.get(page, ()) if f"\n| `{name}` |" not in text]
    missing += [name for name in WORDS.get(page, ()) if f"`{name}`" not in text]
    assert not missing, f"docs/{page} says nothing of {missing}"
