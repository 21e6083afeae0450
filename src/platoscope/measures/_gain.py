"""Imbalance gain: what one representation adds to another about a third (Del Tatto et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from math import frexp
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from platoscope.checks import listing, number, one_of, whole_number
from platoscope.errors import InputError
from platoscope.measures._imbalance import directed_imbalance
from platoscope.measures._nulls import one_per_item, permutations, tied_null
from platoscope.measures._resampling import MOST, WHY_MOST, Z95, standard_errors, subsamples
from platoscope.neighbors import (
    Space,
    Transform,
    as_space,
    join_spaces,
    require_memory,
    settled,
    spread,
    squared_matrix,
    sum_over_tasks,
    transform_name,
)
from platoscope.seeds import seeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = [
    "DEFAULT_WEIGHTS",
    "GAIN_FRACTION",
    "Drawn",
    "GainCurve",
    "ImbalanceGain",
    "check_weights",
    "draw_gains",
    "gain_of_spaces",
    "imbalance_gain",
]

DEFAULT_WEIGHTS = (0.0, 0.1, 0.2, 0.35, 0.6, 1.0, 1.7, 3.0, 5.0, 10.0)
"""Evenly in the logarithm, from next to nothing of the new space to next to nothing of the given one."""
_HEAVIEST = 1e12
_ROUNDED = 1e-12
GAIN_FRACTION = 0.25
"""Of the items, what a subsample has."""


class GainCurve(NamedTuple):
    """Δ against the weight of the new space."""

    weights: npt.NDArray[np.float64]
    """The weights, ascending, 0 first."""
    imbalance: npt.NDArray[np.float64]
    """Δ of the joined spaces to the target, for each of them."""


@dataclass(frozen=True, eq=False)
class ImbalanceGain:
    """What a space adds to another about a third; made by `imbalance_gain`."""

    gain: float
    """(Δ(0) − min Δ(w)) / Δ(0): 0 where no weight helps, 1 where everything that was open is told."""
    weight: float
    """The weight with the smallest Δ, the first of equal ones; 0 where none helps."""
    curve: GainCurve = field(repr=False)
    """Δ(w) for every weight."""
    p: float | None = None
    """Share of shuffled new spaces, the one at hand among them, that gain as much; None where none were drawn."""
    interval: tuple[float, float] | None = None
    """95 % interval of the gain; None where no subsamples were drawn."""
    null: npt.NDArray[np.float64] | None = field(repr=False, default=None)
    """The gain of every shuffled new space, each with its own best weight."""
    resamples: npt.NDArray[np.float64] | None = field(repr=False, default=None)
    """The gain in every subsample, each with its own best weight."""
    seed: int | None = None
    """What to pass as `rng` for the same result; None where nothing was drawn, or a generator was passed."""


def imbalance_gain(
    new: Any,
    given: Any,
    target: Any,
    /,
    *,
    weights: Sequence[float] = DEFAULT_WEIGHTS,
    n_neighbors: int = 1,
    transform: Transform = "none",
    scale: Literal["rows", "spread"] = "rows",
    n_permutations: int = 99,
    n_resamples: int = 0,
    strata: Sequence[Any] | None = None,
    rng: int | np.random.Generator | None = None,
) -> ImbalanceGain:
    """Measure what `new` adds to what `given` says about `target`.

    The nearest neighbors are taken in both spaces together, the new one with a weight, and that weight is chosen that
    predicts the target best. 0: no weight helps. Higher: `new` tells something that distances in `given` do not.

        gain = (Δ(0) − min over w of Δ(w)) / Δ(0),    Δ(w) = Δ((given, w · new) → target),    d² = d²_given + w² d²_new

    Parameters
    ----------
    new, given, target : array of shape (n_samples, n_features), sequence of such arrays, or Space
        Three representations of the same items, as `information_imbalance` takes them; Euclidean distances.
    weights : sequence of float
        At least 0; 0 is added where it is missing. By default ten from 0.1 to 10, evenly in the logarithm, and 0.
    n_neighbors : int
        Average over this many nearest neighbors instead of the first (k in the papers).
    transform : str or sequence of str
        Preparation of the rows of all three, before they are joined; see `platoscope.neighbors.transform_rows`. A `Space`
        made by `platoscope.prepare` keeps its own.
    scale : {"rows", "spread"}
        What a weight of 1 means. "rows": rows are joined as they are, after `transform`. With "unit" both have norm 1; raw
        rows carry their scale, and the weight with them. "spread": both have the same mean squared distance, whatever
        their units, so that 1 is half of each.
    n_permutations : int
        Shuffled rows of `new` behind the p-value; 0 for none.
    n_resamples : int
        Subsamples of a quarter of the items behind the interval; 0 for none.
    strata : sequence of length n_samples, optional
        Group of each item (its length, its book): rows of `new` are shuffled within groups only.
    rng : int, numpy.random.Generator or None
        Source of permutations and subsamples.

    Returns
    -------
    ImbalanceGain
        ``.gain``, ``.p``, ``.weight``, ``.curve`` (``.curve.weights`` and ``.curve.imbalance``), ``.interval``, ``.null``.

    Raises
    ------
    InputError
        Other numbers of rows, non-finite values, weights that are none, too few items for `n_neighbors`, distances in
        the place of rows, one number per item of which `transform` leaves the sign alone (lengths under "unit").
    MemoryPlanError
        The distances do not fit in memory.

    Notes
    -----
    A gain is never negative, and that of a space that adds nothing is above 0 by chance: the best of several weights was
    chosen. So the null chooses again for every shuffled space, and `p` is the test. It asks whether `new` is independent of
    the pair of `given` and `target`; a `new` that repeats `given` in another metric can gain as well, because nearest
    neighbors do not use all that a space holds. `strata` keep in the null what a group tells.

    The interval is for the expected gain at this N, of the delete-d jackknife, with the weight chosen again in every
    subsample. Where the gain is hardly above 0 it says little, and p more; docs/explanation/gain.md has its coverage.

    Cost: one matrix product for each of the three, then per weight N² sums, one search for neighbors and one count of
    ranks; each permutation gathers N² distances and takes N² sums per weight. Memory 12 N² bytes beside the spaces. Δ(w)
    is exact: near-ties are decided in float64, and equal rows tie. Shuffled spaces and subsamples are compared
    as float32 has them, unless its rounding shows.

    References
    ----------
    .. [1] Del Tatto, Fortunato, Bueti, Laio, "Robust inference of causality in high-dimensional dynamical processes from
       the Information Imbalance of distance ranks", PNAS 121 (2024) e2317256121.

    Examples
    --------
    Half of a target is given; the other half adds what is missing, and noise adds nothing:

    >>> import numpy as np
    >>> noise, target = np.random.default_rng(2).standard_normal((2, 200, 4))
    >>> found = imbalance_gain(target[:, 2:], target[:, :2], target, rng=0)
    >>> round(found.gain, 2), found.p, found.weight
    (0.98, 0.01, 1.0)
    >>> imbalance_gain(noise, target[:, :2], target, rng=0).p > 0.05
    True
    """
    chosen = check_weights(weights)
    one_of("scale", scale, ("rows", "spread"))
    spaces = three_spaces(new, given, target, transform)
    n_samples = spaces[0].n_samples
    chance, seed = seeded(rng)
    counts = {"n_neighbors": n_neighbors, "n_permutations": n_permutations, "n_resamples": n_resamples}
    drawn = draw_gains(n_samples, **counts, strata=strata, rng=chance)
    found = gain_of_spaces(*spaces, weights=chosen, n_neighbors=n_neighbors, scale=scale, drawn=drawn)
    return replace(found, seed=seed) if n_permutations or n_resamples else found


class Drawn(NamedTuple):
    """Orders and subsamples that several gains share."""

    orders: npt.NDArray[np.intp] | None
    """Permutations of the rows of the new space, shape (n_permutations, n_samples)."""
    samples: npt.NDArray[np.intp] | None
    """Items of each subsample, shape (n_resamples, m)."""


def draw_gains(
    n_samples: int,
    /,
    *,
    n_neighbors: int,
    n_permutations: int,
    n_resamples: int,
    strata: Sequence[Any] | None,
    rng: np.random.Generator,
) -> Drawn:
    """Draw the permutations and subsamples of a gain.

    Raises
    ------
    InputError
        Numbers that are none, strata of other items, or subsamples with too few items for their neighbors.
    """
    whole_number("n_neighbors", n_neighbors, low=1, high=n_samples - 1)
    groups = None if strata is None else one_per_item(strata, n_samples)
    whole_number("n_permutations", n_permutations, low=0, high=MOST, why=WHY_MOST)
    whole_number("n_resamples", n_resamples, low=0, high=MOST, why=WHY_MOST)
    orders = permutations(n_samples, n_permutations, strata=groups, rng=rng) if n_permutations else None
    samples = (
        subsamples(n_samples, n_resamples=n_resamples, fraction=GAIN_FRACTION, rng=rng)
        if n_resamples
        else None
    )
    if samples is not None and samples.shape[1] <= n_neighbors:
        message = (
            f"subsamples of {samples.shape[1]} items have no {n_neighbors} neighbors each; use fewer neighbors, "
            "more items, or n_resamples=0."
        )
        raise InputError(message)
    return Drawn(orders, samples)


def check_weights(weights: object, /) -> npt.NDArray[np.float64]:
    """Return the weights, each once and ascending, 0 first.

    Raises
    ------
    InputError
        No list of numbers from 0 on, or none that is not 0.
    """
    given = weights.tolist() if isinstance(weights, np.ndarray) else weights
    told = {
        number("each of the weights", w, low=0, high=_HEAVIEST)
        for w in listing("weights", given, of="numbers")
    }
    if not told - {0.0}:
        message = "weights must hold a number above 0, with which the new space is joined; got none."
        raise InputError(message)
    return np.array(sorted(told | {0.0}))


def three_spaces(new: Any, given: Any, target: Any, transform: Transform, /) -> tuple[Space, Space, Space]:
    """Return the three prepared, of the same items.

    Raises
    ------
    InputError
        Other numbers of rows, or distances in the place of rows.
    """
    named = {"new": new, "given": given, "target": target}
    first, second, third = (
        as_space(X, name, "euclidean", transform, keeps_own=True) for name, X in named.items()
    )
    rows = [space.n_samples for space in (first, second, third)]
    if len(set(rows)) > 1:
        message = (
            f"new, given and target must describe the same items: got {rows[0]}, {rows[1]} and {rows[2]} rows. "
            "Align them by id first (platoscope.representations.align)."
        )
        raise InputError(message)
    return first, second, third


def _require_more_than_signs(space: Space, name: str) -> None:
    """Refuse a single number per item (a length) of which the transform leaves the sign: it would tell nothing."""
    if space.only_signs:
        message = (
            f"{name} has one feature, of which transform={transform_name(space.transform)!r} leaves the sign alone: "
            f"every row of one number has norm 1. Prepare it by itself, as platoscope.prepare({name}), which "
            "keeps its numbers beside whatever transform the others have; or use transform='none' or 'zscore'."
        )
        raise InputError(message)


def gain_of_spaces(
    new: Space,
    given: Space,
    target: Space,
    /,
    *,
    weights: npt.NDArray[np.float64],
    n_neighbors: int,
    scale: str,
    drawn: Drawn,
) -> ImbalanceGain:
    """Return the gain of prepared spaces, as `imbalance_gain` does; `weights` are those of `check_weights`."""
    n = new.n_samples
    for name, space in (("new", new), ("given", given), ("target", target)):
        _require_more_than_signs(space, name)
    require_memory(16 * n * n, "Joining two spaces", "Use fewer items.")
    factors = weights * (_equal_spread(given, new) if scale == "spread" else 1.0)
    values = np.array(
        [
            directed_imbalance(join_spaces(given, new, float(factor)), target, n_neighbors=n_neighbors)
            for factor in factors
        ]
    )
    # The first of those that are equal but for the order of their sums.
    best = int(np.argmax(values <= values.min() * (1 + _ROUNDED)))
    gain = float((values[0] - values[best]) / values[0])
    curve = GainCurve(weights, values)
    found = ImbalanceGain(gain, float(weights[best]), curve)
    if drawn.orders is None and drawn.samples is None:
        return found
    sums = _Sums.of(new, given, target, factors, n_neighbors)
    p = interval = null = draws = None
    if drawn.orders is not None:
        shuffled = sums.imbalances(np.arange(n), drawn.orders, skip_given=True)
        least = tied_null(values[best], np.minimum(shuffled.min(axis=1), values[0]))
        null = (values[0] - least) / values[0]
        p = float((1 + np.count_nonzero(null >= gain)) / (1 + len(null)))
    if drawn.samples is not None:
        size = drawn.samples.shape[1]
        straight = np.arange(size)[None]
        draws = _gains(np.concatenate([sums.imbalances(items, straight) for items in drawn.samples]))
        half = Z95 * float(standard_errors(draws, n_samples=n, size=size))
        interval = gain - half, gain + half
    return ImbalanceGain(gain, found.weight, curve, p, interval, null, draws)


def _equal_spread(given: Space, new: Space) -> float:
    """Return the factor that gives `new` the mean squared distance of `given`; 1 where one of them is constant."""
    of_given, of_new = spread(given), spread(new)
    if not (of_given > 0 and of_new > 0):
        return 1.0
    factor = of_given / of_new
    if not 0 < factor < np.inf:
        message = f"no number in float64 brings {new.name} to the spread of {given.name}. Give either in other units."
        raise InputError(message)
    return factor


def _gains(curves: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the gain of each curve, whose first value is that of weight 0."""
    found: npt.NDArray[np.float64] = (curves[:, 0] - curves.min(axis=1)) / curves[:, 0]
    return found


