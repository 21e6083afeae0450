"""From rows of named values to pairs: which columns are the sides, the ids and the strata, and which hold images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from platoscope.arguments import refuse_unordered
from platoscope.datasets.images import IMAGE_SUFFIXES, ImageSource, LazyImages, is_open_image
from platoscope.datasets.pairs import FilterCount, Pairs, Side, check_text
from platoscope.errors import InputError
from platoscope.wording import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from platoscope.datasets.request import DatasetOptions

__all__ = ["OF_COLUMNS", "PairTable", "Row", "is_image", "pairs_of", "rows_of"]

Row: TypeAlias = "tuple[str, Mapping[str, Any]]"
"""Where it stands ("line 3"), and its values by column."""

OF_COLUMNS = frozenset({"columns", "id_column", "stratum_column", "image_columns"})
"""The options that choose among columns."""

_INDEX = frozenset({"", "Unnamed: 0", "__index_level_0__"})
"""What the column is called that pandas and R write for the numbers of rows."""
_NESTED = "translation"
"""The column of the hub's parallel texts, an object with a text for each language."""


@dataclass(frozen=True)
class PairTable:
    """Rows, and how messages and results speak of them.

    Parameters
    ----------
    what : str
        In a message ("pairs.csv", "the DataFrame").
    name : str
        Of the pairs.
    rows : iterator of Row
        Read once.
    origin : mapping
        What the provenance says of their source.
    counted : str
        What the first count says ("rows of pairs.csv").
    notation : str, optional
        How the sides are chosen, for the message that asks.
    folder : Path
        What paths of images are relative to.
    images : mapping of str to LazyImages
        Columns of images that are read when they are asked for; the rows have None in their place.
    """

    what: str
    name: str
    rows: Iterator[Row]
    origin: Mapping[str, Any]
    counted: str
    notation: str = "columns=(A, B)"
    folder: Path = field(default_factory=Path)
    images: Mapping[str, LazyImages] = field(default_factory=dict)


def pairs_of(table: PairTable, options: DatasetOptions, /) -> Pairs:
    """Make pairs of two columns of a table.

    Parameters
    ----------
    table : PairTable
        Records with a column `translation` of texts by language have those languages for columns.
    options : DatasetOptions
        `columns`: the two sides. Without them, a table that has two columns besides id, stratum and row numbers needs
        no choice; one is enough where the same is to stand on both sides. `id_column` and `stratum_column`: by default
        "id" and "stratum", where they exist. `image_columns`: those of the two that hold images; by default those
        whose first value is one, or has an image's suffix; what is missing is no value.

    Raises
    ------
    InputError
        If a column is missing (with those that exist), or a value is not what its column holds.
    """
    first = next(table.rows, None)
    if first is None:
        message = f"{table.what} has no rows."
        raise InputError(message)
    values = _flat(table, *first)
    names = tuple(values)
    id_column = _optional(table, names, options.id_column, "id")
    stratum_column = _optional(table, names, options.stratum_column, "stratum")
    columns = _sides(table, names, options, (id_column, stratum_column))
    held = [column for column in columns if column not in table.images]
    head, told = _head(table, (first[0], values), held)
    readers = {column: _reader(column, told[column], options.image_columns) for column in held}
    read: dict[str, list[Any]] = {column: [] for column in readers}
    ids: list[str] = []
    strata: list[str] = []
    for where, values in chain(head, _flat_rows(table)):
        for column, reader in readers.items():
            read[column].append(reader.take(table, where, values, column))
        if id_column:
            ids.append(_label(table, where, values, id_column))
        if stratum_column:
            strata.append(_label(table, where, values, stratum_column))
    sides = [
        Side(column, "image", table.images[column])
        if column in table.images
        else Side(column, readers[column].modality, read[column])
        for column in columns
    ]
    index = next((name for name in names if name in _INDEX and name not in columns), None)
    left_out = "" if index is None else f"; the row numbers in the column {index!r} are left out"
    return Pairs(
        name=table.name,
        a=sides[0],
        b=sides[1],
        ids=tuple(ids),
        strata=tuple(strata) if stratum_column else None,
        provenance={**table.origin, "columns": list(columns), "license": "not stated"},
        counts=(FilterCount("source", len(sides[0]), 0, table.counted + left_out),),
    )


def _flat_rows(table: PairTable) -> Iterator[Row]:
    for where, values in table.rows:
        yield where, _flat(table, where, values)


