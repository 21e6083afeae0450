"""The distances that there are: those by name, and a user's own function of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from platoscope.checks import as_array
from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.neighbors._inputs import FloatArray

__all__ = [
    "COSINE",
    "COSINE_SCORES",
    "DIRECT",
    "EUCLIDEAN",
    "METRICS",
    "Metric",
    "OwnMetric",
    "check_metric",
    "distances_of",
    "entry_bytes",
    "kind_of",
    "metric_name",
    "reads_distances",
    "require_answer",
    "same_space",
]

OwnMetric: TypeAlias = Callable[[npt.NDArray[Any], npt.NDArray[Any]], Any]
"""From rows of shapes (m, n_features) and (n, n_features) to distances of shape (m, n)."""
Metric: TypeAlias = Literal["euclidean", "cosine", "hamming", "precomputed"] | OwnMetric
METRICS: tuple[str, ...] = ("euclidean", "cosine", "hamming", "precomputed")

EUCLIDEAN, COSINE, DIRECT = 0, 1, 2
"""What the kernels make of an entry of a matrix: a distance from an inner product, or the distance that it is."""
COSINE_SCORES = (-4.0, 6.0)
"""What float32 scores of cosine are cut to, here and in the kernels: the bound on their error holds for no others."""
_KINDS: dict[str | OwnMetric, int] = {"euclidean": EUCLIDEAN, "cosine": COSINE}
# A function written with broadcasting holds rows × rows × features at a time; it is asked for no more than this.
_BROADCAST_BYTES = 256 << 20


def kind_of(metric: str | OwnMetric, /) -> int:
    """Return how the kernels turn an entry of a matrix into a score."""
    return _KINDS.get(metric, DIRECT)


def reads_distances(metric: str | OwnMetric, /) -> bool:
    """Tell whether a space prepared for `metric` keeps distances, and not the products of its rows."""
    return metric not in _KINDS


def same_space(one: str | OwnMetric, other: str | OwnMetric, /) -> bool:
    """Tell whether one preparation answers in both metrics, as one does in Euclidean and cosine."""
    return one == other or not (reads_distances(one) or reads_distances(other))


def entry_bytes(metric: str | OwnMetric, /) -> int:
    """Return what an entry of the matrix takes: float32 products, or the float64 values of a function."""
    return 8 if callable(metric) else 4


def require_answer(prepared: str | OwnMetric, asked: str | OwnMetric, name: str, /) -> None:
    """Raise an `InputError` unless what was prepared for one metric can answer in the other."""
    if not same_space(prepared, asked):
        was, wanted = metric_name(prepared), metric_name(asked)
        message = (
            f"{name} was prepared with metric={was!r} and is asked for metric={wanted!r}. "
            f"Pass metric={was!r}, or prepare it again."
        )
        raise InputError(message)


def metric_name(metric: str | OwnMetric, /) -> str:
    """Return what results and messages call a metric: a function goes by its own name."""
    if isinstance(metric, str):
        return metric
    return str(getattr(metric, "__qualname__", type(metric).__qualname__))


def check_metric(name: str, value: object, /) -> None:
    """Raise an `InputError` unless `value` is a metric by name or a function."""
    if not (callable(value) or (isinstance(value, str) and value in METRICS)):
        message = (
            f"{name} must be one of {', '.join(METRICS)}, or a function of two sets of rows; got {value!r}."
        )
        raise InputError(message)
    try:
        hash(value)
    except TypeError as error:
        message = (
            f"{name} must be hashable, because neighbors are remembered under their metric; got {value!r}. "
            "Give a function."
        )
        raise InputError(message) from error


def distances_of(
    metric: OwnMetric, left: Sequence[FloatArray], right: Sequence[FloatArray], name: str, /
) -> npt.NDArray[np.float64]:
    """Return the distances of rows `left` from rows `right` by a user's own function, in bounded pieces.

    Both are the parts of rows that stand side by side.
    """
    P, Q = (side[0] if len(side) == 1 else np.concatenate(side, axis=1) for side in (left, right))
    out = np.empty((len(P), len(Q)))
    rows = max(1, int(np.sqrt(_BROADCAST_BYTES / (8 * P.shape[1]))))
    for top in range(0, len(P), rows):
        for first in range(0, len(Q), rows):
            # Copies: the rows may be the user's own array, and serve others, whatever a function does in place.
            some, others = P[top : top + rows].copy(), Q[first : first + rows].copy()
            values = _checked(metric, metric(some, others), (len(some), len(others)), name)
            out[top : top + rows, first : first + rows] = values
    return out


def _checked(metric: OwnMetric, values: Any, shape: tuple[int, int], name: str) -> npt.NDArray[Any]:
    found = as_array(values)
    if found.shape != shape or found.dtype.kind not in "biuf":
        message = (
            f"metric={metric_name(metric)} must return real distances of shape {shape} for that many rows of {name}; "
            f"got dtype {found.dtype} and shape {found.shape}."
        )
        raise InputError(message)
    if not np.isfinite(found).all():
        message = f"metric={metric_name(metric)} gave {int((~np.isfinite(found)).sum())} non-finite distances of {name}."
        raise InputError(message)
    return found
