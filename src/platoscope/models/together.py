"""One pass over a model for several ways of taking its states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platoscope.models.on_demand import ModelOnDemand

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from platoscope.models.encoder import Encoder
    from platoscope.models.pooling import Pooling

__all__ = ["encode_together", "what_runs"]


def what_runs(encoder: Encoder, /) -> Hashable:
    """Say what runs when `encoder` reads: where this is equal, one pass serves several encoders.

    That is so for models on demand on one shelf that differ in which states are taken alone: ``drop_last``,
    ``keep_first``, ``clip`` and ``final_norm``. Any other encoder runs for itself.
    """
    if isinstance(encoder, ModelOnDemand):
        return id(encoder.shelf), *encoder.forward
    return id(encoder)


def encode_together(
    asked: Sequence[tuple[Encoder, Sequence[Pooling]]], items: Sequence[Any], /
) -> list[dict[str, NDArray[np.float32]]]:
    """Read one batch in one forward pass for several encoders of one model.

    Parameters
    ----------
    asked : sequence of (Encoder, sequence of Pooling)
        Encoders for which `what_runs` is equal, each with what it takes.
    items : sequence
        As of `Encoder.encode`.

    Returns
    -------
    list of dict of str to ndarray of float32
        For each encoder what its `Encoder.encode` returns, equal to the last bit.

    Raises
    ------
    InputError
        As `Encoder.encode`.
    """
    if len(asked) == 1:
        encoder, poolings = asked[0]
        return [encoder.encode(items, poolings)]
    loaded = [
        (encoder.loaded if isinstance(encoder, ModelOnDemand) else encoder, poolings)
        for encoder, poolings in asked
    ]
    first: Any = loaded[0][0]
    found: list[dict[str, NDArray[np.float32]]] = first.encode_for(loaded, items)
    return found
