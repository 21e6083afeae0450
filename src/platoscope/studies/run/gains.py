"""A comparison of kind ``gain``: what each layer of one side adds to what is given about the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from platoscope.layerwise import gain_profile
from platoscope.studies.design.space import given_transform
from platoscope.studies.run.prepared import PreparedStack, named_as_a_profile

if TYPE_CHECKING:
    import xarray as xr

    from platoscope.studies.run.computation import Computation

__all__ = ["gain"]

_WEIGHTS: Final = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
"""In units of equal spread: a run tries few, because each costs as much in every permutation and subsample."""


def gain(task: Computation, /) -> xr.Dataset:
    """Compute a gain over the layers of `a`, each side prepared in its own space."""
    assert task.given is not None
    settings = task.settings
    transforms = task.options
    sides = [
        PreparedStack(stack, steps)
        for stack, steps in (
            (task.a, transforms.transform_of("a")),
            (task.given, given_transform(task.comparison, settings)),
            (task.b, transforms.transform_of("b")),
        )
    ]
    result = gain_profile(
        *sides,
        match=task.comparison.match,
        weights=_WEIGHTS,
        n_neighbors=settings.n_neighbors,
        n_permutations=settings.n_permutations,
        n_resamples=settings.n_resamples,
        strata=task.null_strata,
        rng=settings.seed,
    )
    return named_as_a_profile(result)
