"""Tables of the user's own: JSONL, CSV, TSV or Parquet with a column for each side."""

from __future__ import annotations

import csv
import itertools
import json
import re
from typing import TYPE_CHECKING, Any

from platoscope.datasets.images import IMAGE_SUFFIXES
from platoscope.datasets.pairs import FilterCount, Modality, Pairs, Side, check_text
from platoscope.datasets.textio import lines, open_text, plain_suffix
from platoscope.errors import InputError, MissingExtraError, StorageError, guarded
from platoscope.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from platoscope.datasets.request import DatasetOptions

__all__ = ["TABLE_SUFFIXES", "by_number", "load_table"]

TABLE_SUFFIXES = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")

_LONGEST_CELL = 2**31 - 1
"""Characters of a cell of a CSV file: as many as its parser can count on every system."""
_ROWS_LOOKED_AT = 100
_LONGEST_NAME = 40
_NAME = re.compile(
    r"[a-z]{2}([_-]\w{2,8})*|[a-z]\w*[_\d]\w*|[abxy]|id|stratum|source|target|src|tgt|texts?|sentence|translation|"
    r"caption|image|path|file|label|left|right|original|english|french|german|italian|spanish|question|answer|"
    r"premise|hypothesis|query|passage",
    re.ASCII | re.IGNORECASE,
)
"""What columns are called that nobody would take for one of a pair of words."""

Row = tuple[str, "Mapping[str, Any]"]  # where it stands ("line 3"), and its values by column


def load_table(path: Path, options: DatasetOptions, /) -> Pairs:
    """Load two columns of a table.

    Parameters
    ----------
    path : Path
        Ends in one of `TABLE_SUFFIXES`, perhaps with `.gz` behind (Parquet compresses itself).
    options : DatasetOptions
        `columns`: the two sides. Without them, a table that has two columns besides id and stratum needs no
        choice. `header`: see `load_pairs`. `id_column` and `stratum_column`: by default "id" and "stratum", where
        they exist. `image_columns`: those of the two that hold paths of images, relative to the table's folder; by
        default those whose first value has an image's suffix.

    Raises
    ------
    InputError
        If a row is broken (with its line), a column is missing (with those that exist), or a value is not
        text.
    StorageError
        If the file cannot be read.
    """
    rows = _rows(path, options)
    first = next(rows, None)
    if first is None:
        message = f"{path} has no rows."
        raise InputError(message)
    names = tuple(first[1])
    id_column = _optional(path, names, options.id_column, "id")
    stratum_column = _optional(path, names, options.stratum_column, "stratum")
    column_a, column_b = _sides(path, names, options.columns, (id_column, stratum_column))
    sides: tuple[list[str], list[str]] = ([], [])
    ids: list[str] = []
    strata: list[str] = []
    row: Row | None = first
    while row is not None:
        where, values = row
        for column, side in zip((column_a, column_b), sides, strict=True):
            side.append(_text(path, where, values, column))
        if id_column:
            ids.append(_label(path, where, values, id_column))
        if stratum_column:
            strata.append(_label(path, where, values, stratum_column))
        row = next(rows, None)
    built = [
        _side(path, column, texts, options.image_columns)
        for column, texts in zip((column_a, column_b), sides, strict=True)
    ]
    return Pairs(
        name=path.name,
        a=built[0],
        b=built[1],
        ids=tuple(ids),
        strata=tuple(strata) if stratum_column else None,
        provenance={"source": str(path), "columns": [column_a, column_b], "license": "not stated"},
        counts=(FilterCount("source", len(built[0]), 0, f"rows of {path.name}"),),
    )


def by_number(columns: tuple[str, ...] | None, /) -> bool:
    """Tell whether columns are asked for by their numbers, as those of a table without a header are."""
    return columns is not None and all(name.isascii() and name.isdecimal() for name in columns)


def _rows(path: Path, options: DatasetOptions) -> Iterator[Row]:
    suffix = plain_suffix(path)
    if suffix in (".csv", ".tsv"):
        return _named_rows(path, _tsv_rows(path) if suffix == ".tsv" else _csv_rows(path), options)
    if options.header is not None:
        message = f"header is said of .csv and .tsv tables; {path} has its names in itself."
        raise InputError(message)
    return _parquet_rows(path) if suffix == ".parquet" else _jsonl_rows(path)


def _jsonl_rows(path: Path) -> Iterator[Row]:
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            with guarded(f"{path}, line {number}: not valid JSON", "Mend or drop that line."):
                values = json.loads(line, object_pairs_hook=_without_repeats)
            if not isinstance(values, dict):
                message = (
                    f"{path}, line {number}: expected an object such as {{...}}, got {line.strip()[:40]!r}."
                )
                raise InputError(message)
            yield f"line {number}", values


