"""Pairs of what a notebook holds: tables and data sets of other libraries, lists of records, two lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from platoscope.arguments import refuse_unordered
from platoscope.checks import is_of
from platoscope.datasets.columns import OF_COLUMNS, PairTable, pairs_of, rows_of
from platoscope.datasets.sources._hub import check_whole, is_saved, lazy_images, one_split, open_saved
from platoscope.errors import InputError, guarded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platoscope.datasets.pairs import Pairs
    from platoscope.datasets.request import DatasetOptions

__all__ = [
    "KINDS",
    "OF_SPLITS",
    "PairKind",
    "is_saved",
    "is_table",
    "load_object",
    "load_saved",
    "load_sides",
]

OF_SPLITS = OF_COLUMNS | {"split"}
"""The options that apply to a data set of several splits."""


@dataclass(frozen=True)
class PairKind:
    """A kind of object that holds pairs.

    Parameters
    ----------
    name : str
        What it is called.
    classes : tuple of (str, str)
        Library and name of the classes that it is known by; nothing is imported for that.
    table : callable
        Gives its rows.
    options : frozenset of str
        Those of `load_pairs` that apply.
    """

    name: str
    classes: tuple[tuple[str, str], ...]
    table: Callable[[Any, DatasetOptions], PairTable]
    options: frozenset[str] = OF_COLUMNS


def load_object(
    found: object, options: DatasetOptions, refuse: Callable[[str, frozenset[str]], None]
) -> Pairs:
    """Load pairs of one object in memory.

    Parameters
    ----------
    found : object
        Of one of the `KINDS`, or plain values as `rows_of` takes them.
    options : DatasetOptions
        Which of them apply depends on its kind.
    refuse : callable
        Gets how the object is called and the options that apply to it, and refuses others.

    Raises
    ------
    InputError
        If it is nothing of this.
    """
    kind = next((kind for kind in KINDS if is_of(found, kind.classes)), None)
    if kind is not None:
        refuse(kind.name, kind.options)
        return pairs_of(kind.table(found, options), options)
    if isinstance(found, Iterable) and not isinstance(found, bytes) and getattr(found, "ndim", 1) != 0:
        what = "the list" if isinstance(found, list) else f"the {type(found).__name__}"
        refuse(what, OF_COLUMNS)
        names = options.columns or ("a", "b")
        return pairs_of(_table(what, rows_of(found, what=what, names=names)), options)
    message = (
        f"expected the name of a data set, a path, {', '.join(kind.name for kind in KINDS)}, a list of pairs or of "
        f"objects, a mapping of columns, or two lists; got {type(found).__name__}."
    )
    raise InputError(message)


def load_sides(a: object, b: object, options: DatasetOptions) -> Pairs:
    """Load pairs of two lists of equal length; `options.columns` gives their names.

    Raises
    ------
    InputError
        If they are no lists, or have unequal lengths.
    """
    names = options.columns or (_name_of(a, "a"), _name_of(b, "b"))
    columns = names if names[0] != names[1] else ("a", "b")
    what = "the two lists"
    values = {column: _values(side, what) for column, side in zip(columns, (a, b), strict=True)}
    _check_index(a, b)
    pairs = pairs_of(_table(what, rows_of(values, what=what)), replace(options, columns=columns))
    return replace(pairs, a=replace(pairs.a, name=names[0]), b=replace(pairs.b, name=names[1]))


def load_saved(folder: Path, options: DatasetOptions) -> Pairs:
    """Load pairs of a folder that `save_to_disk` of the library `datasets` wrote.

    Raises
    ------
    MissingExtraError
        Without that library.
    StorageError
        If it cannot be read.
    InputError
        If it has several splits and none was chosen.
    """
    what = str(folder)
    table = _of_dataset(one_split(open_saved(folder), options.split, what), options, what)
    return pairs_of(replace(table, name=folder.name, origin={"source": what, **table.origin}), options)


def _of_splits(found: Any, options: DatasetOptions) -> PairTable:
    what = "the DatasetDict"
    return _of_dataset(one_split(found, options.split, what), options, what)


def _of_dataset(found: Any, options: DatasetOptions, what: str = "the Dataset") -> PairTable:
    """Give the rows of a data set; its pictures stay where they are, and a row has None in their place."""
    check_whole(found, what)
    kinds = {name: type(feature).__name__ for name, feature in found.features.items()}
    # Sound and films would be decoded for every row, by libraries of their own.
    blank = {name: None for name, kind in kinds.items() if kind not in ("Audio", "Video")}
    plain = [name for name in blank if kinds[name] != "Image"]
    values: Iterable[Any] = found.with_format(None).select_columns(plain) if plain else [{}] * len(found)
    table = _table(what, rows_of(({**blank, **row} for row in values), what=what), name="Dataset")
    images = {name: lazy_images(found, name, range(len(found))) for name in blank if kinds[name] == "Image"}
    split = options.split or found.split
    return replace(
        table, images=images, origin={**table.origin, **({} if split is None else {"split": str(split)})}
    )


def _of_frame(found: Any, _options: DatasetOptions) -> PairTable:
    """Give the rows of a frame; an index of pandas that has a name is a column."""
    import narwhals.stable.v2 as nw

    with guarded("the DataFrame cannot be read", "Give its columns different names of their own."):
        index = [name for name in getattr(getattr(found, "index", None), "names", ()) if name is not None]
        frame = nw.from_native(found.reset_index() if index else found, eager_only=True)
        # By place: a name that is a number would be taken for one of a row.
        values = dict(zip(frame.columns, map(_without_nulls, frame.iter_columns()), strict=True))
    return _table("the DataFrame", rows_of(values, what="the DataFrame"), name="DataFrame")


KINDS = (
    PairKind(
        "a DataFrame",
        (("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table"), ("modin", "DataFrame")),
        _of_frame,
    ),
    PairKind("a datasets.Dataset", (("datasets", "Dataset"),), _of_dataset),
    PairKind("a datasets.DatasetDict", (("datasets", "DatasetDict"),), _of_splits, OF_SPLITS),
)
"""What is recognized, beside plain lists and mappings; another library's table is entered here."""


