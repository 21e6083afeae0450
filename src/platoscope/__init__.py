"""Measure how well one representation predicts another, layer by layer, and in which direction.

Names are loaded when they are first used, so that ``import platoscope`` costs next to nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from platoscope import (
        cluster,
        datasets,
        errors,
        layerwise,
        measures,
        models,
        neighbors,
        report,
        representations,
        studies,
        testing,
    )
    from platoscope.datasets import Pairs, load_pairs
    from platoscope.errors import PlatoscopeError
    from platoscope.layerwise import (
        SemanticRegion,
        compare,
        compare_models,
        difference,
        n_curve,
        per_item,
        profile,
        semantic_region,
        to_frame,
    )
    from platoscope.measures import (
        Imbalance,
        calibrate,
        cka,
        cknna,
        imbalance_gain,
        information_imbalance,
        neighborhood_overlap,
        procrustes,
        retrieval,
        ridge_r2,
        rsa,
    )
    from platoscope.models import load_model
    from platoscope.neighbors import Space, prepare
    from platoscope.report import plot_asymmetry, plot_grid, plot_profile
    from platoscope.representations import Representations, extract
    from platoscope.studies import load_run

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
    "cluster",
    "compare",
    "compare_models",
    "datasets",
    "difference",
    "errors",
    "extract",
    "imbalance_gain",
    "information_imbalance",
    "layerwise",
    "load_model",
    "load_pairs",
    "load_run",
    "measures",
    "models",
    "n_curve",
    "neighborhood_overlap",
    "neighbors",
    "per_item",
    "plot_asymmetry",
    "plot_grid",
    "plot_profile",
    "prepare",
    "procrustes",
    "profile",
    "report",
    "representations",
    "retrieval",
    "ridge_r2",
    "rsa",
    "semantic_region",
    "studies",
    "testing",
    "to_frame",
]

_HOME = {
    "cluster": (),
    "datasets": ("Pairs", "load_pairs"),
    "errors": ("PlatoscopeError",),
    "layerwise": (
        "SemanticRegion",
        "compare",
        "compare_models",
        "difference",
        "n_curve",
        "per_item",
        "profile",
        "semantic_region",
        "to_frame",
    ),
    "measures": (
        "Imbalance",
        "calibrate",
        "cka",
        "cknna",
        "imbalance_gain",
        "information_imbalance",
        "neighborhood_overlap",
        "procrustes",
        "retrieval",
        "ridge_r2",
        "rsa",
    ),
    "models": ("load_model",),
    "neighbors": ("Space", "prepare"),
    "report": ("plot_asymmetry", "plot_grid", "plot_profile"),
    "representations": ("Representations", "extract"),
    "studies": ("load_run",),
    "testing": (),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # 35 ms to import

        return version("platoscope")
    if name in _HOME:
        return import_module(f"platoscope.{name}")
    if name in _MODULE_OF:
        value = getattr(import_module(f"platoscope.{_MODULE_OF[name]}"), name)
        globals()[name] = value
        return value
    message = f"module 'platoscope' has no attribute {name!r}"
    raise AttributeError(message, name=name, obj=sys.modules[__name__])  # so that Python asks what was meant


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
