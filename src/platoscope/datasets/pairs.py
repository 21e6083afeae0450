"""Pairs of things that mean the same: the records that every data source fills in."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, get_args, overload

import numpy as np

from platoscope.arguments import instance, mapping, positions, sequence
from platoscope.checks import in_short, one_of, refuse_masks, whole_number, word
from platoscope.datasets.images import ImageSource, LazyImages, check_image, digest_image
from platoscope.datasets.showing import pairs_card, pairs_in_short, side_in_short
from platoscope.errors import InputError, guarded
from platoscope.seeds import generator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["FilterCount", "Modality", "Pairs", "Side", "check_text", "digest_array", "require"]

Modality = Literal["text", "image", "array"]


@dataclass(frozen=True)
class FilterCount:
    """What one step of loading or filtering kept and dropped.

    Parameters
    ----------
    step : str
        What the step did, in words ("source", "duplicates", "en under 40 tokens").
    kept, dropped : int
        Pairs after the step, and pairs that it took away.
    note : str, optional
        What a reader of the counts wants to know besides.
    """

    step: str
    kept: int
    dropped: int
    note: str = ""


@dataclass(frozen=True)
class Side:
    """One side of the pairs: the things that one model reads.

    Parameters
    ----------
    name : str
        What the side is: a language code ("en"), "image", "caption", a vendor.
    modality : {"text", "image", "array"}
        Which kind of model reads it.
    items : sequence of str, of image sources or of arrays
        Texts; or images as paths, encoded bytes, `PIL.Image.Image` objects, or `LazyImages`, which reads
        each one when it is asked for. `open_image` turns an image source into RGB pixels.

    Raises
    ------
    InputError
        If the modality is unknown, a text item is no string, or none that UTF-8 can write, or an image or array is none.
    """

    name: str
    modality: Modality
    items: Sequence[Any]

    def __post_init__(self) -> None:
        """Check the items, and make a list of them immutable."""
        one_of(f"modality of side {in_short(self.name)}", self.modality, get_args(Modality))
        check_text(self.name, "the name of a side")
        if not isinstance(self.items, LazyImages):
            object.__setattr__(
                self, "items", sequence(f"items of side {self.name!r}", self.items, of="items")
            )
        if self.modality == "text":
            for i, item in enumerate(self.items):
                if not isinstance(item, str):
                    message = f"text item {i} of side {self.name!r} must be a str, got {type(item).__name__}."
                    raise InputError(message)
                check_text(item, f"text item {i} of side {self.name!r}")
        elif self.modality == "image" and not isinstance(self.items, LazyImages):
            for i, item in enumerate(self.items):
                check_image(item, f"image {i} of side {self.name!r}")
        elif self.modality == "array":
            for item in self.items:
                refuse_masks(item, f"an item of side {self.name!r}")
                if not hasattr(item, "dtype") or getattr(item.dtype, "kind", "f") not in "biufc":
                    of = f" of {item.dtype}" if hasattr(item, "dtype") else ""
                    kind = f"{type(item).__name__}{of}"
                    message = f"items of side {self.name!r} must be arrays or tensors of numbers, got {kind}."
                    raise InputError(message)

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> Any: ...
    @overload
    def __getitem__(self, index: slice, /) -> Sequence[Any]: ...
    def __getitem__(self, index: Any, /) -> Any:
        return self.items[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def __repr__(self) -> str:
        return side_in_short(self)

    def select(self, indices: Sequence[int] | np.ndarray, /) -> Side:
        """Return the side with these items only, in this order."""
        rows = positions("indices", indices, len(self))
        if isinstance(self.items, LazyImages):
            return replace(self, items=self.items.select(rows))
        return replace(self, items=tuple(self.items[i] for i in rows))

    def fingerprint(self) -> str:
        """Return the SHA-256 of the content, in hexadecimal.

        It depends on the modality and on the items in their order (texts as UTF-8, images by their encoded
        bytes, arrays by their dtype, shape and values), not on names or paths, so that equal content has one
        key wherever it was loaded from.
        """
        # An array may have been written into since it was hashed.
        return self._digest_all() if self.modality == "array" else self._digest

    @cached_property
    def _digest(self) -> str:
        return self._digest_all()

    def _digest_all(self) -> str:
        total = hashlib.sha256(f"platoscope side 1 {self.modality}\n".encode())
        for item in self.items:
            total.update(self._digest_item(item))
        return total.hexdigest()

    def _digest_item(self, item: str | ImageSource) -> bytes:
        if isinstance(item, str) and self.modality == "text":
            return hashlib.sha256(item.encode()).digest()
        if self.modality == "array":
            with guarded(
                f"an item of side {self.name!r} cannot be read", "Pass dense arrays or tensors of numbers."
            ):
                return digest_array(item)
        return digest_image(item)


@dataclass(frozen=True)
class Pairs:
    """Aligned pairs: item `i` of side `a` and item `i` of side `b` mean the same.

    Parameters
    ----------
    name : str
        How the pairs were asked for ("bible:en-it").
    a, b : Side
        The two sides, of equal length.
    ids : tuple of str, optional
        A unique name for each pair; the row number where the source has none.
    strata : tuple of str, optional
        The group of each pair (book, class), within which a null may permute; `None` when unknown.
    provenance : mapping
        Source, version or revision, licence, languages, seed: what a result must say about its data.
        ``"may_be_shown": False`` where the licence does not let items be passed on, not even as thumbnails in a page.
    counts : tuple of FilterCount
        One per step, in order; the first says what the source had.
    titles : tuple of str, optional
        What a reader calls each pair, where ids say little: "petri dish" for 1f9eb. Empty for a pair without one. They
        are no part of the content: `fingerprint` leaves them out.

    Raises
    ------
    InputError
        If lengths differ or ids repeat.

    Examples
    --------
    >>> pairs = Pairs("toy", Side("en", "text", ["one", "two"]), Side("it", "text", ["uno", "due"]))
    >>> len(pairs), pairs.ids, pairs.a[1], pairs.swap().a[1]
    (2, ('0', '1'), 'two', 'due')
    """

    name: str
    a: Side
    b: Side
    ids: tuple[str, ...] = ()
    strata: tuple[str, ...] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    counts: tuple[FilterCount, ...] = ()
    titles: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Check that everything describes the same pairs."""
        for letter, side in (("a", self.a), ("b", self.b)):
            instance(letter, side, Side)
        mapping("provenance", self.provenance)
        n = len(self.a)
        if len(self.b) != n:
            message = (
                "both sides must have one item per pair: "
                f"{self.a.name!r} has {n}, {self.b.name!r} has {len(self.b)}."
            )
            raise InputError(message)
        ids = sequence("ids", self.ids, of="texts")
        object.__setattr__(self, "ids", ids or tuple(str(i) for i in range(n)))
        object.__setattr__(self, "provenance", dict(self.provenance))
        counts: object = self.counts
        if not isinstance(counts, list | tuple) or not all(
            isinstance(count, FilterCount) for count in counts
        ):
            message = f"counts must be a tuple of FilterCount; got {in_short(counts)}."
            raise InputError(message)
        object.__setattr__(self, "counts", tuple(counts) or (FilterCount("source", n, 0),))
        for what in ("strata", "titles"):
            if getattr(self, what) is not None:
                object.__setattr__(self, what, sequence(what, getattr(self, what), of="texts"))
        for what, values in (("ids", self.ids), ("strata", self.strata), ("titles", self.titles)):
            if values is not None and len(values) != n:
                message = f"{what} must have one value per pair ({n}), got {len(values)}."
                raise InputError(message)
            for i, value in enumerate(values or ()):
                check_text(value, f"{what} {i}")
        unique = set(self.ids)
        if len(unique) != n:
            repeated = Counter(self.ids).most_common(1)[0][0]
            message = (
                f"ids must be unique, but {repeated!r} comes more than once ({n - len(unique)} repeats)."
            )
            raise InputError(message)

    def __len__(self) -> int:
        return len(self.a)

    def __getitem__(self, index: SupportsIndex, /) -> tuple[Any, Any]:
        return self.a[index], self.b[index]

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return zip(self.a, self.b, strict=True)

    @property
    def may_be_shown(self) -> bool:
        """Whether items may stand in what is passed on; True unless the provenance says otherwise."""
        return self.provenance.get("may_be_shown", True) is not False

    def __repr__(self) -> str:
        return pairs_in_short(self)

    def _repr_html_(self) -> str:
        return pairs_card(self)

    def select(self, indices: Sequence[int] | np.ndarray, /) -> Pairs:
        """Return these pairs only, in this order; `counts` stay as they are.

        Parameters
        ----------
        indices : sequence of int, or bool array of shape (n_pairs,)
            Positions, or a mask.
        """
        picked = positions("indices", indices, len(self))
        return replace(
            self,
            a=self.a.select(picked),
            b=self.b.select(picked),
            ids=tuple(self.ids[i] for i in picked),
            strata=None if self.strata is None else tuple(self.strata[i] for i in picked),
            titles=None if self.titles is None else tuple(self.titles[i] for i in picked),
        )

    def sample(self, n: int, rng: np.random.Generator | int, /) -> Pairs:
        """Return `n` pairs drawn without replacement, in the order of the source.

        Parameters
        ----------
        n : int
            How many pairs.
        rng : numpy.random.Generator or int
            An integer is a seed, recorded in the provenance; equal seeds give equal samples.

        Raises
        ------
        InputError
            If there are fewer than `n` pairs; the message tells where they went.
        """
        require(self, n)
        seed = None if isinstance(rng, np.random.Generator) else whole_number("rng", rng, low=0)
        rows = np.sort(generator(rng).choice(len(self), size=n, replace=False))
        sampled = self.select(rows)
        return replace(
            sampled,
            provenance={**self.provenance, "sample": {"n": n, "of": len(self), "seed": seed}},
            counts=(*self.counts, FilterCount("sample", n, len(self) - n, f"drawn at random, seed {seed}")),
        )

    def side(self, name: str, /) -> Side:
        """Return the side that is called so: "a", "b", or the name of one of two sides of different names.

        Raises
        ------
        InputError
            If neither is.
        """
        by_name = {"a": self.a, "b": self.b}
        if word("side", name) not in by_name and self.a.name != self.b.name:
            by_name |= {self.a.name: self.a, self.b.name: self.b}
        if name not in by_name:
            message = f"side must be 'a' ({self.a.name!r}) or 'b' ({self.b.name!r}), got {name!r}."
            raise InputError(message)
        return by_name[name]

    def swap(self) -> Pairs:
        """Return the same pairs with the sides exchanged; name, ids and provenance stay."""
        return replace(self, a=self.b, b=self.a)

    def fingerprint(self) -> str:
        """Return the SHA-256 of both sides, ids and strata, in hexadecimal (names do not matter)."""
        total = hashlib.sha256(
            f"platoscope pairs 1\n{self.a.fingerprint()}\n{self.b.fingerprint()}\n".encode()
        )
        for values in (self.ids, self.strata or ()):
            total.update(f"{len(values)}\n".encode())
            for value in values:
                total.update(hashlib.sha256(value.encode()).digest())
        return total.hexdigest()


