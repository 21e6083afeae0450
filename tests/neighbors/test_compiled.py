"""Compiled code is kept between runs, and is compiled again when anything changes that it was made of."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import platoscope

SOURCE = Path(platoscope.__file__).parent
KERNELS = {
    f"platoscope.{path.parent.name}.{path.stem}": path
    for path in SOURCE.glob("*/_*kernels.py")
    if "from numba import" in path.read_text("utf-8")
}


def imported(path):
    """Return the files of compiled loops whose functions a file calls."""
    found = (
        node.module
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
    )
    return [KERNELS[name] for name in found if name in KERNELS]


@pytest.mark.parametrize(
    "path", [path for path in KERNELS.values() if imported(path)], ids=lambda path: path.stem
)
def test_a_file_of_loops_changes_with_those_that_it_calls(path):
    """Numba looks at one file only to tell whether what it kept is stale: a callee elsewhere must leave a trace in it."""
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in imported(path))).hexdigest()[:12]
    assert f'_BUILT_ON = "{digest}"' in path.read_text("utf-8"), (
        f"{path.name} is built on {', '.join(source.name for source in imported(path))}, which changed. "
        f'Write _BUILT_ON = "{digest}" in it, so that installed copies compile it again.'
    )


@pytest.mark.parametrize("writable", [True, False])
def test_a_read_only_installation_without_a_home_compiles_elsewhere(tmp_path, writable):
    """In Platoscope's cache, or where that cannot be written either, in a temporary folder; importing is no error."""
    package = tmp_path / "here" / "platoscope"
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("neighbors", "measures"):
        (package / folder / "__pycache__").write_text("in the way of a folder")
    (tmp_path / "file").write_text("")
    cache = tmp_path / ("cache" if writable else "file") / "platoscope"
    (tmp_path / "tmp").mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"} | {
        "PYTHONPATH": str(package.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(tmp_path / "file" / "home"),
        "TMPDIR": str(tmp_path / "tmp"),
        "PLATOSCOPE_CACHE": str(cache),
    }
    code = (
        "import platoscope.measures as m; from platoscope.neighbors._kernels import fill_row; "
        "print(m.__file__, fill_row.stats.cache_path, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    where, place = map(Path, done.stdout.splitlines())
    assert where.is_relative_to(package)
    assert place.is_relative_to(cache if writable else tmp_path / "tmp")
    assert not list((tmp_path / "tmp").iterdir()), "what is temporary goes with the process"
