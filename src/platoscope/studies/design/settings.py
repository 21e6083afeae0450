"""Which settings a study can run with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.errors import InputError
from platoscope.measures import Options

if TYPE_CHECKING:
    from platoscope.studies.design.records import Settings

__all__ = ["check_settings"]

DTYPES = ("auto", "float32", "bfloat16", "float16")


def check_settings(settings: Settings, /) -> None:
    """Refuse settings outside of their range, each with its name and value."""
    for name, low in (("n", 40), ("n_resamples", 0), ("n_permutations", 0), ("n_neighbors", 1)):
        value = getattr(settings, name)
        if value < low:
            msg = f"{name} must be at least {low}, got {value}"
            raise InputError(msg)
    for name, known in (("dtype", DTYPES), ("device_map", (None, "auto"))):
        if getattr(settings, name) not in known:
            names = ", ".join(str(value) for value in known)
            msg = f"{name} must be one of {names}, got {getattr(settings, name)!r}"
            raise InputError(msg)
    if settings.batch_tokens is not None and settings.batch_tokens < 1:
        msg = f"batch_tokens must be at least 1, got {settings.batch_tokens}"
        raise InputError(msg)
    if not 0 < settings.resample_fraction < 1:
        msg = f"resample_fraction must lie between 0 and 1, got {settings.resample_fraction}"
        raise InputError(msg)
    neighbors = max(settings.n_neighbors, Options().overlap_neighbors)
    if settings.n_resamples and round(settings.n * settings.resample_fraction) <= neighbors:
        msg = (
            f"n = {settings.n} leaves subsamples of {round(settings.n * settings.resample_fraction)} items "
            f"(resample_fraction = {settings.resample_fraction}), which must have more than the {neighbors} "
            "neighbors; ask for more items, or for --resamples 0"
        )
        raise InputError(msg)