def digest_array(item: Any, /) -> bytes:
    """Return the SHA-256 of an array or tensor: of its dtype, shape and values, wherever it lies."""
    dtype = str(item.dtype)
    if hasattr(item, "detach"):
        item = item.detach().cpu()
        item = item.float() if "bfloat16" in dtype else item  # which NumPy does not have
    values = np.ascontiguousarray(item)
    if values.dtype.hasobject:
        message = "an array of objects has no values of its own"
        raise TypeError(message)
    return hashlib.sha256(f"{dtype} {values.shape}\n".encode() + values.tobytes()).digest()


def check_text(text: str, what: str, /) -> None:
    r"""Refuse a text that UTF-8 cannot write: JSON may hold one half of a surrogate pair (``"\ud83d"``).

    No tokenizer takes it, and no file; what was cut there only the user knows.

    Raises
    ------
    InputError
        If it holds one; `what` says where the text stands.
    """
    word(what, text, empty=True)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = (
            f"{what} holds half of a character, {text[error.start]!a} at place {error.start}, which is no Unicode text. "
            "Cut it out, or put U+FFFD in its place."
        )
        raise InputError(message) from None


def require(pairs: Pairs, n: int, /) -> Pairs:
    """Return the pairs if there are at least `n`, else say where the others went.

    Raises
    ------
    InputError
        If there are fewer than `n`; the message lists every step of `pairs.counts`.

    Examples
    --------
    >>> toy = Pairs("toy", Side("en", "text", ["one"]), Side("it", "text", ["uno"]))
    >>> require(toy, 2)
    Traceback (most recent call last):
    ...
    platoscope.errors.InputError: 2 pairs are needed, but 'toy' has 1 (source: 1). Ask for fewer pairs, ...
    """
    instance("pairs", pairs, Pairs, made_by="load_pairs")
    whole_number("the number of pairs", n, low=1)
    if len(pairs) >= n:
        return pairs
    steps = "; ".join(
        f"{count.step}: {count.kept}" if i == 0 else f"{count.step}: -{count.dropped}, left {count.kept}"
        for i, count in enumerate(pairs.counts)
    )
    message = (
        f"{n} pairs are needed, but {pairs.name!r} has {len(pairs)} ({steps}). "
        "Ask for fewer pairs, loosen the filters, or take a larger data set."
    )
    raise InputError(message)
