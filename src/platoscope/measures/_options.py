"""The options of a comparison: one record, one check, from the command line to the number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, cast

from platoscope.arguments import mapping
from platoscope.checks import in_short, one_of, plain, share, whole_number
from platoscope.errors import InputError
from platoscope.measures._resampling import INTERVAL_METHODS, MOST, WHY_MOST, resample_count
from platoscope.measures._table import choose_measures, measure_names
from platoscope.neighbors import check_metric, parse_transform

if TYPE_CHECKING:
    from platoscope.measures._measure import Measure
    from platoscope.neighbors import OwnMetric, Transform

__all__ = ["DEFAULT_MEASURES", "ComparisonOptions", "SideName", "changed", "with_keywords"]

DEFAULT_MEASURES = ("information_imbalance", "neighborhood_overlap", "cka_debiased", "cka_biased")
SideName: TypeAlias = Literal["a", "b"]
_Record = TypeVar("_Record", bound="ComparisonOptions")


@dataclass(frozen=True, kw_only=True)
class ComparisonOptions:
    """What `platoscope.compare`, `profile` and `n_curve` can be told, studies and the command line with them.

    Checked when it is made, so that a record that exists is one that can be used.

    Parameters
    ----------
    measures : str, Measure or sequence of them
        Names in `platoscope.measures.MEASURES`, and measures of your own (`platoscope.measures.Measure`).
    transform : str, sequence of str or mapping
        Preparation of the rows of every layer before any measure: a step, or several in order
        (`platoscope.neighbors.transform_rows`). It is fitted on all items once. ``{"a": "unit", "b": "none"}``
        prepares each side in its own way.
    n_neighbors : int
        Neighbors of Information Imbalance.
    metric : {"euclidean", "cosine", "hamming", "precomputed"} or callable
        Distance of Information Imbalance and RSA; a function of two sets of rows is one of your own, see
        `platoscope.prepare`.
    overlap_neighbors, overlap_metric : int, str or callable
        Of neighborhood overlap; `overlap_neighbors` also of CKNNA.
    n_resamples, resample_fraction : int, float
        Subsamples without replacement behind the 95 % intervals; 0 for none. (5 and 0.5 with the plain
        standard deviation are what the paper's authors use; with ``interval_method="delete_d"`` the variable
        `*_resamples` has the values.)
    interval_method : {"carried", "delete_d"}
        Whether the values of Information Imbalance on subsamples are carried to the level and the spread at N
        (`platoscope.measures.carry`) or left as they are, which makes intervals too wide where Δ is small. Other
        measures are left as they are.
    n_permutations : int
        Shuffled pairings behind the nulls, p-values and calibrated scores; 0 for none.
    alpha : float
        Level of the calibration threshold.
    items : bool
        Whether the result also says of every item, in every pair of layers, what it adds to Information Imbalance,
        and its nearest neighbors (`platoscope.compare` names the variables).

    Raises
    ------
    InputError
        A number of the wrong type or outside its range, an unknown metric, transform or interval method.
    NotFoundError
        A measure that there is not.

    Examples
    --------
    >>> options = ComparisonOptions(transform=("zscore", "unit"), n_permutations=99)
    >>> options.n_neighbors, options.transform
    (1, ('zscore', 'unit'))
    """

    measures: tuple[str | Measure, ...] = DEFAULT_MEASURES
    transform: Transform | Mapping[SideName, Transform] = ()
    n_neighbors: int = 1
    metric: str | OwnMetric = "euclidean"
    overlap_neighbors: int = 10
    overlap_metric: str | OwnMetric = "cosine"
    n_resamples: int = 40
    resample_fraction: float = 0.25
    interval_method: str = "carried"
    n_permutations: int = 0
    alpha: float = 0.05
    items: bool = False

    def __post_init__(self) -> None:
        self._keep("measures", measure_names("measures", self.measures))
        choose_measures(self.measures)
        self._keep("transform", _transform(self.transform))
        for name in ("n_neighbors", "overlap_neighbors"):
            self._keep(name, whole_number(name, getattr(self, name), low=1, high=MOST, why=WHY_MOST))
        self._keep("n_resamples", resample_count(self.n_resamples))
        permutations = whole_number("n_permutations", self.n_permutations, low=0, high=MOST, why=WHY_MOST)
        self._keep("n_permutations", permutations)
        for name in ("resample_fraction", "alpha"):
            self._keep(name, share(name, getattr(self, name)))
        for name in ("metric", "overlap_metric"):
            check_metric(name, getattr(self, name))
            self._keep(name, plain(getattr(self, name)))
        for name, known in (("interval_method", INTERVAL_METHODS), ("items", (True, False))):
            self._keep(name, one_of(name, getattr(self, name), known))

    def _keep(self, name: str, checked: object, /) -> None:
        """Put a value in its plain form: a record is frozen once it is made."""
        object.__setattr__(self, name, checked)

    def transform_of(self, side: SideName, /) -> tuple[str, ...]:
        """Return the steps that prepare the rows of one side, in order."""
        if isinstance(self.transform, Mapping):
            return parse_transform(self.transform[side])
        return parse_transform(self.transform)


def changed(options: _Record, changes: Mapping[str, Any], /) -> _Record:
    """Return the record with every change that is not None, checked again.

    Raises
    ------
    InputError
        A name that the record does not have, where the message lists those it has; something that is no record.
    """
    if not isinstance(cast("object", options), ComparisonOptions):
        message = f"options must be ComparisonOptions; got {in_short(options)}."
        raise InputError(message)
    mapping("changes", changes)
    known = [item.name for item in fields(options)]
    unknown = sorted(set(changes) - set(known))
    if unknown:
        message = f"unknown settings {', '.join(unknown)}; there are {', '.join(sorted(known))}"
        raise InputError(message)
    return replace(options, **{name: value for name, value in changes.items() if value is not None})


def with_keywords(options: ComparisonOptions | None, arguments: Mapping[str, Any], /) -> ComparisonOptions:
    """Return the options of a function that also takes fields of them as keywords, which win where they are not None.

    Parameters
    ----------
    options : ComparisonOptions or None
        None for the defaults.
    arguments : mapping
        The ``locals()`` of that function in its first statement: so its signature is the one place that names them.

    Raises
    ------
    InputError
        As `ComparisonOptions` does.
    """
    mapping("arguments", arguments)
    known = {item.name for item in fields(ComparisonOptions)}
    keywords = {name: value for name, value in arguments.items() if name in known}
    return changed(ComparisonOptions() if options is None else options, keywords)


def _transform(value: Any) -> tuple[str, ...] | dict[SideName, tuple[str, ...]]:
    if not isinstance(value, Mapping):
        return parse_transform(value)
    if set(value) != {"a", "b"}:
        message = f"transform must name both sides, as {{'a': 'unit', 'b': 'none'}}, or be for both; got {dict(value)!r}."
        raise InputError(message)
    a, b = (parse_transform(value[side]) for side in ("a", "b"))
    return a if a == b else {"a": a, "b": b}
