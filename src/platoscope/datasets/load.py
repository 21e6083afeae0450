"""Loading pairs: the one way from a name, a path or an object in memory to `Pairs`."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platoscope.arguments import sequence
from platoscope.checks import flag, in_short, word
from platoscope.datasets.columns import OF_COLUMNS
from platoscope.datasets.filters import clean
from platoscope.datasets.pairs import Pairs
from platoscope.datasets.request import (
    DatasetInfo,
    DatasetOptions,
    DatasetSource,
    FileFormat,
    OwnFiles,
    Request,
    own_files,
    split_spec,
)
from platoscope.datasets.sources import bible, emoji, flickr30k, imagenet, libreoffice, opus_books, stamps
from platoscope.datasets.sources.aligned import load_aligned
from platoscope.datasets.sources.image_folder import load_image_folder
from platoscope.datasets.sources.in_memory import OF_SPLITS, is_saved, load_object, load_saved, load_sides
from platoscope.datasets.sources.table import TABLE_SUFFIXES, load_table
from platoscope.datasets.sources.tmx import load_tmx
from platoscope.datasets.stored import is_stored, load_stored
from platoscope.datasets.textio import codec_of, plain_suffix
from platoscope.errors import InputError, NotFoundError
from platoscope.filenames import is_there, path_of
from platoscope.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["SAME", "beside", "check_spec", "dataset_info", "list_datasets", "load_pairs"]

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

_TABLE = OF_COLUMNS | {"header", "encoding"}
FILE_FORMATS: dict[str, FileFormat] = {
    **dict.fromkeys(TABLE_SUFFIXES, FileFormat(load_table, _TABLE)),
    ".tmx": FileFormat(load_tmx, frozenset({"columns"})),
}
"""Files of the user's own, by what their names end in (``.gz`` aside)."""

_LINES = frozenset({"columns", "encoding"})
_FOLDERS: tuple[
    tuple[Callable[[Path], bool], Callable[[Path, DatasetOptions], Pairs], frozenset[str]], ...
] = (
    (is_stored, load_stored, OF_COLUMNS),
    (is_saved, load_saved, OF_SPLITS),
    (Path.is_dir, load_image_folder, frozenset({"pairs_per_class", "seed"})),
)
"""Folders of the user's own: how one is recognized, what loads it, and the options that apply."""

SAME = "same:"
"""What a specification starts with that has one text on both sides."""


