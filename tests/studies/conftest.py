"""Made-up results in the layout of `platoscope.profile`, with resamples of a chosen spread."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

N, FRACTION, RESAMPLES = 1000, 0.25, 40


def _resamples(values: np.ndarray, se: float, rng: np.random.Generator) -> np.ndarray:
    """Draw subsample values whose jackknife standard error is exactly `se` for every entry."""
    m = round(FRACTION * N)
    noise = rng.standard_normal((RESAMPLES, *values.shape))
    noise = (noise - noise.mean(axis=0)) / noise.std(axis=0, ddof=1)
    return values + noise * se / math.sqrt(m / (N - m))


def made_up(
    forward: Sequence[float],
    backward: Sequence[float] | None = None,
    *,
    se: float = 0.005,
    seed: int = 0,
    dimension: str = "layer",
    axis: Sequence[float] | None = None,
    held: str | None = None,
    null: float = 1.0,
    null_sd: float = 0.05,
    **symmetric: Sequence[float],
) -> xr.Dataset:
    """Build a profile of given Δ in both directions and given symmetric measures.

    `held` names a side ("a" or "b") that stays at one layer, as in a sweep. `dimension` and `axis` make a
    result of synthetic data.
    """
    rng = np.random.default_rng(seed)
    delta = np.array([forward, forward if backward is None else backward], dtype=float)
    n_layers = delta.shape[1]
    variables = {
        "information_imbalance": (("direction", dimension), delta),
        "information_imbalance_null": (("direction", dimension), np.full_like(delta, null)),
        "information_imbalance_null_sd": (("direction", dimension), np.full_like(delta, null_sd)),
        "asymmetry": ((dimension,), delta[0] - delta[1]),
    }
    draws = _resamples(delta, se, rng)
    variables["information_imbalance_resamples"] = (("resample", "direction", dimension), draws)
    variables["asymmetry_resamples"] = (("resample", dimension), draws[:, 0] - draws[:, 1])
    for name, values in symmetric.items():
        line = np.array(values, dtype=float)
        variables[name] = ((dimension,), line)
        variables[f"{name}_resamples"] = (("resample", dimension), _resamples(line, se, rng))
    depth = np.linspace(0, 1, n_layers)
    coordinates: dict[str, object] = {"direction": ["a_to_b", "b_to_a"]}
    if dimension == "layer":
        coordinates["layer"] = np.arange(n_layers)
        for side in ("a", "b"):
            fixed = side == held
            coordinates[f"layer_{side}"] = ("layer", np.full(n_layers, 2) if fixed else np.arange(n_layers))
            coordinates[f"relative_depth_{side}"] = ("layer", np.full(n_layers, 0.5) if fixed else depth)
    else:
        coordinates[dimension] = np.asarray(axis, dtype=float)
    attributes = {
        "n_samples": N,
        "resample_fraction": FRACTION,
        "n_resamples": RESAMPLES,
        "n_permutations": 100,
        "neighborhood_overlap_chance": 0.01,
        "seed": "0",
        "subsamples": "made up",
    }
    return xr.Dataset(variables, coordinates, attributes)


@pytest.fixture(name="made_up")
def made_up_fixture() -> Callable[..., xr.Dataset]:
    """Give the builder of made-up results."""
    return made_up


def made_up_tokens(
    forward: Sequence[float], backward: Sequence[float] | None = None, *, se: float = 0.005, seed: int = 0
) -> xr.Dataset:
    """Build a result over token distances that is the same at every distance."""
    one = made_up(forward, backward, se=se, seed=seed)
    return xr.concat([one, one], xr.IndexVariable("token_distance", [1, 4]), data_vars="all")


@pytest.fixture(name="made_up_tokens")
def made_up_tokens_fixture() -> Callable[..., xr.Dataset]:
    """Give the builder of made-up results over token distances."""
    return made_up_tokens
