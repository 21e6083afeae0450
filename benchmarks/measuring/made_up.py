"""Made-up results with a known truth, in the layout of `platoscope.profile`, as often as a benchmark likes.

The value of a measure at N items is its truth plus normal noise, and each subsample of N/4 items adds noise of
its own, as `platoscope.profile` finds them. What decides how sharp a verdict can be was measured on stacks of
shared latents (``z + noise`` in 12 dimensions on both sides, 60 draws at N = 500, `spread.py`), and is
interpolated in the value of the measure:

- the standard deviation at N, times √N;
- how much too wide the intervals are: those of Δ, which are carried to N, and those of plain subsamples elsewhere;
- how much the expectation at N/4 items differs from that at N, which reaches verdicts through minima, ranges
  and ratios that are redone inside a subsample; not of Δ, whose carried values have their mean at N;
- correlations of the noise: 0.5 from layer to layer (found: 0.2 to 0.5), 0.4 between directions (0.2 to 0.6 where
  Δ is below 0.7).

Comparisons of the same items share some of their noise: 0.3 is a guess, on the low side for sentences whose one
side is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["LAYERS", "Truth", "draw", "through"]

LAYERS = 19
FRACTION = 0.25
_BETWEEN_LAYERS, _BETWEEN_DIRECTIONS, _BETWEEN_COMPARISONS = 0.5, 0.4, 0.3
_DELTA = {
    "value": (0.0, 0.012, 0.052, 0.21, 0.43, 0.685, 0.857, 1.0),
    "sd": (0.0, 0.015, 0.10, 0.33, 0.55, 0.65, 0.66, 0.76),
    "too_wide": (1.15,) * 8,
    "at_quarter": (0.0, 0.012, 0.052, 0.21, 0.43, 0.685, 0.857, 1.0),
}
_OVERLAP = {
    "value": (0.0, 0.02, 0.056, 0.114, 0.215, 0.42, 0.675, 1.0),
    "sd": (0.05, 0.057, 0.114, 0.145, 0.19, 0.24, 0.17, 0.0),
    "too_wide": (1.8, 1.8, 1.8, 1.6, 1.3, 1.1, 1.0, 1.0),
    "at_quarter": (0.09, 0.105, 0.18, 0.27, 0.38, 0.57, 0.76, 1.0),
}
_CKA = {
    "value": (0.0, 0.04, 0.115, 0.25, 0.45, 0.64, 0.84, 0.957, 1.0),
    "sd": (0.08, 0.13, 0.19, 0.24, 0.21, 0.155, 0.08, 0.02, 0.0),
    "too_wide": (1.2,) * 9,
    "at_quarter": (0.0, 0.04, 0.115, 0.25, 0.45, 0.64, 0.84, 0.957, 1.0),
}


def through(*points: tuple[float, float]) -> NDArray[np.float64]:
    """Give a curve over layers by straight lines through (depth, value)."""
    depth, values = zip(*points, strict=True)
    return np.interp(np.linspace(0, 1, LAYERS), depth, values)


@dataclass(frozen=True)
class Truth:
    """What one comparison really is: Δ in both directions by layer, and other measures."""

    forward: NDArray[np.float64]
    backward: NDArray[np.float64]
    symmetric: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    axis: tuple[str, tuple[float, ...]] | None = None
    """Of synthetic data: the varied quantity and its values."""
    items: str = "same"
    """Comparisons of equal items share noise and are paired."""
    shuffled: bool = False
    """One shuffle moves all layers together."""
    distances: bool = False
    """Over token distances, with one and the same Δ at each."""
    tokens: tuple[float, ...] = ()
    """Of a matrix of texts: tokens of each; the curves have its cells row by row, as noisy together as layers."""


def draw(
    truths: Mapping[str, Truth], n_samples: int, n_resamples: int, rng: np.random.Generator, /
) -> dict[str, xr.Dataset]:
    """Draw one result for each truth."""
    size = round(FRACTION * n_samples)
    scales = (np.sqrt(1 / n_samples), np.sqrt(1 / size - 1 / n_samples))
    shared: dict[tuple[str, int], tuple[list[NDArray[np.float64]], ...]] = {}
    results = {}
    for label, truth in truths.items():
        names = ["a_to_b", "b_to_a", *truth.symmetric]
        curves = [truth.forward, truth.backward, *truth.symmetric.values()]
        shape = (len(names), len(truth.forward))
        key = (truth.items, shape[1])
        if key not in shared:
            shared[key] = _noise((8, shape[1]), n_resamples, truth, rng)
        own = _noise(shape, n_resamples, truth, rng)
        mixed = [
            np.sqrt(_BETWEEN_COMPARISONS) * common[..., : shape[0], :]
            + np.sqrt(1 - _BETWEEN_COMPARISONS) * private
            for common, private in zip(shared[key], own, strict=True)
        ]
        values, draws = [], []
        for i, (name, curve) in enumerate(zip(names, curves, strict=True)):
            table = _table(name)
            sd, wide, moved = (
                np.interp(curve, table["value"], table[what]) for what in ("sd", "too_wide", "at_quarter")
            )
            noise = sd * scales[0] * mixed[0][i]
            values.append(curve + noise)
            draws.append(moved + noise + sd * wide * scales[1] * mixed[1][:, i])
        results[label] = _dataset(truth, names, np.array(values), np.stack(draws, axis=1), n_samples)
    return results


def _table(name: str) -> Mapping[str, tuple[float, ...]]:
    if name in ("a_to_b", "b_to_a"):
        return _DELTA
    return _OVERLAP if name == "neighborhood_overlap" else _CKA


def _noise(
    shape: tuple[int, int], n_resamples: int, truth: Truth, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw standard normal noise of the value and of each subsample, with the correlations of a profile."""
    between = 0.98 if truth.shuffled else _BETWEEN_LAYERS
    apart = np.abs(np.subtract.outer(np.arange(shape[1]), np.arange(shape[1])))
    mix = np.linalg.cholesky(between**apart)
    noise = rng.standard_normal((n_resamples + 1, *shape)) @ mix.T
    noise[:, 1] = _BETWEEN_DIRECTIONS * noise[:, 0] + np.sqrt(1 - _BETWEEN_DIRECTIONS**2) * noise[:, 1]
    return noise[0], noise[1:]


