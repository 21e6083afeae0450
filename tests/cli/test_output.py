"""Tables and JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from platoscope.cli.options import parse_layers
from platoscope.cli.output import format_table, print_json, print_table
from platoscope.errors import InputError


@dataclass(frozen=True)
class _Record:
    name: str
    values: np.ndarray
    folder: Path


def test_json_knows_records_arrays_and_missing_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """Records, arrays, paths and NaN become plain JSON."""
    print_json(_Record("Δ", np.array([1.0, np.nan]), Path("runs/x")))
    assert json.loads(capsys.readouterr().out) == {"name": "Δ", "values": [1.0, None], "folder": "runs/x"}


def test_table_wraps_its_last_column() -> None:
    """In a terminal the last column wraps under itself, and no line is wider than the terminal."""
    lines = format_table(["a", "text"], [["xyz", "one two three four five six seven"]], width=28).splitlines()
    assert all(len(line) <= 28 for line in lines)
    assert lines[2].startswith("     ")


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
