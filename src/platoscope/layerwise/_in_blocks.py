"""Information Imbalance of more items than can be squared: runs of items, one after the other or by many workers."""

from __future__ import annotations

import platform
import tempfile
import uuid
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np

from platoscope.arguments import a_path
from platoscope.checks import whole_number
from platoscope.cluster import Task, check_cluster, unseen_error, using_cluster
from platoscope.errors import ClusterError, StorageError, reason_of
from platoscope.hashing import digest
from platoscope.kept import sweep
from platoscope.layerwise._row_sources import (
    require_same_ids,
    require_sent,
    require_unchanged,
    row_source,
    rows_of,
    stamps_of,
)
from platoscope.measures import Imbalance, check_same_items, imbalance_of_ranks
from platoscope.neighbors import (
    GallerySide,
    metric_name,
    open_stream,
    parse_transform,
    ranks_in_galleries,
)
from platoscope.progress import telling
from platoscope.unfinished import keep_piece, kept_piece

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import numpy.typing as npt

    from platoscope.cluster import Cluster
    from platoscope.layerwise._row_sources import Stamp
    from platoscope.neighbors import Metric, RowStream, Transform

__all__ = ["imbalance_in_blocks"]

_AT_ONCE = 8192
_Run: TypeAlias = "tuple[int, int]"
"""The first item of a run, and the one after its last."""


@dataclass(frozen=True)
class _Work:
    """What every task of a call shares."""

    call: str
    """Names the call: what a worker keeps for it is not another's."""
    sources: tuple[Any, Any]
    """X and Y: paths, stored layers, or arrays where there is no cluster."""
    metric: Metric
    transform: Transform
    n_neighbors: int

    def __hash__(self) -> int:
        return hash(self.call)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Work) and self.call == other.call

    def key(self, fingerprint: str, at_once: int) -> str:
        """Return the digest of all that decides the numbers of a run."""
        what = metric_name(self.metric), parse_transform(self.transform), int(self.n_neighbors)
        return digest([version("platoscope"), fingerprint, *what, at_once])


@dataclass(frozen=True, eq=False)
class _Rows:
    """Both sides of a call, as one process reads them."""

    work: _Work
    streams: tuple[RowStream, RowStream]
    stamps: tuple[Stamp, Stamp]

    @classmethod
    def of(cls, work: _Work) -> Self:
        """Read all rows once, for what they tell together."""
        stamps = stamps_of(work.sources)
        x, y = (
            open_stream(rows_of(source, name), name, work.metric, work.transform)
            for source, name in zip(work.sources, "XY", strict=True)
        )
        return cls(work, (x, y), stamps)

    @property
    def fingerprint(self) -> str:
        """What tells rows from others: all of them, in their order."""
        return digest([stream.content for stream in self.streams])

    def mean_ranks(self, run: _Run) -> npt.NDArray[np.float64]:
        """Return the mean ranks of a run of the rows that were opened, and of no others."""
        found = _mean_ranks(self.streams, self.work.n_neighbors, run)
        require_unchanged(self.work.sources, self.stamps)
        return found


