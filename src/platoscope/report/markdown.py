"""Markdown of pages that are made of runs: lists, tables, headings, and text that must not be read as markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from platoscope.studies import Study

__all__ = ["bullets", "escaped", "joined", "link_to", "of_users", "table", "title_of"]


def title_of(study: Study, /) -> str:
    """Write the heading of a study."""
    return f"{study.name}: figure {study.figure}" if study.figure else study.name


def link_to(study: Study, /) -> str:
    """Link to the section of a study, with the anchor that Markdown renderers make of its heading."""
    kept = [character for character in title_of(study).lower() if character.isalnum() or character in " -_"]
    return f"[{study.name}](#{''.join(kept).replace(' ', '-')})"


def joined(values: Iterable[object], /) -> str:
    """Join what is there, each once."""
    return ", ".join(dict.fromkeys(str(value) for value in values if value)) or "none"


def bullets(lines: Sequence[str], /) -> str:
    """Write a list."""
    return "\n".join(f"- {line}" for line in lines)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], /) -> str:
    """Write a table; links and code in it are the caller's."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(escaped(cell) for cell in line)} |" for line in lines)


def of_users(text: str, /) -> str:
    """Keep what holds names of the user's from being read as code or a link; `_escape` does the rest."""
    return text.replace("\\", "\\\\").replace("`", "\\`").replace("](", "]\\(")


def escaped(text: str, /) -> str:
    """Keep text from being read as markup."""
    for character in ("|", "*", "<"):
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
