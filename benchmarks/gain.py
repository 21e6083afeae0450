"""How honest an imbalance gain is: false positives and power of its p-value, coverage and width of its interval, its cost.

    python benchmarks/gain.py                 # all of it at N = 300: some minutes
    python benchmarks/gain.py --n 300 --draws 60
    python benchmarks/gain.py --cost          # only what a weight costs

Gaussian data: the target has 8 features, of which 4 are given with noise. The new space is noise, a copy of what is given
with noise of its own, or 1 or 4 of the other features with noise. The truth of an interval is the mean gain of ``--truth``
fresh samples; "width" is its half-width as a multiple of 1.96 true standard deviations. Costs are ratios of processor time,
which other work on the machine does not change much.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from platoscope import imbalance_gain, information_imbalance
from platoscope.layerwise import gain_profile, profile
from platoscope.measures import DEFAULT_WEIGHTS

CASES = ("noise", "repeats given", "1 of 4", "4 of 4")
WEIGHTS = (0.0, 0.2, 0.5, 1.0, 2.0)


def draw(case: str, n: int, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Return new, given and target."""
    target = rng.standard_normal((n, 8))
    given = target[:, :4] + 0.3 * rng.standard_normal((n, 4))
    noise = rng.standard_normal((n, 4))
    new = {
        "noise": noise,
        "repeats given": given + 0.5 * noise,
        "1 of 4": target[:, 4:5] + 0.3 * noise[:, :1],
        "4 of 4": target[:, 4:] + 0.3 * noise,
    }[case]
    return new, given, target


def main() -> None:
    """Print how honest a gain is, and what it costs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--truth", type=int, default=400)
    parser.add_argument("--cost", action="store_true", help="only what a weight costs")
    options = parser.parse_args()
    if not options.cost:
        honesty(options)
    cost()


def honesty(options: argparse.Namespace) -> None:
    """Print how often p is small and an interval covers, a row per case."""
    rng = np.random.default_rng(0)
    print(f"N = {options.n}, {options.draws} draws; null of 99, 100 subsamples of a quarter\n")
    print("| new space | mean gain | p ≤ 0.05 | interval covers | width |\n| --- | --- | --- | --- | --- |")
    for case in CASES:
        truth = [
            imbalance_gain(*draw(case, options.n, rng), weights=WEIGHTS, n_permutations=0).gain
            for _ in range(options.truth)
        ]
        mean, sd = np.mean(truth), np.std(truth, ddof=1)
        found = [
            imbalance_gain(*draw(case, options.n, rng), weights=WEIGHTS, n_resamples=100, rng=rng)
            for _ in range(options.draws)
        ]
        small = np.mean([each.p <= 0.05 for each in found])
        low, high = np.array([each.interval for each in found]).T
        covers = np.mean((low <= mean) & (mean <= high))
        width = np.mean(high - low) / 2 / (1.96 * sd)
        print(f"| {case} | {mean:.3f} | {small:.1%} | {covers:.1%} | {width:.2f} |", flush=True)


def cost() -> None:
    """Print what a weight costs, as a multiple of a comparison of two layers, without a null and with one."""
    rng = np.random.default_rng(0)
    new, given, target = (rng.standard_normal((1000, 640), np.float32) for _ in range(3))
    plain = _seconds(lambda: imbalance_gain(new, given, target, n_permutations=0)) / (
        len(DEFAULT_WEIGHTS) - 1
    )
    comparison = _seconds(lambda: information_imbalance(new, target))
    how = {"n_permutations": 100, "n_resamples": 40, "rng": 0}
    gained = _seconds(lambda: gain_profile([new], [given], [target], weights=WEIGHTS, **how)) / (
        len(WEIGHTS) - 1
    )
    profiled = _seconds(lambda: profile([new], [target], measures=["information_imbalance"], **how))
    print(
        "\nN = 1,000, 640 features; processor time of one weight above 0 as a multiple of a comparison of two layers:"
    )
    print(f"without null and interval {plain / comparison:.2f} ×")
    print(f"both with 100 permutations and 40 subsamples {gained / profiled:.2f} ×")


def _seconds(call: Any, repeats: int = 5) -> float:
    """Return the least processor time of several calls, after one that compiles."""
    call()
    found = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return min(found)


if __name__ == "__main__":
    main()
