"""How a comparison of a few items depends on how many others stand around them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.arguments import positions, sequence
from platoscope.checks import in_short, whole_number, whole_numbers
from platoscope.errors import InputError
from platoscope.layerwise._labels import DIRECTIONS, transforms_in_words, versions_in_words
from platoscope.measures import Z95, neighborhood_overlap_chance
from platoscope.neighbors import GallerySide, open_stream, ranks_in_galleries
from platoscope.seeds import seed_in_words, seeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import xarray as xr

    from platoscope.neighbors import AskedNeighbors, Metric, RowStream, Transform

__all__ = ["gallery_curve"]

_SMALLEST = 1024


def gallery_curve(
    X: Any,
    Y: Any,
    /,
    *,
    queries: int | Sequence[int] = 1000,
    sizes: Sequence[int] | None = None,
    rows_per_item: tuple[int | Sequence[int], int | Sequence[int]] = (1, 1),
    n_neighbors: int = 1,
    overlap_neighbors: int = 10,
    metric: Metric = "euclidean",
    transform: Transform = "none",
    rng: int | np.random.Generator | None = None,
) -> xr.Dataset:
    """Compare a few items, the queries, inside galleries of growing size: what is seen among 1,000 may not hold at 10⁶.

    For each query the nearest item of the gallery in X is found, and its rank among all items of the gallery in Y is
    counted, both exactly; the mean over the queries, times 2 over the size of the gallery, is the Information Imbalance of
    these queries there. The galleries lie inside each other, and all queries in each, so that a curve is paired.

    Parameters
    ----------
    X, Y : array of shape (n_rows, n_features), sequence of such arrays, or Space
        All items, in the same order on both sides. Rows are read by blocks, as by
        `platoscope.measures.estimate_imbalance`.
    queries : int, or sequence of int
        How many items ask, drawn at random, or which.
    sizes : sequence of int, optional
        Numbers of items of the galleries, queries included; by default all items, half of them, and so on, down to 1,024
        or to the queries.
    rows_per_item : pair of int or of sequences of int
        How many rows an item has in X and in Y, one number for all or one for each; the rows of an item stand together.
        With five captions of each image as Y it is ``(1, 5)``.
    n_neighbors, overlap_neighbors : int
        Neighbors that Δ averages over, and those of the overlap.
    metric : {"euclidean", "cosine"}
        Of the distances, for Δ and overlap alike.
    transform : str or sequence of str
        ``"none"``, ``"unit"``, ``"clip"``, or several.
    rng : int, numpy.random.Generator or None
        Draws queries, the order in which other items join, and among many items that tie.

    Returns
    -------
    xarray.Dataset
        Over ``n_samples``, the size of the gallery: ``information_imbalance`` (and ``direction``), ``asymmetry`` and
        ``neighborhood_overlap``, each with ``_se``, ``_low`` and ``_high``; ``neighborhood_overlap_chance``;
        ``neighbor_rank`` (and ``direction``, ``query``), the mean rank of a query's neighbors.
        Attributes hold how it was computed, with the seed and versions. `platoscope.report.plot_sample_size` draws it.

    Raises
    ------
    InputError
        A size that does not hold the queries, or too few neighbors; rows that do not make whole items; rows that are
        all equal on a side.

    Notes
    -----
    Of an item with several rows the distance from a row is that of its *nearest* row, and items are ranked by that; a
    query's value is the mean over its rows, on both sides. If pairs of items were shuffled, the expectation of Δ would be
    exactly 1 all the same, because the mean rank of all other items is half their number from any row.

    Where more than 16 items tie for the last places of a query, 16 of them, drawn by `rng`, stand for all.

    Errors are those of other queries in the same gallery: the standard deviation over queries, over √n_queries.

    Cost: two products per side of the rows of queries with all rows. Memory: the rows of queries and of their neighbors,
    and about 0.5 GB.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((4000, 8))
    >>> curve = gallery_curve(X, X[:, :3], queries=500, sizes=[500, 4000], rng=0)
    >>> curve.information_imbalance.sel(direction="a_to_b").round(2).values.tolist()
    [0.14, 0.06]
    """
    chance, seed = seeded(rng)
    streams = [open_stream(Z, name, metric, transform) for Z, name in ((X, "X"), (Y, "Y"))]
    starts = _items_of(streams, rows_per_item)
    n_items = len(starts[0]) - 1
    asking = _asking(queries, n_items, chance)
    k = max(
        whole_number("n_neighbors", n_neighbors, low=1, high=n_items - 1),
        whole_number("overlap_neighbors", overlap_neighbors, low=1, high=n_items - 1),
    )
    counts = _sizes(sizes, asking.size, n_items, k)
    levels = _levels(asking, counts, n_items, chance)
    sides = [GallerySide(*side, asking, levels) for side in zip(streams, starts, strict=True)]
    near = [side.neighbors((n_neighbors, overlap_neighbors), chance) for side in sides]
    ranks = np.stack([
        ranks_in_galleries(sides[1], near[0][0], sides[0].owner),
        ranks_in_galleries(sides[0], near[1][0], sides[1].owner),
    ])  # fmt: skip
    overlap = _overlap(
        [side[1] for side in near], [side.owner for side in sides], asking.size, n_items, overlap_neighbors
    )
    attributes = {
        "n_items": n_items,
        "rows_per_item": json.dumps([np.unique(np.diff(edges)).tolist() for edges in starts]),
        "n_queries": asking.size,
        "queries": "chosen" if _is_several(queries) else "drawn",
        "n_neighbors": n_neighbors,
        "overlap_neighbors": overlap_neighbors,
        "metric": streams[0].metric,
        "transform": transforms_in_words(*([stream.transform] for stream in streams)),
        "seed": seed_in_words(seed),
        "versions": versions_in_words(),
    }
    return _labeled(np.moveaxis(ranks, 0, 1), overlap, np.array(counts), asking, attributes)


def _items_of(streams: Sequence[RowStream], rows_per_item: object) -> list[npt.NDArray[np.int64]]:
    """Return where the rows of each item start on either side, the same items on both."""
    starts = [_starts(*side) for side in zip(streams, _two(rows_per_item), strict=True)]
    counts = [len(edges) - 1 for edges in starts]
    if counts[0] != counts[1]:
        message = (
            f"X and Y must describe the same items: got {counts[0]} and {counts[1]}. Where an item has several rows, say "
            "how many (rows_per_item)."
        )
        raise InputError(message)
    for stream in streams:
        if stream.n_distinct == 1:
            message = (
                f"All rows of {stream.name} are equal, so that every item is as near as any other: Δ is 1."
            )
            raise InputError(message)
    return starts


def _two(given: object) -> tuple[Any, ...]:
    """Return what is given of X and of Y."""
    both = sequence("rows_per_item", given, of="two numbers, of X and of Y")
    if len(both) != 2:
        message = f"rows_per_item must be two numbers, of X and of Y; got {in_short(given)}."
        raise InputError(message)
    return both


def _is_several(given: object) -> bool:
    return isinstance(given, list | tuple | range) or getattr(given, "ndim", 0) == 1


def _starts(stream: RowStream, given: object) -> npt.NDArray[np.int64]:
    """Return where the rows of each item start, and where the last end."""
    name, n_rows = f"rows_per_item of {stream.name}", stream.n_samples
    if _is_several(given):
        counts = np.array(whole_numbers(name, given, low=1, high=n_rows))
    else:
        each = whole_number(name, given, low=1, high=n_rows)
        counts = np.full(-(-n_rows // each), each)
    starts = np.concatenate([[0], np.cumsum(counts)])
    if starts[-1] != n_rows:
        message = f"{name} add up to {starts[-1]} rows, and {stream.name} has {n_rows}."
        raise InputError(message)
    return starts


def _asking(queries: object, n_items: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Return the items that ask, ascending."""
    if not _is_several(queries):
        n_queries = whole_number("queries", queries, low=2, high=n_items)
        return np.sort(rng.choice(n_items, n_queries, replace=False, shuffle=False))
    chosen = np.sort(np.array(positions("queries", queries, n_items), np.intp) % n_items)
    if chosen.size < 2 or not np.diff(chosen).all():
        message = f"queries must be at least 2 items, each once; got {in_short(queries)}."
        raise InputError(message)
    return chosen


