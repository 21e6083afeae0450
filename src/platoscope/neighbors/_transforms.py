"""Preparations of rows before distances: which space is compared is stated as exactly as the measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from platoscope.errors import InputError
from platoscope.neighbors._inputs import as_parts, check_finite
from platoscope.neighbors._memory import require_memory
from platoscope.neighbors._steps import LEARNED_STEPS, ROW_STEPS, any_nonfinite, whiten, whole_rows
from platoscope.neighbors._threads import in_blocks

if TYPE_CHECKING:
    import numpy.typing as npt

    from platoscope.neighbors._inputs import ArrayLike, FloatArray
    from platoscope.neighbors._steps import Change, Parts, Write

__all__ = [
    "TRANSFORMS",
    "PreparedRows",
    "Transform",
    "parse_transform",
    "prepare_rows",
    "transform_name",
    "transform_rows",
]

Load: TypeAlias = "Callable[[npt.NDArray[np.intp] | None], Parts]"
"""Gives the prepared rows of these items, or of all (None)."""
Transform: TypeAlias = str | Sequence[str]
"""One of `TRANSFORMS`, or several in the order in which they are applied."""
TRANSFORMS = ("none", "unit", "clip", "clamp", "zscore", "whiten")
"""The steps that a preparation may take."""


@dataclass(frozen=True)
class PreparedRows:
    """Rows before their last steps, which `write` takes a few rows at a time, so that these are used while at hand."""

    name: str
    """What messages call the representation."""
    parts: Parts
    """Where the prepared rows come to lie; those given where there is no step."""
    load: Load
    """Gives the prepared rows of some items, or of all, once more: equal bit for bit."""
    fresh: bool = False
    """Whether `parts` are nobody else's and `load` does without them, so that their memory may serve other ends."""
    source: Parts = ()
    """The rows before their last steps; none where nothing is left to do."""
    changes: tuple[Change, ...] = ()
    """The last steps, in order."""
    finite: bool = False
    """Whether `source` is known to be: a step that learns from all rows has seen to it."""
    marks: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 1)))
    """What the changes note of each row; in the last column, in how many of them it had no direction that they need."""
    broken: list[int] = field(default_factory=list)
    """Rows from which on some are not finite."""

    def write(self, start: int, stop: int, /) -> None:
        """Make the prepared rows ``start:stop``, best so few that a core's own cache holds them."""
        if not self.changes:
            return
        if not self.finite and any_nonfinite(self.source, start, stop):
            self.broken.append(start)
        else:
            rows = whole_rows(self.source, slice(start, stop))
            steps = [change.write for change in self.changes]
            _change(rows, steps, self.parts, self.marks, start, stop)

    def require_sound(self) -> None:
        """Refuse rows that are not finite, or without a direction where one was needed, once all are written."""
        for part in self.source if self.broken else ():
            check_finite(part, self.name)
        _require_directions(self.marks[:, -1] > 0, self.name)

    def again(self, items: npt.NDArray[np.intp], /) -> Parts:
        """Return the prepared rows of some items, once all are written, whatever their memory serves since."""
        return self.load(items) if self.fresh else tuple(part[items] for part in self.parts)

    def written(self) -> Parts:
        """Write all rows and return them."""
        in_blocks(self.write, self.parts)
        self.require_sound()
        return self.parts


def parse_transform(transform: Transform, /) -> tuple[str, ...]:
    """Return the steps of a preparation, in order; an empty tuple for ``"none"``.

    Parameters
    ----------
    transform : str or sequence of str
        One of `TRANSFORMS`, several of them, or several in one string joined by ``+``.

    Raises
    ------
    InputError
        An unknown step, or ``"none"`` beside others.

    Examples
    --------
    >>> parse_transform("none"), parse_transform(("zscore", "unit")), parse_transform("zscore + unit")
    ((), ('zscore', 'unit'), ('zscore', 'unit'))
    """
    given = transform.split("+") if isinstance(transform, str) else transform
    if not isinstance(given, list | tuple):
        message = f"transform must be a step, or a list of them; got {transform!r}."
        raise InputError(message)
    steps = tuple(step.strip() if isinstance(step, str) else step for step in given)
    if steps in ((), ("none",)):
        return ()
    unknown = [step for step in steps if step not in TRANSFORMS or step == "none"]
    if unknown:
        message = (
            f"transform must be one of {', '.join(TRANSFORMS)}, or several of them but none in order, such as "
            f"('zscore', 'unit'); got {transform!r}."
        )
        raise InputError(message)
    return steps