def _without_repeats(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make the object that JSON writes; a name that comes twice would hide what came first."""
    values = dict(members)
    if len(values) < len(members):
        names = [name for name, _ in members]
        message = (
            f"the name {next(name for name in names if names.count(name) > 1)!r} comes twice in one object"
        )
        raise ValueError(message)
    return values


def _named_rows(path: Path, rows: Iterator[tuple[int, list[str]]], options: DatasetOptions) -> Iterator[Row]:
    """Give the rows of a table under the names in its first line, or numbers where it has none."""
    first = list(itertools.islice(rows, _ROWS_LOOKED_AT))
    if not first:
        return
    number, head = first[0]
    if _has_header(path, [cells for _, cells in first], options):
        names, first, what = head, first[1:], f"the header has {len(head)} ({listed(head)})"
        if len(set(names)) != len(names):
            message = f"{path}, line {number}: a column name comes twice in {listed(names)}."
            raise InputError(message)
    else:
        names, what = [str(i) for i in range(1, len(head) + 1)], f"the first line has {len(head)}"
    for number, cells in itertools.chain(first, rows):
        if len(cells) != len(names):
            message = f"{path}, line {number}: {len(cells)} fields where {what}."
            raise InputError(message)
        yield f"line {number}", dict(zip(names, cells, strict=True))


def _has_header(path: Path, rows: Sequence[Sequence[str]], options: DatasetOptions) -> bool:
    """Tell whether the first row names the columns; where it could be a pair as well, ask."""
    names = rows[0]
    if options.header is not None:
        return options.header
    if options.columns is not None and set(options.columns) <= set(names):
        return True
    if by_number(options.columns):
        return False
    if options.columns is not None:
        return True  # so that the column which is missing is named
    cells = [cell for row in rows[1:] for cell in row]
    # Where most cells are single words, a word of the first line says nothing.
    words = 2 * sum(" " in cell.strip() for cell in cells) <= len(cells)
    odd = [name for name in names if not _is_name(name, among_words=words)]
    if 2 * len(odd) >= len(names):
        message = (
            f"the first line of {path} may be a pair and not the names of its columns: it has {odd[0]!r:.60}. Say "
            f"header=False or {path.name}:1,2 if the table has no names, header=True or {path.name}:A,B if these are."
        )
        raise InputError(message)
    return True


def _is_name(text: str, *, among_words: bool) -> bool:
    known = _NAME.fullmatch(text) is not None
    return known or (not among_words and len(text) <= _LONGEST_NAME and text.isidentifier())


def _tsv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    # A TSV file as corpora have them is unquoted: a quotation mark there is a character of the text, and so is
    # a lone carriage return.
    with open_text(path) as file:
        for number, line in enumerate(lines(file), start=1):
            if line:
                yield number, line.split("\t")


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    # The limit of the csv module is one for all of Python; the caller's is put back.
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        with open_text(path) as file:
            reader = csv.reader(file, strict=True)
            try:
                for row in reader:
                    if row:
                        yield reader.line_num, row
            except csv.Error as error:
                message = f"{path}, line {reader.line_num}: {error}."
                raise InputError(message) from error
    finally:
        csv.field_size_limit(before)


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        feature = "reading Parquet"
        raise MissingExtraError(feature, "pyarrow", "pip install 'platoscope[io]'") from error
    number = 0
    with (
        guarded(f"{path} cannot be read as Parquet", "Write it again, its text as UTF-8.", kind=StorageError),
        pq.ParquetFile(path) as file,
    ):
        for batch in file.iter_batches(batch_size=4096):
            for values in batch.to_pylist():
                number += 1
                yield f"row {number}", values


def _optional(path: Path, names: Sequence[str], wanted: str | None, usual: str) -> str | None:
    if wanted is None:
        return usual if usual in names else None
    return _existing(path, names, wanted)


def _existing(path: Path, names: Sequence[str], wanted: str) -> str:
    if wanted not in names:
        message = f"{path} has no column {wanted!r}; it has {listed(names)}."
        raise InputError(message)
    return wanted


def _sides(
    path: Path, names: Sequence[str], wanted: tuple[str, str] | None, taken: Sequence[str | None]
) -> tuple[str, str]:
    if wanted is None:
        free = [name for name in names if name not in taken]
        if len(free) != 2:
            message = (
                f"{path} has the columns {listed(names)}: say which two are the sides, "
                f"as columns=(A, B) or {path.name}:A,B."
            )
            raise InputError(message)
        return free[0], free[1]
    return _existing(path, names, wanted[0]), _existing(path, names, wanted[1])


def _text(path: Path, where: str, values: Mapping[str, Any], column: str) -> str:
    if column not in values:
        message = f"{path}, {where}: no {column!r}; it has {listed(values)}."
        raise InputError(message)
    value = values[column]
    if value is None:
        return ""
    if not isinstance(value, str):
        message = f"{path}, {where}: {column!r} must be text, got {type(value).__name__} {value!r:.40}."
        raise InputError(message)
    check_text(value, f"{path}, {where}: {column!r}")
    return value.strip()


def _label(path: Path, where: str, values: Mapping[str, Any], column: str) -> str:
    value = values.get(column)
    if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
        check_text(str(value), f"{path}, {where}: {column!r}")
        return str(value)
    message = f"{path}, {where}: {column!r} must be a text or a whole number, got {value!r:.40}."
    raise InputError(message)


def _side(path: Path, column: str, texts: list[str], image_columns: Sequence[str] | None) -> Side:
    modality: Modality = "text"
    if image_columns is not None:
        modality = "image" if column in image_columns else "text"
    elif texts and any(texts[0].lower().endswith(suffix) for suffix in IMAGE_SUFFIXES):
        modality = "image"
    if modality == "text":
        return Side(column, "text", texts)
    # A row without an image stays a path that cannot be opened, so that the filter counts it.
    return Side(column, "image", [path.parent / text if text else path.parent / "missing" for text in texts])
