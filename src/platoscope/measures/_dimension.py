"""Intrinsic dimension from the distances of nearest neighbors: TwoNN and GRIDE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from platoscope.checks import one_of, share, whole_number, whole_numbers
from platoscope.errors import InputError
from platoscope.neighbors import as_space, check_metric, metric_name, neighbor_distances

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from platoscope.neighbors import OwnMetric, Space, Transform

__all__ = [
    "DIMENSION_METHODS",
    "IntrinsicDimension",
    "dimension_scaling",
    "intrinsic_dimension",
    "layer_dimensions",
]

DimensionMethod: TypeAlias = Literal["gride", "twonn", "twonn_ml"]
DIMENSION_METHODS = ("gride", "twonn", "twonn_ml")
"""Maximum likelihood at any scale; the line through the origin; maximum likelihood at the smallest scale."""

_FRACTION = 0.9
_SCALES = (1, 2, 4, 8, 16, 32)
_STEPS = 60
_ENOUGH = 1e-13


@dataclass(frozen=True)
class IntrinsicDimension:
    """An intrinsic dimension, at one scale."""

    value: float
    """The dimension."""
    standard_error: float
    """Of the value, if ratios of items were independent; see `intrinsic_dimension` for what that leaves out."""
    scale: float
    """Mean distance of an item to the two neighbors whose ratio is taken, in the units of the rows."""
    method: str
    n_neighbors: int
    """n₁: the nearer one of the two neighbors is the n₁-th, the farther one the 2 n₁-th."""
    n_samples: int
    """Items that were looked at, without those that were dropped."""
    n_dropped: int
    """Items that were dropped because an equal one had come before."""


def intrinsic_dimension(
    X: Any,
    /,
    *,
    method: DimensionMethod = "gride",
    n_neighbors: int = 1,
    fraction: float = _FRACTION,
    metric: str | OwnMetric = "euclidean",
    transform: Transform = "none",
    duplicates: Literal["error", "drop"] = "error",
) -> IntrinsicDimension:
    """Estimate how many numbers it takes to say where an item lies among its neighbors.

    Where the density is about constant over the neighborhood of an item, the ratio μ = r₂/r₁ of the distances of
    its second and first neighbor has the distribution P(μ > t) = t^(−d), whatever the density. ::

        twonn:     least squares through the origin of −log(1 − i/N) on log μ₍ᵢ₎, over the smallest fraction · N of them
        twonn_ml:  d = (N − 1) / Σᵢ log μᵢ
        gride:     the d that maximizes Πᵢ d (μᵢᵈ − 1)^(n₂−n₁−1) / (μᵢ^((n₂−1)d+1) B(n₂−n₁, n₁)),  μ = r_n₂/r_n₁,
                   n₂ = 2 n₁, less its bias of the order 1/N: (N − 1) / Σᵢ log μᵢ for n₁ = 1

    Parameters
    ----------
    X : array of shape (n_samples, n_features), sequence of such arrays, or Space
        One representation; any real dtype, as in `platoscope.prepare`.
    method : {"gride", "twonn", "twonn_ml"}
        The first looks at any scale, the others at the smallest one. ``"twonn"`` is what most papers report (and DADApy
        by default); ``"twonn_ml"`` has less variance on data that obey the model.
    n_neighbors : int
        n₁, of GRIDE alone: 1, 2, 4, … look at larger and larger neighborhoods.
    fraction : float
        Share of the ratios that ``"twonn"`` fits: the largest are far from the model, and are discarded.
    metric : str or callable
        As in `platoscope.prepare`, but for ``"hamming"``. Under ``"cosine"`` the distance of rows of unit length.
    transform : str or sequence of str
        Preparation of the rows; see `platoscope.neighbors.transform_rows`. Rows of unit length lie on a sphere: of
        points that fill D dimensions, D − 1 are left.
    duplicates : {"error", "drop"}
        What is done with items that are equal to another one, whose ratio is none. ``"drop"`` takes each once and
        counts the others in `n_dropped`.

    Returns
    -------
    IntrinsicDimension
        The value with its standard error, d/√N for ``"twonn_ml"``, from the curvature of the likelihood for ``"gride"``
        and from a jackknife over items for ``"twonn"``.

    Raises
    ------
    InputError
        Equal items, unless they are dropped; fewer items than neighbors; ratios that are all 1, as on a
        lattice; a metric that counts; otherwise as `platoscope.prepare`.

    Notes
    -----
    Every estimate is too low where the dimension is high: of N items the nearest neighbors are then at about the same
    distance as all others, and edges are everywhere. It grows with N, so that values at other N are no comparison. Standard
    errors take ratios of different items for independent, though neighborhoods overlap, the more the larger n₁: those
    of `platoscope.layerwise.dimension_profile`, from subsamples, do not. O(N² D) for the distances.

    References
    ----------
    .. [1] Facco, d'Errico, Rodriguez, Laio, "Estimating the intrinsic dimension of datasets by a minimal neighborhood
       information", Scientific Reports 7, 12140 (2017).
    .. [2] Denti, Doimo, Laio, Mira, "The generalized ratios intrinsic dimension estimator", Scientific Reports 12,
       20005 (2022), Eq. 10.

    Examples
    --------
    A plane, rolled up in ten dimensions:

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> angle, height = rng.uniform(4, 12, 2000), rng.uniform(0, 20, 2000)
    >>> roll = np.stack([angle * np.cos(angle), height, angle * np.sin(angle)], axis=1)
    >>> round(intrinsic_dimension(roll @ rng.standard_normal((3, 10)), n_neighbors=2).value)
    2
    """
    one_of("method", method, DIMENSION_METHODS)
    share("fraction", fraction)
    n_neighbors = whole_number("n_neighbors", n_neighbors, low=1)
    if n_neighbors > 1 and method != "gride":
        message = (
            f"{method} looks at the first two neighbors; n_neighbors={n_neighbors} is for method='gride'."
        )
        raise InputError(message)
    return _at_scales(X, (n_neighbors,), method, fraction, metric, transform, duplicates)[0]


def dimension_scaling(
    X: Any,
    /,
    *,
    n_neighbors: Sequence[int] = _SCALES,
    metric: str | OwnMetric = "euclidean",
    transform: Transform = "none",
    duplicates: Literal["error", "drop"] = "error",
) -> tuple[IntrinsicDimension, ...]:
    """Estimate the intrinsic dimension by GRIDE at several scales, to see whether there is one number.

    Noise adds dimensions at small scales, curvature at large ones; between them the dimension of what the data lie on
    shows as a plateau. Without a plateau there is none to report.

    Parameters
    ----------
    X, metric, transform, duplicates
        As in `intrinsic_dimension`.
    n_neighbors : sequence of int
        The numbers n₁.

    Returns
    -------
    tuple of IntrinsicDimension
        One for each number, in their order.

    Raises
    ------
    InputError
        As `intrinsic_dimension`.

    Examples
    --------
    A plane with a little noise in eight more dimensions:

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = np.hstack([rng.uniform(size=(2000, 2)), 0.01 * rng.standard_normal((2000, 8))])
    >>> [round(each.value) for each in dimension_scaling(X, n_neighbors=(1, 8, 64))]
    [7, 4, 2]
    """
    counts = tuple(whole_numbers("n_neighbors", n_neighbors, low=1))
    return _at_scales(X, counts, "gride", _FRACTION, metric, transform, duplicates)


def _at_scales(
    X: Any,
    n_neighbors: tuple[int, ...],
    method: str,
    fraction: float,
    metric: str | OwnMetric,
    transform: Transform,
    duplicates: str,
) -> tuple[IntrinsicDimension, ...]:
    one_of("duplicates", duplicates, ("error", "drop"))
    check_metric("metric", metric)
    if metric == "hamming":
        message = (
            "metric='hamming' counts, and ratios of counts say no dimension; use 'euclidean' or 'cosine'."
        )
        raise InputError(message)
    given = as_space(X, "X", metric, transform)
    space = _distinct_items(given)
    n_dropped = given.n_samples - space.n_samples
    if n_dropped and duplicates == "error":
        message = (
            f"{given.name} has {n_dropped} items that equal an earlier one, whose distance is 0 and whose ratio is none. "
            "Drop them from the data, or pass duplicates='drop' to look at each once."
        )
        raise InputError(message)
    _check_scales(n_neighbors, space, metric)
    apart = _ratio_distances(space, n_neighbors, metric)
    found = []
    for k in n_neighbors:
        near, far = apart[k]
        value, error = _of_ratios(near, far, k, method, fraction)
        if np.isnan(value):
            message = _why_undefined(space, near, k)
            raise InputError(message)
        scale = float((near.mean() + far.mean()) / 2)
        found.append(IntrinsicDimension(value, error, scale, method, k, space.n_samples, n_dropped))
    return tuple(found)


def layer_dimensions(
    space: Space, n_neighbors: Sequence[int], method: str, metric: str | OwnMetric, /
) -> npt.NDArray[np.float64]:
    """Return the dimension and the mean distance at each n₁, shape (2, n_scales), of the distinct items of a layer.

    NaN where it is undefined: too few distinct items for so many neighbors, as in a layer that hardly varies.
    """
    space = _distinct_items(space)
    found = np.full((2, len(n_neighbors)), np.nan)
    reached = [k for k in n_neighbors if 2 * k < space.n_samples]
    if not reached or space.n_samples < 3:
        return found
    for k, (near, far) in _ratio_distances(space, reached, metric).items():
        value, _ = _of_ratios(near, far, k, method, _FRACTION)
        found[:, list(n_neighbors).index(k)] = value, (near.mean() + far.mean()) / 2
    return found


def _distinct_items(space: Space, /) -> Space:
    """Return the space with each of its distinct rows once, by its first item."""
    return space if space.n_distinct == space.n_samples else space.subset(np.sort(_firsts(space)))


def _firsts(space: Space) -> npt.NDArray[np.intp]:
    """Return the first item of every distinct row; `Space.first` of a subset is about the items of the whole."""
    found: npt.NDArray[np.intp] = np.unique(space.inverse, return_index=True)[1]
    return found


def _check_scales(n_neighbors: tuple[int, ...], space: Space, metric: str | OwnMetric) -> None:
    most = max(n_neighbors)
    if 2 * most > space.n_samples - 1:
        message = (
            f"n_neighbors={most} needs the {2 * most} nearest neighbors of every item, and {space.name} has "
            f"{space.n_samples} distinct items ({metric_name(metric)}). Use fewer neighbors or more items."
        )
        raise InputError(message)


def _ratio_distances(
    space: Space, n_neighbors: Sequence[int], metric: str | OwnMetric, /
) -> dict[int, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Return for each n₁ the distances of every item to its n₁-th and its 2 n₁-th neighbor."""
    apart = neighbor_distances(space, 2 * max(n_neighbors), metric)
    return {k: (apart[:, k - 1], apart[:, 2 * k - 1]) for k in n_neighbors}


