"""Loading pairs by their specification: the one way from a name or a path to `Pairs`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from platoscope.datasets.filters import clean
from platoscope.datasets.request import (
    DatasetInfo,
    DatasetOptions,
    DatasetSource,
    FileFormat,
    Request,
    split_spec,
)
from platoscope.datasets.sources import bible, emoji, flickr30k, imagenet, libreoffice, opus_books, stamps
from platoscope.datasets.sources.aligned import load_aligned
from platoscope.datasets.sources.image_folder import load_image_folder
from platoscope.datasets.sources.table import TABLE_SUFFIXES, load_table
from platoscope.datasets.sources.tmx import load_tmx
from platoscope.datasets.stored import is_stored, load_stored
from platoscope.datasets.textio import plain_suffix
from platoscope.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.datasets.pairs import Pairs

__all__ = ["SAME", "dataset_info", "list_datasets", "load_pairs"]

SOURCES: dict[str, DatasetSource] = {
    source.name: source
    for source in (
        bible.SOURCE,
        libreoffice.SOURCE,
        emoji.IMAGES,
        emoji.CAPTIONS,
        stamps.SOURCE,
        opus_books.SOURCE,
        imagenet.SOURCE,
        flickr30k.SOURCE,
    )
}

_TABLE = frozenset({"columns", "header", "id_column", "stratum_column", "image_columns"})
FILE_FORMATS: dict[str, FileFormat] = {
    **dict.fromkeys(TABLE_SUFFIXES, FileFormat(load_table, _TABLE)),
    ".tmx": FileFormat(load_tmx, frozenset({"columns"})),
}
"""Files of the user's own, by what their names end in (``.gz`` aside)."""

SAME = "same:"
"""What a specification starts with that has one text on both sides."""


def load_pairs(
    spec: str,
    /,
    *,
    keep_duplicates: bool = False,
    columns: Sequence[str] | None = None,
    header: bool | None = None,
    id_column: str | None = None,
    stratum_column: str | None = None,
    image_columns: Sequence[str] | None = None,
    pairs_per_class: int | None = None,
    seed: int | None = None,
    split: str | None = None,
    revision: str | None = None,
) -> Pairs:
    """Load pairs by name or from the user's own files.

    Parameters
    ----------
    spec : str
        - ``NAME[:VARIANT][@FOLDER]``: a data set of `list_datasets`, such as ``"bible:en-it"``,
          ``"emoji-captions:it"``, ``"stamps:en"``, ``"opus_books:en-it"``; ``@FOLDER`` reads a copy there, as
          in ``"libreoffice:en-de@unpacked"`` or ``"flickr30k@/data/flickr30k"``.
        - ``FILE[:A,B]``: a table (.jsonl, .csv, .tsv, .parquet) with columns A and B, or a translation memory
          (.tmx) with languages A and B; text may be compressed (.gz). Columns of a table without a header are
          called 1, 2, …, as in ``"pairs.tsv:1,2"``.
        - ``FILE,FILE``: two text files, aligned line by line.
        - ``FOLDER``: what `write_pairs` wrote, or a folder of images for each class.
        - ``same:SPEC``: side `a` of any of these on both sides, to compare two models on one text. Of `bible`
          and `libreoffice` one language is enough: ``"same:bible:en"``.

        A file or folder that is called like a data set is written with a leading ``./``.
    keep_duplicates : bool
        By default a pair whose `a` or `b` came before is dropped (see `drop_duplicates`).
    columns : (str, str), optional
        The sides, as after the colon of ``FILE:A,B``; the names of the sides for aligned text files.
    header : bool, optional
        Whether the first line of a .csv or .tsv table has the names of its columns. By default it is taken for
        them where `columns` finds itself in it or it can be nothing else; where it could be a pair, that is an
        error that asks.
    id_column, stratum_column : str, optional
        Columns of a table; by default "id" and "stratum", where it has them.
    image_columns : sequence of str, optional
        Which columns hold paths of images, relative to the table; by default those that look so.
    pairs_per_class, seed : int, optional
        For pairs of one class: at most so many of each class, drawn with this seed (0).
    split, revision : str, optional
        For data sets of the hub, instead of the pinned ones.

    Returns
    -------
    Pairs
        Outer white space of texts is gone, else they are as the source has them. `counts` says what was
        found and what each filter dropped: empty texts, images that cannot be read, duplicates.

    Raises
    ------
    NotFoundError
        If no data set or file is called so; the message lists the names.
    InputError
        If the source is broken, an option does not apply to it, or no pair is left.
    MissingExtraError
        If a package is missing; the message holds the command that gets it.
    StorageError
        If a file cannot be read.
    """
    if columns is not None and (isinstance(columns, str) or len(columns) != 2):
        message = f"columns must be two names, one for each side; got {columns!r}."
        raise InputError(message)
    options = DatasetOptions(
        columns=None if columns is None else (columns[0], columns[1]),
        header=header,
        id_column=id_column,
        stratum_column=stratum_column,
        image_columns=None if image_columns is None else tuple(image_columns),
        pairs_per_class=pairs_per_class,
        seed=seed,
        split=split,
        revision=revision,
    )
    same = spec.startswith(SAME)
    pairs = _load(spec.removeprefix(SAME), options, same=same)
    if same:
        pairs = replace(pairs, name=spec, b=pairs.a)
    cleaned = clean(pairs, keep_duplicates=keep_duplicates)
    if not len(cleaned):
        steps = "; ".join(
            f"{count.step} {count.dropped:,} {count.note}".rstrip() for count in cleaned.counts[1:]
        )
        message = f"of the {pairs.counts[0].kept:,} pairs of {spec!r} none is left. Dropped: {steps}."
        raise InputError(message)
    return cleaned


