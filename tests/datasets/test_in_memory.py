"""Pairs of what a notebook or another program holds: the same as those of a table, or an error that asks."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from PIL import Image

from platoscope.datasets import Pairs, Side, load_pairs
from platoscope.datasets.load import beside
from platoscope.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = [("one", "uno"), ("two", "due"), ("three", "tre")]
COLUMNS: dict[str, list[Any]] = {"id": [7, 8, 9], "en": ["one", "two", "three"], "it": ["uno", "due", "tre"]}
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]


def _arrow() -> Any:
    return pytest.importorskip("pyarrow").table(COLUMNS)


def _polars() -> Any:
    return pytest.importorskip("polars").DataFrame(COLUMNS)


def _dataset() -> Any:
    return pytest.importorskip("datasets").Dataset.from_dict(COLUMNS)


def _splits() -> Any:
    return pytest.importorskip("datasets").DatasetDict({"train": _dataset()})


@pytest.mark.parametrize(
    "make",
    [
        lambda: pd.DataFrame(COLUMNS),
        lambda: pd.DataFrame(COLUMNS).set_index("id"),
        _polars,
        _arrow,
        _dataset,
        _splits,
        lambda: RECORDS,
        lambda: iter(RECORDS),
        lambda: COLUMNS,
    ],
    ids=["pandas", "named index", "polars", "arrow", "dataset", "splits", "records", "iterator", "mapping"],
)
def test_objects_give_the_pairs_of_a_table(make: Callable[[], Any]) -> None:
    """Whatever holds the columns, the same pairs with the same ids come out of it."""
    pairs = load_pairs(make())
    assert list(pairs) == ROWS
    assert (pairs.a.name, pairs.b.name, pairs.ids) == ("en", "it", ("7", "8", "9"))
    assert pairs.provenance["columns"] == ["en", "it"]
    assert "in memory" in pairs.provenance["source"]


@pytest.mark.parametrize(
    "given",
    [
        (ROWS,),
        (zip(COLUMNS["en"], COLUMNS["it"], strict=True),),
        (COLUMNS["en"], COLUMNS["it"]),
        (pd.Series(COLUMNS["en"], name="en"), tuple(COLUMNS["it"])),
    ],
    ids=["tuples", "zip", "lists", "series"],
)
def test_lists_give_pairs(given: tuple[Any, ...]) -> None:
    """Pairs in a list, or a list for each side, in this order; `columns` names the sides."""
    assert list(load_pairs(*given)) == ROWS
    named = load_pairs(ROWS, columns=("en", "it"))
    assert (named.a.name, named.b.name) == ("en", "it")
    series = load_pairs(pd.Series(["one"], name="en"), ["uno"])
    assert (series.a.name, series.b.name) == ("en", "b")


def test_what_is_in_memory_passes_the_same_filters() -> None:
    """Missing values are empty texts, and both these and duplicates are dropped and counted, as of files."""
    frame = pd.DataFrame({"en": ["one", None, "one", " two "], "it": ["uno", "x", "y", float("nan")]})
    made = [("one", "uno"), (None, "x"), ("one", "y"), (" two ", math.nan)]
    for given in ((frame,), (made,), (frame["en"], frame["it"])):
        pairs = load_pairs(*given)
        assert list(pairs) == [("one", "uno")]
        assert [(count.step, count.dropped) for count in pairs.counts] == [
            ("source", 0),
            ("empty", 2),
            ("duplicates", 1),
        ]
    own = Pairs("mine", Side("en", "text", ["one", "one"]), Side("it", "text", ["uno", "due"]))
    assert load_pairs(own).counts[-1].dropped == 1
    assert len(load_pairs(own, keep_duplicates=True)) == 2
    with pytest.raises(InputError, match="columns does not apply to the pairs 'mine'; it takes none"):
        load_pairs(own, columns=("a", "b"))


def test_what_a_column_holds_says_its_first_value(tmp_path: Path) -> None:
    """What is missing says nothing: paths below an empty cell are images, and the pair without one is counted."""
    for name, color in (("a.png", "red"), ("b.png", "blue")):
        Image.new("RGB", (8, 8), color).save(tmp_path / name)
    (tmp_path / "t.csv").write_text("image,en\n,one\n  ,two\na.png,three\nb.png,four\n", encoding="utf-8")
    paths = [None, math.nan, str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    for given in ((tmp_path / "t.csv",), (paths, ["one", "two", "three", "four"])):
        pairs = load_pairs(*given)
        assert (pairs.a.modality, list(pairs.b)) == ("image", ["three", "four"])
        assert {count.step: count.dropped for count in pairs.counts}["unreadable images"] == 2


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ((["one", "two"],), r"holds one thing after the other, 'one' .* load_pairs\(A, A\)"),
        (([("one", "uno"), ("two", "due", "x")],), r"the list, item 2: expected a pair.* tuple of 3"),
        (([("one", "uno"), {"en": "x", "it": "y"}],), "item 2: expected tuple as before, got dict"),
        (([{"en": "x", "it": "y"}, {"en": "x"}],), "item 2: no 'it'; it has en"),
        (([("one", 5)],), "item 1: 'b' must be text, got int 5"),
        (([],), "the list has no rows"),
        ((5,), "expected the name of a data set, a path, a DataFrame.*got int"),
        ((["one"], ["uno", "due"]), "lengths differ: a 1, b 2"),
        ((pd.DataFrame(COLUMNS), pd.DataFrame(COLUMNS)), "texts or images of one side; got DataFrame"),
        (("one", ["uno"]), "texts or images of one side; got str"),
        ((pd.DataFrame({**COLUMNS, "de": ["eins", "zwei", "drei"]}),), "say which two are the sides"),
        ((pd.DataFrame(COLUMNS, columns=["en", "en"]),), "different names"),
        (({"en": "one", "it": "uno"},), "'en' must be a list with a value for each row"),
        (({"one", "two"}, {"uno", "due"}), "in an order, and a set has none"),
        (({("one", "uno")},), "in an order, and a set has none"),
        (({"en": ["one"], "it": frozenset(["uno"])},), "'it' must be in an order"),
        (
            ({1: ["one"], "1": ["uno"], "it": ["x"]},),
            "two columns of one name, once as a number: 1, '1', 'it'",
        ),
        ((pd.DataFrame({1: ["one"], "1": ["uno"]}),), "two columns of one name"),
        ((pd.Series(["one", "two"]), pd.Series(["due", "uno"], index=[1, 0])), "have different indexes"),
    ],
)
def test_what_is_unclear_is_asked(given: tuple[Any, ...], text: str) -> None:
    """No side, column or pair is guessed."""
    with pytest.raises(InputError, match=text):
        load_pairs(*given)


def test_a_data_set_of_several_splits_asks(tmp_path: Path) -> None:
    """In memory and saved by `save_to_disk`; pictures are read when they are asked for."""
    datasets = pytest.importorskip("datasets")
    splits = datasets.DatasetDict({"train": _dataset(), "test": _dataset().select([0])})
    splits.save_to_disk(str(tmp_path / "saved"))
    for given in (splits, tmp_path / "saved", str(tmp_path / "saved")):
        with pytest.raises(InputError, match="has several splits; it has train, test. Choose one"):
            load_pairs(given)
        pairs = load_pairs(given, split="test")
        assert (list(pairs), pairs.ids, pairs.provenance["split"]) == ([("one", "uno")], ("7",), "test")
    with pytest.raises(InputError, match="header does not apply"):
        load_pairs(tmp_path / "saved", header=True)


def test_nested_translations_are_columns(tmp_path: Path) -> None:
    """A record of the hub with a text for each language: in memory, in JSON and in JSON lines."""
    records = [{"id": str(i), "translation": {"en": a, "it": b}} for i, (a, b) in enumerate(ROWS)]
    (tmp_path / "t.json").write_text(json.dumps(records), encoding="utf-8")
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    dataset = pytest.importorskip("datasets").Dataset.from_list(records)
    for given in (records, tmp_path / "t.json", tmp_path / "t.jsonl", dataset):
        assert list(load_pairs(given)) == ROWS
    assert next(iter(load_pairs(records, columns=("it", "en")))) == ("uno", "one")
    with pytest.raises(InputError, match="columns id, en, it, de: say which two"):
        load_pairs([{"id": "0", "translation": {"en": "a", "it": "b", "de": "c"}}])
    with pytest.raises(InputError, match="'en' stands both in 'translation' and beside it"):
        load_pairs([{"en": "0", "translation": {"en": "a", "it": "b"}}])


def test_images_in_memory(tmp_path: Path, encode: Callable[..., bytes]) -> None:
    """Paths, encoded bytes and pictures of Pillow's; those of a data set stay where they are."""
    from PIL import Image

    paths = [tmp_path / f"{i}.png" for i in range(2)]
    for i, path in enumerate(paths):
        path.write_bytes(encode(i))
    encoded = [encode(0), encode(1)]
    opened = [Image.open(path) for path in paths]
    captions = ["an A", "a B"]
    for images in (paths, [str(path) for path in paths], encoded, opened):
        pairs = load_pairs(images, captions)
        assert (pairs.a.modality, pairs.b.modality, len(pairs)) == ("image", "text", 2)
        both = load_pairs(images, images)
        assert both.a.fingerprint() == both.b.fingerprint()
    datasets = pytest.importorskip("datasets")
    table = datasets.Dataset.from_dict({"image": [str(path) for path in paths], "caption": captions})
    pairs = load_pairs(table.cast_column("image", datasets.Image()))
    assert (pairs.a.modality, pairs.a[1], pairs.b[1]) == ("image", encoded[1], "a B")
    frame = pd.DataFrame(
        {"image": [{"bytes": content, "path": None} for content in encoded], "caption": captions}
    )
    assert load_pairs(frame).a[0] == encoded[0]
    with pytest.raises(InputError, match="row 1: 'image' must be an image .* got int"):
        load_pairs({"image": [1], "caption": ["x"]}, image_columns=("image",))


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(RECORDS),
        json.dumps(COLUMNS),
        "\n".join(map(json.dumps, RECORDS)),
        json.dumps(RECORDS, indent=1),
    ],
    ids=["records", "columns", "lines", "indented"],
)
def test_json_in_every_usual_form(content: str, tmp_path: Path) -> None:
    """A list of objects, an object of lists, or, as some libraries write it under this name, an object on each line."""
    path = tmp_path / "t.json"
    path.write_text(content, encoding="utf-8")
    assert list(load_pairs(path)) == ROWS
    assert next(iter(load_pairs(f"{path}:it,en"))) == ("uno", "one")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("[1, 2]", "item 1: expected a pair"),
        ("5", "must hold a list of objects"),
        ('"one"', "must hold a list of objects"),
        ('{"en": {"0": "one"}, "it": {"0": "uno"}}', "orient='records'"),
        ('[{"en": "a", "it": "b"}', "is not valid JSON"),
        ("", "is not valid JSON"),
        ("[" * 200_000, "is not valid JSON"),
        ('[{"en": "a", "en": "b", "it": "c"}]', "'en' comes twice"),
    ],
)
def test_json_of_another_form_is_refused(content: str, text: str, tmp_path: Path) -> None:
    """The message names the file and what it must hold."""
    path = tmp_path / "t.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=text):
        load_pairs(path)


