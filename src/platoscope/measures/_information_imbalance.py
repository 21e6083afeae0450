"""Information Imbalance of two representations: the directed, rank-based measure (Glielmo et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar

import numpy as np

from platoscope.checks import one_of
from platoscope.errors import InputError
from platoscope.measures._evaluate import evaluate
from platoscope.measures._imbalance import imbalance_scores
from platoscope.measures._inputs import two_spaces
from platoscope.measures._nulls import calibrate, one_per_item
from platoscope.measures._options import ComparisonOptions
from platoscope.measures._resampling import Z95, standard_errors
from platoscope.measures._split import split_imbalance
from platoscope.measures._table import MEASURES
from platoscope.neighbors import Metric, OwnMetric, Space, Transform, metric_name
from platoscope.seeds import seeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


__all__ = ["BothDirections", "Imbalance", "information_imbalance"]

_Of = TypeVar("_Of")


class BothDirections(NamedTuple, Generic[_Of]):
    """The same of X→Y and of Y→X."""

    forward: _Of
    """Of X→Y."""
    backward: _Of
    """Of Y→X."""


class Imbalance(BothDirections[float]):
    """Information Imbalance in both directions: a tuple of two numbers, with what is known of their uncertainty.

    Parameters
    ----------
    forward : float
        Δ(X→Y): how badly neighbors in X predict neighbors in Y (0: perfectly, 1: not at all).
    backward : float
        Δ(Y→X).

    Attributes
    ----------
    p_value : BothDirections of float, or None
        The share of shuffled pairings, the one at hand among them, whose Δ is as low; None where none were drawn.
    interval : BothDirections of (float, float), or None
        95 % interval; None where no subsamples were drawn.
    asymmetry_interval : (float, float) or None
        That of the asymmetry, from the same subsamples in both directions.
    seed : int or None
        What to pass as `rng` for the same result; None where nothing was drawn, or a generator was passed.
    """

    p_value: BothDirections[float] | None = None
    interval: BothDirections[tuple[float, float]] | None = None
    asymmetry_interval: tuple[float, float] | None = None
    seed: int | None = None

    @property
    def asymmetry(self) -> float:
        """δ(X, Y) = Δ(X→Y) − Δ(Y→X). Negative: X is the more informative."""
        return self.forward - self.backward

    def __repr__(self) -> str:
        known = {
            "p_value": self.p_value,
            "interval": self.interval,
            "asymmetry_interval": self.asymmetry_interval,
        }
        more = "".join(f", {name}={tuple(value)!r}" for name, value in known.items() if value is not None)
        return f"Imbalance(forward={self.forward!r}, backward={self.backward!r}{more})"


_NAME = "information_imbalance"


def information_imbalance(
    X: Any,
    Y: Any,
    /,
    *,
    n_neighbors: int = 1,
    metric: Metric = "euclidean",
    transform: Transform = "none",
    ties: Literal["average", "min"] = "average",
    estimator: Literal["full", "split"] = "full",
    n_permutations: int = 0,
    n_resamples: int = 0,
    strata: Sequence[Any] | None = None,
    rng: int | np.random.Generator | None = None,
) -> Imbalance:
    """Measure how well each of two representations predicts the neighborhoods of the other.

    Δ(X→Y) is the average rank in Y of the nearest neighbor in X, scaled so that 0 means "X
    determines the neighborhoods of Y" and 1 is exactly the expectation when X says nothing of Y.
    Lower is more predictive. The two directions differ when one side knows more than the other.

        Δ(X→Y) = (2/N) · mean over i of E[ r^Y(i, J_i) ],   J_i the nearest neighbor of i in X

    Parameters
    ----------
    X, Y : array of shape (n_samples, n_features), sequence of such arrays, or Space
        Two representations of the same items; row i of both describes item i. Widths may differ.
        NumPy, torch, CuPy or JAX, any real dtype. A sequence is a concatenation, whose squared
        distances add. `platoscope.prepare` makes a `Space`, for comparing one array many times.
    n_neighbors : int
        Average over this many nearest neighbors instead of the first (k in the papers).
    metric : {"euclidean", "cosine", "hamming", "precomputed"} or callable
        Hamming counts differing sign bits; with "precomputed", X and Y are square distances. A function of
        two sets of rows is a distance of your own; see `platoscope.prepare`.
    transform : str or sequence of str
        Preparation of the rows of both sides before anything else; see `platoscope.neighbors.transform_rows`.
    ties : {"average", "min"}
        "average": everything is its expectation under random tie-breaking, so that a constant array
        scores exactly 1 in both directions. "min" (rank = 1 + strictly closer, all points within
        the k-th distance are neighbors) exists for parity with other code; it scores a constant Y
        as perfectly predicted, which is wrong.
    estimator : {"full", "split"}
        "full": all items, Glielmo et al. "split": half of the items at random are seen from the
        other half, on unit-normalized vectors with min-ranks, as in the research code of Acevedo et
        al.; `metric` and `ties` must then keep their defaults.
    n_permutations, n_resamples : int
        With shuffled pairings the result has p-values (the smallest is ``1 / (n_permutations + 1)``), with subsamples
        95 % intervals, as `platoscope.profile` computes them; 0 for none. Both need the default ties and estimator.
    strata : sequence of length n_samples, optional
        Group of each item (book, class): shuffle within groups only.
    rng : int, numpy.random.Generator or None
        Source of permutations, subsamples and the halves of ``estimator="split"``.

    Returns
    -------
    Imbalance
        ``(forward, backward)`` = (Δ(X→Y), Δ(Y→X)), Python floats, with ``.asymmetry``, and ``.p_value``,
        ``.interval`` and ``.asymmetry_interval`` where they were asked for, and ``.seed`` to get them again (as `rng`).
        The smallest possible value is (k + 1) / N for "full" without ties, 0 for "split".

    Raises
    ------
    InputError
        Different numbers of rows, non-finite values, too few items for `n_neighbors`, a zero vector
        under cosine, an unknown option; the message names the argument and the way out.
    MemoryPlanError
        The distances do not fit in memory.

    Notes
    -----
    Cost: one matrix product per representation (O(N² D)), one pass over each N × N matrix, 4 N²
    bytes each; from N of about 23,000 in blocks with bounded memory. Self is excluded by index. Rows
    equal bit for bit tie exactly; float32 products are decided in float64 where they are not sure,
    so the value equals that of a float64 brute force.

    References
    ----------
    .. [1] Glielmo, Zeni, Cheng, Csányi, Laio, "Ranking the information content of distance
       measures", PNAS Nexus 1 (2022), Eq. 2.
    .. [2] Acevedo et al., "A quantitative analysis of semantic information in deep representations
       of text and images", arXiv 2505.17101, Sec. 2.3.

    Examples
    --------
    A part is predicted by the whole better than the whole by the part:

    >>> import numpy as np
    >>> whole = np.random.default_rng(0).standard_normal((500, 8))
    >>> result = information_imbalance(whole, whole[:, :3])
    >>> round(result.forward, 2), round(result.backward, 2), result.asymmetry < 0
    (0.13, 0.57, True)

    With a p-value and an interval of each direction:

    >>> result = information_imbalance(whole, whole[:, :3], n_permutations=99, n_resamples=40, rng=0)
    >>> result.p_value.forward, [round(end, 2) for end in result.interval.forward]
    (0.01, [0.12, 0.15])
    """
    one_of("estimator", estimator, ("full", "split"))
    one_of("ties", ties, ("average", "min"))
    options = ComparisonOptions(
        measures=(_NAME,),
        n_neighbors=n_neighbors,
        metric=metric,
        n_permutations=n_permutations,
        n_resamples=n_resamples,
    )
    uncertain = n_permutations > 0 or n_resamples > 0
    if uncertain and (estimator == "split" or ties != "average"):
        message = (
            "n_permutations and n_resamples are for estimator='full' and ties='average'; got "
            f"estimator={estimator!r} and ties={ties!r}."
        )
        raise InputError(message)
    if estimator == "split":
        if metric not in ("euclidean", "cosine") or ties != "average":
            message = (
                "estimator='split' fixes unit-normalized Euclidean distances and min-ranks; leave metric and ties "
                f"at their defaults (got metric={metric_name(metric)!r}, ties={ties!r})."
            )
            raise InputError(message)
        chance, seed = seeded(rng)
        halves = Imbalance(*split_imbalance(X, Y, n_neighbors=n_neighbors, transform=transform, rng=chance))
        halves.seed = seed
        return halves
    A, B = two_spaces(X, Y, metric, transform=transform)
    if uncertain:
        return _with_uncertainty(A, B, options, strata, rng)
    scores = imbalance_scores(
        [A], [B], np.zeros((1, 2), np.intp), n_neighbors=n_neighbors, metric=metric, ties=ties
    )
    return Imbalance(float(scores[0, 0]), float(scores[1, 0]))


@dataclass(frozen=True, eq=False)
class _OneLayer:
    """A side of one layer."""

    spaces: tuple[Space, ...]

    def answering(self, metric: str | OwnMetric, /) -> tuple[Space, ...]:
        """Return the layer, which was prepared for the one metric that is read."""
        return self.spaces


def _with_uncertainty(
    A: Space,
    B: Space,
    options: ComparisonOptions,
    strata: Sequence[Any] | None,
    rng: int | np.random.Generator | None,
    /,
) -> Imbalance:
    chance, seed = seeded(rng)
    groups = None if strata is None else one_per_item(strata, A.n_samples)
    pair = np.zeros((1, 2), np.intp)
    (found,) = evaluate(
        _OneLayer((A,)), _OneLayer((B,)), pair, [MEASURES[_NAME]], options, groups, chance, None
    )
    forward, backward = found.values[:, 0].tolist()
    result = Imbalance(forward, backward)
    result.seed = seed
    if found.null is not None:
        p = calibrate(1.0 - found.values[:, 0], 1.0 - found.null[..., 0], alpha=options.alpha).p_value
        result.p_value = BothDirections(*p.tolist())
    if found.resamples is not None:
        draws = found.resamples[..., 0]
        result.interval = BothDirections(
            *(_interval(value, draws[:, i], A.n_samples, options) for i, value in enumerate(result))
        )
        result.asymmetry_interval = _interval(
            result.asymmetry, draws[:, 0] - draws[:, 1], A.n_samples, options
        )
    return result


def _interval(
    value: float, draws: npt.NDArray[np.float64], n_samples: int, options: ComparisonOptions, /
) -> tuple[float, float]:
    size = round(options.resample_fraction * n_samples)
    half = Z95 * float(standard_errors(draws, n_samples=n_samples, size=size))
    return value - half, value + half
