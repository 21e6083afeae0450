"""Neighbors and ranks of tensors on a device are those of arrays. The CPU is taken for a device, beside a GPU if any."""

from __future__ import annotations

import numpy as np
import pytest

from platoscope.errors import DeviceMemoryError, InputError
from platoscope.neighbors import nearest_neighbors, prepare, ranks

torch = pytest.importorskip("torch")

KINDS = ["plain", "one far row", "grid", "copies", "huge constant", "parallel", "mirrored", "tiny", "wide"]


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def put(request, monkeypatch):
    """Give a function that puts an array on a device."""
    if request.param == "cpu":
        monkeypatch.setattr("platoscope.neighbors._inputs._WITH_FLOAT64", ("cuda", "cpu"))
    elif not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    return lambda X: torch.from_numpy(np.array(X)).to(request.param)


def rows_of(kind, n_samples=42):
    rng = np.random.default_rng(KINDS.index(kind))
    X = rng.standard_normal((n_samples, 9))
    if kind == "one far row":
        X[5] += 3e4
    elif kind == "grid":
        X = np.round(X[:, :3])
        X[~X.any(axis=1)] = 1  # a zero row has no direction
    elif kind == "copies":
        X = X[rng.integers(0, n_samples // 3, n_samples)]
    elif kind == "huge constant":
        X[:, :2] += 1000
    elif kind == "parallel":
        X[: n_samples // 2] = X[n_samples // 2 :] * 2.0 ** rng.integers(-3, 4, (n_samples // 2, 1))
    elif kind == "mirrored":  # each item lies in the middle of two: ties that are on no grid
        X = np.round(X * 2**18) / 2**18
        X[::3] = X[1::3] + (step := np.round(rng.standard_normal((n_samples // 3, 9)) * 2**18) / 2**18)
        X[2::3] = X[1::3] - step
    elif kind == "tiny":
        X[0] *= 1e6
        X *= 1e-30
    elif kind == "wide":
        X[:, 1] *= 1e-150
    return X


def both(X, put, **how):
    """Return the space of an array and that of the same numbers on a device."""
    here, there = prepare(X, **how), prepare(put(X), **how)
    assert here.device is None
    assert there.device is not None
    return here, there


def assert_same_answers(here, there, metric, k, ties):
    """Neighbors, their shares and the ranks of all of them are equal, to the last bit."""
    near, same = (nearest_neighbors(one, k, metric, ties=ties) for one in (here, there))
    for name in ("indptr", "items", "weights"):
        np.testing.assert_array_equal(getattr(near, name), getattr(same, name))
    found = [ranks(one, near.indptr, near.items, metric, ties=ties) for one in (here, there)]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("block_size", [None, 7])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_neighbors_and_ranks_on_a_device_are_those_of_the_host(kind, dtype, metric, block_size, put):
    """Far items, grids full of ties, copies and huge features change nothing, for any k and rule of ties."""
    here, there = both(rows_of(kind).astype(dtype), put, block_size=block_size)
    for name in ("inverse", "first", "weights"):
        np.testing.assert_array_equal(getattr(here, name), getattr(there, name))
    for k, ties in ((1, "average"), (4, "average"), (2, "min"), (here.n_samples - 1, "average")):
        assert_same_answers(here, there, metric, k, ties)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_half_precision_on_a_device_is_that_of_the_host(dtype, put):
    """Rows of models in half precision have many ties, which are decided on the numbers that they are."""
    X = put(rows_of("plain", 120)[:, :4]).to(getattr(torch, dtype))
    here, there = prepare(X.cpu().float().numpy()), prepare(X)
    assert there.device is not None
    assert_same_answers(here, there, "euclidean", 3, "average")


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_parts_subsets_and_permutations_on_a_device_are_those_of_the_host(metric, put):
    """A concatenation is never put together, and some of its items, some of them twice, are a space of their own."""
    X, Y = rows_of("copies"), rows_of("copies")[:, ::-2] ** 2
    items = np.array([3, 3, *range(5, 40)])
    order = np.random.default_rng(0).permutation(len(items))
    for block_size in (None, 5):
        here = prepare([X, Y], block_size=block_size).subset(items).permuted(order)
        there = prepare([put(X), put(Y)], block_size=block_size).subset(items).permuted(order)
        assert there.device is not None
        assert_same_answers(here, there, metric, 2, "average")


@pytest.mark.parametrize("block_size", [None, 7])
@pytest.mark.parametrize("transform", ["unit", "zscore", "whiten"])
def test_rows_prepared_by_a_transform_have_their_matrix_on_the_device(transform, block_size, put):
    """The host prepares them, and answers are the same."""
    here, there = both(rows_of("huge constant"), put, transform=transform, block_size=block_size)
    assert_same_answers(here, there, "euclidean", 2, "average")


def test_answers_do_not_depend_on_how_much_is_looked_at_together(monkeypatch, put):
    """Runs of one row, and of a few pairs of rows, give what all at once gives."""
    here, there = both(rows_of("copies"), put)
    monkeypatch.setattr("platoscope.neighbors._device_rows._ENTRIES", 1)
    monkeypatch.setattr("platoscope.neighbors._device_rows._LISTED", 1)
    monkeypatch.setattr("platoscope.neighbors._device_sums._AT_ONCE", 20)
    assert_same_answers(here, there, "cosine", 3, "average")
    monkeypatch.setattr("platoscope.neighbors._device_prepare._AT_ONCE", 20)
    assert_same_answers(here, prepare(put(rows_of("copies"))), "euclidean", 3, "average")


def test_equal_differences_have_equal_distances_in_any_company(put):
    """The order in which a sum is taken depends on the number of its terms alone."""
    from platoscope.neighbors._device_sums import fold

    rng = np.random.default_rng(0)
    for width in (1, 2, 7, 64, 1000):
        row = rng.standard_normal(width)
        alone = fold(put(row[None]).clone())
        beside = fold(put(np.concatenate([rng.standard_normal((3, width)), [row, row]])).clone())
        assert float(alone[0]) == float(beside[3]) == float(beside[4])
        assert float(alone[0]) == pytest.approx(row.sum(), rel=1e-12, abs=1e-12)


def test_minus_zero_is_zero_and_rows_that_share_a_code_are_compared(monkeypatch, put):
    """Items are one where they are equal, not where a sum of their bits is."""
    X = rows_of("plain")
    X[1], X[7, 0], X[8] = X[0], 0.0, X[7]
    X[8, 0] = -0.0
    here, there = both(X, put)
    np.testing.assert_array_equal(here.inverse, there.inverse)
    assert there.n_distinct == len(X) - 2
    monkeypatch.setattr("platoscope.neighbors._device_prepare._odd_numbers", lambda part, seed: 0)
    np.testing.assert_array_equal(prepare(put(X)).inverse, here.inverse)


def test_what_is_no_matrix_of_floats_on_a_device_with_float64_is_prepared_on_the_host(put):
    """Whole numbers, arrays, tensors of the CPU and mixtures go the way that they went before."""
    X = rows_of("grid")
    assert prepare(put(X).to(torch.int64)).device is None
    assert prepare([put(X), X]).device is None
    assert prepare(put(X), metric="hamming").device is None
    assert prepare(put(X), metric=lambda P, Q: np.abs(P[:, None] - Q).sum(axis=2)).device is None


def test_a_tensor_of_the_cpu_is_no_array_on_a_device():
    """Without a device nothing changes."""
    assert prepare(torch.from_numpy(rows_of("plain"))).device is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bad_rows_on_a_device_are_named_as_on_the_host(value, put):
    """The first row that is not finite is in the message."""
    X = rows_of("plain")
    X[11, 3] = value
    with pytest.raises(InputError, match=r"non-finite values in 1 of 42 rows; the first is row 11"):
        prepare(put(X))
    with pytest.raises(InputError, match="ranks need at least 3 items"):
        prepare(put(rows_of("plain")[:2]))
    with pytest.raises(InputError, match="same number of rows"):
        prepare([put(rows_of("plain")), put(rows_of("plain")[:9])])
    with pytest.raises(InputError, match="zero vectors"):
        nearest_neighbors(prepare(put(np.concatenate([rows_of("plain"), np.zeros((1, 9))]))), 1, "cosine")


def test_values_whose_sums_overflow_are_prepared_on_the_host(put):
    """Near the limit of float64 the host shrinks them first; their matrix is on the device again."""
    X = rows_of("plain") * 1e307
    here, there = both(X, put)
    assert not there.device.parts
    assert_same_answers(here, there, "euclidean", 2, "average")


def test_a_device_without_memory_is_an_error_that_says_what_to_do(monkeypatch, put):
    """Torch's own error stays in the message."""

    def full(*_):
        message = "20 GiB asked for"
        raise torch.OutOfMemoryError(message)

    monkeypatch.setattr("platoscope.neighbors._device_prepare._column_means", full)
    with pytest.raises(
        DeviceMemoryError, match=r"Preparing X does not fit on its device: 20 GiB.*block_size"
    ):
        prepare(put(rows_of("plain")))


def test_products_are_in_full_float32_whatever_the_user_chose(put):
    """Neither autocast nor TF32 rounds the factors, and the input is as it was."""
    X = rows_of("plain").astype(np.float32)
    there = put(X)
    with torch.autocast(there.device.type, dtype=torch.bfloat16):
        found = prepare(there)
    np.testing.assert_allclose(found.gram, prepare(X).gram, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(there.cpu().numpy(), X)


def test_a_space_says_where_it_is_and_what_it_takes(put):
    """A kept matrix on a device counts, and so does its copy on the host once that has been asked for."""
    X = rows_of("plain")
    there = prepare(put(X))
    assert f"matrix kept on {put(X).device}" in repr(there)
    before = there.nbytes
    assert before >= 4 * len(X) ** 2
    assert there.gram is there.gram
    assert there.nbytes == before + 4 * len(X) ** 2
