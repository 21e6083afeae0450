"""The table of measures: what each one declares of itself, and how a grid of it is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.checks import in_short, word
from platoscope.errors import InputError, NotFoundError
from platoscope.measures._cka import cka_null, cka_scores
from platoscope.measures._cknna import cknna_null, cknna_scores
from platoscope.measures._imbalance import imbalance_null, imbalance_sampled, imbalance_scores
from platoscope.measures._items import ItemRanks, ItemValues
from platoscope.measures._left_out import imbalance_left_out
from platoscope.measures._measure import Invariance, Measure, Price
from platoscope.measures._overlap import (
    neighborhood_overlap_chance,
    overlap_null,
    overlap_sampled,
    overlap_scores,
)
from platoscope.measures._procrustes import procrustes_null, procrustes_scores
from platoscope.measures._retrieval import COMMON, retrieval_null, retrieval_resamples, retrieval_scores
from platoscope.measures._ridge import ridge_null, ridge_scores
from platoscope.measures._rsa import rsa_null, rsa_scores
from platoscope.measures._variables import PARTS, split_variable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.measures._measure import LayerPairs, Scratch
    from platoscope.measures._options import ComparisonOptions
    from platoscope.neighbors import Space

__all__ = ["MEASURES", "choose_measures", "find_measure", "get_measure", "measure_names"]

_RESERVED = frozenset(
    {
        "asymmetry", "direction", "draw", "item", "layer", "n_samples", "neighbor_rank", "partner_rank", "permutation",
        "resample",
    }
)  # fmt: skip
# What stands beside a measure, and what is about one side: its layers, depths, diagnostics.
_SUFFIXES = ("_a", "_b", "_best", *(f"_{part}" for part in PARTS))
_ALL: frozenset[Invariance] = frozenset({"isometry", "scale", "translation"})
_SCALE: frozenset[Invariance] = frozenset({"scale"})


def _cka(estimator: str) -> Measure:
    return Measure(
        name=f"cka_{estimator}",
        title=f"CKA ({estimator})",
        label=f"CKA ({estimator})",
        family="cka",
        price=Price(9.2, 23.6, 6.4),
        reads="products",
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
        price=Price(5.2, 2.8, 5.7),
        reads="rows",
        needs_one_space=True,
        directed=True,
        higher_is_similar=True,
        lowest=0.0,
        highest=1.0,
        identity=lambda n, o: 1.0,
        chance=lambda n, o: k / n,
        invariances=_ALL,
        scores=lambda A, B, pairs, o, scratch: retrieval_scores(
            A, B, pairs, k=k, scratch=scratch, by_item=o.items
        ),
        by_item=lambda pairs, scratch: {"partner_rank": ItemValues(scratch["partner ranks"])},
        null=lambda A, B, pairs, shuffles, o, scratch: retrieval_null(
            A, B, pairs, shuffles.orders, k=k, scratch=scratch
        ),
        resamples=lambda A, B, pairs, sets, o, scratch: retrieval_resamples(
            A, B, pairs, sets, k=k, scratch=scratch
        ),
    )


def _room(
    A: Sequence[Space], pairs: LayerPairs, options: ComparisonOptions, scratch: Scratch
) -> ItemRanks | None:
    """Make room in the scratch for what items add to Information Imbalance, where it is asked for."""
    if not options.items:
        return None
    scratch["item ranks"] = kept = ItemRanks.of(len(pairs), A[0].n_samples)
    return kept


_TABLE = (
    Measure(
        name="information_imbalance",
        title="Information Imbalance Δ",
        label="information imbalance Δ",
        family="information_imbalance",
        price=Price(9.5, 6.2, 8.1),
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
            A, B, pairs, n_neighbors=o.n_neighbors, metric=o.metric, by_item=_room(A, pairs, o, scratch)
        ),
        by_item=lambda pairs, scratch: scratch["item ranks"].variables(pairs),
        null=lambda A, B, pairs, shuffles, o, scratch: imbalance_null(
            A, B, pairs, shuffles, n_neighbors=o.n_neighbors, metric=o.metric
        ),
        sampled=lambda A, B, pairs, o, scratch: imbalance_sampled(
            A, B, pairs, n_neighbors=o.n_neighbors, metric=o.metric
        ),
        left_out=lambda A, B, pairs, o: imbalance_left_out(
            A, B, pairs, n_neighbors=o.n_neighbors, metric=o.metric
        ),
    ),
    Measure(
        name="neighborhood_overlap",
        title="Neighborhood overlap",
        label="neighborhood overlap",
        short="overlap",
        family="neighborhood_overlap",
        price=Price(7.2, 0.5, 11.4),
        reads="overlap_metric",
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
        price=Price(7.8, 1.9, 30.8),
        reads="products",
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
        price=Price(46.4, 18.3, 132.3),
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
    Measure(
        name="ridge_r2",
        title="Ridge R²",
        label="ridge R²",
        short="R²",
        family="ridge_r2",
        price=Price(
            210.0, 16_500.0, 130.0
        ),  # the ratios to Δ of docs/performance.md: a hundred permutations take minutes
        reads="rows",
        directed=True,
        higher_is_similar=True,
        gap="ridge_asymmetry",
        gap_label="asymmetry of ridge R²",
        lowest=0.0,
        highest=1.0,
        identity=lambda n, o: 1.0,
        chance=lambda n, o: float("nan"),
        invariances=_ALL,
        scores=lambda A, B, pairs, o, scratch: ridge_scores(A, B, pairs),
        null=lambda A, B, pairs, shuffles, o, scratch: ridge_null(A, B, pairs, shuffles.orders),
    ),
    Measure(
        name="procrustes",
        title="Procrustes similarity",
        label="Procrustes similarity",
        short="Procrustes",
        family="procrustes",
        price=Price(
            73.0, 1300.0, 0.0
        ),  # the ratios to Δ of docs/performance.md: a hundred permutations take minutes
        reads="rows",
        directed=False,
        higher_is_similar=True,
        lowest=0.0,
        highest=1.0,
        identity=lambda n, o: 1.0,
        chance=lambda n, o: float("nan"),
        invariances=_ALL,
        resampled=False,  # the fewer the items, the better a rotation fits them, and the less it varies
        scores=lambda A, B, pairs, o, scratch: procrustes_scores(A, B, pairs),
        null=lambda A, B, pairs, shuffles, o, scratch: procrustes_null(A, B, pairs, shuffles.orders),
    ),
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
    word("variable", variable, empty=True)
    return MEASURES.get(variable) or MEASURES.get(split_variable(variable)[0])


def get_measure(name: str, /) -> Measure:
    """Return the measure called `name`, or raise a `NotFoundError` that lists all of them."""
    if not isinstance(name, str) or name not in MEASURES:
        message = f"Unknown measure {in_short(name)}. Known: {', '.join(MEASURES)}."
        raise NotFoundError(message)
    return MEASURES[name]


def measure_names(name: str, value: object, /) -> tuple[str | Measure, ...]:
    """Return measures as a tuple; one alone need not stand in a list.

    Raises
    ------
    InputError
        If there is none, one comes twice, or something is no measure.
    """
    chosen = (
        (value,)
        if isinstance(value, str | Measure)
        else tuple(value)
        if isinstance(value, list | tuple)
        else ()
    )
    if not chosen or not all(isinstance(item, str | Measure) for item in chosen):
        message = f"{name} must be a list of at least one measure, by name or a Measure of your own; got {in_short(value)}."
        raise InputError(message)
    names = [item if isinstance(item, str) else item.name for item in chosen]
    if len(set(names)) < len(names):
        message = f"{name} must name each one once; got {names}."
        raise InputError(message)
    return chosen


def choose_measures(chosen: Sequence[str | Measure], /) -> tuple[Measure, ...]:
    """Return measures of the table, asked for by name, and measures of the user's as they are.

    Raises
    ------
    InputError
        As `measure_names`, or a measure of the user's whose name something else in a result has.
    NotFoundError
        A name that the table does not have.
    """
    measures = tuple(
        get_measure(item) if isinstance(item, str) else item for item in measure_names("measures", chosen)
    )
    for measure in measures:
        if measure is not MEASURES.get(measure.name):
            _check_own_name(measure.name)
            if measure.gap is not None:
                _check_own_name(measure.gap)
    names = [name for measure in measures for name in (measure.name, measure.gap) if name is not None]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"Two measures, or what they call the difference of both directions, share a name: {', '.join(twice)}."
        raise InputError(message)
    return measures


def _check_own_name(name: str) -> None:
    if name in MEASURES:
        message = f"A measure of your own is called {name!r}, as one of the package is; give it another name."
        raise InputError(message)
    if not name.isidentifier() or name in _RESERVED or name.endswith(_SUFFIXES):
        message = (
            f"A measure of your own is called {name!r}, which no variable of a result can be: a name must be an "
            f"identifier, none of {', '.join(sorted(_RESERVED))}, and not end in {', '.join(_SUFFIXES)}."
        )
        raise InputError(message)
