"""The prepared checks of a GPU run as they stand, on the CPU taken for one: nobody has minutes of a GPU to find a slip."""

from __future__ import annotations

import importlib
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
torch = pytest.importorskip("torch")


@pytest.fixture
def measuring() -> Iterator[ModuleType]:
    """Import the section, which no package holds."""
    if not BENCHMARKS.is_dir():
        pytest.skip("the source distribution has no benchmarks")
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("measuring.gpu")
    sys.path.remove(str(BENCHMARKS))


def test_all_rows_come_and_values_are_those_of_arrays(
    measuring: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of four rows the first says that values are equal; the others have times, of which nothing is asked."""
    monkeypatch.setattr("platoscope.neighbors._inputs._WITH_FLOAT64", ("cuda", "cpu"))
    table = importlib.import_module("measuring.table")
    rows = measuring.rows_there(table.Sizes(120, 16, 8, 3, (), 0, (0, 0), 1), "cpu", quick=True)
    assert [row.section for row in rows] == ["gpu"] * 4
    assert rows[0].ours == "48 of 48 equal to the last bit"
    assert "holds" in rows[0].bar
    assert all("TF32 off" in row.other for row in rows[1:3])


def test_without_a_gpu_every_row_says_so(measuring: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """No number stands where nothing was measured."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    table = importlib.import_module("measuring.table")
    rows = measuring.gpu(table.Sizes(120, 16, 8, 3, (), 0, (0, 0), 1), Namespace(quick=False))
    assert {(row.ours, row.other, row.result, row.bar) for row in rows} == {("not run: no GPU", "", "", "")}
    assert len(rows) == 4


def test_rows_of_a_gpu_come_into_a_table_of_another_machine(measuring: ModuleType, tmp_path: Path) -> None:
    """They say themselves on what they were measured; all other rows of a table are of one machine."""
    assert measuring
    table = importlib.import_module("measuring.table")
    page = tmp_path / "page.md"
    rows = f"{table.HEADER}\n| pair | x | 1 s | y | 2 × |  |"
    old = f"<!-- table: begin -->\nsome other machine.\n\n{rows}\n<!-- table: end -->\n"
    page.write_text(old, encoding="utf-8")
    table.write_into(page, [table.Row("gpu", "z", "1 s", "a GPU", "1 ×")])
    assert page.read_text(encoding="utf-8") == old.replace(
        "<!-- table: end", "| gpu | z | 1 s | a GPU | 1 × |  |\n<!-- table: end"
    )
    with pytest.raises(SystemExit, match="another machine"):
        table.write_into(page, [table.Row("grid", "z", "1 s", "y", "1 ×")])
