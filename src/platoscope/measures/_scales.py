"""Δ inside groups of items and across them, and Δ at every neighborhood size in one pass over sorted neighbors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.checks import whole_number
from platoscope.errors import InputError
from platoscope.measures._information_imbalance import BothDirections
from platoscope.measures._inputs import two_spaces
from platoscope.measures._nulls import one_per_item, tied_null
from platoscope.neighbors import exact_matrix, require_memory
from platoscope.seeds import seeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from platoscope.neighbors import Space, Transform

__all__ = [
    "StrataImbalance",
    "group_numbers",
    "item_squares",
    "restricted",
    "scale_curve",
    "strata_imbalance",
]

# Entries of a table of candidates that are ranked at a time.
_ENTRIES = 1 << 22


@dataclass(frozen=True, kw_only=True)
class StrataImbalance:
    """Δ among items of one group and among items of different groups, both directions.

    Attributes
    ----------
    within : BothDirections[float]
        Δ where candidates are the items of the item's own group, mean over the items of groups that are large enough.
    between : BothDirections[float]
        Δ where candidates are the items of all other groups.
    whole : BothDirections[float]
        Δ among all items.
    within_shuffled : BothDirections or None
        Mean of `within` for random groups of the same sizes: what fewer candidates alone do.
    p_value : BothDirections or None
        How often random groups have a Δ as large as `within`, or larger.
    same_group : BothDirections[float]
        Share of items whose nearest neighbor is of their group: on side X, on side Y.
    same_group_expected : float
        That share where groups tell nothing.
    n_within : int
        Items in groups that are large enough.
    seed : int or None
        What to pass as `rng` for the same random groups; None where none were drawn, or a generator was passed.
    """

    within: BothDirections[float]
    between: BothDirections[float]
    whole: BothDirections[float]
    within_shuffled: BothDirections[float] | None
    p_value: BothDirections[float] | None
    same_group: BothDirections[float]
    same_group_expected: float
    n_within: int
    seed: int | None


def strata_imbalance(
    X: Any,
    Y: Any,
    /,
    *,
    strata: Sequence[Any],
    min_size: int = 5,
    transform: Transform = "none",
    n_permutations: int = 0,
    rng: int | np.random.Generator | None = None,
) -> StrataImbalance:
    """Ask whether agreement sits in groups of items (their topic) or inside them (their meaning).

    For each item i with a set C_i of M_i candidates, let J be its nearest candidate in X, and r its rank by distance in Y
    among C_i, from 1 to M_i, ties as expectations. Then

        Δ(X→Y) = mean over i of 2 r / (M_i + 1)

    which is the Information Imbalance [1]_ where C_i are all other items. 1 is no agreement, and exactly the expectation
    under independence, whatever the sizes of the groups; smaller is more. Within, C_i are the other items of the group, so
    that its topic can tell nothing; between, those of all other groups.

    Fewer candidates are farther away, and the least that Δ can be is 2 / (M + 1): `within` compares with `whole` only
    through random groups of the same sizes (`n_permutations`).

    Parameters
    ----------
    X, Y : array of shape (n_samples, n_features), sequence of such arrays, or Space
        Two representations of the same items; integers and half precision are read as float32, other numbers as they are.
    strata : sequence of length n_samples
        The group of each item: book, class, source. Groups found by clustering X or Y are circular: neighbors are in one
        cluster by construction there.
    min_size : int
        Items of smaller groups have no `within`; at least 2.
    transform : str or sequence of str
        Preparation of the rows, see `platoscope.neighbors.transform_rows`.
    n_permutations : int
        How many times groups are shuffled among the items.
    rng : int, numpy.random.Generator or None
        Source of the shuffles.

    Returns
    -------
    StrataImbalance

    Raises
    ------
    InputError
        Different items, groups that are not one per item, a single group, or no group that is large enough.
    MemoryPlanError
        Two matrices of distances do not fit in memory.

    Notes
    -----
    N² distances of each side in float64, and N² comparisons for each of whole, within, between and each shuffle.

    References
    ----------
    .. [1] A. Glielmo et al. Ranking the information content of distance measures. PNAS Nexus 1, pgac039 (2022), Eq. 2.

    Examples
    --------
    Both sides know the group, and nothing more in common:

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat(np.arange(10), 20)
    >>> X, Y = (10 * np.eye(10)[groups] + rng.standard_normal((200, 10)) for _ in range(2))
    >>> found = strata_imbalance(X, Y, strata=groups)
    >>> round(found.whole.forward, 1), round(found.within.forward, 1), found.same_group.forward
    (0.1, 1.0, 1.0)
    """
    whole_number("min_size", min_size, low=2)
    whole_number("n_permutations", n_permutations, low=0)
    A, B = two_spaces(X, Y, "euclidean", transform=transform)
    group = group_numbers(one_per_item(strata, A.n_samples), min_size)
    squares = item_squares(A), item_squares(B)
    same = group[:, None] == group
    found = {name: restricted(*squares, mask) for name, mask in (("within", same), ("between", ~same))}
    whole = restricted(*squares, np.ones_like(same))
    large = np.bincount(group)[group] >= min_size
    within = found["within"][:, large].mean(axis=1)
    null = np.empty((n_permutations, 2))
    shuffling, seed = seeded(rng)
    for draw in null:
        other = shuffling.permutation(group)
        draw[:] = restricted(*squares, other[:, None] == other)[
            :, np.bincount(group)[other] >= min_size
        ].mean(axis=1)
    null = tied_null(within, null) if n_permutations else null
    sizes = np.bincount(group)
    return StrataImbalance(
        within=BothDirections(*within.tolist()),
        between=BothDirections(*found["between"].mean(axis=1).tolist()),
        whole=BothDirections(*whole.mean(axis=1).tolist()),
        within_shuffled=BothDirections(*null.mean(axis=0).tolist()) if n_permutations else None,
        p_value=BothDirections(*((1 + (null >= within).sum(axis=0)) / (n_permutations + 1)).tolist())
        if n_permutations
        else None,
        same_group=BothDirections(*(_same_share(square, same) for square in squares)),
        same_group_expected=float((sizes * (sizes - 1)).sum() / (len(group) * (len(group) - 1))),
        n_within=int(large.sum()),
        seed=seed if n_permutations else None,
    )


def group_numbers(strata: Sequence[Any], min_size: int, /) -> npt.NDArray[np.intp]:
    """Give each group a number from 0 on, and refuse groups that ask nothing: one alone, or none of `min_size` items."""
    names = [str(name) for name in strata]
    found = np.unique(names, return_inverse=True)[1].astype(np.intp)
    sizes = np.bincount(found)
    if len(sizes) < 2 or sizes.max() < min_size:
        message = (
            f"strata must name at least two groups, one of them of at least min_size={min_size} items; got {len(sizes)} "
            f"groups of at most {sizes.max()} items. Give coarser groups, or a smaller min_size."
        )
        raise InputError(message)
    return found


def item_squares(space: Space, /) -> npt.NDArray[np.float64]:
    """Return what orders items as exact squared distances do, of rows of any size: what ties in the data ties here."""
    n = space.n_samples
    require_memory(8 * n * n, f"The distances of {space.name}", "Use fewer items.")
    found = exact_matrix(space, only_order=True)
    return found if space.one_row_per_item else found[np.ix_(space.inverse, space.inverse)]


def restricted(
    A: npt.NDArray[Any], B: npt.NDArray[Any], candidates: npt.NDArray[np.bool_], /
) -> npt.NDArray[np.float64]:
    """Return 2 r / (M + 1) of each item in both directions, shape (2, n), among its candidates; 1 where it has none.

    `A` and `B` are squared distances, shape (n, n), and `candidates` says for each item which others count.
    """
    mask = candidates.copy()
    np.fill_diagonal(mask, val=False)
    n_candidates = mask.sum(axis=1)
    left, right = (np.where(mask, D, np.inf) for D in (A, B))
    scale = 2.0 / (n_candidates + 1)
    ranks = np.stack([_rank_of_nearest(left, right, mask), _rank_of_nearest(right, left, mask)])
    found: npt.NDArray[np.float64] = np.where(n_candidates > 0, ranks * scale, 1.0)
    return found


def _rank_of_nearest(
    source: npt.NDArray[Any], target: npt.NDArray[Any], mask: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Return the mean rank in `target` of what ties as nearest in `source`; both are infinite beyond the candidates."""
    rows, columns = np.nonzero((source == source.min(axis=1)[:, None]) & mask)
    ranks = np.empty(len(rows))
    step = max(1, _ENTRIES // len(source))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        table, own = target[rows[part]], target[rows[part], columns[part]][:, None]
        ranks[part] = (table < own).sum(axis=1) + 0.5 * (table == own).sum(axis=1) + 0.5
    n = len(source)
    total, count = np.bincount(rows, ranks, n), np.bincount(rows, minlength=n)
    mean: npt.NDArray[np.float64] = np.divide(total, count, out=np.ones(n), where=count > 0)
    return mean


def _same_share(D: npt.NDArray[Any], same: npt.NDArray[np.bool_]) -> float:
    """Return the share of items whose nearest neighbor is of their group; of several that tie, the share of them."""
    others = D.astype(np.float64)
    np.fill_diagonal(others, np.inf)
    near = others == others.min(axis=1)[:, None]
    return float(((near & same).sum(axis=1) / near.sum(axis=1)).mean())


def scale_curve(A: npt.NDArray[Any], B: npt.NDArray[Any], /, n_largest: int) -> npt.NDArray[np.float64]:
    """Return Δ for k = 1 … n_largest neighbors in both directions, shape (2, n_largest), from squared distances.

    One sort of every row instead of one evaluation per k: Δ(k) is a running mean over the neighbors from near to far.
    Neighbors that tie stand for one another, so each gets the mean rank of its block.
    """
    n = len(A)
    orders, ranks = zip(*(_sorted(D) for D in (A, B)), strict=True)
    found = np.empty((2, n_largest))
    for i, (source, target) in enumerate(((0, 1), (1, 0))):
        along = np.take_along_axis(ranks[target], orders[source][0], axis=1)
        _share_ties(along, orders[source][1])
        running = np.cumsum(along[:, :n_largest].mean(axis=0)) / np.arange(1, n_largest + 1)
        found[i] = 2.0 * running / n
    return found


def _sorted(
    D: npt.NDArray[Any],
) -> tuple[tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]], npt.NDArray[np.float64]]:
    """Return the others of each item from near to far, where a new distance begins, and the mean rank of every other."""
    n = len(D)
    others = D.astype(np.float64)
    np.fill_diagonal(others, np.inf)
    order = np.argsort(others, axis=1, kind="stable")[:, :-1]
    ordered = np.take_along_axis(others, order, axis=1)
    new = np.concatenate([np.ones((n, 1), np.bool_), ordered[:, 1:] > ordered[:, :-1]], axis=1)
    places = np.broadcast_to(np.arange(1.0, n), order.shape).copy()
    _share_ties(places, new)
    ranks = np.zeros((n, n))
    np.put_along_axis(ranks, order, places, axis=1)
    return (order, new), ranks


def _share_ties(values: npt.NDArray[np.float64], new: npt.NDArray[np.bool_]) -> None:
    """Replace the values of each block by their mean; a block goes from one True of `new` to the next."""
    if new.all():
        return
    block = np.cumsum(new.ravel()) - 1
    means = np.bincount(block, values.ravel()) / np.bincount(block)
    values[:] = means[block].reshape(values.shape)