def load_pairs(
    pairs: str | PathLike[str] | Iterable[Any],
    other: str | PathLike[str] | Iterable[Any] | None = None,
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
    encoding: str | None = None,
) -> Pairs:
    """Load pairs by name, from the user's own files, or of what is in memory.

    Parameters
    ----------
    pairs : str, path or object
        An object in memory is a DataFrame (pandas, polars, pyarrow), a `datasets.Dataset`, a list of pairs, a list of
        objects or a mapping of lists with two columns for the sides, or `Pairs`, which are only filtered. A path is a
        file or folder as below. A text is one of these:

        - ``NAME[:VARIANT][@FOLDER]``: a data set of `list_datasets`, such as ``"bible:en-it"``,
          ``"emoji-captions:it"``, ``"stamps:en"``, ``"opus_books:en-it"``; ``@FOLDER`` reads a copy there, as
          in ``"libreoffice:en-de@unpacked"`` or ``"flickr30k@/data/flickr30k"``.
        - ``FILE[:A,B]``: a table (.jsonl, .json, .csv, .tsv, .parquet) with columns A and B, or a translation memory
          (.tmx) with languages A and B; text may be compressed (.gz). Columns of a table without a header are
          called 1, 2, …, as in ``"pairs.tsv:1,2"``.
        - ``FILE,FILE``: two text files, aligned line by line.
        - ``FOLDER``: what `write_pairs` or `save_to_disk` wrote, or a folder of images for each class.
        - ``same:SPEC``: side `a` of any of these on both sides, to compare two models on one text. Of `bible`
          and `libreoffice` one language is enough, of a table one column (``"same:pairs.jsonl:en"``), and a text file
          has one item a line.

        A file or folder that is called like a data set is written with a leading ``./``.
    other : path or list, optional
        Side `b`, where `pairs` is side `a`: two text files that are aligned line by line, or two lists of texts or
        images, such as columns of a DataFrame. One list twice is one thing on both sides.
    keep_duplicates : bool
        By default a pair whose `a` or `b` came before is dropped (see `drop_duplicates`).
    columns : (str, str), optional
        The sides, as after the colon of ``FILE:A,B``; the names of the sides for aligned text files and for lists.
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
        For data sets of the hub, instead of the pinned ones; `split` also for what `save_to_disk` wrote.
    encoding : str, optional
        Of a text file that is not UTF-8, such as ``"latin-1"``.

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

    Examples
    --------
    >>> pairs = load_pairs([("one", "uno"), ("two", "due"), ("one", "uno")], columns=("en", "it"))
    >>> len(pairs), pairs.a.name, pairs.counts[-1].step, pairs.counts[-1].dropped
    (2, 'en', 'duplicates', 1)
    >>> len(load_pairs({"id": [7, 8], "en": ["one", "two"], "it": ["uno", "due"]}))
    2
    """
    flag("keep_duplicates", keep_duplicates)
    named = isinstance(columns, list | tuple) and all(isinstance(name, str) for name in columns)
    if columns is not None and (not named or len(columns) != 2):
        message = f"columns must be two names, one for each side; got {in_short(columns)}."
        raise InputError(message)
    options = DatasetOptions(
        columns=None if columns is None else (columns[0], columns[1]),
        header=header,
        id_column=id_column,
        stratum_column=stratum_column,
        image_columns=None
        if image_columns is None
        else sequence("image_columns", image_columns, of="columns"),
        pairs_per_class=pairs_per_class,
        seed=seed,
        split=split,
        revision=revision,
        encoding=encoding,
    )
    found = _open(pairs, options) if other is None else _open_sides(pairs, other, options)
    cleaned = clean(found, keep_duplicates=keep_duplicates)
    if not len(cleaned):
        steps = "; ".join(
            f"{count.step} {count.dropped:,} {count.note}".rstrip() for count in cleaned.counts[1:]
        )
        message = f"of the {found.counts[0].kept:,} pairs of {found.name!r} none is left. Dropped: {steps}."
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
    name, variant, root = split_spec(word("spec", spec).removeprefix(SAME))
    source = SOURCES.get(name)
    if source is None:
        return None
    info = source.info() if variant is None or source.variant_info is None else source.variant_info(variant)
    return info if root is None else replace(info, available=root.exists())


def check_spec(spec: str, /, *, encoding: str) -> None:
    """Refuse an encoding that is none, or of data that have none; reads nothing.

    Raises
    ------
    InputError, NotFoundError
        As `load_pairs`.

    Examples
    --------
    >>> check_spec("bible:en-it", encoding="latin-1")
    Traceback (most recent call last):
    ...
    platoscope.errors.InputError: the option encoding does not apply to 'bible:en-it'; it takes none.
    """
    codec_of(encoding)
    _found(spec.removeprefix(SAME), DatasetOptions(encoding=encoding, same=spec.startswith(SAME)))


def beside(spec: str, folder: Path, /) -> str:
    """Return a specification whose relative paths are those of a folder: what a file in it means.

    Examples
    --------
    >>> [beside(spec, Path("studies")) for spec in ("same:pairs.jsonl:en", "bible:en-it", "emoji@unpacked", "/x.tmx")]
    ['same:studies/pairs.jsonl:en', 'bible:en-it', 'emoji@studies/unpacked', '/x.tmx']
    """
    same = SAME if spec.startswith(SAME) else ""
    bare = spec.removeprefix(SAME)
    head, at, root = bare.partition("@")
    if head.partition(":")[0] in SOURCES:
        return same + (f"{head}@{_joined(folder, root)}" if at else bare)
    first, comma, second = bare.partition(",")
    if comma and is_there(path_of(_joined(folder, first))):
        return f"{same}{_joined(folder, first)},{_joined(folder, second)}"
    return same + _joined(folder, bare)


