"""A user's own measure, made of a function of the rows of two layers."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from platoscope.checks import as_array, flag, in_short, number
from platoscope.errors import InputError
from platoscope.measures._measure import Measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from platoscope.measures._measure import LayerPairs
    from platoscope.measures._nulls import Shuffles
    from platoscope.neighbors import FloatArray, Space

__all__ = ["measure_rows"]

_NAN = float("nan")


def measure_rows(
    function: Callable[[Any, Any], Any],
    /,
    *,
    name: str,
    label: str = "",
    directed: bool = False,
    higher_is_similar: bool = True,
    identity: float = _NAN,
    chance: float = _NAN,
    needs_one_space: bool = False,
    permuted: bool = True,
    resampled: bool = True,
) -> Measure:
    """Make a measure of a function of two arrays, for ``measures=[...]`` of `platoscope.compare` and its kin.

    Parameters
    ----------
    function : callable
        ``function(X, Y)`` takes the rows of one layer of each side, shapes (n_samples, n_features_a) and
        (n_samples, n_features_b), float32 or float64, prepared by `transform`, row i of both about item i; it returns
        a number, or (A→B, B→A) where `directed`. NaN where it is undefined. The arrays are its own to change.
    name : str
        What the result calls it, an identifier that no other measure has.
    label : str
        What figures call it; the name if left out.
    directed, higher_is_similar : bool
        Whether the directions differ, and which end of the scale means more similar.
    identity : float
        Value of a representation compared with itself: the 1 of the calibrated score, which there is none without it.
    chance : float
        Expectation under independence.
    needs_one_space : bool
        Whether both sides must have the same features.
    permuted, resampled : bool
        Whether it may be computed on shuffled pairings (nulls, p-values) and on subsamples (intervals).

    Returns
    -------
    Measure

    Raises
    ------
    InputError
        No function, a level that is no number, or as `Measure`.

    Notes
    -----
    The function is called once per pair of layers, and again for each subsample and each permutation.

    Examples
    --------
    The mean cosine of partners, beside a measure of the package:

    >>> import numpy as np
    >>> from platoscope import profile
    >>> def cosine(X, Y):
    ...     return np.mean(np.sum(X * Y, axis=1) / np.linalg.norm(X, axis=1) / np.linalg.norm(Y, axis=1))
    >>> partners = measure_rows(cosine, name="partner_cosine", identity=1.0, needs_one_space=True)
    >>> A = np.random.default_rng(0).standard_normal((2, 80, 3))
    >>> result = profile(A, A, measures=[partners, "rsa"], n_permutations=19, rng=0)
    >>> result.partner_cosine.round(6).values.tolist(), result.partner_cosine_p.values.tolist()
    ([1.0, 1.0], [0.05, 0.05])
    """
    given: object = function
    if not callable(given):
        message = f"measure_rows takes a function of two arrays; got {in_short(given)}."
        raise InputError(message)
    for what, level in (("identity", identity), ("chance", chance)):
        if not (isinstance(level, float) and isnan(level)):
            number(what, level)
    for what, given_flag in (("permuted", permuted), ("resampled", resampled)):
        flag(what, given_flag)
    rows = _RowFunction(function, name, directed)
    return Measure(
        name=name,
        label=label,
        directed=directed,
        higher_is_similar=higher_is_similar,
        identity=lambda n, o: identity,
        chance=lambda n, o: chance,
        scores=rows.scores,
        null=rows.null if permuted else None,
        resamples=rows.resamples,
        resampled=resampled,
        reads="rows",
        needs_one_space=needs_one_space,
    )


@dataclass(frozen=True)
class _RowFunction:
    """A function of two arrays on pairs of layers: as given, under permutations and on subsets."""

    function: Callable[[Any, Any], Any]
    name: str
    directed: bool

    def scores(
        self, A: Sequence[Space], B: Sequence[Space], pairs: LayerPairs, options: Any, scratch: Any
    ) -> npt.NDArray[np.float64]:
        found = [self._value(X, Y) for X, Y in _rows_of_pairs(A, B, pairs)]
        return np.stack(found, axis=-1)

    def null(
        self, A: Any, B: Any, pairs: LayerPairs, shuffles: Shuffles, options: Any, scratch: Any
    ) -> npt.NDArray[np.float64]:
        orders = shuffles.orders
        found = [[self._value(X, Y[order]) for order in orders] for X, Y in _rows_of_pairs(A, B, pairs)]
        return np.moveaxis(np.array(found), 0, -1)

    def resamples(
        self, A: Any, B: Any, pairs: LayerPairs, sets: Any, options: Any, scratch: Any
    ) -> npt.NDArray[np.float64]:
        found = [[self._value(X[items], Y[items]) for items in sets] for X, Y in _rows_of_pairs(A, B, pairs)]
        return np.moveaxis(np.array(found), 0, -1)

    def _value(self, X: FloatArray, Y: FloatArray) -> npt.NDArray[np.float64]:
        # Copies: the rows may be the user's own array, and serve other pairs, whatever a function does in place.
        found = as_array(self.function(X.copy(), Y.copy()))
        shapes = [(2,)] if self.directed else [(), (1,)]
        if found.shape not in shapes or found.dtype.kind not in "biuf":
            wanted = "two numbers (A→B, B→A)" if self.directed else "one number"
            message = (
                f"The function of measure {self.name!r} must return {wanted}; got dtype {found.dtype} "
                f"and shape {found.shape}."
            )
            raise InputError(message)
        return found.reshape(-1).astype(np.float64)


def _rows_of_pairs(
    A: Sequence[Space], B: Sequence[Space], pairs: LayerPairs
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield the rows of both layers of every pair; those of two layers are held at a time."""
    held, X = -1, None
    for a, b in pairs:
        if X is None or a != held:
            held, X = a, A[a].rows()
        yield X, B[b].rows()
