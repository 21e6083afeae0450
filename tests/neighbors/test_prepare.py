"""`prepare` checks what it gets, merges equal rows, and keeps float32 products honest."""

from __future__ import annotations

import numpy as np
import pytest

from platoscope.errors import InputError, MemoryPlanError
from platoscope.neighbors import exact_scores, nearest_neighbors, prepare, require_memory
from platoscope.testing import references


@pytest.mark.parametrize(
    ("X", "said"),
    [
        (np.zeros((0, 3)), "X is empty: got shape"),
        (np.zeros((3, 0)), "X is empty: got shape"),
        (np.zeros(5), r"shape \(n_samples, n_features\); got shape \(5,\)"),
        (np.zeros((4, 2), complex), "dtype complex128"),
        (np.array([["a", "b"]] * 4), "dtype <U1"),
        (np.array([[None, 1]] * 4, dtype=object), "dtype object"),
        (np.ones((2, 3)), "X has 2 rows; ranks need at least 3 items"),
        ("a sentence", "got str"),
        (None, "got NoneType"),
        ([np.ones((4, 2)), np.ones((5, 2))], r"same number of rows; got shapes \(4, 2\), \(5, 2\)"),
    ],
)
def test_bad_input_is_named(X, said):
    """What cannot be read as a matrix of numbers is an error that says what came."""
    with pytest.raises(InputError, match=said):
        prepare(X)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("metric", ["euclidean", "hamming", "precomputed"])
def test_non_finite_values_name_the_first_row(bad, metric):
    """A NaN or an infinity is found, counted, and its first row named."""
    X = np.random.default_rng(0).standard_normal((6, 6))
    X[4, 2] = X[5, 0] = bad
    with pytest.raises(InputError, match="in 2 of 6 rows; the first is row 4"):
        prepare(X, metric=metric)


def test_values_near_the_limit_of_their_type_are_values():
    """Their sums overflow, and they are centered all the same."""
    X = np.random.default_rng(0).standard_normal((40, 3))
    X *= np.finfo(np.float64).max / np.abs(X).max()
    space = prepare(X)
    want = prepare(np.ldexp(X, -1000))
    assert np.isfinite(space.gram).all()
    ratio = space.scale / want.scale * 2.0**1000
    assert np.array_equal(space.gram, np.float32(ratio**2) * want.gram)


def test_zero_vectors_have_no_cosine():
    """A zero row under cosine is an error that names the row and the way out."""
    X = np.ones((5, 2))
    X[3] = 0
    with pytest.raises(InputError, match="1 zero vectors.*row 3.*metric=.euclidean."):
        prepare(X, metric="cosine")


def test_nothing_but_zero_vectors_is_a_constant_under_cosine():
    """Where no row has a direction all tie, as the rows of any constant."""
    near = nearest_neighbors(prepare(np.zeros((5, 2)), metric="cosine"), 1, "cosine")
    assert near.constant


def test_precomputed_distances_must_be_square():
    """A rectangular matrix of distances is refused with its shape."""
    with pytest.raises(InputError, match=r"must be square; X has shape \(4, 5\)"):
        prepare(np.ones((4, 5)), metric="precomputed")


def test_unknown_metric_lists_the_known_ones():
    """An unknown metric says which there are."""
    with pytest.raises(
        InputError, match="euclidean, cosine, hamming, precomputed, or a function .* got 'manhattan'"
    ):
        prepare(np.ones((4, 2)), metric="manhattan")


def test_more_memory_than_there_is_is_refused_before_work():
    """A plan beyond the machine's memory is an error with both figures and the way out."""
    with pytest.raises(MemoryPlanError, match=r"Ranking needs 1000000.0 GB .* Use fewer items\."):
        require_memory(10**15, "Ranking", "Use fewer items.")


def test_equal_rows_share_one_distinct_row_and_unequal_ones_never():
    """Rows equal bit for bit are merged, -0.0 counts as 0.0, and equal norms alone merge nothing."""
    X = np.array([[0.0, 1.0], [1.0, 0.0], [-0.0, 1.0], [1.0, 0.0], [2.0, 0.0]])
    space = prepare(X)
    assert space.inverse.tolist() == [0, 1, 0, 1, 2]
    assert space.weights.tolist() == [2, 2, 1]


