"""HTML that stands alone: what is text in it is never markup, and nothing is loaded or run that does not stand in it."""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.resources
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["document", "escaped", "table"]

_THEMES = (("light dark", "as the system"), ("light", "light"), ("dark", "dark"))


def document(title: str, body: str, /, *, data: Mapping[str, Any]) -> str:
    """Put a page together.

    Parameters
    ----------
    title : str
        Its title, as text.
    body : str
        Its content, as HTML.
    data : mapping
        Plain values that its script reads, by the id of the element that holds them. With none of them the page has
        no charts, and Plotly stays out.

    Returns
    -------
    str
        The document. Its policy names each script by the digest of its text, so that no other one runs.
    """
    own = _asset("page.js")
    scripts = [own, _plotly()] if data else [own]
    digests = " ".join(f"'sha256-{_digest(text)}'" for text in scripts)
    policy = (
        f"default-src 'none'; img-src data: blob:; font-src data:; style-src 'unsafe-inline'; script-src {digests}; "
        "base-uri 'none'; form-action 'none'"
    )
    held = "".join(
        f'<script type="application/json" id="{escaped(name)}">{_json(value)}</script>\n'
        for name, value in data.items()
    )
    # Plotly is text, which the page's own script runs when it needs it: what is no chart need not wait for it.
    library = "".join(f'<script type="text/plain" id="plotly">{text}</script>\n' for text in scripts[1:])
    themes = "".join(f'<option value="{value}">{name}</option>' for value, name in _THEMES)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{escaped(title)}</title>
<style>{_asset("page.css")}</style>
</head>
<body>
<header><label>Colors <select id="theme">{themes}</select></label></header>
<main>
{body}
</main>
{held}<script type="module">{own}</script>
{library}</body>
</html>
"""


def table(header: Sequence[str], rows: Iterable[Sequence[object]], /, *, caption: str) -> str:
    """Write a table; nothing in it is markup.

    Parameters
    ----------
    header : sequence of str
        Names of the columns; empty for a table without a head, whose rows begin with their names.
    rows : iterable of sequences
        Cells; anything with a ``str``.
    caption : str
        What the table is, for those who hear it.
    """
    head = "".join(f'<th scope="col">{escaped(cell)}</th>' for cell in header)
    first = "td" if header else 'th scope="row"'
    lines = "".join(
        f"<tr><{first}>{escaped(row[0])}</{first[:2]}>"
        + "".join(f"<td>{escaped(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escaped(caption)}"><table>'
        f"{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{lines}</tbody></table></div>"
    )


def escaped(value: object, /) -> str:
    """Escape for text and for attributes."""
    return html.escape(str(value), quote=True)


def _json(value: Any, /) -> str:
    """Write JSON that cannot end the script element it stands in."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace(
        "<", "\\u003c"
    )


def _asset(name: str, /) -> str:
    """Read a file of the page's own."""
    return (importlib.resources.files("platoscope.report") / "assets" / name).read_text(encoding="utf-8")


def _digest(text: str, /) -> str:
    """Return the SHA-256 of a script as policies write it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _plotly() -> str:
    """Return Plotly's JavaScript, which its package ships."""
    from plotly.offline import get_plotlyjs

    # Its own source holds this text in a string; inside a page it would end the element.
    return str(get_plotlyjs()).replace("</script", "<\\/script")
