"""One comparison that can be computed: two stacks over the same items, and what it needs beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from platoscope.studies.design.measured import keeps_items
from platoscope.studies.design.space import transforms_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import xarray as xr

    from platoscope.layerwise import LayerStack
    from platoscope.studies.design.comparison import Comparison
    from platoscope.studies.design.settings import Settings
    from platoscope.studies.run.matrix import Text

__all__ = ["Computation"]


@dataclass(frozen=True, kw_only=True)
class Computation:
    """Two stacks over the same items, and what a comparison needs beside them.

    Parameters
    ----------
    comparison : Comparison
        What is compared, and how.
    a, b : LayerStack
        The two sides.
    strata : sequence of str or None
        The group of each item.
    alike : sequence of str or None
        The group of each item within which all are alike (`Comparison.null_matched`).
    position : int or None
        Position of the held layer (`Comparison.fixed`).
    grid : xarray.Dataset or None
        The grid of the same two stacks, where the study has one: profiles and sweeps are slices of it.
    settings : Settings
        Resamples, permutations, measures, seed.
    at_distance : callable or None
        From a distance τ to the stack of the token at that distance.
    texts : sequence of Text
        Of a matrix: what it compares.
    given : LayerStack or None
        Of a gain: the side that is given.
    """

    comparison: Comparison
    a: LayerStack
    b: LayerStack
    settings: Settings
    strata: Sequence[str] | None = None
    alike: Sequence[str] | None = None
    position: int | None = None
    grid: xr.Dataset | None = None
    at_distance: Callable[[int], LayerStack] | None = None
    texts: Sequence[Text] = ()
    given: LayerStack | None = None

    @property
    def null_strata(self) -> Sequence[str] | None:
        """Within what the null permutes; None for all items."""
        if self.comparison.null_matched is not None:
            return self.alike
        return self.strata if self.comparison.null_within_strata else None

    @property
    def options(self) -> Settings:
        """The settings, with the transform where it is meant: on what a model gives, not on lengths or made-up data."""
        transform = transforms_of(self.comparison, self.settings)
        return replace(self.settings, transform=transform, items=keeps_items(self.comparison, self.settings))
