"""Tables of the user's own: what is read, and where exactly it is broken."""

from __future__ import annotations

import csv
import gzip
import json
import re
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from platoscope.datasets import load_pairs
from platoscope.errors import InputError, PlatoscopeError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = [("one", "uno"), ("two, too", "due"), ('"three"', "tre")]


def _write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def _jsonl(rows: list[tuple[str, str]]) -> str:
    return "".join(json.dumps({"en": en, "it": it}) + "\n" for en, it in rows)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.jsonl", _jsonl(ROWS)),
        ("t.ndjson", _jsonl(ROWS)),
        ("t.csv", 'en,it\none,uno\n"two, too",due\n"""three""",tre\n'),
        ("t.tsv", 'en\tit\none\tuno\ntwo, too\tdue\n"three"\ttre\n'),
    ],
)
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_all_kinds_of_table_give_the_same_pairs(
    tmp_path: Path, name: str, text: str, bom: str, line_end: str, packed: bool
) -> None:
    """With or without byte-order mark, with either line end, compressed or not."""
    content = (bom + text.replace("\n", line_end)).encode()
    path = tmp_path / (name + ".gz" if packed else name)
    path.write_bytes(gzip.compress(content) if packed else content)
    pairs = load_pairs(str(path))
    assert list(pairs) == ROWS
    assert (pairs.a.name, pairs.b.name) == ("en", "it")
    assert pairs.counts[0].kept == 3


def test_a_lone_carriage_return_stays_in_a_cell(tmp_path: Path) -> None:
    """In a TSV file it is a character; in a CSV file without quotes it is an error, never a new row."""
    path = _write(tmp_path / "t.tsv", "en\tit\none\rmore\tuno\r\ntwo\tdue\n")
    assert list(load_pairs(str(path))) == [("one\rmore", "uno"), ("two", "due")]
    path = _write(tmp_path / "t.csv", 'en,it\n"one\rmore",uno\ntwo,due\n')
    assert list(load_pairs(str(path))) == [("one\rmore", "uno"), ("two", "due")]
    path = _write(tmp_path / "u.csv", "en,it\none,uno\rtwo,due\n")
    with pytest.raises(InputError, match=r"u\.csv, line 2: new-line character seen in unquoted field"):
        load_pairs(str(path))


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_cells_have_no_longest_length(tmp_path: Path, delimiter: str) -> None:
    """A text longer than 131,072 characters is read, and Python's own limit stays what it was."""
    limit = csv.field_size_limit()
    text = "word " * 28_000
    path = tmp_path / ("t.csv" if delimiter == "," else "t.tsv")
    pairs = load_pairs(str(_write(path, f"en{delimiter}it\n{text}{delimiter}uno\n")))
    assert pairs.a[0] == text.strip()
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("first", "second"),
    [("The river is wide.", "Il fiume è largo."), ("cat", "gatto"), ("12", "dodici"), ("go", "andare")],
)
def test_a_table_without_a_header_asks(tmp_path: Path, first: str, second: str) -> None:
    """Its first line is a pair, and is lost to no guess: header=False and columns by number read it."""
    rows = [(first, second), ("dog", "cane"), ("green house" if " " in first else "house", "casa verde")]
    path = _write(tmp_path / "t.tsv", "".join(f"{a}\t{b}\n" for a, b in rows))
    with pytest.raises(InputError, match=r"may be a pair.*header=False or t\.tsv:1,2"):
        load_pairs(str(path))
    assert list(load_pairs(str(path), header=False)) == rows
    assert list(load_pairs(f"{path}:2,1")) == [(b, a) for a, b in rows]
    named = load_pairs(str(path), header=True)
    assert (named.a.name, len(named)) == (first, 2)


@pytest.mark.parametrize(
    ("file", "text", "mark"),
    [
        ("t.csv", "en;it\none, two;uno\n", ";"),
        ("t.csv", "en\tit\none\tuno\n", "\t"),
        ("t.tsv", "en,it\none,uno\n", ","),
    ],
)
def test_another_separator_is_seen(tmp_path: Path, file: str, text: str, mark: str) -> None:
    """Excel writes semicolons in half of Europe; the error has the line that reads them, with any options."""
    path = _write(tmp_path / file, text)
    said = re.escape(f"load_pairs(pandas.read_csv({str(path)!r}, sep={mark!r}))")
    for options in ({}, {"header": True}, {"header": False}, {"columns": ("en", "it")}):
        with pytest.raises(InputError, match=said):
            load_pairs(path, **options)
    assert load_pairs(pd.read_csv(path, sep=mark)).b[0] == "uno"
    one = _write(tmp_path / "one.csv", "Sentences; one a line\nHe came; he saw.\n")
    assert load_pairs(f"same:{one}", header=True).a[0] == "He came; he saw."


