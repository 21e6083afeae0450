"""The semantic region of a profile: defined, not read off by eye (docs/measures.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from platoscope.arguments import labeled
from platoscope.errors import InputError
from platoscope.measures import Z95, standard_errors

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["SemanticRegion", "semantic_region"]


@dataclass(frozen=True)
class SemanticRegion:
    """Where a profile is lowest, and which layers cannot be told from there."""

    minimum_layer: int
    """Layer with the smallest mean of both directions."""
    minimum: float
    """That mean."""
    layers: tuple[int, ...]
    """Layers whose paired interval of the difference to the minimum contains 0; the minimum included."""
    relative_depths: tuple[float, ...]
    """Relative depth (of side A) of those layers."""


def semantic_region(result: xr.Dataset, /) -> SemanticRegion:
    """Return the semantic region of a profile of Information Imbalance.

    The minimum over layers of ``(Δ(A→B) + Δ(B→A)) / 2``, and all layers for which the 95 % interval of
    the difference to it, taken on the same subsamples, contains 0.

    Parameters
    ----------
    result : xarray.Dataset
        From `platoscope.profile` with ``information_imbalance`` and ``n_resamples > 0``.

    Returns
    -------
    SemanticRegion

    Raises
    ------
    InputError
        A grid, or a profile without resamples.

    Examples
    --------
    >>> import numpy as np
    >>> import platoscope
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((200, 5))
    >>> noise = np.array([3.0, 0.1, 3.0])[:, None, None]
    >>> A = shared + noise * rng.standard_normal((3, 200, 5))
    >>> B = shared + noise * rng.standard_normal((3, 200, 5))
    >>> semantic_region(platoscope.profile(A, B, rng=0)).layers
    (1,)
    """
    labeled("result", result)
    name = "information_imbalance"
    if name not in result or "layer" not in result[name].dims or f"{name}_resamples" not in result:
        message = (
            f"The semantic region is that of a profile with {name} and its resamples; got dimensions "
            f"{tuple(result.sizes)} and variables {', '.join(map(str, result.data_vars))}. "
            "Use platoscope.profile with n_resamples > 0."
        )
        raise InputError(message)
    mean = result[name].mean("direction").values
    draws = result[f"{name}_resamples"].mean("direction").transpose("resample", "layer").values
    lowest = int(mean.argmin())
    n_samples = int(result.attrs["n_samples"])
    size = round(float(result.attrs["resample_fraction"]) * n_samples)
    errors = standard_errors(draws - draws[:, [lowest]], n_samples=n_samples, size=size)
    inside = np.flatnonzero(mean - mean[lowest] <= Z95 * errors)
    layers, depths = result.coords["layer"].values, result.coords["relative_depth_a"].values
    return SemanticRegion(
        int(layers[lowest]),
        float(mean[lowest]),
        tuple(int(layers[i]) for i in inside),
        tuple(float(depths[i]) for i in inside),
    )
