"""Measures of tensors on a device are those of arrays; only small arrays come to the host for them."""

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
    rsa,
)
from platoscope.neighbors import Space, prepare, take_sample
from platoscope.testing import references

torch = pytest.importorskip("torch")

OPTIONS = ComparisonOptions(overlap_neighbors=3, overlap_metric="euclidean")
ONE = np.zeros((1, 2), np.intp)
KINDS = [
    "one far row", "two far rows", "far from all", "heavy tails", "ties", "a huge feature", "tiny", "parallel", "copies",
]  # fmt: skip


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def put(request, monkeypatch):
    """Give a function that puts an array on a device; the CPU is taken for one."""
    if request.param == "cpu":
        monkeypatch.setattr("platoscope.neighbors._inputs._WITH_FLOAT64", ("cuda", "cpu"))
    elif not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    return lambda X: torch.from_numpy(np.array(X)).to(request.param)


def awkward(kind, n_samples=24, seed=0):
    """Make two related arrays of a kind on which float32 products cancel, or items or directions are the same."""
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
    elif kind == "copies":
        X = X[rng.integers(0, n_samples // 2, n_samples)]
        Y[: n_samples // 2] = Y[0]
    return X, Y


@pytest.mark.parametrize("block_size", [None, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_awkward_data_on_a_device_are_as_exact_as_on_the_host(kind, block_size, put):
    """Δ of both directions and the overlap are equal, CKA of a grid is that of the formula; of subsets as well."""
    X, Y = awkward(kind)
    items = np.arange(4, 20)
    here, there = (
        [prepare(Z, block_size=block_size) for Z in (X, Y)],
        [prepare(put(Z), block_size=block_size) for Z in (X, Y)],
    )
    assert all(space.device is not None for space in there)
    for cut in (lambda space: space, lambda space: space.subset(items)):
        (a, b), (p, q) = (list(map(cut, side)) for side in (here, there))
        for metric in ("euclidean", "cosine"):
            for k, ties in ((1, "average"), (3, "average"), (3, "min")):
                how = {"n_neighbors": k, "metric": metric, "ties": ties}
                assert information_imbalance(p, q, **how) == information_imbalance(a, b, **how)
            how = {"n_neighbors": 3, "metric": metric}
            assert neighborhood_overlap(p, q, **how) == neighborhood_overlap(a, b, **how)
        rows = [space.rows() for space in (a, b)]
        for estimator in ("debiased", "biased"):
            want = references.cka(*rows, estimator)
            for one, other in ((p, q), (q, p)):
                got = get_measure(f"cka_{estimator}").scores([one], [other], ONE, OPTIONS, {})[0, 0]
                assert got == pytest.approx(want, abs=1e-5)
            assert cka(p, q, estimator=estimator) == pytest.approx(want, abs=1e-5)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("copies", "parallel")])
def test_nulls_and_samples_of_tensors_are_taken_of_the_same_matrices(kind, put):
    """What has no way of its own on a device is that of the host, after values have been taken and before."""
    X, Y = awkward(kind)
    order = np.random.default_rng(1).permutation(len(X))
    items = np.arange(4, 20)
    sides = [[prepare(put(Z))] for Z in (X, Y)]
    cut = [[take_sample(side[0], items)] for side in sides]
    for _ in range(2):
        for estimator in ("debiased", "biased"):
            measure = get_measure(f"cka_{estimator}")
            null = measure.null(*sides, ONE, Shuffles.of(order[None]), OPTIONS, {})[0, 0, 0]
            assert null == pytest.approx(references.cka(X, Y[order], estimator), abs=1e-5)
            assert measure.sampled(*cut, ONE, OPTIONS, {})[0, 0] == pytest.approx(
                references.cka(X[items], Y[items], estimator), abs=1e-5
            )
            measure.scores(*sides, ONE, OPTIONS, {})
        null = get_measure("information_imbalance").null(*sides, ONE, Shuffles.of(order[None]), OPTIONS, {})
        assert null[0, :, 0] == pytest.approx(information_imbalance(X, Y[order]), abs=1e-9)
    assert rsa(sides[0][0], sides[1][0]) == pytest.approx(references.rsa(X, Y), abs=1e-5)


def stacks():
    """Make layers of all kinds: copies, a grid of ties, a huge constant, float32."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((4, 60, 12)).astype(np.float32)
    B = (A + 0.5 * rng.standard_normal(A.shape)).astype(np.float32)
    A[0] = A[0][rng.integers(0, 60, 60)]
    A[1] = np.round(A[1]) + np.float32(0.5)
    A[2, :, 0] += 1000
    return A, B


@pytest.mark.parametrize("block_size", [None, 16])
@pytest.mark.parametrize("how", [compare, profile])
def test_every_measure_of_a_comparison_equals_that_of_the_host(how, block_size, put):
    """Values, intervals, nulls and diagnostics of stacks on a device are those of the host."""
    A, B = stacks()
    settings = {
        "measures": list(MEASURES), "overlap_metric": "euclidean", "n_resamples": 4, "n_permutations": 3, "rng": 0,
    }  # fmt: skip
    want = how(A, B, **settings, block_size=block_size)
    got = how(put(A), put(B), **settings, block_size=block_size)
    assert set(got.data_vars) == set(want.data_vars)
    for name in want.data_vars:
        if name in ("information_imbalance", "neighborhood_overlap", "asymmetry", "hubness_a", "hubness_b"):
            tolerance = 0.0
        elif block_size and name.startswith(("information_imbalance_", "asymmetry_")):
            # Deletions and nulls read float32 rows of a matrix that is not kept, in which ties of a grid break.
            tolerance = 0.02
        else:
            tolerance = 2e-4
        np.testing.assert_allclose(got[name].values, want[name].values, atol=tolerance, rtol=0, err_msg=name)


def test_a_grid_on_a_device_brings_no_matrix_and_no_side_of_rows_to_the_host(monkeypatch, put):
    """Counts, neighbors and sums alone do; N² numbers never travel, nor all rows of a layer."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((3, 400, 64)).astype(np.float32)
    B = (A + rng.standard_normal(A.shape)).astype(np.float32)
    seen = []

    def spy(self):
        seen.append(self)

    monkeypatch.setattr("platoscope.neighbors._device_rows.DeviceRows.on_host", spy)
    monkeypatch.setattr("platoscope.neighbors._device_rows.DeviceRows.products_on_host", spy_on_few(60_000))
    monkeypatch.setattr(Space, "parts", property(spy))
    compare(put(A), put(B), n_resamples=0, n_permutations=0)
    X, Y = put(A[0]), put(B[0])
    information_imbalance(X, Y)
    neighborhood_overlap(X, Y)
    cka(X, Y)
    assert not seen


def spy_on_few(at_most):
    """Return what reads rows of a matrix, and refuses to bring more than so many numbers."""
    from platoscope.neighbors._device_rows import DeviceRows

    read = DeviceRows.products_on_host

    def few(self, rows):
        found = read(self, rows)
        assert found.size <= at_most
        return found

    return few


def test_a_constant_layer_on_a_device_says_nothing(put):
    """A layer that does not vary has Δ of exactly 1 in both directions, and no CKA."""
    _, B = stacks()
    flat = np.full((1, 60, 5), 3, np.float32)
    with pytest.warns(match="undefined|constant|does not vary"):
        found = compare(put(flat), put(B[:1]), n_resamples=0)
    assert found.information_imbalance.values.ravel().tolist() == [1.0, 1.0]
    assert np.isnan(found.cka_debiased.values).all()


def test_a_tensor_on_a_device_is_compared_with_an_array(put):
    """One side on a device and the other one on the host give what both on the host do."""
    X, Y = awkward("ties")
    assert information_imbalance(put(X), Y) == information_imbalance(X, Y)
    assert neighborhood_overlap(X, put(Y), metric="euclidean") == neighborhood_overlap(
        X, Y, metric="euclidean"
    )
    assert cka(put(X), Y) == pytest.approx(cka(X, Y), abs=1e-5)
    spaces = [prepare(put(X))], [prepare(Y)]
    got = get_measure("cka_biased").scores(*spaces, ONE, OPTIONS, {})[0, 0]
    assert got == pytest.approx(cka(X, Y, estimator="biased"), abs=1e-5)
