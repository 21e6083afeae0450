"""What grids and profiles compute from kept float32 matrices is what the functions on two arrays give, and the formulas."""

from __future__ import annotations

import numpy as np
import pytest

from platoscope.errors import InputError
from platoscope.measures import MEASURES, ComparisonOptions, Shuffles, cka, get_measure, retrieval, rsa
from platoscope.measures._left_out import imbalance_left_out
from platoscope.neighbors import prepare, take_sample
from platoscope.testing import references

OPTIONS = ComparisonOptions(overlap_neighbors=3, overlap_metric="euclidean")
ONE = np.zeros((1, 2), np.intp)
SLOW = {
    "cka_debiased": lambda X, Y: references.cka(X, Y),
    "cka_biased": lambda X, Y: references.cka(X, Y, "biased"),
    "cknna": lambda X, Y: references.cknna(X, Y, 3),
    "rsa": references.rsa,
    "procrustes": references.procrustes,
}
RANKED = {
    "information_imbalance": lambda X, Y, metric: references.information_imbalance(
        np.longdouble(X), np.longdouble(Y), 1, metric
    ),
    "neighborhood_overlap": lambda X, Y, metric: (
        references.neighborhood_overlap(np.longdouble(X), np.longdouble(Y), 3, metric),
    ),
}
KINDS = ["one far row", "two far rows", "far from all", "heavy tails", "ties", "a huge feature", "tiny"]
# Rows around a far center are not promised under cosine; parallel rows tie in no other metric.
RANKED_KINDS = [("euclidean", kind) for kind in KINDS] + [
    ("cosine", kind) for kind in ("one far row", "two far rows", "tiny", "parallel rows")
]


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
    elif kind == "parallel rows":
        X[8:16] = X[:8] * 2.0 ** rng.integers(-3, 4, 8)[:, None]
        Y[12:] = Y[:12] * 4
    return X, Y


def rng_rows(count):
    return np.random.default_rng(count).integers(0, 10, count)


def with_metric(metric):
    """Return options that compare neighbors and ranks in a metric."""
    return ComparisonOptions(metric=metric, overlap_neighbors=3, overlap_metric=metric)


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


@pytest.mark.parametrize(("metric", "kind"), RANKED_KINDS)
@pytest.mark.parametrize("name", RANKED)
def test_ranks_in_a_sample_are_exact(name, metric, kind):
    """Nearest neighbors and ranks among some of the items, ties included, are what float64 says."""
    X, Y = awkward(kind)
    for items in (np.arange(4, 20), np.array([0, 0, *range(5, 19)])):  # without and with the far row, twice
        sides = [[take_sample(prepare(Z, metric=metric), items)] for Z in (X, Y)]
        values = get_measure(name).sampled(*sides, ONE, with_metric(metric), {})[:, 0]
        assert values == pytest.approx(RANKED[name](X[items], Y[items], metric), abs=1e-9)


@pytest.mark.parametrize(("metric", "kind"), RANKED_KINDS)
@pytest.mark.parametrize("name", RANKED)
def test_ranks_in_a_null_are_exact(name, metric, kind):
    """Ranks of shuffled partners are what float64 says."""
    X, Y = awkward(kind)
    order = np.random.default_rng(1).permutation(len(X))
    sides = [[prepare(Z, metric=metric)] for Z in (X, Y)]
    null = get_measure(name).null(*sides, ONE, Shuffles.of(order[None]), with_metric(metric), {})
    assert null[0, :, 0] == pytest.approx(RANKED[name](X, Y[order], metric), abs=1e-9)


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "ties"])
def test_ranks_without_each_item_are_exact(kind, sampled):
    """Leaving out each item in turn ranks the others as float64 does, of all items and of a sample."""
    X, Y = awkward(kind, n_samples=16)
    sides = [[prepare(Z)] for Z in (X, Y)]
    if sampled:
        items = np.arange(0, 16, 2)
        sides = [[take_sample(side[0], items)] for side in sides]
        X, Y = X[items], Y[items]
    found = imbalance_left_out(*sides, ONE)[:, 0]
    for item in range(len(X)):
        others = np.delete(np.arange(len(X)), item)
        wanted = RANKED["information_imbalance"](X[others], Y[others], "euclidean")
        assert found[:, item] == pytest.approx(wanted, abs=1e-9)


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


def test_retrieval_of_subnormal_rows_is_exact():
    """What brings rows near 1 is beyond float32 where they are subnormal in it."""
    X, Y = awkward("none")
    X, Y = (X * 1e-42).astype(np.float32), Y * 1e-310
    centered = [np.longdouble(Z) - np.longdouble(Z).mean(0) for Z in (X, Y)]
    found = retrieval(X, Y, k=(1,))
    assert found.forward[1] == pytest.approx(references.retrieval(*centered, 1), abs=1e-12)
    assert found.backward[1] == pytest.approx(references.retrieval(*centered[::-1], 1), abs=1e-12)


@pytest.mark.parametrize("k", [3, (1.0,), ()])
def test_retrieval_asks_for_a_list_of_whole_numbers(k):
    """A number by itself, or what is no whole number, is an error that says so."""
    with pytest.raises(InputError, match="k must be"):
        retrieval(*awkward("none"), k=k)


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


@pytest.mark.parametrize("kind", [*KINDS, "far groups", "copies"])
def test_retrieval_on_subsets_is_exact(kind):
    """So it is about the mean of some of the items, however far from that of all, and with copies among them."""
    X, Y = awkward(kind, n_samples=60)
    if kind == "a huge feature":
        Y[:, 0] *= 5000
    elif kind == "far groups":
        X[30:] += 1e9
    elif kind == "copies":
        X[20:], Y[40:] = X[rng_rows(40)], Y[rng_rows(20)]
    sets = np.stack(
        [np.arange(24), np.arange(36, 60), np.sort(np.random.default_rng(1).permutation(60)[:24])]
    )
    sides = [prepare(X)], [prepare(Y)]
    for k in (1, 5):
        found = get_measure(f"retrieval_at_{k}").resamples(*sides, ONE, sets, OPTIONS, {})
        for items, (forward, backward) in zip(sets, found[..., 0], strict=True):
            centered = [np.longdouble(Z[items]) - np.longdouble(Z[items]).mean(0) for Z in (X, Y)]
            assert forward == pytest.approx(references.retrieval(*centered, k), abs=1e-12)
            assert backward == pytest.approx(references.retrieval(*centered[::-1], k), abs=1e-12)


def test_retrieval_on_a_subset_without_directions_is_that_of_chance():
    """Items that are one row there tie; a row that is the mean is as far from one candidate as from another."""
    X, Y = awkward("none")
    X[:12] = 0.1
    Y[23] = Y[12:23].mean(0)
    sets = np.stack([np.arange(12), np.arange(12, 24)])
    found = get_measure("retrieval_at_1").resamples([prepare(X)], [prepare(Y)], ONE, sets, OPTIONS, {})
    np.testing.assert_allclose(found[0, :, 0], 1 / 12)
    assert 0 < found[1, 1, 0] < 1
