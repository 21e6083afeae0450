"""Ridge R² and Procrustes: the maps refitted one by one, scikit-learn, SciPy, and what is undefined."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes

import platoscope
from platoscope.errors import InputError
from platoscope.measures import ComparisonOptions, Shuffles, _coordinates, get_measure, procrustes, ridge_r2
from platoscope.neighbors import prepare
from platoscope.testing import references

KINDS = ["tall", "wide", "square", "duplicates", "ties", "constant features", "outlier", "huge feature"]
PENALTIES = 10.0 ** np.arange(-10, 2.01, 0.25)


def related(kind, seed=0):
    """Make two related arrays of 24 items, of which the second has fewer features."""
    rng = np.random.default_rng(seed)
    n_features = {"wide": 60, "square": 23}.get(kind, 6)
    X = rng.standard_normal((24, n_features))
    Y = X[:, :4] + 0.7 * rng.standard_normal((24, 4))
    if kind == "duplicates":
        twins = rng.integers(0, 12, 24)
        X, Y = X[twins], Y[twins]
    elif kind == "ties":
        X, Y = np.round(X), np.round(Y) + 1000
    elif kind == "constant features":
        X[:, 2:], Y[:, 1] = 3.0, -1e6
    elif kind == "outlier":
        X[3] *= 1e4
    elif kind == "huge feature":
        X[:, 0] *= 1e3
    return X, Y


@pytest.mark.parametrize("strata", [None, np.arange(24) // 3, np.arange(24) % 2])
@pytest.mark.parametrize("kind", KINDS)
def test_ridge_is_that_of_maps_fitted_without_each_item(kind, strata):
    """The closed form gives what refitting without every item, or group, does, and no other penalty does better."""
    X, Y = related(kind)
    found = ridge_r2(X, Y, strata=strata)
    for r2, penalty, sides in (
        (found.forward, found.forward_penalty, (X, Y)),
        (found.backward, found.backward_penalty, (Y, X)),
    ):
        assert r2 == pytest.approx(references.ridge_r2(*sides, penalty, strata), abs=1e-7)
        best = max(references.ridge_r2(*sides, each, strata) for each in PENALTIES)
        assert r2 >= best - 1e-6


def test_ridge_is_that_of_scikit_learn():
    """RidgeCV, with its errors of items left out, over the penalty that is best here and others near it."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    for kind in ("tall", "wide"):
        X, Y = related(kind)
        found = ridge_r2(X, Y)
        largest = np.linalg.svd(X - X.mean(0), compute_uv=False)[0] ** 2
        alphas = found.forward_penalty * largest * np.array([0.5, 1.0, 2.0])
        fitted = linear_model.RidgeCV(alphas=alphas, store_cv_results=True).fit(X, Y)
        assert fitted.alpha_ == alphas[1]
        apart = (Y - Y.mean(0)) * 24 / 23
        assert 1 - fitted.cv_results_[..., 1].sum() / (apart**2).sum() == pytest.approx(
            found.forward, abs=1e-9
        )


@pytest.mark.parametrize("kind", KINDS)
def test_procrustes_is_that_of_scipy(kind):
    """The sum of singular values is SciPy's scale, of arrays of one width and norm 1."""
    X, Y = related(kind)
    width = max(X.shape[1], Y.shape[1])
    sides = [np.pad(Z - Z.mean(0), ((0, 0), (0, width - Z.shape[1]))) for Z in (X, Y)]
    _, scale = orthogonal_procrustes(*(Z / np.linalg.norm(Z) for Z in sides))
    assert procrustes(X, Y) == pytest.approx(scale, abs=1e-9)
    assert procrustes(X, Y) == pytest.approx(references.procrustes(X, Y), abs=1e-9)


def test_worked_by_hand():
    """Three points on a line: without a penalty the line is found again; two rotated points are one shape."""
    line = np.array([[-1.0], [0.0], [1.0]])
    assert ridge_r2(line, 2 * line + 7).forward == pytest.approx(1.0, abs=1e-9)
    # Of a V over the line nothing is linear: the best map is the mean, whatever the penalty.
    assert ridge_r2(line, np.array([[1.0], [0.0], [1.0]]))[::2] == (0.0, np.inf)
    # Singular values of XᵀY: 2 of the product, norms √2 and 2.
    other = np.array([[0.0, -1.0], [2.0**0.5, 0.0], [0.0, 1.0]])
    centered = other - other.mean(0)
    assert procrustes(line, other) == pytest.approx(2 / 2**0.5 / np.linalg.norm(centered))


