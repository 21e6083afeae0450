"""A comparison of kind ``gain``: what each layer of one side adds to what is given about the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from platoscope.layerwise import as_stack, gain_profile
from platoscope.neighbors import prepare
from platoscope.studies.design.space import given_transform

if TYPE_CHECKING:
    import xarray as xr

    from platoscope.layerwise import LayerStack
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
        _Prepared(stack, steps)
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
    # Under the names that profiles have, so that figures find the depth of the layers.
    return result.assign_coords(
        layer_a=("layer", result.layer.values), relative_depth_a=("layer", result.relative_depth.values)
    ).drop_vars("relative_depth")


class _Prepared:
    """A stack whose layers are spaces, each prepared when it is read."""

    def __init__(self, stack: LayerStack, transform: Any) -> None:
        self._stack = as_stack(stack)
        self._transform = transform
        self.layers = self._stack.layers
        self.relative_depth = self._stack.relative_depth
        self.ids = self._stack.ids
        self.provenance = self._stack.provenance

    def parts(self, index: int, /) -> Any:
        """Prepare one layer."""
        layer: Any = self._stack.parts(index)
        rows = layer[0] if len(layer) == 1 else layer
        return prepare(rows, transform=self._transform, name=f"layer {self.layers[index]}")

    def select(self, items: Any, /) -> _Prepared:
        """Keep some items."""
        return _Prepared(self._stack.select(items), self._transform)