def test_concatenation_merges_rows_equal_in_every_part():
    """Two items are one distinct row only if all their parts are equal."""
    first = np.array([[1.0], [1.0], [1.0], [2.0]])
    second = np.array([[5.0], [5.0], [6.0], [5.0]])
    assert prepare([first, second]).inverse.tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("n_features", [3, 64, 4096])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_stay_within_the_declared_error(metric, offset, n_features, dtype):
    """Float32 scores differ from float64 distances by no more than the bound that decides near-ties."""
    rng = np.random.default_rng(n_features)
    X = (rng.standard_normal((60, n_features)) * np.exp(rng.standard_normal(n_features))).astype(dtype)
    X[:, :2] += dtype(offset)
    X[0] *= 50
    space = prepare(X)
    left, right = np.triu_indices(60, 1)
    exact = exact_scores(space, metric, left, right)
    gram = space.gram[left, right].astype(np.float64)
    if metric == "euclidean":
        scores = space.excess[left] + space.excess[right] - 2 * space.gram[left, right]
        approximate = scores.astype(np.float64) + 2 * space.level
    else:
        dot = gram + space.along[left] + space.along[right]
        approximate = 1 - dot * space.inverse_norm[left] * space.inverse_norm[right]
    err = space.error_bound(metric)
    assert np.all(np.abs(approximate - exact) <= err[left] + err[right])


@pytest.mark.parametrize(
    "kind",
    ["normal", "huge features", "clusters", "correlated", "integers", "lengths", "one far", "near copies"],
)
def test_the_measured_bound_holds_for_all_pairs_and_is_tighter(kind):
    """The bound that is measured on some entries of a matrix holds for all of them, and is below the general one."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((400, 1500)).astype(np.float32)
    if kind == "huge features":
        X[:, :2] += 1000
    elif kind == "clusters":
        X[:200] += 3
        X[:5] += 50
    elif kind == "correlated":
        X = np.cumsum(X, axis=1, dtype=np.float32)
    elif kind == "integers":
        X = np.round(X)
    elif kind == "lengths":
        X *= np.exp(rng.standard_normal((400, 1))).astype(np.float32)
    elif kind == "one far":
        X[7] *= 1e4
    elif kind == "near copies":
        X[200:] = X[:200] + np.float32(1e-3) * X[200:]
    space = prepare(X)
    left, right = np.triu_indices(400, 1)
    exact = exact_scores(space, "euclidean", left, right)
    scores = space.excess[left] + space.excess[right] - 2 * space.gram[left, right]
    approximate = scores.astype(np.float64) + 2 * space.level
    err = space.error_bound("euclidean")
    assert np.all(np.abs(approximate - exact) <= err[left] + err[right])
    general = (16 + 1.5 * np.sqrt(1500)) * 2.0**-24 * space.sq
    assert np.all(err < 0.9 * general)


@pytest.mark.parametrize(("n", "size", "d"), [(700, 8, 1024), (1500, 20, 1024), (400, 40, 3000)])
@pytest.mark.parametrize("seed", range(4))
def test_the_measured_bound_holds_for_a_tight_cluster_that_no_probe_meets(n, size, d, seed):
    """Products of rows that nearly equal each other round far more than those of others."""
    rng = np.random.default_rng(seed)
    X = 2 * rng.standard_normal((n, d))
    at = np.sort(rng.choice(np.setdiff1d(np.arange(n), np.linspace(0, n - 1, 96).astype(int)), size, False))
    X[at] = np.abs(rng.standard_normal((1, d))) + 2e-4 * rng.standard_normal((size, d))
    space = prepare(X.astype(np.float32))
    left, right = (at[side] for side in np.triu_indices(size, 1))
    scores = space.excess[left] + space.excess[right] - 2 * space.gram[left, right]
    err = space.error_bound("euclidean")
    off = np.abs(scores.astype(np.float64) + 2 * space.level - exact_scores(space, "euclidean", left, right))
    assert np.all(off <= 0.7 * (err[left] + err[right]))


def test_exact_scores_equal_sums_of_squared_differences():
    """The judge of near-ties computes plain float64 distances, in every metric."""
    X = np.random.default_rng(0).integers(-3, 4, (12, 5)).astype(np.float32) + np.float32(0.5)
    rows, columns = np.triu_indices(12, 1)
    for metric in ("euclidean", "cosine", "hamming"):
        space = prepare(X, metric=metric)
        got = exact_scores(space, metric, space.inverse[rows], space.inverse[columns])
        want = references.distances(space.scale * X, metric)[rows, columns] * (
            0.5 if metric == "cosine" else 1
        )
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-15)


def test_subset_and_permutation_describe_the_chosen_items():
    """A subset of a space is the space of the subset; a permuted one that of permuted rows."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 3))[rng.integers(0, 20, 20)]
    items = np.array([3, 5, 6, 11, 19])
    for block_size in (None, 4):
        space = prepare(X, block_size=block_size)
        some = space.subset(items)
        fresh = prepare(X[items])
        assert some.n_distinct == fresh.n_distinct
        np.testing.assert_allclose(
            references.distances(some.scale * X[items]),
            np.vstack(
                [exact_scores(some, "euclidean", np.full(5, some.inverse[i]), some.inverse) for i in range(5)]
            ),
        )
    order = rng.permutation(20)
    assert prepare(X).permuted(order).inverse.tolist() == prepare(X).inverse[order].tolist()


