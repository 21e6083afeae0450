"""What weights over layers cost, and what comes out where it is known.

    python benchmarks/weighting.py [--n 1000] [--layers 19]

Layers of noise but for two that have a half of the target each; once to compile, then timed, cross-validation included.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from platoscope.layerwise import weigh_layers


def main() -> None:
    """Print one row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--layers", type=int, default=19)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    layers = rng.standard_normal((options.layers, options.n, 640)).astype(np.float32)
    target = layers[options.layers // 4, :, :300] + layers[options.layers // 2, :, :300]
    weigh_layers(layers[:, :200, :20], target[:200], rng=0)
    start = time.perf_counter()
    found = weigh_layers(layers, target, transform="unit", rng=0)
    took = time.perf_counter() - start
    delta = dict(
        zip(found.candidate.values.tolist(), found.information_imbalance.values.tolist(), strict=True)
    )
    print(
        "| layers | items | folds | seconds | Δ best single | Δ equal | Δ weighted |\n"
        "| --- | --- | --- | --- | --- | --- | --- |"
    )
    row = [
        str(options.layers),
        f"{options.n:,}",
        str(found.n_folds),
        f"{took:.1f}",
        *(f"{v:.3f}" for v in delta.values()),
    ]
    print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
