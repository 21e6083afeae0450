"""The closing table of a run, as text cells: the command line prints it and the page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["cell", "closing_table"]


def closing_table(summary: Mapping[str, Mapping[str, Any]], /) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the closing table.

    Parameters
    ----------
    summary : mapping of str to mapping
        Per row (a comparison) the values of its columns.

    Returns
    -------
    header : list of str
        The name of a row, then every column that any row has, in order of first appearance.
    rows : list of list of str
        A dash where a row lacks a column.

    Examples
    --------
    >>> closing_table({"en-it": {"Δ": (0.331, 0.31, 0.352), "layer": 11}})
    (['', 'Δ', 'layer'], [['en-it', '0.331 [0.310, 0.352]', '11']])
    """
    columns = list(dict.fromkeys(column for row in summary.values() for column in row))
    rows = [[name, *(cell(row.get(column)) for column in columns)] for name, row in summary.items()]
    return ["", *columns], rows


def cell(value: Any, /) -> str:
    """Write a value as a cell: numbers to three decimals, a number with its interval in brackets.

    Examples
    --------
    >>> cell(None), cell(0.98765), cell([9, 10, 11, 12])
    ('–', '0.988', '9, 10, 11, 12')
    """
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {cell(item)}" for name, item in value.items())
    if isinstance(value, Sequence):
        cells = [cell(item) for item in value]
        if len(cells) == 3 and any(isinstance(item, float) for item in value):
            return f"{cells[0]} [{cells[1]}, {cells[2]}]"
        return ", ".join(cells)
    return str(value)
