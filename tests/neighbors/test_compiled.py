"""Compiled code is kept between runs, and is compiled again when anything changes that it was made of."""

from __future__ import annotations

import ast
import hashlib
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
