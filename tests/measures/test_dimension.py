"""The intrinsic dimension is that of its reference, of DADApy and of what is known, and says where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from platoscope.errors import InputError
from platoscope.measures import dimension_scaling, intrinsic_dimension
from platoscope.neighbors import prepare
from platoscope.testing import references


def seeded():
    """Make the two data sets that DADApy was run on."""
    rng = np.random.default_rng(0)
    gaussian = rng.standard_normal((1000, 3))
    angle = rng.uniform(1.5 * np.pi, 4.5 * np.pi, 1000)
    height = rng.uniform(0, 21, 1000)
    return {
        "gaussian": gaussian,
        "roll": np.stack([angle * np.cos(angle), height, angle * np.sin(angle)], axis=1),
    }


# DADApy 0.3.4 on `seeded`: IdEstimation(X, maxk=100), then compute_id_2NN(algorithm="base") and "ml" (intrinsic_dim),
# and return_id_scaling_gride(range_max=64): dimensions, errors, scales.
DADAPY = {
    "gaussian": (
        2.89100219,
        2.90921157,
        [2.90921158, 2.89947106, 3.05431272, 3.06167388, 3.0563753, 3.00604819],
        [0.0919973479, 0.0660806158, 0.0493414004, 0.0349607513, 0.0246695538, 0.0171524783],
        [0.277745887, 0.36696211, 0.470460234, 0.593411586, 0.744086684, 0.931350289],
    ),
    "roll": (
        2.01884231,
        2.03861221,
        [2.03861223, 1.94448605, 1.94045529, 1.87741197, 1.87001722, 2.08954673],
        [0.064466579, 0.044303294, 0.0313392301, 0.0214449346, 0.0150999693, 0.0119364353],
        [0.847150821, 1.26027874, 1.84528867, 2.68611347, 3.90582256, 5.51469334],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DADAPY)
def test_values_are_those_of_dadapy(name):
    """TwoNN, both ways, and GRIDE at six scales, with errors and scales, as DADApy 0.3.4 gives them on seeded data."""
    X = seeded()[name]
    line, likely, ids, errors, scales = DADAPY[name]
    assert intrinsic_dimension(X, method="twonn").value == pytest.approx(line, rel=1e-7)
    assert intrinsic_dimension(X, method="twonn_ml").value == pytest.approx(likely, rel=1e-7)
    found = dimension_scaling(X)
    # Its search stops at 1e-7, and its information is the expected one to 1e-5.
    np.testing.assert_allclose([each.value for each in found], ids, rtol=1e-6)
    np.testing.assert_allclose([each.standard_error for each in found], errors, rtol=1e-4)
    np.testing.assert_allclose([each.scale for each in found], scales, rtol=1e-8)


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gride_equals_its_reference(k, dtype):
    """The zero that Newton's steps find is that of bisection, in either precision and far from the origin."""
    X = (np.random.default_rng(1).standard_normal((60, 4)) + 100).astype(dtype)
    assert intrinsic_dimension(X, n_neighbors=k).value == pytest.approx(
        references.intrinsic_dimension(X, k), rel=1e-9
    )


@pytest.mark.parametrize("d", [1, 2, 5])
def test_a_ball_has_the_dimension_of_its_space_whatever_it_lies_in(d):
    """Points of a d-dimensional ball in 20 dimensions have dimension d, to 10 %, however they are turned."""
    rng = np.random.default_rng(d)
    Z = rng.standard_normal((2000, d))
    Z *= (rng.uniform(size=2000) ** (1 / d) / np.linalg.norm(Z, axis=1))[:, None]
    turn = np.linalg.qr(rng.standard_normal((20, 20)))[0]
    values = [intrinsic_dimension(Y, n_neighbors=2).value for Y in (Z, Z @ turn[:d], 3 * Z @ turn[:d] + 1)]
    assert values[0] == pytest.approx(d, rel=0.1)
    np.testing.assert_allclose(values, values[0], rtol=1e-9)


def test_high_dimension_is_underestimated():
    """Of a Gaussian in 100 dimensions a thousand items show half: the known bias, which the page states."""
    X = np.random.default_rng(0).standard_normal((1000, 100))
    assert 40 < intrinsic_dimension(X, n_neighbors=4).value < 65


def test_rows_of_unit_length_have_one_dimension_less():
    """On the sphere the radius is gone: unit rows, and cosine distances, of three dimensions have two."""
    X = np.random.default_rng(0).standard_normal((2000, 3))
    unit, cosine = intrinsic_dimension(X, transform="unit"), intrinsic_dimension(X, metric="cosine")
    assert unit.value == pytest.approx(2, abs=0.15)
    assert cosine.value == pytest.approx(unit.value, rel=1e-6)
    assert cosine.scale == pytest.approx(unit.scale, rel=1e-6)


def test_distances_may_be_given_or_of_ones_own():
    """Precomputed distances and a metric that is a function give what the rows give."""
    X = np.random.default_rng(0).standard_normal((80, 3))
    D = np.sqrt(references.distances(X))

    def own(P, Q):
        return np.linalg.norm(P[:, None] - Q, axis=2)

    want = intrinsic_dimension(X, n_neighbors=3).value
    assert intrinsic_dimension(D, metric="precomputed", n_neighbors=3).value == pytest.approx(want, rel=1e-9)
    assert intrinsic_dimension(X, metric=own, n_neighbors=3).value == pytest.approx(want, rel=1e-5)
    blocks = prepare(X, block_size=13)
    assert intrinsic_dimension(blocks, n_neighbors=3).value == pytest.approx(want, rel=1e-9)


def test_equal_items_are_refused_or_dropped_with_their_count():
    """Equal items have no ratio: they are an error with their number, or each is taken once."""
    X = np.random.default_rng(0).standard_normal((60, 3))
    twice = np.concatenate([X, X[:7]])
    with pytest.raises(InputError, match="7 items that equal an earlier one"):
        intrinsic_dimension(twice)
    found = intrinsic_dimension(twice, duplicates="drop")
    assert (found.n_dropped, found.n_samples) == (7, 60)
    assert found.value == pytest.approx(intrinsic_dimension(X).value, rel=1e-9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "twonn", "n_neighbors": 2}, "first two neighbors"),
        ({"n_neighbors": 10}, "needs the 20 nearest neighbors"),
        ({"metric": "hamming"}, "counts"),
        ({"method": "mle"}, "method"),
    ],
)
def test_what_cannot_be_estimated_is_a_sentence(options, words):
    """Neighbors that there are not, distances that are counts and unknown methods are refused."""
    with pytest.raises(InputError, match=words):
        intrinsic_dimension(np.random.default_rng(0).standard_normal((20, 3)), **options)


def test_a_lattice_has_no_dimension():
    """Where the two distances are equal for all items the likelihood has no maximum, and the message says so."""
    with pytest.raises(InputError, match="no intrinsic dimension"):
        intrinsic_dimension(np.stack(np.meshgrid(*[np.arange(5.0)] * 2), axis=-1).reshape(-1, 2))


def test_the_error_of_the_line_is_the_jackknife():
    """The standard error of "twonn" is that of leaving out every ratio and fitting again."""
    from platoscope.measures._dimension import _line

    logs = np.sort(np.random.default_rng(0).exponential(size=50))
    without = np.array([_line(np.delete(logs, i), 0.9)[0] for i in range(50)])
    want = np.sqrt(np.square(without - without.mean()).sum() * 49 / 50)
    assert _line(logs, 0.9)[1] == pytest.approx(want, rel=1e-9)
