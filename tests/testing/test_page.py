"""The page on testing says what is so: its code runs, and what stands beside a line is what the line prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


@pytest.mark.skipif(not PAGE.exists(), reason="the pages are not part of a source distribution")
def test_the_code_of_the_page_runs_and_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    """All blocks run one after the other, and every printed line is the comment beside its `print`."""
    pytest.importorskip("torch")
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 3
    code = "\n".join(blocks)
    exec(compile(code, str(PAGE), "exec"), {"__name__": "page"})
    said = re.findall(r"^print\(.*\)  # (.*)$", code, re.MULTILINE)
    assert len(said) == code.count("print(") == 3
    assert capsys.readouterr().out.splitlines() == said


@pytest.mark.skipif(not PAGE.exists(), reason="the pages are not part of a source distribution")
def test_the_page_names_every_strategy() -> None:
    """The table of strategies is that of the module."""
    from platoscope.testing import strategies

    named = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(strategies.__all__)
