"""Whether two profiles over the same items differ: depth by depth, and at the best layer of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.arguments import labeled
from platoscope.checks import flag, in_short, word
from platoscope.errors import InputError
from platoscope.layerwise._labels import DIRECTIONS, higher_is_similar
from platoscope.layerwise._simultaneous import FEWEST_RESAMPLES
from platoscope.measures import Z95, simultaneous_p_values, standard_errors

if TYPE_CHECKING:
    import numpy.typing as npt
    import xarray as xr

__all__ = ["difference", "share_depths", "two_sided"]

_PAIRED = ("n_samples", "n_neighbors", "n_resamples", "resample_fraction", "interval_method", "seed")
_DEPTH_DIGITS = 9
_ROUNDING = 1e-12  # what sums of equal numbers leave


def difference(
    first: xr.Dataset,
    second: xr.Dataset,
    /,
    *,
    quantity: str = "information_imbalance",
    same_items: bool = False,
) -> xr.Dataset:
    """Test whether a measure differs between two profiles over the same items.

    Both curves are read at every relative depth at which one of them has a layer, within the depths that both reach; a
    curve that has no layer there is interpolated linearly between its two nearest. At each depth, for each direction and
    for the mean of both,

        D = v_first − v_second,      interval = D ± 1.96 · se,      p = 2 Φ(−|D| / se),

    with the standard error of D over the subsamples of items that both profiles drew
    (`platoscope.measures.standard_errors`): what both have in common cancels. The best layers are chosen again in every
    subsample. What the null hypothesis is, and how often the test errs, has docs/explanation/differences.md.

    Parameters
    ----------
    first, second : xarray.Dataset
        From `platoscope.profile` with 10 resamples or more and the same number as `rng`, so that their subsamples are the
        same; with ``items=True``, so that it can be seen that their items are, in the same order. Items without ids are
        the same where their row numbers are. Layers may be more in one than in the other. One step of a
        `platoscope.layerwise.trajectory` is a profile, and so are the profiles of one run of a study.
    quantity : str
        A measure, or ``"asymmetry"``.
    same_items : bool
        True states that row i of both is the same item where a profile does not say which items it has.

    Returns
    -------
    xarray.Dataset
        Over ``direction`` ("a_to_b", "b_to_a", "mean"; left out for a measure that has none) and ``relative_depth``:
        ``first`` and ``second``, the two curves; ``difference``, ``difference_se``, ``difference_low``,
        ``difference_high``, ``difference_resamples``; ``difference_p``, of each depth by itself, and
        ``difference_p_adjusted``, for looking at all depths of a direction (`platoscope.measures.simultaneous_p_values`).
        The coordinates ``interpolated_first`` and ``interpolated_second`` say where a curve has no layer.

        Over ``direction``, ``mean_difference``, also with ``_se``, ``_low``, ``_high``, ``_resamples`` and ``_p``: the mean
        over the depth, of straight lines between these points.

        Over ``direction``, of the lowest value of each curve (the highest, where that is the more similar):
        ``best_difference`` with the same beside it, ``best_depth_first`` and
        ``best_depth_second``. Neither end of the asymmetry is the best.

    Raises
    ------
    InputError
        What is no profile with the quantity and its resamples; other items, another order, another number of neighbors,
        other subsamples, no depth in common.

    Examples
    --------
    >>> import numpy as np
    >>> from platoscope import profile
    >>> rng = np.random.default_rng(0)
    >>> signal, noise = rng.standard_normal((200, 6)), rng.standard_normal((2, 4, 200, 6))
    >>> settings = {"measures": "information_imbalance", "items": True, "rng": 0}
    >>> small = profile(signal + 0.9 * noise[0, :3], signal + 0.9 * noise[1, :3], **settings)
    >>> large = profile(signal + 0.3 * noise[0], signal + 0.3 * noise[1], **settings)
    >>> found = difference(large, small).sel(direction="mean")
    >>> found.relative_depth.round(2).values.tolist(), found.interpolated_second.values.tolist()
    ([0.0, 0.33, 0.5, 0.67, 1.0], [False, True, False, True, False])
    >>> round(float(found.best_difference), 1), bool((found.difference_p_adjusted < 0.001).all())
    (-0.6, True)
    """
    word("quantity", quantity)
    flag("same_items", same_items)
    _check_paired(first, second, quantity, same_items)
    curves = [_Curve.of(name, result, quantity) for name, result in (("first", first), ("second", second))]
    depths = _common(*(curve.depths for curve in curves))
    one, other = (curve.at(depths) for curve in curves)
    n_samples = int(first.attrs["n_samples"])
    size = round(float(first.attrs["resample_fraction"]) * n_samples)
    directed = one.values.ndim == 2
    over = ("direction", "relative_depth") if directed else ("relative_depth",)

    def tested(name: str, dims: tuple[str, ...], values: Any, draws: Any) -> dict[str, Any]:
        se = standard_errors(draws, n_samples=n_samples, size=size)
        return {
            name: (dims, values),
            f"{name}_se": (dims, se),
            f"{name}_low": (dims, values - Z95 * se),
            f"{name}_high": (dims, values + Z95 * se),
            f"{name}_p": (dims, two_sided(values, se)),
            f"{name}_resamples": (("resample", *dims), draws),
        }

    gap, draws = one.values - other.values, one.draws - other.draws
    variables = {
        "first": (over, one.values, first[quantity].attrs),
        "second": (over, other.values, second[quantity].attrs),
        **tested("difference", over, gap, draws),
    }
    variables["difference_p_adjusted"] = (over, _adjusted(gap, variables["difference_se"][1], draws))
    variables |= tested("mean_difference", over[:-1], *(_mean(each, depths) for each in (gap, draws)))
    upwards = higher_is_similar(first, quantity)
    if upwards is not None:
        known = one.known & other.known
        best, chosen = zip(*(curve.best(known, upwards=upwards) for curve in (one, other)), strict=True)
        variables |= tested("best_difference", over[:-1], best[0][0] - best[1][0], best[0][1] - best[1][1])
        for name, at in zip(("first", "second"), chosen, strict=True):
            variables[f"best_depth_{name}"] = (
                over[:-1],
                depths[at] if known.any() else np.full(at.shape, np.nan),
            )
    return _labeled(variables, depths, curves, first, quantity, directed=directed)


def share_depths(first: xr.Dataset, second: xr.Dataset, /) -> bool:
    """Say whether two profiles reach a relative depth in common, without which `difference` has nothing to take.

    Parameters
    ----------
    first, second : xarray.Dataset
        As in `difference`.

    Raises
    ------
    InputError
        What is no result with layers at relative depths of their own.

    Examples
    --------
    >>> import numpy as np
    >>> from platoscope import profile
    >>> A = np.random.default_rng(0).standard_normal((3, 60, 4))
    >>> whole = profile(A, A[::-1], n_resamples=0)
    >>> share_depths(whole, whole.isel(layer=[1])), share_depths(whole.isel(layer=[0]), whole.isel(layer=[2]))
    (True, False)
    """
    reached = []
    for name, result in (("first", first), ("second", second)):
        labeled(name, result)
        reached.append(np.sort(_swept(name, result)))
    return all(map(len, reached)) and bool(_between(*reached).size)


def two_sided(values: Any, errors: Any, /) -> Any:
    """Return how often a normal variable lies as far from 0; 1 where there is no difference at all."""
    values, errors = np.asarray(values), np.asarray(errors)
    return np.vectorize(math.erfc, otypes=[float])(np.abs(_ratio(values, errors)) / math.sqrt(2))


def _ratio(values: Any, errors: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.abs(values) < _ROUNDING, 0.0, values / errors)


def _mean(rows: Any, depths: npt.NDArray[np.float64]) -> Any:
    """Return the mean of lines over the depth, which is the last axis."""
    if len(depths) == 1:
        return rows[..., 0]
    return np.trapezoid(rows, depths, axis=-1) / (depths[-1] - depths[0])


def _adjusted(values: Any, errors: Any, draws: Any) -> Any:
    """Return p-values for looking at all depths of a direction."""
    z, rows = np.atleast_2d(_ratio(values, errors)), draws.reshape(len(draws), -1, values.shape[-1])
    found = np.stack([simultaneous_p_values(row, rows[:, i]) for i, row in enumerate(z)])
    return np.maximum(
        found.reshape(values.shape), two_sided(values, errors)
    )  # no draw of 20,000 lies very far out


@dataclass(frozen=True, eq=False)
class _Curve:
    """A measure along increasing depth, on all items and on each subsample; directions, and their mean, come before."""

    depths: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]
    draws: npt.NDArray[np.float64]

    @classmethod
    def of(cls, name: str, result: xr.Dataset, quantity: str) -> _Curve:
        """Read a profile, whose layers may stand in any order."""
        directions = ("direction",) if "direction" in result[quantity].dims else ()
        values = result[quantity].transpose(*directions, "layer").values
        draws = result[f"{quantity}_resamples"].transpose("resample", *directions, "layer").values
        if directions:
            values, draws = (
                np.concatenate([v, v.mean(axis=-2, keepdims=True)], axis=-2) for v in (values, draws)
            )
        depths = _swept(name, result)
        order = np.argsort(depths)
        return cls(depths[order], values[..., order], draws[..., order])

    def at(self, depths: npt.NDArray[np.float64]) -> _Curve:
        """Read the curve at these depths: at a layer its value, between two the straight line."""
        if len(self.depths) == 1:
            return self
        left = np.clip(np.searchsorted(self.depths, depths, side="right") - 1, 0, len(self.depths) - 2)
        share = (depths - self.depths[left]) / (self.depths[left + 1] - self.depths[left])

        def line(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            before, after = rows[..., left], rows[..., left + 1]
            between = before * (1 - share) + after * share
            return np.where(share == 0, before, np.where(share == 1, after, between))

        return _Curve(depths, line(self.values), line(self.draws))

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Where the measure is defined, on the subsamples as well."""
        every = np.concatenate([self.values[None], self.draws]).reshape(-1, len(self.depths))
        known: npt.NDArray[np.bool_] = np.isfinite(every).all(axis=0)
        return known

    def best(self, known: npt.NDArray[np.bool_], *, upwards: bool) -> tuple[tuple[Any, Any], Any]:
        """Return the best value on all items and on each subsample, and where the first stands."""
        if not known.any():
            at = np.zeros(self.values.shape[:-1], np.intp)
            return (self.values[..., 0] * np.nan, self.draws[..., 0] * np.nan), at
        sign = -1.0 if upwards else 1.0
        rows, drawn = (np.where(known, sign * v, np.inf) for v in (self.values, self.draws))
        return (sign * rows.min(axis=-1), sign * drawn.min(axis=-1)), rows.argmin(axis=-1)