def _why_undefined(space: Space, near: npt.NDArray[np.float64], k: int) -> str:
    zero = int(np.count_nonzero(near == 0))
    if zero:
        return (
            f"{zero} items of {space.name} are at distance 0 from their neighbor number {k}, so that their ratio is none; "
            f"the first is item {int(np.flatnonzero(near == 0)[0])}. Leave those items out."
        )
    return (
        f"{space.name} has no intrinsic dimension at n_neighbors={k}: the two distances are equal for all items, as on a "
        "lattice, or too few ratios are left to fit. Use more items or another n_neighbors."
    )


def _of_ratios(
    near: npt.NDArray[np.float64],
    far: npt.NDArray[np.float64],
    n_neighbors: int,
    method: str,
    fraction: float,
    /,
) -> tuple[float, float]:
    """Return the dimension and its standard error from distances to two neighbors, shape (n_samples,); NaN if undefined."""
    nothing = (float("nan"), float("nan"))
    if not near.size or not near.all():
        return nothing
    logs = np.log(far / near)
    total = float(logs.sum())
    if not total > 0 or not np.isfinite(total):
        return nothing
    if method == "twonn":
        return _line(np.sort(logs), fraction)
    if method == "twonn_ml":
        value = (logs.size - 1) / total
        return value, value / float(np.sqrt(logs.size))
    return _most_likely(logs, n_neighbors)