def transform_name(steps: tuple[str, ...], /) -> str:
    """Return what results and messages call the steps of a preparation; `parse_transform` reads it back.

    Examples
    --------
    >>> transform_name(()), transform_name(("zscore", "unit"))
    ('none', 'zscore + unit')
    """
    return " + ".join(steps) or "none"


def transform_rows(
    X: ArrayLike, transform: Transform, /, *, name: str = "X"
) -> FloatArray | list[FloatArray]:
    """Prepare the rows of a representation for comparison.

    ===========  ====================================================================================
    ``none``     the rows as they are
    ``unit``     x / ‖x‖: Euclidean neighbors are then cosine neighbors
    ``clip``     each row clipped at its 5 % and 95 % quantiles over features, then ``unit`` (the
                 research code of Acevedo et al. clips tokens so; this works on pooled rows)
    ``clamp``    values clamped to ±t, then ``unit``; t is the mean over items of the 95 % quantile of ``|x|``
                 over features, of this layer (Huh et al.: of all layers together)
    ``zscore``   per feature (x − mean) / sd over the items; features that are constant become 0
    ``whiten``   principal components that hold 99 % of the variance, at most N/4 of them, each divided by
                 its sd
    ===========  ====================================================================================

    Parameters
    ----------
    X : array of shape (n_samples, n_features), or sequence of such arrays
        A sequence is one concatenated representation: norms, quantiles and components are those of the whole row.
    transform : str or sequence of str
        One step, or several in order, such as ``("zscore", "unit")``.
    name : str
        What messages call it.

    Returns
    -------
    ndarray of shape (n_samples, n_features), or list of them
        In the precision of the input (float32 or float64; computed in float64, then rounded), so that what is
        compared is a matrix that can be handed to anyone. ``whiten`` gives one matrix, narrower. With no step
        the input itself, checked.

    Raises
    ------
    InputError
        An unknown step, non-finite values, or rows that have no direction left where one is needed.

    Notes
    -----
    Statistics over items (``clamp``, ``zscore``, ``whiten``) are those of the items given here: subsamples of a
    prepared `Space` keep them. Rows equal bit for bit stay equal bit for bit. Of a single feature, such as the length
    of a text, ``unit``, ``clip`` and ``clamp`` leave the sign alone: leave it as it is, or take ``zscore``.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[3.0, 4.0], [0.0, 2.0], [1.0, 0.0]])
    >>> transform_rows(X, "unit")
    array([[0.6, 0.8],
           [0. , 1. ],
           [1. , 0. ]])
    """
    parts = prepare_rows(as_parts(X, name), parse_transform(transform), name).written()
    return list(parts) if isinstance(X, (list, tuple)) and len(parts) > 1 else parts[0]


def prepare_rows(
    parts: Parts, steps: tuple[str, ...], name: str, read: Callable[[], Parts] | None = None, /
) -> PreparedRows:
    """Learn what the steps must know of all rows, and leave the writing of prepared rows to `PreparedRows`.

    Parameters
    ----------
    parts : tuple of ndarray
        The parts of one representation, each of shape (n_samples, its features); never changed.
    steps : tuple of str
        See `transform_rows`.
    name : str
        What messages call the representation.
    read : callable, optional
        Returns `parts` once more, which then need not be kept.
    """
    again = read or (lambda: parts)
    if not steps:
        return PreparedRows(name, parts, partial(_load, again, (), None))
    require_memory(
        sum(part.nbytes for part in parts), f"The transform of {name}", "Give fewer items, or float32 data."
    )
    rows = parts
    done: list[Change] = []
    waiting: list[Change] = []
    finite = False
    for step in steps:
        if step in ROW_STEPS:
            waiting.append(ROW_STEPS[step])
            continue
        if waiting:
            rows = _still_to(waiting, rows, name, (again, done), owned=rows is not parts).written()
        done, waiting = done + waiting, []
        finite = step in LEARNED_STEPS
        if finite:
            waiting.append(LEARNED_STEPS[step](rows, name))
        else:
            rows = (whiten(rows, name),)
    prepared = _still_to(waiting, rows, name, (again, done), owned=rows is not parts)
    prepared = replace(prepared, finite=finite)
    if "whiten" not in steps:
        return prepared
    # Whitened rows cannot be made without the others.
    remade = (lambda: prepare_rows(read(), steps, name).written()) if read else (lambda: prepared.parts)
    return replace(prepared, load=partial(_load, remade, (), None), fresh=False)


