"""Which items a comparison looks at: loaded, filtered by length under every tokenizer, sampled with the seed."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.datasets import filter_lengths, load_pairs, tokens_per_character
from platoscope.datasets.pairs import require
from platoscope.errors import PlatoscopeWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from platoscope.datasets import Pairs, Side
    from platoscope.models import Encoder
    from platoscope.studies.comparison import Items

__all__ = ["Selection", "select_items"]

SMALLEST = 40
"""Fewer items than this make no comparison of ranks."""

_NO_LIMIT = 1 << 40


@dataclass(frozen=True)
class Selection:
    """The items of one comparison, and how they were chosen.

    Parameters
    ----------
    pairs : Pairs
        The chosen pairs, with the counts of every step.
    lengths : mapping of str to mapping of str to ndarray of int64, shape (n_items,)
        Tokens of each text, by tokenizer and by side ("a", "b").
    """

    pairs: Pairs
    lengths: Mapping[str, Mapping[str, NDArray[np.int64]]]

    @property
    def provenance(self) -> dict[str, Any]:
        """What a result says about its data, filter counts and lengths included."""
        return {
            "pairs": self.pairs.name,
            "fingerprint": self.pairs.fingerprint(),
            **dict(self.pairs.provenance),
            "counts": [vars(count) for count in self.pairs.counts],
            "lengths": {
                name: {side: self._about(side, counted) for side, counted in sides.items()}
                for name, sides in self.lengths.items()
            },
        }

    def _about(self, side: str, counted: NDArray[np.int64]) -> dict[str, float]:
        texts: Side = getattr(self.pairs, side)
        return {
            "mean_tokens": float(counted.mean()),
            "tokens_per_character": float(tokens_per_character(texts, counted).mean()),
        }


def select_items(
    wanted: Iterable[Items],
    /,
    *,
    n: int | None,
    seed: int,
    shortfall: str,
    encoder_of: Callable[[str], Encoder],
    on_done: Callable[[Items], None],
) -> dict[Items, Selection]:
    """Load, filter and sample every set of items.

    Parameters
    ----------
    wanted : iterable of Items
        With their tokenizers spelled out.
    n : int or None
        How many items; None for all there are.
    seed : int
        Seed of the sampling.
    shortfall : {"error", "use_all", "equal"}
        What happens where there are fewer than asked for; see `platoscope.studies.Study`.
    encoder_of : callable
        From the name of a model to an encoder that counts tokens.
    on_done : callable
        Told each set of items when it was filtered by one tokenizer.

    Returns
    -------
    dict of Items to Selection

    Raises
    ------
    InputError
        If there are too few items; the message says where the others went.

    Warns
    -----
    PlatoscopeWarning
        If there are fewer items than asked for and the study goes on with them.
    """
    every = list(dict.fromkeys(wanted))
    loaded = {data: load_pairs(data) for data in dict.fromkeys(items.data for items in every)}
    filtered = {items: Selection(loaded[items.data], {}) for items in every}
    # Tokenizers in the outer loop: each model is loaded once, if it has to be loaded at all.
    for name in sorted({name for items in every for name in items.tokenizers}):
        encoder = encoder_of(name)
        for items in every:
            if name in items.tokenizers and encoder.modality == "text":
                filtered[items] = _filter(filtered[items], items, encoder)
                on_done(items)
    sizes = {items: len(selection.pairs) for items, selection in filtered.items()}
    asked = n
    if shortfall == "equal":
        asked = min([*([] if n is None else [n]), *sizes.values()])
    chosen = {}
    for items, selection in filtered.items():
        size = sizes[items] if asked is None else asked
        if shortfall == "use_all":
            size = min(size, sizes[items])
        require(selection.pairs, max(size, SMALLEST))
        chosen[items] = _sample(selection, size, seed)
    if n is not None:
        _tell_of_shortfall(chosen, n)
    return chosen


def _filter(selection: Selection, items: Items, encoder: Encoder) -> Selection:
    """Keep the pairs whose texts are within the limits under one tokenizer, and remember their lengths."""
    pairs = selection.pairs
    counted = {
        side: np.asarray(encoder.lengths(list(getattr(pairs, side).items)), dtype=np.int64)
        for side in ("a", "b")
        if getattr(pairs, side).modality == "text"
    }
    kept = filter_lengths(
        pairs,
        counted.get("a"),
        counted.get("b"),
        minimum=items.minimum or 0,
        maximum=_NO_LIMIT if items.maximum is None else items.maximum,
    )
    return _narrow(replace(selection, lengths={**selection.lengths, encoder.name: counted}), kept)


def _sample(selection: Selection, n: int, seed: int) -> Selection:
    """Draw `n` pairs; all of them where there are no more."""
    pairs = selection.pairs
    return selection if len(pairs) == n else _narrow(selection, pairs.sample(n, seed))


def _narrow(selection: Selection, kept: Pairs) -> Selection:
    """Give the selection with the pairs that are left, and the lengths of those."""
    position = {name: i for i, name in enumerate(selection.pairs.ids)}
    rows = np.array([position[name] for name in kept.ids], dtype=np.int64)
    lengths = {
        name: {side: counted[rows] for side, counted in sides.items()}
        for name, sides in selection.lengths.items()
    }
    return Selection(kept, lengths)


def _tell_of_shortfall(chosen: Mapping[Items, Selection], asked: int) -> None:
    short = [items for items, selection in chosen.items() if len(selection.pairs) < asked]
    if not short:
        return
    used = ", ".join(f"{items.data} {len(selection.pairs):,}" for items, selection in chosen.items())
    msg = f"{len(short)} data sets have fewer than the {asked:,} items asked for; used are {used}."
    warnings.warn(msg, PlatoscopeWarning, stacklevel=3)
