"""Measures of tensors on a device are those of the host, by the code that a GPU runs."""

from __future__ import annotations

import numpy as np
import pytest

from platoscope import compare, profile
from platoscope.measures import (
    MEASURES,
    ComparisonOptions,
    Shuffles,
    cka,
    get_measure,
    information_imbalance,
    neighborhood_overlap,
)
from platoscope.neighbors import prepare
from platoscope.testing import references

torch = pytest.importorskip("torch")

OPTIONS = ComparisonOptions(overlap_neighbors=3, overlap_metric="euclidean")
ONE = np.zeros((1, 2), np.intp)


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def put(request, monkeypatch):
    """Give a function that puts an array on a device; the CPU is taken for one."""
    if request.param == "cpu":
        monkeypatch.setattr("platoscope.neighbors._inputs._WITH_FLOAT64", ("cuda", "cpu"))
    elif not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    return lambda X: torch.from_numpy(np.array(X)).to(request.param)


def stacks():
    """Make layers of all kinds: ties, copies, a constant one, huge features, float32."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((5, 70, 12)).astype(np.float32)
    B = (A[:, :, :7] + 0.5 * rng.standard_normal((5, 70, 7))).astype(np.float32)
    A[0] = A[0][rng.integers(0, 70, 70)]
    A[1] = np.round(A[1]) + np.float32(0.5)
    A[2] = 3
    A[3, :, 0] += 1000
    return A, B


@pytest.mark.filterwarnings("ignore:One feature holds")
@pytest.mark.parametrize("block_size", [None, 16])
@pytest.mark.parametrize("how", [compare, profile])
def test_every_measure_of_a_comparison_equals_that_of_the_host(how, block_size, put):
    """Values, intervals, nulls and diagnostics of stacks on a device are those of the host."""
    A, B = stacks()
    names = [name for name in MEASURES if not name.startswith("retrieval")]
    settings = {
        "measures": names,
        "overlap_metric": "euclidean",
        "n_resamples": 3,
        "n_permutations": 3,
        "rng": 0,
    }
    want = how(A[[0, 1, 3, 4]], B[:4], **settings)
    got = how(put(A[[0, 1, 3, 4]]), put(B[:4]), **settings, block_size=block_size)
    assert set(got.data_vars) == set(want.data_vars)
    for name in want.data_vars:
        exact = name.startswith(("information_imbalance", "neighborhood_overlap", "asymmetry"))
        # On subsamples the host compares float32 scores as they are, in which ties break; a device decides them.
        about_subsamples = name.endswith(("_se", "_low", "_high", "_resamples"))
        tolerance = 0.2 if about_subsamples else 1e-9 if exact else 1e-4
        np.testing.assert_allclose(got[name].values, want[name].values, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("block_size", [None, 16])
def test_a_constant_layer_on_a_device_says_nothing(block_size, put):
    """A layer that does not vary has Δ of exactly 1 in both directions, and no CKA."""
    A, B = stacks()
    with pytest.warns(match="undefined|constant|does not vary"):
        found = compare(put(A[[2]]), put(B[:1]), n_resamples=0, block_size=block_size)
    assert found.information_imbalance.values.ravel().tolist() == [1.0, 1.0]
    assert np.isnan(found.cka_debiased.values).all()


@pytest.mark.parametrize("ties", ["average", "min"])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("layer", [0, 1, 3, 4])
def test_a_pair_of_tensors_has_the_values_of_the_host(layer, k, ties, put):
    """Δ in both directions, overlap and CKA of two tensors."""
    X, Y = (side[layer] for side in stacks())
    options = {"n_neighbors": k, "ties": ties}
    assert information_imbalance(put(X), put(Y), **options) == pytest.approx(
        information_imbalance(X, Y, **options), abs=1e-12
    )
    assert neighborhood_overlap(put(X), put(Y), n_neighbors=k, metric="euclidean") == pytest.approx(
        neighborhood_overlap(X, Y, n_neighbors=k, metric="euclidean"), abs=1e-12
    )
    assert cka(put(X), put(Y)) == pytest.approx(cka(X, Y), abs=1e-5)


def test_a_tensor_is_compared_with_an_array(put):
    """One side on a device and the other one on the host give what both on the host do."""
    X, Y = (side[4] for side in stacks())
    assert information_imbalance(put(X), Y) == pytest.approx(information_imbalance(X, Y), abs=1e-12)
    assert neighborhood_overlap(X, put(Y)) == pytest.approx(neighborhood_overlap(X, Y), abs=1e-12)


HOSTILE = [
    "one far row",
    "two far rows",
    "far from all",
    "heavy tails",
    "ties",
    "a huge feature",
    "tiny",
    "parallel",
]


def hostile(kind, n_samples=24, seed=0):
    """Make two related arrays of a kind on which float32 products cancel, or directions are the same."""
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
    elif kind == "parallel":
        X[1::2] = X[::2] * 2.0 ** rng.integers(-3, 4, (n_samples // 2, 1))
    return X, Y


@pytest.mark.parametrize("block_size", [None, 7])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_data_on_a_device_are_as_exact_as_the_formula(kind, block_size, put):
    """One far row, a far origin, ties or equal directions do not show in a digit that counts, in grids and subsamples."""
    X, Y = hostile(kind)
    items = np.arange(4, 20)
    spaces = [prepare(put(Z), block_size=block_size) for Z in (X, Y)]
    cut = [space.subset(items) for space in spaces]
    for (a, b), (P, Q) in (
        (spaces, (X, Y)), (spaces[::-1], (Y, X)), (cut, (X[items], Y[items])),
    ):  # fmt: skip
        for estimator in ("debiased", "biased"):
            got = get_measure(f"cka_{estimator}").scores([a], [b], ONE, OPTIONS, {})[0, 0]
            assert got == pytest.approx(references.cka(P, Q, estimator), abs=1e-5)
        for metric in ("euclidean", "cosine"):
            got = information_imbalance(a, b, metric=metric)
            assert got == pytest.approx(information_imbalance(P, Q, metric=metric), abs=1e-12)
            got = neighborhood_overlap(a, b, n_neighbors=3, metric=metric)
            assert got == pytest.approx(neighborhood_overlap(P, Q, n_neighbors=3, metric=metric), abs=1e-12)


@pytest.mark.parametrize("kind", HOSTILE)
def test_nulls_of_hostile_data_on_a_device_are_as_exact_as_the_formula(kind, put):
    """Permutations are taken of the same exact matrices, after the values have been and before."""
    X, Y = hostile(kind)
    order = np.random.default_rng(1).permutation(len(X))
    sides = [[prepare(put(Z))] for Z in (X, Y)]
    for estimator in ("debiased", "biased"):
        measure = get_measure(f"cka_{estimator}")
        for _ in range(2):
            null = measure.null(*sides, ONE, Shuffles.of(order[None]), OPTIONS, {})[0, 0, 0]
            assert null == pytest.approx(references.cka(X, Y[order], estimator), abs=1e-5)
            measure.scores(*sides, ONE, OPTIONS, {})
