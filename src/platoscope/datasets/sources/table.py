"""Tables of the user's own: JSONL, CSV, TSV or Parquet with a column for each side."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from platoscope.datasets.images import IMAGE_SUFFIXES
from platoscope.datasets.pairs import FilterCount, Modality, Pairs, Side
from platoscope.datasets.textio import open_text, plain_suffix
from platoscope.errors import InputError, MissingExtraError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from platoscope.datasets.request import DatasetOptions

__all__ = ["TABLE_SUFFIXES", "load_table"]

TABLE_SUFFIXES = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")

Row = tuple[str, "Mapping[str, Any]"]  # where it stands ("line 3"), and its values by column


def load_table(path: Path, options: DatasetOptions, /) -> Pairs:
    """Load two columns of a table.

    Parameters
    ----------
    path : Path
        Ends in one of `TABLE_SUFFIXES`, perhaps with `.gz` behind (Parquet compresses itself).
    options : DatasetOptions
        `columns`: the two sides. Without them, a table that has two columns besides id and stratum needs no
        choice. `id_column` and `stratum_column`: by default "id" and "stratum", where they exist.
        `image_columns`: those of the two that hold paths of images, relative to the table's folder; by
        default those whose first value has an image's suffix.

    Raises
    ------
    InputError
        If a row is broken (with its line), a column is missing (with those that exist), or a value is not
        text.
    StorageError
        If the file cannot be read.
    """
    rows = _rows(path)
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


def _rows(path: Path) -> Iterator[Row]:
    suffix = plain_suffix(path)
    if suffix == ".parquet":
        return _parquet_rows(path)
    if suffix in (".csv", ".tsv"):
        return _csv_rows(path, "\t" if suffix == ".tsv" else ",")
    return _jsonl_rows(path)


def _jsonl_rows(path: Path) -> Iterator[Row]:
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
            except ValueError as error:
                message = f"{path}, line {number}: not valid JSON ({error})."
                raise InputError(message) from error
            if not isinstance(values, dict):
                message = (
                    f"{path}, line {number}: expected an object such as {{...}}, got {line.strip()[:40]!r}."
                )
                raise InputError(message)
            yield f"line {number}", values


def _csv_rows(path: Path, delimiter: str) -> Iterator[Row]:
    with open_text(path, newline="") as file:
        # A TSV file as corpora have them is unquoted: a quotation mark there is a character of the text.
        reader = (
            csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE)
            if delimiter == "\t"
            else csv.reader(file, delimiter=delimiter, strict=True)
        )
        try:
            header = next(reader, [])
            if len(set(header)) != len(header):
                message = f"{path}, line 1: a column name comes twice in {', '.join(header)}."
                raise InputError(message)
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header):
                    message = (
                        f"{path}, line {reader.line_num}: {len(row)} fields "
                        f"where the header has {len(header)} ({', '.join(header)})."
                    )
                    raise InputError(message)
                yield f"line {reader.line_num}", dict(zip(header, row, strict=True))
        except csv.Error as error:
            message = f"{path}, line {reader.line_num}: {error}."
            raise InputError(message) from error


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        feature = "reading Parquet"
        raise MissingExtraError(feature, "pyarrow", "pip install 'platoscope[io]'") from error
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=4096):
                for values in batch.to_pylist():
                    number += 1
                    yield f"row {number}", values
    except (OSError, pa.ArrowException) as error:
        message = f"{path} cannot be read as Parquet: {error}."
        raise StorageError(message) from error


def _optional(path: Path, names: Sequence[str], wanted: str | None, usual: str) -> str | None:
    if wanted is None:
        return usual if usual in names else None
    return _existing(path, names, wanted)


def _existing(path: Path, names: Sequence[str], wanted: str) -> str:
    if wanted not in names:
        message = f"{path} has no column {wanted!r}; it has {', '.join(names)}."
        raise InputError(message)
    return wanted


def _sides(
    path: Path, names: Sequence[str], wanted: tuple[str, str] | None, taken: Sequence[str | None]
) -> tuple[str, str]:
    if wanted is None:
        free = [name for name in names if name not in taken]
        if len(free) != 2:
            message = (
                f"{path} has the columns {', '.join(names)}: say which two are the sides, "
                f"as columns=(A, B) or {path.name}:A,B."
            )
            raise InputError(message)
        return free[0], free[1]
    return _existing(path, names, wanted[0]), _existing(path, names, wanted[1])


def _text(path: Path, where: str, values: Mapping[str, Any], column: str) -> str:
    if column not in values:
        message = f"{path}, {where}: no {column!r}; it has {', '.join(values)}."
        raise InputError(message)
    value = values[column]
    if value is None:
        return ""
    if not isinstance(value, str):
        message = f"{path}, {where}: {column!r} must be text, got {type(value).__name__} {value!r:.40}."
        raise InputError(message)
    return value.strip()


def _label(path: Path, where: str, values: Mapping[str, Any], column: str) -> str:
    value = values.get(column)
    if isinstance(value, str | int) and value != "":
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
