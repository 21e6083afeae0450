"""A group of the store as `Representations`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platoscope.errors import NotFoundError
from platoscope.representations._backing import StoredBacking, find_view
from platoscope.representations.representations import Representations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.representations._group import StoredGroup

__all__ = ["view_group"]


def view_group(
    group: StoredGroup,
    /,
    *,
    pooling: str | None,
    ids: Sequence[str] | None = None,
    layers: Sequence[int] | None = None,
) -> Representations:
    """Look at a group of the store through whole arrays only."""
    arrays = {array.pooling: array for array in group.arrays() if not array.missing()}
    shown = next(iter(arrays), None) if pooling is None else pooling
    if shown is None or find_view(shown, list(arrays)) is None:
        message = (
            f"Pooling {shown!r} is not complete in {group.key[:12]} ({group.folder.location}); complete are: "
            f"{', '.join(arrays) or 'none'}. Run its extraction to the end."
        )
        raise NotFoundError(message)
    numbers = group.layers if layers is None else tuple(layers)
    return Representations(
        pooling=shown,
        layers=numbers,
        depth=group.depth,
        ids=group.ids if ids is None else tuple(ids),
        _backing=StoredBacking(group, arrays),
        _positions=tuple(group.layers.index(number) for number in numbers),
        _rows=np.arange(group.n_items),
    )
