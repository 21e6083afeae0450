"""What is true of a data set stands in its own description: no file outside ``datasets/`` asks for a name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import platoscope
from platoscope.datasets import list_datasets

SOURCE = Path(platoscope.__file__).parent
NAMES = frozenset(info.name for info in list_datasets())
_LOOKS_UP = ("get", "startswith", "removeprefix", "index", "count", "__contains__", "__getitem__", "__eq__")


def _names_in(node: ast.AST, tables: frozenset[str]) -> bool:
    """Tell whether an expression is a data set's name, a collection of them, or a variable that holds either."""
    match node:
        case ast.Constant(value=str(value)):
            return value.partition(":")[0] in NAMES
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return any(_names_in(part, tables) for part in parts)
        case ast.Dict(keys=keys):
            return any(key is not None and _names_in(key, tables) for key in keys)
        case ast.Call(func=ast.Name(id="frozenset" | "set" | "tuple" | "list" | "dict"), args=[first, *_]):
            return _names_in(first, tables)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in tables
    return False


def _tables(trees: dict[str, ast.Module]) -> frozenset[str]:
    """Find the variables that hold data sets' names, in whichever file they are defined."""
    found: set[str] = set()
    for tree in trees.values():
        for node in ast.walk(tree):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    pass
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.AST() as value):
                    pass
                case _:
                    continue
            if _names_in(value, frozenset()):
                found.add(name)
    return frozenset(found)


def decisions(sources: dict[str, str]) -> list[str]:
    """Find the lines that decide something by the name of a data set."""
    trees = {path: ast.parse(text) for path, text in sources.items()}
    tables = _tables(trees)
    found = []
    for path, tree in trees.items():
        for node in ast.walk(tree):
            match node:
                case ast.Compare(left=left, comparators=others):
                    asked = [left, *others]
                case ast.Dict():
                    asked = [node]
                case ast.Subscript(value=value, slice=key):
                    asked = [value, key]
                case ast.MatchValue(value=value):
                    asked = [value]
                case ast.Call(func=ast.Attribute(value=value, attr=name), args=args) if name in _LOOKS_UP:
                    asked = [value, *args]
                case _:
                    continue
            if any(_names_in(part, tables) for part in asked):
                found.append(f"{path}:{getattr(node, 'lineno', 0)}")
    return found


def test_no_file_outside_datasets_asks_for_the_name_of_a_data_set() -> None:
    """Facts about data sets are fields of `DatasetInfo`, so that a new data set is one file."""
    sources = {
        str(path.relative_to(SOURCE)): path.read_text(encoding="utf-8")
        for path in sorted(SOURCE.rglob("*.py"))
        if path.relative_to(SOURCE).parts[0] != "datasets"
    }
    found = decisions(sources)
    assert not found, f"{', '.join(found)}: declare what differs as a field of `DatasetInfo`, and read that"


@pytest.mark.parametrize(
    "planted",
    [
        'if name == "bible":\n    pass',
        'strata = "books" if spec.partition(":")[0] in ("bible", "libreoffice") else None',
        'ONE_TEXT = ("bible", "libreoffice")\nshared = name in ONE_TEXT',
        'ONE_TEXT: frozenset[str] = frozenset({"bible"})\nshared = name in setting.ONE_TEXT',
        'STRATA = {"stamps": "kinds"}',
        'limit = limits["imagenet"]',
        'captions = spec.startswith("emoji-captions:")',
        'DEFAULT = "opus_books:en-it"\nif spec != DEFAULT:\n    pass',
        'match name:\n    case "flickr30k":\n        pass',
    ],
)
def test_a_planted_decision_is_found(planted: str) -> None:
    """The rule sees comparisons, tables, prefixes and patterns, also through a variable."""
    assert decisions({"planted.py": planted})


def test_a_table_in_another_file_is_found_where_it_is_asked() -> None:
    """A collection of names that one file defines and another one asks is found in the other."""
    sources = {"a.py": 'CORPORA = ("bible",)', "b.py": "from a import CORPORA\nknown = name in CORPORA"}
    assert decisions(sources) == ["b.py:2"]


@pytest.mark.parametrize(
    "allowed",
    [
        'IMAGES = {"bundled": "emoji", "paper": "imagenet"}',
        'items = Items(data="bible:en-it")',
        'if info.strata == "books":\n    pass',
        'if name == "biblex":\n    pass',
    ],
)
def test_naming_a_data_set_to_load_it_is_no_decision(allowed: str) -> None:
    """A study says which data it takes; only asking which data they are is refused."""
    assert not decisions({"allowed.py": allowed})


def test_what_data_sets_declare() -> None:
    """The two facts that studies read are as the sources have them."""
    declared = {info.name: (info.strata, info.one_text) for info in list_datasets()}
    assert (
        declared.items()
        >= {
            "bible": ("books", True),
            "libreoffice": ("modules", True),
            "emoji": ("categories", False),
            "emoji-captions": ("categories", False),
            "stamps": ("kinds", False),
            "opus_books": (None, False),
            "imagenet": (None, False),
            "flickr30k": (None, False),
        }.items()
    )
