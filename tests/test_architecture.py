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
from typing import TYPE_CHECKING, NamedTuple

import pytest

import platoscope

if TYPE_CHECKING:
    from collections.abc import Mapping

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
# What each room of studies may import of the others, as docs/design.md says.
ROOMS: dict[str, set[str]] = {
    "design": set(),
    "judge": {"design"},
    "paper": {"design", "judge"},
    "beyond": {"design", "judge", "paper"},
    "plan": {"design", "judge"},
    "run": {"design", "judge", "plan"},
}
# They stand beside all parts, import none of them, and may be imported from anywhere.
LEAVES = (
    "arguments",
    "cache",
    "cards",
    "checks",
    "cluster",
    "contents",
    "control_groups",
    "cores",
    "errors",
    "filenames",
    "hashing",
    "kept",
    "progress",
    "seeds",
    "unfinished",
    "wording",
)
HEAVY = (
    "torch",
    "transformers",
    "matplotlib",
    "numba",
    "xarray",
    "scipy",
    "pandas",
    "zarr",
    "datasets",
    "distributed",
)
# They take arrays, from wherever: knowing nothing of models is what makes them of use elsewhere.
KNOW_NO_MODELS = ("neighbors", "measures")

MODULES = sorted(SOURCE.rglob("*.py"))

# The signature of a command declares its options, each with its help.
LONG_FUNCTIONS = {
    "cli/compare.py: compare",
    "cli/extract.py: extract",
    "cli/plan.py: plan",
    "cli/run.py: run",
}
LATE_IMPORTS = {
    # Seconds that one import costs a fresh interpreter (`python -X importtime -c "import xarray"`, on two busy cores):
    # too much for those who use something else of the module.
    "datasets": "2.7",
    "matplotlib": "1.8",
    "narwhals": "0.7",
    "pandas": "1.4",
    "PIL": "0.06",
    "plotly": "0.15",
    "rich": "0.15",
    "scipy": "1.9",
    "torch": "5.3",
    "transformers": "1.5",
    "xarray": "1.5",
    # What may not be installed: an extra, or another system's.
    "distributed": "extra", "pyarrow": "extra", "resource": "not on Windows",
    "safetensors": "extra", "tokenizers": "extra",
}  # fmt: skip


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
    if part == "cli":
        allowed |= {"testing"}  # `doctor` holds fast paths against the references
    if part in KNOW_NO_MODELS:
        allowed -= {"datasets", "models", "representations"}
    wrong = {name: line for name, line in _imported_parts(path).items() if name not in allowed}
    assert not wrong, f"{path.relative_to(SOURCE)} imports {wrong}; {part} may import {sorted(allowed)}"


@pytest.mark.parametrize("room", sorted({path.parent.name for path in (SOURCE / "studies").glob("*/*.py")}))
def test_rooms_of_studies_import_one_way(room: str) -> None:
    """A room of studies imports only those that the table of docs/design.md lets it know."""
    for path in (SOURCE / "studies" / room).rglob("*.py"):
        for item in _imports(path):
            rooms = {name.split(".")[2] for name in item.names if name.startswith("platoscope.studies.")}
            wrong = rooms - ROOMS[room] - {room}
            assert not wrong, (
                f"{path}:{item.line} imports of {sorted(wrong)}; {room} may import of {sorted(ROOMS[room])}"
            )


class _Import(NamedTuple):
    """An import statement: what it names, in full, and where it stands."""

    names: tuple[str, ...]
    line: int
    late: bool
    """Whether it is inside a function."""
    typing: bool
    """Whether only type checkers follow it."""
    reason: bool
    """Whether a comment stands beside it, or above the block of imports that it is in."""


