"""How often the 95 % intervals of ridge R² hold the mean of fresh samples, and how wide they are.

    python benchmarks/predictability.py            # N = 200, 100 draws: some minutes

Gaussian data: 40 features, and the same with noise, or their first 10 with noise. The truth of an interval is the mean of
``--truth`` fresh samples; "width" is its half-width as a multiple of 1.96 true standard deviations.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from platoscope import profile

CASES = {"noise": (40, 1.0), "much noise": (40, 4.0), "a part": (10, 0.3)}


def draw(case: str, n: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return two sides of n items."""
    width, noise = CASES[case]
    X = rng.standard_normal((n, 40)) / np.arange(1, 41) ** 0.5
    return X, X[:, :width] + noise * rng.standard_normal((n, width)) / 10


def main() -> None:
    """Print a row per case and direction."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--truth", type=int, default=300)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    print("| sides | R², direction | mean | interval holds it | width |\n| --- | --- | --- | --- | --- |")
    for case in CASES:
        fresh = [_profile(case, options.n, rng, 0) for _ in range(options.truth)]
        found = [_profile(case, options.n, rng, 40) for _ in range(options.draws)]
        for direction, arrow in enumerate(("A→B", "B→A")):
            values = np.array([each.ridge_r2.values[direction, 0] for each in fresh])
            low, high = (
                np.array([each[f"ridge_r2_{end}"].values[direction, 0] for each in found])
                for end in ("low", "high")
            )
            holds = np.mean((low <= values.mean()) & (values.mean() <= high))
            width = np.mean(high - low) / 2 / (1.96 * values.std(ddof=1))
            print(f"| {case} | {arrow} | {values.mean():.3f} | {holds:.0%} | {width:.2f} |", flush=True)


def _profile(case: str, n: int, rng: np.random.Generator, n_resamples: int) -> Any:
    X, Y = draw(case, n, rng)
    return profile([X], [Y], measures=["ridge_r2"], n_resamples=n_resamples, rng=rng)


if __name__ == "__main__":
    main()
