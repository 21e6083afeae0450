"""What grids and profiles compute from kept float32 matrices is what the functions on two arrays give, and the formulas."""

from __future__ import annotations

import numpy as np
import pytest

from platoscope.measures import MEASURES, ComparisonOptions, Shuffles, cka, get_measure, retrieval, rsa
from platoscope.neighbors import prepare, take_sample
from platoscope.testing import references

OPTIONS = ComparisonOptions(overlap_neighbors=3, overlap_metric="euclidean")
ONE = np.zeros((1, 2), np.intp)
SLOW = {
    "cka_debiased": lambda X, Y: references.cka(X, Y),
    "cka_biased": lambda X, Y: references.cka(X, Y, "biased"),
    "cknna": lambda X, Y: references.cknna(X, Y, 3),
    "rsa": references.rsa,
}
KINDS = ["one far row", "two far rows", "far from all", "heavy tails", "ties", "a huge feature", "tiny"]


def awkward(kind, n_samples=24, seed=0):
    """Make two related arrays of a kind on which float32 products cancel."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, 6))
    Y = X + rng.standard_normal(X.shape)
    if kind == "one far row":
        X[0] += 3e3
    elif kind == "two far rows":
        X[0, 0] += 1e4
        X[1, 1] -= 3e4
        Y[2] += 1e3
    elif kind == "far from all":
        X += 1e6
    elif kind == "heavy tails":
        X = rng.standard_t(1, X.shape) ** 3
    elif kind == "ties":
        X, Y = np.round(X), np.round(Y)
    elif kind == "a huge feature":
        X[:, 0] *= 5000
    elif kind == "tiny":
        X[0] *= 1e6
        X *= 1e-30
    return X, Y


def grid(name, X, Y, **how):
    """Return the value that a grid of one pair of layers has."""
    return get_measure(name).scores([prepare(X, **how)], [prepare(Y, **how)], ONE, OPTIONS, {})[0, 0]


@pytest.mark.parametrize("block_size", [None, 7])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SLOW)
def test_a_grid_is_as_exact_as_the_formula(name, kind, block_size):
    """One far row, a far origin or ties do not show in any digit that counts."""
    X, Y = awkward(kind)
    assert grid(name, X, Y, block_size=block_size) == pytest.approx(SLOW[name](X, Y), abs=1e-5)
    assert grid(name, Y, X, block_size=block_size) == pytest.approx(SLOW[name](X, Y), abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SLOW)
def test_a_null_is_as_exact_as_the_formula(name, kind):
    """Permutations are taken of the same exact matrices."""
    X, Y = awkward(kind)
    order = np.random.default_rng(1).permutation(len(X))
    shuffles = Shuffles.of(order[None])
    null = get_measure(name).null([prepare(X)], [prepare(Y)], ONE, shuffles, OPTIONS, {})
    assert null[0, 0, 0] == pytest.approx(SLOW[name](X, Y[order]), abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "cut"),
    [(name, "subset") for name in SLOW] + [(f"cka_{e}", "sample") for e in ("debiased", "biased")],
)
def test_a_subsample_is_as_exact_as_the_formula(name, kind, cut):
    """A subsample without the far row is that of its own items, not of what float32 left of them beside it."""
    measure = MEASURES[name]
    X, Y = awkward(kind)
    items = np.arange(4, 20)
    take = take_sample if cut == "sample" else type(prepare(X)).subset
    sides = [[take(prepare(Z), items)] for Z in (X, Y)]
    values = (measure.sampled if cut == "sample" else measure.scores)(*sides, ONE, OPTIONS, {})
    assert values[0, 0] == pytest.approx(SLOW[name](X[items], Y[items]), abs=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_the_functions_are_exact_in_either_precision(kind, dtype):
    """The functions on two arrays keep to the formula as well."""
    X, Y = (Z.astype(dtype) for Z in awkward(kind))
    for estimator in ("debiased", "biased"):
        assert cka(X, Y, estimator=estimator) == pytest.approx(references.cka(X, Y, estimator), abs=1e-5)
    assert rsa(X, Y) == pytest.approx(references.rsa(X, Y), abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_rbf_kernel_is_exact(kind):
    """The distances of its exponent are float64 ones."""
    X, Y = awkward(kind)

    def kernel(Z):
        D = references.distances(Z)
        return np.exp(-D / (2 * np.median(D[np.triu_indices(len(Z), 1)]))).astype(np.float64)

    H = np.eye(len(X)) - 1 / len(X)
    K, L = H @ kernel(X) @ H, H @ kernel(Y) @ H
    want = (K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum())
    assert cka(X, Y, kernel="rbf", estimator="biased") == pytest.approx(want, abs=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_retrieval_is_exact(kind, dtype):
    """Who is among the nearest is what float64 says, with one feature × 5,000 and with ties as well."""
    X, Y = (Z.astype(dtype) for Z in awkward(kind, n_samples=60))
    if kind == "a huge feature":
        Y[:, 0] *= 5000
    found = retrieval(X, Y, k=(1, 3))
    centered = [np.longdouble(Z) - np.longdouble(Z).mean(0) for Z in (X, Y)]
    for k in (1, 3):
        assert found.forward[k] == pytest.approx(references.retrieval(*centered, k), abs=1e-12)
        assert found.backward[k] == pytest.approx(references.retrieval(*centered[::-1], k), abs=1e-12)