def test_the_input_is_never_changed():
    """Preparing works on read-only arrays and leaves them as they were."""
    X = np.random.default_rng(0).standard_normal((10, 4)).astype(np.float32)
    before = X.copy()
    X.setflags(write=False)
    prepare(X)
    np.testing.assert_array_equal(X, before)


def test_rows_on_disk_are_read_again_only_when_a_tie_must_be_decided():
    """A function in place of an array is called once where no distances are close to each other."""
    calls = []

    def read() -> np.ndarray:
        calls.append(1)
        return np.arange(5.0)[:, None] ** 3

    space = prepare(read)
    assert len(calls) == 1
    assert len(space.parts[0]) == 5
    assert len(calls) == 2


def test_the_product_runs_where_the_array_lives(monkeypatch):
    """The device path, exercised on CPU tensors: its matrix is the host's, and the user's precision setting stays."""
    torch = pytest.importorskip("torch")
    X = torch.from_numpy(np.random.default_rng(0).standard_normal((50, 8)))
    host = prepare(X)
    monkeypatch.setattr("platoscope.neighbors._prepare.lives_on_device", lambda array: True)
    before = torch.get_float32_matmul_precision()
    device = prepare(X)
    np.testing.assert_allclose(device.gram, host.gram, rtol=1e-6, atol=1e-6)
    assert torch.get_float32_matmul_precision() == before
    np.testing.assert_allclose(prepare([X, X]).gram, 2 * host.gram, rtol=1e-6, atol=1e-6)


def test_the_product_ignores_autocast_and_shares_its_setting_among_threads(monkeypatch):
    """Inside autocast the matrix is that of float32; blocks that overlap put the user's setting back when all are over."""
    torch = pytest.importorskip("torch", minversion="2.9")  # which tells the setting of CUDA alone
    from platoscope.neighbors._precision import full_float32

    X = torch.from_numpy(np.random.default_rng(0).standard_normal((50, 8)))
    host = prepare(X)
    monkeypatch.setattr("platoscope.neighbors._prepare.lives_on_device", lambda array: True)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inside = prepare(X)
        np.testing.assert_allclose(inside.gram, host.gram, rtol=1e-6, atol=1e-6)
        first, second = full_float32(), full_float32()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)  # as a thread that ends while another one multiplies
        assert torch.backends.cuda.matmul.fp32_precision == "ieee"
        second.__exit__(None, None, None)
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.gpu
def test_cuda_tensors_give_the_values_of_the_host():
    """On a CUDA device the measures equal those of the host."""
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    from platoscope.measures import information_imbalance

    X, Y = (torch.from_numpy(np.random.default_rng(s).standard_normal((200, 16))) for s in (0, 1))
    assert information_imbalance(X.cuda(), Y.cuda()) == information_imbalance(X, Y)
