"""Text models: tokenize, pad, run the base model, pool every layer."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from platoscope.checks import number
from platoscope.errors import InputError, PlatoscopeWarning, guarded
from platoscope.models.devices import input_device
from platoscope.models.encoder import BatchItemError
from platoscope.models.forward import StateReader, pooled_forward
from platoscope.models.showing import encoder_card, encoder_in_short
from platoscope.models.sizes import size_of
from platoscope.models.tokens import TokenLayout, TokenPlan, plan_batches, require_own_tokens, text_readings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from platoscope.models.blocks import Blocks
    from platoscope.models.pooling import Pooling
    from platoscope.models.pretrained import Pretrained

__all__ = ["TextEncoder", "Tokenized", "Tokenizer", "text_encoder"]

# SigLIP's text towers were trained on captions padded to the full context without an attention mask, and
# read the last position: other padding gives other states.
_PADDED_TO_CONTEXT = frozenset({"siglip_text_model", "siglip2_text_model"})
# A tokenizer without a limit of its own reports a huge number.
_NO_LIMIT = 10**6


@dataclass(frozen=True)
class Tokenized:
    """Token ids of each item, and whether the tokenizer added them (BOS, EOS, [CLS], [SEP])."""

    ids: list[list[int]]
    special: list[NDArray[np.bool_]]


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer of the transformers library, reduced to what reading states needs.

    Attributes
    ----------
    tokenize : callable
        The library's tokenizer.
    n_special : int
        How many tokens it adds to an item.
    context : int or None
        The longest sequence that the model reads, special tokens included.
    pad_id : int
        Fills up short items of a batch.
    n_known : int or None
        How many tokens the model has embeddings of, where it says so.
    """

    tokenize: Any
    n_special: int
    context: int | None
    pad_id: int
    n_known: int | None = None

    @classmethod
    def for_model(cls, tokenize: Any, model: torch.nn.Module, config: Any, /) -> Tokenizer:
        """Work out the limits from the tokenizer and the model's position embeddings."""
        whose = tokenize.name_or_path
        limits = [number(f"model_max_length of the tokenizer of {whose}", tokenize.model_max_length, low=1)]
        positions = getattr(config, "max_position_embeddings", None)
        if positions is not None and positions > 0:  # XLNet says -1: it has no limit
            limits.append(positions - _position_offset(model))
        context = int(min(limits))
        n_known = _n_embeddings(model)
        with guarded(f"The tokenizer of {whose} cannot be used", "Check its files, or give another one."):
            pad_id = tokenize.pad_token_id
            added = tokenize("a", return_special_tokens_mask=True)["special_tokens_mask"]
        if pad_id is None or (n_known is not None and pad_id >= n_known):
            pad_id = 0  # padding is masked
        return cls(tokenize, sum(added), context if context < _NO_LIMIT else None, pad_id, n_known)

    def __call__(self, items: Sequence[Any], /, *, truncate: bool) -> Tokenized:
        """Tokenize without padding; with `truncate`, at most ``context`` tokens are left of each item."""
        wrong = next((i for i, item in enumerate(items) if not isinstance(item, str)), None)
        if wrong is not None:
            kind = type(items[wrong]).__name__
            raise BatchItemError(
                [wrong],
                lambda names: f"A text model reads strings, but {names[0]} is {kind}. Pass a list of str.",
            )
        cut = truncate and self.context is not None
        out = self.tokenize(
            list(items),
            padding=False,
            truncation=cut,
            max_length=self.context if cut else None,
            return_attention_mask=False,
            return_special_tokens_mask=True,
            verbose=False,
        )
        return Tokenized(
            out["input_ids"], [np.asarray(row, dtype=bool) for row in out["special_tokens_mask"]]
        )


def _n_embeddings(model: torch.nn.Module) -> int | None:
    """Count the tokens that have an embedding; None where there is no table of them, as for hashed characters."""
    try:
        embeddings: Any = model.get_input_embeddings()  # type: ignore[operator]
    except (AttributeError, NotImplementedError):
        return None
    found: int | None = getattr(embeddings, "num_embeddings", None)
    return found


def _position_offset(model: torch.nn.Module) -> int:
    """RoBERTa counts positions from the ids by itself, and starts behind the padding index."""
    embeddings: Any = getattr(model, "embeddings", None)
    if not hasattr(embeddings, "create_position_ids_from_inputs_embeds"):
        return 0
    return int(embeddings.padding_idx) + 1