def _still_to(
    changes: Sequence[Change],
    rows: Parts,
    name: str,
    origin: tuple[Callable[[], Parts], Sequence[Change]],
    /,
    *,
    owned: bool,
) -> PreparedRows:
    """Return rows that changes are still to be made to, in place where they are nobody else's, and where they come from."""
    from platoscope.neighbors._direction_kernels import MARKS  # numba: 0.3 s to import

    read, earlier = origin
    marks = np.zeros((len(rows[0]), MARKS))
    # Of one step only: the next one's marks take the place of its own.
    marking = [change.again is not None for change in (*earlier, *changes)]
    kept = marks if sum(marking) == 1 and any(marking[len(earlier) :]) else None
    return PreparedRows(
        name,
        parts=rows if owned else tuple(np.empty_like(part) for part in rows),
        load=partial(_load, read, (*earlier, *changes), kept),
        fresh=True,
        source=rows,
        changes=tuple(changes),
        marks=marks,
    )


def _load(
    read: Callable[[], Parts],
    changes: Sequence[Change],
    marks: npt.NDArray[np.float64] | None,
    items: npt.NDArray[np.intp] | None,
) -> Parts:
    """Return the rows of some items, or of all, changed by what was learned of all of them.

    `marks` are those of all rows where they serve to do it again.
    """
    source = read()
    if not changes:
        return source if items is None else tuple(part[items] for part in source)
    from platoscope.neighbors._direction_kernels import MARKS  # numba: 0.3 s to import

    n_rows = len(source[0]) if items is None else len(items)
    out = tuple(np.empty((n_rows, part.shape[1]), part.dtype) for part in source)
    steps = [change.write if marks is None else change.again or change.write for change in changes]
    if marks is None:
        marks = np.zeros((n_rows, MARKS))  # seen to when all rows were written
    elif items is not None:
        marks = marks[items]

    def some(start: int, stop: int) -> None:
        rows = whole_rows(source, slice(start, stop) if items is None else items[start:stop])
        _change(rows, steps, out, marks, start, stop)

    in_blocks(some, out)
    return out


def _change(
    rows: FloatArray,
    steps: Sequence[Write],
    out: Parts,
    marks: npt.NDArray[np.float64],
    start: int,
    stop: int,
) -> None:
    """Take the steps in order on whole rows, whichever parts they are made of, and write them to ``out[start:stop]``."""
    room = out[0][start:stop] if len(out) == 1 else np.empty_like(rows)
    for step in steps:
        # Not from rows to themselves: loops whose input may be their output do not vectorize.
        step(rows.copy() if np.may_share_memory(rows, room) else rows, room, marks[start:stop])
        rows = room
    edge = 0
    for part in out if len(out) > 1 else ():
        part[start:stop] = rows[:, edge : edge + part.shape[1]]
        edge += part.shape[1]


def _require_directions(zero: npt.NDArray[np.bool_], name: str) -> None:
    """Refuse rows without a direction, unless no row has one: a constant layer, which ties."""
    if zero.any() and not zero.all():
        rows = np.flatnonzero(zero)
        message = (
            f"{name} has {rows.size} rows that are zero where they are to be divided by their norms (clipping sets a "
            f"row to zero that is zero in 90 % of its features); the first is row {rows[0]}. Drop those items on both "
            "sides, or use transform='none' or 'zscore'."
        )
        raise InputError(message)
