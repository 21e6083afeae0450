"""`Space`: everything about one representation that comparisons share, computed once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from platoscope.cards import card, cut
from platoscope.errors import InputError
from platoscope.neighbors._exact import squared_distances
from platoscope.neighbors._metrics import distances_of, entry_bytes, kind_of, metric_name, reads_distances
from platoscope.neighbors._products import gram_product, row_moments
from platoscope.neighbors._transforms import transform_name
from platoscope.wording import in_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from platoscope.neighbors._device_rows import DevicePiece, DeviceRows
    from platoscope.neighbors._inputs import FloatArray
    from platoscope.neighbors._metrics import OwnMetric

__all__ = ["GRAM_BYTES", "Joined", "ScoreTerms", "Space", "largest_rounding"]

GRAM_BYTES = 2 << 30
"""Above this a Gram matrix is computed in blocks and never kept."""

_UNIT = float(np.finfo(np.float32).eps) / 2
_TINY = float(np.finfo(np.float32).tiny)
_FLOAT64_SUMS = 2.0**-48
# Units in the last place of the squared norms that a bound is given beyond what was measured, for what no probe met; and
# what cosines, of squared norms that are far from 1, are given beyond that.
_BESIDE = 6.0
_OF_COSINES = 5.0
# Rows whose distances to others say how much the matrix product rounded.
_PROBES = 96


class Joined(NamedTuple):
    """Two spaces of the same items whose squared distances add."""

    first: Space
    second: Space
    shares: tuple[float, float]
    """What the distances of either, on its own scale, are multiplied by before they are squared and added."""


class ScoreTerms(NamedTuple):
    """What turns an inner product into a score, and how far that may be from the truth; by distinct row."""

    kind: int
    excess: npt.NDArray[np.float32]
    along: npt.NDArray[np.float64]
    inverse_norm: npt.NDArray[np.float64]
    error: npt.NDArray[np.float32]
    weights: npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Space:
    """One representation of ``n_samples`` items, prepared for comparisons; made by `prepare`.

    Rows that are equal bit for bit share one *distinct* row, so that they tie exactly whatever the
    matrix product rounds. All arrays below with `n_distinct` entries are about distinct rows.
    """

    name: str
    """What messages call it."""
    n_samples: int
    """Number of items."""
    n_features: int
    """Number of features (summed over parts); 0 for precomputed distances."""
    metric: str | OwnMetric
    """The metric it was prepared for; a Gram matrix serves Euclidean and cosine alike."""
    inverse: npt.NDArray[np.int32]
    """Distinct row of each item, shape (n_samples,)."""
    first: npt.NDArray[np.intp]
    """An item of each distinct row, shape (n_distinct,)."""
    weights: npt.NDArray[np.int32]
    """Number of items of each distinct row, shape (n_distinct,)."""
    sq: npt.NDArray[np.float64] = field(repr=False)
    """Squared norms of the centered rows, as float32 holds these."""
    along: npt.NDArray[np.float64] = field(repr=False)
    """``x @ c - c @ c / 2`` with c the center: what the cosine needs beside the Gram matrix."""
    norm: npt.NDArray[np.float64] = field(repr=False)
    """Norms of the uncentered rows."""
    center_sq: float = field(repr=False, default=0.0)
    """``c @ c``."""
    level: float = field(repr=False, default=0.0)
    """What none of `sq` is below, and is taken off them before they are rounded to float32."""
    load: Callable[[npt.NDArray[np.intp] | None], tuple[FloatArray, ...]] = field(
        repr=False, default=lambda _: ()
    )
    """Returns the prepared rows of these items, or of all (None); near-ties are decided on them in float64."""
    kept: FloatArray | None = field(repr=False, default=None)
    """What `gram` is on the host; None: in blocks, on demand, or on a device."""
    device: DeviceRows | None = field(repr=False, default=None)
    """What stays where torch tensors live: their rows, and the Gram matrix or what its blocks are computed of."""
    centered: tuple[FloatArray, ...] = field(repr=False, default=())
    """Centered distinct rows (as prepared, for a metric that is a function), while there is neither `kept` nor `device`."""
    squares: npt.NDArray[np.float64] | None = field(repr=False, default=None)
    """Sum of squares of each centered feature over all items, on the scale of `centered`; None for a subset."""
    transform: tuple[str, ...] = ()
    """How the rows were prepared, in order; `parts` are the prepared rows."""
    scale: float = 1.0
    """The power of two that `gram`, `sq`, `along` and `norm` were scaled by, so that float32 can hold them."""
    block_rows: int = 0
    """Rows per block where the Gram matrix is computed on demand; 0 where it is kept."""
    rereads: bool = False
    """Whether `load` calls a function that was given, which reads the rows again."""
    joined: Joined | None = field(repr=False, default=None)
    """The two spaces that it is the sum of; it has no rows of its own then."""
    _memo: dict[Any, Any] = field(repr=False, default_factory=dict)

    def __repr__(self) -> str:
        return f"<Space {cut(self.name, 200)!r}: {self._described()}>"

    def _repr_html_(self) -> str:
        return card(f"Space {self.name}", {"holds": self._described()})

    def _described(self) -> str:
        distinct = "" if self.n_distinct == self.n_samples else f" ({self.n_distinct:,} distinct)"
        rows = f"{self.n_samples:,} items{distinct} × {self.n_features:,} features, rows {transform_name(self.transform)}"
        kept = "matrix kept" if self.keeps_matrix else f"matrix in blocks of {self.block_rows:,} rows"
        kept += f" on {self.device.where}" if self.device is not None else ""
        return f"{rows}; {metric_name(self.metric)}; {kept}, {in_bytes(self.nbytes)}"

    @property
    def memo(self) -> dict[Any, Any]:
        """What measures remember of it, under keys of their own; subsets and permutations start afresh."""
        return self._memo

    @property
    def gram(self) -> FloatArray | None:
        """Gram matrix of centered distinct rows (float32), or their distances; None where it is not kept.

        One on a device is brought to the host, once: what works there asks for `pieces`.
        """
        return self.kept if self.device is None else self.device.on_host()

    @property
    def keeps_matrix(self) -> bool:
        """Whether there is a `gram`."""
        return self.kept is not None if self.device is None else self.device.gram is not None

    @property
    def parts(self) -> tuple[FloatArray, ...]:
        """The prepared rows, one array of shape (n_samples, n_features) per concatenated part."""
        return self.load(None)

    def parts_of(
        self, *distinct: npt.NDArray[np.integer[Any]]
    ) -> tuple[tuple[FloatArray, ...], list[npt.NDArray[np.integer[Any]]]]:
        """Return parts with at least these distinct rows, and where in them each is.

        Rows that a transform makes anew are made only where they are asked for, unless those are most of them; from a
        device no others are brought.
        """
        asked = np.zeros(self.n_distinct, np.bool_)
        there = self.device is not None and bool(self.device.parts)
        for rows in distinct if self.transform or there else ():
            asked[rows] = True
        if not there and (not self.transform or 2 * np.count_nonzero(asked) > self.n_distinct):
            return self.parts, [self.first[rows] for rows in distinct]
        place = np.cumsum(asked) - 1
        return self.load(self.first[asked]), [place[rows] for rows in distinct]

    def rows(self, distinct: npt.NDArray[np.integer[Any]] | None = None, /) -> FloatArray:
        """Return the rows that distances are taken of, by item, shape (n_samples, n_features); or chosen distinct rows."""
        parts, (items,) = self.parts_of(self.inverse if distinct is None else distinct)
        if not parts:
            message = f"{self.name} has distances (metric={metric_name(self.metric)!r}) and no rows; prepare it from rows."
            raise InputError(message)
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        return whole if np.array_equal(items, np.arange(len(whole))) else whole[items]

    @property
    def excess(self) -> npt.NDArray[np.float32]:
        """By how much `sq` exceeds `level`, rounded once: what scores are made of.

        All are less by the same then, which changes no order; and round by what they differ, not by how long rows are.
        """
        return (self.sq - self.level).astype(np.float32)

    @property
    def inverse_norm(self) -> npt.NDArray[np.float64]:
        """One over the norm of the uncentered rows; 0 for a zero vector."""
        if "inverse norm" not in self._memo:
            found = np.divide(1.0, self.norm, out=np.zeros_like(self.norm), where=self.norm > 0)
            self._memo["inverse norm"] = found
        inverse: npt.NDArray[np.float64] = self._memo["inverse norm"]
        return inverse

    @property
    def n_distinct(self) -> int:
        """Number of distinct rows."""
        return len(self.first)

    @property
    def only_signs(self) -> bool:
        """Whether rows are single numbers that were divided by their own size, such as lengths after ``unit``."""
        return self.n_features == 1 and self.transform[-1:] in (("unit",), ("clip",), ("clamp",))

    @property
    def one_row_per_item(self) -> bool:
        """Whether item i is distinct row i, for all items."""
        return self.n_distinct == self.n_samples and bool((self.inverse[1:] > self.inverse[:-1]).all())

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps beside the arrays it was given."""
        kept = [self.kept, *self.centered, self.sq, self.along, self.norm, self.inverse, self.weights]
        there = 0 if self.device is None else self.device.nbytes
        return there + int(sum(array.nbytes for array in kept if array is not None))

    def terms(self, metric: str | OwnMetric, /) -> ScoreTerms:
        """Return what turns entries of the matrix into scores of `metric`."""
        fixed = self.excess, self.along, self.inverse_norm
        return ScoreTerms(kind_of(metric), *fixed, self.error_bound(metric), self.weights)

    def pieces(self) -> Iterator[tuple[int, int, FloatArray | DevicePiece]]:
        """Yield what `blocks` does, where it lives."""
        if self.device is None:
            yield from self.blocks()
            return
        step = self.n_distinct if self.device.gram is not None else self.block_rows
        for start in range(0, self.n_distinct, step):
            piece = self.device.piece(start, min(start + step, self.n_distinct))
            yield piece.start, piece.stop, piece

    def blocks(self) -> Iterator[tuple[int, int, FloatArray]]:
        """Yield ``(start, stop, rows start:stop of the Gram or distance matrix)`` over all distinct rows."""
        gram = self.gram
        if gram is not None:
            yield 0, self.n_distinct, gram
            return
        moments: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]] = []
        watched = "moments" not in self._memo and not reads_distances(self.metric)
        for start in range(0, self.n_distinct, self.block_rows):
            stop = min(start + self.block_rows, self.n_distinct)
            block = self._matrix(slice(start, stop))
            # Read off while it is there: a block that is not kept would have to be computed again.
            if watched:
                moments.append(row_moments(block, self.weights))
            yield start, stop, block
        if watched:
            self._memo["moments"] = tuple(np.concatenate(side) for side in zip(*moments, strict=True))

    def gram_moments(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the sum and the sum of squares of each distinct row of the Gram matrix, over all items."""
        if self.kept is not None:
            return row_moments(self.kept, self.weights)
        if "moments" not in self._memo and self.device is not None:
            self._memo["moments"] = self.device.moments(self.weights)
        if "moments" not in self._memo:
            for _ in self.blocks():
                pass
        moments: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] = self._memo["moments"]
        return moments

    def gram_rows(self, start: int, stop: int, /) -> FloatArray:
        """Return rows start:stop of the Gram or distance matrix by item, shape (stop - start, n_samples)."""
        rows = self.inverse[start:stop]
        gram = self.gram
        if gram is None:
            block = self._matrix(rows)
            return block if self.one_row_per_item else block[:, self.inverse]
        return gram[start:stop] if self.one_row_per_item else gram[np.ix_(rows, self.inverse)]

    def _matrix(self, rows: slice | npt.NDArray[np.integer[Any]]) -> FloatArray:
        """Compute distinct rows of a matrix that is not kept."""
        if self.device is not None:
            return self.device.products_on_host(rows)
        return _product_of(self.metric, [Z[rows] for Z in self.centered], self.centered, self.name)

    def subset(self, items: npt.NDArray[np.integer[Any]], /) -> Space:
        """Return the space of some items; no distance is computed again where the matrix is kept."""
        rows, inverse = np.unique(self.inverse[items], return_inverse=True)
        whole = rows.size == self.n_distinct
        kept, centered, device = self.kept, self.centered, self.device
        small = rows.size**2 * entry_bytes(self.metric) <= GRAM_BYTES
        if device is not None:
            device = device if whole and self.keeps_matrix else device.take(rows, multiply=small)
        elif kept is not None:
            kept = kept if whole else kept[np.ix_(rows, rows)]
        else:
            centered = tuple(Z[rows] for Z in centered)
            if small:
                kept, centered = _product_of(self.metric, centered, centered, self.name), ()
        return replace(
            self,
            n_samples=len(items),
            inverse=inverse.astype(np.int32),
            first=self.first[rows],
            weights=np.bincount(inverse, minlength=rows.size).astype(np.int32),
            kept=kept,
            device=device,
            centered=centered,
            sq=self.sq[rows],
            along=self.along[rows],
            norm=self.norm[rows],
            squares=None,
            _memo=self._inherited(),
        )

    def permuted(self, order: npt.NDArray[np.integer[Any]], /) -> Space:
        """Return the same space with item i described by the row of item ``order[i]``."""
        return replace(self, inverse=self.inverse[order], _memo=self._inherited())

    def _inherited(self) -> dict[Any, Any]:
        """Return what is true of some rows as of all: how they round, and that it shows (`is_coarse`)."""
        known = list(self._memo)  # at once: other threads remember things meanwhile
        coarse = [key for key in known if isinstance(key, tuple) and key[:1] == ("coarse",)]
        shows = {key: True for key in coarse if self._memo[key]}
        return {"rounding": self.rounding, **shows}

    def error_bound(self, metric: str | OwnMetric, /) -> npt.NDArray[np.float32]:
        """Return `err`, such that a score of rows i and l is within ``err[i] + err[l]`` of the truth.

        Euclidean scores are those of `excess`: less than squared distances by twice `level`.
        The rounding of a float32 inner product of n terms stays below a small multiple of
        sqrt(n) units in the last place with high probability (Higham & Mary, 2019), whatever the order
        of summation. What a matrix product really leaves is often ten times smaller, and every pair of
        rows within the bound costs a distance in float64: so the error is measured on entries of this
        very matrix, and several times the largest is taken where that is less.
        """
        if ("error bound", metric) not in self._memo:
            self._memo["error bound", metric] = self._bound(metric)
        bound: npt.NDArray[np.float32] = self._memo["error bound", metric]
        return bound

    def _bound(self, metric: str | OwnMetric) -> npt.NDArray[np.floating[Any]]:
        if reads_distances(metric):
            return np.zeros(self.n_distinct, np.float64 if self.kept is None else self.kept.dtype)
        # What is too small for float32 is lost product by product.
        lost = _TINY * (self.n_features + 1)
        if metric == "cosine":
            bound = (self.rounding + _OF_COSINES) * _UNIT * self.sq + lost
            with np.errstate(over="ignore"):
                bound *= self.inverse_norm * self.inverse_norm
            # Sums in float64 round as well; and scores are cut to `COSINE_SCORES`, between which all lie.
            bound = np.minimum(bound + _FLOAT64_SUMS, 12.0)
        else:
            # Both excesses, their sum, and what a product leaves of it are rounded.
            bound = _UNIT * (self.rounding * self.sq + 3.0 * (self.sq - self.level)) + lost
        return bound.astype(np.float32)

    @property
    def rounding(self) -> float:
        """The factor of the bound above, in units in the last place of the squared norms."""
        if "rounding" not in self._memo:
            self._memo["rounding"] = self._measured_rounding()
        factor: float = self._memo["rounding"]
        return factor

    def _measured_rounding(self) -> float:
        largest = largest_rounding(self.n_features)
        if reads_distances(self.metric) or self.n_distinct < 2 * _PROBES or self.n_features < _PROBES:
            return largest
        # Rows of all lengths, the longest among them, each with the nearest, the farthest and any other one: rounding grows
        # with the lengths and with how much of the product does not cancel. That of rows that nearly equal each other, of
        # which a probe may meet none, is that of the products of rows with themselves, most of all.
        by_length = np.argsort(self.sq)
        rows = np.unique(
            np.concatenate(
                [by_length[-_PROBES // 4 :], np.linspace(0, self.n_distinct - 1, _PROBES).astype(int)]
            )
        )
        products = self._matrix(rows) if self.kept is None else self.kept[rows]
        scores = -2.0 * products.astype(np.float64)
        scores += self.sq
        scores += self.sq[rows, None]
        here = np.arange(rows.size)
        own = (rows, products[here, rows]) if self.kept is None else (slice(None), np.diagonal(self.kept))
        alike = 2.0 * np.abs(self.sq[own[0]] - own[1]) / (_UNIT * (2.0 * self.sq[own[0]] + _TINY))
        scores[here, rows] = np.inf
        nearest = scores.argmin(axis=1)
        scores[here, rows] = -np.inf
        others = [nearest, scores.argmax(axis=1), np.roll(rows, 1)]
        left, right = np.tile(rows, len(others)), np.concatenate(others)
        exact = squared_distances(self, left, right)
        error = np.abs(scores[np.tile(here, len(others)), right] - exact)
        units = error / (_UNIT * (self.sq[left] + self.sq[right] + _TINY))
        return min(largest, max(_BESIDE + 4.0 * float(units.max()), 3.0 * float(alike.max())))


def _product_of(
    metric: str | OwnMetric, left: Sequence[FloatArray], right: Sequence[FloatArray], name: str
) -> FloatArray:
    return distances_of(metric, left, right, name) if callable(metric) else gram_product(left, right)


def largest_rounding(n_features: int, /) -> float:
    """Return the factor that bounds the rounding of any product of rows; see `Space.error_bound`."""
    return 16.0 + 1.5 * float(np.sqrt(n_features))
