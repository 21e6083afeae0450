"""The null models that a user asks for, put beside a study's profiles, or refused where it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.errors import InputError
from platoscope.studies.design.null_models import beside_null_models, refused_null_models
from platoscope.studies.plan.availability import LeftOut

if TYPE_CHECKING:
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
            f"shuffle_words): {refused}"
        )
        raise InputError(msg)
    if choices.untrained and settings.device_map:
        msg = (
            f"untrained models are drawn as a whole and cannot be spread over devices; got untrained={choices.untrained} "
            f"and device_map={settings.device_map!r}. Leave one of them out."
        )
        raise InputError(msg)
    left_out: tuple[LeftOut, ...] = ()
    if refused:
        reason = f"{refused[:1].upper()}{refused[1:]}."
        left_out = (
            LeftOut("null models of the network", study.name, reason, "All else is as without them."),
        )
    return beside_null_models(design, choices), left_out
