"""Translation memories (TMX 1.4): two languages of each unit, streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from platoscope.datasets.pairs import FilterCount, Pairs, Side
from platoscope.datasets.textio import open_bytes
from platoscope.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from platoscope.datasets.request import Options

__all__ = ["load_tmx"]

# Inside a segment these hold codes of the original format, not text (TMX 1.4b, "Content Markup").
_CODES = frozenset({"bpt", "ept", "it", "ph", "ut"})


def load_tmx(path: Path, options: Options, /) -> Pairs:
    """Load two languages of a translation memory.

    Parameters
    ----------
    path : Path
        A `.tmx` file, perhaps with `.gz` behind.
    options : Options
        `columns`: the two languages; "en" finds "en-US" where no plain "en" is in the unit. By default the
        first two languages of the first unit.

    Raises
    ------
    InputError
        If it is not well-formed, or defines entities, which can blow up a parser's memory.
    NotFoundError
        If no unit has both languages.
    """
    reader = _Reader()
    with open_bytes(path) as file:
        try:
            reader.parser.ParseFile(file)
        except expat.ExpatError as error:
            message = f"{path} is not well-formed XML: {error}."
            raise InputError(message) from error
    wanted = options.columns
    if wanted is None:
        wanted = _first_two(path, reader.units)
    pairs, ids = [], []
    for identifier, unit in reader.units:
        first, second = _find(unit, wanted[0]), _find(unit, wanted[1])
        if first is not None and second is not None:
            pairs.append((first.strip(), second.strip()))
            ids.append(identifier)
    if not pairs:
        known = sorted({language for _, unit in reader.units for language in unit})
        message = (
            f"no unit of {path} has both {wanted[0]!r} and {wanted[1]!r}; its languages: {', '.join(known)}."
        )
        raise NotFoundError(message)
    units = len(reader.units)
    return Pairs(
        name=path.name,
        a=Side(wanted[0], "text", [first for first, _ in pairs]),
        b=Side(wanted[1], "text", [second for _, second in pairs]),
        ids=tuple(ids) if len(set(ids)) == len(ids) else (),
        provenance={"source": str(path), "languages": list(wanted), "license": "not stated"},
        counts=(
            FilterCount("source", units, 0, f"units of {path.name}"),
            FilterCount("both languages", len(pairs), units - len(pairs), "units without one of them"),
        ),
    )


def _first_two(path: Path, units: list[tuple[str, dict[str, str]]]) -> tuple[str, str]:
    languages = list(units[0][1]) if units else []
    if len(languages) < 2:
        message = (
            f"the first unit of {path} has the languages {languages}; say which two, as {path.name}:A,B."
        )
        raise InputError(message)
    return languages[0], languages[1]


def _find(unit: dict[str, str], wanted: str) -> str | None:
    lowered = wanted.lower()
    if lowered in unit:
        return unit[lowered]
    return next((text for language, text in unit.items() if language.split("-")[0] == lowered), None)


class _Reader:
    """Collects `(id, {language: text})` per unit while expat streams through the file."""

    def __init__(self) -> None:
        self.units: list[tuple[str, dict[str, str]]] = []
        self._unit: dict[str, str] = {}
        self._id = ""
        self._language = ""
        self._text: list[str] | None = None
        self._codes = 0
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data
        self.parser.EntityDeclHandler = self._refuse_entities

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "tu":
            self._unit = {}
            self._id = attributes.get("tuid") or str(len(self.units))
        elif tag == "tuv":
            # TMX before 1.4 wrote plain `lang`.
            self._language = (attributes.get("xml:lang") or attributes.get("lang") or "").lower()
        elif tag == "seg":
            self._text = []
        elif tag in _CODES and self._text is not None:
            self._codes += 1

    def _end(self, tag: str) -> None:
        if tag == "tu":
            self.units.append((self._id, self._unit))
        elif tag == "seg":
            self._unit.setdefault(self._language, "".join(self._text or []))
            self._text = None
        elif tag in _CODES and self._text is not None:
            self._codes -= 1

    def _data(self, data: str) -> None:
        if self._text is not None and not self._codes:
            self._text.append(data)

    def _refuse_entities(self, name: str, *_declaration: Any) -> None:
        message = f"the file declares the XML entity {name!r}; translation memories need none. Remove it."
        raise InputError(message)
