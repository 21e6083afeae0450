"""How far Δ, its difference between two layers and the asymmetry stray from draw to draw, on stacks of shared latents."""

from __future__ import annotations

import numpy as np

__all__ = ["spread"]

NOISE = (0.5, 0.6, 0.7, 0.8, 1.0, 1.2)
N_SAMPLES, DIMENSIONS, DRAWS, BETWEEN = 500, 12, 60, 0.9


def spread() -> list[str]:
    """Give one line for each pair of neighboring layers: standard deviations times √N, at the Δ of the first."""
    from platoscope import profile

    found = []
    for seed in range(DRAWS):
        rng = np.random.default_rng([seed, N_SAMPLES])
        latent = rng.standard_normal((N_SAMPLES, DIMENSIONS))
        result = profile(
            _stack(rng, latent), _stack(rng, latent), measures=["information_imbalance"], n_resamples=0, rng=0
        )
        found.append(result["information_imbalance"].values)
    delta = np.array(found)
    mean, gap = delta.mean(axis=1), delta[:, 0] - delta[:, 1]
    step = np.diff(mean, axis=1)
    scale = np.sqrt(N_SAMPLES)
    return [
        f"Δ = {mean[:, i].mean():.2f}: one direction {scale * delta[:, 0, i].std(ddof=1):.2f}, "
        f"difference of layers {scale * step[:, i].std(ddof=1):.2f}, asymmetry {scale * gap[:, i].std(ddof=1):.2f}"
        for i in range(step.shape[1])
    ]


def _stack(rng: np.random.Generator, latent: np.ndarray) -> list[np.ndarray]:
    """Add noise of growing size; that of neighbors is alike, as in layers of one network."""
    noise, layers = rng.standard_normal(latent.shape), []
    for size in NOISE:
        noise = BETWEEN * noise + np.sqrt(1 - BETWEEN**2) * rng.standard_normal(latent.shape)
        layers.append((latent + size * noise).astype(np.float32))
    return layers