@dataclass(frozen=True)
class TextEncoder:
    """An `Encoder` of text: any decoder or encoder of the transformers library, without its head.

    Made by `platoscope.models.load_model`. Items are padded on `padding_side` and positions counted from
    the first real token, so that the side makes no difference; ``drop_last`` counts only tokens of the
    item itself, never special tokens. A model whose states change with padding all the same (``alone``) reads each
    item by itself.
    """

    name: str
    model: torch.nn.Module
    blocks: Blocks
    tokenizer: Tokenizer
    n_features: int
    provenance: Mapping[str, Any]
    drop_last: int
    keep_first: bool
    final_norm: bool
    tokens_per_batch: int
    padding_side: str = "right"
    clip: float | None = None
    alone: bool = False
    modality: str = "text"

    def __repr__(self) -> str:
        return encoder_in_short(self)

    def _repr_html_(self) -> str:
        return encoder_card(self)

    @property
    def n_layers(self) -> int:
        """Number of layers, the embedding output included."""
        return self.blocks.n_blocks + 1

    @property
    def max_tokens(self) -> int | None:
        """The longest item, in tokens without special ones, that is read whole."""
        context = self.tokenizer.context
        return None if context is None else context - self.tokenizer.n_special

    def lengths(self, items: Sequence[str], /) -> NDArray[np.int64]:
        """Tokens per item, before truncation, without special tokens."""
        if not len(items):
            return np.zeros(0, dtype=np.int64)
        special = self.tokenizer(items, truncate=False).special
        return np.array([np.count_nonzero(~row) for row in special], dtype=np.int64)

    def batches(self, lengths: NDArray[np.int64], /) -> list[NDArray[np.int64]]:
        """Plan the batches: arrays of item indices, similar lengths together, longest first."""
        return plan_batches(
            lengths,
            tokens_per_batch=self.tokens_per_batch,
            n_special=self.tokenizer.n_special,
            max_tokens=self.max_tokens,
        )

    def encode(self, items: Sequence[str], /, poolings: Sequence[Pooling]) -> dict[str, NDArray[np.float32]]:
        """Read one batch in one forward pass; see `Encoder.encode`."""
        return self.encode_for([(self, poolings)], items)[0]

    def encode_for(
        self, asked: Sequence[tuple[TextEncoder, Sequence[Pooling]]], items: Sequence[str], /
    ) -> list[dict[str, NDArray[np.float32]]]:
        """Read one batch in one forward pass for several encoders of this model; see `encode_together`."""
        if not len(items) or not all(poolings for _, poolings in asked):
            counts = ", ".join(str(len(poolings)) for _, poolings in asked)
            msg = (
                f"Nothing to encode: got {len(items)} item(s) and {counts} pooling(s), expected at "
                f"least one of each."
            )
            raise InputError(msg)
        tokens = self.tokenizer(items, truncate=True)
        if not self.alone or len(items) == 1:
            self._warn_of_truncation(items, tokens)
        ids, mask = self._pad(tokens)
        # Planned before the model runs: an item that is too short must not cost a forward pass.
        readers = [encoder._reader(tokens, mask, items, poolings) for encoder, poolings in asked]
        if self.alone and len(items) > 1:
            parts = [self.encode_for(asked, [item]) for item in items]
            return [
                {name: np.concatenate([part[name] for part in of_one], axis=1) for name in of_one[0]}
                for of_one in zip(*parts, strict=True)
            ]
        inputs = self._inputs(ids, mask, device=input_device(self.model))
        return pooled_forward(self.model, self.blocks, inputs, readers)

    def _reader(
        self,
        tokens: Tokenized,
        mask: NDArray[np.bool_],
        items: Sequence[str],
        poolings: Sequence[Pooling],
    ) -> StateReader:
        """Say which states of a batch this encoder takes."""
        layout = self._layout(tokens, mask)
        readings = text_readings(layout, items, poolings, keep_first=self.keep_first)
        if self.clip is not None:
            require_own_tokens(layout.own, items)
        return StateReader(lambda _: TokenPlan(readings, layout.own), self.final_norm, self.clip)

    def _warn_of_truncation(self, items: Sequence[str], tokens: Tokenized) -> None:
        context = self.tokenizer.context
        full = [item for item, ids in zip(items, tokens.ids, strict=True) if len(ids) == context]
        if not full:
            return
        cut = int(np.count_nonzero(self.lengths(full) > (self.max_tokens or 0)))
        if cut:
            msg = (
                f"{cut} of {len(items)} items are longer than the {self.max_tokens} tokens that "
                f"{self.name} reads; "
                f"the rest of them was cut off."
            )
            warnings.warn(msg, PlatoscopeWarning, stacklevel=3)

    def _pad(self, tokens: Tokenized) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        width = max(1, *(len(row) for row in tokens.ids))  # texts that are all empty leave padding alone
        if self._padded_to_context:
            width = self.tokenizer.context or width
        ids = np.full((len(tokens.ids), width), self.tokenizer.pad_id, dtype=np.int64)
        mask = np.zeros(ids.shape, dtype=bool)
        for i, row in enumerate(tokens.ids):
            place = slice(width - len(row), width) if self._padded_left else slice(len(row))
            ids[i, place] = row
            mask[i, place] = True
        self._require_known(ids)
        return ids, mask

    def _require_known(self, ids: NDArray[np.int64]) -> None:
        """Refuse tokens without an embedding, which would end the library's forward pass, on a GPU all of the process."""
        n_known = self.tokenizer.n_known
        beyond = [] if n_known is None else np.flatnonzero((ids >= n_known).any(axis=1)).tolist()
        if beyond:
            raise BatchItemError(
                beyond,
                lambda names: (
                    f"The tokenizer of {self.name} makes token {ids[beyond[0]].max()} of {names[0]}, but the model has "
                    f"{n_known:,} tokens: it is that of another model. Load it with its own: load_model(MODEL, TOKENIZER)."
                ),
            )

    @property
    def _padded_to_context(self) -> bool:
        return getattr(self.model.config, "model_type", None) in _PADDED_TO_CONTEXT

    @property
    def _padded_left(self) -> bool:
        return self.padding_side == "left" and not self._padded_to_context

    def _layout(self, tokens: Tokenized, mask: NDArray[np.bool_]) -> TokenLayout:
        start = mask.argmax(axis=1)
        remaining = []
        own = np.zeros(mask.shape, dtype=bool)
        for row, first, special in zip(own, start, tokens.special, strict=True):
            positions = first + np.flatnonzero(~special)
            row[positions] = True
            remaining.append(positions[: max(0, len(positions) - self.drop_last)])
        end = start + mask.sum(axis=1) - 1
        starts_special = all(row[:1].any() for row in tokens.special)
        ends_special = all(row[-1:].any() for row in tokens.special)
        has_class = starts_special and getattr(self.tokenizer.tokenize, "cls_token_id", None) is not None
        if self._padded_to_context:
            end, ends_special = np.full_like(end, mask.shape[1] - 1), True
        return TokenLayout(
            start=start,
            remaining=tuple(remaining),
            own=own,
            cls=start if has_class else None,
            eos=end if ends_special else None,
            drop_last=self.drop_last,
        )

    def trial(self, text: str, /) -> tuple[dict[str, torch.Tensor | bool], NDArray[np.int64]]:
        """Give what the library is given to read one text, and the positions of its own tokens in it.

        On the CPU, and without positions: those that the library counts itself are right for one text alone.
        """
        tokens = self.tokenizer([text], truncate=True)
        ids, mask = self._pad(tokens)
        inputs = self._inputs(ids, mask, device=torch.device("cpu"))
        inputs.pop("position_ids", None)
        return inputs, np.flatnonzero(self._layout(tokens, mask).own[0])

    def _inputs(
        self, ids: NDArray[np.int64], mask: NDArray[np.bool_], *, device: torch.device
    ) -> dict[str, torch.Tensor | bool]:
        accepted = inspect.signature(self.model.forward).parameters
        inputs: dict[str, torch.Tensor | bool] = {"input_ids": torch.from_numpy(ids).to(device)}
        if not self._padded_to_context:
            inputs["attention_mask"] = torch.from_numpy(mask.astype(np.int64)).to(device)
        if self._padded_left and "position_ids" in accepted and not _position_offset(self.model):
            positions = np.maximum(mask.cumsum(axis=1) - 1, 0)
            inputs["position_ids"] = torch.from_numpy(positions).to(device)
        if getattr(self.model.config, "use_cache", None) is not None:
            inputs["use_cache"] = False
        return inputs


def text_encoder(
    name: str,
    loaded: Pretrained,
    provenance: Mapping[str, Any],
    /,
    *,
    drop_last: int,
    keep_first: bool,
    clip: float | None,
    final_norm: bool,
    tokens_per_batch: int,
    padding_side: str,
    alone: bool,
) -> TextEncoder:
    """Put a loaded model and its tokenizer together; for the options see `load_model`."""
    config: Any = loaded.model.config
    return TextEncoder(
        name=name,
        model=loaded.model,
        blocks=loaded.blocks,
        tokenizer=Tokenizer.for_model(loaded.preprocess, loaded.model, config),
        n_features=size_of(loaded.model, "hidden_size"),
        provenance=provenance,
        drop_last=drop_last,
        keep_first=keep_first,
        final_norm=final_norm,
        tokens_per_batch=tokens_per_batch,
        padding_side=padding_side,
        clip=clip,
        alone=alone,
    )
