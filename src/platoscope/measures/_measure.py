"""`Measure`: what a measure is, what it declares of itself, and how a grid of it is computed."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from platoscope.checks import flag, one_of, word
from platoscope.errors import InputError
from platoscope.neighbors import reads_distances

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from platoscope.measures._items import ItemValues
    from platoscope.measures._nulls import Shuffles
    from platoscope.measures._options import ComparisonOptions
    from platoscope.neighbors import OwnMetric, Sample, Space

__all__ = ["LayerPairs", "Measure", "Price", "Scratch", "as_similarity"]

Invariance: TypeAlias = Literal["isometry", "scale", "translation"]
LayerPairs: TypeAlias = npt.NDArray[np.intp]
"""Positions of the layers that are compared, shape (n_pairs, 2)."""
Values: TypeAlias = npt.NDArray[np.float64]

Scratch: TypeAlias = dict[str, Any]
"""Sums that several measures of one evaluation share."""

Scores: TypeAlias = (
    "Callable[[Sequence[Space], Sequence[Space], LayerPairs, ComparisonOptions, Scratch], Values]"
)
Sampled: TypeAlias = (
    "Callable[[Sequence[Sample], Sequence[Sample], LayerPairs, ComparisonOptions, Scratch], Values]"
)
Null: TypeAlias = (
    "Callable[[Sequence[Space], Sequence[Space], LayerPairs, Shuffles, ComparisonOptions, Scratch], Values]"
)
Resamples: TypeAlias = (
    "Callable[[Sequence[Space], Sequence[Space], LayerPairs, Any, ComparisonOptions, Scratch], Values]"
)
WithoutEach: TypeAlias = (
    "Callable[[Sequence[Space] | Sequence[Sample], Sequence[Space] | Sequence[Sample], LayerPairs, "
    "ComparisonOptions], Values]"
)
ByItem: TypeAlias = "Callable[[LayerPairs, Scratch], dict[str, ItemValues]]"
Level: TypeAlias = "Callable[[int, ComparisonOptions], float]"


_Read: TypeAlias = Literal["metric", "overlap_metric", "products", "rows"]
_FUNCTIONS = ("identity", "chance", "scores", "null", "sampled", "resamples", "left_out", "by_item")
_FLAGS = (
    "directed", "higher_is_similar", "resampled", "axis_from_zero", "uses_overlap_neighbors", "permutes_matrices",
    "needs_one_space",
)  # fmt: skip
_WORDS = ("title", "label", "family", "gap", "gap_label", "short")


class Price(NamedTuple):
    """What a pair of layers of 1,000 items costs, in billions of operations of a matrix product that take as long."""

    plain: float
    permutations: float
    """100 of them."""
    subsamples: float
    """40 of them, of a quarter of the items."""


def _unknown(n_samples: int, options: ComparisonOptions, /) -> float:
    return float("nan")


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure: how it is computed on pairs of layers, and the properties that it declares of itself.

    Those of the package stand in `platoscope.measures.MEASURES`, and the tests hold each of them to what it
    declares. One of your own goes into ``measures=[...]`` of `platoscope.compare`, `profile` and `n_curve`, alone
    or among names. `platoscope.measures.measure_rows` makes one of a function of two arrays; the fields
    here are for what works on prepared layers.

    Parameters
    ----------
    name : str
        What the result calls it, an identifier that no other measure has.
    directed : bool
        Whether A→B and B→A differ; the values have two directions then, and one otherwise.
    higher_is_similar : bool
        Which end of the scale means more similar.
    scores : callable
        ``scores(A, B, pairs, options, scratch)`` with two sequences of `platoscope.neighbors.Space` and the
        positions of pairs in them, shape (n_pairs, 2), returns the values, shape (1 or 2 directions, n_pairs); NaN
        where undefined. It is called from several threads where no `resamples` is given.
    null : callable, optional
        ``null(A, B, pairs, shuffles, options, scratch)`` returns the values under each pairing in ``shuffles.orders``,
        shape (n_permutations, 1 or 2, n_pairs). Without it the measure has no null, p-value or calibrated score.

    Raises
    ------
    InputError
        A field of the wrong type, or a `gap` or `left_out` of a measure with one direction.

    Examples
    --------
    How much of its nearest neighbor's own neighbor an item is, on both sides:

    >>> import numpy as np
    >>> from platoscope import profile
    >>> from platoscope.neighbors import nearest_neighbors
    >>> def mutual(space, options):
    ...     near = nearest_neighbors(space, 1, options.metric).items
    ...     return float(np.mean(near[near] == np.arange(len(near))))
    >>> reciprocity = Measure(
    ...     name="reciprocity", directed=False, higher_is_similar=True,
    ...     scores=lambda A, B, pairs, options, scratch: np.array(
    ...         [[1 - abs(mutual(A[i], options) - mutual(B[j], options)) for i, j in pairs]]
    ...     ),
    ... )
    >>> A = np.random.default_rng(0).standard_normal((2, 80, 3))
    >>> profile(A, A, measures=[reciprocity], n_resamples=0).reciprocity.values.tolist()
    [1.0, 1.0]
    """

    name: str
    title: str = ""
    """As a sentence names it, at its beginning; the name if left out."""
    label: str = ""
    """As the axis and the legend of a figure name it; the title if left out."""
    family: str = ""
    """What measures of one kind have in common: ``retrieval_at_1`` and ``retrieval_at_5`` are of ``retrieval``."""
    directed: bool
    """Whether A→B and B→A differ."""
    higher_is_similar: bool
    lowest: float = -float("inf")
    highest: float = float("inf")
    """Range over all inputs; `highest` of Δ is what adversarial data reach, its chance level is 1."""
    identity: Level = _unknown
    """Value of a representation without ties compared with itself, given n_samples; NaN: no calibrated score."""
    chance: Level = _unknown
    """Expectation under independence, given n_samples; NaN where it depends on the data."""
    invariances: frozenset[Invariance] = frozenset()
    scores: Scores = field(repr=False)
    """Values for pairs of spaces, shape (1 or 2 directions, n_pairs); NaN where undefined."""
    null: Null | None = field(repr=False, default=None)
    """Values under permutations, shape (n_permutations, 1 or 2, n_pairs)."""
    sampled: Sampled | None = field(repr=False, default=None)
    """`scores` on samples of the items, for the spread over subsamples: as fast as float32 allows."""
    resamples: Resamples | None = field(repr=False, default=None)
    """Values on all subsets at once, shape (n_sets, 1 or 2, n_pairs), for a measure of rows of one layer with
    rows of another: what the pair needs is computed once for all of them."""
    resampled: bool = True
    """Whether its values on subsamples estimate what its value on all items does: whether it has an interval."""

    left_out: WithoutEach | None = field(repr=False, default=None)
    """Values without each item in turn, shape (1 or 2, n_pairs, n_items), on spaces or samples; for a measure whose
    spread falls faster than 1/√N, so that its values on subsamples are carried to N (`platoscope.measures.carry`)."""
    by_item: ByItem | None = field(repr=False, default=None)
    """Of every item what `scores` left of it in its scratch where `ComparisonOptions.items` asks for that: variables
    of the result, by name."""
    gap: str | None = None
    """What the difference of both directions is called, where it has a name of its own."""
    gap_label: str | None = None
    """As the axis and the legend of a figure name that difference."""
    short: str | None = None
    """As a crowded legend names it, where that is shorter than `label`: Δ(A → B), 1 − Δ."""
    axis_from_zero: bool = False
    """Whether the axis of a figure begins at 0 even where all values lie far above."""
    reads: _Read = "metric"
    """What of a layer it looks at: distances in `ComparisonOptions.metric` or in `overlap_metric`, inner products of
    rows, or nothing but the rows. The spaces that it is given answer that."""
    uses_overlap_neighbors: bool = False
    """Whether it looks at `ComparisonOptions.overlap_neighbors` neighbors instead of `n_neighbors`."""
    permutes_matrices: bool = False
    """Whether its null holds the whole matrices of all layers. They are multiplied together, so that workers share its
    draws and not its layers."""
    needs_one_space: bool = False
    """Whether both sides must have the same features: a row of A is compared with rows of B."""
    price: Price | None = None
    """What plans reckon with, of all measures of its family together (``python benchmarks/plans.py --prices``)."""

    def __post_init__(self) -> None:
        self._check()
        title = self.title or self.name
        for field_name, otherwise in (("title", title), ("label", title), ("family", self.name)):
            object.__setattr__(self, field_name, getattr(self, field_name) or otherwise)

    def _check(self) -> None:
        word("name of a measure", self.name)
        for item in fields(self):
            value, name = getattr(self, item.name), f"{item.name} of measure {self.name!r}"
            if item.name in _FUNCTIONS and not (callable(value) or (value is None and item.default is None)):
                message = f"{name} must be a function; got {value!r}."
                raise InputError(message)
            if item.name in _FLAGS and not isinstance(value, bool):
                message = f"{name} must be True or False; got {value!r}."
                raise InputError(message)
            if item.name in _WORDS and value is not None:
                word(name, value, empty=True)
        one_of(f"reads of measure {self.name!r}", self.reads, get_args(_Read))
        if not self.directed and (self.gap is not None or self.left_out is not None):
            message = (
                f"Measure {self.name!r} has one direction, so that it can have neither gap nor left_out."
            )
            raise InputError(message)

    def similarity(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the values so that higher means more similar: 1 − Δ, or the value itself."""
        return as_similarity(values, self.higher_is_similar)

    def metric(self, options: ComparisonOptions, /) -> str | OwnMetric:
        """Return the metric that layers must be prepared for."""
        if self.reads == "overlap_metric":
            return options.overlap_metric
        if self.reads == "metric" or not reads_distances(options.metric):
            return options.metric
        return "euclidean"


def as_similarity(values: npt.NDArray[np.float64], higher_is_similar: bool, /) -> npt.NDArray[np.float64]:
    """Return values so that higher means more similar, given which end of their scale does."""
    return values if flag("higher_is_similar", higher_is_similar) else 1.0 - values
