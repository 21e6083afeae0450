from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

PROGRAM = Path(__file__).with_name("fake_encoder.py")


@pytest.fixture(scope="session")
def fake() -> ModuleType:
    """Load the module ``fake_encoder.py``: its encoder, its sentences, and its path as a program."""
    spec = importlib.util.spec_from_file_location("fake_encoder", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fake_encoder"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def small_units(monkeypatch: pytest.MonkeyPatch) -> int:
    """Units of 16 rows, so that a few sentences make several."""
    monkeypatch.setattr("platoscope.representations._units._ROWS_PER_UNIT", 16)
    return 16
