"""Records to plain values and back: for the run folder (JSON) and for studies that users write (TOML)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from platoscope.checks import in_short
from platoscope.errors import InputError
from platoscope.studies.design.comparison import Comparison, Fixed, Items, Source, Surface, Synthetic
from platoscope.studies.design.records import Panel
from platoscope.studies.design.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "comparison_from",
    "comparison_to",
    "panel_from",
    "panel_to",
    "record_from",
    "settings_from",
]

_Record = TypeVar("_Record")
_SIDES: dict[str, type[Source] | type[Surface] | type[Synthetic]] = {
    "source": Source,
    "surface": Surface,
    "synthetic": Synthetic,
}


def record_from(kind: type[_Record], values: object, /, *, where: str) -> _Record:
    """Build a record of plain values; an unknown or missing name is an error that lists the known ones.

    Parameters
    ----------
    kind : type
        The record.
    values : mapping
        Its fields, as a file has them; lists become tuples.
    where : str
        What is being read, for the message ("comparison 2 of mine.toml").
    """
    build: Callable[..., _Record] = kind
    known = [item.name for item in fields(kind)]  # type: ignore[arg-type]  # every record is a dataclass
    if not isinstance(values, Mapping):
        msg = f"{where} must be a table with {', '.join(known)}; got {in_short(values)}"
        raise InputError(msg)
    unknown = [name for name in values if name not in known]
    if unknown:
        msg = f"{where}: unknown {', '.join(map(repr, unknown))}; {kind.__name__} has {', '.join(known)}"
        raise InputError(msg)
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    try:
        return build(**plain)
    except InputError as error:
        msg = f"{where}: {error}"
        raise InputError(msg) from error
    except TypeError as error:
        msg = f"{where}: {kind.__name__} needs more: {error}. It has {', '.join(known)}."
        raise InputError(msg) from error


def comparison_to(comparison: Comparison, /) -> dict[str, Any]:
    """Give a comparison as plain values, its sides tagged by ``type``."""
    plain = asdict(comparison)
    names = {kind: name for name, kind in _SIDES.items()}
    for side, record in zip(("a", "b", "given"), comparison.all_sides, strict=False):
        plain[side]["type"] = names[type(record)]
        # Left out where nothing is asked for, so that what was computed before there was a choice is still found.
        if plain[side].get("final_norm", "") is None:
            del plain[side]["final_norm"]
    if comparison.given is None:
        del plain["given"]
    for name in ("encoding", "shuffle_words"):
        if comparison.items is not None and getattr(comparison.items, name) is None:
            del plain["items"][name]
    return plain


def comparison_from(values: object, /, *, where: str) -> Comparison:
    """Build a comparison of plain values; a side without a ``type`` is a `Source`."""
    if not isinstance(values, Mapping):
        msg = f"{where} must be a table with a label and two sides; got {in_short(values)}"
        raise InputError(msg)
    plain = dict(values)
    for side in ("a", "b") if plain.get("given") is None else ("a", "b", "given"):
        if not isinstance(plain.get(side), dict):
            msg = f'{where}: side {side!r} must be a table such as {{ model = "gemma-3-270m", side = "a" }}'
            raise InputError(msg)
        given = dict(plain[side])
        tag = given.pop("type", "source")
        if not isinstance(tag, str) or tag not in _SIDES:
            msg = f"{where}: side {side!r} has type={tag!r}; it must be one of {', '.join(_SIDES)}"
            raise InputError(msg)
        plain[side] = record_from(_SIDES[tag], given, where=f"{where}, side {side!r}")
    for name, kind in (("items", Items), ("fixed", Fixed)):
        if plain.get(name) is not None:
            plain[name] = record_from(kind, plain[name], where=f"{where}, {name}")
    return record_from(Comparison, plain, where=where)


def panel_to(panel: Panel, /) -> dict[str, Any]:
    """Give a panel as plain values."""
    return {**asdict(panel), "options": dict(panel.options)}


def panel_from(values: object, /, *, where: str) -> Panel:
    """Build a panel of plain values."""
    panel = record_from(Panel, values, where=where)
    options = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in dict(panel.options).items()
    }
    return replace(panel, options=options)


def settings_from(values: object, /, *, where: str) -> Settings:
    """Build settings of plain values; a setting that is refused is an error that says where it stands."""
    return record_from(Settings, values, where=where)
