"""Models, data and settings of the presets, for studies beside those of the paper."""

from __future__ import annotations

from platoscope.studies.paper._setting import (
    PAIRS,
    SETTINGS,
    TEXT_MODELS,
    from_preset,
    languages_of,
    text_items,
)

__all__ = ["PAIRS", "SETTINGS", "TEXT_MODELS", "from_preset", "languages_of", "text_items"]
