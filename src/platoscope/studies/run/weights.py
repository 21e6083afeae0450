"""A comparison of kind ``weights``: which layers of one side together predict one layer of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from platoscope.layerwise import count_items, weigh_layers
from platoscope.studies.run.prepared import PreparedStack, named_as_a_profile

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from platoscope.studies.run.computation import Computation

__all__ = ["LARGEST_SET", "weights"]

LARGEST_SET: Final = 5
"""Layers of the largest set that is searched."""
_MOST_FOLDS: Final = 4
_ITEMS_OF_A_FOLD: Final = 16
"""Fewer folds rather than smaller ones."""


def weights(task: Computation, /) -> xr.Dataset:
    """Weigh all layers of `a` to predict the layer of `b` that is held (`platoscope.layerwise.weigh_layers`).

    Strata are in one fold as a whole; where there is one stratum alone, items are put into folds one by one.

    Raises
    ------
    InputError
        Items or strata that make no folds.
    """
    assert task.position is not None
    settings = task.settings
    transforms = task.options
    layers = PreparedStack(task.a, transforms.transform_of("a"))
    target = PreparedStack(task.b, transforms.transform_of("b"))
    strata, n_folds = _folds(count_items(task.a), task.strata)
    found = weigh_layers(
        layers,
        target.parts(task.position),
        n_folds=n_folds,
        n_greedy=LARGEST_SET,
        n_resamples=settings.n_resamples,
        resample_fraction=settings.resample_fraction,
        strata=strata,
        rng=settings.seed,
    )
    return named_as_a_profile(found).assign_attrs(target_layer=int(target.layers[task.position]))


def _folds(n: int, strata: Sequence[Any] | None) -> tuple[Sequence[Any] | None, int]:
    n_folds = max(2, min(_MOST_FOLDS, n // _ITEMS_OF_A_FOLD))
    n_groups = n if strata is None else len(set(strata))
    return (None if n_groups < 2 else strata), (n_folds if n_groups < 2 else min(n_folds, n_groups))
