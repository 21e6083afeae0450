"""Which positions of a padded batch each pooling reads.

This is decided once per batch, before the model runs, from the tokens alone; the hooks then only
gather and add. Nothing here needs torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.errors import InputError
from platoscope.models.encoder import BatchItemError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from platoscope.models.pooling import Pooling

__all__ = [
    "Reading",
    "TokenLayout",
    "TokenPlan",
    "plan_batches",
    "require_own_tokens",
    "text_readings",
    "vision_readings",
]

_NAMED_ITEMS = 3
_SHOWN_CHARACTERS = 40


@dataclass(frozen=True)
class Reading:
    """What one pooling takes from hidden states of shape ``(n_items, n_positions, n_features)``.

    Exactly one of `index`, `mask` and `first` is set, and `waves` only beside `mask`.

    Attributes
    ----------
    index : ndarray of int64, shape (n_items, k), or None
        Positions to gather.
    average : bool
        Whether gathered positions are averaged; otherwise they are kept apart.
    mask : ndarray of bool, shape (n_items, n_positions), or None
        Positions to average, any number per item.
    first : int or None
        Average all positions from this one on, the same for every item: no copy of the states is needed.
    waves : ndarray of float32, shape (n_items, m, n_positions), or None
        Weights of the positions of `mask` in m sums that are kept apart, 0 elsewhere. A sum whose weights are all 0 is the
        average: frequency 0 is the mean to the last bit, which a sum of products would not be.
    """

    index: NDArray[np.int64] | None = None
    average: bool = False
    mask: NDArray[np.bool_] | None = None
    first: int | None = None
    waves: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class TokenPlan:
    """What is taken from the states of one batch.

    Attributes
    ----------
    readings : mapping of str to Reading
        By ``str(pooling)``.
    own : ndarray of bool, shape (n_items, n_positions)
        The items' own tokens, without padding and special tokens, those that poolings drop included.
    """

    readings: Mapping[str, Reading]
    own: NDArray[np.bool_]


@dataclass(frozen=True)
class TokenLayout:
    """Where the tokens of a padded text batch lie.

    Attributes
    ----------
    start : ndarray of int64, shape (n_items,)
        Position of the first token, special or not.
    remaining : tuple of ndarray of int64
        Per item the positions of its tokens, ascending, without special tokens and the last ``drop_last``.
    own : ndarray of bool, shape (n_items, n_positions)
        As in `TokenPlan`; its second axis is the padded length.
    cls, eos : ndarray of int64, shape (n_items,), or None
        Position of the class and end token where the tokenizer adds one.
    drop_last : int
        How many tokens were dropped, for messages.
    """

    start: NDArray[np.int64]
    remaining: tuple[NDArray[np.int64], ...]
    own: NDArray[np.bool_]
    cls: NDArray[np.int64] | None
    eos: NDArray[np.int64] | None
    drop_last: int


def text_readings(
    layout: TokenLayout, items: Sequence[Any], poolings: Sequence[Pooling], /, *, keep_first: bool
) -> dict[str, Reading]:
    """Plan every pooling of a text batch.

    Parameters
    ----------
    layout : TokenLayout
        The batch.
    items : sequence of str
        Its items, to name those that are too short.
    poolings : sequence of Pooling
        What is asked for.
    keep_first : bool
        Whether ``mean`` keeps position 0.

    Returns
    -------
    dict of str to Reading
        By ``str(pooling)``.

    Raises
    ------
    InputError
        If items are too short for a pooling, or the tokenizer adds no such token, or it is for images.
    """
    return {str(pooling): _text_reading(layout, items, pooling, keep_first) for pooling in poolings}


def _text_reading(layout: TokenLayout, items: Sequence[Any], pooling: Pooling, keep_first: bool) -> Reading:
    if pooling.kind == "mean_all":
        msg = "Pooling 'mean_all' is for images; for text use 'mean', or 'mean(k)' for the last k tokens."
        raise InputError(msg)
    if pooling.kind in ("cls", "eos"):
        positions = layout.cls if pooling.kind == "cls" else layout.eos
        if positions is None:
            token = "class token at the start" if pooling.kind == "cls" else "end token"
            msg = (
                f"Pooling '{pooling}' needs a {token}, which this model's tokenizer does not add. Use "
                f"'last' or 'mean'."
            )
            raise InputError(msg)
        return Reading(index=positions[:, None], average=True)
    tokens = layout.remaining
    if (pooling.kind == "mean" and pooling.n is None) or pooling.kind == "dct":
        if not keep_first:
            tokens = tuple(row[row != first] for row, first in zip(tokens, layout.start, strict=True))
        _require_tokens(tokens, items, pooling, layout.drop_last)
        mask = np.zeros(layout.own.shape, dtype=bool)
        for row, positions in zip(mask, tokens, strict=True):
            row[positions] = True
        return Reading(mask=mask, waves=_waves(tokens, mask, pooling) if pooling.kind == "dct" else None)
    _require_tokens(tokens, items, pooling, layout.drop_last)
    needed = pooling.n_tokens
    tail = np.stack([row[len(row) - needed :] for row in tokens])
    if pooling.kind == "token":
        tail = tail[:, :1]
    return Reading(index=tail, average=not pooling.keeps_tokens)


def _waves(
    tokens: Sequence[NDArray[np.int64]], mask: NDArray[np.bool_], pooling: Pooling
) -> NDArray[np.float32]:
    """Give the cosines of `Pooling`'s notes, over the tokens of each item; none for frequency 0."""
    frequencies = np.arange(pooling.lowest, pooling.n_tokens)
    waves = np.zeros((len(mask), len(frequencies), mask.shape[1]), np.float32)
    for item, positions in zip(waves, tokens, strict=True):
        n = len(positions)
        # Whole numbers until the last step: the angle is exact to the last bit however long the item is.
        angle = np.pi * (np.outer(frequencies, 2 * np.arange(n) + 1) % (4 * n)) / (2 * n)
        item[:, positions] = np.where(frequencies[:, None] > 0, np.sqrt(2) / n * np.cos(angle), 0)
    return waves