def _imports(path: Path) -> list[_Import]:
    """List all imports of a file."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    found: list[_Import] = []

    def visit(node: ast.AST, late: bool, typing: bool) -> None:
        last, reason = 0, False
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.Import, ast.ImportFrom)):
                if child.lineno != last + 1:
                    reason = _has_reason(lines[child.lineno - 2], alone=True)
                last = child.end_lineno or child.lineno
                reason = reason or any(map(_has_reason, lines[child.lineno - 1 : last]))
                found.append(_Import(_names_of(child), child.lineno, late, typing, reason))
            else:
                inside = late or isinstance(child, ast.FunctionDef)
                guarded = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
                visit(child, inside, typing or guarded)

    visit(ast.parse(text), late=False, typing=False)
    return found


def _has_reason(line: str, *, alone: bool = False) -> bool:
    """Tell whether a line has a comment (and nothing else, if `alone`) that is no order to a tool."""
    code, _, comment = line.partition("#")
    order = comment.strip().startswith(("type:", "noqa", "fmt:"))
    return bool(comment.strip()) and not order and not (alone and code.strip())


def _names_of(node: ast.Import | ast.ImportFrom) -> tuple[str, ...]:
    if isinstance(node, ast.Import):
        return tuple(alias.name for alias in node.names)
    return tuple(f"{node.module}.{alias.name}" for alias in node.names)


def _name(path: Path) -> str:
    """Name a module as an import does."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _circles(arrows: Mapping[str, set[str]]) -> list[list[str]]:
    """Find the sets of more than one module that reach each other."""
    reach = {name: set(targets) for name, targets in arrows.items()}
    grown = True
    while grown:
        grown = False
        for name, known in reach.items():
            more = set().union(*(reach[other] for other in known)) - known
            grown = grown or bool(more)
            reach[name] = known | more
    together = {tuple(sorted(o for o in reach[n] if n in reach[o])) for n in reach if n in reach[n]}
    return sorted(map(list, together))


def test_circles_are_found() -> None:
    """Modules that import each other, directly or around, are one circle; those that only lead to it are not in it."""
    arrows = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a", "e"}, "e": set()}
    assert _circles(arrows) == [["b", "c"]]


def test_no_circle_between_files() -> None:
    """No module reaches itself by its imports, those inside functions and by name included, those for types aside."""
    modules = {_name(path): path for path in MODULES}
    arrows: dict[str, set[str]] = {}
    for module, path in modules.items():
        named = [name for item in _imports(path) if not item.typing for name in item.names]
        targets = {name if name in modules else name.rpartition(".")[0] for name in named} | _by_name(path)
        arrows[module] = targets & modules.keys()
    circles = [[name.removeprefix("platoscope.") for name in circle] for circle in _circles(arrows)]
    assert not circles, f"these modules import one another: {circles}"


