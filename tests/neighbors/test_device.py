"""Tensors on a device: neighbors, ranks and matrices there are those of the host, by the code that a GPU runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from platoscope.errors import InputError, PlatoscopeWarning
from platoscope.neighbors import (
    full_float32,
    nearest_neighbors,
    prepare,
    ranks,
    space_diagnostics,
    transform_rows,
)
from platoscope.testing import references, strategies

torch = pytest.importorskip("torch")
_device_trust = pytest.importorskip("platoscope.neighbors._device_trust")


def on_gpu() -> str:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    return "cuda"


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def put(request, monkeypatch):
    """Give a function that puts an array on a device; the CPU is taken for one."""
    if request.param == "cpu":
        monkeypatch.setattr("platoscope.neighbors._inputs._WITH_FLOAT64", ("cuda", "cpu"))
    else:
        on_gpu()
    return lambda X: torch.from_numpy(np.array(X)).to(request.param)


@pytest.fixture
def lattices_too(monkeypatch):
    """Let the device have rows that are whole multiples of one number, which it otherwise leaves to the host."""
    monkeypatch.setattr(
        "platoscope.neighbors._device_prepare._may_be_lattices", lambda ready: [False] * len(ready)
    )


def dense_weights(near, n):
    W = np.zeros((n, n))
    W[np.repeat(np.arange(n), np.diff(near.indptr)), near.items] = near.weights
    return W


def all_ranks(space, metric, ties="average"):
    n = space.n_samples
    R = np.full((n, n), np.nan)
    others = ~np.eye(n, dtype=bool)
    items = np.broadcast_to(np.arange(n), (n, n))[others]
    R[others] = ranks(space, np.arange(n + 1) * (n - 1), items, metric, ties=ties)
    return R


def assert_equals_the_reference(space, X, metric, k, ties):
    D = references.distances(X, metric)
    near = nearest_neighbors(space, k, metric, ties=ties)
    np.testing.assert_allclose(
        dense_weights(near, len(X)), references.neighbor_weights(D, k, ties), atol=1e-12
    )
    np.testing.assert_array_equal(all_ranks(space, metric, ties), references.average_ranks(D, ties))


@pytest.mark.parametrize("block_size", [None, 5])
@pytest.mark.parametrize("forced", [False, True])
@settings(max_examples=15)
@given(X=strategies.arrays(n_samples=st.integers(4, 14)), data=st.data())
def test_ties_and_near_duplicates_match_the_reference(X, data, forced, block_size):
    """Whatever the data, neighbors and ranks of a tensor are those of a float64 brute force with ties."""
    k = data.draw(st.integers(1, len(X) - 1))
    ties = data.draw(st.sampled_from(["average", "min"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("platoscope.neighbors._inputs._WITH_FLOAT64", ("cuda", "cpu"))
        if forced:
            patch.setattr("platoscope.neighbors._device_prepare._may_be_lattices", lambda r: [False] * len(r))
        space = prepare(torch.from_numpy(np.array(X, float)), block_size=block_size)
    event("on the device" if space.device is not None else "on the host")
    assert_equals_the_reference(space, X, "euclidean", k, ties)


def awkward(kind):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((90, 120)).astype(np.float32)
    if kind == "duplicates":
        X = X[rng.integers(0, 60, 90)]
    elif kind == "huge features":
        X[:, :2] += 1000
    elif kind == "near duplicates":
        X[1::2] = X[::2] * np.float32(1 + 1e-6)
    elif kind == "half integers":
        X = np.round(X[:, :4]) + np.float32(0.5)
    elif kind == "huge values":
        X *= np.float32(1e30)
    elif kind == "tiny float64":
        X = X.astype(np.float64) * 1e-90
    elif kind == "constant":
        X[:] = 3
    elif kind == "minus zero":
        X = np.round(X[:, :2])
        X[::2][X[::2] == 0] = -0.0
    return X


KINDS = [
    "plain", "duplicates", "huge features", "near duplicates", "half integers", "huge values", "tiny float64",
    "constant", "minus zero",
]  # fmt: skip


@pytest.mark.parametrize("block_size", [None, 32])
@pytest.mark.parametrize("kind", KINDS)
def test_awkward_data_have_the_neighbors_and_ranks_of_the_host(kind, block_size, put, lattices_too):
    """Equal rows tie, huge features and values lose nothing, near-ties are decided: as on the host, to the last rank."""
    X = awkward(kind)
    host, device = prepare(X), prepare(put(X), block_size=block_size)
    assert (device.device is None) == (kind == "tiny float64")
    np.testing.assert_array_equal(device.inverse, host.inverse)
    np.testing.assert_array_equal(device.first, host.first)
    asked = np.arange(len(X))[:, None] + np.array([1, 7, 40, 89])
    queries = np.arange(len(X) + 1) * 4, asked.ravel() % len(X)
    # Cosines of points on a grid tie where their rounding does.
    for metric in ("euclidean",) if X.shape[1] < 5 else ("euclidean", "cosine"):
        for k in (1, 4, 40):
            want, got = (nearest_neighbors(space, k, metric) for space in (host, device))
            np.testing.assert_array_equal(got.indptr, want.indptr)
            np.testing.assert_array_equal(got.items, want.items)
            np.testing.assert_allclose(got.weights, want.weights, rtol=1e-14)
        np.testing.assert_array_equal(ranks(device, *queries, metric), ranks(host, *queries, metric))


@pytest.mark.parametrize("block_size", [None, 32])
@pytest.mark.parametrize("kind", ["plain", "duplicates"])
def test_subsets_and_permutations_are_those_of_the_host(kind, block_size, put):
    """A subset of a space on a device, and one with its items in another order, answer as on the host."""
    X = awkward(kind)
    space = prepare(put(X), block_size=block_size)
    order = np.random.default_rng(1).permutation(90)
    for moved, rows in ((space.subset(order[:50]), X[order[:50]]), (space.permuted(order), X[order])):
        want = prepare(rows)
        got = nearest_neighbors(moved, 3, "euclidean")
        np.testing.assert_array_equal(got.items, nearest_neighbors(want, 3, "euclidean").items)
        np.testing.assert_array_equal(all_ranks(moved, "euclidean"), all_ranks(want, "euclidean"))


@pytest.mark.parametrize("block_size", [None, 32])
@pytest.mark.parametrize("kind", ["plain", "duplicates"])
def test_the_host_can_read_the_matrix_of_a_device(kind, block_size, put):
    """Blocks, rows and moments of the matrix are those of the host, for what is computed there."""
    X = awkward(kind)
    host, device = prepare(X), prepare(put(X), block_size=block_size)
    scale = (host.scale / device.scale) ** 2
    close = {"rtol": 1e-5, "atol": 1e-5 * float(host.sq.max())}
    np.testing.assert_allclose(device.gram_rows(3, 20) * scale, host.gram_rows(3, 20), **close)
    blocks = np.concatenate([block for _, _, block in device.blocks()])
    np.testing.assert_allclose(blocks * scale, host.gram, **close)
    for got, want, power in zip(device.gram_moments(), host.gram_moments(), (1, 2), strict=True):
        np.testing.assert_allclose(got * scale**power, want, rtol=1e-3, atol=1e-3 * np.abs(want).max())
    got, want = space_diagnostics(device), space_diagnostics(X)
    assert got.largest_feature == want.largest_feature
    assert got.hubness == pytest.approx(want.hubness, rel=1e-9)
    assert got.participation_ratio == pytest.approx(want.participation_ratio, rel=1e-4)


def test_parts_of_a_concatenation_add_on_a_device(put):
    """A sequence of tensors is one concatenated representation."""
    X, Y = awkward("plain"), awkward("duplicates")
    host, device = prepare([X, Y]), prepare([put(X), put(Y)])
    assert device.device is not None
    np.testing.assert_array_equal(
        nearest_neighbors(device, 5, "cosine").items, nearest_neighbors(host, 5, "cosine").items
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int16", "bool"])
def test_any_real_dtype_is_compared_by_its_values(dtype, put):
    """Half precision stays on the device; whole numbers are checked, and have their exact ties, on the host."""
    X = put(awkward("plain")).mul(3).to(getattr(torch, dtype))
    space = prepare(X, transform="zscore")
    assert (space.device is not None) == dtype.endswith("float16")
    want = prepare(X.cpu().to(torch.float64).numpy(), transform="zscore")
    assert space.n_distinct == want.n_distinct


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda X: X[:0], r"X is empty: got shape \(0, 120\)"),
        (lambda X: X[:2], "X has 2 rows; ranks need at least 3 items"),
        (lambda X: X * 1j, "dtype torch.complex64"),
        (lambda X: X.index_fill(0, X.new_tensor([4, 5]).long(), torch.nan), "in 2 of 90 rows; the first is row 4"),
        (lambda X: [X, X[:9]], r"same number of rows; got shapes \(90, 120\), \(9, 120\)"),
    ],
)  # fmt: skip
def test_bad_tensors_are_named(make, said, put):
    """What the host refuses is refused on a device in the same words."""
    with pytest.raises(InputError, match=said):
        prepare(make(put(awkward("plain"))))


def test_zero_vectors_have_no_cosine_on_a_device(put):
    """A zero row under cosine is an error that names the row."""
    X = awkward("plain")
    X[7] = 0
    with pytest.raises(InputError, match="1 zero vectors.*row 7"):
        prepare(put(X), metric="cosine")
    with pytest.raises(InputError, match="1 zero vectors.*row 7"):
        nearest_neighbors(prepare(put(X)), 3, "cosine")


def test_the_input_of_a_device_is_never_changed(put):
    """Preparing reads tensors, with gradients or not, and transforms make new ones."""
    X = put(awkward("plain")).requires_grad_()
    before = X.detach().clone()
    prepare(X)
    prepare(X, transform=("zscore", "unit"))
    assert torch.equal(X, before)


def test_metrics_that_read_distances_are_computed_on_the_host(put):
    """Hamming distance, and a function of one's own, take the rows from the device."""
    X = awkward("plain")
    assert prepare(put(X), metric="hamming").device is None
    np.testing.assert_array_equal(prepare(put(X), metric="hamming").gram, prepare(X, metric="hamming").gram)