def _require_tokens(
    tokens: Sequence[NDArray[np.int64]], items: Sequence[Any], pooling: Pooling, drop_last: int
) -> None:
    needed = pooling.n_tokens
    short = [i for i, row in enumerate(tokens) if len(row) < needed]
    if not short:
        return

    def say(names: Sequence[str]) -> str:
        named = "; ".join(
            f"{name} has {len(tokens[i])} ({_shorten(str(items[i]))!r})"
            for name, i in zip(names[:_NAMED_ITEMS], short, strict=False)
        )
        more = "" if len(short) <= _NAMED_ITEMS else f"; and {len(short) - _NAMED_ITEMS} more"
        return (
            f"{len(short)} of the {len(items)} items of a batch are too short: '{pooling}' needs {needed} token(s) after "
            f"the last {drop_last} are dropped, but {named}{more}. Filter the items by length, or use a pooling of fewer "
            "tokens."
        )

    raise BatchItemError(short, say)


def require_own_tokens(own: NDArray[np.bool_], items: Sequence[Any], /) -> None:
    """Raise a `BatchItemError` that names the items without a token of their own, whose values nothing can bound."""
    empty = np.flatnonzero(~own.any(axis=1)).tolist()

    def say(names: Sequence[str]) -> str:
        named = ", ".join(
            f"{name} ({_shorten(str(items[i]))!r})"
            for name, i in zip(names[:_NAMED_ITEMS], empty, strict=False)
        )
        return (
            f"{len(empty)} of the {len(items)} items of a batch have no token of their own, so that clip has no quantiles: "
            f"{named}. Drop them, or read without clip."
        )

    if empty:
        raise BatchItemError(empty, say)


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def vision_readings(
    n_items: int, poolings: Sequence[Pooling], /, *, n_prefix: int, class_token: bool
) -> dict[str, Reading]:
    """Plan every pooling of an image batch.

    Parameters
    ----------
    n_items : int
        Images in the batch.
    poolings : sequence of Pooling
        What is asked for: ``mean``, ``mean_all``, ``cls``.
    n_prefix : int
        Number of class, register or start tokens, which come first.
    class_token : bool
        Whether the first of them is a class token.

    Returns
    -------
    dict of str to Reading
        By ``str(pooling)``.

    Raises
    ------
    InputError
        If a pooling does not apply to this model.
    """
    readings: dict[str, Reading] = {}
    for pooling in poolings:
        if pooling.kind == "cls" and class_token:
            readings[str(pooling)] = Reading(index=np.zeros((n_items, 1), dtype=np.int64), average=True)
        elif pooling.kind == "mean_all" or (pooling.kind == "mean" and pooling.n is None):
            readings[str(pooling)] = Reading(first=n_prefix if pooling.kind == "mean" else 0)
        else:
            known = "'mean', 'mean_all' and 'cls'" if class_token else "'mean' and 'mean_all'"
            msg = f"Pooling '{pooling}' does not apply to this image model, which has {known}."
            raise InputError(msg)
    return readings


def plan_batches(
    lengths: NDArray[np.int64], /, *, tokens_per_batch: int, n_special: int, max_tokens: int | None
) -> list[NDArray[np.int64]]:
    """Group items of similar length into batches of a bounded number of padded tokens.

    Parameters
    ----------
    lengths : ndarray of int64, shape (n_items,)
        Tokens per item.
    tokens_per_batch : int
        Bound on items × longest item, padding and special tokens included; one item alone may exceed it.
    n_special : int
        Special tokens that are added to each item.
    max_tokens : int or None
        Longer items are cut to this many.

    Returns
    -------
    list of ndarray of int64
        Item indices. Longest items first, so that a lack of memory shows in the first batch; ties in the
        order given.

    Examples
    --------
    >>> plan = plan_batches(np.array([3, 9, 4, 8]), tokens_per_batch=20, n_special=1, max_tokens=None)
    >>> [batch.tolist() for batch in plan]
    [[1, 3], [2, 0]]
    """
    padded = np.asarray(lengths, dtype=np.int64)
    if max_tokens is not None:
        padded = np.minimum(padded, max_tokens)
    padded = padded + n_special
    order = np.argsort(-padded, kind="stable")
    plan: list[NDArray[np.int64]] = []
    start = 0
    while start < len(order):
        size = max(1, tokens_per_batch // max(1, int(padded[order[start]])))
        plan.append(order[start : start + size])
        start += size
    return plan
