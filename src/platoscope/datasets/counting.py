"""How many pairs there can be, where a look at the lines of a file is enough to say so."""

from __future__ import annotations

from pathlib import Path

from platoscope.datasets.load import SAME, dataset_info
from platoscope.datasets.sources.table import TABLE_SUFFIXES, by_number
from platoscope.datasets.stored import ROWS
from platoscope.datasets.textio import open_bytes, plain_suffix

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
        `None` where only loading tells: for data sets by name, Parquet, TMX, folders of images, and what
        does not exist.

    Raises
    ------
    StorageError
        If the file cannot be read.
    """
    path = None if dataset_info(spec) is not None else _lines_of(spec.removeprefix(SAME))
    if path is None:
        return None
    with open_bytes(path) as file:
        lines = sum(1 for line in file if line.strip() or plain_suffix(path) not in TABLE_SUFFIXES)
    headed = plain_suffix(path) in (".csv", ".tsv") and not by_number(
        tuple(spec.rpartition(":")[2].split(","))
    )
    return max(0, lines - 1) if headed else lines


def _lines_of(spec: str, /) -> Path | None:
    """Find the file with a line for each pair: a table, the rows of a folder, the first of two aligned texts."""
    first, comma, _ = spec.partition(",")
    for name in (spec, spec.rpartition(":")[0]):
        path = Path(name).expanduser()
        path = path / ROWS if path.is_dir() else path
        if name and path.is_file():
            return path if plain_suffix(path) in TABLE_SUFFIXES and path.suffix != ".parquet" else None
    path = Path(first).expanduser()
    return path if comma and path.is_file() else None
