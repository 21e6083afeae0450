"""LibreOffice's help in some thirty languages: technical text, from Debian packages installed or unpacked."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from platoscope.datasets.folders import debian_folder
from platoscope.datasets.pairs import FilterCount, Pairs, Side
from platoscope.datasets.request import DatasetInfo, DatasetSource, Request, language_pair
from platoscope.errors import MissingExtraError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SOURCE"]

INSIDE = "usr/share/libreoffice/help"
_FOLDERS = (
    *(
        "en-US",
        "it",
        "es",
        "fr",
        "de",
        "nl",
        "hu",
        "ca",
        "cs",
        "da",
        "dz",
        "el",
        "et",
        "eu",
        "fi",
        "gl",
        "hi",
    ),
    *("id", "ja", "km", "ko", "om", "pl", "pt", "pt-BR", "ru", "sl", "sv", "tr", "vi", "zh-CN", "zh-TW"),
)
# Debian's package for Slovak is a link to the Czech pages. A dash joins two languages in a specification.
LANGUAGES = {{"en-US": "en", "zh-CN": "zh"}.get(name, name.replace("-", "_")): name for name in _FOLDERS}

_HTML_SPACE = " \t\n\f\r"


def load(request: Request) -> Pairs:
    """Load the paragraphs that two languages share, aligned on (page, paragraph id).

    `request.root` may name the help folder, or the folder into which the packages were unpacked.
    Paragraphs that read the same in both languages were not translated, and are dropped with a count.
    """
    first, second = language_pair(request, (*LANGUAGES, *_others(request.root)), "en-it")
    sides: dict[str, dict[str, str]] = {}
    titles = []
    for language in dict.fromkeys((first, second)):
        text = _text_folder(language, request.root)
        if text is None:
            feature = f"the data set {request.spec!r}"
            raise MissingExtraError(feature, _package(language), _how_to_get(first, second))
        sides[language], title = _read(text)
        titles.append(title)
    keys = [key for key in sides[first] if key in sides[second]]
    translated = [key for key in keys if first == second or sides[first][key] != sides[second][key]]
    if not keys:
        message = f"the help pages of {first} and {second} share no paragraph: is it one version of the help?"
        raise NotFoundError(message)
    return Pairs(
        name=f"libreoffice:{first}-{second}",
        a=Side(first, "text", [sides[first][key] for key in translated]),
        b=Side(second, "text", [sides[second][key] for key in translated]),
        ids=tuple(translated),
        strata=tuple(key.partition("/")[0] for key in translated),
        provenance={
            "source": "LibreOffice help pages (Debian libreoffice-help-*)",
            "version": titles[0],
            "license": "MPL-2.0",
            "languages": [first, second],
            "strata": "module of the help (swriter, scalc, ...)",
        },
        counts=(
            FilterCount("source", len(keys), 0, "paragraphs with one id in both languages"),
            FilterCount(
                "untranslated", len(translated), len(keys) - len(translated), "equal in both languages"
            ),
        ),
    )


def info() -> DatasetInfo:
    """Describe the source."""
    found = [language for language in LANGUAGES if _text_folder(language, None)]
    return DatasetInfo(
        name="libreoffice",
        variants=("A-B with A, B of " + ", ".join(LANGUAGES),),
        default="en-it",
        sides="text-text",
        description="Paragraphs of LibreOffice's help in some thirty languages. Technical and repetitive: "
        "near-duplicates pull Δ down, so compare languages within this corpus only.",
        license="MPL-2.0",
        how_to_get=_how_to_get("en", "it"),
        available=len(found) > 1,
        strata="modules",
        one_text=True,
    )


def variant_info(variant: str, /) -> DatasetInfo:
    """Describe two languages: each is a package of its own."""
    first, _, second = variant.partition("-")
    languages = [language for language in (first, second) if language]
    if not {*languages} <= {*LANGUAGES, *_others(None)}:
        return info()  # loading it names the languages there are
    return replace(
        info(),
        how_to_get=_how_to_get(*languages),
        available=all(_text_folder(language, None) for language in languages),
    )


def _others(root: Path | None) -> list[str]:
    """Give the languages that are there beside those of the table, in help that is newer or packaged elsewhere."""
    help_folder = debian_folder(INSIDE, root)
    if help_folder is None:
        return []
    here = (folder.name for folder in sorted(help_folder.iterdir()) if (folder / "text").is_dir())
    names = [name.replace("-", "_") for name in here if name not in _FOLDERS]
    return [name for name in names if _text_folder(name, root)]


def _folder(language: str) -> str:
    return LANGUAGES.get(language, language.replace("_", "-"))


def _text_folder(language: str, root: Path | None) -> Path | None:
    """Find the pages of one language; a link to those of another one is none."""
    name = _folder(language)
    folder = debian_folder(INSIDE, root, holding=f"{name}/text")
    return folder / name / "text" if folder and not (folder / name).is_symlink() else None


def _package(language: str) -> str:
    return f"libreoffice-help-{_folder(language).lower()}"


def _how_to_get(*languages: str) -> str:
    packages = " ".join(dict.fromkeys(map(_package, languages)))
    return (
        f"apt-get install {packages}   (or, without root: apt-get download {packages}, then for each file "
        "dpkg -x FILE FOLDER, and ask for libreoffice:A-B@FOLDER)"
    )


# Parsing takes some seconds a language, and a study compares one with each of the others.
@lru_cache(maxsize=len(LANGUAGES))
def _read(text: Path) -> tuple[dict[str, str], str]:
    """Return all paragraphs under their page and id, and the product and version that the pages state."""
    found: dict[str, str] = {}
    title = ""
    for path in sorted(text.rglob("*.html")):
        page = path.relative_to(text).with_suffix("").as_posix()
        parser = _Page()
        parser.feed(path.read_text(encoding="utf-8"))
        parser.close()
        title = title or parser.title
        for identifier, words in parser.paragraphs.items():
            found[f"{page}#{identifier}"] = words
    return found, title


class _Page(HTMLParser):
    """Collects the paragraphs that carry an id, as a reader of the page sees them.

    A `switchinline` span holds one wording per platform or module, of which scripts show one: the default
    is taken, or the first where none is the default.
    """

    # What ends an open paragraph, by the rules of HTML.
    _BLOCKS = frozenset(
        {"p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "table", "tr", "td", "th", "pre"}
        | {"section", "article", "header", "footer", "aside", "nav", "form"}
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.paragraphs: dict[str, str] = {}
        self.title = ""
        self._in_title = False
        self._open: str | None = None
        self._text: list[str] = []
        self._spans: list[str] = []
        self._wordings: list[tuple[bool, list[str]]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in self._BLOCKS:
            self._finish()
        if tag == "p" and given.get("id"):
            self._open = given["id"]
        elif tag == "a" and given.get("class") == "logo":
            self._in_title = True
        elif tag == "br":
            self.handle_data(" ")
        elif tag == "span" and self._open is not None:
            self._enter_span(given.get("class") or "", given.get("id") or "")

    def _enter_span(self, kind: str, identifier: str) -> None:
        if kind == "switchinline" and self._wordings is None:
            self._wordings = []
            self._spans.append("switch")
        elif self._wordings is not None and self._spans[-1] == "switch":
            self._wordings.append((identifier.startswith("default"), []))
            self._spans.append("wording")
        else:
            self._spans.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._BLOCKS:
            self._finish()
        elif tag == "a":
            self._in_title = False
        elif tag == "span" and self._spans and self._spans.pop() == "switch":
            self._choose_wording()

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        if self._open is None:
            return
        if self._wordings is None:
            self._text.append(data)
        elif self._spans[-1] != "switch" and self._wordings:
            self._wordings[-1][1].append(data)

    def close(self) -> None:
        super().close()
        self._finish()

    def _choose_wording(self) -> None:
        wordings = sorted(self._wordings or [], key=lambda wording: not wording[0])
        self._wordings = None
        if wordings:
            self._text.extend(wordings[0][1])

    def _finish(self) -> None:
        if self._open is not None:
            self._choose_wording()
            # White space in HTML is one space; a no-break space is a character of the text and stays.
            for space in _HTML_SPACE[1:]:
                self._text = [part.replace(space, " ") for part in self._text]
            words = " ".join(part for part in "".join(self._text).split(" ") if part)
            if words:
                self.paragraphs.setdefault(self._open, words)
        self._open = None
        self._text = []
        self._spans = []


SOURCE = DatasetSource("libreoffice", load, info, variant_info=variant_info)
