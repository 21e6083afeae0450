from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

PROGRAM = Path(__file__).with_name("fake_encoder.py")


@pytest.fixture(scope="session")
def fake(load_file: Callable[[Path], ModuleType]) -> ModuleType:
    """Load the module ``fake_encoder.py``: its encoder, its sentences, and its path as a program."""
    return load_file(PROGRAM)


@pytest.fixture
def small_units(monkeypatch: pytest.MonkeyPatch) -> int:
    """Units of 16 rows, so that a few sentences make several."""
    monkeypatch.setattr("platoscope.representations._units._ROWS_PER_UNIT", 16)
    return 16
