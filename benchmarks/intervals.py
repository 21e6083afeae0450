"""How wide intervals of Information Imbalance are, and how often they cover, on data of several kinds and levels.

    python benchmarks/intervals.py                                 # all of it at N = 500: an hour or two
    python benchmarks/intervals.py --kinds gaussian --levels 0.02 0.2 --draws 100 --truth 400
    python benchmarks/intervals.py --n 1000 --levels 0.05 0.4

Two layers of A share a signal with one B; noise is chosen so that Δ of the first has the wanted level at this N. The
true spread and expectation come from ``--truth`` fresh samples, of which the first ``--draws`` get intervals by every
candidate. A cell says how wide the intervals are on average, as a multiple of ± 1.96 true standard deviations, and
how many of them contain the expectation.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from platoscope import prepare, profile
from platoscope.measures import Z95, ComparisonOptions, get_measure, jackknife_covariance, standard_errors
from platoscope.neighbors import nearest_neighbors

Draw = Callable[[float, int, np.random.Generator], "tuple[Any, Any, Any]"]
PAIRS = np.array([(0, 0), (1, 1)], np.intp)
QUANTITIES = ("Δ(A→B)", "Δ(B→A)", "δ", "Δ − Δ of another layer")
CANDIDATES = {
    "delete_d": "subsamples of N/4 as they are",
    "level": "the same, (Δ − 2/m) scaled to its value at N",
    "delete_one": "delete-one jackknife",
    "projection": "own rank and rank changes of others, without neighbors that are replaced",
    "carried": "subsamples of N/4 carried to N",
}


def _plain(latent: Callable[[int, np.random.Generator], Any]) -> Draw:
    """Return a signal plus noise of its own kind on both sides; a third of the features of B is damped."""

    def draw(noise: float, n: int, rng: np.random.Generator) -> tuple[Any, Any, Any]:
        signal = latent(n, rng)
        a, other, b = (signal + noise * s * latent(n, rng) for s in (1.0, 1.2, 1.0))
        b[:, 1::3] *= 0.7
        return a, other, b

    return draw


def _gaussian(n: int, rng: np.random.Generator) -> Any:
    return rng.standard_normal((n, 10))


def _heavy(n: int, rng: np.random.Generator) -> Any:
    return rng.standard_t(3, size=(n, 10))


def _anisotropic(n: int, rng: np.random.Generator) -> Any:
    return rng.standard_normal((n, 50)) / np.arange(1, 51)


def _wide(n: int, rng: np.random.Generator) -> Any:
    return rng.standard_normal((n, 200))


def _clustered(noise: float, n: int, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    centers = 4 * np.random.default_rng(0).standard_normal((20, 10))
    signal = centers[rng.integers(20, size=n)] + rng.standard_normal((n, 10))
    a, other, b = (signal + noise * s * rng.standard_normal((n, 10)) for s in (1.0, 1.2, 1.0))
    b[:, 1::3] *= 0.7
    return a, other, b


def _near_duplicates(noise: float, n: int, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Draw items from 2,000 originals, each with its noise: items of one original differ by 5 % only."""
    which = rng.integers(2000, size=n)
    fixed = np.random.default_rng(0)
    originals, *noises = fixed.standard_normal((4, 2000, 10))
    a, other, b = (
        originals[which] + noise * s * own[which] + 0.05 * (1 + noise) * rng.standard_normal((n, 10))
        for s, own in zip((1.0, 1.2, 1.0), noises, strict=True)
    )
    b[:, 1::3] *= 0.7
    return a, other, b


KINDS: dict[str, Draw] = {
    "gaussian": _plain(_gaussian),
    "clustered": _clustered,
    "heavy-tailed": _plain(_heavy),
    "near-duplicates": _near_duplicates,
    "anisotropic": _plain(_anisotropic),
    "wide": _plain(_wide),
}
"""Data of kind → how it is drawn; *wide* (200 Gaussian features) has hubs."""


@dataclass(frozen=True)
class _Case:
    kind: str
    level: float
    n: int
    seed: int

    @property
    def draw(self) -> Draw:
        return KINDS[self.kind]

    def noise(self) -> float:
        """Return the noise at which Δ(A→B) has the level, by bisection on four samples."""
        low, high = 1e-3, 1e3
        for _ in range(16):
            middle = float(np.sqrt(low * high))
            rng = np.random.default_rng(self.seed)
            found = np.mean([_values(self.draw(middle, self.n, rng))[0] for _ in range(4)])
            low, high = (middle, high) if found < self.level else (low, middle)
        return middle


def _spaces(sample: tuple[Any, Any, Any]) -> tuple[list[Any], list[Any]]:
    a, other, b = map(prepare, sample)
    return [a, other], [b, b]


