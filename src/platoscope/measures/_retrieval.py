"""Retrieval: how often the partner of an item is found among its nearest in the other representation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from platoscope.errors import InputError
from platoscope.measures._inputs import two_spaces
from platoscope.neighbors import over_tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.neighbors import Space

__all__ = ["COMMON", "Retrieval", "retrieval", "retrieval_null", "retrieval_resamples", "retrieval_scores"]

COMMON = (1, 5)
"""The numbers of candidates that the table of measures has."""


class Retrieval(NamedTuple):
    """Recall of the partner, in both directions."""

    forward: dict[int, float]
    """recall@k with rows of X as queries and rows of Y as candidates, by k."""
    backward: dict[int, float]
    """recall@k with rows of Y as queries."""


def retrieval(X: Any, Y: Any, /, *, k: Sequence[int] = COMMON) -> Retrieval:
    """Measure recall@k: the share of items whose partner is among their k most similar candidates.

    Between 0 and 1, k / N by chance; higher is better. A task beside the measures: translation
    retrieval when X and Y are two languages in one model. Unlike all other measures here it compares
    rows of X with rows of Y, so both must live in one feature space.

    Parameters
    ----------
    X, Y : array of shape (n_samples, n_features), sequence of such arrays, or Space
        The same width on both sides. Each side is centered (its mean subtracted), then compared by
        cosine: without that, one mean direction common to all rows of a side decides.
    k : sequence of int
        Numbers of candidates.

    Returns
    -------
    Retrieval
        ``(forward, backward)``, each a dict ``{k: recall}``; ties count as their expectation.

    Raises
    ------
    InputError
        Different widths or numbers of rows; a row that equals the mean of its side.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 16))
    >>> retrieval(X, X + rng.standard_normal(X.shape), k=(1, 5)).forward
    {1: 0.685, 5: 0.915}
    """
    A, B = two_spaces(X, Y, "euclidean")
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


def _directions(space: Space) -> npt.NDArray[np.float32]:
    """Return the distinct rows minus the mean of all items, scaled to unit length."""
    if "directions" not in space._memo:
        rows = np.concatenate([part[space.first] for part in space.parts], axis=1)
        space._memo["directions"] = _unit_rows(rows, space.weights, space)
    directions: npt.NDArray[np.float32] = space._memo["directions"]
    return directions


def _unit_rows(rows: npt.NDArray[Any], weights: Any, space: Space) -> npt.NDArray[np.float32]:
    """Return rows minus their weighted mean, scaled to unit length."""
    centered = (rows - np.average(rows, axis=0, weights=weights)).astype(np.float32)
    norms = np.linalg.norm(centered, axis=1, keepdims=True)
    if not norms.all():
        bad = np.flatnonzero(norms == 0)
        message = (
            f"{space.name} has {bad.size} distinct rows equal to its mean, whose direction is undefined; the "
            f"first is row {space.first[bad[0]]}. Drop those items."
        )
        raise InputError(message)
    unit: npt.NDArray[np.float32] = centered / norms
    return unit


def _similarity(a: Space, b: Space) -> npt.NDArray[np.float32]:
    """Return the cosine of every item of `a` with every item of `b`; equal rows get equal values."""
    left, right = _directions(a), _directions(b)
    if left.shape[1] != right.shape[1]:
        message = (
            f"Retrieval compares rows of X with rows of Y, so both need the same width; got {left.shape[1]} and "
            f"{right.shape[1]} features. Use information_imbalance for different spaces."
        )
        raise InputError(message)
    product: npt.NDArray[np.float32] = left @ right.T
    return product if a.one_row_per_item and b.one_row_per_item else product[np.ix_(a.inverse, b.inverse)]


def _hits(similarity: npt.NDArray[Any], orders: npt.NDArray[np.intp], ks: Sequence[int]) -> npt.NDArray[Any]:
    """Return recall@k of candidate ``orders[p, i]`` for query i, shape (n_ks, n_permutations)."""
    n_samples = len(similarity)
    targets = similarity[np.arange(n_samples), orders]
    closer, tied = np.empty(orders.shape), np.empty(orders.shape)
    if len(orders) == 1:
        closer[0] = (similarity > targets[0][:, None]).sum(axis=1)
        tied[0] = (similarity == targets[0][:, None]).sum(axis=1)
    else:
        ordered = np.sort(similarity, axis=1)
        for i, row in enumerate(ordered):
            above = np.searchsorted(row, targets[:, i], "right")
            closer[:, i] = n_samples - above
            tied[:, i] = above - np.searchsorted(row, targets[:, i], "left")
    return np.stack([np.clip((k - closer) / tied, 0.0, 1.0).mean(axis=1) for k in ks])


def _recalls(
    A: Sequence[Space],
    B: Sequence[Space],
    pairs: npt.NDArray[np.intp],
    orders: npt.NDArray[np.intp],
    ks: Sequence[int],
) -> npt.NDArray[np.float64]:
    """Return recall@k when the partner of item i is ``orders[p, i]``, shape (n_ks, n_permutations, 2, n_pairs)."""
    unorders = np.argsort(orders, axis=1)
    out = np.empty((len(ks), len(orders), 2, len(pairs)))

    def work(start: int, stop: int) -> None:
        for p in range(start, stop):
            similarity = _similarity(A[pairs[p, 0]], B[pairs[p, 1]])
            out[:, :, 0, p] = _hits(similarity, orders, ks)
            out[:, :, 1, p] = _hits(np.ascontiguousarray(similarity.T), unorders, ks)

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
) -> npt.NDArray[np.float64]:
    """Return recall@k for pairs (a, b) of spaces, shape (2, n_pairs): A queries B, then B queries A.

    One product per pair serves all k; a `scratch` that is passed to several calls keeps their results.
    """
    identity = np.arange(A[0].n_samples)[None]
    values: npt.NDArray[np.float64] = _remembered("retrieval", A, B, pairs, identity, k, scratch)[0]
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
    identity = np.arange(sets.shape[1])[None]

    def work(start: int, stop: int) -> None:
        for p in range(start, stop):
            a, b = A[pairs[p, 0]], B[pairs[p, 1]]
            rows_a, rows_b = (np.concatenate([part[s.first] for part in s.parts], axis=1) for s in (a, b))
            for draw, items in enumerate(sets):
                left, right = _unit_subset(rows_a, a, items), _unit_subset(rows_b, b, items)
                similarity = left @ right.T
                out[:, draw, 0, p] = _hits(similarity, identity, ks)[:, 0]
                out[:, draw, 1, p] = _hits(similarity.T, identity, ks)[:, 0]

    over_tasks(work, len(pairs))
    return out


def _unit_subset(rows: npt.NDArray[Any], space: Space, items: Any) -> npt.NDArray[np.float32]:
    return _unit_rows(rows[space.inverse[items]], None, space)


def _remembered(
    key: str,
    A: Sequence[Space],
    B: Sequence[Space],
    pairs: Any,
    orders: Any,
    k: int,
    scratch: dict[str, Any] | None,
) -> npt.NDArray[np.float64]:
    scratch = {} if scratch is None else scratch
    if k not in scratch.get(key, {}):
        ks = sorted({k, *COMMON})
        scratch[key] = dict(zip(ks, _recalls(A, B, pairs, orders, ks), strict=True))
    values: npt.NDArray[np.float64] = scratch[key][k]
    return values
