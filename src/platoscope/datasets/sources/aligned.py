"""Two text files of which line i of one translates line i of the other."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from platoscope.datasets.pairs import FilterCount, Pairs, Side
from platoscope.datasets.textio import lines, open_text, plain_suffix
from platoscope.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from platoscope.datasets.request import DatasetOptions

__all__ = ["load_aligned"]

_IDS = 4


def load_aligned(path_a: Path, path_b: Path, options: DatasetOptions, /) -> Pairs:
    """Load two aligned text files.

    Parameters
    ----------
    path_a, path_b : Path
        One item a line (see `lines`), perhaps with `.gz` behind. A line with nothing on it keeps its place; the
        filter for empty texts drops and counts the pair.
    options : DatasetOptions
        `columns`: names for the sides; by default what the file names end in ("corpus.en" gives "en"). `encoding`.

    A file `.ids` beside the first one, as OPUS gives it with "Books.en-it.en", names the document of each line, which
    becomes its stratum.

    Raises
    ------
    InputError
        If one has more lines than the other: then nothing says which lines belong together. If there is a file
        `.ids` of another form or length.
    """
    texts_a: list[str] = []
    texts_b: list[str] = []
    with (
        open_text(path_a, options.encoding) as file_a,
        open_text(path_b, options.encoding) as file_b,
    ):
        for line_a, line_b in zip_longest(lines(file_a), lines(file_b)):
            if line_a is None or line_b is None:
                shorter, longer = (path_a, path_b) if line_a is None else (path_b, path_a)
                message = (
                    f"{path_a.name} and {path_b.name} must have one line per pair, "
                    f"but {shorter} ends after line {len(texts_a)} and {longer} goes on. Align them first."
                )
                raise InputError(message)
            texts_a.append(line_a.strip())
            texts_b.append(line_b.strip())
    for path, texts in ((path_a, texts_a), (path_b, texts_b)):
        if len(texts) == 1 and "\r" in texts[0]:
            message = f"the lines of {path} end in carriage returns alone. Write them as line feeds first (mac2unix)."
            raise InputError(message)
    one = path_a == path_b
    names = options.columns or (_side_name(path_a), _side_name(path_b))
    documents, told = _documents(path_a, len(texts_a))
    return Pairs(
        name=path_a.name if one else f"{path_a.name},{path_b.name}",
        a=Side(names[0], "text", texts_a),
        b=Side(names[1], "text", texts_b),
        strata=documents,
        provenance={"source": [str(path_a), str(path_b)], "license": "not stated", **told},
        counts=(
            FilterCount(
                "source",
                len(texts_a),
                0,
                f"lines of {path_a.name if one else 'both files'}",
            ),
        ),
    )


def _documents(path: Path, n_lines: int) -> tuple[tuple[str, ...] | None, dict[str, str]]:
    """Return the document of each line, where a file of OPUS names it, and what the provenance says of it."""
    plain = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    found = plain.with_suffix(".ids")
    if found == plain or not found.is_file():
        return None, {}
    with open_text(found) as file:
        rows = [line.split("\t") for line in lines(file)]
    broken = next((i for i, row in enumerate(rows, start=1) if len(row) != _IDS), None)
    if broken is not None or len(rows) != n_lines:
        what = f"{len(rows)} lines" if broken is None else f"{len(rows[broken - 1])} columns in line {broken}"
        message = (
            f"{found} must have, for each of the {n_lines} lines of {path.name}, both documents and both sentences in "
            f"{_IDS} columns separated by tabs, as OPUS writes it; it has {what}. Rename it if it is something else."
        )
        raise InputError(message)
    return tuple(row[0] for row in rows), {"strata": f"documents of {found.name}"}


def _side_name(path: Path) -> str:
    suffix = plain_suffix(path).lstrip(".")
    return suffix if suffix and suffix != "txt" else path.name.split(".")[0]