def imbalance_in_blocks(
    X: Any,
    Y: Any,
    /,
    *,
    n_neighbors: int = 1,
    metric: Metric = "euclidean",
    transform: Transform = "none",
    items_per_block: int = _AT_ONCE,
    keep_in: str | os.PathLike[str] | None = None,
    cluster: Cluster | str | os.PathLike[str] | None = None,
    progress: Callable[[str, int, int], None] | bool | None = None,
) -> Imbalance:
    """Measure Information Imbalance of all items exactly, a run of items at a time, here or by workers.

    Each run of items looks for its nearest neighbors among all items, and counts their ranks among all items, so that
    what comes back of a run is two numbers per item. Δ is that of `platoscope.information_imbalance`: to the last bit,
    or, where items tie for a place, up to the rounding of their sum. It is the same bits for any cluster.

    Parameters
    ----------
    X, Y : array of shape (n_samples, n_features), path of a ``.npy`` file, or Representations of one layer
        The same items in the same order. Arrays (NumPy, mapped from a file as well, Zarr, HDF5, torch, …) are read by
        blocks of rows and never whole; so is a file. `Representations` are cut to one layer (``stored[12:13]``), which
        is read whole.
    n_neighbors : int
        Average over this many nearest neighbors instead of the first.
    metric : {"euclidean", "cosine"}
        Of the distances.
    transform : str or sequence of str
        ``"none"``, ``"unit"``, ``"clip"``, or several; steps that learn from all rows are taken before, by
        `platoscope.neighbors.transform_rows`.
    items_per_block : int
        Items that ask together: the unit of work of a worker, and of progress.
    keep_in : path, optional
        Folder on this machine in which every run that is finished is kept, 16 bytes an item and a checksum. A call that
        was interrupted goes on there: one of the same rows (by their SHA-256, wherever they lie), settings,
        `items_per_block` and version of Platoscope, here or by any workers. Several calls may share it.
    cluster : Cluster, str or path, optional
        Whose workers do it, as `platoscope.cluster.open_cluster` takes or gives it. X and Y must then be files or
        stored layers, which workers see.
    progress : bool or callable
        As in `platoscope.compare`.

    Returns
    -------
    Imbalance
        ``(forward, backward)``, with ``.asymmetry``.

    Raises
    ------
    InputError
        What `platoscope.information_imbalance` refuses; another metric or transform; stored layers whose ids differ;
        arrays in memory that workers would read; a file that is written to meanwhile; so many equal rows that a run has
        more than 20 million neighbors.
    StorageError
        If `keep_in` cannot be written.
    ClusterError
        If workers are lost, or do not see a file or the store.

    Notes
    -----
    Time: 4 N² D multiplications in all (two products of all rows with all rows on each side). Memory of each worker:
    twice the rows of a run and of their neighbors, 190 bytes per item, and 0.5 GB at most; beside it, X and Y where they
    are stored layers.

    A worker that dies is replaced by Dask and its run done again. Without `keep_in`, a call that is interrupted begins
    anew.

    Examples
    --------
    >>> import numpy as np
    >>> import platoscope
    >>> whole = np.random.default_rng(0).standard_normal((500, 8))
    >>> blocks = imbalance_in_blocks(whole, whole[:, :3], items_per_block=200)
    >>> tuple(blocks) == tuple(platoscope.information_imbalance(whole, whole[:, :3]))
    True
    """
    at_once = whole_number("items_per_block", items_per_block, low=2)
    folder = None if keep_in is None else a_path("keep_in", keep_in)
    work = _Work(uuid.uuid4().hex, (row_source(X, "X"), row_source(Y, "Y")), metric, transform, n_neighbors)
    if cluster is not None:
        check_cluster(cluster)
        require_sent(work.sources)
    require_same_ids(*work.sources)
    if folder is not None:
        _prepare(folder)
    rows = _Rows.of(work)
    streams = rows.streams
    n_samples = streams[0].n_samples
    check_same_items(n_samples, streams[1].n_samples)
    whole_number("n_neighbors", n_neighbors, low=1, high=n_samples - 1)
    if 1 in (stream.n_distinct for stream in streams):  # it says nothing, and nothing predicts it
        return Imbalance(1.0, 1.0)
    runs = list(pairwise([*range(0, n_samples - 1, at_once), n_samples]))
    kept = _KeptRuns(folder, work.key(rows.fingerprint, at_once))
    ranks = np.empty((2, n_samples))
    with telling(progress) as tell:
        done = 0

        def take(run: _Run, found: npt.NDArray[np.float64]) -> None:
            nonlocal done
            ranks[:, slice(*run)] = found
            done += 1
            if tell is not None:
                tell("comparing items", done, len(runs))

        _hand_on(take, runs, kept, rows, cluster)
    return Imbalance(*imbalance_of_ranks(ranks).tolist())


