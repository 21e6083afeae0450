"""What is not a matrix of numbers is refused, with what came and what to do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from platoscope import compare, information_imbalance
from platoscope.errors import InputError

Y = np.random.default_rng(0).standard_normal((20, 3))


def masked(shape):
    X = np.ma.array(np.arange(float(np.prod(shape))).reshape(shape) % 7)
    X[(..., 4, 1)] = np.ma.masked
    return X


def test_masked_values_are_refused():
    """A mask says that a value is not to be used, and a distance uses all of them."""
    with pytest.raises(InputError, match="masked values"):
        information_imbalance(masked((20, 3)), Y)
    with pytest.raises(InputError, match="masked values"):
        information_imbalance([Y, masked((20, 3))], Y)
    with pytest.raises(InputError, match="mask"):
        compare(masked((2, 20, 3)), Y[None])


def test_a_masked_array_without_masked_values_is_an_array():
    """Nothing is masked, nothing is refused."""
    assert information_imbalance(np.ma.array(Y), Y) == information_imbalance(Y, Y)
    found = compare(np.ma.array(Y[None]), Y[None], measures=["information_imbalance"], n_resamples=0)
    assert found.information_imbalance.values.ravel().tolist() == list(information_imbalance(Y, Y))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            Y[None],
            r"got shape \(1, 20, 3\)\. Layers are compared by platoscope\.profile .* one of them is X\[i\]",
        ),
        (Y[:, 0], r"got shape \(20,\)\. Reshape it"),
        (csr_array(Y), r"It is sparse: give X\.toarray\(\)"),
    ],
)
def test_what_is_no_matrix_says_how_it_becomes_one(given, said):
    """A stack must not be reshaped: its layers would become features or items."""
    with pytest.raises(InputError, match=said):
        information_imbalance(given, Y)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_integers_that_float64_does_not_have_are_refused(dtype):
    """Rows that differ in the last of 64 bits would tie; below 2**53 they do not."""
    steps = np.random.default_rng(1).integers(0, 9, (20, 3))
    X = (2**53 - steps).astype(dtype)
    assert information_imbalance(X, Y) == information_imbalance(-steps, Y)
    X[3, 0] = np.iinfo(dtype).max
    with pytest.raises(InputError, match=r"integers up to .*, beyond 2\*\*53"):
        information_imbalance(X, Y)


def test_booleans_are_numbers():
    """True is 1 and False 0."""
    X = Y > 0
    assert information_imbalance(X, Y) == information_imbalance(X.astype(float), Y)


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i4", "<f8"])
def test_any_order_of_bytes_is_read(dtype):
    """Files of other machines have their bytes the other way round."""
    X = np.round(Y * 4)
    assert information_imbalance(X.astype(dtype), Y) == information_imbalance(X, Y)


@pytest.mark.parametrize("dtype", [complex, object, "U3", np.longdouble])
def test_what_float64_cannot_hold_is_refused(dtype):
    """Complex numbers, objects, text and long double have no place in a matrix of float64."""
    with pytest.raises(InputError, match="must hold real numbers"):
        information_imbalance(Y.round(1).astype(dtype), Y)
