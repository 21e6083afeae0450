"""The layout holds what it promises: imports point one way, and importing the package costs nothing."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import platoscope

if TYPE_CHECKING:
    from collections.abc import Iterable

SOURCE = Path(platoscope.__file__).parent
ORDER = (
    "datasets",
    "models",
    "representations",
    "neighbors",
    "measures",
    "layerwise",
    "studies",
    "report",
    "cli",
)
# They stand beside all parts, import none of them, and may be imported from anywhere.
LEAVES = ("cache", "errors", "progress", "wording")
HEAVY = ("torch", "transformers", "matplotlib", "numba", "xarray", "scipy", "pandas", "zarr", "datasets")
# They take arrays, from wherever: knowing nothing of models is what makes them of use elsewhere.
KNOW_NO_MODELS = ("neighbors", "measures")

MODULES = sorted(SOURCE.rglob("*.py"))


def _part(path: Path) -> str:
    """Name the part of the package that a file belongs to; the root is the empty string."""
    relative = path.relative_to(SOURCE)
    return (
        ""
        if relative.name == "__init__.py" and len(relative.parts) == 1
        else relative.parts[0].removesuffix(".py")
    )


def _imported_parts(path: Path) -> dict[str, int]:
    """Find the parts of the package that a file imports anywhere in it, with the line."""
    found: dict[str, int] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            names = [node.module or ""]
            if node.module == "platoscope":
                names = [f"platoscope.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "platoscope" and len(parts) > 1:
                found.setdefault(parts[1], node.lineno)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_one_way(path: Path) -> None:
    """A module imports only parts that stand to the left of its own in the picture of docs/design.md."""
    part = _part(path)
    if part in ("", "__main__", "testing"):
        return
    if part in LEAVES:
        assert not _imported_parts(path).keys() - set(LEAVES)
        return
    assert part in ORDER, f"{path} belongs to no known part of the package"
    allowed = {*ORDER[: ORDER.index(part) + 1], *LEAVES, "__version__"}
    if part in KNOW_NO_MODELS:
        allowed -= {"datasets", "models", "representations"}
    wrong = {name: line for name, line in _imported_parts(path).items() if name not in allowed}
    assert not wrong, f"{path.relative_to(SOURCE)} imports {wrong}; {part} may import {sorted(allowed)}"


def _run(code: str) -> str:
    """Run code in a fresh interpreter and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("module", ["platoscope", *(f"platoscope.{part}" for part in ORDER)])
def test_importing_is_light(module: str) -> None:
    """Importing the package or any part of it loads none of the heavy libraries."""
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert _run(code).strip() == "[]"


def test_importing_has_no_side_effects() -> None:
    """Importing prints nothing and leaves NumPy, warnings, random numbers, logging and paths alone."""
    code = """
import logging, os, random, sys, warnings
import numpy as np
np.random.seed(3)
random.seed(3)
def state():
    return (
        repr(np.get_printoptions()), repr(np.geterr()), repr(np.random.get_state()), random.getstate(),
        repr(warnings.filters), dict(os.environ), logging.getLogger().handlers[:],
        logging.getLogger("platoscope").handlers[:], sys.path[:],
    )
before = state()
import platoscope
assert state() == before
"""
    assert _run(code) == ""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_exports_are_sorted(path: Path) -> None:
    """Every ``__all__`` is sorted (constants, classes, functions) and names no thing twice."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
        ):
            names = ast.literal_eval(node.value)
            assert len(set(names)) == len(names)
            assert list(names) == sorted(names, key=lambda name: (_kind(name), name))


def _kind(name: str) -> int:
    """Give the rank of a name in Ruff's order: constants, then classes, then the rest."""
    if len(name) > 1 and name.isupper():
        return 0
    return 1 if name[:1].isupper() else 2


def test_nothing_is_called_utils() -> None:
    """No module is a drawer for what found no place."""
    drawers = {"utils", "util", "helpers", "common", "misc"}
    assert not [path for path in MODULES if path.stem.strip("_") in drawers]


def test_modules_are_short() -> None:
    """No module is longer than 400 lines, and no function longer than 50 lines of code."""
    long = []
    for path in MODULES:
        where = path.relative_to(SOURCE)
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 400:
            long.append(f"{where}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and _code_lines(node) > 50:
                long.append(f"{where}:{node.lineno} {node.name}: {_code_lines(node)} lines")
    assert not long, "\n".join(long)


def _code_lines(function: ast.FunctionDef) -> int:
    """Count the lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def _public_modules() -> list[str]:
    names = ["platoscope"]
    for part in (*ORDER, *LEAVES, "testing"):
        names.append(f"platoscope.{part}")
    return [name for name in names if importlib.util.find_spec(name) is not None]


@pytest.mark.parametrize("name", _public_modules())
def test_public_names_are_documented(name: str) -> None:
    """Every name that a public module exports exists, and every function and class has a docstring."""
    module = importlib.import_module(name)
    assert module.__doc__
    for public in getattr(module, "__all__", ()):
        thing = getattr(module, public)
        if inspect.isfunction(thing) or inspect.isclass(thing):
            assert (thing.__doc__ or "").strip(), f"{name}.{public} has no docstring"


def test_no_module_imports_itself_through_others() -> None:
    """Modules form no circle, imports within functions and by name included; those for type checking do not count."""
    modules = {_module_name(path): path for path in MODULES}
    imports = {name: _imports_at_run_time(path, modules.keys()) - {name} for name, path in modules.items()}
    left = dict(imports)
    while leaves := [name for name, needed in left.items() if not needed & left.keys()]:
        for name in leaves:
            del left[name]
    circle = {name: sorted(needed & left.keys()) for name, needed in left.items()}
    assert not circle, f"these modules import one another, or a circle of others: {circle}"


def _module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports_at_run_time(path: Path, modules: Iterable[str]) -> set[str]:
    """Find the modules of the package that a file imports anywhere but under ``if TYPE_CHECKING``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    skipped = {inner for node in typing for inner in ast.walk(node)}
    found = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
    return found & set(modules)


def test_every_part_is_in_the_order() -> None:
    """The parts on disk are those of the picture, so that none escapes the rule on imports."""
    found = {module.name for module in pkgutil.iter_modules([str(SOURCE)])}
    assert found - {"__main__", "testing", *LEAVES} == set(ORDER)
