"""What records show of themselves in a notebook: a small table, with everything that came from outside escaped."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Picture", "card", "cut"]

_LONGEST = 300
_MOST_ROWS = 12

# Colors are those of the page around it, so that it can be read in the dark as well.
_CELL = "text-align:left;vertical-align:top;padding:2px 8px 2px 0;white-space:pre-wrap;overflow-wrap:anywhere"


@dataclass(frozen=True)
class Picture:
    """A small picture, encoded as WebP.

    Parameters
    ----------
    webp : bytes
        Its file.
    """

    webp: bytes


def cut(text: object, longest: int = _LONGEST, /) -> str:
    r"""Write a value on one line, of a long one only its beginning.

    Examples
    --------
    >>> cut("two\nlines"), cut("x" * 1000, 5)
    ('two lines', 'xxxx…')
    """
    # A text may be a whole book: it is cut before anything looks at all of it.
    words = " ".join(str(text)[: 4 * longest].split())
    return words if len(words) <= longest else f"{words[: longest - 1]}…"


def card(
    title: str,
    facts: Mapping[str, Any],
    /,
    *,
    header: Sequence[str] = (),
    rows: Sequence[Sequence[Any]] = (),
    more: Mapping[str, Any] | None = None,
) -> str:
    """Return a record as HTML.

    Parameters
    ----------
    title : str
        Its first line.
    facts : mapping
        A line each; what has no value is left out.
    header, rows : sequence of str, sequence of sequence
        A table below, of texts and pictures.
    more : mapping, optional
        What is behind a line to click on, such as a provenance.

    Returns
    -------
    str
        HTML without script, in which no text is markup.

    Examples
    --------
    >>> "<b>" in card("A <b>", {"items": 3})
    False
    """
    lines = [(name, value) for name, value in facts.items() if value not in (None, "", (), {})]
    parts = [f"<div><strong>{html.escape(cut(title))}</strong></div>"]
    if lines:
        parts.append(_table((), lines))
    if rows:
        parts.append(_table(header, rows))
    if more:
        inside = _table((), list(more.items()))
        parts.append(f"<details><summary>provenance</summary>{inside}</details>")
    return f"<div>{''.join(parts)}</div>"


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]], /) -> str:
    head = "".join(f'<th style="{_CELL}">{html.escape(name)}</th>' for name in header)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{_cell(value)}</td>' for value in row) + "</tr>"
        for row in rows[:_MOST_ROWS]
    )
    rest = len(rows) - _MOST_ROWS
    end = f'<tr><td style="{_CELL}">… and {rest:,} more</td></tr>' if rest > 0 else ""
    return f"<table>{f'<tr>{head}</tr>' if head else ''}{body}{end}</table>"


def _cell(value: Any, /) -> str:
    if isinstance(value, Picture):
        return f'<img alt="" src="data:image/webp;base64,{base64.b64encode(value.webp).decode()}">'
    text = (
        json.dumps(value, ensure_ascii=False, default=str)
        if isinstance(value, Mapping | list | tuple)
        else value
    )
    return html.escape(cut(text))
