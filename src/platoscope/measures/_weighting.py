"""Weights of layers by the differentiable Information Imbalance: distances of all layers, its value, its descent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from platoscope.checks import number, whole_number
from platoscope.errors import InputError
from platoscope.measures._resampling import MOST
from platoscope.neighbors import exact_squares, over_rows, require_memory, settled, visit_rank_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from platoscope.neighbors import Space

__all__ = [
    "Descent",
    "LayerDistances",
    "WeightOptions",
    "descend",
    "differentiable_imbalance",
    "layer_distances",
]

MOST_BYTES = 1 << 30
"""Of squared distances that a descent keeps; where all rows would be more, it looks at a sample of them."""
_BETWEEN = 8
"""Layers that the float64 distances of one take while they are computed, in units of what is kept of one."""
_CANCELS = 1e-7  # of the squared lengths: below, a product in float64 is less exact than float32 keeps
_PAIRS = 1 << 20
_MOST_RATE = 1e6  # steps of weights whose squares add up to 1
_MOST_EXPONENT, _MOST_FLOAT32 = 250, 30
_SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, kw_only=True)
class WeightOptions:
    """How a descent goes.

    Parameters
    ----------
    n_steps : int
        Steps of gradient descent over all kept rows.
    learning_rate : float
        Of the first step, for weights with Σ w² = 1; it decays to 0 along half a cosine.
    softness : float
        The width λ_i of row i as a share of the squared distance of its k-th neighbor.
    k_first, k_last : int or None
        That k in the first and, along half a cosine, in the last step; None for a twentieth of the items.
    l1_strength : float
        What a weight loses in a step, times the learning rate; a weight that would change its sign is 0 from then on.
    """

    n_steps: int = 100
    learning_rate: float = 2.0
    softness: float = 0.1
    k_first: int | None = None
    k_last: int = 1
    l1_strength: float = 0.0

    def __post_init__(self) -> None:
        whole_number("n_steps", self.n_steps, low=0, high=MOST)
        for name in ("learning_rate", "l1_strength"):
            number(name, getattr(self, name), low=0, high=_MOST_RATE)
        if number("softness", self.softness, low=0) == 0:
            message = (
                "softness must be above 0, such as 0.1 of the squared distance of the k-th neighbor; got 0."
            )
            raise InputError(message)
        whole_number("k_last", self.k_last, low=1, high=MOST)
        if self.k_first is not None:
            whole_number("k_first", self.k_first, low=1, high=MOST)

    def k_at(self, step: int, n_samples: int, /) -> int:
        """Return k in a step (that after the last one included), at most the number of other items."""
        first = max(self.k_last, n_samples // 20) if self.k_first is None else self.k_first
        turned = (first - self.k_last) * self._cosine(step) + self.k_last
        return int(min(np.rint(turned), n_samples - 1))

    def rate_at(self, step: int, /) -> float:
        """Return the learning rate of a step."""
        return self.learning_rate * self._cosine(step)

    def _cosine(self, step: int) -> float:
        return float(np.cos(np.pi * step / max(self.n_steps, 1)) + 1) / 2


@dataclass(frozen=True, eq=False)
class LayerDistances:
    """Squared distances in every layer and ranks in the target, from some items to all.

    Parameters
    ----------
    distances : ndarray of float32, shape (n_rows, n_layers, n_samples)
        Squared Euclidean distances, each layer's divided by its scale.
    ranks : ndarray of float32, shape (n_rows, n_samples)
        Average ranks in the target; 0 of an item itself.
    rows : ndarray of int, shape (n_rows,)
        Which items.
    scales : ndarray of float64, shape (n_layers,)
        What each layer's squared distances were divided by.
    """

    distances: npt.NDArray[np.float32]
    ranks: npt.NDArray[np.float32]
    rows: npt.NDArray[np.intp]
    scales: npt.NDArray[np.float64]

    @property
    def n_samples(self) -> int:
        """Number of items."""
        return len(self.ranks.T)

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return len(self.scales)

    @property
    def varies(self) -> npt.NDArray[np.bool_]:
        """Which layers are not constant over the items, shape (n_layers,)."""
        return np.asarray(self.distances.any(axis=(0, 2)))

    def imbalance(self, squares: npt.NDArray[np.float64], /) -> float:
        """Return Δ of the summed distances → target over the kept rows; first neighbors that tie share the weight."""
        from platoscope.measures._weighting_kernels import nearest_rank_rows  # numba: 0.3 s to import

        n_rows = len(self.rows)
        means = np.empty(n_rows)
        fixed = (self.distances, self.ranks, self.rows, np.asarray(squares, np.float64))
        over_rows(lambda start, stop: nearest_rank_rows(*fixed, start, stop, means), n_rows, minimum=16)
        return 2.0 * float(means.sum()) / (n_rows * self.n_samples)


class Descent(NamedTuple):
    """What a descent came to."""

    weights: npt.NDArray[np.float64]
    """Shape (n_layers,), not negative, Σ w² = 1."""
    losses: npt.NDArray[np.float64]
    """The differentiable imbalance before each step and after the last, shape (n_steps + 1,)."""


def layer_distances(
    layers: Sequence[Space],
    target: Space,
    /,
    *,
    scaled: bool = True,
    rng: np.random.Generator,
    most_bytes: int = MOST_BYTES,
) -> LayerDistances:
    """Return squared distances in all layers and ranks in the target, of as many rows as `most_bytes` hold.

    Distances are taken in float64 on distinct rows (equal rows tie exactly) and kept in float32, in which distances of an
    item that agree to seven digits tie: 4 bytes × rows × layers × items, and as much as one layer for the ranks. `scaled`
    divides each layer's by their mean over all pairs of items; a layer that is constant stays at 0.
    """
    n = target.n_samples
    n_rows = max(1, min(n, most_bytes // (4 * n * (len(layers) + 1))))
    rows = np.arange(n) if n_rows == n else np.sort(rng.permutation(n)[:n_rows])
    require_memory(
        4 * n_rows * n * (len(layers) + 1 + _BETWEEN),
        "Distances of all layers",
        "Give fewer items or layers.",
    )
    distances = np.empty((n_rows, len(layers), n), np.float32)
    scales = np.ones(len(layers))
    for position, space in enumerate(layers):
        between, mean = _squares(space, space.inverse[rows].astype(np.intp))
        _check_size(space, mean, float(between.max()), scaled=scaled)
        in_its_unit = mean / space.scale**2
        scales[position] = in_its_unit if scaled and mean > 0 else 1.0
        between /= mean if scaled and mean > 0 else space.scale**2
        _check_span(space, between)
        distances[:, position] = between[:, space.inverse]
    return LayerDistances(distances, _ranks(target, rows), rows, scales)


def _squares(space: Space, mine: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.float64], float]:
    """Return squared distances from some distinct rows to all, and the mean over pairs of items, times ``scale`` squared.

    From a matrix product; where that cancels, from differences.
    """
    X = space.rows(np.arange(space.n_distinct)).astype(np.float64) * space.scale
    X -= space.weights @ X / space.n_samples
    lengths = np.einsum("ij,ij->i", X, X)
    sums = lengths[mine, None] + lengths
    between = sums - 2.0 * (X[mine] @ X.T)
    between[np.arange(len(mine)), mine] = 0.0
    left, right = np.nonzero(between < _CANCELS * sums)
    for start in range(0, len(left), _PAIRS):
        some = slice(start, start + _PAIRS)
        between[left[some], right[some]] = exact_squares(space, mine[left[some]], right[some])
    return between, 2.0 * float(space.weights @ lengths) / (space.n_samples - 1)


def _check_size(space: Space, mean: float, largest: float, *, scaled: bool) -> None:
    """Refuse what the kept float32 distances, or the weighted rows in float64, cannot hold."""
    if mean == 0.0:
        return
    exponent = np.log10(mean) - 2.0 * np.log10(space.scale)
    if abs(exponent) > _MOST_EXPONENT or (
        not scaled and abs(exponent + np.log10(largest / mean)) > _MOST_FLOAT32
    ):
        message = (
            f"squared distances of {space.name} are near 1e{exponent:+.0f}, which "
            f"{'float64' if scaled else 'float32 (scaled=False)'} does not hold well. Multiply all layers by one number"
            f"{'' if scaled else ', or give scaled=True'}."
        )
        raise InputError(message)


def _check_span(space: Space, between: npt.NDArray[np.float64]) -> None:
    """Refuse distances that float32 makes 0, or nearly so, beside larger ones: items would tie that do not."""
    lost = (between > 0) & (between < _SMALLEST)
    if lost.any():
        with np.errstate(over="ignore"):
            ratio = between.max() / between[lost].min()
        message = (
            f"the largest squared distance of {space.name} is {ratio:.0e} times the smallest, more than float32 holds. "
            "Leave out the items that lie so far from the others, or so near to each other."
        )
        raise InputError(message)


def _ranks(target: Space, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    wanted = target.inverse[rows]
    found = np.empty((len(rows), target.n_samples), np.float32)

    def keep(first: int, ranks: npt.NDArray[np.float32]) -> None:
        here = np.flatnonzero((wanted >= first) & (wanted < first + len(ranks)))
        found[here] = ranks[wanted[here] - first][:, target.inverse]

    visit_rank_rows(settled(target, "euclidean"), "euclidean", keep)
    found[np.arange(len(rows)), rows] = 0.0
    return found


def differentiable_imbalance(
    table: LayerDistances, weights: npt.NDArray[np.float64], /, *, k: int = 1, softness: float = 0.1
) -> tuple[float, npt.NDArray[np.float64]]:
    """Return the differentiable Information Imbalance of weighted layers → target, and its gradient by the weights.

        DII = 2/(N·n) Σ_i Σ_j c_ij r_ij,   c_ij = exp(−d²_ij/λ_i) / Σ_{l≠i} exp(−d²_il/λ_i),   d² = Σ w_ℓ² d²_ℓ

    (Wild et al. 2025), over n rows and N columns, with λ_i = `softness` × the squared distance of the k-th neighbor of i,
    whose own dependence on the weights is part of the gradient, as in DADApy's ``DiffImbalance``. As `softness` goes to 0
    with k = 1 it is Δ.

    Parameters
    ----------
    table : LayerDistances
    weights : ndarray of float64, shape (n_layers,)
    k : int
    softness : float

    Returns
    -------
    value : float
    gradient : ndarray of float64, shape (n_layers,)
    """
    from platoscope.measures._weighting_kernels import imbalance_rows  # numba: 0.3 s to import

    n_rows = len(table.rows)
    means, slopes = np.empty(n_rows), np.empty((n_rows, table.n_layers))
    fixed = (table.distances, table.ranks, table.rows, weights**2, k, softness)
    over_rows(lambda start, stop: imbalance_rows(*fixed, start, stop, means, slopes), n_rows, minimum=16)
    share = 2.0 / (table.n_samples * n_rows)
    return share * float(means.sum()), share * 2.0 * weights * slopes.sum(axis=0)


def descend(
    table: LayerDistances, options: WeightOptions, /, *, among: npt.NDArray[np.bool_] | None = None
) -> Descent:
    """Minimize the differentiable imbalance by gradient descent over all kept rows, from equal weights.

    After each step weights are brought back to Σ w² = 1, which changes no neighbor. Constant layers have no weight.

    Parameters
    ----------
    table : LayerDistances
    options : WeightOptions
    among : ndarray of bool, shape (n_layers,), optional
        The layers that may have weight; all by default.
    """
    alive = table.varies if among is None else table.varies & among
    if not alive.any():
        message = (
            "every layer is constant over these items, so that no weights tell them apart; drop the stack."
        )
        raise InputError(message)
    weights = alive / np.sqrt(alive.sum())
    losses = np.empty(options.n_steps + 1)
    value = partial(differentiable_imbalance, table, softness=options.softness)
    for step in range(options.n_steps):
        losses[step], gradient = value(weights, k=options.k_at(step, table.n_samples))
        weights = _unit(np.abs(weights - options.rate_at(step) * gradient), options.l1_strength)
        if options.l1_strength:
            kept = weights - options.rate_at(step + 1) * options.l1_strength
            weights = _unit(np.maximum(kept, 0.0), options.l1_strength)
    losses[-1] = value(weights, k=min(options.k_last, table.n_samples - 1))[0]
    return Descent(weights, losses)


def _unit(weights: Any, strength: float) -> npt.NDArray[np.float64]:
    norm = float(np.linalg.norm(weights))
    if not norm > 0:
        message = f"l1_strength={strength} set all weights to 0; take a smaller one."
        raise InputError(message)
    found: npt.NDArray[np.float64] = weights / norm
    return found
