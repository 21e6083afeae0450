"""Tux Paint's stamps: pictures of one object each, with a caption in many languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.datasets.folders import debian_folder
from platoscope.datasets.pairs import FilterCount, Pairs, Side
from platoscope.datasets.request import DatasetInfo, DatasetSource, Request, one_of
from platoscope.errors import MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SOURCE"]

PACKAGE = "tuxpaint-stamps-default"
INSIDE = "usr/share/tuxpaint/stamps"
LANGUAGES = ("en", "it", "es", "fr", "de", "nl", "hu")
HOW_TO_GET = (
    f"apt-get install {PACKAGE}   (or, without root: apt-get download {PACKAGE}, then dpkg -x FILE FOLDER, "
    "and ask for stamps:LANG@FOLDER)"
)


def load(request: Request) -> Pairs:
    """Load the PNG pictures outside `symbols` (letters, digits, chess) that have a caption in the language.

    `request.root` may name the folder of stamps, or where the package was unpacked. Strata are the folders
    of first level (animals, food, ...).
    """
    language = one_of(request, LANGUAGES, "en")
    folder = debian_folder(INSIDE, request.root)
    if folder is None:
        feature = f"the data set {request.spec!r}"
        raise MissingExtraError(feature, PACKAGE, HOW_TO_GET)
    images = [
        path for path in sorted(folder.rglob("*.png")) if path.relative_to(folder).parts[0] != "symbols"
    ]
    captions = {path: _caption(path.with_suffix(".txt"), language) for path in images}
    kept = [path for path in images if captions[path]]
    return Pairs(
        name=f"stamps:{language}",
        a=Side("image", "image", kept),
        b=Side(language, "text", [captions[path] for path in kept]),
        ids=tuple(path.relative_to(folder).with_suffix("").as_posix() for path in kept),
        strata=tuple(path.relative_to(folder).parts[0] for path in kept),
        provenance={
            "source": f"Tux Paint stamps (Debian {PACKAGE})",
            "license": "GPL-2",
            "languages": [language],
            "strata": "kind of object",
        },
        counts=(
            FilterCount("source", len(images), 0, "PNG stamps that are no symbols"),
            FilterCount("captioned", len(kept), len(images) - len(kept), f"no caption in {language!r}"),
        ),
    )


def info() -> DatasetInfo:
    """Describe the source."""
    return DatasetInfo(
        name="stamps",
        variants=LANGUAGES,
        default="en",
        sides="image-text",
        description="Tux Paint's stamps, most of them photographs of one object, with a caption each.",
        license="GPL-2",
        how_to_get=HOW_TO_GET,
        available=debian_folder(INSIDE, None) is not None,
        strata="kinds",
    )


def _caption(path: Path, language: str) -> str:
    """Return the caption: the first line is English, the others read `xx.utf8=...`."""
    if not path.is_file():
        return ""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if language == "en":
        return lines[0].strip() if lines else ""
    mark = f"{language}.utf8="
    return next((line[len(mark) :].strip() for line in lines if line.startswith(mark)), "")


SOURCE = DatasetSource("stamps", load, info)
