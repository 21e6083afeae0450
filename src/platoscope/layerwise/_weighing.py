"""Weights over the layers of a stack, chosen on some items and judged on others."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.arguments import instance
from platoscope.checks import flag, share, whole_number
from platoscope.errors import InputError, PlatoscopeWarning
from platoscope.layerwise._compare import profile
from platoscope.layerwise._diagnosing import DOMINATED
from platoscope.layerwise._greedy import forward_sets
from platoscope.layerwise._labels import transforms_in_words, versions_in_words
from platoscope.layerwise._layer_stack import as_stack, check_stack, read_layer
from platoscope.measures import (
    Z95,
    WeightOptions,
    descend,
    layer_distances,
    one_per_item,
    standard_errors,
    two_spaces,
)
from platoscope.neighbors import as_space
from platoscope.seeds import seed_in_words, seeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import xarray as xr

    from platoscope.layerwise._layer_stack import LayerStack
    from platoscope.measures import LayerDistances
    from platoscope.neighbors import Space, Transform

__all__ = ["CANDIDATES", "draw_folds", "read_spaces", "weigh_layers"]

CANDIDATES = ("best_single", "equal", "weighted")
"""What is held against each other: the layer that was best alone, all layers alike, all with the weights found."""
_LEAST = 12  # items of a fold, below which ranks within it say nothing
_LEAST_DRAWN = 8  # items of a subsample


def weigh_layers(
    A: Any,
    target: Any,
    /,
    *,
    options: WeightOptions | None = None,
    transform: Transform = "none",
    scaled: bool = True,
    n_folds: int = 4,
    n_greedy: int = 0,
    n_resamples: int = 200,
    resample_fraction: float = 0.25,
    strata: Sequence[Any] | None = None,
    rng: int | np.random.Generator | None = None,
) -> xr.Dataset:
    """Find how much each layer of a stack counts where together they predict a target, and what that gives elsewhere.

    Weights w ≥ 0 of d² = Σ w_ℓ² d²_ℓ/m_ℓ minimize the differentiable Information Imbalance (Wild et al. 2025; see
    `platoscope.measures.differentiable_imbalance`) of the items outside of a fold, with m_ℓ the mean squared distance of
    layer ℓ over them, so that w_ℓ² is the share of layer ℓ in the mean squared distance (Σ w² = 1). What is reported is
    Δ → target among the items of the fold itself, which no choice has seen, in the mean over folds.

    Parameters
    ----------
    A : array of shape (n_layers, n_samples, n_features), sequence of layers, Representations or LayerStack
        What is weighed: layers, or whatever else a stack holds (tokens at several positions, single features).
    target : array of shape (n_samples, n_features), or Space
        What is predicted; integers, half and double precision as everywhere.
    options : WeightOptions, optional
        Steps, learning rate, λ and L1 strength of the descent.
    transform : str or sequence of str
        Preparation of the rows of every layer and of the target, over all items; a `Space` keeps its own.
    scaled : bool
        Whether each layer's squared distances are divided by their mean m_ℓ (otherwise m_ℓ = 1).
    n_folds : int
        At least 2.
    n_greedy : int
        Size of the largest set of a forward search by the exact Δ (`search_layers`), at most all layers; 0 for no search.
    n_resamples, resample_fraction
        Subsamples of each fold for the intervals, as in `platoscope.profile`; 0 for none. Of small folds a larger fraction
        is drawn, so that a subsample has at least 8 items.
    strata : sequence of length n_samples, optional
        A group of each item (its book); groups stay whole, so that no weight is judged on a book that chose it.
    rng : int, Generator or None
        Of folds and subsamples.

    Returns
    -------
    xarray.Dataset
        ``weight`` and ``share`` = w² over ``fold`` and ``layer``; ``loss`` over ``fold`` and ``step``, the
        differentiable imbalance of the descent. On held-out items, in the mean over folds: ``information_imbalance`` over
        ``candidate`` (``best_single``, chosen where the weights were; ``equal``, every w the same; ``weighted``) and
        ``single`` over ``layer``; with ``_se``, ``_low`` and ``_high``, 95 %, given the weights. ``gain`` is Δ of the best
        single layer minus that of the weighted ones, on the same subsamples: above 0, several layers tell more than one.
        ``best_layer`` over ``fold``. With `n_greedy` also ``greedy`` over ``size``, on the same subsamples: Δ of the
        layers, all alike, that a search outside of the fold found; ``greedy_layer`` over ``fold`` and ``size`` is the one
        that it added.

    Raises
    ------
    InputError
        Items that are not the same, folds of fewer than 12 items, fewer strata than folds, or only constant layers.
    MemoryPlanError
        The distances do not fit in memory.

    Notes
    -----
    4 bytes × layers × rows × items are kept at a time, at most 1 GiB: of more items a sample of the rows chooses, against
    all items. A step costs one pass over them. Δ that is reported is exact, from the weighted rows side by side.

    References
    ----------
    .. [1] Wild, Wodaczek, Del Tatto, Cheng & Laio. Automatic feature selection and weighting in molecular systems using
       Differentiable Information Imbalance. Nature Communications 16, 2025.

    Examples
    --------
    Two layers have half of the target each, the third is noise:

    >>> import numpy as np
    >>> target, noise = np.random.default_rng(0).standard_normal((2, 200, 4))
    >>> found = weigh_layers([target[:, :2], noise, target[:, 2:]], target, n_folds=2, n_resamples=0, rng=0)
    >>> found.share.mean("fold").round(1).values.tolist(), bool(found.gain > 0.3)
    ([0.5, 0.0, 0.5], True)
    """
    chosen = WeightOptions() if options is None else instance("options", options, WeightOptions)
    flag("scaled", scaled)
    whole_number("n_greedy", n_greedy, low=0)
    whole_number("n_resamples", n_resamples, low=0)
    share("resample_fraction", resample_fraction)
    drawn, seed = seeded(rng)
    stack, layers, goal = read_spaces(A, target, transform)
    folds = draw_folds(goal.n_samples, n_folds, strata, drawn)
    every = np.arange(goal.n_samples)
    settled = {
        "n_resamples": n_resamples,
        "resample_fraction": max(resample_fraction, _LEAST_DRAWN / min(map(len, folds))),
    }
    how = (chosen, scaled, min(n_greedy, len(layers)), settled, drawn)
    found = [_weighed(layers, goal, np.setdiff1d(every, held), held, *how) for held in folds]
    attributes = {
        "n_samples": goal.n_samples,
        "n_folds": n_folds,
        **settled,
        "transform": transforms_in_words([layers[0].transform], [goal.transform]),
        "scaled": int(scaled),
        "stratified": int(strata is not None),
        "measures": json.dumps(["information_imbalance"]),
        "seed": seed_in_words(seed),
        "versions": versions_in_words(),
    }
    return _labeled(found, stack, attributes)


def read_spaces(A: Any, target: Any, transform: Transform, /) -> tuple[LayerStack, list[Space], Space]:
    """Return a stack, its layers and the target, prepared for Euclidean distances over the same items."""
    stack = as_stack(A, "A")
    check_stack(stack, "A")
    goal = as_space(target, "target", "euclidean", transform, keeps_own=True)
    layers = []
    for i in range(len(stack.layers)):
        name = f"layer {stack.layers[i]} of A"
        layer = as_space(read_layer(stack, i, "A"), name, "euclidean", transform, keeps_own=True)
        layers.append(two_spaces(layer, goal, "euclidean")[0])
    return stack, layers, goal


def draw_folds(
    n_samples: int, n_folds: int, strata: Sequence[Any] | None, rng: np.random.Generator, /
) -> list[npt.NDArray[np.intp]]:
    """Return the items of each fold, ascending; strata stay whole, the largest first into the smallest fold."""
    whole_number("n_folds", n_folds, low=2, high=max(2, n_samples))
    groups = np.arange(n_samples)
    if strata is not None:
        groups = np.unique([str(group) for group in one_per_item(strata, n_samples)], return_inverse=True)[1]
    sizes = np.bincount(groups)
    order = rng.permutation(sizes.size)
    order = order[np.argsort(-sizes[order], kind="stable")]
    place, filled = np.empty(sizes.size, np.intp), np.zeros(n_folds, np.intp)
    for group in order:
        place[group] = filled.argmin()
        filled[place[group]] += sizes[group]
    if filled.min() < _LEAST:
        of = f"{n_samples} items" if strata is None else f"{n_samples} items in {sizes.size} strata"
        message = (
            f"each fold needs at least {_LEAST} items, whose ranks among each other are what is reported; {of} make "
            f"folds of {filled.tolist()}. Give more items, fewer folds, or smaller strata."
        )
        raise InputError(message)
    return [np.flatnonzero(place[groups] == fold) for fold in range(n_folds)]


@dataclass(frozen=True, eq=False)
class _Fold:
    """What all other items chose, and Δ among the items of a fold: of layers, then candidates, then sets by size."""

    weights: npt.NDArray[np.float64]
    losses: npt.NDArray[np.float64]
    best: int
    added: list[int]
    values: npt.NDArray[np.float64]
    draws: npt.NDArray[np.float64]


def _weighed(
    layers: list[Space],
    goal: Space,
    others: npt.NDArray[np.intp],
    held: npt.NDArray[np.intp],
    options: WeightOptions,
    scaled: bool,
    n_greedy: int,
    settled: dict[str, Any],
    rng: np.random.Generator,
) -> _Fold:
    table = layer_distances(
        [layer.subset(others) for layer in layers], goal.subset(others), scaled=scaled, rng=rng
    )
    found = descend(table, options)
    single = np.eye(len(layers))
    best = int(np.argmin([table.imbalance(row) for row in single]))
    sets = [
        members
        for members, _ in forward_sets(
            len(layers),
            lambda members: table.imbalance(single[list(members)].sum(axis=0)),
            1,
            largest=n_greedy,
        )
    ]
    spaces = [layer.subset(held) for layer in layers]
    several = [
        np.ones(len(layers)),
        found.weights,
        *(single[list(members)].sum(axis=0) for members in sets[1:]),
    ]
    with warnings.catch_warnings():
        # The layers of this profile are the candidates of one fold, which nobody knows by these numbers.
        warnings.filterwarnings("ignore", message=DOMINATED, category=PlatoscopeWarning)
        result = profile(
            [*spaces, *(weighted_space(spaces, w, table) for w in several)], [goal.subset(held)], layer_b=0,
            measures=("information_imbalance",), rng=int(rng.integers(2**31)), n_permutations=0, progress=False,
            **settled,
        )  # fmt: skip
    here = result.sel(direction="a_to_b")
    values = here["information_imbalance"].values
    name = "information_imbalance_resamples"
    draws = here[name].transpose("resample", "layer").values if name in here else np.empty((0, values.size))
    n = len(layers)
    order = [*range(n), best, n, n + 1, *([best] if sets else []), *range(n + 2, n + len(several))]
    added = [next(iter(set(new) - set(old))) for old, new in pairwise([(), *sets])]
    return _Fold(found.weights, found.losses, best, added, values[order], draws[:, order])


def weighted_space(
    spaces: Sequence[Space], weights: npt.NDArray[np.float64], table: LayerDistances, /
) -> Space:
    """Return the rows of all layers side by side, each times its weight: their squared distances add."""
    factors = weights / np.sqrt(table.scales)
    kept = [(space, factor) for space, factor in zip(spaces, factors, strict=True) if factor > 0]
    # Float64, so that ties of the layers stay ties.
    parts = [space.rows().astype(np.float64) * factor for space, factor in kept]
    return as_space(parts, "the weighted layers", "euclidean", "none")


def _labeled(found: list[_Fold], stack: LayerStack, attributes: dict[str, Any]) -> xr.Dataset:
    import xarray as xr  # 0.6 s to import

    weights = np.stack([fold.weights for fold in found])
    values = np.mean([fold.values for fold in found], axis=0)
    # Folds are independent, so that the spread of their mean is that of the mean of their draws.
    draws = np.mean([fold.draws for fold in found], axis=0)
    n_layers = weights.shape[1]
    labels = list(stack.layers)
    variables: dict[str, Any] = {
        "weight": (("fold", "layer"), weights),
        "share": (("fold", "layer"), weights**2),
        "loss": (("fold", "step"), np.stack([fold.losses for fold in found])),
        "best_layer": ("fold", [labels[fold.best] for fold in found]),
    }
    of_layers, of_candidates, of_sets = (
        slice(0, n_layers),
        slice(n_layers, n_layers + len(CANDIDATES)),
        slice(n_layers + len(CANDIDATES), None),
    )
    weighted = n_layers + CANDIDATES.index("weighted")
    gain = draws[:, n_layers] - draws[:, weighted]
    every = [
        ("single", ("layer",), values[of_layers], draws[:, of_layers]),
        ("information_imbalance", ("candidate",), values[of_candidates], draws[:, of_candidates]),
        ("gain", (), np.asarray(values[n_layers] - values[weighted]), gain),
    ]
    n_sizes = len(found[0].added)
    if n_sizes:
        every.append(("greedy", ("size",), values[of_sets], draws[:, of_sets]))
        variables["greedy_layer"] = (("fold", "size"), [[labels[i] for i in fold.added] for fold in found])
    for name, dims, value, drawn in every:
        variables[name] = (dims, value)
        if len(draws):
            n, size = (
                attributes["n_samples"],
                round(attributes["resample_fraction"] * attributes["n_samples"]),
            )
            se = standard_errors(drawn, n_samples=n, size=size)
            variables |= {f"{name}_se": (dims, se), f"{name}_low": (dims, value - Z95 * se)}
            variables |= {f"{name}_high": (dims, value + Z95 * se)}
            variables[f"{name}_resamples"] = (("resample", *dims), drawn)
    coordinates = {
        "layer": labels,
        "relative_depth": ("layer", np.asarray(stack.relative_depth, np.float64)),
        "fold": np.arange(len(found)),
        "candidate": list(CANDIDATES),
        **({"size": np.arange(1, n_sizes + 1)} if n_sizes else {}),
    }
    return xr.Dataset(variables, coordinates, attributes)
