"""Tables in pages of the documentation: what stands between ``<!-- name -->`` and ``<!-- end of name -->``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def shown(page: Path, name: str, /) -> str:
    """Return what stands at a place of a page."""
    return _split(page, name)[1].strip("\n")


def put(page: Path, name: str, text: str, /) -> None:
    """Put a text at a place of a page, with an empty line on either side."""
    before, _, after = _split(page, name)
    page.write_text(f"{before}\n\n{text}\n\n{after}", encoding="utf-8")


def _split(page: Path, name: str) -> tuple[str, str, str]:
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, rest = page.read_text(encoding="utf-8").split(begin)
    inside, after = rest.split(end)
    return before + begin, inside, end + after
