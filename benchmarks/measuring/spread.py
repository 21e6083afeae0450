"""How far measures stray from draw to draw on stacks of shared latents, and how much wider their intervals are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platoscope.studies.judge.evidence import curve, mean_of_directions

if TYPE_CHECKING:
    from platoscope.studies.judge.evidence import Quantity

__all__ = ["spread"]

NOISE = (0.5, 0.6, 0.7, 0.8, 1.0, 1.2)
N_SAMPLES, DIMENSIONS, DRAWS, BETWEEN, SUBSAMPLES = 500, 12, 60, 0.9, 40
OTHERS = ("neighborhood_overlap", "cka_debiased", "cka_biased")


def spread() -> list[str]:
    """Give one line for each pair of neighboring layers, at the Δ of the first, and one for each other measure.

    Standard deviations from draw to draw are times √N; the intervals' errors stand beside them as multiples.
    """
    from platoscope import profile

    found = []
    for seed in range(DRAWS):
        rng = np.random.default_rng([seed, N_SAMPLES])
        latent = rng.standard_normal((N_SAMPLES, DIMENSIONS))
        sides = _stack(rng, latent), _stack(rng, latent)
        measures = ["information_imbalance", *OTHERS]
        found.append(profile(*sides, measures=measures, n_resamples=SUBSAMPLES, rng=0))
    lines = []
    deltas = [mean_of_directions(result) for result in found]
    for i in range(len(NOISE) - 1):
        one = _told([curve(result, direction="a_to_b").at(i) for result in found])
        step = _told([delta.at(i + 1) - delta.at(i) for delta in deltas])
        gap = _told([curve(result, "asymmetry").at(i) for result in found])
        mean = np.mean([delta.values[i] for delta in deltas])
        lines.append(f"Δ = {mean:.2f}: one direction {one}, difference of layers {step}, asymmetry {gap}")
    for name in OTHERS:
        told = []
        for i in range(len(NOISE)):
            values = [curve(result, name).at(i) for result in found]
            told.append(f"at {np.mean([value.value for value in values]):.2f} {_told(values)}")
        lines.append(f"{name}: {', '.join(told)}")
    return lines


def _told(values: list[Quantity]) -> str:
    """Say the spread of a number over draws, and how much wider its errors are."""
    sd = np.std([value.value for value in values], ddof=1)
    wide = np.sqrt(np.mean([value.se**2 for value in values])) / sd
    return f"{np.sqrt(N_SAMPLES) * sd:.2f} (× {wide:.2f})"


def _stack(rng: np.random.Generator, latent: np.ndarray) -> list[np.ndarray]:
    """Add noise of growing size; that of neighbors is alike, as in layers of one network."""
    noise, layers = rng.standard_normal(latent.shape), []
    for size in NOISE:
        noise = BETWEEN * noise + np.sqrt(1 - BETWEEN**2) * rng.standard_normal(latent.shape)
        layers.append((latent + size * noise).astype(np.float32))
    return layers
