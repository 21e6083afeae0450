"""Tables of the user's own: JSONL, JSON, CSV, TSV or Parquet with a column for each side."""

from __future__ import annotations

import csv
import itertools
import json
import re
from typing import TYPE_CHECKING, Any

from platoscope.datasets.columns import PairTable, Row, pairs_of, rows_of
from platoscope.datasets.textio import lines, open_text, plain_suffix
from platoscope.errors import InputError, MissingExtraError, StorageError, guarded, reason_of
from platoscope.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from platoscope.datasets.pairs import Pairs
    from platoscope.datasets.request import DatasetOptions

__all__ = ["TABLE_SUFFIXES", "by_number", "load_table"]

TABLE_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")

_LONGEST_CELL = 2**31 - 1
"""Characters of a cell of a CSV file: as many as its parser can count on every system."""
_SEPARATORS = (";", "\t", "|", ",")
"""What separates the fields of tables, beside what their ending says."""
_ROWS_LOOKED_AT = 100
_LONGEST_NAME = 40
_NAME = re.compile(
    r"[a-z]{2}([_-]\w{2,8})*|[a-z]\w*[_\d]\w*|[abxy]|id|stratum|source|target|src|tgt|texts?|sentence|translation|"
    r"caption|image|path|file|label|left|right|original|english|french|german|italian|spanish|question|answer|"
    r"premise|hypothesis|query|passage",
    re.ASCII | re.IGNORECASE,
)
"""What columns are called that nobody would take for one of a pair of words."""


def load_table(path: Path, options: DatasetOptions, /) -> Pairs:
    """Load two columns of a table.

    Parameters
    ----------
    path : Path
        Ends in one of `TABLE_SUFFIXES`, perhaps with `.gz` behind (Parquet compresses itself).
    options : DatasetOptions
        `header`, `encoding`: see `load_pairs`. For the others see `pairs_of`; paths of images are relative to the
        table's folder.

    Raises
    ------
    InputError
        If a row is broken (with its line), a column is missing (with those that exist), or a value is not
        text.
    StorageError
        If the file cannot be read.
    """
    return pairs_of(
        PairTable(
            what=str(path),
            name=path.name,
            rows=_rows(path, options),
            origin={"source": str(path)},
            counted=f"rows of {path.name}",
            notation=f"columns=(A, B) or {path.name}:A,B",
            folder=path.parent,
        ),
        options,
    )


def by_number(columns: tuple[str, ...] | None, /) -> bool:
    """Tell whether columns are asked for by their numbers, as those of a table without a header are."""
    return columns is not None and all(name.isascii() and name.isdecimal() for name in columns)


def _rows(path: Path, options: DatasetOptions) -> Iterator[Row]:
    suffix = plain_suffix(path)
    if suffix in (".csv", ".tsv"):
        cells = _tsv_rows if suffix == ".tsv" else _csv_rows
        return _named_rows(path, cells(path, options.encoding), options)
    if options.header is not None:
        message = f"header is said of .csv and .tsv tables; {path} has its names in itself."
        raise InputError(message)
    if suffix == ".parquet":
        if options.encoding is not None:
            message = f"encoding is said of text files; {path} is Parquet."
            raise InputError(message)
        return _parquet_rows(path)
    return _json_rows(path, options) if suffix == ".json" else _jsonl_rows(path, options.encoding)


def _json_rows(path: Path, options: DatasetOptions) -> Iterator[Row]:
    """Give the rows of one JSON value: a list of objects or pairs, an object of lists; or of an object on each line."""
    with open_text(path, options.encoding) as file:
        text = file.read()
    try:
        content = json.loads(text, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and text.lstrip().startswith("{"):
            return _jsonl_rows(path, options.encoding)
        message = f"{path} is not valid JSON: {error}. Write it again."
        raise InputError(message) from error
    except (ValueError, RecursionError) as error:
        message = f"{path} is not valid JSON: {reason_of(error)}. Write it again."
        raise InputError(message) from error
    return rows_of(content, what=str(path), names=options.columns or ("a", "b"))


def _jsonl_rows(path: Path, encoding: str | None) -> Iterator[Row]:
    with open_text(path, encoding) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            with guarded(f"{path}, line {number}: not valid JSON", "Mend or drop that line."):
                values = json.loads(line.rstrip("\r\n"), object_pairs_hook=_without_repeats)
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
    _refuse_other_separators(path, head, options)
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


def _refuse_other_separators(path: Path, head: Sequence[str], options: DatasetOptions) -> None:
    """Say so where pairs are asked for of a table whose first line has one field, with what separates fields elsewhere."""
    both = options.same or (options.columns is not None and options.columns[0] == options.columns[1])
    found = next((mark for mark in _SEPARATORS if len(head) == 1 and mark in head[0]), None)
    if found is None or both:
        return
    usual = "tabs" if plain_suffix(path) == ".tsv" else "commas"
    message = (
        f"the first line of {path} is one field, {head[0]!r:.60}: by its ending, fields are separated by {usual}. If "
        f"{found!r} separates them, read it as load_pairs(pandas.read_csv({str(path)!r}, sep={found!r}))."
    )
    raise InputError(message)


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
    said = names[not names[0] :]  # above their row numbers pandas and R leave the first cell empty
    odd = [name for name in said if not _is_name(name, among_words=words)]
    if 2 * len(odd) >= len(said):
        message = (
            f"the first line of {path} may be a pair and not the names of its columns: it has {odd[0]!r:.60}. Say "
            f"header=False or {path.name}:1,2 if the table has no names, header=True or {path.name}:A,B if these are."
        )
        raise InputError(message)
    return True


def _is_name(text: str, *, among_words: bool) -> bool:
    known = _NAME.fullmatch(text) is not None
    return known or (not among_words and len(text) <= _LONGEST_NAME and text.isidentifier())


def _tsv_rows(path: Path, encoding: str | None) -> Iterator[tuple[int, list[str]]]:
    # A TSV file as corpora have them is unquoted: a quotation mark there is a character of the text, and so is
    # a lone carriage return.
    with open_text(path, encoding) as file:
        for number, line in enumerate(lines(file), start=1):
            if line:
                yield number, line.split("\t")


def _csv_rows(path: Path, encoding: str | None) -> Iterator[tuple[int, list[str]]]:
    # The limit of the csv module is one for all of Python; the caller's is put back.
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        with open_text(path, encoding) as file:
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
