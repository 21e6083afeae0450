"""Running the batches that are missing, and writing whole units of what comes out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from platoscope.errors import InputError
from platoscope.models.encoder import BatchItemError
from platoscope.models.together import encode_together
from platoscope.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from platoscope.models.encoder import Encoder
    from platoscope.models.pooling import Pooling
    from platoscope.representations._group import StoredGroup
    from platoscope.representations._units import StoredArray

__all__ = ["Job", "Need", "ProgressCallback", "Told", "fill"]

ProgressCallback = Callable[[int, int, float], None]
"""Called with items done, items in all, and tokens per second of this run (0 before its first batch)."""
Told: TypeAlias = ProgressCallback | Progress | bool | None
"""What a user gives as ``progress=``."""


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
        return cls(job, {need.pooling: _writer(job.group, need) for need in job.needs if need.units})

    def wanted(self, first: int, stop: int) -> tuple[Pooling, ...]:
        """List the poolings of which any of these rows is missing."""
        return tuple(pooling for pooling, writer in self.writers.items() if writer.wants(first, stop))


def fill(jobs: Sequence[Job], items: Sequence[Any], progress: ProgressCallback | None, /) -> None:
    """Run every batch of which a job misses a row, once for all jobs, and write the missing units.

    A batch is always run whole, even if only one of its rows is missing: that keeps the
    numbers the same to the last bit. All jobs have the same batches, and encoders of one model.
    """
    group = jobs[0].group
    every = [_Work.of(job) for job in jobs]
    writers = [writer for work in every for writer in work.writers.values()]
    rows = np.zeros(group.n_items, bool)
    for writer in writers:
        for unit in writer.missing:
            rows[writer.array.rows(unit).start : writer.array.rows(unit).stop] = True
    batches = [(first, batch) for first, batch in group.batches if rows[first : first + batch.size].any()]
    done = group.n_items - sum(batch.size for _, batch in batches)
    tokens, began = 0, time.perf_counter()
    if progress is not None:
        progress(done, group.n_items, 0.0)
    for first, batch in batches:
        if _run(every, items, first, batch):
            tokens += int(group.lengths[batch].sum())
        done += batch.size
        if progress is not None:
            progress(done, group.n_items, tokens / (time.perf_counter() - began))
    seconds = time.perf_counter() - began
    group.folder.sweep("")
    for job in jobs:
        job.group.folder.sweep(job.group.key)
    for writer in writers:
        group.folder.sweep(writer.array.path)
        writer.array.record(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            items=sum(batch.size for _, batch in batches),
            tokens=tokens,
            seconds=round(seconds, 3),
            tokens_per_second=round(tokens / seconds, 1),
            poolings_in_this_pass=list(
                dict.fromkeys(str(pooling) for work in every for pooling in work.writers)
            ),
        )


def _run(every: Sequence[_Work], items: Sequence[Any], first: int, batch: NDArray[np.int64]) -> bool:
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


def _writer(group: StoredGroup, need: Need) -> _Writer:
    array = group.array(need.pooling)
    if array is None:
        array = group.new_array(need.pooling)
        array.create()
    return _Writer(array, set(need.units))


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
