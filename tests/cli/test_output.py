"""Tables and JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from platoscope.cli.options import parse_layers
from platoscope.cli.output import format_table, print_json, print_table
from platoscope.errors import InputError
from platoscope.report import check_panels
from platoscope.studies import Panel


@dataclass(frozen=True)
class _Record:
    name: str
    values: np.ndarray
    folder: Path


def test_json_knows_records_arrays_and_missing_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """Records, arrays, paths and NaN become plain JSON."""
    print_json(_Record("Δ", np.array([1.0, np.nan]), Path("runs/x")))
    assert json.loads(capsys.readouterr().out) == {"name": "Δ", "values": [1.0, None], "folder": "runs/x"}


_WIDE = (
    ["model", "space", "best layer", "key"],
    [["gemma-3-270m", "clip 0.05 on tokens + unit; euclidean", "0.331 [0.310, 0.352] at 11", "9fe279d15a4c"]],
)


@pytest.mark.parametrize("width", [44, 60, 90])
def test_tables_are_as_wide_as_the_terminal(width: int) -> None:
    """Every column wraps between words; no line is wider than the terminal, and no word is cut or lost."""
    printed = format_table(*_WIDE, width=width)
    header, rows = _WIDE
    assert all(len(line) <= width for line in printed.splitlines())
    assert sorted(printed.split()) == sorted(" ".join([*header, *rows[0]]).split())


def test_a_row_that_fits_nowhere_is_a_block() -> None:
    """Where not even the longest words fit side by side, each row has a line per column, and words stay whole."""
    header, rows = _WIDE
    lines = format_table(header, [*rows, *rows], width=20).splitlines()
    named = [line.split()[0] for line in lines if line and not line.startswith(" ")]
    assert named == ["model", "space", "best", "key"] * 2
    assert lines.count("") == 1
    assert sum("9fe279d15a4c" in line for line in lines) == 2


def test_signs_that_take_two_columns() -> None:
    """Signs of Chinese, Japanese and Korean are as wide as two letters."""
    assert format_table(["a", "b"], [["日本", "x"], ["abcd", "y"]]).splitlines()[1:] == ["日本  x", "abcd  y"]


@pytest.mark.parametrize("width", [None, 60, 20])
def test_a_bold_header_changes_no_text(width: int | None) -> None:
    """The escape sequences of a terminal stand around the names of columns only."""
    bold = format_table(*_WIDE, width=width, bold=True)
    assert "\x1b[1m" in bold
    lines = re.sub(r"\x1b\[[0-9]*m", "", bold).splitlines()
    assert [line.rstrip() for line in lines] == format_table(*_WIDE, width=width).splitlines()


def test_tables_in_a_pipe_are_plain(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal there are no colors and no wrapping."""
    print_table(["name", "text"], [["x", "word " * 60]])
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert len(printed.splitlines()) == 2


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "5-3", "1,,2", "1.5"])
def test_layers_that_cannot_be_read(text: str) -> None:
    """What is no list of layers is an error that shows the notation."""
    with pytest.raises(InputError, match="0,4,8-12"):
        parse_layers(text)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_output_of_any_encoding(encoding: str) -> None:
    """What an encoding has no sign for is written as its number: a file on Windows, an old terminal."""
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    script = "import sys; import platoscope.cli.app as app; from platoscope.cli import main, output\n"
    script += "app._run_app = lambda given: output.print_text('Δ of 日本 é') or 0\nsys.exit(main([]))"
    ran = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    accent = "\\xe9" if encoding == "ascii" else "é"
    assert ran.stdout.decode(encoding).strip() == f"\\u0394 of \\u65e5\\u672c {accent}"


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX closes stdout")
def test_a_closed_stdout_and_a_full_one_are_no_traceback() -> None:
    """Where stdout is closed the command works; where it takes nothing the error is one sentence."""
    command = f"{sys.executable} -m platoscope --version"
    for redirect, code in ((">&-", 0), ("> /dev/full", 2)):
        ran = subprocess.run(
            ["sh", "-c", f"{command} {redirect}"], capture_output=True, text=True, check=False
        )
        assert (ran.returncode, "Traceback" in ran.stderr, "Exception" in ran.stderr) == (
            code,
            False,
            False,
        ), ran.stderr


@pytest.mark.parametrize("options", [{"foo": 1}, {"ax": 1}])
def test_options_of_panels_are_checked_before_the_work(options: dict[str, int]) -> None:
    """An option that a plot function does not take is refused when there is nothing yet to lose."""
    panel = Panel(kind="profile", labels=("x",), title="X", options=options)
    with pytest.raises(InputError, match="does not take; it takes"):
        check_panels([panel])
