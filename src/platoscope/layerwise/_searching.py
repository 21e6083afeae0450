"""Which layers together: a greedy search for sets of layers, and weights over strengths of an L1 term."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from platoscope.arguments import instance, sequence
from platoscope.checks import flag, number, one_of, whole_number
from platoscope.errors import InputError
from platoscope.layerwise._greedy import backward_sets, forward_sets
from platoscope.layerwise._weighing import draw_folds, read_spaces, weigh_layers
from platoscope.measures import WeightOptions, descend, layer_distances
from platoscope.seeds import fresh_seed, seeded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import xarray as xr

    from platoscope.measures import LayerDistances
    from platoscope.neighbors import Transform

__all__ = ["LayerSearch", "search_layers", "weight_path"]


@dataclass(frozen=True)
class LayerSearch:
    """Sets of layers, one of each size, that a greedy search found.

    Parameters
    ----------
    sets : tuple of tuple of int
        Labels of the layers, by size: from one on in a forward search, from all on in a backward one.
    values : tuple of float
        The criterion of each set, on the items that chose it.
    held_out : tuple of float
        Δ among held-out items of the set of that size that the others chose, in the mean over folds; empty without folds.
    seed : int or None
        What to pass as `rng` for the same folds and pairs; None where a generator was passed.
    """

    sets: tuple[tuple[int, ...], ...]
    values: tuple[float, ...]
    held_out: tuple[float, ...]
    seed: int | None


def search_layers(
    A: Any,
    target: Any,
    /,
    *,
    direction: Literal["forward", "backward"] = "forward",
    criterion: Literal["imbalance", "differentiable"] = "imbalance",
    options: WeightOptions | None = None,
    n_best: int = 1,
    transform: Transform = "none",
    scaled: bool = True,
    n_folds: int = 2,
    strata: Sequence[Any] | None = None,
    rng: int | np.random.Generator | None = None,
) -> LayerSearch:
    """Search sets of layers of every size that together predict a target best, adding or leaving out one at a time.

    Parameters
    ----------
    A, target, transform, scaled, strata, rng
        As in `weigh_layers`.
    direction : {"forward", "backward"}
        From the best single layer up, or from all layers down.
    criterion : {"imbalance", "differentiable"}
        Δ of the layers of a set with equal weights; or the differentiable imbalance with weights that are found anew
        for each set, as DADApy searches, which costs a descent per set.
    options : WeightOptions, optional
        Of these descents.
    n_best : int
        How many sets of a size are gone on from.
    n_folds : int
        Folds for what sets give on held-out items; 0 for none.

    Returns
    -------
    LayerSearch
        Δ on the items that chose falls with every choice, also among layers of noise: read `held_out`.

    Raises
    ------
    InputError
        As `weigh_layers`.

    Examples
    --------
    >>> import numpy as np
    >>> target, noise = np.random.default_rng(0).standard_normal((2, 200, 4))
    >>> search_layers([noise, target[:, :1], target[:, 1:]], target, rng=0).sets
    ((2,), (1, 2), (0, 1, 2))
    """
    one_of("direction", direction, ("forward", "backward"))
    one_of("criterion", criterion, ("imbalance", "differentiable"))
    whole_number("n_best", n_best, low=1)
    flag("scaled", scaled)
    chosen = WeightOptions() if options is None else instance("options", options, WeightOptions)
    drawn, seed = seeded(rng)
    stack, layers, goal = read_spaces(A, target, transform)
    every = np.arange(goal.n_samples)
    folds = (
        draw_folds(goal.n_samples, n_folds, strata, drawn) if whole_number("n_folds", n_folds, low=0) else []
    )

    def table(items: Any) -> LayerDistances:
        return layer_distances(
            [x.subset(items) for x in layers], goal.subset(items), scaled=scaled, rng=drawn
        )

    walk = forward_sets if direction == "forward" else backward_sets
    sets = walk(len(layers), _criterion(table(every), criterion, chosen)[0], n_best)
    held_out = []
    for held in folds:
        outside, here = table(np.setdiff1d(every, held)), table(held)
        score, weights = _criterion(outside, criterion, chosen)
        # Layers count as they did where they were chosen, whatever their mean distance is here.
        rescaled = here.scales / outside.scales
        held_out.append(
            [here.imbalance(weights(found) ** 2 * rescaled) for found, _ in walk(len(layers), score, n_best)]
        )
    return LayerSearch(
        tuple(tuple(stack.layers[i] for i in found) for found, _ in sets),
        tuple(value for _, value in sets),
        tuple(np.mean(held_out, axis=0).tolist()) if held_out else (),
        seed,
    )


def _criterion(
    table: LayerDistances, criterion: str, options: WeightOptions
) -> tuple[Callable[[tuple[int, ...]], float], Callable[[tuple[int, ...]], Any]]:
    """Return what a set is worth, and the weights that it has."""

    def among(members: tuple[int, ...]) -> Any:
        chosen = np.zeros(table.n_layers, np.bool_)
        chosen[list(members)] = True
        return chosen

    if criterion == "imbalance":
        return lambda members: table.imbalance(among(members).astype(float)), lambda members: among(
            members
        ).astype(float)
    varies = table.varies

    @cache  # asked for its value, and again for its weights
    def descended(members: tuple[int, ...]) -> tuple[float, Any]:
        allowed = among(members)
        if not (allowed & varies).any():  # all distances are 0, and all items tie
            return table.imbalance(nothing := np.zeros(table.n_layers)), nothing
        found = descend(table, options, among=allowed)
        return float(found.losses[-1]), found.weights

    return lambda members: descended(members)[0], lambda members: descended(members)[1]


def weight_path(
    A: Any,
    target: Any,
    /,
    *,
    strengths: Sequence[float] = (0.0, 0.003, 0.01, 0.03, 0.1),
    options: WeightOptions | None = None,
    transform: Transform = "none",
    scaled: bool = True,
    n_folds: int = 2,
    n_resamples: int = 200,
    strata: Sequence[Any] | None = None,
    rng: int | None = None,
) -> xr.Dataset:
    """Find weights of layers under several strengths of an L1 term, which leaves fewer and fewer of them.

    Parameters
    ----------
    A, target, options, transform, scaled, n_folds, n_resamples, strata
        As in `weigh_layers`.
    strengths : sequence of float
        Not negative; `WeightOptions.l1_strength` of each.
    rng : int or None
        Seed of folds and subsamples, which are the same at every strength: their differences are paired.

    Returns
    -------
    xarray.Dataset
        What `weigh_layers` returns, with the dimension ``l1_strength`` in front, and ``n_layers`` over it and
        ``fold``: how many layers have weight left.

    Raises
    ------
    InputError
        As `weigh_layers`; a strength that leaves no layer.

    Examples
    --------
    >>> import numpy as np
    >>> target, noise = np.random.default_rng(0).standard_normal((2, 200, 4))
    >>> A = [target[:, :2], noise, target[:, 2:]]
    >>> weight_path(A, target, strengths=[0.0, 0.05], n_resamples=0, rng=0).n_layers.max("fold").values.tolist()
    [3, 2]
    """
    import pandas as pd
    import xarray as xr  # 0.6 s to import

    steps = [
        number("each of the strengths", each, low=0)
        for each in sequence("strengths", strengths, of="numbers")
    ]
    if not steps:
        message = "strengths must hold at least one number that is not negative; got none."
        raise InputError(message)
    chosen = WeightOptions() if options is None else instance("options", options, WeightOptions)
    # A generator would draw other folds at each strength.
    seed = fresh_seed() if rng is None else whole_number("rng", rng, low=0)
    found = [
        weigh_layers(
            A, target, options=replace(chosen, l1_strength=step), transform=transform, scaled=scaled,
            n_folds=n_folds, n_resamples=n_resamples, strata=strata, rng=seed,
        )
        for step in steps
    ]  # fmt: skip
    joined = xr.concat(
        found,
        pd.Index(steps, name="l1_strength"),
        coords="minimal",
        compat="override",
        combine_attrs="override",
    )
    return joined.assign(n_layers=(joined["weight"] > 0).sum("layer"))
