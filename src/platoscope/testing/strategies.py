"""Hypothesis strategies for representations: the arrays on which code for neighbors and ranks breaks.

Ties, equal rows, rows that are equal but for their last bits, features that do not vary, and stacks of
layers of different widths. Every value is a multiple of a power of two, small enough that squared distances
are exact in float64: what ties ties on every machine, so that a fast path can be held to equality.

Needs Hypothesis: ``pip install 'platoscope[testing]'``.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from platoscope.errors import MissingExtraError

try:
    from hypothesis import strategies as st
except ImportError as error:
    _feature = "platoscope.testing.strategies"
    raise MissingExtraError(_feature, "hypothesis", "pip install 'platoscope[testing]'") from error

__all__ = [
    "array_pairs",
    "arrays",
    "constant_columns",
    "layer_stacks",
    "near_duplicates",
    "tied_arrays",
]

FloatMatrix: TypeAlias = npt.NDArray[np.float64]
Number: TypeAlias = st.SearchStrategy[int] | int

SAMPLES = st.integers(3, 16)
FEATURES = st.integers(1, 4)
LAYERS = st.integers(1, 4)

_OFFSETS = (0.0, 0.5, 1000.0)
_STEPS = (2.0**-10, 2.0**-20)


@st.composite
def tied_arrays(
    draw: st.DrawFn,
    *,
    n_samples: Number = SAMPLES,
    n_features: Number = FEATURES,
) -> FloatMatrix:
    """Draw an array full of equal distances and equal rows, also far from the origin.

    Parameters
    ----------
    n_samples, n_features : int or strategy of int
        Its shape.

    Returns
    -------
    strategy of ndarray of float64, shape (n_samples, n_features)

    Examples
    --------
    >>> from hypothesis import find
    >>> find(tied_arrays(n_samples=3, n_features=2), lambda X: len(set(map(tuple, X))) == 1).tolist()
    [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    shape = (_number(draw, n_samples), _number(draw, n_features))
    return _whole_numbers(draw, 2, shape) + draw(st.sampled_from(_OFFSETS))


@st.composite
def near_duplicates(
    draw: st.DrawFn,
    *,
    n_samples: Number = SAMPLES,
    n_features: Number = FEATURES,
) -> FloatMatrix:
    """Draw an array whose rows are few points, repeated with differences of 1/1024 or a millionth.

    Parameters and result are those of `tied_arrays`. A matrix product in float32 cannot tell such rows apart.
    """
    shape = (_number(draw, n_samples), _number(draw, n_features))
    points = draw(tied_arrays(n_samples=max(1, shape[0] // 3), n_features=shape[1]))
    which = draw(st.lists(st.integers(0, len(points) - 1), min_size=shape[0], max_size=shape[0]))
    return points[which] + _whole_numbers(draw, 3, shape) * draw(st.sampled_from(_STEPS))


@st.composite
def constant_columns(
    draw: st.DrawFn,
    *,
    n_samples: Number = SAMPLES,
    n_features: Number = FEATURES,
) -> FloatMatrix:
    """Draw an array of which some features, or all, have one value in every row: zero, or a huge one.

    Parameters and result are those of `tied_arrays`. An array that does not vary at all has no CKA.
    """
    array = draw(tied_arrays(n_samples=n_samples, n_features=n_features))
    columns = draw(st.sets(st.integers(0, array.shape[1] - 1), min_size=1))
    array[:, sorted(columns)] = draw(st.sampled_from((0.0, 1.0, 1024.0)))
    return array


def arrays(
    *,
    n_samples: Number = SAMPLES,
    n_features: Number = FEATURES,
) -> st.SearchStrategy[FloatMatrix]:
    """Draw any of them: `tied_arrays`, `near_duplicates` or `constant_columns`, with their parameters."""
    kinds = (tied_arrays, near_duplicates, constant_columns)
    return st.one_of([kind(n_samples=n_samples, n_features=n_features) for kind in kinds])


@st.composite
def array_pairs(
    draw: st.DrawFn,
    *,
    n_samples: Number = SAMPLES,
    n_features: Number = FEATURES,
    same_width: bool = False,
) -> tuple[FloatMatrix, FloatMatrix]:
    """Draw two arrays over the same items, each of any kind.

    Parameters
    ----------
    n_samples, n_features : int or strategy of int
        As in `tied_arrays`; the number of features is drawn for each.
    same_width : bool
        Whether both have as many features, as rows of one space have.

    Returns
    -------
    strategy of (ndarray, ndarray)
    """
    rows, width = _number(draw, n_samples), _number(draw, n_features)
    other = width if same_width else _number(draw, n_features)
    return draw(arrays(n_samples=rows, n_features=width)), draw(arrays(n_samples=rows, n_features=other))


@st.composite
def layer_stacks(
    draw: st.DrawFn,
    *,
    n_layers: Number = LAYERS,
    n_samples: Number = SAMPLES,
    n_features: Number = FEATURES,
) -> list[FloatMatrix]:
    """Draw a stack of layers over the same items, as `platoscope.compare` and `profile` take it.

    Parameters
    ----------
    n_layers, n_samples, n_features : int or strategy of int
        Depth, items, and the width of each layer.

    Returns
    -------
    strategy of list of ndarray
        Layers of different widths and kinds; some layers repeat the one before them.
    """
    rows = _number(draw, n_samples)
    layers: list[FloatMatrix] = []
    for _ in range(_number(draw, n_layers)):
        repeats = bool(layers) and draw(st.booleans())
        layers.append(
            layers[-1].copy()
            if repeats
            else draw(arrays(n_samples=rows, n_features=_number(draw, n_features)))
        )
    return layers


def _number(draw: Any, given: Number) -> int:
    return given if isinstance(given, int) else int(draw(given))


def _whole_numbers(draw: Any, largest: int, shape: tuple[int, int]) -> FloatMatrix:
    size = shape[0] * shape[1]
    drawn = draw(st.lists(st.integers(-largest, largest), min_size=size, max_size=size))
    return np.array(drawn, float).reshape(shape)
