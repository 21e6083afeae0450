"""Every measure of the table keeps what it declares: range, symmetry, invariances, identity, chance level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platoscope.errors import InputError, NotFoundError
from platoscope.measures import MEASURES, ComparisonOptions, Shuffles, get_measure
from platoscope.neighbors import prepare
from platoscope.testing import strategies

BACKENDS = ["numpy", "torch", "numpy-readonly", "space", "space-blocks"]
ALL = sorted(MEASURES)


def wrap(X, backend):
    if backend == "torch":
        return pytest.importorskip("torch").from_numpy(np.array(X))
    if backend == "numpy-readonly":
        X = np.array(X)
        X.setflags(write=False)
        return X
    if backend == "space":
        return prepare(X)
    if backend == "space-blocks":
        return prepare(X, block_size=13)
    return np.asarray(X)


def score(name, X, Y, backend="numpy", **options):
    A, B = prepare(wrap(X, backend)), prepare(wrap(Y, backend))
    return get_measure(name).scores([A], [B], np.zeros((1, 2), np.intp), ComparisonOptions(**options), {})[
        :, 0
    ]


def of_values(name):
    """Tell whether a measure takes products or distances as they are, float32, rather than who is nearer than whom."""
    return MEASURES[name].permutes_matrices or MEASURES[name].reads == "products"


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 6))
    return X, X + 0.7 * rng.standard_normal(X.shape)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ALL)
def test_every_backend_gives_the_same_value(name, backend, pair):
    """Arrays of any library, read-only arrays and prepared spaces give one and the same number."""
    tolerance = 1e-6 if of_values(name) else 1e-12
    np.testing.assert_allclose(score(name, *pair, backend), score(name, *pair), atol=tolerance)


@pytest.mark.parametrize("name", ALL)
def test_identity(name, pair):
    """A representation compared with itself scores the declared identity value."""
    X = pair[0]
    want = MEASURES[name].identity(len(X), ComparisonOptions())
    np.testing.assert_allclose(score(name, X, X), want, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_range(name, pair):
    """Values stay in the declared range, for related, unrelated and reversed data."""
    measure, (X, Y) = MEASURES[name], pair
    for other in (X, Y, Y[::-1], -X, np.abs(X)):
        values = score(name, X, other)
        assert np.all(values >= measure.lowest - 1e-6)
        assert np.all(values <= measure.highest + 1e-6)


SMALL = {"overlap_neighbors": 3, "overlap_metric": "euclidean"}
AWKWARD = strategies.array_pairs(n_samples=st.integers(8, 16), same_width=True)


def one_row_differs(X):
    """Tell whether all rows but one at most are equal: such a side says nothing to measures that center it."""
    _, counts = np.unique(X, axis=0, return_counts=True)
    return counts.max() >= len(X) - 1


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=settings.default.max_examples // 4)
@given(pair=AWKWARD)
def test_awkward_data_score_in_the_range_or_not_at_all(name, pair):
    """Of ties, near-duplicates and constant features a score is in the declared range; of nothing there is none."""
    measure = MEASURES[name]
    flat = any(one_row_differs(X) for X in pair)
    try:
        values = score(name, *pair, **SMALL)
    except InputError:
        assert measure.needs_one_space, "only the direction of a row can be undefined"
        return
    if np.isnan(values).any():
        assert flat
        assert of_values(name) or measure.reads == "rows"
        return
    assert np.all(values >= measure.lowest - 1e-6)
    assert np.all(values <= measure.highest + 1e-6)


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=settings.default.max_examples // 4)
@given(pair=AWKWARD, seed=st.integers(0, 99))
def test_awkward_data_may_come_in_any_order(name, pair, seed):
    """Ties are shared among all who tie, so that no value depends on the order of the items."""
    order = np.random.default_rng(seed).permutation(len(pair[0]))
    moved = [X[order] for X in pair]
    try:
        want = score(name, *pair, **SMALL)
    except InputError:
        with pytest.raises(InputError):
            score(name, *moved, **SMALL)
        return
    np.testing.assert_allclose(score(name, *moved, **SMALL), want, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_symmetric_exactly_where_declared(name, pair):
    """Undirected measures do not depend on the order of their arguments; directed ones swap directions."""
    X, Y = pair
    forward, swapped = score(name, X, Y), score(name, Y, X)
    if MEASURES[name].directed:
        np.testing.assert_allclose(forward, swapped[::-1], atol=1e-12)
        assert abs(forward[0] - forward[1]) > 1e-6
    else:
        assert forward.shape == (1,)
        np.testing.assert_allclose(forward, swapped, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kind", ["isometry", "scale", "translation"])
def test_invariances_hold_where_declared_and_fail_where_not(name, kind, pair):
    """Rotating, scaling or shifting one side changes a value exactly if the table does not declare it invariant."""
    X, Y = pair
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 6)))[0]
    moved = {"isometry": X @ rotation, "scale": 7.0 * X, "translation": X + 5.0}[kind]
    if name.startswith("retrieval") and kind == "isometry":
        Y = Y @ rotation  # retrieval compares rows of both sides: both turn together
    elif name == "neighborhood_overlap" and kind == "isometry":
        np.testing.assert_allclose(score(name, moved, Y), score(name, X, Y), atol=1e-12)
        return
    changed = np.abs(score(name, moved, Y) - score(name, X, pair[1])).max()
    if kind in MEASURES[name].invariances:
        assert changed < 1e-6
    else:
        assert changed > 1e-3


@pytest.mark.parametrize("name", ALL)
def test_joint_permutation_of_items_changes_nothing(name, pair):
    """The order in which items are listed does not matter, as long as both sides agree."""
    X, Y = pair
    order = np.random.default_rng(2).permutation(len(X))
    np.testing.assert_allclose(score(name, X[order], Y[order]), score(name, X, Y), atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_chance_level_is_the_mean_under_permutations(name, pair):
    """Under shuffled pairing the mean is the declared chance level, within four standard errors of the draws."""
    measure, (X, Y) = MEASURES[name], pair
    orders = np.stack([np.random.default_rng(seed).permutation(len(X)) for seed in range(200)])
    shuffles = Shuffles.of(orders)
    null = measure.null(
        [prepare(X)], [prepare(Y)], np.zeros((1, 2), np.intp), shuffles, ComparisonOptions(), {}
    )[..., 0]
    chance = measure.chance(len(X), ComparisonOptions())
    if np.isnan(chance):
        assert np.ptp(null) > 0
    else:
        error = null.std(axis=0, ddof=1) / np.sqrt(len(null))
        assert np.all(np.abs(null.mean(axis=0) - chance) < 4 * error)


def composed(n_samples, rng):
    """Make pairings of which each is composed of one order of A and one of B."""
    left, right = (np.stack([rng.permutation(n_samples) for _ in range(size)]) for size in (2, 3))
    return Shuffles(left, right, np.array([(0, 1), (1, 0), (1, 2)]))


@pytest.mark.parametrize("independent", [True, False])
@pytest.mark.parametrize("block_size", [None, 17])
@pytest.mark.parametrize("name", ALL)
def test_null_equals_scores_of_the_permuted_representation(name, block_size, independent, pair):
    """A null value is the score of the permuted pairing, obtained without another distance."""
    measure = MEASURES[name]
    rng = np.random.default_rng(3)
    rows = rng.integers(0, 120, 120)  # duplicates on one side
    A = [prepare(pair[0], block_size=block_size), prepare(pair[0][:, :4], block_size=block_size)]
    B = [prepare(pair[1][rows], block_size=block_size), prepare(pair[1], block_size=block_size)]
    if name.startswith("retrieval"):
        A[1] = prepare(pair[0] ** 3)
    pairs = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
    orders = np.stack([rng.permutation(120) for _ in range(3)])
    shuffles = Shuffles.of(orders) if independent else composed(120, rng)
    null = measure.null(A, B, pairs, shuffles, ComparisonOptions(), {})
    for k, order in enumerate(shuffles.orders):
        want = measure.scores(A, [space.permuted(order) for space in B], pairs, ComparisonOptions(), {})
        np.testing.assert_allclose(null[k], want, atol=1e-5 if name != "information_imbalance" else 1e-9)


@pytest.mark.parametrize("independent", [True, False])
def test_a_profile_of_pairs_equals_the_grid(independent):
    """Scores of chosen pairs are the same cells of the full grid, for every measure."""
    rng = np.random.default_rng(4)
    A = [prepare(rng.standard_normal((60, 5))) for _ in range(4)]
    B = [prepare(rng.standard_normal((60, 5))) for _ in range(4)]
    grid = np.array([(i, j) for i in range(4) for j in range(4)])
    chosen = np.array([(0, 0), (1, 3), (2, 2)])
    orders = np.stack([rng.permutation(60) for _ in range(2)])
    shuffles = Shuffles.of(orders) if independent else composed(60, rng)
    for measure in MEASURES.values():
        all_of_it = measure.scores(A, B, grid, ComparisonOptions(), {})
        some = measure.scores(A, B, chosen, ComparisonOptions(), {})
        np.testing.assert_allclose(some, all_of_it[:, chosen[:, 0] * 4 + chosen[:, 1]], atol=1e-6)
        all_null = measure.null(A, B, grid, shuffles, ComparisonOptions(), {})
        some_null = measure.null(A, B, chosen, shuffles, ComparisonOptions(), {})
        np.testing.assert_allclose(some_null, all_null[..., chosen[:, 0] * 4 + chosen[:, 1]], atol=1e-6)


def test_unknown_measure_lists_all():
    """A measure that is not in the table is an error that lists the table."""
    with pytest.raises(NotFoundError, match="Unknown measure 'imbalance'. Known: information_imbalance"):
        get_measure("imbalance")


@pytest.mark.parametrize("name", [name for name in ALL if MEASURES[name].resamples is not None])
def test_resamples_equal_scores_on_each_subset(name, pair):
    """The quick path over subsets gives what the measure gives on each subset, duplicates included."""
    rng = np.random.default_rng(5)
    measure = MEASURES[name]
    A = [prepare(pair[0]), prepare(pair[0][rng.integers(0, 120, 120)])]
    B = [prepare(pair[1]), prepare(pair[1][rng.integers(0, 120, 120)])]
    pairs = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
    sets = np.stack([np.sort(rng.permutation(120)[:40]) for _ in range(3)])
    got = measure.resamples(A, B, pairs, sets, ComparisonOptions(), {})
    for draw, items in enumerate(sets):
        some_a, some_b = ([space.subset(items) for space in side] for side in (A, B))
        np.testing.assert_allclose(
            got[draw], measure.scores(some_a, some_b, pairs, ComparisonOptions(), {}), atol=1e-9
        )