def _contrasts(directed: Any) -> Any:
    """Return the quantities from values of shape (..., 2 directions, 2 layers)."""
    forward, backward, other = directed[..., 0, 0], directed[..., 1, 0], directed[..., 0, 1]
    return np.stack([forward, backward, forward - backward, forward - other], axis=-1)


def _values(sample: tuple[Any, Any, Any]) -> Any:
    measure = get_measure("information_imbalance")
    return _contrasts(measure.scores(*_spaces(sample), PAIRS, ComparisonOptions(), {}))


def _errors(sample: tuple[Any, Any, Any], n_resamples: int, seed: int) -> dict[str, Any]:
    """Return the standard errors of the quantities by every candidate."""
    a, b = _spaces(sample)
    n = a[0].n_samples
    measure = get_measure("information_imbalance")
    options = ComparisonOptions()
    value = measure.scores(a, b, PAIRS, options, {})

    def resampled(method: str) -> Any:
        result = profile(
            a, b, measures=[measure.name], n_resamples=n_resamples, interval_method=method, rng=seed
        )  # fmt: skip
        return result[f"{measure.name}_resamples"].transpose("resample", "direction", "layer").values

    def spread(draws: Any) -> Any:
        return standard_errors(_contrasts(draws), n_samples=n, size=round(n / 4))

    plain = resampled("delete_d")
    floor = 2 / round(n / 4)
    level = (plain - floor) * (value - 2 / n) / (plain.mean(axis=0) - floor)
    assert measure.left_out is not None
    without = _contrasts(np.moveaxis(measure.left_out(a, b, PAIRS, options), -1, 0))
    one = jackknife_covariance(without.T[:, None])[0]
    share = _contrasts(np.stack([[_projection(a[i], b[i]) for i in (0, 1)], [_projection(b[i], a[i]) for i in (0, 1)]])
                       .transpose(2, 0, 1))  # fmt: skip
    return {
        "delete_d": spread(plain),
        "level": spread(level),
        "delete_one": np.sqrt(np.diag(one)),
        "projection": share.std(axis=0) / np.sqrt(n),
        "carried": spread(resampled("carried")),
    }


def _projection(source: Any, target: Any) -> Any:
    """Return what each item adds to Δ by the rank of its neighbor, and by standing before neighbors of others."""
    n = source.n_samples
    near = nearest_neighbors(source, 1, "euclidean").items
    rows = target.parts[0].astype(np.float64)
    squared = (rows**2).sum(axis=1)
    away = squared[:, None] + squared - 2 * rows @ rows.T
    np.fill_diagonal(away, np.inf)
    closer = away <= away[np.arange(n), near][:, None]
    return 2 / n * (closer.sum(axis=1) + closer.sum(axis=0))


def _rows(case: _Case, *, draws: int, truth: int, n_resamples: int) -> list[str]:
    rng = np.random.default_rng(case.seed + 1)
    noise = case.noise()
    values, errors = [], []
    for draw in range(truth):
        sample = case.draw(noise, case.n, rng)
        values.append(_values(sample))
        if draw < draws:
            errors.append(_errors(sample, n_resamples, draw))
    found = np.array(values)
    expected, sd = found.mean(axis=0), found.std(axis=0, ddof=1)
    lines = []
    for q, quantity in enumerate(QUANTITIES):
        cells = []
        for name in CANDIDATES:
            se = np.array([error[name][q] for error in errors])
            hit = np.abs(found[: len(se), q] - expected[q]) <= Z95 * se
            cells.append(f"{se.mean() / sd[q]:.2f} × {hit.mean():.1%}")
        lines.append(
            f"| {case.kind} | {case.level:g} | {quantity} | {sd[q]:.4f} | " + " | ".join(cells) + " |"
        )
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND", help=", ".join(KINDS)
    )
    parser.add_argument(
        "--levels", type=float, nargs="+", default=[0.02, 0.05, 0.1, 0.2, 0.4, 1.0], help="of Δ"
    )
    parser.add_argument("--n", type=int, default=500, help="items")
    parser.add_argument("--draws", type=int, default=300, help="samples that get intervals")
    parser.add_argument("--truth", type=int, default=1500, help="samples behind the true spread")
    parser.add_argument("--resamples", type=int, default=200, help="subsamples of each")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name, what in CANDIDATES.items():
        print(f"{name}: {what}")
    print(f"\n| Data, N = {options.n} | Δ | Quantity | True sd | " + " | ".join(CANDIDATES) + " |")
    print("| --- " * (4 + len(CANDIDATES)) + "|", flush=True)
    for level in options.levels:
        for kind in options.kinds:
            case = _Case(kind, level, options.n, options.seed)
            lines = _rows(case, draws=options.draws, truth=options.truth, n_resamples=options.resamples)
            print("\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
