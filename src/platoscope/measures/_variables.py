"""Names of the variables of a labelled result: a measure, and what was computed beside it."""

from __future__ import annotations

from typing import Final

from platoscope.checks import word

__all__ = ["PARTS", "split_variable"]

PARTS: Final = (
    "se",
    "low",
    "high",
    "band_low",
    "band_high",
    "resamples",
    "null",
    "null_sd",
    "null_draws",
    "threshold",
    "p",
    "p_adjusted",
    "calibrated",
    "best_p",
    "best_calibrated",
    "chance",
)
"""What a result holds beside a measure, as ``<measure>_<part>``."""

_LONGEST_FIRST: Final = sorted(PARTS, key=len, reverse=True)


def split_variable(variable: str, /) -> tuple[str, str]:
    """Return the quantity that a variable belongs to, and which part of it; no part for the quantity itself.

    Examples
    --------
    >>> split_variable("information_imbalance_null_sd")
    ('information_imbalance', 'null_sd')
    >>> split_variable("cka_biased")
    ('cka_biased', '')
    """
    word("variable", variable, empty=True)
    for part in _LONGEST_FIRST:
        if variable.endswith(f"_{part}"):
            return variable.removesuffix(f"_{part}"), part
    return variable, ""
