"""Which items a comparison looks at: loaded, filtered by length under every tokenizer, sampled with the seed."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.datasets import (
    drop_near_duplicates,
    filter_lengths,
    load_pairs,
    shuffle_words,
    tokens_per_character,
)
from platoscope.datasets.pairs import FilterCount, require
from platoscope.errors import InputError, NotFoundError, PlatoscopeWarning
from platoscope.measures import matched_strata
from platoscope.studies.design.settings import SMALLEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from platoscope.datasets import Pairs, Side
    from platoscope.models import Encoder
    from platoscope.studies.design.comparison import Comparison, Items

__all__ = ["Candidates", "Selection", "Selections", "count_steps", "select_items"]

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

    def alike(self, comparison: Comparison, /) -> list[str] | None:
        """Give the group of each item within which texts are alike on both sides; None where nothing asks for it.

        Raises
        ------
        InputError
            If no tokenizer counted the texts of either side.
        """
        if comparison.null_matched is None:
            return None
        per_character = comparison.null_matched == "tokens_per_character"
        counted = next(iter(self.lengths.values()), {})
        numbers = [
            tokens_per_character(getattr(self.pairs, side), tokens) if per_character else tokens
            for side, tokens in counted.items()
        ]
        if not numbers:
            msg = (
                f"comparison {comparison.label!r} permutes among texts alike in {comparison.null_matched}, but nothing "
                "counted their tokens; give its items limits of length"
            )
            raise InputError(msg)
        within = self.pairs.strata if comparison.null_within_strata else None
        return [str(group) for group in matched_strata(*numbers, within=within)]

    def _about(self, side: str, counted: NDArray[np.int64]) -> dict[str, float]:
        texts: Side = getattr(self.pairs, side)
        return {
            "mean_tokens": float(counted.mean()),
            "tokens_per_character": float(tokens_per_character(texts, counted).mean()),
        }


@dataclass(frozen=True)
class Selections:
    """What was chosen for every comparison of a plan.

    Parameters
    ----------
    chosen : mapping of Items to Selection
        In the order in which the comparisons ask for them.
    """

    chosen: Mapping[Items, Selection]

    def of(self, items: Items, /) -> Selection:
        """Give what was chosen of `items`.

        Raises
        ------
        NotFoundError
            If nothing was chosen for them.
        """
        if items not in self.chosen:
            msg = f"no items of {_called(items)} were chosen; chosen were those of {_all_called(self.chosen)}"
            raise NotFoundError(msg)
        return self.chosen[items]

    def behind(self, comparison: Comparison, /) -> Selection | None:
        """Give the items that both sides of a comparison describe; None for synthetic data."""
        return None if comparison.items is None else self.of(comparison.items)

    @property
    def provenance(self) -> dict[str, Any]:
        """What a run says about its data, by data set and tokenizers."""
        return {_called(items): selection.provenance for items, selection in self.chosen.items()}


def _called(items: Items) -> str:
    words = "" if items.shuffle_words is None else f", words shuffled with seed {items.shuffle_words}"
    return f"{items.data} ({', '.join(items.tokenizers) or 'no limits'}{words})"


def _all_called(known: Iterable[Items]) -> str:
    return ", ".join(map(_called, known)) or "none"


@dataclass
class Candidates:
    """The items of each data set that lie within its limits, before a sample is drawn of them.

    It grows as plans ask for more. Several plans that share one load and count nothing twice; a tokenizer is known by
    the name of its model.
    """

    _within: dict[Items, Selection] = field(default_factory=dict, init=False)

    def gather(
        self,
        wanted: Iterable[Items],
        /,
        *,
        encoder_of: Callable[[str], Encoder],
        on_done: Callable[[Items], None],
    ) -> None:
        """Load what is not here yet, and keep what lies within the limits; for the arguments see `select_items`."""
        every = dict.fromkeys(member for items in wanted for member in items.members())
        members = [member for member in every if member not in self._within]
        files = dict.fromkeys((member.data, member.encoding) for member in members)
        loaded = {(data, encoding): load_pairs(data, encoding=encoding) for data, encoding in files}
        within = {member: Selection(loaded[member.data, member.encoding], {}) for member in members}
        # Tokenizers in the outer loop: each model is loaded once, if it has to be loaded at all.
        for name in sorted({name for member in members for name in member.tokenizers}):
            encoder = encoder_of(name)
            known: dict[str, int] = {}
            for member in members:
                if name in member.tokenizers and encoder.modality == "text":
                    within[member] = _filter(within[member], member, encoder, known)
                    on_done(member)
        for member, selection in within.items():
            if member.near_duplicates is not None:
                left = drop_near_duplicates(selection.pairs, threshold=member.near_duplicates)
                within[member] = _narrow(selection, left)
        self._within |= within

    def of(self, items: Items, /) -> Selection:
        """Give the items that all data sets of the group have, in the order of the first, so that samples agree.

        Raises
        ------
        NotFoundError
            If a data set of the group was not gathered.
        """
        groups = [self._of_one(member).pairs.ids for member in items.members()]
        own = self._of_one(replace(items, together=()))
        if not items.together:
            return own
        shared = set[str].intersection(*map(set, groups))
        position = {name: i for i, name in enumerate(own.pairs.ids)}
        kept = own.pairs.select([position[name] for name in groups[0] if name in shared])
        others = ", ".join(data for data in items.together if data != items.data)
        count = FilterCount(f"not in {others} within the limits", len(kept), len(own.pairs) - len(kept))
        return _narrow(own, replace(kept, counts=(*kept.counts, count)))

    def _of_one(self, member: Items) -> Selection:
        if member not in self._within:
            msg = f"{_called(member)} was not gathered; gathered were: {_all_called(self._within)}"
            raise NotFoundError(msg)
        return self._within[member]


def select_items(
    wanted: Iterable[Items],
    /,
    *,
    n: int | None,
    seed: int,
    shortfall: str,
    smallest: int = SMALLEST,
    encoder_of: Callable[[str], Encoder],
    on_done: Callable[[Items], None],
    candidates: Candidates | None = None,
) -> Selections:
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
    smallest : int
        How many there must be in any case; by default what a comparison needs.
    encoder_of : callable
        From the name of a model to an encoder that counts tokens.
    on_done : callable
        Told each set of items when it was filtered by one tokenizer.
    candidates : Candidates, optional
        Those of earlier plans, which need not be loaded and filtered again; what is done now is added.

    Returns
    -------
    Selections

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
    candidates = Candidates() if candidates is None else candidates
    ordered = {items: replace(items, shuffle_words=None) for items in every}
    candidates.gather(ordered.values(), encoder_of=encoder_of, on_done=on_done)
    available = {items: candidates.of(ordered[items]) for items in every}
    sizes = {items: len(selection.pairs) for items, selection in available.items()}
    asked = n
    if shortfall == "equal":
        asked = min([*([] if n is None else [n]), *sizes.values()])
    chosen = {}
    for items, selection in available.items():
        size = sizes[items] if asked is None else asked
        if shortfall == "use_all":
            size = min(size, sizes[items])
        _require(selection.pairs, max(size, smallest), items)
        chosen[items] = _without_order(_sample(selection, size, seed), items)
    if n is not None:
        _tell_of_shortfall(chosen, n)
    return Selections(chosen)


def count_steps(wanted: Iterable[Items], /) -> int:
    """Count how often `select_items` calls `on_done` at most: once for each data set and tokenizer."""
    members = {replace(member, shuffle_words=None) for items in wanted for member in items.members()}
    return sum(len(member.tokenizers) for member in members)


def _filter(selection: Selection, items: Items, encoder: Encoder, known: dict[str, int], /) -> Selection:
    """Keep the pairs whose texts are within the limits under one tokenizer, and remember their lengths.

    Counting is what takes time. So the second side is counted only where the first is within the limits, and
    a text that several data sets share (`known`) once.
    """
    limits = (items.minimum or 0, _NO_LIMIT if items.maximum is None else items.maximum)
    for side in ("a", "b"):
        texts: Side = getattr(selection.pairs, side)
        if texts.modality != "text":
            continue
        new = list(dict.fromkeys(text for text in texts.items if text not in known))
        if new:
            known.update(zip(new, encoder.lengths(new).tolist(), strict=True))
        counted = np.array([known[text] for text in texts.items], dtype=np.int64)
        own = {**selection.lengths.get(encoder.name, {}), side: counted}
        kept = filter_lengths(
            selection.pairs,
            counted if side == "a" else None,
            counted if side == "b" else None,
            minimum=limits[0],
            maximum=limits[1],
        )
        lengths = {**selection.lengths, encoder.name: own}
        selection = _narrow(replace(selection, lengths=lengths), kept)
    return selection


def _sample(selection: Selection, n: int, seed: int) -> Selection:
    """Draw `n` pairs; all of them where there are no more."""
    pairs = selection.pairs
    return selection if len(pairs) == n else _narrow(selection, pairs.sample(n, seed))


def _without_order(selection: Selection, items: Items) -> Selection:
    """Shuffle the words of the chosen texts, where that is asked for; lengths stay those by which they were chosen."""
    if items.shuffle_words is None:
        return selection
    return replace(selection, pairs=shuffle_words(selection.pairs, seed=items.shuffle_words))


def _narrow(selection: Selection, kept: Pairs) -> Selection:
    """Give the selection with the pairs that are left, and the lengths of those."""
    position = {name: i for i, name in enumerate(selection.pairs.ids)}
    rows = np.array([position[name] for name in kept.ids], dtype=np.int64)
    lengths = {
        name: {side: counted[rows] for side, counted in sides.items()}
        for name, sides in selection.lengths.items()
    }
    return Selection(kept, lengths)


def _require(pairs: Pairs, n: int, items: Items) -> None:
    """Refuse too few items, and where limits of tokens took some, name the options that move the limits."""
    try:
        require(pairs, n)
    except InputError as error:
        if items.minimum is None and items.maximum is None:
            raise
        msg = (
            f"{error} Texts of {items.minimum or 0} to {items.maximum or 'any number of'} tokens were taken; --min-tokens "
            "and --max-tokens (minimum and maximum in a study file) move the limits."
        )
        raise InputError(msg) from error


def _tell_of_shortfall(chosen: Mapping[Items, Selection], asked: int) -> None:
    short = [items for items, selection in chosen.items() if len(selection.pairs) < asked]
    if not short:
        return
    used = ", ".join(f"{items.data} {len(selection.pairs):,}" for items, selection in chosen.items())
    msg = f"{len(short)} data sets have fewer than the {asked:,} items asked for; used are {used}."
    warnings.warn(msg, PlatoscopeWarning, stacklevel=3)
