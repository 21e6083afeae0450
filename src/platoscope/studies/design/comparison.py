"""Two sides of the same items, and how they are compared: the unit of work of every study."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import Literal, get_args

from platoscope.checks import check_types, in_short, number, one_of, whole_number, word
from platoscope.datasets.near_duplicates import check_threshold
from platoscope.errors import InputError
from platoscope.measures import SideName
from platoscope.models.pooling import Pooling, check_clip
from platoscope.neighbors import parse_transform

__all__ = [
    "Comparison",
    "Fixed",
    "Items",
    "Kind",
    "SideName",
    "Source",
    "Surface",
    "Synthetic",
    "Tower",
    "check_name",
]

Kind = Literal[
    "profile",
    "grid",
    "matrix",
    "sweep",
    "token_distance",
    "sample_size",
    "spaces",
    "gain",
    "scales",
    "weights",
    "dimension",
]
Tower = Literal["text", "vision"]
_MOST_FEATURES = 100_000


def check_name(what: str, name: object, /) -> None:
    """Refuse a name that files, tables and figures cannot show: an empty one, or one with a control character.

    Raises
    ------
    InputError
        If it is none.
    """
    text = word(what, name)
    odd = next((character for character in text if unicodedata.category(character) in ("Cc", "Cs")), None)
    if odd is not None:
        msg = f"{what} holds the control character {odd!a}, which no figure shows; it is {in_short(text)}"
        raise InputError(msg)


@dataclass(frozen=True, kw_only=True)
class Items:
    """Which items of a data set a comparison looks at.

    Both sides of a comparison describe the same items, so the data belong to the comparison and not to its
    sides.

    Parameters
    ----------
    data : str
        Name of the pairs, as `platoscope.datasets.load_pairs` reads it: ``"bible:en-it"``, ``"pairs.jsonl"``.
    tokenizers : tuple of str
        Models whose tokenizers must all count a text within the limits. Empty: the text models of the
        comparison.
    minimum, maximum : int or None
        Smallest and largest number of tokens of every text, both included; None for no limit.
    together : tuple of str
        Data sets, `data` among them, of which the same items are taken: those whose ids all of them have
        within the limits (one English sentence in every language). A side that they share is then read
        once, and differences between them are paired.
    near_duplicates : float or None
        Pairs are dropped of which a text shares so much of its character 5-grams with an earlier one
        (`platoscope.datasets.drop_near_duplicates`); None keeps them.
    encoding : str or None
        Of a text file that is not UTF-8, such as ``"latin-1"``, as in `platoscope.datasets.load_pairs`.
    shuffle_words : int or None
        Seed with which the words of every text are put into a random order (`platoscope.datasets.shuffle_words`) once
        items are chosen, which are those of the texts as they were; None leaves them.
    """

    data: str
    tokenizers: tuple[str, ...] = ()
    minimum: int | None = 40
    maximum: int | None = 80
    together: tuple[str, ...] = ()
    near_duplicates: float | None = None
    encoding: str | None = None
    shuffle_words: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.near_duplicates, int | float):
            check_threshold(f"near_duplicates of {self.data!r}", self.near_duplicates)
        check_types(self, where="items")
        word("data", self.data)
        for name in ("minimum", "maximum", "shuffle_words"):
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name), low=0)
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            msg = (
                f"the limits of {self.data!r} must have minimum <= maximum, got minimum={self.minimum} and "
                f"maximum={self.maximum}; swap them"
            )
            raise InputError(msg)
        if self.together and self.data not in self.together:
            msg = f"together={self.together} must name {self.data!r} itself as well"
            raise InputError(msg)

    def members(self) -> tuple[Items, ...]:
        """Give each data set whose ids decide which items are taken, as items of its own."""
        return tuple(replace(self, data=data, together=()) for data in self.together or (self.data,))


@dataclass(frozen=True, kw_only=True)
class Source:
    """One side of a comparison: what one model makes of one side of the items, under one pooling.

    Parameters
    ----------
    model : str
        Name as `platoscope.models.load_model` reads it.
    side : {"a", "b"}
        Which side of the pairs the model reads.
    pooling : str
        In the notation of `platoscope.models.Pooling`: ``"last"``, ``"mean(20)"``, ``"concat(5)"``.
    layers : tuple of int or None
        Layers to keep; None for all, the embeddings (0) included.
    tower : {"text", "vision"} or None
        Which tower of a text-image model.
    revision : str or None
        Commit of a hub model; None for the one that the catalogue pins.
    drop_last : int
        Tokens dropped at the end of every text before pooling.
    clip : float or None
        Share of an item's token values that is clipped at either end before pooling, as in
        `platoscope.models.load_model`; None (in TOML: 0) for none. The default is what the paper's authors do.
    final_norm : bool or None
        Whether the last layer is read after the model's final norm, as in `platoscope.models.load_model`: False reads
        it on the side of the other layers, None on that of the library.
    """

    model: str
    side: SideName = "a"
    pooling: str = "mean(20)"
    layers: tuple[int, ...] | None = None
    tower: Tower | None = None
    revision: str | None = None
    drop_last: int = 2
    clip: float | None = 0.05
    final_norm: bool | None = None

    def __post_init__(self) -> None:
        if isinstance(self.clip, int | float) and self.clip == 0:  # TOML has no null
            object.__setattr__(self, "clip", None)
        check_types(self, where=f"the side of {in_short(self.model)}")
        word("model", self.model)
        check_clip(self.clip)
        Pooling.parse(self.pooling)
        whole_number("drop_last", self.drop_last, low=0)
        if self.layers is not None and not self.layers:
            msg = f"the side of {self.model!r} keeps no layer: layers is empty. Leave it out for all of them."
            raise InputError(msg)


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A control: what the length of a text alone says, with no model at all.

    Its one layer has two features per item, the logarithms of the number of tokens and of characters, each
    standardized. `model` names the tokenizer that counts.
    """

    model: str
    side: SideName = "a"

    def __post_init__(self) -> None:
        check_types(self, where=f"the lengths by {in_short(self.model)}")
        word("model", self.model)


