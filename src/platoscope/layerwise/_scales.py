"""Δ by layer and neighborhood size: whether near neighbors agree, or wide surroundings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from platoscope.checks import whole_number
from platoscope.errors import InputError
from platoscope.layerwise._labels import DIRECTIONS
from platoscope.layerwise._layer_stack import as_stack, check_same_ids, check_stack, read_layer
from platoscope.layerwise._matching import match_layers
from platoscope.measures import item_squares, scale_curve
from platoscope.neighbors import Space, as_space

if TYPE_CHECKING:
    import xarray as xr

    from platoscope.layerwise._layer_stack import LayerStack
    from platoscope.neighbors import Transform

__all__ = ["scale_profile"]

_WHY_FEWER = "among all others every neighborhood is the same"


def scale_profile(
    A: Any,
    B: Any,
    /,
    *,
    n_largest: int | None = None,
    match: Literal["index", "relative_depth"] = "index",
    transform: Transform = "none",
) -> xr.Dataset:
    """Measure Δ at every neighborhood size of every layer, in one pass over sorted neighbors.

    Δ(k) is the Information Imbalance with k neighbors [1]_. It cannot be below (k + 1)/N, so sizes are compared by

        excess(k) = (Δ(k) − (k + 1)/N) / (1 − (k + 1)/N)

    which is 0 where all k neighbors are the same in both, and 1 by chance, at every k. Where it rises with k, near
    neighbors agree better than wide surroundings (agreement is fine); where it falls, agreement is coarse.

    Parameters
    ----------
    A, B : array of shape (n_layers, n_samples, n_features), sequence of layers, Representations or LayerStack
        Two stacks over the same items.
    n_largest : int, optional
        The largest k, at most N − 2; a quarter of the items by default.
    match : {"index", "relative_depth"}
        As in `profile`.
    transform : str or sequence of str
        Preparation of the rows, see `platoscope.neighbors.transform_rows`; a `Space` keeps its own.

    Returns
    -------
    xarray.Dataset
        ``information_imbalance`` and ``excess`` over ``direction``, ``layer`` and ``n_neighbors`` (1 to `n_largest`).

    Raises
    ------
    InputError
        Stacks that do not match or list other items, or an `n_largest` that the items do not allow.
    MemoryPlanError
        The distances of two layers do not fit in memory.

    Notes
    -----
    N² log N per layer for all k together, and about eight tables of N² numbers.

    References
    ----------
    .. [1] A. Glielmo et al. Ranking the information content of distance measures. PNAS Nexus 1, pgac039 (2022).

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((1, 300, 6))
    >>> found = scale_profile(X, X[:, :, :3]).sel(direction="b_to_a", layer=0)
    >>> found.information_imbalance.sel(n_neighbors=[1, 20]).round(2).values.tolist()
    [0.41, 0.44]
    """
    import xarray as xr  # 0.6 s to import

    stacks = [as_stack(X, name) for X, name in ((A, "A"), (B, "B"))]
    for stack, name in zip(stacks, ("A", "B"), strict=True):
        check_stack(stack, name)
    check_same_ids(dict(zip("AB", stacks, strict=True)))
    matched = match_layers(stacks[0].relative_depth, stacks[1].relative_depth, match)
    curves, n = [], 0
    for row in matched:
        spaces = [
            _space(stack, int(at), name, transform) for stack, at, name in zip(stacks, row, "AB", strict=True)
        ]
        n = spaces[0].n_samples
        if spaces[1].n_samples != n:
            message = (
                f"A and B must describe the same items: got {n} and {spaces[1].n_samples} rows. Align them by id first "
                "(platoscope.representations.align)."
            )
            raise InputError(message)
        largest = (
            max(1, n // 4)
            if n_largest is None
            else whole_number("n_largest", n_largest, low=1, high=n - 2, why=_WHY_FEWER)
        )
        curves.append(scale_curve(item_squares(spaces[0]), item_squares(spaces[1]), largest))
    delta = np.stack(curves, axis=1)
    counts = np.arange(1, delta.shape[-1] + 1)
    floor = (counts + 1) / n
    dims = ("direction", "layer", "n_neighbors")
    return xr.Dataset(
        coords={
            "direction": list(DIRECTIONS),
            "layer": [stacks[0].layers[int(a)] for a, _ in matched],
            "relative_depth": ("layer", [float(stacks[0].relative_depth[int(a)]) for a, _ in matched]),
            "n_neighbors": counts,
        },
        attrs={"n_samples": n},
    ).assign(information_imbalance=(dims, delta), excess=(dims, (delta - floor) / (1 - floor)))


def _space(stack: LayerStack, position: int, name: str, transform: Transform) -> Space:
    layer: Any = read_layer(stack, position, name)
    rows = layer[0] if not isinstance(layer, Space) and len(layer) == 1 else layer
    layer_name = f"layer {stack.layers[position]} of {name}"
    return as_space(rows, layer_name, "euclidean", transform, keeps_own=True)
