"""OPUS Books: sentences of novels and their translations, the corpus of the paper."""

from __future__ import annotations

from platoscope.datasets.pairs import FilterCount, Pairs, Side
from platoscope.datasets.request import DatasetInfo, DatasetSource, Request, language_pair
from platoscope.datasets.sources._hub import INSTALL, installed, open_table
from platoscope.errors import InputError

__all__ = ["SOURCE"]

HUB_ID = "Helsinki-NLP/opus_books"
REVISION = "1f9f6191d0e91a3c539c2595e2fe48fc1420de9b"
LANGUAGES = ("ca", "de", "el", "en", "eo", "es", "fi", "fr", "hu", "it", "nl", "no", "pl", "pt", "ru", "sv")


def load(request: Request) -> Pairs:
    """Load one language pair, in either order; the rows name no book, so there are no strata."""
    first, second = language_pair(request, LANGUAGES, "en-it")
    # The hub has one configuration per pair, its two languages in alphabetical order.
    config = "-".join(sorted((first, second)))
    table, origin = open_table(
        request, HUB_ID, config=config, split="train", revision=REVISION, columns=["translation"]
    )
    rows = table["translation"][:]
    for language in (first, second):
        if len(rows) and language not in rows[0]:
            message = f"{request.spec!r} has no language {language!r}, only {', '.join(rows[0])}."
            raise InputError(message)
    ids = table["id"] if "id" in table.column_names else range(len(rows))
    return Pairs(
        name=f"opus_books:{first}-{second}",
        a=Side(first, "text", [(row[first] or "").strip() for row in rows]),
        b=Side(second, "text", [(row[second] or "").strip() for row in rows]),
        ids=tuple(str(identifier) for identifier in ids),
        provenance={**origin, "license": "free for research and education", "languages": [first, second]},
        counts=(FilterCount("source", len(rows), 0, f"rows of {config}"),),
    )


def info() -> DatasetInfo:
    """Describe the source."""
    return DatasetInfo(
        name="opus_books",
        variants=("A-B with A, B of " + ", ".join(LANGUAGES) + " (as far as the hub has the pair)",),
        default="en-it",
        sides="text-text",
        description="Sentences of copyright-free novels and their translations; the corpus of the paper.",
        license="copyright-free books; the alignments for personal, educational and research use",
        how_to_get=f"{INSTALL}; downloads {HUB_ID} (some MB per pair), or opus_books:A-B@FOLDER",
        available=installed(),
        on_hub=True,
    )


SOURCE = DatasetSource("opus_books", load, info, frozenset({"split", "revision"}))