def _hand_on(
    take: Callable[[_Run, npt.NDArray[np.float64]], None],
    runs: list[_Run],
    kept: _KeptRuns,
    rows: _Rows,
    cluster: Cluster | str | os.PathLike[str] | None,
) -> None:
    """Hand on the mean ranks of every run: first of those that are kept, then of the others as they are computed."""
    left = []
    for run in runs:
        found = kept.of(run)
        if found is None:
            left.append(run)
        else:
            take(run, found)

    def keep(run: _Run, found: npt.NDArray[np.float64]) -> None:
        kept.add(run, found)
        take(run, found)

    if cluster is None:
        for run in left:
            keep(run, rows.mean_ranks(run))
    elif left:
        _by_workers(rows.work, rows.fingerprint, left, cluster, keep)


@dataclass(frozen=True)
class _KeptRuns:
    """What runs of one call gave, on disk; nothing is kept where no folder was named."""

    folder: Path | None
    key: str
    """Of the call: what decides its numbers."""

    def _file(self, folder: Path, run: _Run) -> Path:
        return folder / f"{self.key}-{run[0]}-{run[1]}.ranks"

    def of(self, run: _Run) -> npt.NDArray[np.float64] | None:
        """Return the mean ranks of a run that was finished before; None of another, and with a warning of a damaged one."""
        if self.folder is None:
            return None
        numbers = kept_piece(self._file(self.folder, run), what="run of items")
        if numbers is None or len(numbers) != 16 * (run[1] - run[0]):
            return None
        return np.frombuffer(numbers, "<f8").reshape(2, -1).astype(np.float64)

    def add(self, run: _Run, found: npt.NDArray[np.float64]) -> None:
        """Keep a run, and warn where that cannot be."""
        if self.folder is not None:
            keep_piece(self._file(self.folder, run), found.astype("<f8").tobytes(), what="runs of items")


def _prepare(folder: Path) -> None:
    """Make the folder that finished runs are kept in, and try to write in it, before any work is done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        message = f"cannot write in keep_in={str(folder)!r}: {reason_of(error)}. Choose another folder."
        raise StorageError(message) from error


def _mean_ranks(streams: tuple[RowStream, RowStream], n_neighbors: int, run: _Run) -> npt.NDArray[np.float64]:
    """Return the mean rank of the neighbors of the items of a run, shape (2, n_items_of_the_run): X to Y, and back."""
    asking = np.arange(*run)
    n_samples = streams[0].n_samples
    sides = [
        GallerySide(stream, np.arange(n_samples + 1), asking, np.zeros(n_samples, np.int64))
        for stream in streams
    ]
    near = [side.neighbors((n_neighbors,), None)[0] for side in sides]
    return np.concatenate([
        ranks_in_galleries(sides[1], near[0], sides[0].owner),
        ranks_in_galleries(sides[0], near[1], sides[1].owner),
    ])  # fmt: skip


def _by_workers(
    work: _Work,
    fingerprint: str,
    runs: list[_Run],
    cluster: Cluster | str | os.PathLike[str],
    keep: Callable[[_Run, npt.NDArray[np.float64]], None],
) -> None:
    """Have workers compute the runs, and keep what comes back."""
    run_of = {f"platoscope-run-{work.call}-{run[0]}": run for run in runs}

    def note(task: Task, found: npt.NDArray[np.float64]) -> tuple[()]:
        keep(run_of[task.key], found)
        return ()

    with using_cluster(cluster) as workers:
        assert workers is not None
        workers.run(
            [
                Task(key, f"comparing the items {run[0]:,} to {run[1] - 1:,}", _there, (run,))
                for key, run in run_of.items()
            ],
            shared=(work, fingerprint),
            on_done=note,
        )


def _there(work: _Work, fingerprint: str, run: _Run, /) -> npt.NDArray[np.float64]:
    """Compute a run, in a worker."""
    for source in work.sources:
        if isinstance(source, Path) and not source.exists():
            raise unseen_error(str(source))
    rows = _opened(work)
    if rows.fingerprint != fingerprint:
        message = (
            f"the worker on {platform.node()} reads other rows than this process. Give paths under which all see the same "
            "files, and leave these as they are while the work goes on."
        )
        raise ClusterError(message)
    return rows.mean_ranks(run)


@lru_cache(maxsize=1)
def _opened(work: _Work) -> _Rows:
    """Hold both sides of a call: all rows are read once by each worker for what they tell together."""
    return _Rows.of(work)
