"""The closing table of a run as text cells: the command line prints it and the page shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["closing_table", "layer_range"]

_HEADER = (
    "comparison",
    "pairs",
    "best layer A → B",
    "best layer B → A",
    "semantic region",
    "δ in the last quarter",
    "Δ shuffled",
    "recall@1",
    "space",
    "last layer",
)


def closing_table(summary: Mapping[str, Any], /) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the closing table.

    Parameters
    ----------
    summary : mapping
        `platoscope.studies.StudyResult.summary`.

    Returns
    -------
    header : list of str
        Columns that at least one row fills.
    rows : list of list of str
        One per profile and sweep, with a dash where a row lacks a value.

    Examples
    --------
    >>> best = {"layer": 11, "value": 0.331, "low": 0.31, "high": 0.352}
    >>> row = {"label": "en-it", "name_a": "en", "name_b": "it", "n_samples": 1000,
    ...        "best": {"a_to_b": best, "b_to_a": best}, "null": {"mean": 1.002}}
    >>> header, rows = closing_table({"rows": [row]})
    >>> print(*header, sep=" | ")
    comparison | pairs | best layer A → B | best layer B → A | Δ shuffled
    >>> print(*rows[0], sep=" | ")
    en-it | 1,000 | 0.331 [0.310, 0.352] at 11 | 0.331 [0.310, 0.352] at 11 | 1.002
    """
    rows = [_row(row) for row in summary.get("rows", ())]
    kept = [i for i in range(len(_HEADER)) if any(row[i] for row in rows)]
    return [_HEADER[i] for i in kept], [[row[i] or "–" for i in kept] for row in rows]


def _row(row: Mapping[str, Any], /) -> list[str]:
    """Write one row, with empty cells where it has no value."""
    best = row.get("best", {})
    region = row.get("semantic_region")
    null = row.get("null")
    recall = row.get("recall_at_1")
    return [
        str(row["label"]),
        f"{row['n_samples']:,}",
        *(_best(best.get(direction)) for direction in ("a_to_b", "b_to_a")),
        layer_range(region["layers"]) if region else "",
        _interval(row.get("asymmetry_last_quarter")),
        f"{null['mean']:.3f}" if null else "",
        f"{recall:.3f}" if recall is not None else "",
        row.get("space", ""),
        f"{row['last_layer']} the norm" if "last_layer" in row else "",
    ]


def _best(best: Mapping[str, Any] | None, /) -> str:
    """Write the value at the best layer, its interval, and where that is."""
    return f"{_interval(best)} at {best['layer']}" if best else ""


def _interval(quantity: Mapping[str, float] | None, /) -> str:
    """Write a number with its interval, where it has one."""
    if not quantity:
        return ""
    if "low" not in quantity:
        return f"{quantity['value']:.3f}"
    return f"{quantity['value']:.3f} [{quantity['low']:.3f}, {quantity['high']:.3f}]"


def layer_range(layers: Sequence[int], /) -> str:
    """Write layers as ranges.

    Examples
    --------
    >>> layer_range([9, 10, 11, 14])
    '9–11, 14'
    """
    runs: list[list[int]] = []
    for layer in layers:
        if runs and layer == runs[-1][-1] + 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