def _head(table: PairTable, first: Row, columns: Sequence[str]) -> tuple[list[Row], dict[str, Any]]:
    """Read rows until each column has a value that says what it holds; give the rows and these values."""
    head = [first]
    told = {column: first[1].get(column) for column in columns}
    rows = _flat_rows(table)
    while any(map(_is_missing, told.values())) and (row := next(rows, None)) is not None:
        head.append(row)
        told |= {column: row[1].get(column) for column, value in told.items() if _is_missing(value)}
    return head, told


def _is_missing(value: object) -> bool:
    """Tell whether there is no value: none, an empty text, or the NaN that pandas has in its place."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and value != value)


def rows_of(content: Any, /, *, what: str, names: tuple[str, str] = ("a", "b")) -> Iterator[Row]:
    """Give the rows of plain values: a list of objects or of pairs, or an object with a list for each column.

    Parameters
    ----------
    content : iterable or mapping
        What stands in memory or in a JSON file.
    what : str
        How messages speak of it.
    names : (str, str)
        Of the columns that pairs have.

    Raises
    ------
    InputError
        If it is none of these, or one of its members is not what the first one is.
    """
    if isinstance(content, Mapping):
        return _rows_of_columns(content, what)
    refuse_unordered(what, content)
    if isinstance(content, Iterable) and not isinstance(content, str | bytes):
        return _rows_of_records(content, what, names)
    message = f"{what} must hold a list of objects or of pairs, or an object of lists; got {content!r:.40}."
    raise InputError(message)


def _rows_of_records(records: Iterable[Any], what: str, names: tuple[str, str]) -> Iterator[Row]:
    kind: type | None = None
    for number, record in enumerate(records, start=1):
        where = f"item {number}"
        if isinstance(record, Mapping) and not _is_encoded(record):
            values = _by_name(record, f"{what}, {where}")
        elif isinstance(record, list | tuple) and len(record) == 2:
            values = dict(zip(names, record, strict=True))
        else:
            raise InputError(_no_record(what, where, record))
        kind = kind or type(record)
        if isinstance(record, Mapping) != issubclass(kind, Mapping):
            message = f"{what}, {where}: expected {kind.__name__} as before, got {type(record).__name__}."
            raise InputError(message)
        yield where, values


def _no_record(what: str, where: str, record: object) -> str:
    if isinstance(record, str) or is_image(record):
        return (
            f"{what} holds one thing after the other, {record!r:.40} the first, and pairs have two sides. Give both, as "
            "load_pairs(A, B); load_pairs(A, A) puts the same on both, to compare two models."
        )
    of = f" of {len(record)}" if isinstance(record, list | tuple) else ""
    return (
        f"{what}, {where}: expected a pair, or an object with a value for each column; got "
        f"{type(record).__name__}{of}, {record!r:.40}."
    )


def _rows_of_columns(columns: Mapping[Any, Any], what: str) -> Iterator[Row]:
    lists = {}
    for name, column in _by_name(columns, what).items():
        refuse_unordered(f"{what}: {name!r}", column)
        if isinstance(column, str | bytes | Mapping) or not isinstance(column, Iterable):
            message = (
                f"{what}: {name!r} must be a list with a value for each row, got {column!r:.40}. A table may also be "
                "a list of objects with a value for each column (orient='records' in pandas)."
            )
            raise InputError(message)
        lists[name] = list(column)
    lengths = {name: len(column) for name, column in lists.items()}
    if len(set(lengths.values())) > 1:
        sizes = listed([f"{name} {length:,}" for name, length in lengths.items()])
        message = (
            f"the columns of {what} must have one value for each row, but their lengths differ: {sizes}."
        )
        raise InputError(message)
    for number, values in enumerate(zip(*lists.values(), strict=True), start=1):
        yield f"row {number}", dict(zip(lists, values, strict=True))


def _by_name(record: Mapping[Any, Any], what: str) -> dict[str, Any]:
    """Give values by names that are texts: a number is one as it is written."""
    named = {str(name): value for name, value in record.items()}
    if len(named) < len(record):
        message = f"{what} has two columns of one name, once as a number: {listed([repr(name) for name in record])}."
        raise InputError(message)
    return named


def is_image(value: object, /) -> bool:
    """Tell whether a value is an image, or text that ends like the path of one."""
    if isinstance(value, str):
        return any(value.lower().endswith(suffix) for suffix in IMAGE_SUFFIXES)
    return isinstance(value, bytes | PathLike) or is_open_image(value) or _is_encoded(value)


def _is_encoded(value: object) -> bool:
    """Tell whether this is how the library `datasets` writes an image that is not decoded."""
    return isinstance(value, Mapping) and value.keys() == {"bytes", "path"}


def _flat(table: PairTable, where: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put the languages of a nested record beside its other columns."""
    nested = values.get(_NESTED)
    if not isinstance(nested, Mapping):
        return values
    double = nested.keys() & values.keys()
    if double:
        message = (
            f"{table.what}, {where}: {min(double)!r} stands both in {_NESTED!r} and beside it. Drop one."
        )
        raise InputError(message)
    return {**{name: value for name, value in values.items() if name != _NESTED}, **nested}