def test_the_numbers_of_rows_that_pandas_writes_are_no_side(tmp_path: Path) -> None:
    """They are left out, and the count of the source says so."""
    frame = pd.DataFrame({"en": COLUMNS["en"], "it": COLUMNS["it"]})
    frame.to_csv(tmp_path / "t.csv")
    for given, name in ((tmp_path / "t.csv", ""), (pd.read_csv(tmp_path / "t.csv"), "Unnamed: 0")):
        pairs = load_pairs(given)
        assert list(pairs) == ROWS
        assert f"the row numbers in the column {name!r} are left out" in pairs.counts[0].note
    (tmp_path / "u.csv").write_text(",il fiume\n0,il mare\n", encoding="utf-8")
    with pytest.raises(InputError, match="may be a pair"):
        load_pairs(tmp_path / "u.csv")


def test_other_encodings_are_said(tmp_path: Path) -> None:
    """Latin-1 is never guessed; whoever says it gets the letters that were written."""
    (tmp_path / "t.csv").write_bytes("en,it\nlight,è\n".encode("latin-1"))
    with pytest.raises(InputError, match="is not UTF-8 .*encoding='latin-1'"):
        load_pairs(tmp_path / "t.csv")
    assert list(load_pairs(tmp_path / "t.csv", encoding="latin-1")) == [("light", "è")]
    (tmp_path / "a.en").write_text("light\n", encoding="utf-16")
    (tmp_path / "a.it").write_text("è\n", encoding="utf-16")
    assert list(load_pairs(tmp_path / "a.en", tmp_path / "a.it", encoding="utf-16")) == [("light", "è")]
    for name in ("klingon", "hex", ""):
        with pytest.raises(InputError, match="encoding"):
            load_pairs(tmp_path / "t.csv", encoding=name)
    with pytest.raises(InputError, match="is not ascii"):
        load_pairs(tmp_path / "t.csv", encoding="ascii")
    with pytest.raises(InputError, match="encoding does not apply to 'bible'"):
        load_pairs("bible", encoding="latin-1")


