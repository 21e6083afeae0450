"""Retrieval: how often the partner of an item is found among its nearest in the other representation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from platoscope.checks import whole_numbers
from platoscope.errors import InputError
from platoscope.measures._centered import (
    Directions,
    Given,
    centered_rows,
    in_sets,
    products_of_rows,
    put_away,
)
from platoscope.measures._inputs import two_spaces
from platoscope.measures._similarity import Exact, partner_ranks, slack_of
from platoscope.neighbors import Transform, over_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from platoscope.neighbors import Space

__all__ = ["COMMON", "Retrieval", "retrieval", "retrieval_null", "retrieval_resamples", "retrieval_scores"]

COMMON = (1, 5)
"""The numbers of candidates that the table of measures has."""


# How many times its length about the mean of a set a row may be long about the mean of all.
_MOST_BLUR = 8.0


class Retrieval(NamedTuple):
    """Recall of the partner, in both directions."""

    forward: dict[int, float]
    """recall@k with rows of X as queries and rows of Y as candidates, by k."""
    backward: dict[int, float]
    """recall@k with rows of Y as queries."""


def retrieval(X: Any, Y: Any, /, *, k: Sequence[int] = COMMON, transform: Transform = "none") -> Retrieval:
    """Measure recall@k: the share of items whose partner is among their k most similar candidates.

    Between 0 and 1, k / N by chance; higher is better. A task beside the measures: translation
    retrieval when X and Y are two languages in one model. Unlike all other measures here it compares
    rows of X with rows of Y, so both must live in one feature space.

    Parameters
    ----------
    X, Y : array of shape (n_samples, n_features), sequence of such arrays, or Space
        The same width on both sides. Each side is centered (its mean subtracted), then compared by
        cosine: without that, one mean direction common to all rows of a side decides. A side whose rows are
        all equal has no direction, so every candidate ties and the recall is that of chance, k / N.
    k : sequence of int
        Numbers of candidates.
    transform : str or sequence of str
        Preparation of the rows of both sides before anything else, each side by itself;
        see `platoscope.neighbors.transform_rows`.

    Returns
    -------
    Retrieval
        ``(forward, backward)``, each a dict ``{k: recall}``; ties count as their expectation.

    Raises
    ------
    InputError
        Different widths or numbers of rows; a row that equals the mean of its side, where others do not; `k` that is
        no list of whole numbers from 1 to the number of items.

    Notes
    -----
    One float32 product; where its rounding could change who is among the nearest, float64 decides from the rows.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 16))
    >>> retrieval(X, X + rng.standard_normal(X.shape), k=(1, 5)).forward
    {1: 0.685, 5: 0.915}
    """
    A, B = two_spaces(X, Y, "euclidean", transform=transform)
    k = whole_numbers("k", k)
    for value in k:
        if not 1 <= value <= A.n_samples:
            message = f"k must be between 1 and the number of items, {A.n_samples}; got {value}."
            raise InputError(message)
    scratch: dict[str, Any] = {}
    pair = np.zeros((1, 2), np.intp)
    table = [retrieval_scores([A], [B], pair, k=value, scratch=scratch)[:, 0] for value in k]
    forward = {value: float(row[0]) for value, row in zip(k, table, strict=True)}
    backward = {value: float(row[1]) for value, row in zip(k, table, strict=True)}
    return Retrieval(forward, backward)


def _without_directions(a: Space, b: Space) -> bool:
    """Say whether all rows of a side are its mean, so that all candidates tie; the sides must have one width."""
    if a.n_features != b.n_features:
        message = (
            f"Retrieval compares rows of X with rows of Y, so both need the same width; got {a.n_features} and "
            f"{b.n_features} features. Use information_imbalance for different spaces."
        )
        raise InputError(message)
    return 1 in (a.n_distinct, b.n_distinct)


def _by_chance(ks: Sequence[int], n_samples: int) -> npt.NDArray[np.float64]:
    """Return recall@k of candidates that all tie: its expectation, shape (n_ks,)."""
    return np.minimum(np.asarray(ks) / n_samples, 1.0)


def _by_item(products: npt.NDArray[np.float32], a: Space, b: Space) -> npt.NDArray[np.float32]:
    """Return the products of items; equal rows get equal values."""
    whole = a.one_row_per_item and b.one_row_per_item
    return products if whole else products[np.ix_(a.inverse, b.inverse)]


def _hits(
    similarity: npt.NDArray[np.float32],
    slack: npt.NDArray[np.float32],
    orders: npt.NDArray[np.intp],
    ks: Sequence[int],
    exact: Exact,
) -> npt.NDArray[Any]:
    """Return recall@k of candidate ``orders[p, i]`` for query i, shape (n_ks, n_permutations).

    Similarities are float32, and two of one query known to differ by more than its `slack` only; what lies within it is
    compared again in float64.
    """
    from platoscope.measures._kernels import add_sure_hits  # numba: 0.3 s to import

    n_samples = len(similarity)
    edge = np.full(n_samples, -np.inf, similarity.dtype)
    if len(orders) > 1:
        # Only candidates among the largest k can count: most permuted partners are not.
        last = n_samples - max(ks)
        edge = np.partition(similarity, last, axis=1)[:, last] - slack
    hits = np.zeros((len(ks), len(orders)))
    unsure = np.zeros(orders.shape, np.bool_)
    add_sure_hits(similarity, edge, slack, orders, np.asarray(ks, np.int64), hits, unsure)
    for p, i in zip(*np.nonzero(unsure), strict=True):
        closer, tied = exact.place(similarity[i], slack[i], i, orders[p, i])
        hits[:, p] += np.clip((np.asarray(ks) - closer) / tied, 0, 1)
    return hits / n_samples


def _recalls(
    A: Sequence[Space],
    B: Sequence[Space],
    pairs: npt.NDArray[np.intp],
    orders: npt.NDArray[np.intp],
    ks: Sequence[int],
    places: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float64]:
    """Return recall@k when the partner of item i is ``orders[p, i]``, shape (n_ks, n_permutations, 2, n_pairs).

    `places`, shape (2, n_pairs, n_samples), is filled with the ranks of item i itself.
    """
    unorders = np.argsort(orders, axis=1)
    out = np.empty((len(ks), len(orders), 2, len(pairs)))

    def work(start: int, stop: int) -> None:
        for p in range(start, stop):
            a, b = A[pairs[p, 0]], B[pairs[p, 1]]
            if _without_directions(a, b):
                out[..., p] = _by_chance(ks, len(orders[0]))[:, None, None]
                if places is not None:
                    places[:, p] = (len(orders[0]) + 1) / 2
                continue
            products = products_of_rows(a, b)
            exact = Exact(Directions(Given(a)), Directions(Given(b)))
            slack_a, slack_b = (
                slack_of(centered_rows(space).norm[space.inverse], space.n_features) for space in (a, b)
            )
            # The length of the query is the same for all candidates.
            forward, backward = (
                products / centered_rows(b).norm,
                (products / centered_rows(a).norm[:, None]).T,
            )
            forward, backward = _by_item(forward, a, b), _by_item(np.ascontiguousarray(backward), b, a)
            out[:, :, 0, p] = _hits(forward, slack_a, orders, ks, exact)
            out[:, :, 1, p] = _hits(backward, slack_b, unorders, ks, exact.turned())
            if places is not None:
                places[0, p] = partner_ranks(forward, slack_a, exact, b.weights[b.inverse])
                places[1, p] = partner_ranks(backward, slack_b, exact.turned(), a.weights[a.inverse])
            put_away(a, b)

    over_tasks(work, len(pairs))
    return out


def retrieval_scores(
    A: Sequence[Space],
    B: Sequence[Space],
    pairs: npt.NDArray[np.intp],
    /,
    *,
    k: int,
    scratch: dict[str, Any] | None = None,
    by_item: bool = False,
) -> npt.NDArray[np.float64]:
    """Return recall@k for pairs (a, b) of spaces, shape (2, n_pairs): A queries B, then B queries A.

    One product per pair serves all k; a `scratch` that is passed to several calls keeps their results, and `by_item`
    the rank of every partner too, as its "partner ranks".
    """
    n_samples = A[0].n_samples
    places = None
    if by_item and scratch is not None:
        places = scratch.setdefault("partner ranks", np.empty((2, len(pairs), n_samples)))
    identity = np.arange(n_samples)[None]
    values: npt.NDArray[np.float64] = _remembered("retrieval", A, B, pairs, identity, k, scratch, places)[0]
    return values


def retrieval_null(
    A: Sequence[Space],
    B: Sequence[Space],
    pairs: npt.NDArray[np.intp],
    orders: npt.NDArray[np.intp],
    /,
    *,
    k: int,
    scratch: dict[str, Any] | None = None,
) -> npt.NDArray[np.float64]:
    """Return recall@k when the partner of item i is ``orders[p, i]``, shape (n_permutations, 2, n_pairs)."""
    return _remembered("retrieval null", A, B, pairs, orders, k, scratch)


def retrieval_resamples(
    A: Sequence[Space],
    B: Sequence[Space],
    pairs: npt.NDArray[np.intp],
    sets: npt.NDArray[np.intp],
    /,
    *,
    k: int,
    scratch: dict[str, Any] | None = None,
) -> npt.NDArray[np.float64]:
    """Return recall@k on subsets of the items, shape (n_sets, 2, n_pairs); the rows of a layer are read once."""
    scratch = {} if scratch is None else scratch
    if k not in scratch.get("retrieval sets", {}):
        ks = sorted({k, *COMMON})
        scratch["retrieval sets"] = dict(zip(ks, _recalls_on_sets(A, B, pairs, sets, ks), strict=True))
    values: npt.NDArray[np.float64] = scratch["retrieval sets"][k]
    return values


def _recalls_on_sets(
    A: Sequence[Space], B: Sequence[Space], pairs: Any, sets: Any, ks: Sequence[int]
) -> npt.NDArray[np.float64]:
    out = np.empty((len(ks), len(sets), 2, len(pairs)))
    paired = np.arange(sets.shape[1])[None]

    def work(start: int, stop: int) -> None:
        for p in range(start, stop):
            a, b = A[pairs[p, 0]], B[pairs[p, 1]]
            if _without_directions(a, b):
                out[..., p] = _by_chance(ks, sets.shape[1])[:, None, None]
                continue
            rows_a, rows_b = Given(a), Given(b)
            for draw, similar in enumerate(_similar_in_sets(a, b, sets)):
                items = sets[draw]
                exact = Exact(Directions(rows_a, items), Directions(rows_b, items))
                if similar is None:
                    similar = _of_directions(exact)
                forward, backward, slack_a, slack_b = similar
                out[:, draw, 0, p] = _hits(forward, slack_a, paired, ks, exact)[:, 0]
                out[:, draw, 1, p] = _hits(backward, slack_b, paired, ks, exact.turned())[:, 0]
            put_away(a, b)

    over_tasks(work, len(pairs))
    return out


_Similar: TypeAlias = tuple[
    npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]
]
"""Similarities in both directions, queries × candidates, and the slack of the queries of both."""


def _similar_in_sets(a: Space, b: Space, sets: Any) -> Iterator[_Similar | None]:
    """Yield the similarities in each set, from products of all items; None where those say too little of the set."""
    products = products_of_rows(a, b)
    in_a, in_b = in_sets(a, sets), in_sets(b, sets)
    # Centering a subset takes off its own means: (x - m)(y - n) = xy - xn - my + mn.
    both = np.einsum("sd,sd->s", in_a.means, in_b.means)
    left = (centered_rows(a).centered @ in_b.means.T - both).astype(np.float32)
    right = (centered_rows(b).centered @ in_a.means.T).astype(np.float32)
    for draw, items in enumerate(sets):
        here, there = a.inverse[items], b.inverse[items]
        reach_a, reach_b = (
            centered_rows(a).norm[here] + in_a.sizes[draw],
            centered_rows(b).norm[there] + in_b.sizes[draw],
        )
        lengths_a, lengths_b = in_a.lengths[here, draw], in_b.lengths[there, draw]
        # A product is as exact as what is multiplied is long: far from the mean of all items, little is left of that.
        blur_a, blur_b = (reach_a / lengths_a).max(), (reach_b / lengths_b).max()
        if max(blur_a, blur_b) > _MOST_BLUR:
            yield None
            continue
        found = products[np.ix_(here, there)]
        found -= left[here, draw, None]
        found -= right[there, draw]
        forward, backward = found / lengths_b, (found / lengths_a[:, None]).T
        slack_a, slack_b = (slack_of(reach, a.n_features) for reach in (reach_a * blur_b, reach_b * blur_a))
        yield forward, np.ascontiguousarray(backward), slack_a, slack_b


def _of_directions(exact: Exact) -> _Similar:
    """Return the similarities of items whose rows are read for themselves."""
    units = [side[:].astype(np.float32) for side in (exact.queries, exact.candidates)]
    found = units[0] @ units[1].T
    slack = slack_of(np.ones(len(found)), units[0].shape[1])
    return found, np.ascontiguousarray(found.T), slack, slack


def _remembered(
    key: str,
    A: Sequence[Space],
    B: Sequence[Space],
    pairs: Any,
    orders: Any,
    k: int,
    scratch: dict[str, Any] | None,
    places: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float64]:
    scratch = {} if scratch is None else scratch
    if k not in scratch.get(key, {}):
        ks = sorted({k, *COMMON})
        scratch[key] = dict(zip(ks, _recalls(A, B, pairs, orders, ks, places), strict=True))
    values: npt.NDArray[np.float64] = scratch[key][k]
    return values
