"""The one thing that the rest of Platoscope asks of a model: `Encoder`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from platoscope.models.pooling import Pooling

__all__ = ["BatchItemError", "Encoder"]


class BatchItemError(InputError):
    """Some items of a batch cannot be read.

    Parameters
    ----------
    positions : sequence of int
        Which, counted within the batch.
    say : callable
        ``say(names)`` gives the message with those names of the items.
    """

    def __init__(self, positions: Sequence[int], say: Callable[[Sequence[str]], str]) -> None:
        self.positions = tuple(positions)
        self._say = say
        super().__init__(say([f"item {i}" for i in positions]))

    def named(self, ids: Sequence[str], /) -> InputError:
        """Give the same error with the ids of the batch's items in place of their positions."""
        return InputError(self._say([f"item {ids[i]!r}" for i in self.positions]))


@runtime_checkable
class Encoder(Protocol):
    """A model that turns a batch of items into pooled states of every layer.

    Anything with these members works wherever a model is asked for; `platoscope.models.load_model` returns
    one. Layer 0 is the embedding output (what enters the first block), layer l the state after block l.

    Notes
    -----
    An encoder whose layers have names says them in its provenance, as a list ``layer_names``. One whose layers differ in
    width also has ``widths_of(items)``, the features of each layer; what `encode` gives is then as wide as the widest, with
    zeros behind the others.
    """

    @property
    def name(self) -> str:
        """The name the model was asked for by."""
        ...

    @property
    def modality(self) -> str:
        """What an item is: ``"text"``, ``"image"`` or ``"array"``."""
        ...

    @property
    def n_layers(self) -> int:
        """Number of layers, the embedding output included: number of blocks + 1."""
        ...

    @property
    def n_features(self) -> int:
        """Width of a layer; where layers differ, `widths_of` tells (see the notes)."""
        ...

    @property
    def max_tokens(self) -> int | None:
        """The longest item, in tokens as `lengths` counts them, that is read whole; None for no limit."""
        ...

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What decides the numbers, as JSON values: identity, precision, options, library versions."""
        ...

    def lengths(self, items: Sequence[Any], /) -> NDArray[np.int64]:
        """Tokens per item, before truncation, without padding and special tokens (images: the patches)."""
        ...

    def encode(self, items: Sequence[Any], /, poolings: Sequence[Pooling]) -> dict[str, NDArray[np.float32]]:
        """Read one batch in one forward pass.

        Parameters
        ----------
        items : sequence
            Strings, or images (path, bytes or `PIL.Image.Image`).
        poolings : sequence of Pooling
            All of them are taken in the same pass.

        Returns
        -------
        dict of str to ndarray
            For every ``str(pooling)`` a float32 array of shape ``(n_layers, n_items, n_features)``, or
            ``(n_layers, n_items, k, n_features)`` for ``concat(k)`` and ``tokens(k)``, last token last. What is not
            finite (a layer that float16 cannot hold) is given as it is: `extract` and measures refuse it.

        Raises
        ------
        InputError
            If an item is of the wrong type or shorter than a pooling needs, or a pooling does not apply.

        Warns
        -----
        PlatoscopeWarning
            If items are longer than `max_tokens` and were cut, with their count.
        """
        ...

    def batches(self, lengths: NDArray[np.int64], /) -> list[NDArray[np.int64]]:
        """Plan the batches: arrays of item indices, similar lengths together, longest first."""
        ...