@dataclass(frozen=True, eq=False)
class _Sums:
    """Squared distances of three spaces, on one scale."""

    given: npt.NDArray[Any]
    new: npt.NDArray[Any]
    target: npt.NDArray[Any]
    rows: npt.NDArray[np.int32]
    """The distinct row of each item in each, shape (3, n_samples)."""
    factors: npt.NDArray[np.float64]
    """What squared distances in `new` are multiplied by."""
    n_neighbors: int

    @classmethod
    def of(cls, new: Space, given: Space, target: Space, factors: Any, n_neighbors: int) -> _Sums:
        ordered = settled(target, "euclidean")
        places = ordered.gram if ordered is not target else squared_matrix(target)
        assert places is not None
        return cls(
            squared_matrix(given),
            squared_matrix(new),
            places,
            np.stack([given.inverse, new.inverse, ordered.inverse]),
            np.ldexp(factors, frexp(given.scale)[1] - frexp(new.scale)[1]) ** 2,
            n_neighbors,
        )

    def imbalances(
        self, items: npt.NDArray[np.intp], orders: npt.NDArray[np.intp], *, skip_given: bool = False
    ) -> npt.NDArray[np.float64]:
        """Return Δ among some items, for each order of the new space and each weight."""
        from platoscope.measures._gain_kernels import gain_rank_sums  # numba: 0.3 s to import

        factors = self.factors[1:] if skip_given else self.factors
        fixed = (
            self.given,
            self.new,
            self.target,
            np.ascontiguousarray(self.rows[:, items]),
            orders,
            factors,
        )

        def some(start: int, stop: int) -> npt.NDArray[np.float64]:
            sums = np.zeros((len(orders), len(factors)))
            gain_rank_sums(*fixed, self.n_neighbors, start, stop, sums)
            return sums

        return 2.0 * sum_over_tasks(partial(some), len(items)) / len(items) ** 2
