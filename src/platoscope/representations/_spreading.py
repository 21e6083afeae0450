"""One pass over a model, by the workers of a cluster: each reads some batches and writes their units into the store."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.cluster import Cluster, Task, unseen_error
from platoscope.errors import ClusterError, InputError
from platoscope.filenames import is_there, path_of
from platoscope.hashing import digest
from platoscope.models.on_demand import ModelOnDemand, Shelf
from platoscope.representations._filling import (
    Job,
    Need,
    PassCount,
    batches_over,
    create_arrays,
    existing,
    missing_rows,
    record,
    run_batches,
)
from platoscope.representations._group import find_group, identity_of
from platoscope.representations._opening import open_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from platoscope.datasets import Side
    from platoscope.models.encoder import Encoder
    from platoscope.representations._filling import ProgressCallback
    from platoscope.representations._units import StoredArray

__all__ = ["spread"]

_SHARES_PER_WORKER = 4  # so that a slow worker leaves the others a quarter of a share to wait for
_BATCHES_PER_SHARE = 8  # a batch on the border of two shares is read for both


@dataclass(frozen=True)
class _Part:
    """What a worker makes of one group: which model, under which options, and which units.

    `identity` is the digest of what the model is: the worker's must be the same.
    """

    key: str
    model: str
    options: Mapping[str, Any]
    identity: str
    needs: tuple[Need, ...]


@dataclass(frozen=True)
class _Items:
    """Items of some numbers, of all that there are."""

    side: Side
    numbers: NDArray[np.int64]

    def __getitem__(self, number: int, /) -> Any:
        return self.side.items[int(np.searchsorted(self.numbers, number))]


@dataclass(frozen=True)
class _Share:
    """What one task reads, and where it writes."""

    location: str
    parts: tuple[_Part, ...]
    items: _Items


def spread(cluster: Cluster, jobs: Sequence[Job], side: Side, progress: ProgressCallback | None, /) -> None:
    """Do as `fill` does, on the workers of a cluster; the same units come out, to the last bit.

    Raises
    ------
    InputError
        If the model is one in memory, which workers cannot load.
    ClusterError
        If workers do not see the store, or another model under its name.
    """
    models = [_named(job.encoder) for job in jobs]
    create_arrays(jobs)
    began = time.perf_counter()
    watch = _Watch(jobs, progress, began)
    read: list[PassCount] = []

    def note(_task: Task, value: PassCount) -> tuple[()]:
        read.append(value)
        return ()

    watch()
    shares = list(_split(jobs, models, side, cluster.n_workers))
    cluster.run([_task(share, cluster.session) for share in shares], on_done=note, on_tick=watch)
    items, tokens = (sum(getattr(each, name) for each in read) for name in ("items", "tokens"))
    record(jobs, PassCount(items, tokens, time.perf_counter() - began))


def _named(encoder: Encoder) -> ModelOnDemand:
    if isinstance(encoder, ModelOnDemand):
        return encoder
    message = (
        f"workers load the model by its name, but {encoder.name!r} is one in memory. Give its name or folder, or a "
        "ModelOnDemand with its options; or extract without a cluster."
    )
    raise InputError(message)


def _task(share: _Share, session: str) -> Task:
    made = [
        (part.key, [(str(need.pooling), sorted(need.units)) for need in part.needs]) for part in share.parts
    ]
    return Task(
        key=f"platoscope-read-{digest([share.location, made])}",
        what=f"reading {share.items.side.name} with {share.parts[0].model}",
        function=_read,
        arguments=(share, session),
        reads_model=True,
    )


def _split(
    jobs: Sequence[Job], models: Sequence[ModelOnDemand], side: Side, n_workers: int
) -> Iterator[_Share]:
    """Cut the missing units into shares of neighbors."""
    group = jobs[0].group
    rows = missing_rows(jobs)
    for first, stop in _cuts(rows, float(group.batches.sizes.mean()), n_workers):
        mine = [replace(job, needs=_needs_within(job, first, stop)) for job in jobs]
        left = [(job, model) for job, model in zip(mine, models, strict=True) if job.needs]
        if not left:
            continue
        batches = batches_over(group, missing_rows([job for job, _ in left]))
        numbers = np.sort(np.concatenate([batch for _, batch in batches]))
        parts = tuple(
            _Part(
                job.group.key,
                _seen_from_anywhere(model.name),
                dict(model.options),
                _identity(model),
                tuple(job.needs),
            )
            for job, model in left
        )
        yield _Share(group.folder.location, parts, _Items(side.select(numbers), numbers))


def _cuts(rows: NDArray[np.bool_], batch: float, n_workers: int) -> list[tuple[int, int]]:
    """Cut so that each share has about as many missing rows, and enough batches."""
    missing = np.flatnonzero(rows)
    n_shares = int(max(1, min(_SHARES_PER_WORKER * n_workers, missing.size // (_BATCHES_PER_SHARE * batch))))
    inner = [int(part[0]) for part in np.array_split(missing, n_shares)[1:]]
    return list(zip([0, *inner], [*inner, rows.size], strict=True))


def _needs_within(job: Job, first: int, stop: int) -> tuple[Need, ...]:
    """Give the units of a job that begin within some rows."""
    return _needs_left(
        job, lambda array, units: {unit for unit in units if first <= array.rows(unit).start < stop}
    )


def _needs_left(
    job: Job, chosen: Callable[[StoredArray, frozenset[int]], Iterable[int]], /
) -> tuple[Need, ...]:
    """Give what a job needs of some units of each array."""
    needs = [
        Need(need.pooling, frozenset(chosen(existing(job.group, need.pooling), need.units)))
        for need in job.open_needs
    ]
    return tuple(need for need in needs if need.units)


def _seen_from_anywhere(name: str) -> str:
    """Give a local folder or file by its whole path: workers run in folders of their own."""
    path = path_of(name)
    return str(path.absolute()) if is_there(path) else name


def _identity(encoder: Encoder) -> str:
    return digest(identity_of(encoder.provenance))


@dataclass
class _Watch:
    """Tells how far the units are, whoever writes them: the store says."""

    jobs: Sequence[Job]
    progress: ProgressCallback | None
    began: float
    _at_first: int | None = field(default=None, init=False)

    def __call__(self) -> None:
        """Look, and tell."""
        if self.progress is None:
            return
        group = self.jobs[0].group
        missing = missing_rows([replace(job, needs=_needs_left(job, _unwritten)) for job in self.jobs])
        tokens = int(group.lengths[group.batches.order[~missing]].sum())
        self._at_first = tokens if self._at_first is None else self._at_first
        seconds = max(time.perf_counter() - self.began, 1e-9)
        self.progress(int((~missing).sum()), group.n_items, (tokens - self._at_first) / seconds)


def _unwritten(array: StoredArray, units: frozenset[int]) -> frozenset[int]:
    return units.intersection(array.missing())


@lru_cache(maxsize=1)
def _shelf(_session: str) -> Shelf:
    """Hold the model of a session: it is loaded once by each worker."""
    return Shelf()


def _read(share: _Share, session: str, /) -> PassCount:
    """Read a share, in a worker."""
    folder = open_folder(share.location)
    jobs = []
    for part in share.parts:
        group = find_group(folder, part.key)
        if group is None:
            raise unseen_error(share.location)
        model = ModelOnDemand(part.model, part.options, _shelf(session))
        _require_same(model, part)
        jobs.append(Job(model, group, part.needs))
    return run_batches(jobs, share.items, None)


def _require_same(model: ModelOnDemand, part: _Part) -> None:
    """Refuse to write states of another model under the name of this one."""
    if _identity(model) != part.identity:
        message = (
            f"on {platform.node()} the model {part.model!r} is another one than here: it says "
            f"{identity_of(model.provenance)}. Give workers the same files, and name what 'auto' decides from the machine "
            "(--dtype)."
        )
        raise ClusterError(message)