def _dataset(
    truth: Truth, names: list[str], values: NDArray[np.float64], draws: NDArray[np.float64], n_samples: int
) -> xr.Dataset:
    if truth.tokens:
        return _matrix(truth, values, draws, n_samples)
    dimension = truth.axis[0] if truth.axis else "layer"
    n = values.shape[1]
    variables = {
        "information_imbalance": (("direction", dimension), values[:2]),
        "information_imbalance_resamples": (("resample", "direction", dimension), draws[:, :2]),
        "asymmetry": ((dimension,), values[0] - values[1]),
        "asymmetry_resamples": (("resample", dimension), draws[:, 0] - draws[:, 1]),
    }
    for i, name in enumerate(names[2:], start=2):
        variables[name] = ((dimension,), values[i])
        variables[f"{name}_resamples"] = (("resample", dimension), draws[:, i])
    result = xr.Dataset(variables, _coordinates(truth.axis, n), _attributes(truth, n_samples))
    return result.expand_dims(token_distance=[1]) if truth.distances else result


def _attributes(truth: Truth, n_samples: int) -> dict[str, object]:
    return {
        "n_samples": n_samples,
        "resample_fraction": FRACTION,
        "seed": "0",
        "subsamples": truth.items,
        "neighborhood_overlap_chance": 10 / (n_samples - 1),
    }


def _matrix(
    truth: Truth, values: NDArray[np.float64], draws: NDArray[np.float64], n_samples: int
) -> xr.Dataset:
    n = len(truth.tokens)
    shape = ("direction", "text_a", "text_b")
    variables = {
        "information_imbalance": (shape, values[:2].reshape(2, n, n)),
        "information_imbalance_resamples": (("resample", *shape), draws[:, :2].reshape(-1, 2, n, n)),
    }
    coordinates = {
        "direction": ["a_to_b", "b_to_a"],
        "text_a": np.arange(n),
        "text_b": np.arange(n),
        "tokens": ("text_a", np.array(truth.tokens)),
    }
    return xr.Dataset(variables, coordinates, _attributes(truth, n_samples))


@cache
def _coordinates(axis: tuple[str, tuple[float, ...]] | None, n: int) -> xr.Coordinates:
    """Give what places the layers; made once, since indices cost more than all the rest."""
    coordinates: dict[str, object] = {"direction": ["a_to_b", "b_to_a"]}
    if axis:
        coordinates[axis[0]] = np.array(axis[1])
    else:
        depth = np.linspace(0, 1, n)
        coordinates |= {"layer": np.arange(n)}
        coordinates |= {f"relative_depth_{side}": ("layer", depth) for side in "ab"}
    return xr.Dataset(coords=coordinates).coords
