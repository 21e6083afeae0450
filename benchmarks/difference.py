"""How honest a difference of two profiles is: how often its p-values are small, and its intervals contain the truth.

    python benchmarks/difference.py                                # all of it: an hour on two free cores
    python benchmarks/difference.py --sizes 200 --cases copies --draws 60

Two models of three layers read two sides of the same items: a latent of 10 features, with noise of each side, layer and
model. The curves are equal in expectation in the cases of the first block:

    copies      all noise is of its own
    related     four fifths of the variance of the noise is that of the other model too
    clusters    the latent has 20 clusters
    heavy       the latent has Student's t of two degrees of freedom
    moved       the smallest Δ is equal, and stands at the first layer of one and at the last of the other
    unlike      the second model reads 4 of the 10 features, with less noise; whether Δ is equal is not known

and in "10 %", "20 %" and "40 %" the noise of the second model is larger by that.

Columns: how often p ≤ 0.05 of a depth, adjusted p ≤ 0.05 of any depth, p ≤ 0.05 of the mean over the depth and of the best
layer; how often the interval contains the true difference, of a depth and of the best layer, which is 0 or the mean of all
draws; the half-width of that of a depth as a multiple of 1.96 true standard deviations. "exchange" is another test, not
the library's: the ranks of every item are exchanged between the models, or not, at random, and Δ is the mean of what is
there. It is asked how often its p ≤ 0.05, of a depth and of the best layer. All are of the mean of both directions.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope import difference, profile

if TYPE_CHECKING:
    import xarray as xr

NOISE = np.array([1.5, 0.7, 1.0])
MOVED = np.array([0.7, 1.0, 1.5])
LARGER = {"10 %": 1.1, "20 %": 1.2, "40 %": 1.4}
EQUAL = ("copies", "related", "clusters", "heavy")
CASES = (*EQUAL, "moved", "unlike", *LARGER)
N_FEATURES = 10
N_SIGNS = 199


def draw(case: str, n: int, rng: np.random.Generator) -> list[tuple[Any, Any]]:
    """Return both sides of both models."""
    latent = rng.standard_normal((n, N_FEATURES))
    if case == "clusters":
        latent = 0.5 * latent + 2 * rng.standard_normal((20, N_FEATURES))[rng.integers(20, size=n)]
    elif case == "heavy":
        latent = rng.standard_t(2, (n, N_FEATURES))
    shape = (2, len(NOISE), n, N_FEATURES)
    common = rng.standard_normal(shape)
    models = []
    for second in (False, True):
        level = NOISE
        if case == "moved":
            level = MOVED[::-1] if second else MOVED
        own = rng.standard_normal(shape)
        if case == "related":
            own = np.sqrt(0.8) * common + np.sqrt(0.2) * own
        sides = latent + own * level[:, None, None] * (LARGER.get(case, 1.0) if second else 1.0)
        if case == "unlike" and second:
            sides = latent[:, :4] + 0.6 * own[..., :4] * level[:, None, None]
        models.append((sides[0], sides[1]))
    return models


def exchanged(profiles: list[xr.Dataset], rng: np.random.Generator) -> tuple[Any, bool]:
    """Say of each layer, and of the best, whether the test that exchanges ranks item by item has p ≤ 0.05."""
    one, other = (
        p.neighbor_rank.transpose("direction", "layer", "item").values.mean(axis=0) for p in profiles
    )
    n = one.shape[-1]
    gap, total = (2 / n**2 * rows for rows in (one - other, one + other))
    signs = rng.choice([-1.0, 1.0], (N_SIGNS, n))
    sums = np.concatenate([gap.sum(axis=1)[None], signs @ gap.T])
    middle = total.sum(axis=1)
    best = ((middle + sums) / 2).min(axis=1) - ((middle - sums) / 2).min(axis=1)
    p_values = (np.abs(sums) >= np.abs(sums[0]) - 1e-12).mean(axis=0)
    return p_values <= 0.05, float((np.abs(best) >= np.abs(best[0]) - 1e-12).mean()) <= 0.05


def row(case: str, n: int, n_draws: int, n_resamples: int) -> str:
    """Return a line of the table."""
    rng = np.random.default_rng([n, CASES.index(case)])
    found, others = [], []
    for number in range(n_draws):
        profiles = [
            profile(*sides, measures="information_imbalance", n_resamples=n_resamples, items=True, rng=number)
            for sides in draw(case, n, rng)
        ]
        kept = difference(*profiles).sel(direction="mean")
        found.append(kept.drop_dims("resample"))
        others.append(exchanged(profiles, rng))

    def every(name: str) -> Any:
        return np.stack([each[name].values for each in found])

    gap, best = every("difference"), every("best_difference")
    truth = np.zeros(gap.shape[1]) if case in EQUAL else gap.mean(axis=0)
    best_truth = 0.0 if case in (*EQUAL, "moved") else best.mean()
    covers = (every("difference_low") <= truth) & (truth <= every("difference_high"))
    best_covers = (every("best_difference_low") <= best_truth) & (best_truth <= every("best_difference_high"))
    width = (every("difference_se").mean(axis=0) / gap.std(axis=0, ddof=1)).mean()
    delta = [each[name].values.min() for each in found for name in ("first", "second")]
    shares = [
        (every("difference_p") <= 0.05).mean(),
        (every("difference_p_adjusted").min(axis=1) <= 0.05).mean(),
        (every("mean_difference_p") <= 0.05).mean(),
        (every("best_difference_p") <= 0.05).mean(),
        covers.mean(),
        best_covers.mean(),
    ]
    layers, bests = (np.mean([other[i] for other in others]) for i in (0, 1))
    cells = [f"{share:.1%}" for share in shares]
    numbers = [case, str(n), f"{np.mean(delta):.2f}", f"{gap.mean():+.3f}", *cells, f"{width:.2f}"]
    return f"| {' | '.join([*numbers, f'{layers:.1%}', f'{bests:.1%}'])} |"


def main() -> None:
    """Print a row per case and number of items."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 500, 1000])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--resamples", type=int, default=100)
    options = parser.parse_args()
    heads = (
        "case", "N", "smallest Δ", "mean D", "p ≤ .05", "any adjusted", "mean p ≤ .05", "best p ≤ .05", "interval covers",
        "best covers", "width", "exchange: p ≤ .05", "exchange: best",
    )  # fmt: skip
    print(f"{options.draws} draws, {options.resamples} subsamples of a quarter\n")
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}", flush=True)
    for n in options.sizes:
        for case in options.cases:
            print(row(case, n, options.draws, options.resamples), flush=True)


if __name__ == "__main__":
    main()