def test_whole_and_part():
    """The whole predicts its part, the part the share of the whole that it is; noise features predict nothing."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((600, 8))
    found = ridge_r2(X, X[:, :2])
    assert found.forward == pytest.approx(1.0, abs=1e-6)
    assert found.backward == pytest.approx(0.25, abs=0.03)
    unrelated = ridge_r2(X, rng.standard_normal((600, 5)))
    assert 0 <= unrelated.forward < 0.01


def test_an_item_left_out_of_more_features_than_items_is_no_linear_function_of_the_others():
    """So even a representation itself is predicted in part, by how much of an item the others span."""
    X = np.random.default_rng(2).standard_normal((40, 200))
    assert 0.1 < ridge_r2(X, X).forward < 0.3
    assert procrustes(X, X) == pytest.approx(1.0)


def test_near_duplicates_are_predicted_from_each_other_unless_their_group_is_left_out():
    """Noise in which every item comes three times looks predictable, and is not once its copies are left out with it."""
    rng = np.random.default_rng(3)
    X, Y = np.repeat(rng.standard_normal((2, 20, 60)), 3, axis=1)
    strata = np.repeat(np.arange(20), 3)
    assert ridge_r2(X, Y).forward > 0.9
    assert ridge_r2(X, Y, strata=strata).forward < 0.1
    one_each = ridge_r2(X[::3], Y[::3])
    assert ridge_r2(X[::3], Y[::3], strata=np.arange(20)) == pytest.approx(one_each)


@pytest.mark.parametrize("name", ["ridge_r2", "procrustes"])
def test_what_is_not_kept_is_the_same(name, monkeypatch):
    """Where coordinates of all layers would take too much they are computed for each pair, with the same values."""
    rng = np.random.default_rng(4)
    A, B = rng.standard_normal((2, 3, 30, 5))
    pairs = np.array([(0, 0), (0, 1), (2, 1)])
    shuffles = Shuffles.of(np.stack([rng.permutation(30) for _ in range(3)]))
    measure, found = get_measure(name), []
    for kept in (1 << 20, 0):
        monkeypatch.setattr(_coordinates, "_KEPT", kept)
        sides = [[prepare(X) for X in side] for side in (A, B)]
        values = measure.scores(*sides, pairs, ComparisonOptions(), {})
        found.append((values, measure.null(*sides, pairs, shuffles, ComparisonOptions(), {})))
        assert any("coordinates" in space.memo for space in sides[0]) == (kept > 0)
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_profile_has_both_directions_their_difference_and_nulls():
    """A profile has what the functions give, intervals, and the difference of both directions with its own."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((3, 120, 6))
    result = platoscope.profile(X, X[:, :, :3], measures=["ridge_r2", "procrustes"], n_permutations=19, rng=0)
    for layer in range(3):
        found = ridge_r2(X[layer], X[layer, :, :3])
        np.testing.assert_allclose(result.ridge_r2[:, layer], found[:2], atol=1e-7)
        assert float(result.procrustes[layer]) == pytest.approx(procrustes(X[layer], X[layer, :, :3]))
    assert (result.ridge_asymmetry_low > 0).all()
    assert (result.ridge_r2_p == 0.05).all()
    assert (result.ridge_r2_null < 0.1).all()
    assert (result.procrustes_null > 0.1).all()
    assert (result.procrustes > result.procrustes_threshold).all()
    assert "procrustes_low" not in result


@pytest.mark.parametrize("measure", [ridge_r2, procrustes])
def test_a_constant_side_is_refused_by_name(measure):
    """Where a side does not vary there is nothing to predict and no shape."""
    X = np.random.default_rng(0).standard_normal((20, 3))
    with pytest.raises(InputError, match="undefined"):
        measure(X, np.full((20, 3), 0.3))
    with pytest.raises(InputError, match="undefined"):
        measure(np.full((20, 3), 0.3), X)


def test_in_a_grid_a_constant_source_predicts_nothing_and_a_constant_target_is_undefined():
    """R² from a constant is 0, to a constant NaN, with a warning."""
    X = np.random.default_rng(0).standard_normal((1, 20, 3))
    with pytest.warns(platoscope.errors.PlatoscopeWarning, match="undefined"):
        result = platoscope.profile(
            X, np.ones((1, 20, 2)), measures=["ridge_r2", "procrustes"], n_resamples=0
        )
    assert np.isnan(result.ridge_r2[0, 0])
    assert result.ridge_r2[1, 0] == 0
    assert np.isnan(result.procrustes[0])


@pytest.mark.parametrize(
    ("strata", "said"),
    [(["a"] * 20, "All items are of one stratum"), (["a", "b"], "20 items; got 2"), (7, "strata must be")],
)
def test_groups_are_checked(strata, said):
    """Groups of all items, of too few, and what is no list are errors that say so."""
    X = np.random.default_rng(0).standard_normal((20, 3))
    with pytest.raises(InputError, match=said):
        ridge_r2(X, X, strata=strata)
