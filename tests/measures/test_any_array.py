"""Every measure, as a function and in a grid, on arrays of any kind: the formula in long double, or an error that says why.

300 cases with every run of the tests; 10,000, others each time, with
``pytest --hypothesis-profile nightly --timeout 0`` of this file.
"""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from platoscope.errors import InputError
from platoscope.measures import (
    ComparisonOptions,
    cka,
    cknna,
    get_measure,
    information_imbalance,
    neighborhood_overlap,
    retrieval,
    rsa,
)
from platoscope.neighbors import prepare, transform_rows
from platoscope.testing import references

CASES = max(300, settings.default.max_examples)
ONE = np.zeros((1, 2), np.intp)
CONTINUOUS = ("normal", "copies", "huge", "limit", "subnormal", "far", "scales", "outlier")
GRIDS = ("whole", "constant", "one hot", "line", "zeros", "last bits", "zero row")
FLOATS = ("float64", "float32")
DTYPES = (*FLOATS, *FLOATS, "float16", "int8", "uint8", "int64", "bool")


@st.composite
def any_array(draw, n_samples, n_features, kinds):
    """Draw an array of one of the kinds and dtypes on which distances go wrong."""
    kind, dtype = (
        draw(st.sampled_from(kinds)),
        draw(st.sampled_from(DTYPES if "whole" in kinds else FLOATS)),
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (n_samples, n_features)
    X = rng.standard_normal(shape)
    single = dtype == "float32"
    if kind == "copies":
        X = X[rng.integers(0, max(2, n_samples // 2), n_samples)]
    elif kind == "huge":
        X *= 1e37 if single else 1e150
    elif kind == "limit":
        X *= (1e38 if single else 1e308) / np.abs(X).max()
    elif kind == "subnormal":
        X *= 1e-42 if single else 1e-310
    elif kind == "far":
        X += 10.0 ** draw(st.integers(1, 5))
    elif kind == "scales":
        X *= 10.0 ** rng.integers(-8, 8, n_features)
    elif kind == "outlier":
        X[draw(st.integers(0, n_samples - 1))] *= 10.0 ** draw(st.integers(1, 6))
    elif kind == "whole":
        X = rng.integers(-3, 4, shape).astype(float)
    elif kind == "constant":
        X = np.full(shape, 3.14)
    elif kind == "one hot":
        X = np.eye(max(shape))[:n_samples, :n_features] + draw(st.integers(0, 1))
    elif kind == "line":
        X = (1.0 + np.arange(n_samples))[:, None] * np.ones(n_features)
    elif kind == "zeros":
        X = np.where(X < 0, -0.0, 0.0)
    elif kind == "last bits":
        X = 1 + rng.integers(0, 4, shape) * np.finfo(np.float32 if single else np.float64).eps
    elif kind == "zero row":
        X = np.round(X * 4)
        X[0] = 0
    with np.errstate(all="ignore"):
        X = X.astype(dtype)
    return X if np.isfinite(X).all() else rng.standard_normal(shape)


@st.composite
def cases(draw):
    """Draw a measure, two arrays, and how they are compared."""
    name = draw(
        st.sampled_from(
            ["information_imbalance"] * 3
            + ["neighborhood_overlap", "cka_debiased", "cka_biased", "cknna", "rsa", "retrieval_at_1"]
        )
    )
    n_samples, width = draw(st.integers(8, 14)), draw(st.sampled_from([1, 2, 3, 5, 40]))
    transform = draw(st.sampled_from(["none", "none", "unit", "clip", "clamp", "zscore"]))
    # Whole numbers that were centered or prepared tie where only exact arithmetic sees it, which is not promised.
    kinds = CONTINUOUS if name == "retrieval_at_1" or transform != "none" else CONTINUOUS + GRIDS
    other = width if name == "retrieval_at_1" else draw(st.sampled_from([1, 2, 3, 5, 40]))
    # Directions that differ in the last bits of float64 only are not told apart either.
    fine = tuple(kind for kind in kinds if kind != "last bits")
    takes_metric = name in ("information_imbalance", "neighborhood_overlap", "rsa")
    metric = draw(
        st.sampled_from(["euclidean", "euclidean", "cosine", "hamming"][: 4 if takes_metric else 1])
    )
    X, Y = (
        draw(any_array(n_samples, size, fine if metric == "cosine" else kinds)) for size in (width, other)
    )
    return name, X, Y, draw(st.integers(1, 3)), metric, transform


def ordered(X, metric):
    """Return whole numbers in the order of the distances; skip what float64 is not asked to tell apart.

    Distances that only long double rounds apart are one.
    """
    if not X.any():  # without directions, all alike
        metric = "euclidean"
    if metric == "cosine":
        skip_nearly_opposite(np.longdouble(X))
    D = references.distances(np.longdouble(X), metric)
    values, where = np.unique(D, return_inverse=True)
    # Of unit vectors the components are rounded, of rows only the differences.
    size = np.sqrt(values[1:]) + 1e-16 if metric == "cosine" else values[1:]
    gaps = np.diff(values)
    distinct = gaps > 1e-18 * size
    assume((gaps[distinct] > 1e-14 * size[distinct]).all())
    return np.concatenate([[0], np.cumsum(distinct)])[where.reshape(D.shape)].astype(float)


def skip_nearly_opposite(X):
    """Skip directions that are nearly, not wholly opposite: what they lack is lost beside the distance of opposite ones."""
    left = np.unique(references.distances(np.concatenate([X, -X]), "cosine")[: len(X), len(X) :])
    assume(((left < 1e-32) | (left > 1e-14)).all())


def from_first(X):
    """Give the rows as seen from the first: where they differ in their last bits, long double loses half beside a mean."""
    return np.longdouble(X) - np.longdouble(X[0])


def formula(name, X, Y, k, metric):
    """Return the value by the slow reference."""
    if name == "information_imbalance":
        return references.information_imbalance(ordered(X, metric), ordered(Y, metric), k, "precomputed")
    if name == "neighborhood_overlap":
        return references.neighborhood_overlap(ordered(X, metric), ordered(Y, metric), k, "precomputed")
    if name == "rsa":
        return references.rsa_of_distances(ordered(X, metric), ordered(Y, metric))
    if name == "cknna":
        for Z in (X, Y):
            ordered(Z, metric)  # whose neighbors float64 can tell apart
        return references.cknna(from_first(X), from_first(Y), k)
    if name == "retrieval_at_1":
        centered = [from_first(Z) - from_first(Z).mean(0) for Z in (X, Y)]
        return references.retrieval(*centered, 1), references.retrieval(*centered[::-1], 1)
    return references.cka(X, Y, name.removeprefix("cka_"))


def function(name, X, Y, k, metric, transform):
    """Return the value of the function on two arrays."""
    if name == "information_imbalance":
        return tuple(information_imbalance(X, Y, n_neighbors=k, metric=metric, transform=transform))
    if name == "neighborhood_overlap":
        return neighborhood_overlap(X, Y, n_neighbors=k, metric=metric, transform=transform)
    if name == "rsa":
        return rsa(X, Y, metric=metric, transform=transform)
    if name == "cknna":
        return cknna(X, Y, n_neighbors=k, transform=transform)
    if name == "retrieval_at_1":
        found = retrieval(X, Y, k=(1,), transform=transform)
        return found.forward[1], found.backward[1]
    return cka(X, Y, estimator=name.removeprefix("cka_"), transform=transform)


def in_a_grid(name, X, Y, k, metric, transform):
    """Return the value that a grid of one pair of layers has."""
    measure = get_measure(name)
    options = ComparisonOptions(n_neighbors=k, metric=metric, overlap_neighbors=k, overlap_metric=metric)
    A, B = (prepare(Z, metric=measure.metric(options), transform=transform) for Z in (X, Y))
    found = measure.scores([A], [B], ONE, options, {})[:, 0]
    return tuple(found) if measure.directed else float(found[0])


def undefined(name, X, Y):
    """Tell whether the formula divides by nothing but rounding."""
    with np.errstate(all="ignore"):
        if name.startswith("cka"):
            return any(references.self_hsic(Z, name.removeprefix("cka_")) < 1e-12 for Z in (X, Y))
        return any(len(np.unique(Z, axis=0)) == 1 for Z in (X, Y)) or name in (
            "rsa",
            "cknna",
            "retrieval_at_1",
        )


@settings(max_examples=CASES)
@given(case=cases())
def test_any_array_has_the_value_of_the_formula_or_an_error(case):
    """Functions and grids agree with long double on numbers of any kind, size and dtype, prepared in any way."""
    name, X, Y, k, metric, transform = case
    try:
        got = function(name, X, Y, k, metric, transform)
    except InputError:
        try:
            assert np.isnan(in_a_grid(name, X, Y, k, metric, transform)).any()
        except InputError:
            return
        assert undefined(name, *(transform_rows(Z, transform) for Z in (X, Y)))
        return
    X, Y = (transform_rows(Z, transform) for Z in (X, Y))
    # A constant that the transform rounded one way or another varies in nothing but that.
    assume(transform == "none" or all(np.ptp(Z) > 1e-12 * np.abs(Z).max() for Z in (X, Y)))
    want = formula(name, X, Y, k, metric)
    tolerance = {"rsa": 2e-6, "cknna": 1e-5}.get(name, 1e-5 if name.startswith("cka") else 1e-9)
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance)
    np.testing.assert_allclose(in_a_grid(name, *case[1:]), want, rtol=0, atol=tolerance)
