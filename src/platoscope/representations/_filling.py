"""Running the batches that are missing, and writing whole units of what comes out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from platoscope.errors import InputError
from platoscope.models.encoder import BatchItemError
from platoscope.models.together import encode_together
from platoscope.progress import Progress
from platoscope.representations._folder import removed_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from platoscope.models.encoder import Encoder
    from platoscope.models.pooling import Pooling
    from platoscope.representations._group import StoredGroup
    from platoscope.representations._units import StoredArray

__all__ = [
    "ByNumber",
    "Job",
    "Need",
    "PassCount",
    "ProgressCallback",
    "Told",
    "batches_over",
    "create_arrays",
    "existing",
    "fill",
    "missing_rows",
    "record",
    "run_batches",
]

ProgressCallback = Callable[[int, int, float], None]
"""Called with items done, items in all, and tokens per second of this run (0 before its first batch)."""
Told: TypeAlias = ProgressCallback | Progress | bool | None
"""What a user gives as ``progress=``."""


class ByNumber(Protocol):
    """Items that are looked up by their number, one at a time."""

    def __getitem__(self, number: int, /) -> Any:
        """Give one."""


@dataclass(frozen=True)
class Need:
    """The units of one pooling's array that are to be computed."""

    pooling: Pooling
    units: frozenset[int]


@dataclass(frozen=True)
class Job:
    """A group whose arrays want units, and the encoder that makes them."""

    encoder: Encoder
    group: StoredGroup
    needs: Sequence[Need]

    @property
    def open_needs(self) -> list[Need]:
        """Those of which units are left."""
        return [need for need in self.needs if need.units]


@dataclass
class _Writer:
    """Collects the rows of one array and writes each unit as soon as it is whole."""

    array: StoredArray
    missing: set[int]
    _begun: dict[int, tuple[NDArray[np.float32], int]] = field(default_factory=dict)

    def wants(self, first: int, stop: int) -> bool:
        """Whether any of these rows is missing, also by now: another process may have written them."""
        for unit in self.array.units(first, stop):
            if unit in self.missing and unit not in self._begun and self.array.problem(unit) is None:
                self.missing.discard(unit)
        return not self.missing.isdisjoint(self.array.units(first, stop))

    def add(self, first: int, states: NDArray[np.float32]) -> None:
        """Take rows from ``first`` on, with shape ``(n_layers, n_rows, n_tokens, n_features)``."""
        n_layers, n_rows, *vector = states.shape
        for unit in self.array.units(first, first + n_rows):
            if unit not in self.missing:
                continue
            rows = self.array.rows(unit)
            begun = self._begun.pop(unit, None)
            block, filled = begun or (np.empty((n_layers, len(rows), *vector), np.float32), 0)
            start, stop = max(first, rows.start), min(first + n_rows, rows.stop)
            block[:, start - rows.start : stop - rows.start] = states[:, start - first : stop - first]
            filled += stop - start
            if filled < len(rows):
                self._begun[unit] = block, filled
            else:
                self.array.write_unit(unit, block)
                self.missing.discard(unit)


@dataclass(frozen=True)
class _Work:
    """A job with its open writers."""

    job: Job
    writers: dict[Pooling, _Writer]

    @classmethod
    def of(cls, job: Job, /) -> _Work:
        """Open the arrays that want units."""
        return cls(
            job,
            {
                need.pooling: _Writer(existing(job.group, need.pooling), set(need.units))
                for need in job.open_needs
            },
        )

    def wanted(self, first: int, stop: int) -> tuple[Pooling, ...]:
        """List the poolings of which any of these rows is missing."""
        return tuple(pooling for pooling, writer in self.writers.items() if writer.wants(first, stop))


@dataclass(frozen=True)
class PassCount:
    """What was read in a pass: items and their tokens, whole batches, and the time that it took."""

    items: int = 0
    tokens: int = 0
    seconds: float = 0.0


def fill(jobs: Sequence[Job], items: ByNumber, progress: ProgressCallback | None, /) -> None:
    """Run every batch of which a job misses a row, once for all jobs, and write the missing units.

    A batch is always run whole, even if only one of its rows is missing: that keeps the
    numbers the same to the last bit. All jobs have the same batches, and encoders of one model.
    """
    create_arrays(jobs)
    record(jobs, run_batches(jobs, items, progress))


def create_arrays(jobs: Sequence[Job], /) -> None:
    """Write the metadata of the arrays that want units, where there are none."""
    for job in jobs:
        for need in job.open_needs:
            if job.group.array(need.pooling) is None:
                job.group.new_array(need.pooling).create()


