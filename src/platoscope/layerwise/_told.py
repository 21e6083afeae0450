"""What a result says of layers that were prepared elsewhere, and of their stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from platoscope.layerwise._stacks import Stack
    from platoscope.neighbors import Space

__all__ = ["AnyStack", "ToldLayer", "ToldStack"]

AnyStack: TypeAlias = "Stack | ToldStack"


@dataclass(frozen=True)
class ToldLayer:
    """Of a prepared layer (`platoscope.neighbors.Space`) what labels and warnings name: nothing that is large."""

    name: str
    n_samples: int
    n_distinct: int
    n_features: int
    only_signs: bool
    transform: tuple[str, ...]

    @classmethod
    def of(cls, space: Space, /) -> Self:
        """Tell of a layer that is here."""
        return cls(
            space.name,
            space.n_samples,
            space.n_distinct,
            space.n_features,
            space.only_signs,
            space.transform,
        )


@dataclass(frozen=True, eq=False)
class ToldStack:
    """One side of a comparison that was computed elsewhere: a `Stack` without its matrices."""

    spaces: tuple[ToldLayer, ...]
    """One for each layer; in the place of a layer that was not compared stands another."""
    layers: tuple[int, ...]
    relative_depth: npt.NDArray[np.float64]
    provenance: Mapping[str, Any]
    items: tuple[str, ...] | npt.NDArray[np.intp]