def _most_likely(logs: npt.NDArray[np.float64], n: int) -> tuple[float, float]:
    """Return the zero of the derivative of the likelihood of GRIDE, and the error that its curvature tells.

    With L = log μ and n₂ = 2n it is N/d + (n − 1) Σ L/(1 − e^(−dL)) − (2n − 1) Σ L, which falls and is convex in d: from a
    d below the zero Newton's steps come up to it and never pass. By x/(1 − e^(−x)) ≥ 1 + x/2 such a d is known. N − 1 in
    the place of the first N makes the estimate unbiased at n = 1.
    """
    size, total = logs.size, float(logs.sum())
    value = (n * size - 1) / (total * (1.5 * n - 0.5))
    ties = logs == 0  # L/(1 − e^(−dL)) is 1/d there
    some = logs[~ties]
    for _ in range(_STEPS):
        left = -np.expm1(-value * some)
        slope = -(size - 1) / value**2
        height = (size - 1) / value - (2 * n - 1) * total
        height += (n - 1) * (float((some / left).sum()) + np.count_nonzero(ties) / value)
        curved = float((some**2 * (1 - left) / left**2).sum()) + np.count_nonzero(ties) / value**2
        slope -= (n - 1) * curved
        step = -height / slope
        value += step
        if abs(step) <= _ENOUGH * value:
            break
    information = -slope + 1 / value**2  # of all N ratios
    return float(value), float(1 / np.sqrt(information))


def _line(logs: npt.NDArray[np.float64], fraction: float) -> tuple[float, float]:
    """Return the slope of the line through the origin, and the jackknife error over items; `logs` ascend."""
    size = logs.size
    kept = int(size * fraction)
    value = _slope(float(logs[:kept] @ _heights(size, kept)), float(logs[:kept] @ logs[:kept]))
    # Without item r those below it keep their place, and those above come down by one.
    fewer = int((size - 1) * fraction)
    if not fewer or np.isnan(value):
        return value, float("nan")
    heights = _heights(size - 1, fewer)
    below = np.concatenate([[0.0], np.cumsum(logs[:fewer] * heights)])
    above = np.concatenate([np.cumsum((logs[1 : fewer + 1] * heights)[::-1])[::-1], [0.0]])
    squares = np.concatenate([[0.0], np.cumsum(logs[: fewer + 1] ** 2)])
    place = np.minimum(np.arange(size), fewer)
    products = below[place] + above[place]
    norms = squares[fewer + 1] - logs[place] ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        without = products / norms
    spread = np.square(without - without.mean()).sum() * (size - 1) / size
    return value, float(np.sqrt(spread))


def _heights(size: int, kept: int) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = -np.log1p(-np.arange(1, kept + 1) / size)
    return found


def _slope(products: float, squares: float) -> float:
    return products / squares if squares > 0 else float("nan")