def missing_rows(jobs: Sequence[Job], /) -> NDArray[np.bool_]:
    """Tell which rows some job misses, shape ``(n_items,)``."""
    rows = np.zeros(jobs[0].group.n_items, bool)
    for job in jobs:
        for need in job.open_needs:
            array = existing(job.group, need.pooling)
            for unit in need.units:
                rows[array.rows(unit).start : array.rows(unit).stop] = True
    return rows


def batches_over(group: StoredGroup, rows: NDArray[np.bool_], /) -> list[tuple[int, NDArray[np.int64]]]:
    """List the batches in which some of these rows are, with the first row of each."""
    return [(first, batch) for first, batch in group.batches if rows[first : first + batch.size].any()]


def run_batches(jobs: Sequence[Job], items: ByNumber, progress: ProgressCallback | None, /) -> PassCount:
    """Run the batches over missing rows and write units; the arrays are there."""
    group = jobs[0].group
    every = [_Work.of(job) for job in jobs]
    batches = batches_over(group, missing_rows(jobs))
    done = group.n_items - sum(batch.size for _, batch in batches)
    n_read, tokens, began = 0, 0, time.perf_counter()
    if progress is not None:
        progress(done, group.n_items, 0.0)
    for first, batch in batches:
        if _run(every, items, first, batch):
            n_read += batch.size
            tokens += int(group.lengths[batch].sum())
        done += batch.size
        if progress is not None:
            progress(done, group.n_items, tokens / (time.perf_counter() - began))
    return PassCount(n_read, tokens, time.perf_counter() - began)


def record(jobs: Sequence[Job], read: PassCount, /) -> None:
    """Note with the arrays what making them took, and delete what killed writers left."""
    folder = jobs[0].group.folder
    folder.sweep("")
    needs = [(job.group, need) for job in jobs for need in job.open_needs]
    for group, need in needs:
        folder.sweep(group.key)
        array = existing(group, need.pooling)
        folder.sweep(array.path)
        array.record(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            items=read.items,
            tokens=read.tokens,
            seconds=round(read.seconds, 3),
            tokens_per_second=round(read.tokens / read.seconds, 1),
            poolings_in_this_pass=list(dict.fromkeys(str(need.pooling) for _, need in needs)),
        )


def existing(group: StoredGroup, pooling: Pooling) -> StoredArray:
    """Open an array that was there a moment ago."""
    array = group.array(pooling)
    if array is None:
        raise removed_error(group.folder, f"the array of {pooling}")
    return array


def _run(every: Sequence[_Work], items: ByNumber, first: int, batch: NDArray[np.int64]) -> bool:
    """Run one batch for the jobs that want it; say whether any does."""
    wanted = [(work, work.wanted(first, first + batch.size)) for work in every]
    wanted = [(work, poolings) for work, poolings in wanted if poolings]
    if not wanted:
        return False
    ids = every[0].job.group.ids
    try:
        found = encode_together(
            [(work.job.encoder, poolings) for work, poolings in wanted], [items[i] for i in batch.tolist()]
        )
    except BatchItemError as error:
        raise error.named([ids[i] for i in batch.tolist()]) from error
    for (work, poolings), states in zip(wanted, found, strict=True):
        for pooling in poolings:
            work.writers[pooling].add(
                first, _checked(states, pooling, work.job.encoder, work.job.group, batch)
            )
    return True


def _checked(
    states: dict[str, NDArray[np.float32]],
    pooling: Pooling,
    encoder: Encoder,
    group: StoredGroup,
    batch: NDArray[Any],
) -> NDArray[np.float32]:
    """Take the kept layers of one pooling, with a token axis; refuse what would fail later, unexplained."""
    found = np.asarray(states[str(pooling)], np.float32)
    n_features = int(group.attributes["n_features"])
    vector = (pooling.n_vectors, n_features) if pooling.keeps_tokens else (n_features,)
    expected = (encoder.n_layers, batch.size, *vector)
    if found.shape != expected:
        message = (
            f"Model {encoder.name!r} returned shape {found.shape} for pooling {pooling}, expected {expected}."
        )
        raise InputError(message)
    if len(group.layers) != encoder.n_layers:
        found = found[list(group.layers)]
    if not np.isfinite(found).all():
        layer, row = np.argwhere(~np.isfinite(found))[0][:2].tolist()
        message = (
            f"Model {encoder.name!r} gave a non-finite number for item {group.ids[batch[row]]!r} in layer "
            f"{group.layers[layer]} ({pooling}). Load it in a wider dtype (dtype='float32' or 'bfloat16')."
        )
        raise InputError(message)
    return found if pooling.keeps_tokens else found[:, :, None]
