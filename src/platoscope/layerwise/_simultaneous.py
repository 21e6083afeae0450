"""Bands around a profile or a grid that hold for all its layers at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platoscope.arguments import labeled
from platoscope.checks import share
from platoscope.errors import InputError
from platoscope.measures import simultaneous_multiplier

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["FEWEST_RESAMPLES", "simultaneous_bands"]

# Of fewer subsamples the layers' correlation has so low a rank that bands come out narrow: 30 independent layers take
# a multiplier of 3.14, and get 2.0 of 2 subsamples, 2.9 of 5, 3.05 of 10.
FEWEST_RESAMPLES = 10
"""Subsamples without which nothing is said of several layers together, or of a difference."""


def simultaneous_bands(
    result: xr.Dataset, /, *, quantity: str = "information_imbalance", level: float = 0.95
) -> xr.Dataset:
    """Return the result with a band around a quantity that contains all its layers at once.

    The interval of a layer contains the truth in 95 % of all samples; that of *every* layer does so in fewer. The band
    is value ± c · se, with c from the correlation of the layers on the subsamples
    (`platoscope.measures.simultaneous_multiplier`), for each direction by itself.

    Parameters
    ----------
    result : xarray.Dataset
        From `platoscope.compare` or `platoscope.profile` with ``n_resamples > 0``; for a slice of a grid, take the
        slice first (`platoscope.layerwise.take_profile`): fewer layers need a narrower band.
    quantity : str
        A measure, or ``"asymmetry"``.
    level : float
        Chance that the band contains all layers.

    Returns
    -------
    xarray.Dataset
        With ``<quantity>_band_low`` and ``<quantity>_band_high`` beside what `result` has; the attribute ``multiplier``
        of both lists c, one per direction.

    Raises
    ------
    InputError
        The result has no such quantity, no resamples of it or fewer than 10; a level outside (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> from platoscope import profile
    >>> A = np.random.default_rng(0).standard_normal((3, 200, 8))
    >>> banded = simultaneous_bands(profile(A, A[:, :, :4], measures=["information_imbalance"], rng=0))
    >>> bool((banded.information_imbalance_band_low < banded.information_imbalance_low).all())
    True
    """
    import xarray as xr  # 0.6 s to import

    labeled("result", result)
    share("level", level)
    if f"{quantity}_resamples" not in result:
        message = (
            f"Bands need {quantity}_resamples, which the result lacks; it has {', '.join(map(str, result.data_vars))}. "
            "Compare with n_resamples > 0, or name another quantity."
        )
        raise InputError(message)
    n_resamples = result.sizes["resample"]
    if n_resamples < FEWEST_RESAMPLES:
        message = (
            f"Bands need at least {FEWEST_RESAMPLES} subsamples, because fewer cannot tell layers that vary by themselves "
            f"from layers that move together; the result has {n_resamples}. Compare with a larger n_resamples."
        )
        raise InputError(message)
    values, errors = result[quantity], result[f"{quantity}_se"]
    draws = result[f"{quantity}_resamples"].transpose("resample", ...)
    if "direction" in values.dims:
        draws = draws.transpose("resample", "direction", ...)
        families = [draws.values[:, direction] for direction in range(draws.sizes["direction"])]
    else:
        families = [draws.values]
    multipliers = [simultaneous_multiplier(f.reshape(len(f), -1), level=level) for f in families]
    wide: Any = errors * multipliers[0]
    if len(multipliers) > 1:
        wide = errors * xr.DataArray(multipliers, {"direction": values.direction}, "direction")
    told = {"multiplier": multipliers, "level": level}
    return result.assign(
        {
            f"{quantity}_band_low": (values - wide).assign_attrs(told),
            f"{quantity}_band_high": (values + wide).assign_attrs(told),
        }
    )
