"""The table of measures: what each one is, what it declares of itself, and how a grid of it is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from platoscope.errors import NotFoundError
from platoscope.measures._cka import cka_null, cka_scores
from platoscope.measures._cknna import cknna_null, cknna_scores
from platoscope.measures._imbalance import imbalance_null, imbalance_sampled, imbalance_scores
from platoscope.measures._nulls import Shuffles
from platoscope.measures._options import ComparisonOptions
from platoscope.measures._overlap import (
    neighborhood_overlap_chance,
    overlap_null,
    overlap_sampled,
    overlap_scores,
)
from platoscope.measures._retrieval import COMMON, retrieval_null, retrieval_resamples, retrieval_scores
from platoscope.measures._rsa import rsa_null, rsa_scores
from platoscope.measures._variables import split_variable
from platoscope.neighbors import Sample, Space

__all__ = ["MEASURES", "LayerPairs", "Measure", "Scratch", "find_measure", "get_measure"]

Invariance: TypeAlias = Literal["isometry", "scale", "translation"]
LayerPairs: TypeAlias = npt.NDArray[np.intp]


Scratch: TypeAlias = dict[str, Any]
"""Sums that several measures of one evaluation share."""

Scores: TypeAlias = Callable[
    [Sequence[Space], Sequence[Space], LayerPairs, ComparisonOptions, Scratch], npt.NDArray[np.float64]
]
Resamples: TypeAlias = Callable[
    [Sequence[Space], Sequence[Space], LayerPairs, Any, ComparisonOptions, Scratch], npt.NDArray[np.float64]
]
Sampled: TypeAlias = Callable[
    [Sequence[Sample], Sequence[Sample], LayerPairs, ComparisonOptions, Scratch], npt.NDArray[np.float64]
]
Null: TypeAlias = Callable[
    [Sequence[Space], Sequence[Space], LayerPairs, Shuffles, ComparisonOptions, Scratch],
    npt.NDArray[np.float64],
]


@dataclass(frozen=True)
class Measure:
    """One measure and the properties that it declares; the tests hold it to every one of them."""

    name: str
    title: str
    """As a sentence names it, at its beginning."""
    label: str
    """As the axis and the legend of a figure name it."""
    family: str
    """What measures of one kind have in common: ``retrieval_at_1`` and ``retrieval_at_5`` are of ``retrieval``."""
    directed: bool
    """Whether A→B and B→A differ."""
    higher_is_similar: bool
    lowest: float
    highest: float
    """Range over all inputs; `highest` of Δ is what adversarial data reach, its chance level is 1."""
    identity: Callable[[int, ComparisonOptions], float]
    """Value of a representation without ties compared with itself, given n_samples."""
    chance: Callable[[int, ComparisonOptions], float]
    """Expectation under independence, given n_samples; NaN where it depends on the data."""
    invariances: frozenset[Invariance]
    scores: Scores = field(repr=False)
    """Values for pairs of spaces, shape (1 or 2 directions, n_pairs); NaN where undefined."""
    null: Null = field(repr=False)
    """Values under permutations, shape (n_permutations, 1 or 2, n_pairs)."""
    sampled: Sampled | None = field(repr=False, default=None)
    """`scores` on samples of the items, for the spread over subsamples: as fast as float32 allows."""
    resamples: Resamples | None = field(repr=False, default=None)
    """Values on all subsets at once, shape (n_sets, 1 or 2, n_pairs), for a measure of rows of one layer with
    rows of another: what the pair needs is computed once for all of them."""

    gap: str | None = None
    """What the difference of both directions is called, where it has a name of its own."""
    gap_label: str | None = None
    """As the axis and the legend of a figure name that difference."""
    short: str | None = None
    """As a crowded legend names it, where that is shorter than `label`: Δ(A → B), 1 − Δ."""
    axis_from_zero: bool = False
    """Whether the axis of a figure begins at 0 even where all values lie far above."""
    uses_overlap_neighbors: bool = False
    """Whether it looks at `ComparisonOptions.overlap_neighbors` neighbors instead of `n_neighbors`."""
    permutes_matrices: bool = False
    """Whether its null holds the whole matrices of all layers."""
    needs_one_space: bool = False
    """Whether both sides must have the same features: a row of A is compared with rows of B."""

    def similarity(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the values so that higher means more similar: 1 − Δ, or the value itself."""
        return values if self.higher_is_similar else 1.0 - values


_ALL: frozenset[Invariance] = frozenset({"isometry", "scale", "translation"})
_SCALE: frozenset[Invariance] = frozenset({"scale"})


def _cka(estimator: str) -> Measure:
    return Measure(
        name=f"cka_{estimator}",
        title=f"CKA ({estimator})",
        label=f"CKA ({estimator})",
        family="cka",
        permutes_matrices=True,
        directed=False,
        higher_is_similar=True,
        lowest=0.0 if estimator == "biased" else -1.0,
        highest=1.0,
        identity=lambda n, o: 1.0,
        chance=lambda n, o: 0.0 if estimator == "debiased" else float("nan"),
        invariances=_ALL,
        scores=lambda A, B, pairs, o, scratch: cka_scores(A, B, pairs, estimator=estimator, scratch=scratch),
        null=lambda A, B, pairs, shuffles, o, scratch: cka_null(
            A, B, pairs, shuffles, estimator=estimator, scratch=scratch
        ),
        sampled=lambda A, B, pairs, o, scratch: cka_scores(A, B, pairs, estimator=estimator, scratch=scratch),
    )