def _joined(folder: Path, path: str) -> str:
    return path if path.startswith("~") or folder == Path() else os.path.join(folder, path)  # noqa: PTH118 (keeps "./")


def _open(found: object, options: DatasetOptions) -> Pairs:
    """Find out what was given: the one place that does."""
    if isinstance(found, str):
        same = found.startswith(SAME)
        pairs = _found(word("pairs", found).removeprefix(SAME), replace(options, same=same))()
        return replace(pairs, name=found, b=pairs.a) if same else pairs
    if isinstance(found, PathLike):
        return _found_files(str(found), OwnFiles((Path(found),)), options)()
    if isinstance(found, Pairs):
        _refuse_others(f"the pairs {found.name!r}", options, frozenset())
        return found
    return load_object(found, options, lambda what, understood: _refuse_others(what, options, understood))


def _open_sides(a: object, b: object, options: DatasetOptions) -> Pairs:
    """Take two files that are aligned, or two lists."""
    if isinstance(a, str | PathLike) and isinstance(b, str | PathLike):
        return _found_files("A,B", OwnFiles((path_of(str(a)), path_of(str(b)))), options)()
    _refuse_others("two lists", options, frozenset({"columns", "image_columns"}))
    return load_sides(a, b, options)


def _found(spec: str, options: DatasetOptions) -> Callable[[], Pairs]:
    """Find what a specification names, which takes these options, and give what loads it."""
    name, variant, root = split_spec(spec)
    source = SOURCES.get(name)
    if source is not None:
        _refuse_others(repr(spec), options, source.options)
        return partial(source.load, Request(spec, name, variant, root, options))
    own = own_files(spec)
    if own is not None:
        return _found_files(spec, own, options)
    message = (
        f"{spec!r} is neither a data set nor a file.{did_you_mean(name, SOURCES)} Data sets: {', '.join(SOURCES)}. "
        f"Files: {', '.join(FILE_FORMATS)}, two text files as A,B, or a folder."
    )
    raise NotFoundError(message)


def _found_files(spec: str, own: OwnFiles, options: DatasetOptions) -> Callable[[], Pairs]:
    if own.after_colon is not None:
        options = replace(options, columns=_columns(spec, own.after_colon, same=options.same))
    path = own.paths[0]
    if len(own.paths) == 2:
        _refuse_others(repr(spec), options, _LINES)
        return partial(load_aligned, path, own.paths[1], options)
    if path.is_dir():
        load, understood = next((load, understood) for test, load, understood in _FOLDERS if test(path))
        _refuse_others(repr(spec), options, understood)
        return partial(load, path, options)
    if not path.is_file():
        message = f"there is no file or folder {spec!r}."
        raise NotFoundError(message)
    return _found_file(spec, path, options)


def _columns(spec: str, after_colon: str, *, same: bool) -> tuple[str, str]:
    names = after_colon.split(",")
    if same and len(names) == 1:
        names *= 2
    if len(names) != 2 or not all(names):
        message = (
            f"after the colon of {spec!r} two names are expected, separated by a comma; got {after_colon!r}."
        )
        raise InputError(message)
    return names[0], names[1]


def _found_file(spec: str, path: Path, options: DatasetOptions) -> Callable[[], Pairs]:
    suffix = plain_suffix(path)
    if suffix not in FILE_FORMATS and options.same:
        _refuse_others(repr(spec), options, _LINES)
        return partial(load_aligned, path, path, options)
    if suffix not in FILE_FORMATS:
        message = (
            f"{path} ends in {suffix!r}; expected one of {', '.join(FILE_FORMATS)}, "
            "or two aligned text files as A,B."
        )
        raise InputError(message)
    _refuse_others(repr(spec), options, FILE_FORMATS[suffix].options)
    return partial(FILE_FORMATS[suffix].load, path, options)


def _refuse_others(what: str, options: DatasetOptions, understood: frozenset[str]) -> None:
    others = sorted(options.given() - understood)
    if others:
        message = (
            f"the option {others[0]} does not apply to {what}; "
            f"{'it takes ' + ', '.join(sorted(understood)) if understood else 'it takes none'}."
        )
        raise InputError(message)