@dataclass(frozen=True, kw_only=True)
class Synthetic:
    """One side of a synthetic pair, one "layer" per value of the quantity that is varied.

    Parameters
    ----------
    construction : {"low_rank", "shared_features"}
        See `platoscope.studies.design.synthetic`.
    role : {"x", "y"}
        Which of the two variables of the construction.
    n_features : int
        Dimensions of the Gaussian variable.
    values : tuple of float
        The ranks, or the fractions of observed features.
    noise : float
        Standard deviation of the noise of ``y`` (``low_rank`` only).
    """

    construction: Literal["low_rank", "shared_features"]
    role: Literal["x", "y"]
    n_features: int
    values: tuple[float, ...]
    noise: float = 0.0

    def __post_init__(self) -> None:
        check_types(self, where="a synthetic side")
        whole_number(
            "n_features", self.n_features, low=1, high=_MOST_FEATURES, why="they are drawn in memory"
        )
        number("noise", self.noise, low=0)
        if not self.values:
            msg = (
                "a synthetic side needs at least one of its `values`, the ranks or fractions that are varied"
            )
            raise InputError(msg)


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """The one layer of a side that a sweep holds while it moves through the other side.

    Exactly one of `depth`, `layer` and `minimum_of` is given.

    Parameters
    ----------
    side : {"a", "b"}
        The side that is held.
    depth : float or None
        Relative depth from 0 to 1; the nearest layer is taken.
    layer : int or None
        Position in the stack; negative counts from the end.
    minimum_of : str or None
        Label of a profile of the same model: the layer of its semantic region with the smallest Δ. It is
        estimated on other data, so choosing it does not favor the sweep.
    """

    side: SideName
    depth: float | None = None
    layer: int | None = None
    minimum_of: str | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("depth", "layer", "minimum_of") if getattr(self, name) is not None]
        if len(given) != 1:
            msg = f"a fixed layer needs exactly one of depth, layer and minimum_of, got {given or 'none'}"
            raise InputError(msg)
        check_types(self, where="a fixed layer")
        if self.depth is not None:
            number("depth", self.depth, low=0, high=1)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two sides, compared layer by layer.

    Parameters
    ----------
    label : str
        Name within the study; panels and statements refer to it.
    a, b : Source, Surface or Synthetic
        The two sides.
    items : Items or None
        The items that both sides describe; None for synthetic data.
    kind : str
        One of `Kind`: ``profile`` compares matched layers; ``grid`` every layer of `a` with every layer of `b`; ``matrix``
        every two texts of the data sets that are taken `together`, at one layer (`fixed`); ``sweep``
        holds one layer (`fixed`) and moves through the other side; ``token_distance`` compares the last
        token with the token at each of `distances` before it; ``sample_size`` gives Δ against the number of
        items at one layer (`fixed`); ``spaces`` is Δ under several preparations of the rows, whatever the transform
        of the study: of a profile, of a sweep (with `fixed`), or over `distances`; ``gain`` is what each layer of `a` adds
        to `given` about `b` (`platoscope.layerwise.gain_profile`); ``scales`` is Δ inside groups and across them;
        ``weights`` finds which layers of `a` together predict one layer of `b` (`fixed`); ``dimension`` is
        Δ of matched layers beside their intrinsic dimension on both sides (`platoscope.layerwise.dimension_profile`).
    match : {"index", "relative_depth"}
        How a profile matches layers.
    fixed : Fixed or None
        The held layer of a sweep, in several spaces as well; the layer of both sides of ``sample_size``, of all
        texts of ``matrix``, and the predicted one of ``weights``.
    distances : tuple of int
        Distances τ of ``token_distance``, in several spaces as well.
    shuffle : {"free", "strata", "matched"} or None
        Misalign the pairs on purpose: over all items, within their strata (book, class), or among items that are
        alike (`null_matched`).
    null_within_strata : bool
        The permutation null permutes only within strata, so that it keeps what items of one stratum share.
    null_matched : {"tokens", "tokens_per_character"} or None
        The permutation null permutes only among items whose texts are alike in it on both sides
        (`platoscope.measures.matched_strata`), so that it keeps what lengths or tokenization tell; within strata too
        where `null_within_strata` says so. The tokenizer of the items counts.
    transform : str, sequence of str or None
        Preparation of the rows of this comparison; None for the study's.
    given : Source, Surface or None
        Of kind ``gain``: the side that is given.
    """

    label: str
    a: Source | Surface | Synthetic
    b: Source | Surface | Synthetic
    items: Items | None = None
    kind: Kind = "profile"
    match: Literal["index", "relative_depth"] = "index"
    fixed: Fixed | None = None
    distances: tuple[int, ...] = ()
    shuffle: Literal["free", "strata", "matched"] | None = None
    null_within_strata: bool = False
    null_matched: Literal["tokens", "tokens_per_character"] | None = None
    transform: str | tuple[str, ...] | None = None
    given: Source | Surface | None = None

    def __post_init__(self) -> None:
        if self.transform is not None:
            object.__setattr__(self, "transform", parse_transform(self.transform))
        check_name("the label of a comparison", self.label)
        where = f"of comparison {self.label!r}"
        one_of(f"kind {where}", self.kind, get_args(Kind))
        one_of(f"match {where}", self.match, ("index", "relative_depth"))
        one_of(f"shuffle {where}", self.shuffle, (None, "free", "strata", "matched"))
        matched: object = self.null_matched
        if not (
            matched is None or (isinstance(matched, str) and matched in ("tokens", "tokens_per_character"))
        ) or (self.shuffle == "matched" and matched is None):
            msg = (
                f"comparison {self.label!r} has null_matched={self.null_matched!r}; it must be 'tokens' or "
                "'tokens_per_character', or be left out where nothing is shuffled among items that are alike"
            )
            raise InputError(msg)
        check_types(self, where=f"comparison {in_short(self.label)}")
        for distance in self.distances:
            whole_number(f"each of the distances of comparison {in_short(self.label)}", distance, low=1)
        if self.kind in ("matrix", "sweep", "sample_size", "weights") and self.fixed is None:
            msg = f"comparison {self.label!r} of kind {self.kind!r} needs `fixed`, the layer that is held"
            raise InputError(msg)
        if self.kind == "weights" and self.fixed is not None and self.fixed.side != "b":
            msg = f"comparison {self.label!r} of kind 'weights' weighs layers of `a`, so that `fixed` must hold one of `b`"
            raise InputError(msg)
        if self.kind == "token_distance" and not self.distances:
            msg = f"comparison {self.label!r} of kind 'token_distance' needs `distances`, for example (1, 2, 4, 8)"
            raise InputError(msg)
        synthetic = [isinstance(side, Synthetic) for side in (self.a, self.b)]
        if any(synthetic) != all(synthetic) or all(synthetic) != (self.items is None):
            msg = f"comparison {self.label!r} needs two synthetic sides and no items, or two real sides and items"
            raise InputError(msg)
        if (self.kind == "gain") != (self.given is not None) or (self.kind == "gain" and self.shuffle):
            msg = (
                f"comparison {self.label!r} of kind {self.kind!r} has given={in_short(self.given)}; kind 'gain', and no "
                "other, needs a side that is given, and it cannot be shuffled"
            )
            raise InputError(msg)
        if self.kind == "matrix" and (self.items is None or not self.items.together or self.shuffle):
            msg = (
                f"comparison {self.label!r} of kind 'matrix' needs items that name in `together` the data sets whose "
                "texts are compared, and cannot be shuffled"
            )
            raise InputError(msg)

    def members(self) -> tuple[Comparison, ...]:
        """Give one comparison for each data set that is looked at: of a matrix several, else this one."""
        if self.kind != "matrix" or self.items is None:
            return (self,)
        return tuple(replace(self, items=replace(self.items, data=data)) for data in self.items.together)

    @property
    def same_items(self) -> Items | None:
        """Items that are equal for comparisons of the same items; those of `together` are, whichever data they read."""
        if self.items is None:
            return None
        limits = (self.items.minimum, self.items.maximum)
        models = {side.model for side in self.sides if isinstance(side, Source)}
        counted_by = self.items.tokenizers or tuple(sorted(models))
        data = self.items.together[0] if self.items.together else self.items.data
        return replace(
            self.items, data=data, tokenizers=() if limits == (None, None) else counted_by, shuffle_words=None
        )

    @property
    def all_sides(self) -> tuple[Source | Surface | Synthetic, ...]:
        """Both sides, and the one that is given where there is one."""
        return self.sides if self.given is None else (*self.sides, self.given)

    @property
    def sides(self) -> tuple[Source | Surface | Synthetic, Source | Surface | Synthetic]:
        """Both sides, in order."""
        return (self.a, self.b)