def test_one_side_is_enough_where_both_are_the_same(tmp_path: Path) -> None:
    """A table with one column, one of its columns, a text file with an item on each line."""
    (tmp_path / "one.csv").write_text("text\none\ntwo\n", encoding="utf-8")
    (tmp_path / "two.jsonl").write_text(
        '{"en": "one", "it": "x"}\n{"en": "two", "it": "y"}\n', encoding="utf-8"
    )
    (tmp_path / "lines.txt").write_text("one\n\ntwo\n", encoding="utf-8")
    for spec in ("one.csv", "one.csv:text", "two.jsonl:en", "lines.txt"):
        pairs = load_pairs(f"same:{tmp_path}/{spec}")
        assert list(pairs) == [("one", "one"), ("two", "two")]
    with pytest.raises(InputError, match="two names are expected"):
        load_pairs(f"{tmp_path}/two.jsonl:en")
    with pytest.raises(InputError, match="one column to read, 'text', .* both: columns=\\('text', 'text'\\)"):
        load_pairs(f"{tmp_path}/one.csv")
    for one in (f"{tmp_path}/one.csv", pd.DataFrame({"text": ["one", "two"]})):
        assert list(load_pairs(one, columns=("text", "text"))) == [("one", "one"), ("two", "two")]


def test_a_path_is_never_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `Path` is a file or folder, also where a data set is called so, or its name has a colon in it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFoundError, match="no file or folder 'bible'"):
        load_pairs(Path("bible"))
    Path("a:b,c.jsonl").write_text('{"en": "one", "it": "uno"}\n', encoding="utf-8")
    assert list(load_pairs(Path("a:b,c.jsonl"))) == [("one", "uno")]


def test_paths_in_a_file_are_those_of_its_folder(tmp_path: Path) -> None:
    """Of two aligned files both move; names of data sets and absolute paths stay."""
    for name in ("c.en", "c.it"):
        (tmp_path / name).write_text("x\n", encoding="utf-8")
    assert beside("c.en,c.it", tmp_path) == f"{tmp_path}/c.en,{tmp_path}/c.it"
    assert beside("t.jsonl:en,it", tmp_path) == f"{tmp_path}/t.jsonl:en,it"
    assert beside("~/t.jsonl", tmp_path) == "~/t.jsonl"
    assert beside("./bible", Path()) == "./bible"