def list_datasets() -> tuple[DatasetInfo, ...]:
    """Return what `load_pairs` knows by name, with what is available on this machine now."""
    return tuple(source.info() for source in SOURCES.values())


def dataset_info(spec: str, /) -> DatasetInfo | None:
    """Return the description of the data set that a specification names; loads nothing.

    Parameters
    ----------
    spec : str
        As for `load_pairs`.

    Returns
    -------
    DatasetInfo or None
        `None` when it names none: then it is a file or folder of the user's own, or nothing. With a folder
        after `@`, `available` says whether that folder exists.

    Examples
    --------
    >>> dataset_info("same:bible:en").name
    'bible'
    >>> dataset_info("pairs.jsonl") is None
    True
    """
    name, variant, root = split_spec(spec.removeprefix(SAME))
    source = SOURCES.get(name)
    if source is None:
        return None
    info = source.info() if variant is None or source.variant_info is None else source.variant_info(variant)
    return info if root is None else replace(info, available=root.exists())


def _load(spec: str, options: DatasetOptions, *, same: bool) -> Pairs:
    name, variant, root = split_spec(spec)
    source = SOURCES.get(name)
    if source is None:
        return _load_own(spec, options)
    _refuse_others(spec, options, source.options)
    return source.load(Request(spec, name, variant, root, options, same_text=same))


def _load_own(spec: str, options: DatasetOptions) -> Pairs:
    path, columns = Path(spec).expanduser(), None
    head, colon, tail = spec.rpartition(":")
    if not path.exists() and colon and Path(head).expanduser().exists():
        path, columns = Path(head).expanduser(), tail.split(",")
        if len(columns) != 2 or not all(columns):
            message = (
                f"after the colon of {spec!r} two names are expected, separated by a comma; got {tail!r}."
            )
            raise InputError(message)
        options = replace(options, columns=(columns[0], columns[1]))
    first, comma, second = spec.partition(",")
    if not path.exists() and comma and Path(first).expanduser().is_file():
        _refuse_others(spec, options, frozenset({"columns"}))
        return load_aligned(Path(first).expanduser(), Path(second).expanduser(), options)
    if path.is_dir():
        table = is_stored(path)
        _refuse_others(spec, options, _TABLE if table else frozenset({"pairs_per_class", "seed"}))
        return load_stored(path, options) if table else load_image_folder(path, options)
    if path.is_file():
        return _load_file(spec, path, options)
    message = (
        f"{spec!r} is neither a data set nor a file. Data sets: {', '.join(SOURCES)}. "
        f"Files: {', '.join(FILE_FORMATS)}, two text files as A,B, or a folder."
    )
    raise NotFoundError(message)


def _load_file(spec: str, path: Path, options: DatasetOptions) -> Pairs:
    suffix = plain_suffix(path)
    if suffix not in FILE_FORMATS:
        message = (
            f"{path} ends in {suffix!r}; expected one of {', '.join(FILE_FORMATS)}, "
            "or two aligned text files as A,B."
        )
        raise InputError(message)
    _refuse_others(spec, options, FILE_FORMATS[suffix].options)
    return FILE_FORMATS[suffix].load(path, options)


def _refuse_others(spec: str, options: DatasetOptions, understood: frozenset[str]) -> None:
    others = sorted(options.given() - understood)
    if others:
        message = (
            f"the option {others[0]} does not apply to {spec!r}; "
            f"{'it takes ' + ', '.join(sorted(understood)) if understood else 'it takes none'}."
        )
        raise InputError(message)
