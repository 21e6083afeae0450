"""What a model is called beside others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.arguments import sequence
from platoscope.checks import word
from platoscope.models.untrained import split_untrained, trained_name

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["name_of"]


def name_of(model: str, among: Sequence[str] | None = None, /) -> str:
    """Give the short name of a model: of a hub id or of a path the last part, and as many as tell it from the others.

    Parameters
    ----------
    model : str
        Hub id, path or other name.
    among : sequence of str, optional
        All that are named together, `model` itself among them.

    Examples
    --------
    >>> name_of("google/gemma-3-270m"), name_of("runs/a/last/", ("runs/a/last", "runs/b/last"))
    ('gemma-3-270m', 'a/last')
    >>> name_of("untrained(0):google/gemma-3-270m")
    'gemma-3-270m untrained(0)'
    """
    for given in (model, *(() if among is None else sequence("among", among, of="names of models"))):
        word("name of a model", given)
    model, seed = split_untrained(model)
    among = [trained_name(other) for other in among or ()]
    parts, *others = (
        given.replace("\\", "/").rstrip("/").split("/")
        for given in (model, *(other for other in among if other.rstrip("/") != model.rstrip("/")))
    )
    taken = next(
        (n for n in range(1, len(parts)) if all(other[-n:] != parts[-n:] for other in others)), len(parts)
    )
    return "/".join(parts[-taken:]) + ("" if seed is None else f" untrained({seed})")
