"""Whether intervals cover, and whether claims under independence are as rare as they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from measuring.table import Row

if TYPE_CHECKING:
    from argparse import Namespace

    from measuring.table import Sizes

__all__ = ["coverage", "false_positives"]

N_SAMPLES = 300
KINDS = ("half of the features", "noise added", "independent")


def _draw(rng: np.random.Generator, kind: str, d: int) -> tuple[Any, Any]:
    X = rng.standard_normal((N_SAMPLES, d))
    if kind == KINDS[0]:
        return X, X[:, : d // 2]
    if kind == KINDS[1]:
        return X, X + rng.standard_normal((N_SAMPLES, d))
    return X, rng.standard_normal((N_SAMPLES, d))


def coverage(sizes: Sizes, options: Namespace) -> list[Row]:
    """Count how often nominal 95 % intervals contain the expectation, on Gaussian pairs.

    The expectation at this N is the mean over all draws. Both directions count.
    """
    from platoscope import profile

    rng = np.random.default_rng(2)
    rows = []
    for kind in KINDS:
        for d in (10, 200):
            results = [
                profile([X], [Y], measures=["information_imbalance"], rng=rng)
                for X, Y in (_draw(rng, kind, d) for _ in range(sizes.draws))
            ]
            value, low, high = (
                np.array([result[name].values[:, 0] for result in results])
                for name in (f"information_imbalance{end}" for end in ("", "_low", "_high"))
            )
            expected = value.mean(axis=0)
            hit = float(((low <= expected) & (expected <= high)).mean())
            width = float((high - low).mean() / (2 * 1.96 * value.std(axis=0).mean()))
            rows.append(
                Row("coverage", f"Gaussian, {kind}, N = {N_SAMPLES}, D = {d}; {sizes.draws} draws", f"{hit:.1%}",
                    "nominal 95 %", f"intervals {width:.2f} × as wide as the spread over draws asks")
            )  # fmt: skip
    return rows


def false_positives(sizes: Sizes, options: Namespace) -> list[Row]:
    """Count how often the claim about the best pair of layers rejects independence at 5 %."""
    from platoscope import compare

    rng = np.random.default_rng(3)
    rejected: dict[str, list[bool]] = {}
    for _ in range(sizes.draws):
        A, B = rng.standard_normal((2, 4, 100, 20))
        result = compare(A, B, n_resamples=0, n_permutations=99, rng=rng)
        for name in ("information_imbalance", "neighborhood_overlap", "cka_debiased"):
            for p in np.atleast_1d(result[f"{name}_best_p"].values):
                rejected.setdefault(name, []).append(bool(p <= 0.05))
    return [
        Row("false-positives", f"best of 4 × 4 independent layers, `{name}`; {len(values)} claims",
            f"{np.mean(values):.1%}", "nominal 5 %", f"± {1.96 * np.sqrt(0.05 * 0.95 / len(values)):.1%} by chance")
        for name, values in rejected.items()
    ]  # fmt: skip
