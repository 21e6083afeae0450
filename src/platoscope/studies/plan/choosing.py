"""What the user chose for all comparisons, put in the place of the study's; what no comparison takes is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from platoscope.errors import InputError
from platoscope.models import trained_name
from platoscope.studies.design.comparison import Source, Surface, Synthetic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.studies.design.comparison import Comparison
    from platoscope.studies.design.records import Choices

__all__ = ["check_taken", "chosen"]


def chosen(comparison: Comparison, choices: Choices) -> Comparison:
    """Put what the user chose for all comparisons in the place of the study's."""
    for put in (_limited, _decoded, _on_one_side):
        comparison = put(comparison, choices)
    return _with_tokenizers(comparison)


def _limited(comparison: Comparison, choices: Choices) -> Comparison:
    """Put the user's limits of tokens and of likeness in the place of the study's, where it limits texts at all."""
    items = comparison.items
    if items is None or (items.minimum is None and items.maximum is None):
        return comparison
    minimum = items.minimum if choices.min_tokens is None else choices.min_tokens
    maximum = items.maximum if choices.max_tokens is None else choices.max_tokens
    alike = items.near_duplicates if choices.near_duplicates is None else choices.near_duplicates
    return replace(comparison, items=replace(items, minimum=minimum, maximum=maximum, near_duplicates=alike))


def _decoded(comparison: Comparison, choices: Choices) -> Comparison:
    """Read the files of the pairs in the user's encoding, unless the study says one."""
    items = comparison.items
    if items is None or items.encoding is not None:
        return comparison
    return replace(comparison, items=replace(items, encoding=choices.encoding))


def _on_one_side(comparison: Comparison, choices: Choices) -> Comparison:
    """Read the last layers on the side of the final norm that the user asks for, where the study asks for none."""

    def put(side: Source | Surface | Synthetic) -> Source | Surface | Synthetic:
        if not isinstance(side, Source) or side.final_norm is not None:
            return side
        return replace(side, final_norm=choices.final_norm)

    given = put(comparison.given) if comparison.given else None
    return replace(comparison, a=put(comparison.a), b=put(comparison.b), given=given)  # type: ignore[arg-type]


def _with_tokenizers(comparison: Comparison) -> Comparison:
    """Spell out whose tokenizers count the items: those of the models that read them, unless the study says."""
    items = comparison.items
    if items is None:
        return comparison
    unlimited = items.minimum is None and items.maximum is None
    readers = items.tokenizers or tuple(
        side.model for side in comparison.all_sides if isinstance(side, Source | Surface)
    )
    # An untrained model counts like the trained one, whose items it must see.
    names = set() if unlimited else {trained_name(name) for name in readers}
    return replace(comparison, items=replace(items, tokenizers=tuple(sorted(names))))


def check_taken(study: str, comparisons: Sequence[Comparison], choices: Choices, /) -> None:
    """Refuse what was given and is found in no comparison: a third model of a study of two, layers of made-up data.

    Raises
    ------
    InputError
        If something is; the message names each.
    """
    sides = [side for comparison in comparisons for side in comparison.all_sides]
    sources = [side for side in sides if isinstance(side, Source)]
    items = [comparison.items for comparison in comparisons if comparison.items is not None]
    readers = [side.model for side in sides if isinstance(side, Source | Surface)]
    options = (
        ("--model", choices.models or (), {*readers, *map(trained_name, readers)}),
        ("--pairs", choices.pairs or (), {each.data for each in items}),
        ("--pooling", choices.poolings or (), {source.pooling for source in sources}),
        ("--layers", _one(choices.layers), {source.layers for source in sources}),
        ("--min-tokens", _one(choices.min_tokens), {each.minimum for each in items}),
        ("--max-tokens", _one(choices.max_tokens), {each.maximum for each in items}),
        ("--near-duplicates", _one(choices.near_duplicates), {each.near_duplicates for each in items}),
        ("--[no-]final-norm", _one(choices.final_norm), {source.final_norm for source in sources}),
        ("--encoding", _one(choices.encoding), {each.encoding for each in items}),
    )
    unused = [_shown(name, value) for name, given, taken in options for value in given if value not in taken]
    if unused:
        msg = f"no comparison of study {study!r} takes {', '.join(unused)}. Leave out what it does not take."
        raise InputError(msg)


def _one(value: object) -> tuple[object, ...]:
    return () if value is None else (value,)


def _shown(name: str, value: object) -> str:
    if isinstance(value, bool):
        return name.replace("[no-]", "" if value else "no-")
    return f"{name} {','.join(map(str, value)) if isinstance(value, tuple) else value}"
