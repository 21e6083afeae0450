"""Translation memories (TMX 1.4): two languages of each unit, streamed."""

from __future__ import annotations

from html.entities import html5
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from platoscope.datasets.pairs import FilterCount, Pairs, Side
from platoscope.datasets.textio import open_bytes
from platoscope.errors import InputError, NotFoundError, guarded
from platoscope.wording import listed

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
        `columns`: the two languages; "en" finds "en-US" where no plain "en" is in the unit. By default those
        of a memory that has two.

    Raises
    ------
    InputError
        If it is not well-formed, has more than two languages and none were chosen, names an entity that HTML does
        not know, or defines entities, which can blow up a parser's memory.
    NotFoundError
        If no unit has both languages.
    """
    reader = _Reader(options.columns)
    with (
        open_bytes(path) as file,
        guarded(
            f"{path} is not well-formed XML",
            "Write it again as UTF-8, with an editor of translation memories.",
        ),
    ):
        reader.parser.ParseFile(file)
    wanted, units, pairs = reader.wanted, reader.units, reader.pairs
    if options.columns is None and len(reader.languages) > 2:
        message = (
            f"{path} has the languages {listed(sorted(reader.languages))}: say which two are the sides, "
            f"as columns=(A, B) or {path.name}:A,B."
        )
        raise InputError(message)
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
        # Where a file names a DTD, which is not read, expat passes over entities that it does not know.
        self.parser.SkippedEntityHandler = self._resolve_entity

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

    def _resolve_entity(self, name: str, is_parameter: bool, /) -> None:
        characters = None if is_parameter else html5.get(f"{name};")
        if characters is None:
            message = f"the file uses the XML entity {name!r}, which it does not define. Write the character itself."
            raise InputError(message)
        self._data(characters)

    def _refuse_entities(self, name: str, *_declaration: Any) -> None:
        message = f"the file declares the XML entity {name!r}; translation memories need none. Remove it."
        raise InputError(message)