def is_table(found: object, /) -> bool:
    """Tell whether something is a table of pairs of another library: one of `KINDS`."""
    return any(is_of(found, kind.classes) for kind in KINDS)


_SERIES = frozenset({("pandas", "Series"), ("polars", "Series")})


def _table(what: str, rows: Any, *, name: str = "pairs in memory") -> PairTable:
    return PairTable(what, name, rows, origin={"source": f"{what} in memory"}, counted=f"rows of {what}")


def _name_of(values: object, otherwise: str) -> str:
    name = getattr(values, "name", None)
    return name if isinstance(name, str) and name else otherwise


def _values(values: object, what: str) -> list[Any]:
    """Give the members of a list; of a Series, None where one is missing."""
    refuse_unordered(f"each of {what}", values)
    if is_of(values, _SERIES):
        import narwhals.stable.v2 as nw

        return _without_nulls(nw.from_native(values, series_only=True))
    no_list = isinstance(values, str | bytes | Mapping) or is_table(values)
    no_list |= getattr(values, "ndim", 1) == 0
    if no_list or not isinstance(values, Iterable):
        message = f"each of {what} must hold the texts or images of one side; got {type(values).__name__}."
        raise InputError(message)
    return list(values)


def _check_index(a: Any, b: Any) -> None:
    """Refuse two Series of pandas whose rows have other labels: by place or by label, they are other pairs."""
    if all(is_of(side, {("pandas", "Series")}) for side in (a, b)) and not a.index.equals(b.index):
        message = (
            "the two Series have different indexes, so that it does not show which rows are pairs. Put both into one "
            "DataFrame, or pass lists (a.tolist(), b.tolist()) if they are pairs in their order."
        )
        raise InputError(message)


def _without_nulls(series: Any) -> list[Any]:
    missing = series.is_null().to_list()
    return [None if gone else value for gone, value in zip(missing, series.to_list(), strict=True)]
