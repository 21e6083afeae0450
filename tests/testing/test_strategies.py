"""Strategies draw what their names promise, in the shapes that were asked for, exactly."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from platoscope import compare
from platoscope.testing import strategies

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = [strategies.tied_arrays, strategies.near_duplicates, strategies.constant_columns, strategies.arrays]


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_shapes_are_those_asked_for(kind: Callable[..., Any], data: st.DataObject) -> None:
    """Numbers are taken as they are, and strategies of numbers are drawn from."""
    X = data.draw(kind(n_samples=7, n_features=st.integers(2, 3)))
    assert X.shape in ((7, 2), (7, 3))
    assert X.dtype == np.float64
    assert np.isfinite(X).all()


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_squared_distances_are_exact(kind: Callable[..., Any], data: st.DataObject) -> None:
    """Float64 gives the distances of rational arithmetic, so that ties are ties wherever they are computed."""
    X = data.draw(kind(n_samples=st.integers(3, 6)))
    exact = [
        [sum((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(x, y, strict=True)) for y in X.tolist()]
        for x in X.tolist()
    ]
    np.testing.assert_array_equal(
        ((X[:, None] - X[None]) ** 2).sum(axis=-1), np.array(exact, dtype=object).astype(float)
    )
    assert all(Fraction(float(value)) == value for row in exact for value in row)


@pytest.mark.parametrize(
    ("kind", "promise"),
    [
        (strategies.tied_arrays, lambda X: len(np.unique(X, axis=0)) < len(X)),
        (strategies.tied_arrays, lambda X: np.abs(X).min() > 900),
        (
            strategies.near_duplicates,
            lambda X: (
                len(np.unique(X, axis=0)) > len(np.unique(X.astype(np.float16), axis=0))
                and 0 < np.abs(X[0] - X[1]).max() < 1e-4
            ),
        ),
        (strategies.constant_columns, lambda X: (np.ptp(X, axis=0) == 0).any() and np.ptp(X) > 0),
        (strategies.constant_columns, lambda X: (X == 1024.0).all()),
    ],
)
def test_what_a_name_promises_can_be_found(
    kind: Callable[..., Any], promise: Callable[[np.ndarray], bool]
) -> None:
    """Hypothesis finds an array of each sort, so that no property passes for want of one."""
    assert promise(find(kind(), promise))


@given(strategies.array_pairs(same_width=True))
def test_pairs_are_over_the_same_items(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Both sides have as many rows, and as many features where that is asked for."""
    assert pair[0].shape == pair[1].shape


def test_pairs_may_differ_in_width() -> None:
    """Two models are seldom equally wide."""
    a, b = find(strategies.array_pairs(), lambda pair: pair[0].shape[1] != pair[1].shape[1])
    assert len(a) == len(b)


def test_stacks_repeat_layers_and_change_width() -> None:
    """Both happen in networks, and both have broken caches that go by shape or content."""
    stack = find(
        strategies.layer_stacks(n_layers=3, n_samples=4),
        lambda layers: np.array_equal(layers[0], layers[1]) and layers[1].shape != layers[2].shape,
    )
    assert [len(layer) for layer in stack] == [4, 4, 4]


@given(strategies.layer_stacks(n_samples=st.integers(4, 8)))
def test_a_stack_compares_with_itself(stack: list[np.ndarray]) -> None:
    """Any stack is one that `compare` takes; on the diagonal both directions are equal."""
    grid = compare(stack, stack, measures=["information_imbalance"], n_resamples=0, overlap_neighbors=2)
    values = grid["information_imbalance"]
    assert values.shape == (2, len(stack), len(stack))
    for i in range(len(stack)):
        assert float(values[0, i, i]) == float(values[1, i, i])


def test_without_hypothesis_the_command_that_gets_it_is_named() -> None:
    """Only the module of strategies needs it, and says so when it is imported."""
    code = (
        "import sys; sys.modules['hypothesis'] = None; import platoscope.testing.references\n"
        "try:\n    import platoscope.testing.strategies\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'platoscope[testing]'" in done.stdout