@pytest.mark.parametrize("chosen", ["highest", "high", "medium"])
def test_settings_of_precision_are_put_back(chosen, put):
    """TF32, autocast and what the user chose of them are as before, after a product and after an error."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(chosen)
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            space = prepare(put(awkward("plain")))
        assert space.device.gram.dtype == torch.float32
        assert torch.get_float32_matmul_precision() == chosen
        with pytest.raises(RuntimeError, match="stop"), full_float32("cpu"), full_float32("cpu"):
            raise RuntimeError("stop")  # noqa: EM101
        assert torch.get_float32_matmul_precision() == chosen
    finally:
        torch.set_float32_matmul_precision(before)


def test_a_product_inside_ignores_tf32(put, lattices_too):
    """Of factors with more bits than TF32 keeps, the product is exact although the user allowed TF32."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        X = np.zeros((90, 120), np.float32)
        # Twelve bits, centered or not; TF32 has eleven.
        X[:, 0] = np.repeat([1, -1], 45) * (np.arange(90) % 45 * 2 + 4001)
        space = prepare(put(X))
        gram = space.device.gram.cpu().numpy()
    finally:
        torch.set_float32_matmul_precision(before)
    scaled = X[:, 0].astype(np.float64) * space.scale
    np.testing.assert_array_equal(gram, np.outer(scaled, scaled))


