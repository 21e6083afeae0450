"""A quick check of an installation: every measure on small arrays, held against the slow references."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from platoscope import measures
from platoscope.testing import references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

__all__ = ["Agreement", "check_exactness"]

_TOLERANCE = 1e-6  # float32 products; a single wrong rank is off by a thousand times as much
_NEIGHBORS = 5


@dataclass(frozen=True)
class Agreement:
    """One value of a measure beside that of its reference.

    Attributes
    ----------
    measure, arrays : str
        What was computed, and of which arrays.
    found, expected : float
        By the fast path and by the reference.
    """

    measure: str
    arrays: str
    found: float
    expected: float

    @property
    def agrees(self) -> bool:
        """Whether both are the same but for rounding."""
        return abs(self.found - self.expected) <= _TOLERANCE


def check_exactness(convert: Callable[[npt.NDArray[Any]], Any] | None = None, /) -> tuple[Agreement, ...]:
    """Compute every measure on three pairs of small arrays, and the same by loops.

    Parameters
    ----------
    convert : callable, optional
        What makes of a NumPy array one of another library or device, as ``torch.as_tensor``; NumPy by default.

    Returns
    -------
    tuple of Agreement
        For arrays of random numbers, of few whole numbers (distances tie, rows are equal), and of points whose distances
        float32 products cannot tell apart.

    Examples
    --------
    >>> found = check_exactness()
    >>> len(found), all(each.agrees for each in found)
    (30, True)
    """
    return tuple(
        Agreement(measure, name, float(found), float(expected))
        for name, X, Y in _arrays()
        for measure, found, expected in _values(X, Y, convert or (lambda Z: Z))
    )


def _arrays() -> Iterator[tuple[str, npt.NDArray[Any], npt.NDArray[Any]]]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 6))
    yield "random", X, X + 2 * rng.standard_normal(X.shape)
    yield "tied", rng.integers(1, 4, (24, 2)), rng.integers(1, 4, (24, 3))
    near = rng.integers(-8, 8, (2, 24, 4)) * 2.0**-9
    yield "near", *(near + 1000).astype(np.float32)


def _values(
    X: npt.NDArray[Any], Y: npt.NDArray[Any], convert: Callable[[npt.NDArray[Any]], Any]
) -> Iterator[tuple[str, float, float]]:
    A, B = convert(X), convert(Y)
    # Equal directions tie in the fast path, and differ by their rounding in the reference: cosine is not for whole numbers.
    metrics: tuple[Literal["euclidean", "cosine"], ...] = ("euclidean", "cosine")
    for metric in metrics[:1] if X.dtype == np.int64 else metrics:
        both = zip(
            measures.information_imbalance(A, B, metric=metric),
            references.information_imbalance(X, Y, metric=metric),
            strict=True,
        )
        for direction, (found, expected) in zip(("A → B", "B → A"), both, strict=True):
            yield f"Δ {direction}, {metric}", found, expected
    k = _NEIGHBORS
    yield (
        "neighborhood overlap",
        measures.neighborhood_overlap(A, B, n_neighbors=k, metric="euclidean"),
        references.neighborhood_overlap(X, Y, k, "euclidean"),
    )
    yield "CKA", measures.cka(A, B), references.cka(X, Y)
    yield "CKNNA", measures.cknna(A, B, n_neighbors=k), references.cknna(X, Y, k)
    yield "RSA", measures.rsa(A, B), references.rsa(X, Y)
    yield "Procrustes", measures.procrustes(A, B), references.procrustes(X, Y)
    linear = measures.ridge_r2(A, B)
    yield "ridge R²", linear.forward, references.ridge_r2(X, Y, linear.forward_penalty)
    if X.shape == Y.shape:  # rows of one are compared with rows of the other
        centered = (Z - Z.mean(axis=0) for Z in (X.astype(np.longdouble), Y.astype(np.longdouble)))
        yield "retrieval", measures.retrieval(A, B, k=[1]).forward[1], references.retrieval(*centered)
