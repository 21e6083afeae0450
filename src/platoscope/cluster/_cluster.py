"""A cluster at work: tasks go out, what comes back is handed on, and what fails is a sentence."""

from __future__ import annotations

import contextlib
import sys
import time
import uuid
import warnings
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pickle import PicklingError
from typing import TYPE_CHECKING, Any, TypeAlias

from platoscope.cluster._working import Outcome, own_version, packed, unpacked, work
from platoscope.errors import ClusterError, PlatoscopeError, PlatoscopeWarning, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = ["Cluster", "Task"]

_TICK = 0.5  # seconds between looks at how far the work is
# A clock of Dask's asks for the scheduler without its workers, and puts the answer in the place of ours before it is read.
_TIMES = 20
_GPU = "GPU"
_Worker: TypeAlias = tuple[str, str]  # its address and its folder


@dataclass(frozen=True)
class Task:
    """A piece of work for any worker.

    Parameters
    ----------
    key : str
        Equal for equal work: two clients of one scheduler that ask for it at the same time share it.
    what : str
        What it does, for messages ("reading en with gemma-3-270m").
    function : callable
        Of a module of Platoscope; it is called with `arguments`, and what it returns is small.
    arguments : tuple
        References to what lies on disk, not arrays.
    reads_model : bool
        Whether it goes to a worker with a GPU, where there is one.
    """

    key: str
    what: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    reads_model: bool = False


