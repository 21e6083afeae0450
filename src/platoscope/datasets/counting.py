"""How many pairs there can be, where a look at the lines of a file is enough to say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.datasets.load import SAME, dataset_info
from platoscope.datasets.request import own_files
from platoscope.datasets.sources.table import TABLE_SUFFIXES, by_number
from platoscope.datasets.stored import ROWS
from platoscope.datasets.textio import open_bytes, plain_suffix

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["most_pairs"]


def most_pairs(spec: str, /) -> int | None:
    """Return the number of rows or lines of a file of the user's own: it holds no more pairs than that.

    Nothing is parsed or filtered, so there may be fewer.

    Parameters
    ----------
    spec : str
        As for `load_pairs`.

    Returns
    -------
    int or None
        `None` where only loading tells: for data sets by name, JSON, Parquet, TMX, folders of images, and what
        does not exist.

    Raises
    ------
    StorageError
        If the file cannot be read.
    """
    path = None if dataset_info(spec) is not None else _lines_of(spec.removeprefix(SAME))
    if path is None:
        return None
    table = plain_suffix(path) in TABLE_SUFFIXES
    with open_bytes(path) as file:
        lines = sum(1 for line in file if line.strip() or not table)
    headed = plain_suffix(path) in (".csv", ".tsv") and not by_number(
        tuple(spec.rpartition(":")[2].split(","))
    )
    return max(0, lines - 1) if headed else lines


def _lines_of(spec: str, /) -> Path | None:
    """Find the file with a line for each pair: a table, the rows of a folder, the first of two aligned texts."""
    found = own_files(spec)
    if found is None:
        return None
    path = found.paths[0] / ROWS if found.paths[0].is_dir() else found.paths[0]
    in_lines = plain_suffix(path) in TABLE_SUFFIXES and plain_suffix(path) not in (".parquet", ".json")
    return path if path.is_file() and (in_lines or len(found.paths) == 2) else None
