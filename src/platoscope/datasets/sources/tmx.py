"""Translation memories (TMX 1.4): two languages of each unit, streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from platoscope.datasets.pairs import FilterCount, Pairs, Side
from platoscope.datasets.textio import open_bytes
from platoscope.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from platoscope.datasets.request import DatasetOptions

__all__ = ["load_tmx"]

# Inside a segment these hold codes of the original format, not text (TMX 1.4b, "Content Markup").
_CODES = frozenset({"bpt", "ept", "it", "ph", "ut"})


def load_tmx(path: Path, options: DatasetOptions, /) -> Pairs:
    """Load two languages of a translation memory.

    Parameters
    ----------
    path : Path
        A `.tmx` file, perhaps with `.gz` behind.
    options : DatasetOptions
        `columns`: the two languages; "en" finds "en-US" where no plain "en" is in the unit. By default the
        first two languages of the first unit that has two.

    Raises
    ------
    InputError
        If it is not well-formed, or defines entities, which can blow up a parser's memory.
    NotFoundError
        If no unit has both languages.
    """
    reader = _Reader(options.columns)
    with open_bytes(path) as file:
        try:
            reader.parser.ParseFile(file)
        except expat.ExpatError as error:
            message = f"{path} is not well-formed XML: {error}."
            raise InputError(message) from error
    wanted, units, pairs = reader.wanted, reader.units, reader.pairs
    if wanted is None:
        message = f"no unit of {path} has two languages, so there are no pairs in it."
        raise InputError(message)
    if not pairs:
        known = ", ".join(sorted(reader.languages))
        message = f"no unit of {path} has both {wanted[0]!r} and {wanted[1]!r}; its languages: {known}."
        raise NotFoundError(message)
    ids = [identifier for identifier, _, _ in pairs]
    return Pairs(
        name=path.name,
        a=Side(wanted[0], "text", [first for _, first, _ in pairs]),
        b=Side(wanted[1], "text", [second for _, _, second in pairs]),
        ids=tuple(ids) if len(set(ids)) == len(ids) else (),
        provenance={"source": str(path), "languages": list(wanted), "license": "not stated"},
        counts=(
            FilterCount("source", units, 0, f"units of {path.name}"),
            FilterCount("both languages", len(pairs), units - len(pairs), "units without one of them"),
        ),
    )


def _find(unit: dict[str, str], wanted: str) -> str | None:
    lowered = wanted.lower()
    if lowered in unit:
        return unit[lowered]
    return next((text for language, text in unit.items() if language.split("-")[0] == lowered), None)


class _Reader:
    """Collects `(id, first text, second text)` while expat streams through the file; keeps no more."""

    def __init__(self, wanted: tuple[str, str] | None) -> None:
        self.wanted = wanted
        self.pairs: list[tuple[str, str, str]] = []
        self.units = 0
        self.languages: set[str] = set()
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
            self._id = attributes.get("tuid") or str(self.units)
        elif tag == "tuv":
            # TMX before 1.4 wrote plain `lang`.
            self._language = (attributes.get("xml:lang") or attributes.get("lang") or "").lower()
        elif tag == "seg":
            self._text = []
        elif tag in _CODES and self._text is not None:
            self._codes += 1

    def _end(self, tag: str) -> None:
        if tag == "tu":
            self._finish_unit()
        elif tag == "seg":
            self._unit.setdefault(self._language, "".join(self._text or []))
            self._text = None
        elif tag in _CODES and self._text is not None:
            self._codes -= 1

    def _finish_unit(self) -> None:
        self.units += 1
        self.languages.update(self._unit)
        if self.wanted is None and len(self._unit) > 1:
            first, second, *_ = self._unit
            self.wanted = (first, second)
        if self.wanted is not None:
            first_text, second_text = (_find(self._unit, language) for language in self.wanted)
            if first_text is not None and second_text is not None:
                self.pairs.append((self._id, first_text.strip(), second_text.strip()))

    def _data(self, data: str) -> None:
        if self._text is not None and not self._codes:
            self._text.append(data)

    def _refuse_entities(self, name: str, *_declaration: Any) -> None:
        message = f"the file declares the XML entity {name!r}; translation memories need none. Remove it."
        raise InputError(message)
