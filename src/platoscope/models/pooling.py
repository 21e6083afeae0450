"""Pooling: which tokens of an item become its vector, written the same way in Python and in the shell.

The rules are those of docs/models.md ("Poolings"). A `Pooling` is only a name with a number; it loads no
other library. How it is applied to a batch stands in `platoscope.models.tokens` (which positions it
reads) and `platoscope.models.forward` (reading them while the model runs).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np

from platoscope.arguments import sequence
from platoscope.checks import in_short, whole_number
from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Pooling", "PoolingKind", "check_clip", "parse_poolings"]

PoolingKind = Literal["last", "mean", "concat", "token", "tokens", "dct", "mean_all", "cls", "eos"]

_NOTATION = "last, mean, mean(k), concat(k), token(t), tokens(k), dct(m), dct(f-g), mean_all, cls, eos"
_PATTERN = re.compile(r"\s*([a-z_]+)\s*(?:\(\s*(?:(\d+)\s*-\s*)?(\d+)\s*\))?\s*")
_NEEDS_NUMBER = frozenset({"concat", "token", "tokens", "dct"})
_TAKES_NUMBER = _NEEDS_NUMBER | {"mean"}


@dataclass(frozen=True, slots=True)
class Pooling:
    """How the tokens of one item become one vector (or, for ``tokens(k)`` and ``dct(m)``, several) per layer.

    For text, special tokens (BOS, EOS, [CLS], [SEP], padding) never enter, and the last ``drop_last``
    tokens of the item (an option of the model, 2 by default) are dropped before anything is counted:

    ========== ==========================================================================================
    last       the last remaining token
    mean(k)    mean of the last k remaining tokens
    mean       mean of all remaining tokens but the one at position 0, an attention sink in decoders
    concat(k)  the last k remaining tokens side by side, k times as wide
    tokens(k)  the last k remaining tokens, kept apart
    token(t)   the token at distance t before the last one; ``token(0)`` is ``last``
    dct(m)     the m lowest frequencies along the tokens of ``mean``, side by side; ``dct(1)`` is ``mean``
    dct(f-g)   the frequencies f to g alone, both included
    eos        the end token (CLIP and SigLIP text towers)
    cls        the class token (BERT-like encoders and vision transformers)
    ========== ==========================================================================================

    For images, ``mean`` is the mean over all tokens but class, register and start tokens, ``mean_all``
    over all.

    Parameters
    ----------
    kind : {"last", "mean", "concat", "token", "tokens", "dct", "mean_all", "cls", "eos"}
        What is read.
    n : int or None
        The number in parentheses: how many tokens (at least 1), for ``token`` how far back (at least 0), for ``dct``
        one more than the highest frequency.
    lowest : int, default: 0
        Of ``dct``: the lowest frequency.

    Raises
    ------
    InputError
        If `kind` is unknown, or `n` is missing, superfluous or too small, or `lowest` is not below it.

    Notes
    -----
    Frequency j of an item with the states x_0, …, x_{n−1} is its coefficient of the discrete cosine transform (DCT-II)
    [1]_, orthonormal up to the factor 1/√n that makes items of different length comparable:

        c_j = (s_j / n) Σ_i x_i cos(π j (i + ½) / n),    s_0 = 1, s_j = √2 for j ≥ 1

    so that c_0 is the mean, bit for bit, and Σ_j ‖c_j‖² over all n frequencies is the mean of ‖x_i‖². Frequency j makes j
    half waves over the item, however long it is. An item of n tokens has n frequencies: one with fewer than ``dct(m)``
    asks for is refused, like one with too few tokens for ``concat(k)``.

    References
    ----------
    .. [1] N. Ahmed, T. Natarajan, K. R. Rao. Discrete cosine transform. IEEE Transactions on Computers C-23, 90-93 (1974).

    Examples
    --------
    >>> pooling = Pooling.parse("mean(20)")
    >>> pooling
    Pooling(kind='mean', n=20)
    >>> str(pooling), pooling.n_tokens, pooling.n_vectors
    ('mean(20)', 20, 1)
    >>> Pooling("token", 3).n_tokens
    4
    >>> band = Pooling.parse("dct(2-3)")  # no other frequencies; dct(4) has 0 to 3
    >>> band, band.n_tokens, band.n_vectors
    (Pooling(kind='dct', n=4, lowest=2), 4, 2)
    """

    kind: PoolingKind
    n: int | None = None
    lowest: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or self.kind not in get_args(PoolingKind):
            msg = f"Unknown pooling {in_short(self.kind)}. Expected one of: {_NOTATION}."
            raise InputError(msg)
        lowest = whole_number(f"the lowest frequency of pooling {self.kind!r}", self.lowest, low=0)
        if lowest and self.kind != "dct":
            msg = f"Only 'dct' has frequencies, but pooling {self.kind!r} was given a lowest one, {lowest}. Leave it out."
            raise InputError(msg)
        if self.n is None:
            if self.kind in _NEEDS_NUMBER:
                what = "frequencies" if self.kind == "dct" else "tokens"
                msg = f"Pooling {self.kind!r} needs a number of {what}, as in '{self.kind}(20)'."
                raise InputError(msg)
            return
        if self.kind not in _TAKES_NUMBER:
            msg = f"Pooling {self.kind!r} takes no number, but got {self.n}. Write {self.kind!r}."
            raise InputError(msg)
        smallest = 0 if self.kind == "token" else 1
        if whole_number(f"the number of pooling {self.kind!r}", self.n) < smallest:
            msg = f"The number in '{self.kind}({self.n})' must be at least {smallest}."
            raise InputError(msg)
        if lowest >= self.n > 0:
            msg = f"The frequencies of a band go up, as in 'dct(2-3)', but '{self}' ends before it begins."
            raise InputError(msg)

    def __repr__(self) -> str:
        band = f", lowest={self.lowest}" if self.lowest else ""
        return f"Pooling(kind={self.kind!r}, n={self.n!r}{band})"

    @classmethod
    def parse(cls, text: str | Pooling, /) -> Pooling:
        """Read the notation, such as ``"mean(20)"``; a `Pooling` is returned as it is.

        Parameters
        ----------
        text : str or Pooling
            One pooling.

        Returns
        -------
        Pooling
            With ``str(Pooling.parse(text))`` the canonical spelling of `text`.

        Raises
        ------
        InputError
            If `text` is not in the notation.
        """
        if isinstance(text, Pooling):
            return text
        match = _PATTERN.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            msg = f"Cannot read the pooling {in_short(text)}. Expected one of: {_NOTATION}."
            raise InputError(msg)
        kind, lowest, number = match.groups()
        if lowest is None:
            return cls(cast("PoolingKind", kind), None if number is None else int(number))
        if kind != "dct":
            msg = (
                f"Cannot read the pooling {in_short(text)}: only 'dct' takes a band, as 'dct(2-3)'. Expected one of: "
                f"{_NOTATION}."
            )
            raise InputError(msg)
        return cls("dct", int(number) + 1, int(lowest))

    def __str__(self) -> str:
        if self.n is None:
            return self.kind
        return f"{self.kind}({self.lowest}-{self.n - 1})" if self.lowest else f"{self.kind}({self.n})"

    @property
    def n_tokens(self) -> int:
        """How many remaining tokens an item must have; 0 for ``cls`` and ``eos``, which read none."""
        if self.kind in ("cls", "eos"):
            return 0
        if self.kind == "token":
            return cast("int", self.n) + 1
        return self.n or 1

    @property
    def n_vectors(self) -> int:
        """How many vectors per item and layer: k for ``concat(k)`` and ``tokens(k)``, m for ``dct(m)``, else 1."""
        return cast("int", self.n) - self.lowest if self.keeps_tokens else 1

    @property
    def keeps_tokens(self) -> bool:
        """Whether pooled arrays have an axis of tokens (``concat(k)`` and ``tokens(k)``) or of frequencies (``dct(m)``)."""
        return self.kind in ("concat", "tokens", "dct")


def parse_poolings(poolings: str | Pooling | Sequence[str | Pooling], /) -> tuple[Pooling, ...]:
    """Read one or several poolings; a string may hold several, separated by commas.

    Parameters
    ----------
    poolings : str, Pooling or sequence of them
        Such as ``"last,mean(20)"`` or ``("last", "mean(20)")``.

    Returns
    -------
    tuple of Pooling
        In the order given, without repetitions, at least one.

    Raises
    ------
    InputError
        If there is none, or one is not in the notation.

    Examples
    --------
    >>> [str(p) for p in parse_poolings("last, mean(20),last")]
    ['last', 'mean(20)']
    """
    if isinstance(poolings, Pooling):
        return (poolings,)
    parts = poolings.split(",") if isinstance(poolings, str) else sequence("pooling", poolings, of="poolings")
    parsed = tuple(dict.fromkeys(Pooling.parse(part) for part in parts))
    if not parsed:
        msg = f"No pooling was given. Expected at least one of: {_NOTATION}."
        raise InputError(msg)
    return parsed


def check_clip(q: float | None, /) -> None:
    """Raise `InputError` where `q` is not a share of an item's values that can be clipped at either end."""
    if q is not None and not (isinstance(q, float | np.floating) and 0 < q < 0.5):
        msg = f"clip must be None or between 0 and 0.5 (0.05 in the authors' extraction), but got {in_short(q)}."
        raise InputError(msg)
