"""What figures call things: measures as the table says, and whatever a user named as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from platoscope.checks import in_short, word
from platoscope.errors import InputError
from platoscope.layerwise import higher_is_similar
from platoscope.measures import MEASURES, ComparisonOptions, find_measure, split_variable

if TYPE_CHECKING:
    import xarray as xr

    from platoscope.measures import Measure

__all__ = [
    "as_text",
    "as_written",
    "axis_from_zero",
    "chance_label",
    "chance_level",
    "direction_label",
    "full_label",
    "gap_of",
    "label",
    "lowest_is_best",
    "short_label",
    "side_names",
    "similarity_label",
]

_ON_ITS_SCALE: Final = ("", "low", "high", "null", "threshold")  # a p-value of Δ is no Δ


def as_text(name: object, /) -> str:
    r"""Return a name of the user's as Matplotlib has to be given it to draw its characters and no others.

    Two dollar signs in one text would begin and end a formula, and a legend leaves out what begins with an
    underscore. Every name of a condition, side or panel goes through here, once.

    Examples
    --------
    >>> print(as_text("US$ and CA$"))
    US\$ and CA\$
    """
    text = str(name).replace("$", r"\$")
    return f"\N{WORD JOINER}{text}" if text.startswith("_") else text


def as_written(text: str, /) -> str:
    """Undo `as_text`, for what is read back from drawn Axes."""
    return text.replace(r"\$", "$").replace("\N{WORD JOINER}", "")


def label(variable: str, dataset: xr.Dataset, /) -> str:
    """Name a variable: a measure or its gap as the table does, a user's own as the result does, else by its name."""
    if variable in MEASURES:
        return MEASURES[variable].label
    gaps = {measure.gap: measure.gap_label for measure in MEASURES.values()}
    return gaps.get(variable) or as_text(_said(dataset, variable, "long_name", variable))


def gap_of(measure: str, /) -> tuple[str, bool]:
    """Return the variable with the differences of both directions, and whether A is the more informative below 0.

    Raises
    ------
    InputError
        If the measure has no such variable.
    """
    known = MEASURES.get(word("measure", measure))
    if known is None or known.gap is None:
        named = ", ".join(name for name, each in MEASURES.items() if each.gap is not None)
        message = f"measure must be one whose two directions have a named difference ({named}); got {in_short(measure)}."
        raise InputError(message)
    return known.gap, not known.higher_is_similar


def similarity_label(variable: str, dataset: xr.Dataset, /) -> str:
    """Name a measure that is drawn with 1 as "the same": ``"1 − Δ"``, or its label."""
    short = short_label(variable, dataset)
    return f"1 − {short}" if lowest_is_best(variable, dataset) else label(variable, dataset)


def chance_label(variable: str, dataset: xr.Dataset, /) -> str:
    """Name the level that unrelated representations reach: ``"overlap by chance"``."""
    return f"{short_label(variable, dataset)} by chance"


def _said(dataset: xr.Dataset, variable: str, attribute: str, default: Any, /) -> Any:
    """Return what a result says of its variable itself: all there is of a measure that is in no table."""
    return dataset[variable].attrs.get(attribute, default) if variable in dataset else default


def _scale_of(variable: str, /) -> Measure | None:
    """Return the measure whose values a variable holds."""
    return find_measure(variable) if split_variable(variable)[1] in _ON_ITS_SCALE else None


def short_label(variable: str, dataset: xr.Dataset, /) -> str:
    """Name a measure where there is little room: ``"Δ"``, ``"overlap"``, or its label."""
    measure = _scale_of(variable)
    return (measure.short if measure else None) or label(variable, dataset)


def lowest_is_best(variable: str, dataset: xr.Dataset, /) -> bool:
    """Say whether a lower value means more similar; what neither table nor result knows is taken for a similarity."""
    quantity, part = split_variable(variable)
    return part in _ON_ITS_SCALE and higher_is_similar(dataset, quantity) is False


def axis_from_zero(variable: str, /) -> bool:
    """Say whether the axis of a measure begins at 0 wherever its values lie."""
    return variable in MEASURES and MEASURES[variable].axis_from_zero


def chance_level(variable: str, dataset: xr.Dataset, /) -> float | None:
    """Return what unrelated representations give: as the result says, else as the table does; None if unknown."""
    measure = _scale_of(variable)
    stated = dataset.attrs.get(f"{measure.name if measure else variable}_chance")
    if stated is not None:
        return float(stated)
    if measure is None or "n_samples" not in dataset.attrs:
        return None
    default = ComparisonOptions()
    options = ComparisonOptions(
        n_neighbors=int(dataset.attrs.get("n_neighbors", default.n_neighbors)),
        overlap_neighbors=int(dataset.attrs.get("overlap_neighbors", default.overlap_neighbors)),
    )
    level = measure.chance(int(dataset.attrs["n_samples"]), options)
    return level if np.isfinite(level) else None


def side_names(*datasets: xr.Dataset, default: tuple[str, str] = ("A", "B")) -> tuple[str, str]:
    """Name both sides: as all results do, "other" where they differ, and A and B where nothing is shared."""
    names = []
    for attribute, unnamed in zip(("name_a", "name_b"), default, strict=True):
        found = {as_text(dataset.attrs.get(attribute, unnamed)) for dataset in datasets}
        names.append(found.pop() if len(found) == 1 else "other")
    a, b = ("A", "B") if names == ["other", "other"] else names
    return a, b


def direction_label(
    direction: str, /, *datasets: xr.Dataset, of: str = "", default: tuple[str, str] = ("A", "B")
) -> str:
    """Name a direction by the sides it joins: ``"en → it"``, and of a measure with a short name ``"Δ(en → it)"``."""
    if direction == "mean":
        return "mean of both directions"
    a, b = side_names(*datasets, default=default)
    joined = f"{a} → {b}" if direction == "a_to_b" else f"{b} → {a}"
    measure = _scale_of(of)
    return f"{measure.short}({joined})" if measure is not None and measure.short else joined


def full_label(
    variable: str, direction: str, dataset: xr.Dataset, /, *, default: tuple[str, str] = ("A", "B")
) -> str:
    """Name a directed measure among others: ``"Δ(en → it)"``, ``"recall@1 · en → it"``."""
    joined = direction_label(direction, dataset, of=variable, default=default)
    measure = _scale_of(variable)
    return joined if measure is not None and measure.short else f"{label(variable, dataset)} · {joined}"