def _retrieval(k: int) -> Measure:
    return Measure(
        name=f"retrieval_at_{k}",
        title=f"recall@{k}",
        label=f"recall@{k}",
        family="retrieval",
        needs_one_space=True,
        directed=True,
        higher_is_similar=True,
        lowest=0.0,
        highest=1.0,
        identity=lambda n, o: 1.0,
        chance=lambda n, o: k / n,
        invariances=_ALL,
        scores=lambda A, B, pairs, o, scratch: retrieval_scores(A, B, pairs, k=k, scratch=scratch),
        null=lambda A, B, pairs, shuffles, o, scratch: retrieval_null(
            A, B, pairs, shuffles.orders, k=k, scratch=scratch
        ),
        resamples=lambda A, B, pairs, sets, o, scratch: retrieval_resamples(
            A, B, pairs, sets, k=k, scratch=scratch
        ),
    )


_TABLE = (
    Measure(
        name="information_imbalance",
        title="Information Imbalance Δ",
        label="information imbalance Δ",
        family="information_imbalance",
        directed=True,
        higher_is_similar=False,
        gap="asymmetry",
        gap_label="asymmetry δ",
        short="Δ",
        axis_from_zero=True,
        lowest=0.0,
        highest=2.0,
        identity=lambda n, o: (o.n_neighbors + 1) / n,
        chance=lambda n, o: 1.0,
        invariances=_ALL,
        scores=lambda A, B, pairs, o, scratch: imbalance_scores(
            A, B, pairs, n_neighbors=o.n_neighbors, metric=o.metric
        ),
        null=lambda A, B, pairs, shuffles, o, scratch: imbalance_null(
            A, B, pairs, shuffles, n_neighbors=o.n_neighbors, metric=o.metric
        ),
        sampled=lambda A, B, pairs, o, scratch: imbalance_sampled(
            A, B, pairs, n_neighbors=o.n_neighbors, metric=o.metric
        ),
    ),
    Measure(
        name="neighborhood_overlap",
        title="Neighborhood overlap",
        label="neighborhood overlap",
        short="overlap",
        family="neighborhood_overlap",
        uses_overlap_neighbors=True,
        directed=False,
        higher_is_similar=True,
        lowest=0.0,
        highest=1.0,
        identity=lambda n, o: 1.0,
        chance=lambda n, o: neighborhood_overlap_chance(n, o.overlap_neighbors),
        invariances=_SCALE,  # cosine distances depend on the origin
        scores=lambda A, B, pairs, o, scratch: overlap_scores(
            A, B, pairs, n_neighbors=o.overlap_neighbors, metric=o.overlap_metric
        ),
        null=lambda A, B, pairs, shuffles, o, scratch: overlap_null(
            A, B, pairs, shuffles.orders, n_neighbors=o.overlap_neighbors, metric=o.overlap_metric
        ),
        sampled=lambda A, B, pairs, o, scratch: overlap_sampled(
            A, B, pairs, n_neighbors=o.overlap_neighbors, metric=o.overlap_metric
        ),
    ),
    _cka("debiased"),
    _cka("biased"),
    Measure(
        name="cknna",
        title="CKNNA",
        label="CKNNA",
        family="cknna",
        uses_overlap_neighbors=True,
        directed=False,
        higher_is_similar=True,
        lowest=-1.0,
        highest=1.0,
        identity=lambda n, o: 1.0,
        chance=lambda n, o: float("nan"),
        invariances=_ALL,
        scores=lambda A, B, pairs, o, scratch: cknna_scores(A, B, pairs, n_neighbors=o.overlap_neighbors),
        null=lambda A, B, pairs, shuffles, o, scratch: cknna_null(
            A, B, pairs, shuffles.orders, n_neighbors=o.overlap_neighbors
        ),
    ),
    Measure(
        name="rsa",
        title="RSA (Spearman)",
        label="RSA",
        family="rsa",
        permutes_matrices=True,
        directed=False,
        higher_is_similar=True,
        lowest=-1.0,
        highest=1.0,
        identity=lambda n, o: 1.0,
        chance=lambda n, o: 0.0,
        invariances=_ALL,
        scores=lambda A, B, pairs, o, scratch: rsa_scores(A, B, pairs, metric=o.metric),
        null=lambda A, B, pairs, shuffles, o, scratch: rsa_null(A, B, pairs, shuffles, metric=o.metric),
    ),
    *map(_retrieval, COMMON),
)

MEASURES: dict[str, Measure] = {measure.name: measure for measure in _TABLE}
"""All measures that `compare` and `profile` know, by name."""


def find_measure(variable: str, /) -> Measure | None:
    """Return the measure that a variable of a result is or belongs to; None for one that the table lacks.

    Examples
    --------
    >>> find_measure("rsa_null_sd").label
    'RSA'
    >>> find_measure("mine") is None
    True
    """
    return MEASURES.get(variable) or MEASURES.get(split_variable(variable)[0])


def get_measure(name: str, /) -> Measure:
    """Return the measure called `name`, or raise a `NotFoundError` that lists all of them."""
    if name not in MEASURES:
        message = f"Unknown measure {name!r}. Known: {', '.join(MEASURES)}."
        raise NotFoundError(message)
    return MEASURES[name]
