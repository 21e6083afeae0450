"""The null models that a user asks for, put beside a study's profiles, or refused where it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.errors import InputError
from platoscope.models import split_untrained
from platoscope.studies.design.comparison import Source
from platoscope.studies.design.null_models import beside_null_models, refused_null_models
from platoscope.studies.plan.availability import LeftOut

if TYPE_CHECKING:
    from platoscope.studies.design.comparison import Comparison
    from platoscope.studies.design.records import Choices, Design, Study
    from platoscope.studies.design.settings import Settings

__all__ = ["with_null_models"]


def with_null_models(
    study: Study, choices: Choices, settings: Settings, *, skip_missing: bool
) -> tuple[Design, tuple[LeftOut, ...]]:
    """Give the study's design with the null models that are asked for, and what it cannot have of them."""
    design = study.design(choices)
    refused = refused_null_models(design, choices)
    if refused and not skip_missing:
        msg = (
            f"study {study.name!r} has no place for the null models that were asked for (untrained, mismatched_seeds, "
            f"shuffle_words): {'; '.join(refused.values())}"
        )
        raise InputError(msg)
    design = beside_null_models(design, choices)
    drawn = next(filter(_is_untrained, design.comparisons), None)
    if drawn is not None and settings.device_map and (choices.untrained or not skip_missing):
        msg = (
            f"untrained models are drawn as a whole and cannot be spread over devices; got device_map="
            f"{settings.device_map!r} and the comparison {drawn.label!r}. Leave one of them out."
        )
        raise InputError(msg)
    left_out = tuple(
        LeftOut(what, study.name, f"{why[:1].upper()}{why[1:]}.", "All else is as without them.")
        for what, why in refused.items()
    )
    return design, left_out


def _is_untrained(comparison: Comparison) -> bool:
    """Tell whether an untrained model reads a side."""
    return any(
        isinstance(side, Source) and split_untrained(side.model)[1] is not None
        for side in comparison.all_sides
    )
