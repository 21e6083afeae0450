"""Measure how well one representation predicts another, layer by layer, and in which direction.

Names are loaded when they are first used, so that ``import platoscope`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from platoscope.datasets import Pairs, load_pairs
    from platoscope.errors import PlatoscopeError
    from platoscope.layerwise import SemanticRegion, compare, n_curve, profile, semantic_region
    from platoscope.measures import (
        Imbalance,
        calibrate,
        cka,
        cknna,
        information_imbalance,
        neighborhood_overlap,
        retrieval,
        rsa,
    )
    from platoscope.models import load_model
    from platoscope.neighbors import Space, prepare
    from platoscope.representations import Representations, extract

__all__ = [
    "Imbalance",
    "Pairs",
    "PlatoscopeError",
    "Representations",
    "SemanticRegion",
    "Space",
    "calibrate",
    "cka",
    "cknna",
    "compare",
    "extract",
    "information_imbalance",
    "load_model",
    "load_pairs",
    "n_curve",
    "neighborhood_overlap",
    "prepare",
    "profile",
    "retrieval",
    "rsa",
    "semantic_region",
]

_HOME = {
    "datasets": ("Pairs", "load_pairs"),
    "errors": ("PlatoscopeError",),
    "layerwise": ("SemanticRegion", "compare", "n_curve", "profile", "semantic_region"),
    "measures": (
        "Imbalance",
        "calibrate",
        "cka",
        "cknna",
        "information_imbalance",
        "neighborhood_overlap",
        "retrieval",
        "rsa",
    ),
    "models": ("load_model",),
    "neighbors": ("Space", "prepare"),
    "representations": ("Representations", "extract"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # 35 ms to import

        return version("platoscope")
    if name in _MODULE_OF:
        value = getattr(import_module(f"platoscope.{_MODULE_OF[name]}"), name)
        globals()[name] = value
        return value
    message = f"module 'platoscope' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
