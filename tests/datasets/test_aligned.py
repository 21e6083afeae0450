"""Two text files aligned line by line."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from platoscope.datasets import load_pairs
from platoscope.errors import InputError, StorageError

if TYPE_CHECKING:
    from pathlib import Path


def test_line_i_belongs_to_line_i(tmp_path: Path) -> None:
    """Sides are named after the files, empty lines keep their place, only newlines end a line."""
    (tmp_path / "books.en").write_bytes("\ufeffone\r\n\r\nthree\u2028x\r\nfour".encode())
    (tmp_path / "books.it.gz").write_bytes(gzip.compress(b"uno\ndue\ntre\nquattro\n"))
    pairs = load_pairs(f"{tmp_path / 'books.en'},{tmp_path / 'books.it.gz'}")
    assert list(pairs) == [("one", "uno"), ("three\u2028x", "tre"), ("four", "quattro")]
    assert pairs.ids == ("0", "2", "3")
    assert (pairs.a.name, pairs.b.name) == ("en", "it")
    assert (pairs.counts[0].kept, pairs.counts[1].dropped) == (4, 1)


def test_a_lone_carriage_return_is_a_character(tmp_path: Path) -> None:
    """It ends no line, so the lines behind it stay beside their own; a file of nothing else is an error."""
    (tmp_path / "c.en").write_bytes(b"one\rmore\ntwo\r\nthree\n")
    (tmp_path / "c.it").write_bytes(b"uno\ndue\ntre\n")
    spec = f"{tmp_path / 'c.en'},{tmp_path / 'c.it'}"
    assert list(load_pairs(spec)) == [("one\rmore", "uno"), ("two", "due"), ("three", "tre")]
    for name in ("c.en", "c.it"):
        (tmp_path / name).write_bytes(b"one\rtwo\rthree\r")
    with pytest.raises(InputError, match=r"c\.en end in carriage returns alone.*mac2unix"):
        load_pairs(spec)


def test_names_of_sides(tmp_path: Path) -> None:
    """Plain text files are named by their stem, unless names are given."""
    for name in ("english.txt", "italian.txt"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    spec = f"{tmp_path / 'english.txt'},{tmp_path / 'italian.txt'}"
    assert load_pairs(spec).a.name == "english"
    assert load_pairs(spec, columns=("en", "it")).b.name == "it"


def test_unequal_files_are_refused(tmp_path: Path) -> None:
    """The message says where the shorter one ends."""
    (tmp_path / "a.txt").write_text("1\n2\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("1\n2\n3\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.txt ends after line 2 and .*b\.txt goes on"):
        load_pairs(f"{tmp_path / 'a.txt'},{tmp_path / 'b.txt'}")
    with pytest.raises(StorageError, match=r"gone\.txt cannot be read"):
        load_pairs(f"{tmp_path / 'a.txt'},{tmp_path / 'gone.txt'}")


def test_opus_names_the_book_of_each_line(tmp_path: Path) -> None:
    """The file of ids beside the texts gives strata; empty lines keep their place in it."""
    (tmp_path / "Books.en-it.en").write_text("one\n\nthree\n", encoding="utf-8")
    (tmp_path / "Books.en-it.it").write_text("uno\ndue\ntre\n", encoding="utf-8")
    spec = f"{tmp_path / 'Books.en-it.en'},{tmp_path / 'Books.en-it.it'}"
    assert load_pairs(spec).strata is None
    ids = tmp_path / "Books.en-it.ids"
    ids.write_text("en/Austen.xml\tit/Austen.xml\ts1\ts1\n" * 2 + "en/Verne.xml\tit/Verne.xml\ts1\ts1\n")
    pairs = load_pairs(spec)
    assert pairs.strata == ("en/Austen.xml", "en/Verne.xml")
    assert pairs.provenance["strata"] == "documents of Books.en-it.ids"


@pytest.mark.parametrize(
    ("ids", "words"), [("a\tb\tc\td\n", "it has 1 lines"), ("a\tb\tc\td\nx\n", "1 columns in line 2")]
)
def test_ids_of_something_else_are_refused(tmp_path: Path, ids: str, words: str) -> None:
    """A file that names no document for each line is an error that says what was expected."""
    for name, text in (("c.en", "1\n2\n"), ("c.it", "3\n4\n"), ("c.ids", ids)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"c\.ids must have, for each of the 2 lines.*{words}.*Rename it"):
        load_pairs(f"{tmp_path / 'c.en'},{tmp_path / 'c.it'}")