def _sizes(sizes: object, n_queries: int, n_items: int, k: int) -> tuple[int, ...]:
    """Return the sizes of the galleries, ascending."""
    smallest = max(n_queries, k + 1)
    if sizes is None:
        halves = [n_items >> step for step in range(n_items.bit_length())]
        sizes = [size for size in halves if size >= max(smallest, min(_SMALLEST, n_items))]
    return tuple(sorted(set(whole_numbers("sizes", sizes, low=smallest, high=n_items))))


def _levels(
    asking: npt.NDArray[np.intp], sizes: Sequence[int], n_items: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return the smallest gallery that each item is in; -1 where there is none."""
    others = np.delete(np.arange(n_items), asking)
    place = np.empty(n_items, np.int64)
    place[asking] = np.arange(asking.size)
    place[others] = asking.size + rng.permutation(others.size)
    level = np.searchsorted(sizes, place, side="right")
    return np.where(level < len(sizes), level, -1)


def _overlap(
    near: Sequence[Sequence[AskedNeighbors]],
    owners: Sequence[npt.NDArray[np.intp]],
    n_queries: int,
    n_items: int,
    k: int,
) -> npt.NDArray[np.float64]:
    """Return the share of common neighbors of each query, shape (n_galleries, n_queries)."""
    out = np.zeros((len(near[0]), n_queries))
    for gallery, both in enumerate(zip(*near, strict=True)):
        found = []
        for side, owner in zip(both, owners, strict=True):
            asked = owner[side.owner]
            keys, inverse = np.unique(asked * n_items + side.items, return_inverse=True)
            found.append((keys, np.bincount(inverse, side.weights / np.bincount(owner)[asked])))
        common, here, there = np.intersect1d(found[0][0], found[1][0], return_indices=True)
        out[gallery] = np.bincount(common // n_items, k * found[0][1][here] * found[1][1][there], n_queries)
    return out


def _labeled(
    ranks: npt.NDArray[np.float64],
    overlap: npt.NDArray[np.float64],
    sizes: npt.NDArray[np.int64],
    asking: npt.NDArray[np.intp],
    attributes: dict[str, Any],
) -> xr.Dataset:
    """Return the curve of ranks of shape (n_galleries, 2, n_queries) and overlaps of shape (n_galleries, n_queries)."""
    import xarray as xr  # 0.6 s to import

    imbalance = 2 * ranks / sizes[:, None, None]
    variables: dict[str, Any] = {"neighbor_rank": (("n_samples", "direction", "query"), ranks)}
    for name, by_query in (
        ("information_imbalance", imbalance),
        ("asymmetry", imbalance[:, 0] - imbalance[:, 1]),
        ("neighborhood_overlap", overlap),
    ):
        dims = ("n_samples", "direction")[: by_query.ndim - 1]
        value = by_query.mean(axis=-1)
        error = by_query.std(axis=-1, ddof=1) / np.sqrt(asking.size)
        for ending, values in (
            ("", value), ("_se", error), ("_low", value - Z95 * error), ("_high", value + Z95 * error)
        ):  # fmt: skip
            variables[name + ending] = (dims, values)
    k = attributes["overlap_neighbors"]
    variables["neighborhood_overlap_chance"] = (
        ("n_samples",), [neighborhood_overlap_chance(int(n), k) for n in sizes]
    )  # fmt: skip
    coordinates = {"n_samples": sizes, "direction": list(DIRECTIONS), "query": asking}
    return xr.Dataset(variables, coordinates, attributes)
