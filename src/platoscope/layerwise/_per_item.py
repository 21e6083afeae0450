"""What a result says of single items, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.checks import in_short
from platoscope.errors import InputError
from platoscope.layerwise._labels import DIRECTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import pandas as pd
    import xarray as xr

__all__ = ["per_item"]

_COLUMNS = (
    "item", "rank", "imbalance", "nearest", "n_nearest", "k_occurrence_a", "k_occurrence_b", "partner_rank",
)  # fmt: skip


def per_item(result: xr.Dataset, /, *, texts: Sequence[Sequence[Any]] | None = None) -> pd.DataFrame:
    """Tell which items carry the imbalance of each layer, and which are hubs.

    Parameters
    ----------
    result : xarray.Dataset
        From `platoscope.profile` or `platoscope.compare` with ``items=True``, or a profile of a study.
    texts : pair of sequences, optional
        What stands for each item on side A and on side B, in the order of ``result.item``: ``(pairs.a, pairs.b)``.

    Returns
    -------
    pandas.DataFrame
        A row per direction, pair of layers and item, with the coordinates of the layers and the columns

        - ``item``: its name, or its row number where the stacks had no names;
        - ``rank``: the rank of its nearest neighbor on the other side (of `n_neighbors`, and of those that tie, the
          mean), from 1 to N - 1;
        - ``imbalance``: 2 · rank / N, whose mean over the items is Δ; 1 by chance;
        - ``nearest``: the name of that neighbor, in a_to_b on side A and in b_to_a on side B; of several that tie
          the first in the order of the items;
        - ``n_nearest``: how many tie as nearest; 1 where there is no tie;
        - ``k_occurrence_a``, ``k_occurrence_b``: on either side, how many items have it as their one nearest neighbor,
          1 on average; hubs have many. Items whose nearest neighbor is not one but several that tie are counted for
          none of them;
        - ``partner_rank``, where retrieval was measured: the rank of its partner among all candidates of the other
          side, from 1 to N;
        - ``a``, ``b``, where `texts` are given.

    Raises
    ------
    InputError
        If the result says nothing of single items, or `texts` are not about its items.

    Examples
    --------
    >>> import numpy as np
    >>> from platoscope import profile
    >>> A = np.random.default_rng(0).standard_normal((3, 50, 4))
    >>> result = profile(A, A[:, :, :2], measures="information_imbalance", n_resamples=0, items=True)
    >>> table = per_item(result)
    >>> here = table[(table.direction == "b_to_a") & (table.layer == 0)]
    >>> here.nlargest(2, "rank")[["item", "rank", "nearest", "k_occurrence_b"]].values.tolist()
    [[36.0, 47.0, 11.0, 2.0], [0.0, 46.0, 39.0, 0.0]]
    >>> round(float(here.imbalance.mean()), 3), round(float(result.information_imbalance[1, 0]), 3)
    (0.702, 0.702)
    """
    _check(result)
    table = _columns(result).to_dataframe().reset_index()
    beside = [name for name in table.columns if name not in (*_COLUMNS, "item_position")]
    beside.sort(key=lambda name: ("direction", "layer").index(name) if name in ("direction", "layer") else 2)
    found = table[beside + [name for name in _COLUMNS if name in table]].copy()
    if texts is not None:
        for name, side in zip(("a", "b"), _sides(texts, result.sizes["item"]), strict=True):
            found[name] = [side[row] for row in table["item_position"]]
    return found


def _check(result: xr.Dataset) -> None:
    """Refuse a result without items, and one of which a part was taken, whose neighbors are not all there."""
    import xarray as xr  # 0.6 s to import

    given: object = result
    if not isinstance(given, xr.Dataset) or "neighbor_rank" not in result:
        message = (
            "per_item needs a result that says something of single items; this one does not. Compute it with items=True "
            "(platoscope.profile, platoscope.compare) and Information Imbalance among the measures."
        )
        raise InputError(message)
    positions = np.sort(result["item_position"].values.ravel())
    whole = np.array_equal(positions, np.arange(int(result.attrs.get("n_samples", -1))))
    if not whole or list(result["direction"].values.ravel()) != list(DIRECTIONS):
        message = (
            f"per_item needs all items of a result and both directions; got {positions.size} of "
            f"{result.attrs.get('n_samples', 'an unknown number of')} items, "
            f"direction {result['direction'].values.tolist()}. Make the table of the whole result, and take a part of it."
        )
        raise InputError(message)


def _columns(result: xr.Dataset) -> xr.Dataset:
    """Return one variable per column; what is about a side stands in the direction that begins there."""
    rank = result["neighbor_rank"].transpose("direction", ..., "item")
    one = rank.isel(direction=0, drop=True)
    order = result["item_position"].values
    places = np.argsort(order)

    def whole(name: str) -> npt.NDArray[Any]:
        """Return a variable of the layers of a side for every pair of layers, items in their first order."""
        along: npt.NDArray[Any] = result[name].broadcast_like(one).transpose(*one.dims).values
        return along[..., places]

    nearest, ties = ([whole(f"{name}_{side}") for side in ("a", "b")] for name in ("nearest", "n_nearest"))
    names = result["item"].values[places]
    columns: dict[str, Any] = {
        "rank": rank,
        "imbalance": 2.0 * rank / rank.sizes["item"],
        "nearest": (rank.dims, names[np.stack(nearest)][..., order]),
        "n_nearest": (rank.dims, np.stack(ties)[..., order]),
    }
    for side, near, tied in zip(("a", "b"), nearest, ties, strict=True):
        columns[f"k_occurrence_{side}"] = (one.dims, _occurrence(near, tied)[..., order])
    if "partner_rank" in result:
        columns["partner_rank"] = result["partner_rank"]
    return result.drop_vars(list(result.data_vars)).assign(columns)


def _occurrence(nearest: npt.NDArray[Any], ties: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return how many items have each one as their one nearest neighbor; items are the last axis."""
    n_items = nearest.shape[-1]
    rows = zip(nearest.reshape(-1, n_items), ties.reshape(-1, n_items), strict=True)
    counts = [np.bincount(near[tied == 1], minlength=n_items) for near, tied in rows]
    return np.array(counts).reshape(nearest.shape)


def _sides(texts: Any, n_items: int) -> list[list[Any]]:
    """Return the texts of both sides as lists, so that no index of theirs counts."""
    try:
        sides = [list(side) for side in texts]
    except TypeError:
        sides = []
    sizes = [len(side) for side in sides]
    if sizes != [n_items, n_items]:
        given = f"{len(sides)} of lengths {sizes}" if sides else in_short(texts)
        message = (
            f"texts must be two sequences of {n_items} items, those of side A and those of side B in the order in which "
            f"they were compared, such as (pairs.a, pairs.b); got {given}."
        )
        raise InputError(message)
    return sides