def test_columns_that_are_asked_for_are_names(tmp_path: Path) -> None:
    """Whoever names the columns has said that the first line has their names."""
    path = _write(tmp_path / "t.csv", "Source text,Its translation\none,uno\n")
    pairs = load_pairs(f"{path}:Source text,Its translation")
    assert list(pairs) == [("one", "uno")]
    with pytest.raises(InputError, match="header is said of"):
        load_pairs(str(_write(tmp_path / "t.jsonl", '{"en": "a", "it": "b"}\n')), header=False)


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        (
            "deep.jsonl",
            b'{"en": "x", "it": ' + b"[" * 200_000 + b"]" * 200_000 + b"}\n",
            "line 1: not valid JSON",
        ),
        ("half.jsonl", b'{"en": "cut \\ud83d", "it": "y"}\n', "line 1: 'en' holds half of a character"),
        ("id.jsonl", b'{"id": "\\udfff", "en": "x", "it": "y"}\n', "line 1: 'id' holds half of a character"),
        ("column.jsonl", b'{"e\\ud800": "x", "it": "y"}\n', "the name of a side holds half of a character"),
        ("twice.jsonl", b'{"en": "a", "en": "b", "it": "y"}\n', "'en' comes twice in one object"),
        ("bool.jsonl", b'{"id": true, "en": "b", "it": "y"}\n', "'id' must be a text or a whole number"),
        ("digits.jsonl", b'{"id": ' + b"9" * 6000 + b', "en": "x", "it": "y"}\n', "line 1: not valid JSON"),
        ("utf16.jsonl", '{"en": "x", "it": "y"}\n'.encode("utf-16"), "is not UTF-8"),
        ("wide.csv", b",".join(b"c%d" % i for i in range(100_000)) + b"\nx\n", "99,970 others"),
        ("p.parquet", b"PAR1garbagePAR1", "cannot be read as Parquet: .* Write it again"),
        ("g.jsonl.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\xffgarbage", "cannot be read"),
    ],
)
def test_hostile_tables_are_a_sentence(tmp_path: Path, name: str, content: bytes, match: str) -> None:
    """Whatever a parser raises becomes an error of Platoscope's with the file and the place, and a short one."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PlatoscopeError, match=match) as caught:
        load_pairs(str(tmp_path / name))
    assert name in str(caught.value) or "side" in str(caught.value)
    assert len(str(caught.value)) < 2_500


def test_parquet_that_is_not_utf8_is_a_sentence(tmp_path: Path) -> None:
    """Bytes of another encoding in a text column are named with the file."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    bad = pa.Array.from_buffers(pa.string(), 2, [None, *pa.array([b"\xff\xfe", b"ok"]).buffers()[1:]])
    pq.write_table(pa.table({"en": bad, "it": ["x", "y"]}), tmp_path / "bad.parquet")
    with pytest.raises(
        StorageError, match=r"bad\.parquet cannot be read as Parquet: .*utf-8.*its text as UTF-8"
    ):
        load_pairs(str(tmp_path / "bad.parquet"))


