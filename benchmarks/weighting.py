"""What weights over layers cost, what comes out where it is known, and how often the gain is wrong.

    python benchmarks/weighting.py [--n 1000] [--layers 19]
    python benchmarks/weighting.py --draws 100

Layers of noise but for two that have a half of the target each; once to compile, then timed, cross-validation included.
With ``--draws`` the same is done on so many fresh samples of 240 items and three layers: how often the interval of the gain
contains the mean gain of all samples, lies above it, and lies above 0.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from platoscope.layerwise import WeightOptions, weigh_layers


def main() -> None:
    """Print the table that was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--layers", type=int, default=19)
    parser.add_argument("--draws", type=int, default=0)
    options = parser.parse_args()
    if options.draws:
        coverage(options.draws)
    else:
        cost(options.n, options.layers)


def cost(n: int, n_layers: int) -> None:
    """Print one row: time and what came out."""
    rng = np.random.default_rng(0)
    layers = rng.standard_normal((n_layers, n, 640)).astype(np.float32)
    target = layers[n_layers // 4, :, :300] + layers[n_layers // 2, :, :300]
    weigh_layers(layers[:, :200, :20], target[:200], n_greedy=2, rng=0)
    start, start_cpu = time.perf_counter(), time.process_time()
    found = weigh_layers(layers, target, transform="unit", n_greedy=5, rng=0)
    took, took_cpu = time.perf_counter() - start, time.process_time() - start_cpu
    print("| layers | items | folds | seconds | CPU seconds | Δ best single | Δ equal | Δ weighted | Δ two |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    row = [str(n_layers), f"{n:,}", str(found.n_folds), f"{took:.1f}", f"{took_cpu:.1f}"]
    values = [*found.information_imbalance.values.tolist(), float(found.greedy.sel(size=2))]
    print(f"| {' | '.join([*row, *(f'{value:.3f}' for value in values)])} |")


def coverage(n_draws: int) -> None:
    """Print one row per kind of layers."""
    print("| layers | mean gain | interval covers it | lies above it | lies above 0 |")
    print("| --- | --- | --- | --- | --- |")
    for kind in ("one has all", "all alike", "two halves"):
        drawn = [_gain(kind, seed) for seed in range(n_draws)]
        gain, low, high = np.array(drawn).T
        mean = gain.mean()
        shares = [((low <= mean) & (mean <= high)).mean(), (low > mean).mean(), (low > 0).mean()]
        print(f"| {kind} | {mean:.3f} | {' | '.join(f'{share:.0%}' for share in shares)} |", flush=True)


def _gain(kind: str, seed: int) -> tuple[float, float, float]:
    rng = np.random.default_rng(seed)
    target, *noise = rng.standard_normal((4, 240, 6))
    layers = {
        "one has all": [target + 0.5 * noise[0], noise[1], noise[2]],
        "all alike": [target + 0.5 * each for each in noise],
        "two halves": [target[:, :3], target[:, 3:], noise[0]],
    }[kind]
    found = weigh_layers(layers, target, options=WeightOptions(n_steps=50), n_resamples=100, rng=seed)
    return float(found.gain), float(found.gain_low), float(found.gain_high)


if __name__ == "__main__":
    main()
