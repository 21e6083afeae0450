"""The states of whole prompts, as inference engines write them: checked, then pooled by the rules of the models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.arguments import mapping
from platoscope.checks import flag, in_short, whole_number, word
from platoscope.errors import InputError, NotFoundError, guarded
from platoscope.models.encoder import BatchItemError
from platoscope.models.pooling import Pooling, check_clip, parse_poolings
from platoscope.models.tokens import TokenLayout, require_own_tokens, text_readings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from platoscope.models.tokens import Reading

__all__ = ["Prompt", "PromptRules", "Vocabulary", "as_states", "chosen_ids", "pool_prompts"]

_NAMED = 3


@dataclass(frozen=True)
class Prompt:
    """What an engine wrote of one prompt.

    Attributes
    ----------
    name : str
        The id of the item.
    where : str
        The file and what in it, for messages.
    states : ndarray of float32, shape (n_layers, n_tokens, n_features)
        Of all tokens, special ones included.
    token_ids : ndarray of int64, shape (n_tokens,), or None
        Where the engine says them.
    """

    name: str
    where: str
    states: NDArray[np.float32]
    token_ids: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        n_tokens = self.states.shape[1]
        if self.token_ids is not None and self.token_ids.shape != (n_tokens,):
            message = (
                f"{self.where} has hidden states of {n_tokens} tokens for {self.token_ids.size} token_ids, so nothing says "
                "which state is whose. Take the states of whole prompts (no prefix caching, no chunked prefill)."
            )
            raise InputError(message)
        if not np.isfinite(self.states).all():
            message = f"{self.where} has hidden states that are not finite. Have the engine write it again."
            raise InputError(message)
        _, token = np.nonzero(~self.states.any(axis=2))
        if token.size:
            first, n_layers = token.min(), len(self.states)
            message = (
                f"{self.where} has hidden states that are 0 throughout at {len(np.unique(token))} of {n_tokens} tokens "
                f"(the first is token {first}, in {np.count_nonzero(token == first)} of {n_layers} layers): the engine "
                "never wrote them. Take the states of whole prompts (no prefix caching, no chunked prefill)."
            )
            raise InputError(message)


def as_states(found: NDArray[Any], where: str, /) -> NDArray[np.float32]:
    """Give real numbers as float32; what does not fit becomes infinite, which a `Prompt` refuses."""
    if found.dtype.kind not in "iuf":
        message = f"{where} has hidden states of dtype {found.dtype}; expected real numbers."
        raise InputError(message)
    with np.errstate(over="ignore"):
        return found.astype(np.float32)


@dataclass(frozen=True)
class Vocabulary:
    """What is asked of the tokenizer with which an engine read its prompts.

    Attributes
    ----------
    tokenizer : object
        Of transformers.
    texts : mapping of str to str, or None
        The prompts by the ids of the items, where they are known.
    """

    tokenizer: Any
    texts: Mapping[str, str] | None

    @classmethod
    def of(cls, tokenizer: Any, texts: Mapping[str, str] | None, /) -> Vocabulary | None:
        """Load a tokenizer by its name, if one is given."""
        if texts is not None:
            mapping("texts", texts)
        if tokenizer is None:
            if texts is None:
                return None
            message = (
                "texts are held against the tokens of the files by the tokenizer; pass tokenizer=... as well."
            )
            raise InputError(message)
        named = isinstance(tokenizer, str) or hasattr(tokenizer, "__fspath__")
        if not named and not hasattr(tokenizer, "all_special_ids"):
            message = (
                "tokenizer must be one of transformers, or the name or folder of one; got "
                f"{in_short(tokenizer)}."
            )
            raise InputError(message)
        from platoscope.models.processors import as_processor  # loads transformers where it is needed

        return cls(as_processor(tokenizer, images=False), texts)

    def special_ends(self, prompt: Prompt, /) -> tuple[int, int]:
        """Count the special tokens at both ends of a prompt, after its tokens have been checked."""
        token_ids = self._checked_ids(prompt)
        own = np.flatnonzero(~np.isin(token_ids, self.tokenizer.all_special_ids))
        return (int(own[0]), token_ids.size - 1 - int(own[-1])) if own.size else (token_ids.size, 0)

    def _checked_ids(self, prompt: Prompt) -> NDArray[np.int64]:
        found, expected = prompt.token_ids, self._expected_ids(prompt)
        if found is None and expected is None:
            message = f"{prompt.where} does not say its tokens; a tokenizer helps only with texts={{id: prompt}} beside it."
            raise InputError(message)
        if found is not None and not ((found >= 0) & (found < len(self.tokenizer))).all():
            message = (
                f"{prompt.where} has token {int(found.max() if found.max() >= len(self.tokenizer) else found.min())}, but "
                f"the tokenizer knows 0 to {len(self.tokenizer) - 1:,}: it is that of another model."
            )
            raise InputError(message)
        if expected is None:
            assert found is not None, "one of them is there"
            return found
        same = expected.size == prompt.states.shape[1] if found is None else np.array_equal(found, expected)
        if not same:
            came = prompt.states.shape[1] if found is None else found.size
            message = (
                f"{prompt.where} has {came} tokens, which are not the {expected.size} that the tokenizer makes of the text "
                f"of item {prompt.name!r}{_first_difference(found, expected)}. Give the tokenizer of that model, and the "
                "texts that it was asked."
            )
            raise InputError(message)
        return expected

    def _expected_ids(self, prompt: Prompt) -> NDArray[np.int64] | None:
        if self.texts is None:
            return None
        if prompt.name not in self.texts:
            message = f"texts has no item {prompt.name!r}, which {prompt.where} is of."
            raise NotFoundError(message)
        text = word(f"the text of item {prompt.name!r}", self.texts[prompt.name], empty=True)
        with guarded(
            f"The tokenizer cannot read the text of item {prompt.name!r}", "Give another tokenizer."
        ):
            return np.asarray(self.tokenizer(text)["input_ids"], np.int64)


def _first_difference(found: NDArray[np.int64] | None, expected: NDArray[np.int64]) -> str:
    if found is None:
        return ""
    n = min(found.size, expected.size)
    unequal = np.flatnonzero(found[:n] != expected[:n])
    if not unequal.size:
        return f" (the first {n} are the same)"
    place = int(unequal[0])
    return f" (the first that differs, from 0, is token {place}: {found[place]} for {expected[place]})"


@dataclass(frozen=True)
class PromptRules:
    """How the tokens of a prompt are pooled; for the attributes see `platoscope.models.load_model`."""

    poolings: tuple[Pooling, ...]
    drop_last: int
    keep_first: bool
    clip: float | None
    n_special: int | None
    vocabulary: Vocabulary | None

    @classmethod
    def of(
        cls,
        pooling: str | Pooling | Sequence[str | Pooling],
        /,
        *,
        drop_last: int,
        keep_first: bool,
        clip: float | None,
        n_special: int | None,
        vocabulary: Vocabulary | None,
    ) -> PromptRules:
        """Check them."""
        check_clip(clip)
        return cls(
            parse_poolings(pooling),
            whole_number("drop_last", drop_last, low=0),
            flag("keep_first", keep_first),
            clip,
            None if n_special is None else whole_number("n_special", n_special, low=0),
            vocabulary,
        )

    @property
    def provenance(self) -> dict[str, Any]:
        """What is recorded with the pooled states."""
        return {
            "drop_last": self.drop_last,
            "keep_first": self.keep_first,
            "n_special": self.n_special or 0 if self.vocabulary is None else "by the tokenizer",
            **({} if self.clip is None else {"clip": self.clip}),
        }

    def layout(self, prompt: Prompt, /) -> TokenLayout:
        """Describe one prompt without padding to the rules by which models pool their tokens."""
        n_tokens = prompt.states.shape[1]
        first, behind = self.n_special or 0, 0
        if first > n_tokens:
            message = (
                f"{prompt.where} (item {prompt.name!r}) has {n_tokens} token(s), but n_special={first}. Say how many "
                "special tokens the tokenizer put before each prompt: 1 where it is a start token alone."
            )
            raise InputError(message)
        if self.vocabulary is not None:
            first, behind = self.vocabulary.special_ends(prompt)
            if self.n_special is not None and self.n_special != first:
                message = (
                    f"{prompt.where} begins with {first} special token(s) by the tokenizer, but "
                    f"n_special={self.n_special}. Leave n_special out."
                )
                raise InputError(message)
        positions = np.arange(n_tokens)
        own = (positions >= first) & (positions < n_tokens - behind)
        return TokenLayout(
            start=np.zeros(1, np.int64),
            remaining=(np.flatnonzero(own)[: max(0, int(own.sum()) - self.drop_last)],),
            own=own[None],
            cls=None,
            eos=None,
            drop_last=self.drop_last,
        )


def chosen_ids(known: Mapping[str, Any], ids: Sequence[str] | None, where: str, /) -> list[str]:
    """Give the ids of the items in the order that was asked for, each of which is known; by default all.

    Raises
    ------
    NotFoundError
        If there is no such item.
    InputError
        If none is asked for, or one twice.
    """
    if ids is None:
        return list(known)
    missing = [name for name in ids if name not in known]
    if missing:
        message = (
            f"{len(missing)} of {len(ids)} ids are not among the {len(known)} prompts of {where}: {_some(missing)}. The "
            f"prompts there are called {_some(list(known))}."
        )
        raise NotFoundError(message)
    if not ids:
        message = f"ids names no item; the prompts of {where} are called {_some(list(known))}."
        raise InputError(message)
    if len(set(ids)) != len(ids):
        message = f"ids must be different, but {len(ids) - len(set(ids))} of {len(ids)} are repeated."
        raise InputError(message)
    return list(ids)


def _some(names: Sequence[str]) -> str:
    return ", ".join([*map(repr, names[:_NAMED]), *(["…"] if len(names) > _NAMED else [])])


def pool_prompts(prompts: Iterable[Prompt], rules: PromptRules, /) -> dict[str, list[NDArray[np.float32]]]:
    """Pool prompts, one at a time.

    Returns
    -------
    dict of str to list of ndarray of float32
        By ``str(pooling)``, one array ``(n_items, n_features)`` or ``(n_items, k, n_features)`` per layer.

    Raises
    ------
    InputError
        If a prompt is too short, or has states of another width than the first one.
    """
    pooled: dict[str, list[NDArray[np.float32]]] = {str(pooling): [] for pooling in rules.poolings}
    width: int | None = None
    for prompt in prompts:
        states = prompt.states
        width = states.shape[2] if width is None else width
        if states.shape[2] != width:
            message = (
                f"{prompt.where} has {states.shape[2]} features, but the prompts before it have {width}."
            )
            raise InputError(message)
        layout = rules.layout(prompt)
        try:
            readings = text_readings(layout, [prompt.name], rules.poolings, keep_first=rules.keep_first)
            if rules.clip is not None:
                require_own_tokens(layout.own, [prompt.name])
                states = _clipped(states, rules.clip, own=layout.own[0])
        except BatchItemError as error:
            special = int((~layout.own).sum())
            also = f", {special} of them special" if special else ""
            message = f"{prompt.where} has {states.shape[1]} tokens{also}: {error.named([prompt.name])}"
            raise InputError(message) from error
        for key, reading in readings.items():
            pooled[key].append(_pool(states, reading))
    return {key: list(np.stack(rows, 1)) for key, rows in pooled.items()}


def _clipped(states: NDArray[np.float32], q: float, /, *, own: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Clip one prompt's states, layer by layer, at the q and 1 − q quantiles of its own tokens."""
    low, high = np.quantile(states[:, own], (q, 1 - q), axis=(1, 2)).astype(np.float32)
    return np.clip(states, low[:, None, None], high[:, None, None])


def _pool(states: NDArray[np.float32], reading: Reading) -> NDArray[np.float32]:
    if reading.mask is not None:
        own = states[:, reading.mask[0]]
        mean: NDArray[np.float32] = own.mean(1)
        if reading.waves is None:
            return mean
        waves = reading.waves[0][:, reading.mask[0]]
        flat = ~waves.any(axis=1)[:, None]
        return np.where(flat, mean[:, None], waves @ own)
    assert reading.index is not None, "a reading has an index or a mask"
    gathered = states[:, reading.index[0]]
    return gathered.mean(1) if reading.average else gathered
