"""The documentation site builds without a warning, its cells run, and it has what the program has."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import platoscope
from platoscope.cli.app import app

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site; what ran for it once is not run again until the package or the cells change."""
    for module in ("sphinx", "myst_nb", "numpydoc", "furo", "sphinx_copybutton"):
        pytest.importorskip(module, reason="make docs installs it")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(DOCS), str(out)]
    # The package that is tested is the one that is described; kernels are processes of their own.
    environment = os.environ | {"PYTHONPATH": str(Path(platoscope.__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
def test_every_page_is_in_the_contents(site: Path) -> None:
    """What is in the folder is a page of the site, and the first page leads to it."""
    first = (site / "index.html").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        name = page.relative_to(DOCS).with_suffix(".html").as_posix()
        if not name.startswith("_") and name != "index.html":
            assert (site / name).is_file()
            assert f'href="{name}"' in first or name.startswith("reference/"), (
                f"{name} is not in the contents"
            )


@pytest.mark.slow
def test_notebooks_are_shipped_as_they_ran(site: Path) -> None:
    """Every page with cells has its notebook, in which every cell was run, and one that draws has its picture."""
    pages = [
        page for page in DOCS.rglob("*.md") if "\nfile_format: mystnb\n" in page.read_text("utf-8")[:200]
    ]
    shipped = {path.stem: path for path in (site / "_downloads").rglob("*.ipynb")}
    assert {page.stem for page in pages} == shipped.keys()
    for path in shipped.values():
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        assert code
        assert all(cell["execution_count"] for cell in code)
        drawing = [cell for cell in code if re.search(r"plt\.subplots|plot_\w+\(", "".join(cell["source"]))]
        lost = [
            cell for cell in drawing if all("image/png" not in out.get("data", ()) for out in cell["outputs"])
        ]
        assert lost == [], path


@pytest.mark.slow
def test_the_reference_has_every_name_and_command(site: Path) -> None:
    """Names of the package and commands of the program stand in the reference."""
    names = (site / "reference" / "api.html").read_text(encoding="utf-8")
    assert [name for name in platoscope.__all__ if f"platoscope.{name}" not in names] == []
    parts = {name: getattr(platoscope, name) for name in platoscope.__all__}
    for part, module in parts.items():
        if not inspect.ismodule(module) or not hasattr(module, "__all__"):
            continue
        page = (site / "reference" / f"{part}.html").read_text(encoding="utf-8")
        things = {name: getattr(module, name) for name in module.__all__}
        own = [
            name
            for name, thing in things.items()
            if getattr(thing, "__module__", "").startswith(module.__name__)
        ]
        assert own
        assert [name for name in own if f'id="{module.__name__}.{name}"' not in page] == []
    commands = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    program = typer.main.get_command(app)
    assert [name for name in program.commands if f"platoscope {name}" not in commands] == []


@pytest.mark.slow
def test_the_site_loads_nothing_from_a_network(site: Path) -> None:
    """Pages work from a folder: no script, style or picture comes from elsewhere."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)[^>]*\ssrc=\"(https?:[^\"]*)", text)
        loaded += re.findall(r"<link[^>]*rel=\"stylesheet\"[^>]*href=\"(https?:[^\"]*)", text)
        assert loaded == [], page