def test_parquet_gives_the_same_pairs(tmp_path: Path) -> None:
    """Parquet is read in batches, with ids and strata of whole numbers or text."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table(
        {"id": [7, 8, 9], "en": ["one", None, "three"], "it": ["uno", "due", "tre"], "stratum": list("xyz")}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    pairs = load_pairs(str(tmp_path / "t.parquet"))
    assert list(pairs) == [("one", "uno"), ("three", "tre")]
    assert (pairs.ids, pairs.strata) == (("7", "9"), ("x", "z"))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(StorageError, match="cannot be read as Parquet"):
        load_pairs(str(tmp_path / "bad.parquet"))


def test_columns_are_chosen_in_the_spec_or_by_option(tmp_path: Path) -> None:
    """A table with more columns wants a choice, which both notations give."""
    path = _write(tmp_path / "t.csv", "key,en,it,de,book\nk1,one,uno,eins,A\nk2,two,due,zwei,B\n")
    with pytest.raises(InputError, match=r"columns key, en, it, de, book: say which two.*t\.csv:A,B"):
        load_pairs(str(path))
    pairs = load_pairs(f"{path}:de,en", id_column="key", stratum_column="book")
    assert list(pairs) == [("eins", "one"), ("zwei", "two")]
    assert (pairs.ids, pairs.strata) == (("k1", "k2"), ("A", "B"))
    assert load_pairs(str(path), columns=("de", "en")).ids == ("0", "1")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"columns": ("en", "xx")}, "no column 'xx'; it has en, it"),
        ({"id_column": "key"}, "no column 'key'; it has en, it"),
        ({"stratum_column": "book"}, "no column 'book'; it has en, it"),
        ({"columns": ("en", "it", "de")}, "two names"),
        ({"seed": 1}, "seed does not apply"),
    ],
)
def test_a_missing_column_is_named_with_those_that_exist(
    tmp_path: Path, options: dict[str, object], text: str
) -> None:
    """The message lists what the table has."""
    path = _write(tmp_path / "t.csv", "en,it\none,uno\n")
    with pytest.raises(InputError, match=text):
        load_pairs(str(path), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("t.csv", "en,it\none,uno\ntwo\n", "line 3: 1 fields where the header has 2"),
        ("t.csv", "en,it\none,uno,eins\n", "line 2: 3 fields where the header has 2"),
        ("t.csv", 'en,it\n"one,uno\n', "line 2: unexpected end of data"),
        ("t.csv", "en,en\none,uno\n", "line 1: a column name comes twice"),
        ("t.csv", "en,it\n", "has no rows"),
        ("t.tsv", "en\tit\none\n", "line 2: 1 fields"),
        ("t.jsonl", "", "has no rows"),
        (
            "t.jsonl",
            '{"en": "one", "it": "uno"}\n{"en": \n',
            r"line 2: not valid JSON: Expecting value at character \d+\. Mend or drop",
        ),
        ("t.jsonl", '{"en": "one", "it": "uno"}\n\n[1]\n', "line 3: expected an object"),
        ("t.jsonl", '{"en": "one", "it": "uno"}\n{"en": "two"}\n', "line 2: no 'it'; it has en"),
        ("t.jsonl", '{"en": "one", "it": 5}\n', "line 1: 'it' must be text, got int 5"),
        (
            "t.jsonl",
            '{"id": null, "en": "one", "it": "x"}\n',
            "line 1: 'id' must be a text or a whole number",
        ),
        ("t.txt", "one\n", "ends in '.txt'; expected one of"),
    ],
)
def test_a_broken_row_is_named_by_its_line(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    """Line numbers are those of the file, blank lines included."""
    path = _write(tmp_path / name, text)
    with pytest.raises(InputError, match=complaint):
        load_pairs(str(path))


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    """Latin-1 is not guessed."""
    path = _write(tmp_path / "t.csv", "en,it\nlight,è\n", "latin-1")
    with pytest.raises(InputError, match=r"not UTF-8.*near byte.*iconv"):
        load_pairs(str(path))


def test_a_damaged_archive_is_a_storage_error(tmp_path: Path) -> None:
    """Cut-off and false gzip files are named."""
    whole = gzip.compress(_jsonl(ROWS * 50).encode())
    for name, content in (("cut.jsonl.gz", whole[:-12]), ("false.jsonl.gz", b"no gzip")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(StorageError, match=name):
            load_pairs(str(tmp_path / name))


def test_text_stays_as_it_is_but_for_outer_space(tmp_path: Path) -> None:
    """Inner spaces, composed and decomposed letters, line separators and no-break spaces survive."""
    text = "a  b\u2028c\u00a0d\u00e9e\u0301\ufb01"
    path = _write(tmp_path / "t.jsonl", json.dumps({"en": f"  {text} \n", "it": "x"}) + "\n")
    assert load_pairs(str(path)).a[0] == text


def test_empty_cells_are_dropped_and_counted(tmp_path: Path) -> None:
    """A null and an empty field are empty texts; blank lines are no rows."""
    path = _write(tmp_path / "t.csv", "en,it\none,uno\n\ntwo,\n   ,tre\n")
    pairs = load_pairs(str(path))
    assert [(c.step, c.kept, c.dropped) for c in pairs.counts] == [
        ("source", 3, 0),
        ("empty", 1, 2),
        ("duplicates", 1, 0),
    ]


def test_an_image_column_is_known_by_its_paths(tmp_path: Path, encode: Callable[..., bytes]) -> None:
    """Paths are relative to the table; an image that is missing is dropped and counted."""
    (tmp_path / "pics").mkdir()
    (tmp_path / "pics" / "a.png").write_bytes(encode(0))
    (tmp_path / "pics" / "b.png").write_bytes(encode(1))
    path = _write(
        tmp_path / "t.csv",
        "image,caption\npics/a.png,an A\npics/gone.png,nothing\n,no path\npics/b.png,a B\n",
    )
    pairs = load_pairs(str(path))
    assert (pairs.a.modality, pairs.b.modality) == ("image", "text")
    assert list(pairs.b) == ["an A", "a B"]
    assert pairs.a[0] == tmp_path / "pics" / "a.png"
    assert [(c.step, c.dropped) for c in pairs.counts][2] == ("unreadable images", 2)
    as_text = load_pairs(str(path), image_columns=())
    assert as_text.a.modality == "text"
