"""Imbalance gain layer by layer: what each layer of a model adds to what is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from platoscope.checks import one_of
from platoscope.errors import InputError
from platoscope.layerwise._labels import transforms_in_words, versions_in_words
from platoscope.layerwise._layer_stack import as_stack, check_same_ids, check_stack, read_layer
from platoscope.layerwise._matching import match_layers
from platoscope.measures import (
    DEFAULT_WEIGHTS,
    GAIN_FRACTION,
    adjusted_p_values,
    calibrate,
    check_weights,
    draw_gains,
    gain_of_spaces,
)
from platoscope.neighbors import Space, as_space
from platoscope.progress import telling
from platoscope.seeds import seed_in_words, seeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from platoscope.layerwise._layer_stack import LayerStack
    from platoscope.measures import ImbalanceGain
    from platoscope.neighbors import Transform
    from platoscope.progress import Tell

__all__ = ["gain_profile"]

_SIDES = ("new", "given", "target")


def gain_profile(
    new: Any,
    given: Any,
    target: Any,
    /,
    *,
    match: Literal["index", "relative_depth"] = "index",
    weights: Sequence[float] = DEFAULT_WEIGHTS,
    n_neighbors: int = 1,
    transform: Transform = "none",
    scale: Literal["rows", "spread"] = "spread",
    n_permutations: int = 99,
    n_resamples: int = 0,
    strata: Sequence[Any] | None = None,
    rng: int | np.random.Generator | None = None,
    progress: Tell | bool | None = None,
) -> xr.Dataset:
    """Measure what every layer of `new` adds to `given` about `target`.

    Parameters
    ----------
    new, given, target : array of shape (n_layers, n_samples, n_features), sequence of layers, Representations or LayerStack
        Three stacks over the same items, as `platoscope.compare` takes them. `given` and `target` may also be one array of
        shape (n_samples, n_features), or a `Space`, and a stack of one layer stands for every layer.
    match : {"index", "relative_depth"}
        Layer l of `new` with layer l of the others, or with their layer nearest in relative depth.
    weights, n_neighbors, n_permutations, n_resamples, strata, rng
        As in `platoscope.imbalance_gain`; permutations and subsamples are the same for every layer.
    transform : str or sequence of str
        Preparation of the rows of all three; a `Space` keeps its own.
    scale : {"rows", "spread"}
        As in `platoscope.imbalance_gain`, where "rows" is the default. Here a weight of 1 means the same mean squared
        distance in both, because the spread of layers differs.
    progress : bool or callable, optional
        As in `platoscope.compare`.

    Returns
    -------
    xarray.Dataset
        Over ``layer``: ``gain``, ``best_weight``; with permutations ``gain_p`` and ``gain_p_adjusted`` (for looking at all
        layers), ``gain_null`` (mean of the null), ``gain_threshold`` (its 95 % point), and ``gain_best_p``, of the layer
        with the largest gain against the null of the largest; with resamples ``gain_low``,
        ``gain_high`` and ``gain_resamples``.
        ``curve`` over ``layer`` and ``weight`` is Δ(w), ``gain_null_draws`` every gain of the null.

    Raises
    ------
    InputError
        What `platoscope.imbalance_gain` refuses, and stacks that do not match or list other items.
    MemoryPlanError
        The distances of three layers do not fit in memory.

    Examples
    --------
    The second layer knows what is missing, the first is noise:

    >>> import numpy as np
    >>> noise, target = np.random.default_rng(0).standard_normal((2, 200, 4))
    >>> found = gain_profile([noise[:, :2], target[:, 2:]], target[:, :2], target, rng=0)
    >>> found.gain.round(1).values.tolist(), found.gain_p_adjusted.round(2).values.tolist(), float(found.gain_best_p)
    ([0.1, 1.0], [0.53, 0.01], 0.01)
    """
    one_of("scale", scale, ("rows", "spread"))
    chosen = check_weights(weights)
    chance, seed = seeded(rng)
    stacks = {name: _stack(X, name) for name, X in zip(_SIDES, (new, given, target), strict=True)}
    check_same_ids(stacks)
    rows = _matched(stacks, match)
    read = _Reader(stacks, transform)
    counts = {"n_neighbors": n_neighbors, "n_permutations": n_permutations, "n_resamples": n_resamples}
    n_samples = read.space("new", 0).n_samples
    drawn = draw_gains(n_samples, **counts, strata=strata, rng=chance)
    found: list[ImbalanceGain] = []
    with telling(progress) as tell:
        for done, row in enumerate(rows, start=1):
            spaces = read.three(row)
            found.append(
                gain_of_spaces(*spaces, weights=chosen, n_neighbors=n_neighbors, scale=scale, drawn=drawn)
            )
            if tell is not None:
                tell("joining layers", done, len(rows))
    told = {
        **counts,
        "n_samples": n_samples,
        "transform": transforms_in_words([read.transforms["new"]], [read.transforms["given"]]),
        "scale": scale,
        "resample_fraction": GAIN_FRACTION,
        "stratified": int(strata is not None),
        "seed": seed_in_words(seed),
        "versions": versions_in_words(),
    }
    return _labeled(found, stacks["new"], told)


def _stack(X: Any, name: str) -> LayerStack:
    single = isinstance(X, Space) or getattr(X, "ndim", None) == 2
    stack = as_stack([X] if single and name != "new" else X, name)
    check_stack(stack, name)
    return stack


def _matched(stacks: dict[str, LayerStack], match: str) -> list[tuple[int, int, int]]:
    """Return positions in the three stacks, one row per layer of `new`; one layer stands for all."""
    one_of("match", match, ("index", "relative_depth"))
    n_layers = len(stacks["new"].layers)
    columns = [np.arange(n_layers)]
    for name in _SIDES[1:]:
        depths = stacks["new"].relative_depth, stacks[name].relative_depth
        single = len(stacks[name].layers) == 1
        columns.append(
            np.zeros(n_layers, np.intp) if single else match_layers(*depths, match)[:, 1],
        )
    return [(int(a), int(b), int(c)) for a, b, c in zip(*columns, strict=True)]


class _Reader:
    """Reads layers, and prepares each once for as long as consecutive rows ask for it."""

    def __init__(self, stacks: dict[str, LayerStack], transform: Transform) -> None:
        self._stacks, self._transform = stacks, transform
        self._held: dict[str, tuple[int, Space]] = {}
        self.transforms: dict[str, tuple[str, ...]] = {}

    def space(self, side: str, position: int) -> Space:
        held = self._held.get(side)
        if held is None or held[0] != position:
            stack = self._stacks[side]
            layer: Any = read_layer(stack, position, side)
            rows = layer[0] if not isinstance(layer, Space) and len(layer) == 1 else layer
            name = f"layer {stack.layers[position]} of {side}"
            # So that the three may be prepared each in its way.
            space = as_space(rows, name, "euclidean", self._transform, keeps_own=True)
            held = self._held[side] = position, space
            self.transforms[side] = held[1].transform
        return held[1]

    def three(self, row: tuple[int, int, int]) -> tuple[Space, Space, Space]:
        first, second, third = (self.space(side, at) for side, at in zip(_SIDES, row, strict=True))
        sizes = [space.n_samples for space in (first, second, third)]
        if len(set(sizes)) > 1:
            message = (
                f"new, given and target must describe the same items: got {sizes[0]}, {sizes[1]} and {sizes[2]} rows. "
                "Align them by id first (platoscope.representations.align)."
            )
            raise InputError(message)
        return first, second, third


def _labeled(found: Sequence[ImbalanceGain], stack: LayerStack, told: dict[str, Any]) -> xr.Dataset:
    import xarray as xr  # 0.6 s to import

    gains = np.array([each.gain for each in found])
    variables: dict[str, Any] = {
        "gain": ("layer", gains),
        "best_weight": ("layer", [each.weight for each in found]),
        "curve": (("layer", "weight"), np.stack([each.curve.imbalance for each in found])),
    }
    nulls = [each.null for each in found if each.null is not None]
    if nulls:
        null = np.stack(nulls, axis=1)
        ends = calibrate(gains, null)
        variables |= {
            "gain_p": ("layer", ends.p_value),
            "gain_p_adjusted": ("layer", adjusted_p_values(gains, null)),
            "gain_null": ("layer", null.mean(axis=0)),
            "gain_threshold": ("layer", ends.threshold),
            "gain_best_p": ((), calibrate(gains.max(keepdims=True), null.max(axis=1)[:, None]).p_value[0]),
            "gain_null_draws": (("permutation", "layer"), null.astype(np.float32)),
        }
    draws = [each.resamples for each in found if each.resamples is not None]
    if draws:
        variables["gain_resamples"] = (("resample", "layer"), np.stack(draws, axis=1))
    ends_of = [each.interval for each in found if each.interval is not None]
    if ends_of:
        low, high = np.array(ends_of).T
        variables |= {"gain_low": ("layer", low), "gain_high": ("layer", high)}
    coordinates = {
        "layer": list(stack.layers),
        "relative_depth": ("layer", np.asarray(stack.relative_depth, np.float64)),
        "weight": found[0].curve.weights,
    }
    return xr.Dataset(variables, coordinates, told)