def _by_name(path: Path) -> set[str]:
    """Find what a file imports through `importlib.import_module`."""
    calls = [
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    ]
    by_name = [call for call in calls if ast.unparse(call.func).endswith("import_module")]
    return {
        argument.value for call in by_name for argument in call.args if isinstance(argument, ast.Constant)
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_private_names_stay_in_their_package(path: Path) -> None:
    """A module or name with an underscore is imported only within the folder that it is in, or below it."""
    home = _name(path) if path.name == "__init__.py" else _name(path).rpartition(".")[0]
    for item in _imports(path):
        for name in item.names:
            parts = name.split(".")
            for place, part in enumerate(parts):
                owner = ".".join(parts[:place])
                private = parts[0] == "platoscope" and part.startswith("_") and not part.startswith("__")
                inside = f"{home}.".startswith(f"{owner}.")
                assert inside or not private, (
                    f"{path}:{item.line} imports {name}, which is private to {owner}"
                )


def test_late_imports_have_a_reason() -> None:
    """An import inside a function is of a library in the table, or a comment beside it or above its block says why.

    The command line imports what a command runs when it runs: ``platoscope --help`` waits for nothing else.
    """
    waited = set()
    for path in MODULES:
        late = [item for item in _imports(path) if item.late and not item.typing and not item.reason]
        for name in {name for item in late for name in item.names}:
            library = name.partition(".")[0]
            at_run_time = library in ("numpy", "platoscope") and _part(path) == "cli"
            assert at_run_time or library in LATE_IMPORTS, (
                f"{path.relative_to(SOURCE)}: {name}, for no reason"
            )
            waited.add(library)
    assert not LATE_IMPORTS.keys() - waited, f"take off the list: {LATE_IMPORTS.keys() - waited}"


@pytest.mark.parametrize(
    ("lines", "reasons"),
    [
        (["import a  # 0.3 s", "import b"], [True, True]),
        (["# 0.3 s", "import a"], [True]),
        (["import a  # type: ignore", "x = 1  # one", "import b"], [False, False]),
    ],
)
def test_reasons_are_found(lines: list[str], reasons: list[bool], tmp_path: Path) -> None:
    """A comment holds for the block of imports that it opens; orders to tools and comments on code are none."""
    path = tmp_path / "module.py"
    path.write_text("def f():\n" + "".join(f"    {line}\n" for line in lines), encoding="utf-8")
    assert [(item.late, item.reason) for item in _imports(path)] == [(True, reason) for reason in reasons]


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


def test_parts_are_reached_without_importing_them() -> None:
    """After ``import platoscope`` alone every public name and part is there, and none is loaded before it is used."""
    code = """
import sys, platoscope
assert not [name for name in sys.modules if name.startswith("platoscope.")]
assert len(platoscope.measures.MEASURES) > 5
assert "platoscope.report" not in sys.modules
assert set(platoscope.__all__) <= set(dir(platoscope))
print([name for name in platoscope.__all__ if getattr(platoscope, name) is None])
"""
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


def test_a_class_name_means_one_thing() -> None:
    """No two files define a class or a type of one name, so that a name can be searched for."""
    owners: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for name in _types_of(node):
                owners.setdefault(name, []).append(str(path.relative_to(SOURCE)))
    assert {"Measure", "SideName", "PanelKind"} <= owners.keys()
    double = {name: paths for name, paths in owners.items() if len(paths) > 1}
    assert not double, f"rename all but one: {double}"


def _types_of(node: ast.stmt) -> list[str]:
    """Return what a statement of a module defines that is written like a type, ``LikeThis``, and is not private."""
    match node:
        case ast.ClassDef(name=name):
            names = [name]
        case ast.Assign(targets=targets):
            names = [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            names = [name]
        case _:
            names = []
    return [name for name in names if name[0].isupper() and not name.isupper()]


def test_nothing_is_called_utils() -> None:
    """No module is a drawer for what found no place."""
    drawers = {"utils", "util", "helpers", "common", "misc"}
    assert not [path for path in MODULES if path.stem.strip("_") in drawers]


def test_modules_are_short() -> None:
    """No module is longer than 400 lines, and no function longer than 50 lines of code, its signature included."""
    long_files, long_functions = [], {}
    for path in MODULES:
        where = path.relative_to(SOURCE).as_posix()
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 400:
            long_files.append(f"{where}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and _code_lines(node) > 50:
                long_functions[f"{where}: {node.name}"] = _code_lines(node)
    assert not long_files, "\n".join(long_files)
    assert long_functions.keys() == LONG_FUNCTIONS, f"longer than 50 lines: {long_functions}"


def _code_lines(function: ast.FunctionDef) -> int:
    """Count the lines of a function's signature and body, without decorators and docstring."""
    signature = function.body[0].lineno - function.lineno
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return signature + ((body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0)


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


def test_every_part_is_in_the_order() -> None:
    """The parts on disk are those of the picture, so that none escapes the rule on imports."""
    found = {module.name for module in pkgutil.iter_modules([str(SOURCE)])}
    assert found - {"__main__", "testing", *LEAVES} == set(ORDER)


_OPEN_BYTES = ("Image", "gzip", "os", "tarfile")
"""Whose ``open`` is of bytes by default."""


def _text_of_no_encoding(tree: ast.AST) -> list[int]:
    """Return the lines of calls that read or write text in whatever encoding the machine has."""
    lines = []
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or any(word.arg == "encoding" for word in call.keywords):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        values = [*call.args, *(word.value for word in call.keywords if word.arg == "mode")]
        texts = [
            value.value
            for value in values
            if isinstance(value, ast.Constant) and isinstance(value.value, str)
        ]
        binary = any(set(text) <= set("rwxab+") and "b" in text for text in texts)
        owner = getattr(getattr(call.func, "value", None), "id", "")
        opens = name == "open" and not binary and owner not in _OPEN_BYTES
        # A folder of a store has a `read_text` of its own, of a path.
        if opens or (name == "read_text" and not call.args) or (name == "write_text" and len(call.args) == 1):
            lines.append(call.lineno)
    return lines


def test_text_is_utf8_by_name() -> None:
    """Windows has an encoding of its own where none is named, and ruff's rule does not see every path."""
    found = [
        f"{path.relative_to(SOURCE)}:{line}"
        for path in sorted(SOURCE.rglob("*.py"))
        for line in _text_of_no_encoding(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found
