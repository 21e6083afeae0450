"""Layers of a comparison, each prepared in the space of its side when it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platoscope.layerwise import as_stack
from platoscope.neighbors import prepare

if TYPE_CHECKING:
    import xarray as xr

    from platoscope.layerwise import LayerStack
    from platoscope.neighbors import Space, Transform

__all__ = ["PreparedStack", "named_as_a_profile"]


class PreparedStack:
    """A stack whose layers are spaces, each prepared when it is read."""

    def __init__(self, stack: LayerStack, transform: Transform) -> None:
        self._stack = as_stack(stack)
        self._transform = transform
        self.layers = self._stack.layers
        self.relative_depth = self._stack.relative_depth
        self.ids = self._stack.ids
        self.provenance = self._stack.provenance

    def parts(self, index: int, /) -> Space:
        """Prepare one layer."""
        layer: Any = self._stack.parts(index)
        rows = layer[0] if len(layer) == 1 else layer
        return prepare(rows, transform=self._transform, name=f"layer {self.layers[index]}")

    def select(self, items: Any, /) -> PreparedStack:
        """Keep some items."""
        return PreparedStack(self._stack.select(items), self._transform)


def named_as_a_profile(result: xr.Dataset, /) -> xr.Dataset:
    """Give layers and depths of one stack the names that profiles have, so that figures find them."""
    return result.assign_coords(
        layer_a=("layer", result.layer.values), relative_depth_a=("layer", result.relative_depth.values)
    ).drop_vars("relative_depth")