@dataclass(frozen=True, eq=False, repr=False)
class Cluster:
    """Workers that a Dask scheduler knows; made by `open_cluster`.

    Parameters
    ----------
    client : distributed.Client
        The connection.
    patience : float, optional
        Seconds without any worker after which work is given up; None where workers may come at any time, as from a queue.

    Attributes
    ----------
    session : str
        Names this connection: what workers keep in memory for it (a model) is not another's.
    address : str
        Where the scheduler listens.
    """

    client: Any
    patience: float | None = None
    session: str = field(default_factory=lambda: uuid.uuid4().hex, init=False)
    address: str = field(init=False)

    def __post_init__(self) -> None:
        # Now: a client that was closed does not know it any more.
        object.__setattr__(self, "address", str(self.client.scheduler.address))

    def __repr__(self) -> str:
        try:
            return f"<Cluster of {self.n_workers} workers at {self.address}>"
        except ClusterError:
            return f"<Cluster at {self.address}, which is lost>"

    @property
    def dashboard(self) -> str:
        """The page on which Dask shows what its workers do."""
        return str(self.client.dashboard_link)

    @property
    def n_workers(self) -> int:
        """How many workers there are now; more may come."""
        return len(self._workers())

    def _workers(self) -> Mapping[str, Any]:
        for _ in range(_TIMES):
            with self._reached(self):
                told = self.client.scheduler_info(n_workers=-1)
            workers: Mapping[str, Any] | None = told.get("workers")
            if workers is None:  # a client that gave the scheduler up
                break
            if len(workers) >= told.get("n_workers", 0):
                return workers
        raise _lost_error(self)

    def run(
        self,
        tasks: Iterable[Task],
        /,
        *,
        shared: tuple[Any, ...] = (),
        on_done: Callable[[Task, Any], Iterable[Task]] = lambda _task, _value: (),
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        """Do tasks, and those that follow from them, in whatever order they come.

        Parameters
        ----------
        tasks : iterable of Task
            Those that can begin.
        shared : tuple
            What every function is called with before the arguments of its task: sent to the scheduler and to each worker
            once, so that it may be large.
        on_done : callable
            Called with each task and what it gave; returns the tasks that can begin now.
        on_tick : callable
            Called about twice a second, and at the end.

        Raises
        ------
        ClusterError
            If the scheduler or too many workers are lost, none comes back, or a worker cannot do the work.
        PlatoscopeError
            What a task raised. All others are given up.

        Warns
        -----
        PlatoscopeWarning
            Of workers that are lost meanwhile; their work goes to others.
        """
        workers = self._workers()
        gpu = any(worker["resources"].get(_GPU) for worker in workers.values())
        pending: dict[Any, Task] = {}
        first: list[Any] = []  # what holds `shared`, once there is a task

        def submit(each: Iterable[Task]) -> None:
            for task in each:
                if shared and not first:
                    first.append(self._share(shared))
                pending[self._submit(task, first, gpu=gpu)] = task

        try:
            submit(tasks)
            seen, there = time.monotonic(), _those(workers)
            while pending:
                self._wait(pending)
                for future in [future for future in pending if future.done()]:
                    # One that failed is given up as well: else the scheduler would hold its error for the next try.
                    task = pending[future]
                    value = _value_of(future, task)
                    # Now, and not when Python collects it: Dask keeps what is wanted, and does it again for a dead worker.
                    future.release()
                    del pending[future]
                    submit(on_done(task, value))
                on_tick()
                if pending:
                    there = self._left_of(there)
                    seen = self._last_seen(seen, there)
            with contextlib.suppress(ClusterError):  # all is done, also where the scheduler ended since
                self._left_of(there)  # one that was lost and started again since the last look
        finally:
            if pending:
                self._give_up(list(pending))
            for future in first:
                future.release()

    def _submit(self, task: Task, first: Sequence[Any], /, *, gpu: bool) -> Any:
        resources = {_GPU: 1} if gpu and task.reads_model else None
        called = _sent((task.function, task.arguments), task.what)
        with self._reached(task):
            return self.client.submit(work, called, own_version(), *first, key=task.key, resources=resources)

    def _share(self, shared: tuple[Any, ...], /) -> Any:
        """Have a worker hold what all tasks take; it is a task itself, so that another holds it where that worker dies."""
        import dask  # of the extra cluster

        with dask.config.set({"distributed.admin.large-graph-warning-threshold": sys.maxsize}):
            called = _sent((tuple, (shared,)), "what all tasks share")
            with self._reached(self):
                return self.client.submit(
                    work, called, own_version(), key=f"platoscope-shared-{uuid.uuid4().hex}"
                )

    def _wait(self, pending: Iterable[Any], /) -> None:
        """Wait for a task to end, but not long; one that was lost says so itself."""
        from distributed import wait

        with self._reached(self), self.client.as_current(), contextlib.suppress(TimeoutError, CancelledError):
            wait(list(pending), timeout=_TICK, return_when="FIRST_COMPLETED")

    def _left_of(self, before: frozenset[_Worker], /) -> frozenset[_Worker]:
        """Give the workers that there are, and warn of those that are no more: nothing else would tell the user."""
        now = _those(self._workers())
        gone = len(before - now)
        if gone:
            message = (
                f"{gone} of {len(before)} workers went away (killed, out of memory, or its time was up): what was begun "
                "there is done again by another."
            )
            warnings.warn(message, PlatoscopeWarning, stacklevel=3)
        return now

    def _last_seen(self, before: float, there: frozenset[_Worker], /) -> float:
        """Give when there was a worker, and raise where that is too long ago."""
        if self.patience is None or there:
            return time.monotonic()
        if time.monotonic() - before > self.patience:
            message = (
                f"no worker is left at {self.address}, and none came back in {self.patience:.0f} s. Run the same command "
                "again; what is finished is kept."
            )
            raise ClusterError(message)
        return before

    def _give_up(self, futures: list[Any], /) -> None:
        """Take back what nobody waits for any more; a scheduler that is gone has nothing to take back."""
        with contextlib.suppress(ClusterError), self._reached(self):
            self.client.cancel(futures)

    @contextlib.contextmanager
    def _reached(self, at: Task | Cluster, /) -> Iterator[None]:
        """Ask the scheduler; an error where it is lost, with what it was at."""
        try:
            yield
        except OSError as error:
            raise _lost_error(at) from error
        except Exception as error:
            # A client that has given the scheduler up, or was closed, has errors of several kinds, each version its own.
            if self.client.status not in ("closing", "closed"):
                raise
            raise _lost_error(at) from error


def _sent(content: Any, what: str, /) -> bytes:
    try:
        return packed(content)
    except (TypeError, AttributeError, ValueError, PicklingError) as error:
        message = f"{what} cannot be sent to a worker: {reason_of(error)}. Run it without a cluster."
        raise ClusterError(message) from error


def _those(workers: Mapping[str, Any], /) -> frozenset[_Worker]:
    """Tell workers apart: one that is started again may have the address of the one before, but a folder of its own."""
    return frozenset((address, worker["local_directory"]) for address, worker in workers.items())


def _value_of(future: Any, task: Task, /) -> Any:
    """Give what a task returned, and warn of what it warned."""
    from distributed import KilledWorker

    try:
        outcome: Outcome = unpacked(future.result())
    except PlatoscopeError:
        raise
    except KilledWorker as error:
        message = (
            f"{task.what} was given up: each worker that tried it died, most often for want of memory. Give workers more, "
            "or take fewer of them, and run again; what is finished is kept."
        )
        raise ClusterError(message) from error
    except CancelledError as error:
        raise _lost_error(task) from error
    except OSError as error:
        if future.status == "error":  # the task's own, of a worker that could not read or write
            raise
        raise _lost_error(task) from error  # of the way here, on which what it gave was lost
    except ImportError as error:
        message = (
            f"a worker cannot do {task.what}: {reason_of(error)}. Install on workers what is installed here."
        )
        raise ClusterError(message) from error
    for category, said in outcome.warned:
        warnings.warn(said, category, stacklevel=2)
    return outcome.value


def _lost_error(at: Task | Cluster, /) -> ClusterError:
    where = f"while it was at {at.what}" if isinstance(at, Task) else f"at {at.address}"
    return ClusterError(
        f"the scheduler was lost {where}. Start it again and run the same command; what is finished is kept."
    )
