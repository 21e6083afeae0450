"""Models of sentence-transformers: the layers of the transformer in one, and its own embedding as the last. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.errors import InputError
from platoscope.models.modules import filled_up
from platoscope.models.showing import encoder_card, encoder_in_short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from platoscope.models.pooling import Pooling
    from platoscope.models.text import TextEncoder

__all__ = ["SentenceEncoder"]

_EMBEDDING = "sentence_embedding"


@dataclass(frozen=True, repr=False)
class SentenceEncoder:
    """An `Encoder` of a SentenceTransformer.

    Made by `platoscope.models.load_model`. The last layer is what its ``encode`` gives, its default prompt included; the
    others are pooled as asked for, and read without a prompt.

    Parameters
    ----------
    reader : TextEncoder
        Of the transformer in it.
    model : SentenceTransformer
        Gives the embedding.
    """

    reader: TextEncoder
    model: Any
    name: str = "SentenceTransformer"
    modality: str = "text"

    def __repr__(self) -> str:
        return encoder_in_short(self)

    def _repr_html_(self) -> str:
        return encoder_card(self)

    @property
    def n_layers(self) -> int:
        """Number of layers, the embedding output of the transformer and the sentence embedding included."""
        return self.reader.n_layers + 1

    @property
    def n_features(self) -> int:
        """Width of a layer of the transformer; see `widths_of`."""
        return self.reader.n_features

    @property
    def max_tokens(self) -> int | None:
        """The longest text that is read whole."""
        return self.reader.max_tokens

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What decides the numbers, beside the model."""
        names = [*map(str, range(self.reader.n_layers)), _EMBEDDING]
        return {**self.reader.provenance, "layer_names": names}

    def lengths(self, items: Sequence[str], /) -> NDArray[np.int64]:
        """Tokens per item."""
        return self.reader.lengths(items)

    def batches(self, lengths: NDArray[np.int64], /) -> list[NDArray[np.int64]]:
        """Plan the batches."""
        return self.reader.batches(lengths)

    def widths_of(self, items: Sequence[str], /) -> tuple[int, ...]:
        """Features of each layer."""
        return (self.reader.n_features,) * self.reader.n_layers + (self._embed(items[:1]).shape[1],)

    def encode(self, items: Sequence[str], /, poolings: Sequence[Pooling]) -> dict[str, NDArray[np.float32]]:
        """Read one batch; see `Encoder.encode`."""
        wrong = next((pooling for pooling in poolings if pooling.keeps_tokens), None)
        if wrong is not None:
            msg = (
                f"Pooling '{wrong}' keeps several vectors apart, and the embedding of a sentence is one. Use 'mean' or "
                "'last', or read the transformer alone: load_model(model[0].auto_model, model.tokenizer)."
            )
            raise InputError(msg)
        embedding = self._embed(items)
        return {
            name: filled_up([*states, embedding])
            for name, states in self.reader.encode(items, poolings).items()
        }

    def _embed(self, items: Sequence[str]) -> NDArray[np.float32]:
        made = self.model.encode(list(items), batch_size=len(items), show_progress_bar=False)
        return np.asarray(made, np.float32)