HOSTILE = {
    "whole numbers": lambda X: np.round(3 * X),
    "signs": lambda X: np.where(X < 0, -0.1, 0.1).astype(np.float32),
    "integers": lambda X: np.round(3 * X).astype(np.int64),
    "multiples of a row": lambda X: X[np.arange(90) % 40] * 2.0 ** (np.arange(90) // 40)[:, None],
    "a zero feature": lambda X: X * (np.arange(5) > 0),
    "a far item": lambda X: X + 1e5 * (np.arange(90) == 7)[:, None],
    "a tiny item": lambda X: X * np.where(np.arange(90) == 7, 1e-12, 1)[:, None],
    "a tiny item of another size": lambda X: (
        X.astype(float) * np.where(np.arange(90) == 7, 1e-200, 1)[:, None]
    ),
    "a huge item": lambda X: X.astype(float) * np.where(np.arange(90) == 7, 1e200, 1)[:, None],
    "huge": lambda X: X.astype(float) * 1e305,
    "at the limit": lambda X: X.astype(float) * 2.0**1020,
    "subnormal": lambda X: np.ldexp(np.round(X.astype(float) * 64), -1074),
    "large float32": lambda X: X * np.float32(1e36),
    "small float32": lambda X: X * np.float32(1e-38),
    "an offset": lambda X: X + np.float32(1e4),
}


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("block_size", [None, 32])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_data_have_the_neighbors_and_ranks_of_the_host(kind, block_size, metric, put):
    """Whatever the rules of exactness on the host reach, the device follows them or leaves the layer to the host."""
    X = HOSTILE[kind](np.random.default_rng(3).standard_normal((90, 5)).astype(np.float32))
    X[(X == 0).all(axis=1)] = 1
    host, device = prepare(X), prepare(put(X), block_size=block_size)
    for k in (1, 4):
        want, got = (nearest_neighbors(space, k, metric) for space in (host, device))
        np.testing.assert_array_equal(got.indptr, want.indptr)
        np.testing.assert_array_equal(got.items, want.items)
        np.testing.assert_allclose(got.weights, want.weights, rtol=1e-14)
    np.testing.assert_array_equal(all_ranks(device, metric), all_ranks(host, metric))


@pytest.mark.parametrize(
    ("kind", "stays"),
    [
        ("whole numbers", False), ("signs", False), ("integers", False), ("huge", False), ("subnormal", False),
        ("a tiny item of another size", False), ("multiples of a row", True), ("a far item", True),
        ("large float32", True), ("an offset", True),
    ],
)  # fmt: skip
def test_what_a_device_declines(kind, stays, put):
    """Values near the limits of float64 and multiples of one number are left to the host; nothing else is."""
    X = HOSTILE[kind](np.random.default_rng(3).standard_normal((90, 5)).astype(np.float32))
    assert (prepare(put(X)).device is not None) == stays


SIZES = {
    "a tiny row": np.where(np.arange(90) == 7, 1e-12, 1.0),
    "a huge row": np.where(np.arange(90) == 7, 1e6, 1.0),
    "all sizes": 10.0 ** np.random.default_rng(5).integers(-6, 7, 90),
    # The mean is next to nothing, and so are the small rows when it is subtracted.
    "opposite rows of all sizes": np.outer([1, -1 - 1e-9], 10.0 ** np.linspace(-6, 6, 45)).ravel(),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("block_size", [None, 32])
@pytest.mark.parametrize("sizes", SIZES)
def test_rows_of_different_sizes_match_the_reference(sizes, block_size, dtype, put):
    """However far rows differ in length, and whatever prepares them, neighbors are those of float64."""
    rows = np.random.default_rng(3).standard_normal((90, 5))
    rows[45:] = rows[:45] if sizes.startswith("opposite") else rows[45:]
    X = (rows * SIZES[sizes][:, None]).astype(dtype)
    for transform in ("none", "zscore", ("zscore", "unit")):
        space = prepare(put(X), transform=transform, block_size=block_size)
        prepared = transform_rows(X, transform)
        for metric in ("euclidean", "cosine"):
            D = references.distances(np.asarray(prepared, np.longdouble), metric)
            np.testing.assert_array_equal(all_ranks(space, metric), references.average_ranks(D))
            for k in (1, 4):
                got = dense_weights(nearest_neighbors(space, k, metric), 90)
                np.testing.assert_allclose(got, references.neighbor_weights(D, k), atol=1e-12)


def test_masked_tensors_are_refused(put):
    """A tensor with a mask that says so is refused as an array is."""
    X = put(awkward("plain"))
    X._mask = np.ones(X.shape, bool)
    with pytest.raises(InputError, match="masked values"):
        prepare(X)


def outcomes(**changed):
    found = _device_trust.outcomes(torch.device("cpu"))
    return {name: (value.clone(), changed.get(name, lambda v: v)(value)) for name, value in found.items()}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, None),
        ({"column sums": lambda v: v + 1e-14}, None),
        ({"column sums": lambda v: v + 1e-6}, "column sums differ"),
        ({"peak": lambda v: v.float()}, "peak differ"),
        ({"codes of rows": lambda v: v + 1}, "codes of rows differ"),
    ],
)
def test_kernels_that_say_anything_else_are_not_used(changed, said, monkeypatch):
    """Results of a kernel are held against those of whole arrays, and no kernel is used where one differs."""
    monkeypatch.setattr(_device_trust, "_both_ways", lambda device: outcomes(**changed))
    if said is None:
        assert _device_trust._agree(torch.device("cpu"))
        return
    with pytest.warns(PlatoscopeWarning, match=said):
        assert not _device_trust._agree(torch.device("cpu"))


def test_kernels_that_cannot_be_compiled_are_not_used(monkeypatch):
    """An error of a compiler is a warning, and whole arrays are used."""

    def fail(device):
        raise OSError

    monkeypatch.setattr(_device_trust, "_both_ways", fail)
    with pytest.warns(PlatoscopeWarning, match=r"they failed \(OSError\)"):
        assert not _device_trust._agree(torch.device("cpu"))
