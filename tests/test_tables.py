"""A fact about a measure stands in its row of the table: no other part decides by a measure's name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import platoscope
from platoscope.measures import MEASURES, split_variable

SOURCE = Path(platoscope.__file__).parent
ELSEWHERE = sorted(path for path in SOURCE.rglob("*.py") if path.parent.name != "measures")
OF_TEXT = (
    "startswith",
    "endswith",
    "removeprefix",
    "removesuffix",
    "partition",
    "rpartition",
    "split",
    "index",
)


def decisions(code: str) -> list[str]:
    """Find where code decides by the name of a measure or of a variable that belongs to one.

    That is: a literal of such a name in a comparison (``==``, ``!=``, ``in``, ``not in``, also inside a tuple, list or
    set there) or in a ``case``; the beginning of a name handed to ``startswith`` and its like; a dict display with
    such a key, which is a second table. To choose measures by their names, and to read their variables, is free.
    """
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Compare):
            literals = [text for operand in (node.left, *node.comparators) for text in _texts(operand)]
            hit = any(map(_is_name, literals))
        elif isinstance(node, ast.MatchValue):
            hit = any(map(_is_name, _texts(node.value)))
        elif isinstance(node, ast.Dict):
            hit = any(text in MEASURES for key in node.keys if key is not None for text in _texts(key))
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in OF_TEXT
        ):
            hit = any(_begins_name(text) for argument in node.args for text in _texts(argument))
        else:
            continue
        if hit:
            found.append(f"line {node.lineno if hasattr(node, 'lineno') else '?'}: {ast.unparse(node)}")
    return found


def _texts(node: ast.expr) -> list[str]:
    """Return the text of a literal, or of every literal of a tuple, list or set."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return [text for element in node.elts for text in _texts(element)]
    return []


def _is_name(text: str) -> bool:
    return split_variable(text)[0] in MEASURES


def _begins_name(text: str) -> bool:
    """Say whether a measure's name begins so; two letters begin anything."""
    return _is_name(text) or (len(text) > 2 and any(name.startswith(text) for name in MEASURES))


@pytest.mark.parametrize("path", ELSEWHERE, ids=lambda path: str(path.relative_to(SOURCE)))
def test_the_table_owns_the_facts_about_measures(path: Path) -> None:
    """No file outside `measures` compares a measure's name, guesses by its beginning, or keeps a table of its own."""
    found = decisions(path.read_text(encoding="utf-8"))
    assert not found, (
        f"{path.relative_to(SOURCE)} decides by the name of a measure; put the fact into `Measure` "
        f"(measures/_table.py) and read it from there: {found}"
    )


@pytest.mark.parametrize(
    "planted",
    [
        'if measure == "information_imbalance": pass',
        'low = "cka_biased" != name',
        'if name in ("rsa", "cknna"): pass',
        'if "retrieval_at_1" in result: pass',
        'if "information_imbalance_null" not in result: pass',
        'if name.startswith("cka_"): pass',
        'k = int(name.removeprefix("retrieval_at_"))',
        'LABELS = {"neighborhood_overlap": "overlap"}',
        'match name:\n    case "rsa" | "cknna":\n        pass',
    ],
)
def test_a_decision_by_name_is_found(planted: str) -> None:
    """Each way to decide by a name is found where one is planted."""
    assert decisions(planted)


@pytest.mark.parametrize(
    "free",
    [
        'def plot(measure="information_imbalance"): pass',
        'MEASURES = ("information_imbalance", "cka_biased")',
        'values = result["information_imbalance_null"]',
        'if name in result and name.startswith("layer"): pass',
        'if f"{measure}_null" in result: pass',
    ],
)
def test_choosing_measures_is_free(free: str) -> None:
    """A choice of measures and the reading of a variable are no decisions."""
    assert not decisions(free)
