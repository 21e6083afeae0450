"""Preparations of rows against plain NumPy in float64, and what they promise about ties and scales."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from platoscope.errors import InputError
from platoscope.measures import information_imbalance
from platoscope.neighbors import parse_transform, prepare, told_apart, transform_rows
from platoscope.neighbors._direction_kernels import standardize_rows


def _unit(X: np.ndarray) -> np.ndarray:
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def _reference(X: np.ndarray, step: str) -> np.ndarray:
    """Prepare rows by the words of docs/measures.md."""
    X = X.astype(np.float64)
    if step == "unit":
        return _unit(X)
    if step == "clip":
        low, high = np.quantile(X, [0.05, 0.95], axis=1, keepdims=True)
        return _unit(np.clip(X, low, high))
    if step == "clamp":
        limit = np.quantile(np.abs(X), 0.95, axis=1).mean()
        return _unit(np.clip(X, -limit, limit))
    if step == "zscore":
        sd = X.std(axis=0)
        return np.where(sd > 0, (X - X.mean(axis=0)) / np.where(sd > 0, sd, 1), 0.0)
    raise AssertionError(step)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("step", ["unit", "clip", "clamp", "zscore"])
def test_each_step_agrees_with_its_definition(step: str, dtype: Any) -> None:
    """A step gives what plain NumPy gives, in the precision of the input, without touching the input."""
    X = (np.random.default_rng(0).standard_normal((150, 37)) * np.geomspace(1, 500, 37)).astype(dtype)
    X.flags.writeable = False
    found = transform_rows(X, step)
    assert isinstance(found, np.ndarray)
    assert found.dtype == dtype
    tolerance = 4 * np.finfo(dtype).eps
    expected = _reference(X, step)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize(("n_samples", "n_features"), [(200, 20), (60, 150)])
def test_whitening_gives_uncorrelated_components_of_variance_one(n_samples: int, n_features: int) -> None:
    """The components hold 99 % of the variance, at most N/4 of them, each of sd 1, whichever side is longer."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features)) * np.geomspace(1, 30, n_features)
    found = np.asarray(transform_rows(X, "whiten"))
    values = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2
    needed = int(np.searchsorted(np.cumsum(values) / values.sum(), 0.99)) + 1
    assert found.shape == (n_samples, min(needed, n_samples // 4))
    np.testing.assert_allclose(np.cov(found.T, bias=True), np.eye(found.shape[1]), atol=1e-8)


@pytest.mark.parametrize("step", ["unit", "clip", "clamp", "zscore", "whiten"])
def test_a_concatenation_is_prepared_as_its_whole_row(step: str) -> None:
    """Norms, quantiles and components of a sequence of arrays are those of the rows put side by side."""
    parts = [np.random.default_rng(i).standard_normal((40, 6 + i)) * (i + 1) for i in range(3)]
    whole = np.asarray(transform_rows(np.concatenate(parts, axis=1), step))
    apart = transform_rows(parts, step)
    together = np.concatenate(apart, axis=1) if isinstance(apart, list) else apart
    np.testing.assert_allclose(together, whole, rtol=1e-12, atol=1e-13)


def test_steps_are_applied_in_order() -> None:
    """A combination is one step after the other: z-scoring unit rows is not what unit z-scores are."""
    X = np.random.default_rng(0).standard_normal((50, 8)) * np.geomspace(1, 9, 8)
    expected = _unit(_reference(X, "zscore"))
    np.testing.assert_allclose(transform_rows(X, ("zscore", "unit")), expected, rtol=1e-12)
    np.testing.assert_allclose(transform_rows(X, "unit + zscore"), _reference(_unit(X), "zscore"), rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("step", ["unit", "clip", "clamp", "zscore", "whiten"])
def test_equal_rows_stay_equal(step: str, dtype: Any) -> None:
    """Rows equal bit for bit before, -0.0 and 0.0 taken as equal, are equal bit for bit after."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((90, 33)).astype(dtype)
    X[:, 4] = 0.0
    copies = rng.integers(0, 90, 40)
    X = np.concatenate([X, X[copies]])
    X[100:, 4] = -0.0
    found = np.asarray(transform_rows(X, step)) + 0.0
    np.testing.assert_array_equal(found[90:], found[copies])


def test_a_constant_feature_becomes_zero_whatever_its_size() -> None:
    """Rounding of the mean does not give a constant feature a spread of its own."""
    X = np.random.default_rng(0).standard_normal((1000, 3))
    X[:, 1] = 0.1
    X[:, 2] = 1e300
    found = np.asarray(transform_rows(X, "zscore"))
    assert not found[:, 1:].any()
    assert found[:, 0].std() == pytest.approx(1.0)


def test_a_spread_without_a_reciprocal_divides() -> None:
    """A spread so small that one over it overflows is still a spread: z-scores are those of larger multiples."""
    X = np.random.default_rng(0).standard_normal((20, 3))
    found = np.asarray(transform_rows(X * 1e-310, "zscore"))
    np.testing.assert_allclose(found, np.asarray(transform_rows(X, "zscore")), rtol=1e-9)


@pytest.mark.parametrize("exponent", [-1000, -520, 500, 1000])
@pytest.mark.parametrize("step", ["unit", "clip", "clamp", "zscore", "whiten"])
def test_scales_change_nothing(step: str, exponent: int) -> None:
    """Rows times a power of two, near both ends of float64, give the same prepared rows to the last bit."""
    X = np.random.default_rng(0).standard_normal((40, 10))
    plain, scaled = transform_rows(X, step), transform_rows(np.ldexp(X, exponent), step)
    np.testing.assert_array_equal(scaled, plain)


@pytest.mark.parametrize("step", ["unit", "clip", "clamp", "zscore", "whiten"])
def test_a_layer_that_does_not_vary_stays_constant(step: str) -> None:
    """A constant layer is prepared to a constant, which ties, and is no error."""
    found = np.asarray(transform_rows(np.full((20, 5), 3.0), step))
    assert (found == found[0]).all()


def test_rows_without_a_direction_are_named() -> None:
    """A row that clipping sets to zero has no direction; the message says which and what else can be done."""
    X = np.random.default_rng(0).standard_normal((10, 40))
    X[3] = 0.0
    X[3, 7] = 5.0
    with pytest.raises(InputError, match=r"layer 4 has 1 rows that are zero.*row 3.*zscore"):
        transform_rows(X, "clip", name="layer 4")


@pytest.mark.parametrize("wrong", ["units", ("none", "unit"), "", ("unit", 3), "unit+"])
def test_unknown_steps_are_refused(wrong: Any) -> None:
    """A step that does not exist, or "none" beside others, is an error that lists those that do."""
    with pytest.raises(InputError, match=r"none, unit, clip, clamp, zscore, whiten"):
        parse_transform(wrong)


@pytest.mark.parametrize("transform", ["unit", "clip", "clamp", "zscore", "whiten", ("zscore", "unit")])
def test_a_prepared_space_is_that_of_the_prepared_rows(transform: Any) -> None:
    """Preparing with a transform gives the ranks and the rows of the transformed matrix, near-ties included."""
    rng = np.random.default_rng(0)
    X = np.round(rng.standard_normal((120, 12)), 1).astype(np.float32)
    X[60:80] = X[:20]
    space, plain = prepare(X, transform=transform), prepare(transform_rows(X, transform))
    assert space.transform == parse_transform(transform)
    np.testing.assert_array_equal(space.parts[0], plain.parts[0])
    Y = rng.standard_normal((120, 5))
    assert information_imbalance(space, Y) == information_imbalance(plain, Y)
    lazily = prepare(lambda: X, transform=transform, block_size=16)
    assert information_imbalance(lazily, Y) == information_imbalance(plain, Y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("transform", ["unit", "clip", "clamp", "zscore", "whiten", ("clip", "zscore")])
def test_rows_that_are_prepared_once_more_are_the_same(transform: Any, dtype: Any) -> None:
    """Some rows, all rows, of arrays and of what is read anew: equal bit for bit, and what was given is untouched."""
    rng = np.random.default_rng(0)
    X, Y = (rng.standard_normal((90, width)).astype(dtype) for width in (70, 9))
    for rows in (X, [X, Y]):
        wanted = transform_rows(rows, transform)
        parts = wanted if isinstance(wanted, list) else [wanted]
        kept = [part.copy() for part in (X, Y)]
        for space in (
            prepare(rows, transform=transform),
            prepare(lambda rows=rows: rows, transform=transform),
        ):
            for items in (np.array([88, 3, 41]), np.arange(90), None):
                for found, part in zip(space.load(items), parts, strict=True):
                    np.testing.assert_array_equal(found, part if items is None else part[items])
        for part, copy in zip((X, Y), kept, strict=True):
            np.testing.assert_array_equal(part, copy)


def test_rows_of_one_direction_are_found_whatever_their_length() -> None:
    """Rows that share a direction are one under cosine, also beside tiny rows and far from the center of all."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 8)) + 100
    X[7], X[9] = X[3] * 2.0**-30, X[4] * 4.0
    space = told_apart(prepare(X), "cosine")
    assert space.n_distinct == 58
    assert space.inverse[7] == space.inverse[3]
    assert space.inverse[9] == space.inverse[4]


def test_a_space_keeps_its_preparation() -> None:
    """A space that is asked for another transform is refused, and distances have no rows to prepare."""
    X = np.random.default_rng(0).standard_normal((30, 4))
    space = prepare(X, transform="unit")
    assert information_imbalance(space, space, transform="unit") == information_imbalance(space, space)
    with pytest.raises(InputError, match=r"prepared with transform='unit' and is asked for 'zscore \+ unit'"):
        information_imbalance(space, X, transform=("zscore", "unit"))
    with pytest.raises(InputError, match=r"holds distances .* transform='unit' is for rows"):
        prepare(np.zeros((5, 5)), metric="precomputed", transform="unit")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "kind", ["normal", "ties", "sorted", "one value", "sparse", "striped", "scaled", "shifted", "huge"]
)
def test_quantiles_of_long_rows_are_exact(kind: str, dtype: Any) -> None:
    """Clipping finds the quantiles of rows of any shape, whether or not a sample of a row tells where its tails are."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 1031)).astype(dtype)
    if kind == "ties":
        X = np.round(X)
    elif kind == "sorted":
        X = np.sort(X, axis=1)[:, ::-1].copy()
    elif kind == "one value":
        X[:, 3:] = 1.0
    elif kind == "sparse":
        X[:, rng.random(1031) < 0.8] = 0.0
    elif kind == "striped":  # every value that the sample sees is large
        X[:, :: 1031 // 64] += 100
    elif kind == "scaled":  # the quantiles of a row say nothing of those of the next
        X *= 10.0 ** rng.integers(-9, 9, size=(60, 1))
    elif kind == "shifted":
        X += 100 * rng.standard_normal((60, 1))
    # Differences of huge values may overflow; a power of two changes no digit.
    huge = dtype(2.0 ** (np.finfo(dtype).maxexp - 4 if kind == "huge" else 0))
    for step in ("clip", "clamp"):
        tolerance = 4 * np.finfo(dtype).eps
        np.testing.assert_allclose(
            transform_rows(huge * X, step), _reference(X, step), rtol=tolerance, atol=tolerance
        )


def test_the_order_of_rows_changes_no_quantile() -> None:
    """What a row leaves to the next one as a guess does not show in it, to the last bit."""
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((200, 600)) * 2.0 ** rng.integers(-3, 3, size=(200, 1))).astype(np.float32)
    order = rng.permutation(200)
    np.testing.assert_array_equal(transform_rows(X[order], "clip"), transform_rows(X, "clip")[order])


def test_products_that_stand_for_divisions_round_as_they_do() -> None:
    """Quotients of values that float32 holds, the smallest and the largest among them, are those of a division."""
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((400, 500)) * 2.0 ** rng.integers(-120, 120, size=(400, 500))).astype(np.float32)
    X[0, :4] = [np.finfo(np.float32).tiny, 1e-45, np.finfo(np.float32).max, 0.0]
    spread = rng.random(500) * 2.0 ** rng.integers(-140, 120, size=500)
    out = np.empty(X.shape)
    standardize_rows(X, out, np.zeros(500), spread)
    np.testing.assert_array_equal(out, X / spread)


@pytest.mark.parametrize("step", ["unit", "clip"])
def test_multiples_of_a_row_are_one_direction_to_the_last_bit(step: str) -> None:
    """Rows of whole numbers and three, five and eleven times those have equal prepared rows, and so tie."""
    rows = np.random.default_rng(0).integers(-1000, 1000, size=(500, 600)).astype(np.float32)
    found = transform_rows(rows, step)
    for factor in (3, 5, 11):
        np.testing.assert_array_equal(transform_rows(factor * rows, step), found)


def test_the_spread_of_a_feature_far_from_zero_is_not_lost() -> None:
    """Means and spreads come from one pass over the rows, whose first row may be the one that is far from all others."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 6)) + np.array([0, 1e2, 1e4, 1e5, -1e5, 3e5])
    X = X.astype(np.float32)
    X[0] += 1e4
    np.testing.assert_allclose(transform_rows(X, "zscore"), _reference(X, "zscore"), rtol=3e-7, atol=1e-9)


@pytest.mark.parametrize("transform", ["unit", "clip", "clamp", "zscore", ("unit", "zscore", "clip")])
def test_how_many_rows_are_worked_on_together_changes_nothing(
    transform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of one row, of some and of all give the same rows, centers and matrix, to the last bit."""
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal((700, 30)).astype(np.float32), rng.standard_normal((700, 7))]
    found = []
    for block in (1, 5000, 1 << 30):
        monkeypatch.setattr("platoscope.neighbors._threads._BLOCK", block)
        space = prepare(parts, transform=transform)
        found.append([*space.parts, space.gram, space.squares, space.norm, space.along])
    for other in found[1:]:
        for first, second in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("transform", ["unit", "clip", "clamp", "zscore", "whiten", ("zscore", "unit")])
def test_rows_that_are_not_finite_are_named_whatever_the_steps(transform: Any) -> None:
    """The first of them is named, by its place among all rows, whichever thread came upon one first."""
    X = np.random.default_rng(0).standard_normal((900, 20))
    X[[310, 880], 3] = np.nan, np.inf
    message = r"layer 2 has non-finite values in 2 of 900 rows.*row 310"
    with pytest.raises(InputError, match=message):
        transform_rows(X, transform, name="layer 2")
    with pytest.raises(InputError, match=message):
        prepare(X, transform=transform, name="layer 2")
