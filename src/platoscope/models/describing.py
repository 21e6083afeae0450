"""What a model is, from the catalogue or from its configuration alone."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from platoscope.checks import one_of, word
from platoscope.models.catalog import catalog, tower_error
from platoscope.models.library import require_libraries
from platoscope.models.locations import locate_model
from platoscope.models.untrained import trained_name

if TYPE_CHECKING:
    from platoscope.models.catalog import ModelInfo

__all__ = ["describe_model"]


def describe_model(
    name: str, /, *, tower: Literal["text", "vision"] | None = None, revision: str | None = None
) -> ModelInfo:
    """Describe a model without loading its weights.

    Parameters
    ----------
    name : str
        As for `platoscope.models.load_model`. What the catalogue does not list is built from its
        configuration, without memory, to count its parameters.
    tower : {"text", "vision"} or None
        Which side of a model with two.
    revision : str or None
        Commit, tag or branch on the hub.

    Returns
    -------
    ModelInfo
        Size and shape.

    Raises
    ------
    NotFoundError
        If there is no such model.
    InputError
        If `tower` does not fit, or the file is GGUF, which holds no separate configuration.
    MissingExtraError
        If torch or transformers is needed and not installed.
    """
    word("name", name)
    one_of("tower", tower, (None, "text", "vision"))
    trained = trained_name(name)
    listed = [info for info in catalog() if info.name == trained]
    for info in listed:
        if info.tower == tower:
            return info if trained == name else replace(info, name=name)
    if listed:
        raise tower_error(name, tower)
    require_libraries()
    location = locate_model(name, revision=revision)
    # Loaded by name: that module imports torch and transformers (seconds), and this one must not.
    pretrained = importlib.import_module("platoscope.models.pretrained")
    described: ModelInfo = pretrained.describe_pretrained(location, tower=tower)
    return described