def _optional(table: PairTable, names: Sequence[str], wanted: str | None, usual: str) -> str | None:
    if wanted is None:
        return usual if usual in names else None
    return _existing(table, names, wanted)


def _existing(table: PairTable, names: Sequence[str], wanted: str) -> str:
    if wanted not in names:
        message = f"{table.what} has no column {wanted!r}; it has {listed(names)}."
        raise InputError(message)
    return wanted


def _sides(
    table: PairTable, names: Sequence[str], options: DatasetOptions, taken: Sequence[str | None]
) -> tuple[str, str]:
    if options.columns is not None:
        return _existing(table, names, options.columns[0]), _existing(table, names, options.columns[1])
    free = [name for name in names if name not in taken and name not in _INDEX]
    if len(free) == 1 and options.same:
        return free[0], free[0]
    if len(free) == 1:
        message = (
            f"{table.what} has one column to read, {free[0]!r}, and pairs have two sides. To compare two models on it, "
            f"put it on both: columns=({free[0]!r}, {free[0]!r}), or same: before the name of a file."
        )
        raise InputError(message)
    if len(free) != 2:
        message = (
            f"{table.what} has the columns {listed(names)}: say which two are the sides, as {table.notation}."
        )
        raise InputError(message)
    return free[0], free[1]


@dataclass(frozen=True)
class _Reader:
    """How the values of a column are taken."""

    modality: Any
    take: Callable[[PairTable, str, Mapping[str, Any], str], Any]


def _reader(column: str, first: Any, image_columns: Sequence[str] | None) -> _Reader:
    chosen = is_image(first) if image_columns is None else column in image_columns
    return _Reader("image", _image) if chosen else _Reader("text", _text)


def _value(table: PairTable, where: str, values: Mapping[str, Any], column: str) -> Any:
    """Give a value; None where it is missing."""
    if column not in values:
        message = f"{table.what}, {where}: no {column!r}; it has {listed(values)}."
        raise InputError(message)
    value = values[column]
    return None if _is_missing(value) else value


def _text(table: PairTable, where: str, values: Mapping[str, Any], column: str) -> str:
    value = _value(table, where, values, column)
    if value is None:
        return ""
    if not isinstance(value, str):
        message = f"{table.what}, {where}: {column!r} must be text, got {type(value).__name__} {value!r:.40}."
        raise InputError(message)
    check_text(value, f"{table.what}, {where}: {column!r}")
    return value.strip()


def _image(table: PairTable, where: str, values: Mapping[str, Any], column: str) -> ImageSource:
    value = _value(table, where, values, column)
    if _is_encoded(value):
        value = value["path"] if value["bytes"] is None else value["bytes"]
    if value is None:
        # It stays a path that cannot be opened, so that the filter counts it.
        return table.folder / "missing"
    if isinstance(value, str | PathLike):
        return table.folder / value
    if is_image(value):
        image: ImageSource = value
        return image
    message = (
        f"{table.what}, {where}: {column!r} must be an image (a path, encoded bytes or a PIL image), got "
        f"{type(value).__name__}."
    )
    raise InputError(message)


def _label(table: PairTable, where: str, values: Mapping[str, Any], column: str) -> str:
    value = values.get(column)
    if not isinstance(value, bool) and isinstance(value, str | Integral) and value != "":
        check_text(str(value), f"{table.what}, {where}: {column!r}")
        return str(value)
    message = f"{table.what}, {where}: {column!r} must be a text or a whole number, got {value!r:.40}."
    raise InputError(message)