def _common(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the depths of either curve within the depths that both reach."""
    found = _between(one, other)
    if not found.size:
        message = (
            f"The profiles have no relative depth in common: the first has {one[0]:g} to {one[-1]:g}, the second "
            f"{other[0]:g} to {other[-1]:g}."
        )
        raise InputError(message)
    return found


def _between(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    low, high = max(one[0], other[0]), min(one[-1], other[-1])
    every = np.union1d(one, other)
    found: npt.NDArray[np.float64] = every[(every >= low) & (every <= high)]
    return found


def _swept(name: str, result: xr.Dataset) -> npt.NDArray[np.float64]:
    """Return the relative depth of each layer, on the side that is moved through."""
    for side in ("a", "b"):
        if f"relative_depth_{side}" in result.coords:
            depths = np.asarray(result[f"relative_depth_{side}"].values, np.float64).round(_DEPTH_DIGITS)
            if depths.shape == (result.sizes.get("layer"),) and len(np.unique(depths)) == len(depths):
                return depths
    message = (
        f"The layers of the {name} profile stand at no relative depths of their own; each must have another."
    )
    raise InputError(message)


def _check_paired(first: Any, second: Any, quantity: str, same_items: bool) -> None:
    """Refuse what is no profile, and two that do not have the same items, subsamples and number of neighbors."""
    for name, result in (("first", first), ("second", second)):
        _check_profile(name, result, quantity)
    for what in _PAIRED:
        if str(first.attrs.get(what)) != str(second.attrs.get(what)):
            message = (
                f"A difference is paired: both profiles must have the same {what}, got {first.attrs.get(what)} and "
                f"{second.attrs.get(what)}. Compute both with the same settings and the same number as rng."
            )
            raise InputError(message)
    if not str(first.attrs.get("seed")).isdecimal():
        message = (
            "The subsamples of these profiles came from a generator, so that nothing says that they are the same. Compute "
            "both with the same number as rng."
        )
        raise InputError(message)
    if first[quantity].dims != second[quantity].dims and set(first[quantity].dims) != set(
        second[quantity].dims
    ):
        message = (
            f"{quantity} must be over the same dimensions in both; got {first[quantity].dims} and "
            f"{second[quantity].dims}."
        )
        raise InputError(message)
    _check_items(first, second, same_items)


def _check_profile(name: str, result: Any, quantity: str) -> None:
    labeled(name, result)
    draws = f"{quantity}_resamples"
    if quantity not in result or draws not in result:
        message = (
            f"{name} must be a profile with {quantity} and its resamples (platoscope.profile with n_resamples > 0); it has "
            f"{in_short(', '.join(map(str, result.data_vars)))}."
        )
        raise InputError(message)
    dims = set(map(str, result[quantity].dims))
    whole = "direction" not in dims or result["direction"].values.tolist() == list(DIRECTIONS)
    if dims - {"direction"} != {"layer"} or not whole or not result.sizes["layer"]:
        message = (
            f"{name} must be a profile of both directions over layer; {quantity} is over "
            f"{dict(result[quantity].sizes)}. Take a profile of a grid (platoscope.layerwise.take_profile), or one step of "
            "a trajectory (result.sel(step=…))."
        )
        raise InputError(message)
    if result.sizes["resample"] < FEWEST_RESAMPLES:
        message = f"A difference needs at least {FEWEST_RESAMPLES} subsamples; {name} has {result.sizes['resample']}."
        raise InputError(message)


def _check_items(first: xr.Dataset, second: xr.Dataset, same_items: bool) -> None:
    drawn = first.attrs.get("subsamples")
    if drawn is not None and drawn == second.attrs.get("subsamples"):
        return  # a run of a study says so
    lacking = [name for name, result in (("first", first), ("second", second)) if "item" not in result.coords]
    if lacking:
        if same_items:
            return
        message = (
            f"The {lacking[0]} profile does not say which items it has. Compute it with items=True, or state that row i of "
            "both is the same item (same_items=True)."
        )
        raise InputError(message)
    one, other = (list(map(str, result["item"].values.tolist())) for result in (first, second))
    if one == other:
        return
    if sorted(one) == sorted(other):
        message = (
            "Both profiles have the same items in another order, so that their subsamples are not the same. Order the rows "
            "by id (platoscope.representations.align) and compute them again."
        )
        raise InputError(message)
    at = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    message = (
        f"The profiles are of different items, from row {at} on; the ranks of an item depend on all others. Compute both "
        "over the items that they have in common."
    )
    raise InputError(message)


def _labeled(
    variables: dict[str, Any],
    depths: npt.NDArray[np.float64],
    curves: list[_Curve],
    first: xr.Dataset,
    quantity: str,
    /,
    *,
    directed: bool,
) -> xr.Dataset:
    import xarray as xr  # 0.6 s to import

    coordinates: dict[str, Any] = {"relative_depth": depths}
    if directed:
        coordinates["direction"] = [*DIRECTIONS, "mean"]
    for name, curve in zip(("first", "second"), curves, strict=True):
        coordinates[f"interpolated_{name}"] = ("relative_depth", ~np.isin(depths, curve.depths))
    kept = {name: first.attrs[name] for name in _PAIRED if name in first.attrs}
    return xr.Dataset(variables, coordinates, kept | {"quantity": quantity})
